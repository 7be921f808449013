/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The end of a thread: how it ended, and who adopts its children. */
#include "../lib/task.h"

/* How many ancestors are asked whether they adopt; beyond it user space decides. */
#define ANCESTORS_MAX 32
#define THREADS_MAX 16
#define PF_EXITING 0x4

/* The first thread of a process that is not ending itself, 0 without, -1 when there are too many to look at. */
SHARED s32 living_thread(u64 task_at)
{
	struct task_struct *task = (void *)task_at;
	struct list_head *head = (void *)BPF_CORE_READ(task, signal) + bpf_core_field_offset(struct signal_struct, thread_head);
	struct list_head *node = BPF_CORE_READ(head, next);
	int i;

	for (i = 0; i < THREADS_MAX && node != head; i++) {
		struct task_struct *thread = (void *)node - bpf_core_field_offset(struct task_struct, thread_node);

		if (!(BPF_CORE_READ(thread, flags) & PF_EXITING))
			return BPF_CORE_READ(thread, pid);
		node = BPF_CORE_READ(node, next);
	}
	return node == head ? 0 : -1;
}

static __always_inline bool is_subreaper(struct task_struct *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);

	return BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper);
}

/* The thread that adopts the children of a process, if it is of this ancestor or its namespace's init; 0: it is further up; -1 when there
 * are too many to look at. */
SHARED s32 adopter(u64 ancestor_at, u64 init_at, u32 level)
{
	struct task_struct *ancestor = (void *)ancestor_at, *init = (void *)init_at;

	if (ancestor == init || BPF_CORE_READ(ancestor, thread_pid, level) != level)
		return BPF_CORE_READ(init, pid);
	return is_subreaper(ancestor) ? living_thread(ancestor_at) : 0;
}

/* As the kernel's find_new_reaper: a thread of the same process, else the nearest subreaper, else the namespace's init. */
SHARED s32 reaper_of(u64 task_at)
{
	struct task_struct *task = (void *)task_at;
	struct task_struct *init = BPF_CORE_READ(pid_namespace(task), child_reaper), *ancestor = task;
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	u32 level = BPF_CORE_READ(task, thread_pid, level);
	s32 thread = living_thread(task_at);
	int i;

	if (thread)
		return thread;
	if (init == task)
		return 0;
	if (!BPF_CORE_READ_BITFIELD_PROBED(signal, has_child_subreaper))
		return BPF_CORE_READ(init, pid);
	for (i = 0; i < ANCESTORS_MAX; i++) {
		ancestor = BPF_CORE_READ(ancestor, real_parent);
		thread = adopter((u64)ancestor, (u64)init, level);
		if (thread)
			return thread;
	}
	return -1;
}

SEC("tp_btf/sched_process_exit")
int exited(u64 *ctx)
{
	struct task_struct *task = current_task();
	struct list_head *children = (void *)task + bpf_core_field_offset(struct task_struct, children);
	s32 status = BPF_CORE_READ(task, exit_code);
	struct scratch *s;

	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return 0;
	s = BEGIN(PROCEXIT_1_E);
	if (!s)
		return 0;
	put_s64(s, status);
	put_s64(s, (status >> 8) & 0xff);
	put_u8(s, status & 0x7f);
	put_u8(s, (status & 0x80) != 0);
	put_s64(s, BPF_CORE_READ(children, next) != children ? reaper_of((u64)task) : 0);
	event_send(s, DROP_PROC_EXIT);
	return 0;
}
