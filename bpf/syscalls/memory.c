/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Calls that map, protect and lock memory. */
#include "../lib/flags.h"
#include "../lib/forms.h"
#include "../lib/task.h"

SYSCALL(brk)
{
	struct scratch *s = BEGIN(SYSCALL_BRK_4_X);

	if (!s)
		return;
	put_u64(s, call->ret);
	put_sizes(s, current_task());
	put_u64(s, arg(call, 0));
	event_send(s, DROP_OTHER);
}

static __always_inline void put_mapped(struct scratch *s, const struct call *call)
{
	put_sizes(s, current_task());
	put_u64(s, arg(call, 0));
	put_u64(s, arg(call, 1));
	put_u32(s, prot_flags(arg(call, 2)));
	put_u32(s, mmap_flags(arg(call, 3)));
	put_fd(s, call, 4);
	put_u64(s, arg(call, 5));
}

RESULT_AND(mmap, SYSCALL_MMAP_X, DROP_OTHER, put_mapped(s, call))
RESULT_AND_32(mmap2, SYSCALL_MMAP2_X, DROP_OTHER, put_mapped(s, call))
RESULT_AND(munmap, SYSCALL_MUNMAP_X, DROP_OTHER, put_sizes(s, current_task()); put_u64(s, arg(call, 0)); put_u64(s, arg(call, 1)))
RESULT_AND(mprotect, SYSCALL_MPROTECT_X, DROP_OTHER, put_u64(s, arg(call, 0)); put_u64(s, arg(call, 1));
	   put_u32(s, prot_flags(arg(call, 2))))
RESULT_AND(mlock, SYSCALL_MLOCK_X, DROP_OTHER, put_u64(s, arg(call, 0)); put_u64(s, arg(call, 1)))
RESULT_AND(mlock2, SYSCALL_MLOCK2_X, DROP_OTHER, put_u64(s, arg(call, 0)); put_u64(s, arg(call, 1)); put_u32(s, arg(call, 2) & 1))
RESULT_AND(munlock, SYSCALL_MUNLOCK_X, DROP_OTHER, put_u64(s, arg(call, 0)); put_u64(s, arg(call, 1)))
RESULT_AND(mlockall, SYSCALL_MLOCKALL_X, DROP_OTHER, put_u32(s, arg(call, 0) & 7))
RESULT_AND(munlockall, SYSCALL_MUNLOCKALL_X, DROP_OTHER)
