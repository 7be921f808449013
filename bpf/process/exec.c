/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* execve, execveat: a success is reported by the scheduler's tracepoint, when the new program is in place; a failure at the exit of
 * the call, where the arguments are still the caller's. */
#include "../lib/call.h"
#include "../lib/flags.h"
#include "../lib/task.h"

static __always_inline void put_before_env(struct scratch *s, struct task_struct *task)
{
	put_ids(s, task);
	put_empty(s); /* the working directory is known */
	put_u64(s, fd_limit(task));
	put_memory(s, task);
	put_str_kernel(s, __builtin_preserve_access_index(&task->comm));
	put_cgroups(s, task);
}

static __always_inline void put_after_env(struct scratch *s, struct task_struct *task)
{
	struct file *exe = BPF_CORE_READ(task, mm, exe_file);
	struct inode *inode = BPF_CORE_READ(exe, f_inode);

	put_u32(s, terminal(task));
	put_s64(s, own_id(task, PIDTYPE_PGID));
	put_u32(s, login_uid(task));
	put_u32(s, exe_flags(task, exe));
	put_u64(s, capabilities(task, 0));
	put_u64(s, capabilities(task, 1));
	put_u64(s, capabilities(task, 2));
	put_u64(s, BPF_CORE_READ(inode, i_ino));
	put_u64(s, inode_ctime(inode));
	put_u64(s, inode_mtime(inode));
	put_u32(s, BPF_CORE_READ(task, cred, euid.val));
	put_path(s, __builtin_preserve_access_index(&exe->f_path));
	put_s64(s, host_id(task, PIDTYPE_PGID));
	put_u32(s, BPF_CORE_READ(task, cred, egid.val));
}

struct linux_binprm {
	const char *filename;
} __attribute__((preserve_access_index));

/* Whether a new program's addresses are of 32 bits. */
static __always_inline void note_narrow(struct mm_struct *mm)
{
	if (BPF_CORE_READ(mm, task_size) <= 1UL << 32)
		words.narrow_seen = 1;
}

SEC("tp_btf/sched_process_exec")
int executed(u64 *ctx)
{
	struct task_struct *task = current_task();
	struct linux_binprm *program = (void *)ctx[2];
	struct scratch *s;
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	u64 start, end;

	note_narrow(mm);
	if (ignored(0) || BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return 0;
	s = BEGIN(SYSCALL_EXECVE_19_X);
	if (!s)
		return 0;
	start = BPF_CORE_READ(mm, env_start);
	end = BPF_CORE_READ(mm, env_end);
	put_s64(s, 0);
	put_exe_and_args(s, task);
	put_before_env(s, task);
	put_length(s, push_strings_user(s, start, end, ARGS_MAX));
	put_after_env(s, task);
	put_str_kernel(s, BPF_CORE_READ(program, filename));
	event_send(s, DROP_EXECVE);
	return 0;
}

/* The same where nobody asks for programs that are executed. */
SEC("tp_btf/sched_process_exec")
int executed_narrow(u64 *ctx)
{
	note_narrow(BPF_CORE_READ(current_task(), mm));
	return 0;
}

#define STRINGS_MAX 16

/* An element of an array of pointers that the caller passed; NULL when there is none. */
static __always_inline const char *read_pointer(u64 array, u32 index, bool narrow)
{
	const char *text = NULL;
	u32 small = 0;

	if (!narrow) {
		bpf_probe_read_user(&text, sizeof(text), (void *)array + index * sizeof(text));
		return text;
	}
	bpf_probe_read_user(&small, sizeof(small), (void *)array + index * sizeof(small));
	return (const char *)(u64)small;
}

/* The string of such an element; false at the end. */
SHARED bool push_string_of(u32 key, u64 array, u32 index, u32 narrow)
{
	struct scratch *s = scratch_at(key);
	const char *text = read_pointer(array, index, narrow);

	if (!s || !text)
		return false;
	push_str_user(s, text, PATH_MAX_BYTES);
	return true;
}

/* The strings of such an array, from the index on, as far as there is room. */
SHARED u32 push_strings_at(u32 key, u64 array, u32 index, u32 room, u32 narrow)
{
	struct scratch *s = scratch_at(key);
	u64 start;
	int i;

	if (!s || !array || !room)
		return 0;
	start = s->end;
	for (i = 0; i < STRINGS_MAX; i++) {
		if (!push_string_of(key, array, index + i, narrow))
			break;
		if (s->end - start >= room) {
			s->end = start + room;
			s->data[(s->end - 1) & EVENT_MASK] = 0;
			break;
		}
	}
	return s->end - start;
}

static __always_inline u16 push_strings(struct scratch *s, const void *array, u32 index, u32 room, bool narrow)
{
	return push_strings_at(s->key, (u64)array, index, room, narrow);
}

static __always_inline void failed(const struct call *call, struct scratch *s, const void *argv, const void *envp)
{
	struct task_struct *task = current_task();
	bool narrow = is_narrow(call);
	u32 exe;

	if (!s)
		return;
	put_s64(s, call->ret);
	if (argv) {
		exe = push_str_user(s, read_pointer((u64)argv, 0, narrow), PATH_MAX_BYTES);
	} else {
		push_u8(s, 0);
		exe = 1;
	}
	put_length(s, exe);
	put_length(s, push_strings(s, argv, 1, exe < ARGS_MAX ? ARGS_MAX - exe : 0, narrow));
	put_before_env(s, task);
	put_length(s, push_strings(s, envp, 0, ARGS_MAX, narrow));
	put_after_env(s, task);
}

SYSCALL(execve)
{
	struct scratch *s;

	if (call->ret == 0)
		return;
	s = BEGIN(SYSCALL_EXECVE_19_X);
	failed(call, s, arg_ptr(call, 1), arg_ptr(call, 2));
	if (!s)
		return;
	put_str_user(s, arg_ptr(call, 0));
	event_send(s, DROP_EXECVE);
}

SYSCALL(execveat)
{
	struct scratch *s;

	if (call->ret == 0)
		return;
	s = BEGIN(SYSCALL_EXECVEAT_X);
	failed(call, s, arg_ptr(call, 2), arg_ptr(call, 3));
	if (s)
		event_send(s, DROP_EXECVE);
}
