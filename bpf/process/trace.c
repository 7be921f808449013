/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What is no call: signals that are delivered, switches from thread to thread, page faults. Attached when a rule asks for them. */
#include "../lib/call.h"
#include "../lib/task.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct kernel_siginfo {
	int si_code;
	union {
		struct {
			int _pid;
		} _kill; /* in the same place for children that ended and for queued signals */
	} _sifields;
};
#if defined(__TARGET_ARCH_x86)
struct pt_regs___ip {
	unsigned long ip;
};
#endif
#pragma clang attribute pop

/* The process that sent a signal, where the signal tells. */
static __always_inline s32 sender(int signal, struct kernel_siginfo *info)
{
	s32 pid = BPF_CORE_READ(info, _sifields._kill._pid);

	switch (signal) {
	case 1:  /* SIGHUP */
	case 2:  /* SIGINT */
	case 3:  /* SIGQUIT */
	case 15: /* SIGTERM */
	case 20: /* SIGTSTP */
		/* Positive codes are the kernel's own reasons. */
		return (s32)BPF_CORE_READ(info, si_code) <= 0 ? pid : 0;
	case 9:  /* SIGKILL */
	case 17: /* SIGCHLD */
	case 32 ... 64:
		return pid;
	default:
		return 0;
	}
}

SEC("tp_btf/signal_deliver")
int signal_delivered(u64 *ctx)
{
	struct scratch *s;

	if (ignored(0))
		return 0;
	s = BEGIN(SIGNALDELIVER_E);
	if (!s)
		return 0;
	put_s64(s, sender(ctx[0], (void *)ctx[1]));
	put_s64(s, bpf_get_current_pid_tgid() & 0xffffffff);
	put_u8(s, ctx[0]);
	event_send(s, DROP_OTHER);
	return 0;
}

SEC("tp_btf/sched_switch")
int switched(u64 *ctx)
{
	struct task_struct *from = (void *)ctx[1], *to = (void *)ctx[2];
	struct scratch *s;

	if (ignored(0))
		return 0;
	s = BEGIN(SCHEDSWITCH_6_E);
	if (!s)
		return 0;
	put_s64(s, BPF_CORE_READ(to, pid));
	put_memory(s, from);
	event_send(s, DROP_OTHER);
	return 0;
}

#if defined(__TARGET_ARCH_x86)
/* The bits of the processor's error code; each of the lower three has a name for when it is not set, too. */
static __always_inline u32 fault_flags(u32 error)
{
	return (error & 1 ? F_PF_FLAGS__PROTECTION_VIOLATION : F_PF_FLAGS__PAGE_NOT_PRESENT) |
	       (error & 2 ? F_PF_FLAGS__WRITE_ACCESS : F_PF_FLAGS__READ_ACCESS) |
	       (error & 4 ? F_PF_FLAGS__USER_FAULT : F_PF_FLAGS__SUPERVISOR_FAULT) |
	       (error & 8 ? F_PF_FLAGS__RESERVED_PAGE : 0) | (error & 16 ? F_PF_FLAGS__INSTRUCTION_FETCH : 0);
}

static __always_inline int faulted(u64 *ctx)
{
	struct pt_regs___ip *regs = (void *)ctx[1];
	struct scratch *s;

	if (ignored(0))
		return 0;
	s = BEGIN(PAGE_FAULT_E);
	if (!s)
		return 0;
	put_u64(s, ctx[0]);
	put_u64(s, BPF_CORE_READ(regs, ip));
	put_u32(s, fault_flags(ctx[2]));
	event_send(s, DROP_OTHER);
	return 0;
}

SEC("tp_btf/page_fault_user")
int faulted_user(u64 *ctx)
{
	return faulted(ctx);
}

SEC("tp_btf/page_fault_kernel")
int faulted_kernel(u64 *ctx)
{
	return faulted(ctx);
}
#endif
