/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* fork, vfork, clone, clone3: the exit in the parent (the result is the child) and in the child (the result is 0). A child does not
 * leave the function that its parent called: where functions' exits are watched, its event is made when it is. Where nobody asks for the
 * calls, that event alone tells the state what it needs. */
#include "../lib/call.h"
#include "../lib/flags.h"
#include "../lib/task.h"

/* Whether the task lives in, or its children will be born in, another pid namespace than the host's. */
static __always_inline u32 pidns_flag(struct task_struct *task)
{
	struct pid_namespace *ns = pid_namespace(task);

	if (BPF_CORE_READ(ns, level) || BPF_CORE_READ(task, nsproxy, pid_ns_for_children) != ns)
		return F_CLONE_FLAGS__CLONE_CHILD_IN_PIDNS;
	return 0;
}

static __always_inline void put_forked(struct scratch *s, struct task_struct *task, long ret, u64 flags)
{
	if (!s)
		return;
	put_s64(s, ret);
	if (ret >= 0) {
		put_exe_and_args(s, task);
	} else {
		put_empty(s);
		put_empty(s);
	}
	put_ids(s, task);
	put_empty(s); /* the working directory is known */
	put_u64(s, fd_limit(task));
	put_memory(s, task);
	put_str_kernel(s, __builtin_preserve_access_index(&task->comm));
	put_cgroups(s, task);
	put_u32(s, clone_flags(flags) | pidns_flag(task));
	put_u32(s, BPF_CORE_READ(task, cred, euid.val));
	put_u32(s, BPF_CORE_READ(task, cred, egid.val));
	put_s64(s, own_id(task, PIDTYPE_PID));
	put_s64(s, own_id(task, PIDTYPE_TGID));
	put_u64(s, ret == 0 ? pidns_start(task) : 0);
	event_send(s, DROP_CLONE_FORK);
}

static __always_inline void forked(const struct call *call, struct scratch *s, u64 flags)
{
	put_forked(s, current_task(), call->ret, flags);
}

static __always_inline u64 clone3_flags(const void *args)
{
	u64 flags = 0;

	bpf_probe_read_user(&flags, sizeof(flags), args);
	return flags;
}

SYSCALL(clone)
{
	forked(call, BEGIN(SYSCALL_CLONE_20_X), arg(call, 0));
}

SYSCALL(clone3)
{
	forked(call, BEGIN(SYSCALL_CLONE3_X), clone3_flags(arg_ptr(call, 0)));
}

SYSCALL(fork)
{
	forked(call, BEGIN(SYSCALL_FORK_20_X), 0);
}

SYSCALL(vfork)
{
	forked(call, BEGIN(SYSCALL_VFORK_20_X), 0);
}

/* The child, told by its parent, which is in the same call and has the same memory. */
SEC("tp_btf/sched_process_fork")
int born(u64 *ctx)
{
	struct task_struct *parent = current_task(), *child = NULL;
	struct pt_regs *regs = regs_of(parent);
	bool narrow = is_32(parent);
	u64 flags = first_arg(regs, narrow), thread;
	u16 code = EVT_SYSCALL_CLONE_20_X;

	/* As a number, which is all that shared functions take. */
	bpf_probe_read_kernel(&child, sizeof(child), &ctx[1]);
	thread = BPF_CORE_READ(child, pid);
	if (BPF_CORE_READ(child, tgid) == config.own_pid || BPF_CORE_READ(parent, flags) & PF_KTHREAD)
		return 0;
	/* If the calls are watched, those of the 32-bit interface are by the program on all calls, which sees the child's end, too. */
	if (narrow && !config.births_alone)
		return 0;
	switch (code_at(regs, narrow)) {
	case SC_FORK:
		code = EVT_SYSCALL_FORK_20_X;
		flags = 0;
		break;
	case SC_VFORK:
		code = EVT_SYSCALL_VFORK_20_X;
		flags = 0;
		break;
	case SC_CLONE3:
		code = EVT_SYSCALL_CLONE3_X;
		flags = clone3_flags((const void *)flags);
		break;
	case SC_CLONE: break;
	default: flags = 0;
	}
	/* All of them have the same parameters. */
	put_forked(event_begin_for(code, NPARAMS_SYSCALL_CLONE_20_X, thread), child, 0, flags);
	return 0;
}
