/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Options of sockets: the value's type depends on the option. */
#include "../lib/data.h"
#include "../lib/forms.h"

#define SOL_SOCKET 1
#define SOL_TCP 6

static __always_inline u8 option_level(s32 level)
{
	return level == SOL_SOCKET ? F_SOCKOPT_LEVELS__SOL_SOCKET : level == SOL_TCP ? F_SOCKOPT_LEVELS__SOL_TCP : F_SOCKOPT_LEVELS__UNKNOWN;
}

/* The options of the socket level; the older ones have the same numbers on the wire. */
static __always_inline u8 option_name(s32 level, s32 name)
{
	if (level != SOL_SOCKET)
		return F_SOCKOPT_OPTIONS__UNKNOWN;
	switch (name) {
	case 1 ... 50: return name;
	case 55: return F_SOCKOPT_OPTIONS__SO_MEMINFO;
	case 57: return F_SOCKOPT_OPTIONS__SO_COOKIE;
	case 59: return F_SOCKOPT_OPTIONS__SO_PEERGROUPS;
	case 66: return F_SOCKOPT_OPTIONS__SO_RCVTIMEO;
	case 67: return F_SOCKOPT_OPTIONS__SO_SNDTIMEO;
	default: return F_SOCKOPT_OPTIONS__UNKNOWN;
	}
}

struct user_timeval {
	s64 seconds, microseconds;
};

/* A timeout in nanoseconds. */
static __always_inline u64 read_timeval(const void *from, bool narrow)
{
	struct user_timeval time = {};
	s32 small[2] = {};

	if (narrow) {
		bpf_probe_read_user(small, sizeof(small), from);
		time.seconds = small[0];
		time.microseconds = small[1];
	} else {
		bpf_probe_read_user(&time, sizeof(time), from);
	}
	return time.seconds * 1000000000ULL + time.microseconds * 1000;
}

static __always_inline void put_option(struct scratch *s, u8 option, const void *from, u16 length, bool narrow)
{
	s32 small = 0;
	u64 large = 0;

	switch (option) {
	case F_SOCKOPT_OPTIONS__SO_ERROR:
		bpf_probe_read_user(&small, sizeof(small), from);
		push_u8(s, DYN_SOCKOPT__ERRNO);
		push_s64(s, -(s64)small);
		put_length(s, 9);
		break;
	case F_SOCKOPT_OPTIONS__SO_RCVTIMEO:
	case F_SOCKOPT_OPTIONS__SO_SNDTIMEO:
		push_u8(s, DYN_SOCKOPT__RELTIME);
		push_u64(s, read_timeval(from, narrow));
		put_length(s, 9);
		break;
	case F_SOCKOPT_OPTIONS__SO_COOKIE:
		bpf_probe_read_user(&large, sizeof(large), from);
		push_u8(s, DYN_SOCKOPT__UINT64);
		push_u64(s, large);
		put_length(s, 9);
		break;
	case F_SOCKOPT_OPTIONS__UNKNOWN:
	case F_SOCKOPT_OPTIONS__SO_LINGER:
	case F_SOCKOPT_OPTIONS__SO_PEERCRED:
	case F_SOCKOPT_OPTIONS__SO_ATTACH_FILTER:
	case F_SOCKOPT_OPTIONS__SO_PEERNAME:
	case F_SOCKOPT_OPTIONS__SO_ATTACH_BPF ... F_SOCKOPT_OPTIONS__SO_MEMINFO:
		push_u8(s, DYN_SOCKOPT__BYTEBUF);
		put_length(s, 1 + push_bytes_user(s, from, length, EVENT_MAX / 2 - 1));
		break;
	default:
		bpf_probe_read_user(&small, sizeof(small), from);
		push_u8(s, DYN_SOCKOPT__UINT32);
		push_u32(s, small);
		put_length(s, 5);
	}
}

static __always_inline void put_sockopt(struct scratch *s, const struct call *call, u16 room, u32 length)
{
	s32 level = arg(call, 1);
	u8 option = option_name(level, arg(call, 2));

	put_fd(s, call, 0);
	put_u8(s, option_level(level));
	put_u8(s, option);
	put_option(s, option, arg_ptr(call, 3), room, is_narrow(call));
	put_u32(s, length);
}

static __always_inline u32 answered(const struct call *call)
{
	u32 length = 0;

	bpf_probe_read_user(&length, sizeof(length), arg_ptr(call, 4));
	return length;
}

RESULT_AND(setsockopt, SOCKET_SETSOCKOPT_X, DROP_OTHER, put_sockopt(s, call, arg(call, 4), (u16)arg(call, 4)))
RESULT_AND(getsockopt, SOCKET_GETSOCKOPT_X, DROP_OTHER, u32 length = answered(call); put_sockopt(s, call, length, length))
