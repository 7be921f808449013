/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What is there at the start: an iterator over tasks and one over their open files. Each writes events in the wire form into the file
 * that reads it. An object of its own: kernels that do not have such iterators load the probe all the same. */
#include "include/kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "include/read.h"

#include "lib/flags.h"
#include "lib/socket.h"
#include "lib/task.h"

#define ANON_INODE_FS_MAGIC 0x09041934
#define PIPEFS_MAGIC 0x50495045
#define PIDFS_MAGIC 0x50494446

/* The one reader may move between CPUs: there is one place for it. */
static __always_inline struct scratch *dump_begin(u16 code, u32 params, struct task_struct *task)
{
	u32 zero = 0;
	struct scratch *s = bpf_map_lookup_elem(&scratches, &zero);

	if (!s)
		return NULL;
	s->key = zero;
	HEADER_TIME(s) = 0;
	HEADER_THREAD(s) = (u64)BPF_CORE_READ(task, tgid) << 32 | (u32)BPF_CORE_READ(task, pid);
	HEADER_CODE(s) = code;
	HEADER_PARAMS(s) = params;
	s->lengths = HEADER_BYTES;
	s->end = HEADER_BYTES + 2 * params;
	return s;
}

/* What the verifier knows as a pointer, as a number to it: shared functions take no other. */
static __always_inline void *untyped(struct scratch *s, const void *pointer)
{
	volatile u64 *place = &s->dentry;

	*place = (u64)pointer;
	return (void *)*place;
}

#define DUMP(event, task) dump_begin(EVT_##event, NPARAMS_##event, task)

static __always_inline void dump_end(struct scratch *s, struct bpf_iter_meta *meta)
{
	HEADER_LENGTH(s) = s->end;
	bpf_seq_write(meta->seq, s->data, s->end & EVENT_MASK);
}

/* Strings in the memory of another task. */
static __always_inline void put_strings_of(struct scratch *s, struct task_struct *task, u64 start, u64 end)
{
	u64 length = end - start;

	if (end <= start) {
		put_empty(s);
		return;
	}
	if (length > ARGS_MAX)
		length = ARGS_MAX;
	if (bpf_copy_from_user_task(&s->data[s->end & EVENT_MASK], length, (void *)start, task, 0)) {
		put_empty(s);
		return;
	}
	s->end += length;
	s->data[(s->end - 1) & EVENT_MASK] = 0;
	put_length(s, length);
}

static __always_inline void put_path_if(bool wanted, struct scratch *s, struct path *path)
{
	if (wanted)
		put_path(s, path);
	else
		put_empty(s);
}

SEC("iter.s/task")
int dump_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct mm_struct *mm;
	struct file *exe;
	struct inode *inode;
	struct fs_struct *fs;
	struct scratch *s;
	bool is_main;

	if (!task || BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return 0;
	mm = BPF_CORE_READ(task, mm);
	fs = BPF_CORE_READ(task, fs);
	/* A task without memory or directories is ending. */
	if (!mm || !fs)
		return 0;
	s = DUMP(ITER_TASK_E, task);
	if (!s)
		return 0;
	/* What all threads share is said once. */
	is_main = task->pid == task->tgid;
	exe = BPF_CORE_READ(mm, exe_file);
	inode = BPF_CORE_READ(exe, f_inode);
	put_s32(s, BPF_CORE_READ(task, real_parent, tgid));
	put_s32(s, host_id(task, PIDTYPE_PGID));
	put_s32(s, own_id(task, PIDTYPE_PGID));
	put_s32(s, own_id(task, PIDTYPE_SID));
	put_str_kernel(s, __builtin_preserve_access_index(&task->comm));
	put_strings_of(s, task, BPF_CORE_READ(mm, arg_start), is_main ? BPF_CORE_READ(mm, arg_end) : 0);
	put_path_if(is_main && exe, s, __builtin_preserve_access_index(&exe->f_path));
	put_u32(s, exe ? exe_flags(untyped(s, task), exe) : 0);
	put_strings_of(s, task, BPF_CORE_READ(mm, env_start), is_main ? BPF_CORE_READ(mm, env_end) : 0);
	put_path_if(is_main, s, __builtin_preserve_access_index(&fs->pwd));
	put_u64(s, fd_limit(task));
	put_u32(s, BPF_CORE_READ(task, cred, euid.val));
	put_u32(s, BPF_CORE_READ(task, cred, egid.val));
	put_u64(s, capabilities(task, 1));
	put_u64(s, capabilities(task, 2));
	put_u64(s, capabilities(task, 0));
	put_u64(s, BPF_CORE_READ(inode, i_ino));
	put_u64(s, inode_ctime(inode));
	put_u64(s, inode_mtime(inode));
	put_u32(s, kilobytes(BPF_CORE_READ(mm, total_vm)));
	put_u32(s, kilobytes(pages(mm, 0) + pages(mm, 1) + pages(mm, 3)));
	put_u32(s, kilobytes(pages(mm, 2)));
	put_u64(s, BPF_CORE_READ(task, maj_flt));
	put_u64(s, BPF_CORE_READ(task, min_flt));
	put_s32(s, own_id(task, PIDTYPE_TGID));
	put_s32(s, own_id(task, PIDTYPE_PID));
	put_u64(s, pidns_start(task));
	put_cgroups(s, untyped(s, task));
	put_path_if(is_main, s, __builtin_preserve_access_index(&fs->root));
	put_u64(s, config.boot_time_ns + BPF_CORE_READ(task, start_boottime));
	put_u32(s, terminal(task));
	put_u32(s, login_uid(task));
	dump_end(s, ctx->meta);
	return 0;
}

static __always_inline bool closes_on_exec(struct task_struct *task, u32 fd)
{
	unsigned long *bits = BPF_CORE_READ(task, files, fdt, close_on_exec), word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), &bits[fd / 64]);
	return word >> (fd % 64) & 1;
}

static __always_inline u32 mount_id(struct file *file)
{
	struct mount *mount = mount_of(BPF_CORE_READ(file, f_path.mnt));

	return BPF_CORE_READ(mount, mnt_id);
}

static __always_inline void dump_regular(struct bpf_iter__task_file *ctx, struct task_struct *task, struct file *file, u64 ino)
{
	struct scratch *s;

	if (is_memfd(file)) {
		s = DUMP(ITER_TASK_FILE_MEMFD_E, task);
		if (!s)
			return;
		put_u32(s, ctx->fd);
		put_path(s, untyped(s, __builtin_preserve_access_index(&file->f_path)));
	} else {
		s = DUMP(ITER_TASK_FILE_REGULAR_E, task);
		if (!s)
			return;
		put_u32(s, ctx->fd);
		put_path(s, untyped(s, __builtin_preserve_access_index(&file->f_path)));
		put_u32(s, open_flags(BPF_CORE_READ(file, f_flags) & ~02000000U) |
				   (closes_on_exec(task, ctx->fd) ? F_FILE_FLAGS__O_CLOEXEC : 0));
		put_u32(s, mount_id(file));
	}
	put_u64(s, ino);
	dump_end(s, ctx->meta);
}

static __always_inline void dump_anonymous(struct bpf_iter__task_file *ctx, struct task_struct *task, struct file *file, u64 ino,
					   bool is_pid)
{
	struct scratch *s = DUMP(ITER_TASK_FILE_ANON_INODE_E, task);

	if (!s)
		return;
	put_u32(s, ctx->fd);
	/* What it is for, its name tells. */
	put_u8(s, is_pid ? F_ANON_INODE_FD_TYPES__ANON_INODE_FD_TYPE_PIDFD : F_ANON_INODE_FD_TYPES__ANON_INODE_FD_TYPE_UNKNOWN);
	put_str_kernel(s, BPF_CORE_READ(file, f_path.dentry, d_name.name));
	put_u64(s, ino);
	dump_end(s, ctx->meta);
}

static __always_inline void dump_socket(struct bpf_iter__task_file *ctx, struct task_struct *task, struct file *file, u64 ino)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	struct inet_sock *inet = (void *)sk;
	struct unix_sock *un = (void *)sk;
	struct scratch *s;
	bool v6 = family == AF_INET6;

	s = family == AF_INET	 ? DUMP(ITER_TASK_FILE_SOCKET_INET_E, task) :
	    v6			 ? DUMP(ITER_TASK_FILE_SOCKET_INET6_E, task) :
	    family == AF_UNIX	 ? DUMP(ITER_TASK_FILE_SOCKET_UNIX_E, task) :
	    family == AF_NETLINK ? DUMP(ITER_TASK_FILE_SOCKET_NETLINK_E, task) :
				   NULL;
	if (!s)
		return;
	put_u32(s, ctx->fd);
	put_u16(s, BPF_CORE_READ(sk, sk_type));
	put_u16(s, BPF_CORE_READ(sk, sk_protocol));
	if (family == AF_INET) {
		put_u32(s, BPF_CORE_READ(inet, inet_saddr));
		put_u16(s, host_order(BPF_CORE_READ(inet, inet_sport)));
		put_u32(s, BPF_CORE_READ(sk, __sk_common.skc_daddr));
		put_u16(s, host_order(BPF_CORE_READ(sk, __sk_common.skc_dport)));
	} else if (v6) {
		struct in6_addr local = BPF_CORE_READ(inet, pinet6, saddr), remote = BPF_CORE_READ(sk, __sk_common.skc_v6_daddr);

		push_in6(s, &local);
		put_length(s, 16);
		put_u16(s, host_order(BPF_CORE_READ(inet, inet_sport)));
		push_in6(s, &remote);
		put_length(s, 16);
		put_u16(s, host_order(BPF_CORE_READ(sk, __sk_common.skc_dport)));
	} else if (family == AF_UNIX) {
		struct unix_address *address = BPF_CORE_READ(un, addr);

		put_u64(s, (u64)sk);
		if (address)
			put_length(s, push_unix_path(s, (char *)address + bpf_core_field_offset(struct unix_address, name) + 2));
		else
			put_empty(s);
	}
	put_u64(s, ino);
	dump_end(s, ctx->meta);
}

SEC("iter/task_file")
int dump_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct scratch *s;
	struct inode *inode;
	u64 ino, magic;
	u16 mode;

	/* Threads have the files of their main thread. */
	if (!task || !file || task->pid != task->tgid || BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	ino = BPF_CORE_READ(inode, i_ino);
	magic = BPF_CORE_READ(inode, i_sb, s_magic);
	mode = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	if (magic == ANON_INODE_FS_MAGIC || magic == PIDFS_MAGIC) {
		dump_anonymous(ctx, task, file, ino, magic == PIDFS_MAGIC);
	} else if (mode == S_IFSOCK) {
		dump_socket(ctx, task, file, ino);
	} else if (mode == S_IFIFO || mode == S_IFDIR) {
		s = mode == S_IFIFO ? DUMP(ITER_TASK_FILE_PIPE_E, task) : DUMP(ITER_TASK_FILE_DIRECTORY_E, task);
		if (!s)
			return 0;
		put_u32(s, ctx->fd);
		if (magic == PIPEFS_MAGIC)
			put_empty(s);
		else
			put_path(s, untyped(s, __builtin_preserve_access_index(&file->f_path)));
		put_u64(s, ino);
		dump_end(s, ctx->meta);
	} else {
		dump_regular(ctx, task, file, ino);
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
