/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Reading sockets and socket addresses. Ports are written in host order, addresses as they are. */
#pragma once

#include "file.h"

#define UNIX_PATH_MAX 108

enum direction { OUTBOUND, INBOUND };

static __always_inline u16 host_order(u16 port)
{
	return __builtin_bswap16(port);
}

static __always_inline struct sock *sock_of_file(struct file *file)
{
	struct socket *socket;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline struct sock *sock_of(s32 fd)
{
	return sock_of_file(file_of(fd));
}

struct user_in {
	u16 family;
	u16 port;
	u32 addr;
};

struct user_in6 {
	u16 family;
	u16 port;
	u32 flow;
	struct in6_addr addr;
};

static __always_inline void push_in6(struct scratch *s, const struct in6_addr *addr)
{
	__builtin_memcpy(&s->data[s->end & EVENT_MASK], addr, 16);
	s->end += 16;
}

/* A path in the kernel's or our memory; abstract names lose their first NUL. */
static __always_inline u16 push_unix_path(struct scratch *s, const char *path)
{
	char first = 0;

	bpf_probe_read_kernel(&first, 1, path);
	return push_str_kernel(s, first ? path : path + 1, UNIX_PATH_MAX);
}

/* The longest address that we look at; programs pass up to 128 bytes, whatever the family. */
#define SOCKADDR_MAX 127

/* The address that lies in the place for paths, so long; one too short for its family is left out, as the kernel refuses it. */
static __always_inline void put_sockaddr_in(struct scratch *s, u32 length)
{
	u8 *raw = s->path;
	u16 written = 0;

	if (length < sizeof(u16)) {
		put_empty(s);
		return;
	}
	switch (*(u16 *)raw) {
	case AF_INET: {
		struct user_in *in = (void *)raw;

		if (length < sizeof(*in))
			break;
		push_u8(s, F_SOCKET_FAMILIES__AF_INET);
		push_u32(s, in->addr);
		push_u16(s, host_order(in->port));
		written = 7;
		break;
	}
	case AF_INET6: {
		struct user_in6 *in = (void *)raw;

		if (length < sizeof(*in))
			break;
		push_u8(s, F_SOCKET_FAMILIES__AF_INET6);
		push_in6(s, &in->addr);
		push_u16(s, host_order(in->port));
		written = 19;
		break;
	}
	case AF_UNIX:
		raw[masked(length, SOCKADDR_MAX)] = 0;
		push_u8(s, F_SOCKET_FAMILIES__AF_UNIX);
		written = 1 + push_unix_path(s, (char *)raw + 2);
		break;
	}
	put_length(s, written);
}

/* An address that a program passed in, into the place for paths; its length, 0 when it cannot be read. */
static __always_inline u32 read_sockaddr(struct scratch *s, const void *from, u32 length)
{
	if (length > SOCKADDR_MAX)
		length = SOCKADDR_MAX;
	length = masked(length, SOCKADDR_MAX);
	return from && bpf_probe_read_user(s->path, length, from) == 0 ? length : 0;
}

static __always_inline void put_sockaddr(struct scratch *s, const void *from, u32 length)
{
	put_sockaddr_in(s, read_sockaddr(s, from, length));
}

#define SOCK_DGRAM 2
#define LOOPBACK __builtin_bswap32(0x7f000001)

/* One end of a socket, as the kernel has it: the memory of the caller may say something else by now. */
struct end {
	u16 port; /* in the order of the network; 0 when it is not known */
	u32 addr;
	struct in6_addr addr6;
	bool is_remote;
};

static __always_inline bool is_zero(const struct in6_addr *addr)
{
	const u64 *words = (const void *)addr;

	return !words[0] && !words[1];
}

/* What the caller's memory may keep of an address although the kernel made something else of it: nowhere in particular, which becomes
 * the loopback when connecting, and any port when binding. */
static __always_inline u32 correct_in(struct user_in *in, const struct end *end)
{
	in->family = AF_INET;
	if (in->addr || !end->is_remote || end->addr != LOOPBACK)
		in->addr = end->addr;
	if (in->port || end->is_remote)
		in->port = end->port;
	return sizeof(*in);
}

static __always_inline u32 correct_in6(struct user_in6 *in, const struct end *end)
{
	struct in6_addr loopback = {.bytes = {[15] = 1}};
	const u64 *have = (const void *)&end->addr6, *want = (const void *)&loopback;

	in->family = AF_INET6;
	if (!is_zero(&in->addr) || !end->is_remote || have[0] != want[0] || have[1] != want[1])
		in->addr = end->addr6;
	if (in->port || end->is_remote)
		in->port = end->port;
	return sizeof(*in);
}

/* Sets the address in the place for paths right, after the kernel took it; its length. */
static __always_inline u32 correct_sockaddr(struct scratch *s, struct sock *sk, struct end *end, u32 length)
{
	u16 family = sk ? BPF_CORE_READ(sk, __sk_common.skc_family) : 0;

	if (!end->port || length < sizeof(u16))
		return length;
	if (family == AF_INET)
		return correct_in((void *)s->path, end);
	if (family != AF_INET6)
		return length;
	/* A socket for both takes addresses of the older kind. */
	if (*(u16 *)s->path == AF_INET && length >= sizeof(struct user_in) && length < sizeof(struct user_in6)) {
		end->addr = ((const u32 *)&end->addr6)[3];
		return correct_in((void *)s->path, end);
	}
	return correct_in6((void *)s->path, end);
}

/* The address that a socket was connected to. */
static __always_inline void put_connected(struct scratch *s, struct sock *sk, u32 length)
{
	struct end end = {.is_remote = true};

	if (sk) {
		end.port = BPF_CORE_READ(sk, __sk_common.skc_dport);
		end.addr = BPF_CORE_READ(sk, __sk_common.skc_daddr);
		end.addr6 = BPF_CORE_READ(sk, __sk_common.skc_v6_daddr);
	}
	put_sockaddr_in(s, correct_sockaddr(s, sk, &end, length));
}

/* The address that a socket was bound to. */
static __always_inline void put_bound(struct scratch *s, struct sock *sk, u32 length)
{
	struct inet_sock *inet = (void *)sk;
	struct end end = {};

	/* What raw sockets have there is the protocol. */
	if (sk && BPF_CORE_READ(sk, sk_type) <= SOCK_DGRAM) {
		end.port = BPF_CORE_READ(inet, inet_sport);
		end.addr = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		end.addr6 = BPF_CORE_READ(sk, __sk_common.skc_v6_rcv_saddr);
	}
	put_sockaddr_in(s, correct_sockaddr(s, sk, &end, length));
}

static __always_inline u16 push_tuple_in(struct scratch *s, struct sock *sk, enum direction direction, const void *to)
{
	struct inet_sock *inet = (void *)sk;
	u32 local = BPF_CORE_READ(inet, inet_saddr), remote = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	u16 local_port = BPF_CORE_READ(inet, inet_sport), remote_port = BPF_CORE_READ(sk, __sk_common.skc_dport);

	if (!remote_port && to) {
		struct user_in in = {};

		bpf_probe_read_user(&in, sizeof(in), to);
		remote = in.addr;
		remote_port = in.port;
	}
	push_u8(s, F_SOCKET_FAMILIES__AF_INET);
	push_u32(s, direction == OUTBOUND ? local : remote);
	push_u16(s, host_order(direction == OUTBOUND ? local_port : remote_port));
	push_u32(s, direction == OUTBOUND ? remote : local);
	push_u16(s, host_order(direction == OUTBOUND ? remote_port : local_port));
	return 13;
}

static __always_inline u16 push_tuple_in6(struct scratch *s, struct sock *sk, enum direction direction, const void *to)
{
	struct inet_sock *inet = (void *)sk;
	struct in6_addr local = BPF_CORE_READ(inet, pinet6, saddr), remote = BPF_CORE_READ(sk, __sk_common.skc_v6_daddr);
	u16 local_port = BPF_CORE_READ(inet, inet_sport), remote_port = BPF_CORE_READ(sk, __sk_common.skc_dport);

	if (!remote_port && to) {
		struct user_in6 in = {};

		bpf_probe_read_user(&in, sizeof(in), to);
		remote = in.addr;
		remote_port = in.port;
	}
	push_u8(s, F_SOCKET_FAMILIES__AF_INET6);
	push_in6(s, direction == OUTBOUND ? &local : &remote);
	push_u16(s, host_order(direction == OUTBOUND ? local_port : remote_port));
	push_in6(s, direction == OUTBOUND ? &remote : &local);
	push_u16(s, host_order(direction == OUTBOUND ? remote_port : local_port));
	return 37;
}

static __always_inline u16 push_tuple_unix(struct scratch *s, struct sock *sk, enum direction direction, const void *to)
{
	struct unix_sock *local = (void *)sk, *peer = (void *)BPF_CORE_READ(local, peer);
	struct unix_sock *named = direction == OUTBOUND ? peer : local;

	push_u8(s, F_SOCKET_FAMILIES__AF_UNIX);
	push_u64(s, (u64)(direction == OUTBOUND ? peer : local));
	push_u64(s, (u64)(direction == OUTBOUND ? local : peer));
	if (direction == OUTBOUND && !peer && to) {
		if (bpf_probe_read_user(s->path, UNIX_PATH_MAX + 2, to))
			s->path[2] = s->path[3] = 0;
		return 17 + push_unix_path(s, (char *)s->path + 2);
	}
	return 17 + push_unix_path(s, (char *)BPF_CORE_READ(named, addr) +
					      bpf_core_field_offset(struct unix_address, name) + 2);
}

/* Both ends of a socket; `to` is an address that the program passed in, for sockets that are not connected. */
SHARED int put_tuple_at(u32 key, u64 sk_at, u32 direction, u64 to_at)
{
	struct scratch *s = scratch_at(key);
	const void *to = (const void *)to_at;
	struct sock *sk = (void *)sk_at;
	u16 written = 0;

	if (!s)
		return 0;
	switch (sk ? BPF_CORE_READ(sk, __sk_common.skc_family) : 0) {
	case AF_INET:
		written = push_tuple_in(s, sk, direction, to);
		break;
	case AF_INET6:
		written = push_tuple_in6(s, sk, direction, to);
		break;
	case AF_UNIX:
		written = push_tuple_unix(s, sk, direction, to);
		break;
	}
	put_length(s, written);
	return 0;
}

static __always_inline void put_tuple(struct scratch *s, s64 fd, enum direction direction, const void *to)
{
	put_tuple_at(s->key, (u64)sock_of(fd), direction, (u64)to);
}

static __always_inline void put_tuple_of(struct scratch *s, struct sock *sk, enum direction direction, const void *to)
{
	put_tuple_at(s->key, (u64)sk, direction, (u64)to);
}
