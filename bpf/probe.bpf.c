/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The probe: one program a system call, three for processes, one to dispatch where calls cannot be attached to one by one.
 * All in one translation unit, so that it is compiled by one run of clang. */
#include "include/kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "include/read.h"

#include "process/exec.c"
#include "process/exit.c"
#include "process/fork.c"
#include "process/trace.c"
#include "syscalls/data.c"
#include "syscalls/fd.c"
#include "syscalls/generic.c"
#include "syscalls/ipc.c"
#include "syscalls/memory.c"
#include "syscalls/open.c"
#include "syscalls/path.c"
#include "syscalls/quota.c"
#include "syscalls/socket.c"
#include "syscalls/sockopt.c"
#include "syscalls/task.c"
#include "syscalls/wait.c"
#include "uring/data.c"
#include "uring/fd.c"
#include "uring/open.c"
#include "uring/path.c"
#include "uring/socket.c"
#include "uring/ring.c"

/* The exit of every call: the interest is which calls have a program. */
SEC("tp_btf/sys_exit")
int dispatch(u64 *ctx)
{
	bpf_tail_call(ctx, &handlers, call_code((void *)ctx[0], current_task()));
	return 0;
}

/* Beside programs on calls one by one, which the calls of other interfaces pass by: those alone. */
SEC("tp_btf/sys_exit")
int dispatch_foreign(u64 *ctx)
{
	struct task_struct *task = current_task();
	struct pt_regs *regs = (void *)ctx[0];

	if (is_foreign(regs, task))
		bpf_tail_call(ctx, &handlers, call_code(regs, task));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
