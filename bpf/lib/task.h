/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Reading tasks: ids, credentials, memory, control groups. */
#pragma once

#include "file.h"

/* An id as the host sees it. */
static __always_inline struct pid *pid_of(struct task_struct *task, enum pid_type type)
{
	if (type == PIDTYPE_PID)
		return BPF_CORE_READ(task, thread_pid);
	return BPF_CORE_READ(task, signal, pids[type]);
}

static __always_inline s64 host_id(struct task_struct *task, enum pid_type type)
{
	return BPF_CORE_READ(pid_of(task, type), numbers[0].nr);
}

/* An id as its own namespace sees it. */
static __always_inline s64 own_id(struct task_struct *task, enum pid_type type)
{
	struct pid *pid = pid_of(task, type);
	u32 level = BPF_CORE_READ(pid, level);
	struct upid number = {};

	/* The elements of the array are all of the size that the kernel says. */
	bpf_probe_read_kernel(&number.nr, sizeof(number.nr),
			      (char *)pid + bpf_core_field_offset(struct pid, numbers) +
				      (level & 31) * bpf_core_type_size(struct upid));
	return number.nr;
}

static __always_inline struct pid_namespace *pid_namespace(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	struct pid_namespace *ns = NULL;

	bpf_probe_read_kernel(&ns, sizeof(ns),
			      (char *)pid + bpf_core_field_offset(struct pid, numbers) +
				      (level & 31) * bpf_core_type_size(struct upid) +
				      bpf_core_field_offset(struct upid, ns));
	return ns;
}

/* When the pid namespace of a task began: nanoseconds since boot. */
static __always_inline u64 pidns_start(struct task_struct *task)
{
	return BPF_CORE_READ(pid_namespace(task), child_reaper, start_time);
}

static __always_inline u64 fd_limit(struct task_struct *task)
{
	return BPF_CORE_READ(task, signal, rlim[RLIMIT_NOFILE].rlim_cur);
}

/* Counters of pages to kilobytes. */
static __always_inline u32 kilobytes(s64 pages)
{
	return pages << 2;
}

static __always_inline s64 pages(struct mm_struct *mm, int which)
{
	struct mm_struct___percpu *percpu = (void *)mm;
	struct mm_struct___atomic *atomic = (void *)mm;

	if (bpf_core_type_exists(struct mm_rss_stat)) {
		switch (which) {
		case 0: return BPF_CORE_READ(atomic, rss_stat.count[0].counter);
		case 1: return BPF_CORE_READ(atomic, rss_stat.count[1].counter);
		case 2: return BPF_CORE_READ(atomic, rss_stat.count[2].counter);
		default: return BPF_CORE_READ(atomic, rss_stat.count[3].counter);
		}
	}
	switch (which) {
	case 0: return BPF_CORE_READ(percpu, rss_stat[0].count);
	case 1: return BPF_CORE_READ(percpu, rss_stat[1].count);
	case 2: return BPF_CORE_READ(percpu, rss_stat[2].count);
	default: return BPF_CORE_READ(percpu, rss_stat[3].count);
	}
}

/* How much memory is mapped, resident and swapped out, in kilobytes. */
static __always_inline void put_sizes(struct scratch *s, struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);

	put_u32(s, mm ? kilobytes(BPF_CORE_READ(mm, total_vm)) : 0);
	/* file, anonymous and shared pages; 2 is swap */
	put_u32(s, mm ? kilobytes(pages(mm, 0) + pages(mm, 1) + pages(mm, 3)) : 0);
	put_u32(s, mm ? kilobytes(pages(mm, 2)) : 0);
}

static __always_inline void put_memory(struct scratch *s, struct task_struct *task)
{
	put_u64(s, BPF_CORE_READ(task, maj_flt));
	put_u64(s, BPF_CORE_READ(task, min_flt));
	put_sizes(s, task);
}

static __always_inline u32 terminal(struct task_struct *task)
{
	struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);
	struct tty_driver *driver = tty ? BPF_CORE_READ(tty, driver) : NULL;

	if (!driver)
		return 0;
	return device_number((BPF_CORE_READ(driver, major) << 20 | BPF_CORE_READ(driver, minor_start)) +
			     BPF_CORE_READ(tty, index));
}

static __always_inline u32 login_uid(struct task_struct *task)
{
	struct task_struct___loginuid *has = (void *)task;

	return bpf_core_field_exists(has->loginuid) ? BPF_CORE_READ(has, loginuid.val) : ~0U;
}

static __always_inline u64 capabilities(struct task_struct *task, int which)
{
	struct cred___cap *cred = (void *)BPF_CORE_READ(task, cred);
	u64 set = 0;
	u32 at = which == 0 ? bpf_core_field_offset(struct cred___cap, cap_inheritable) :
		 which == 1 ? bpf_core_field_offset(struct cred___cap, cap_permitted) :
			      bpf_core_field_offset(struct cred___cap, cap_effective);

	/* Two words or one double word: the same bytes on little endian machines. */
	bpf_probe_read_kernel(&set, sizeof(set), (char *)cred + at);
	return set;
}

#define CAP_DAC_OVERRIDE 1
#define CAP_FOWNER 3

#define MAPPED_RANGES_MAX 5
#define GROUPS_STEPS_MAX 17 /* of a binary search in NGROUPS_MAX entries */

/* Whether an id of the host has a number in a user namespace. */
SHARED bool is_mapped(u64 map_at, u32 id)
{
	struct uid_gid_map *map = (void *)map_at;
	u32 ranges = BPF_CORE_READ(map, nr_extents);
	int i;

	/* More ranges lie elsewhere; so many are taken to hold everything. */
	if (ranges > MAPPED_RANGES_MAX)
		return true;
#pragma unroll
	for (i = 0; i < MAPPED_RANGES_MAX; i++) {
		u32 start = BPF_CORE_READ(map, extent[i].lower_first), count = BPF_CORE_READ(map, extent[i].count);

		if (i < ranges && id >= start && id - start < count)
			return true;
	}
	return false;
}

/* One of the supplementary groups, which the kernel keeps sorted; the highest number behind the last of them. */
SHARED u32 group_at(u64 groups_at, u32 index)
{
	struct group_info *groups = (void *)groups_at;
	u32 group = ~0U, place = bpf_core_field_offset(struct group_info, gid);

	if (index < BPF_CORE_READ(groups, ngroups))
		bpf_probe_read_kernel(&group, sizeof(group), (void *)(groups_at + place + index * sizeof(group)));
	return group;
}

/* A step of the search for a group: how many are known not to be above it, so many more if the last of those is not either. The result of
 * a shared function is any number to the verifier; of one that it follows, older kernels try every way through the search. */
SHARED u32 groups_below(u64 groups_at, u32 group, u32 below, u32 more)
{
	return group_at(groups_at, below + more - 1) <= group ? below + more : below;
}

/* Whether a group is among the supplementary groups: the last of those that are not above it. */
SHARED bool has_group(u64 cred_at, u32 group)
{
	const struct cred *cred = (void *)cred_at;
	u64 groups = (u64)BPF_CORE_READ(cred, group_info);
	u32 below = 0;
	int i;

#pragma unroll
	for (i = GROUPS_STEPS_MAX - 1; i >= 0; i--)
		below = groups_below(groups, group, below, 1U << i);
	return below && group_at(groups, below - 1) == group;
}

/* Whether the task may write to its executable, as far as modes and capabilities tell. */
static __always_inline bool may_write(struct task_struct *task, struct inode *inode)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);
	u32 uid = BPF_CORE_READ(inode, i_uid.val), gid = BPF_CORE_READ(inode, i_gid.val);
	u16 mode = BPF_CORE_READ(inode, i_mode);
	u64 caps = capabilities(task, 2);
	struct user_namespace *ns = BPF_CORE_READ(cred, user_ns);

	if (BPF_CORE_READ(inode, i_sb, s_flags) & 1 /* SB_RDONLY */)
		return false;
	if (BPF_CORE_READ(inode, i_flags) & 8 /* S_IMMUTABLE */)
		return false;
	if (uid == ~0U || gid == ~0U)
		return false;
	if (BPF_CORE_READ(cred, fsuid.val) == uid)
		return true;
	if (BPF_CORE_READ(cred, fsgid.val) == gid || has_group((u64)cred, gid))
		mode >>= 3;
	if (mode & 2)
		return true;
	if (!(caps & (1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER)) ||
	    !is_mapped((u64)__builtin_preserve_access_index(&ns->uid_map), uid))
		return false;
	return (caps & (1ULL << CAP_FOWNER)) || is_mapped((u64)__builtin_preserve_access_index(&ns->gid_map), gid);
}

SHARED u32 flags_of_exe(u64 task_at, u64 exe_at)
{
	struct task_struct *task = (void *)task_at;
	struct file *exe = (void *)exe_at;
	enum layer layer = file_layer(exe);

	return (may_write(task, BPF_CORE_READ(exe, f_inode)) ? F_EXECVE_FLAGS__EXE_WRITABLE : 0) |
	       (layer == LAYER_UPPER ? F_EXECVE_FLAGS__EXE_UPPER_LAYER : 0) |
	       (layer == LAYER_LOWER ? F_EXECVE_FLAGS__EXE_LOWER_LAYER : 0) |
	       (is_memfd(exe) ? F_EXECVE_FLAGS__EXE_FROM_MEMFD : 0);
}

static __always_inline u32 exe_flags(struct task_struct *task, struct file *exe)
{
	return flags_of_exe((u64)task, (u64)exe);
}

#define CGROUP_DEPTH_MAX 6

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	struct kernfs_node___plain *plain = (void *)node;
	struct kernfs_node___rcu *rcu = (void *)node;

	if (bpf_core_field_exists(plain->parent))
		return BPF_CORE_READ(plain, parent);
	return BPF_CORE_READ(rcu, __parent);
}

/* `subsystem=path` with its NUL; the NULs between the components become slashes. */
SHARED u32 push_cgroup(u32 key, u64 state_at)
{
	struct scratch *s = scratch_at(key);
	struct cgroup_subsys_state *state = (void *)state_at;
	const char *names[CGROUP_DEPTH_MAX] = {};
	struct kernfs_node *node;
	u64 start, length;
	bool deeper;
	int i;

	if (!s)
		return 0;
	start = s->end;
	if (!state || !push_str_kernel(s, BPF_CORE_READ(state, ss, name), 64))
		return 0;
	s->data[(s->end - 1) & EVENT_MASK] = '=';
	node = BPF_CORE_READ(state, cgroup, kn);
	/* In the one hierarchy of version 2 all subsystems have the same path. */
	if (node && s->cgroup == (u64)node) {
		length = s->cgroup_length & EVENT_MASK;
		if (bpf_probe_read_kernel(&s->data[s->end & EVENT_MASK], length, &s->data[s->cgroup_path & EVENT_MASK]))
			return 0;
		s->end += length;
		return s->end - start;
	}
	s->cgroup = (u64)node;
	s->cgroup_path = s->end;
#pragma unroll
	for (i = 0; i < CGROUP_DEPTH_MAX; i++) {
		if (node) {
			names[i] = BPF_CORE_READ(node, name);
			node = kernfs_parent(node);
		}
	}
	deeper = node != NULL;
	if (deeper)
		push_u8(s, '/');
	/* The root's name is empty, so a path begins with the slash behind it. */
#pragma unroll
	for (i = CGROUP_DEPTH_MAX - 1; i >= 0; i--) {
		if (names[i] && push_str_kernel(s, names[i], 256))
			s->data[(s->end - 1) & EVENT_MASK] = '/';
	}
	if (names[1] || deeper)
		s->end -= 1; /* no slash at the end, but for the root */
	push_u8(s, 0);
	s->cgroup_length = s->end - s->cgroup_path;
	return s->end - start;
}

#define EACH_SUBSYSTEM(DO) DO(0, cpuset) DO(1, cpu) DO(2, cpuacct) DO(3, io) DO(4, memory)

static __always_inline struct cgroup_subsys_state *subsystem_state(struct css_set *of, u32 subsystem)
{
	struct cgroup_subsys_state *state = NULL;

	read_kernel(&state, sizeof(state),
		    (char *)of + bpf_core_field_offset(struct css_set, subsys) + (subsystem & 31) * sizeof(void *));
	return state;
}

/* NULL for those that the kernel does not have. */
#define SUBSYSTEM_STATE(name)                                                                                  \
	(bpf_core_enum_value_exists(enum cgroup_subsys_id, name##_cgrp_id) ?                                   \
		 subsystem_state(of, bpf_core_enum_value(enum cgroup_subsys_id, name##_cgrp_id)) :             \
		 NULL)

#define PUSH_CGROUP(at, name) push_cgroup(key, (u64)SUBSYSTEM_STATE(name));

/* Whether the text at hand is that of this state; if not, it is noted for the text that is built next. No two states ever have the
 * same number. */
static __always_inline void note_cgroup(struct groups *groups, u32 at, struct cgroup_subsys_state *state)
{
	u64 number = BPF_CORE_READ(state, serial_nr);

	if (groups->numbers[at] != number)
		groups->length = 0;
	groups->numbers[at] = number;
}

#define NOTE_CGROUP(at, name) note_cgroup(groups, at, SUBSYSTEM_STATE(name));

/* All of them. Next to no task is in other groups than the one before, and the names lie all over the kernel's memory: the text is kept. (In
 * version 1 a group may be given another name; those who were told the old one are told it until somebody of another group comes.) */
SHARED u32 push_cgroups(u32 key, u64 task)
{
	struct scratch *s = scratch_at(key);
	struct css_set *of = BPF_CORE_READ((struct task_struct *)task, cgroups);
	struct groups *groups;
	u64 start, length;

	if (!s)
		return 0;
	groups = &s->groups;
	EACH_SUBSYSTEM(NOTE_CGROUP)
	start = s->end;
	if (groups->length) {
		length = groups->length & GROUPS_MASK;
		bpf_probe_read_kernel(&s->data[start & EVENT_MASK], length, groups->text);
		s->end += length;
		return length;
	}
	s->cgroup = 0;
	EACH_SUBSYSTEM(PUSH_CGROUP)
	length = s->end - start;
	if (length <= GROUPS_MASK && !bpf_probe_read_kernel(groups->text, length & GROUPS_MASK, &s->data[start & EVENT_MASK]))
		groups->length = length;
	return length;
}

static __always_inline void put_cgroups(struct scratch *s, struct task_struct *task)
{
	put_length(s, push_cgroups(s->key, (u64)task));
}

/* argv[0] and the other arguments together, and the environment, are cut at so many bytes. */
#define ARGS_MAX 4096

/* Strings that lie one after the other in user memory, each with its NUL; what was cut gets one too. */
static __always_inline u16 push_strings_user(struct scratch *s, u64 start, u64 end, u32 max)
{
	u16 length = end > start ? push_bytes_user(s, (const void *)start, end - start, max) : 0;

	if (length)
		s->data[(s->end - 1) & EVENT_MASK] = 0;
	return length;
}

/* argv[0], then the rest of the arguments as they lie in the task's memory. */
static __always_inline void put_exe_and_args(struct scratch *s, struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	u64 start = BPF_CORE_READ(mm, arg_start), end = BPF_CORE_READ(mm, arg_end);
	u16 exe = push_str_user(s, (const void *)start, PATH_MAX_BYTES);

	put_length(s, exe);
	put_length(s, push_strings_user(s, start + exe, end, exe < ARGS_MAX ? ARGS_MAX - exe : 0));
}

static __always_inline void put_ids(struct scratch *s, struct task_struct *task)
{
	put_s64(s, BPF_CORE_READ(task, pid));
	put_s64(s, BPF_CORE_READ(task, tgid));
	put_s64(s, BPF_CORE_READ(task, real_parent, pid));
}
