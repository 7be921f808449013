/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Calls that wait: for time, for descriptors, for memory to change. */
#include "../lib/data.h"
#include "../lib/flags.h"
#include "../lib/forms.h"

RESULT_AND(nanosleep, SYSCALL_NANOSLEEP_X, DROP_OTHER, put_u64(s, read_timespec(call, 0)))
RESULT_AND(futex, SYSCALL_FUTEX_X, DROP_OTHER, put_u64(s, arg(call, 0)); put_u16(s, futex_operation(arg(call, 1)));
	   put_u64(s, arg(call, 2)))
RESULT_AND(select, SYSCALL_SELECT_X, DROP_OTHER)
RESULT_AND(epoll_wait, SYSCALL_EPOLLWAIT_X, DROP_OTHER, put_fd(s, call, 2))

struct user_pollfd {
	s32 fd;
	u16 events, happened;
};

#define POLLED_MAX 16

/* How many descriptors, then each with what happened to it; of many the first ones. */
static __always_inline void put_polled(struct scratch *s, const struct call *call)
{
	struct user_pollfd *polled = (void *)s->path;
	u32 count = arg(call, 1);
	int i;

	if (count > POLLED_MAX)
		count = POLLED_MAX;
	if (bpf_probe_read_user(polled, count * sizeof(*polled), arg_ptr(call, 0))) {
		put_u16(s, 0);
		return;
	}
	push_u16(s, count);
	for (i = 0; i < POLLED_MAX && i < count; i++) {
		push_s64(s, polled[i].fd);
		push_u16(s, poll_flags(polled[i].happened));
	}
	put_length(s, sizeof(u16) + count * (sizeof(s64) + sizeof(u16)));
}

/* A timeout of -1 is reported as upstream does, as a large number. */
RESULT_AND(poll, SYSCALL_POLL_X, DROP_OTHER, put_polled(s, call); put_s64(s, (u32)arg(call, 2)))

static __always_inline u32 signal_mask(const void *from)
{
	u32 mask = 0;

	bpf_probe_read_user(&mask, sizeof(mask), from);
	return mask;
}

RESULT_AND(ppoll, SYSCALL_PPOLL_X, DROP_OTHER, put_polled(s, call); put_u64(s, read_timespec(call, 2));
	   put_u32(s, signal_mask(arg_ptr(call, 3))))
