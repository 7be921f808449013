/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The probe: one program a system call, three for processes, one to dispatch where calls cannot be attached to one by one.
 * All in one translation unit, so that it is compiled by one run of clang. */
#include "include/kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "process/exec.c"
#include "process/exit.c"
#include "process/fork.c"
#include "syscalls/fd.c"
#include "syscalls/open.c"
#include "syscalls/path.c"
#include "syscalls/socket.c"
#include "syscalls/task.c"

/* Whether the task is in a call of the 32-bit interface, whose numbers and registers are others. */
static __always_inline bool in_compat_call(void)
{
	struct task_struct *task = current_task();

#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(task, thread_info.status) & 2; /* TS_COMPAT */
#else
	return BPF_CORE_READ(task, thread_info.flags) & (1 << 22); /* _TIF_32BIT */
#endif
}

/* The exit of every call: the interest is which numbers have a program. */
SEC("tp_btf/sys_exit")
int dispatch(u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
#if defined(__TARGET_ARCH_x86)
	u64 number = BPF_CORE_READ(regs, orig_ax);
#else
	u64 number = (u32)BPF_CORE_READ(regs, syscallno);
#endif

	if (number < 512 && !ignored(ctx[1]) && !in_compat_call())
		bpf_tail_call(ctx, &handlers, number);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
