/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* fork, vfork, clone, clone3: the exit in the parent (the result is the child) and in the child (the result is 0). */
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

static __always_inline void forked(const struct call *call, struct scratch *s, u64 flags)
{
	struct task_struct *task = current_task();

	if (!s)
		return;
	put_s64(s, call->ret);
	if (call->ret >= 0) {
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
	put_u64(s, call->ret == 0 ? pidns_start(task) : 0);
	event_send(s, DROP_CLONE_FORK);
}

SYSCALL(clone)
{
	forked(call, BEGIN(SYSCALL_CLONE_20_X), arg(call, 0));
}

SYSCALL(clone3)
{
	u64 flags = 0;

	bpf_probe_read_user(&flags, sizeof(flags), arg_ptr(call, 0));
	forked(call, BEGIN(SYSCALL_CLONE3_X), flags);
}

SYSCALL(fork)
{
	forked(call, BEGIN(SYSCALL_FORK_20_X), 0);
}

SYSCALL(vfork)
{
	forked(call, BEGIN(SYSCALL_VFORK_20_X), 0);
}
