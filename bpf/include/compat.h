/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What differs between kernels; each flavour names the change that made it. */
#pragma once

#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* "mm: convert mm's rss stats into percpu_counter" (6.2): the counters became per-CPU counters. */
struct percpu_counter {
	s64 count;
};
struct mm_struct___percpu {
	struct percpu_counter rss_stat[4];
};
struct mm_rss_stat {
	struct {
		s64 counter;
	} count[4];
};
struct mm_struct___atomic {
	struct mm_rss_stat rss_stat;
};

/* "capability: just use a 'u64' instead of a 'u32[2]' array" (6.3). */
struct kernel_cap_struct___array {
	u32 cap[2];
};
typedef struct {
	u64 val;
} kernel_cap_t___u64;
struct cred___cap {
	kernel_cap_t___u64 cap_inheritable, cap_permitted, cap_effective;
};

/* "fs: new accessor methods for atime and mtime" (6.6/6.7) renamed the times; "fs: switch timespec64 fields in inode to discrete
 * integers" (6.11) split them. */
struct inode___plain {
	struct timespec64 i_ctime, i_mtime;
};
struct inode___renamed {
	struct timespec64 __i_ctime, __i_mtime;
};
struct inode___split {
	s64 i_ctime_sec, i_mtime_sec;
	u32 i_ctime_nsec, i_mtime_nsec;
};

/* "kernfs: Use RCU to access kernfs_node::parent" (6.15). */
struct kernfs_node___plain {
	struct kernfs_node *parent;
};
struct kernfs_node___rcu {
	struct kernfs_node *__parent;
};

/* "audit: move loginuid and sessionid from CONFIG_AUDITSYSCALL to CONFIG_AUDIT" and vendors' kernels that keep it apart. */
struct task_struct___loginuid {
	kuid_t loginuid;
};

#pragma clang attribute pop
