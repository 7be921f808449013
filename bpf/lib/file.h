/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Reading files, inodes and paths. */
#pragma once

#include "event.h"
#include "../include/compat.h"

#define OVERLAYFS_SUPER_MAGIC 0x794c7630
/* A path of more components loses the first ones; the verifier has to see an end. */
#define PATH_COMPONENTS_MAX 48

enum layer { LAYER_NONE, LAYER_UPPER, LAYER_LOWER };

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

static __always_inline struct file *file_in(struct task_struct *task, s32 fd)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (fd < 0 || (u32)fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	read_kernel(&file, sizeof(file), &files[fd]);
	return file;
}

static __always_inline struct file *file_of(s32 fd)
{
	return file_in(current_task(), fd);
}

/* As stat shows it: twelve bits of major number between the minor's. */
static __always_inline u32 device_number(u32 dev)
{
	u32 major = dev >> 20, minor = dev & 0xfffff;

	return (minor & 0xff) | (major << 8) | ((minor & ~0xffU) << 12);
}

static __always_inline enum layer file_layer(struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry), *upper = NULL;

	if (BPF_CORE_READ(dentry, d_sb, s_magic) != OVERLAYFS_SUPER_MAGIC)
		return LAYER_NONE;
	/* An overlay's inode has its own data behind the generic part; first the dentry in the upper layer. */
	bpf_probe_read_kernel(&upper, sizeof(upper),
			      (char *)BPF_CORE_READ(dentry, d_inode) + bpf_core_type_size(struct inode));
	return upper && BPF_CORE_READ(upper, d_inode, i_ino) ? LAYER_UPPER : LAYER_LOWER;
}

struct file_id {
	u32 dev;
	u64 ino;
	enum layer layer;
	bool created;
};

static __always_inline struct file_id file_id(s64 fd)
{
	struct file_id id = {};
	struct file *file = fd >= 0 ? file_of(fd) : NULL;
	struct inode *inode;

	if (!file)
		return id;
	inode = BPF_CORE_READ(file, f_inode);
	id.dev = device_number(BPF_CORE_READ(inode, i_sb, s_dev));
	id.ino = BPF_CORE_READ(inode, i_ino);
	id.layer = file_layer(file);
	id.created = BPF_CORE_READ(file, f_mode) & 0x100000; /* FMODE_CREATED */
	return id;
}

static __always_inline u64 nanoseconds(s64 seconds, s64 rest)
{
	return seconds < 0 ? 0 : seconds * 1000000000ULL + rest;
}

/* "fs: add infrastructure for multigrain timestamps" (6.13) keeps a flag above the nanoseconds of the time of the last change. */
#define NANOSECONDS_MASK 0x7fffffff

static __always_inline u64 inode_ctime(struct inode *inode)
{
	struct inode___plain *plain = (void *)inode;
	struct inode___renamed *renamed = (void *)inode;
	struct inode___split *split = (void *)inode;

	if (bpf_core_field_exists(split->i_ctime_sec))
		return nanoseconds(BPF_CORE_READ(split, i_ctime_sec), BPF_CORE_READ(split, i_ctime_nsec) & NANOSECONDS_MASK);
	if (bpf_core_field_exists(renamed->__i_ctime))
		return nanoseconds(BPF_CORE_READ(renamed, __i_ctime.tv_sec), BPF_CORE_READ(renamed, __i_ctime.tv_nsec));
	return nanoseconds(BPF_CORE_READ(plain, i_ctime.tv_sec), BPF_CORE_READ(plain, i_ctime.tv_nsec));
}

static __always_inline u64 inode_mtime(struct inode *inode)
{
	struct inode___plain *plain = (void *)inode;
	struct inode___renamed *renamed = (void *)inode;
	struct inode___split *split = (void *)inode;

	if (bpf_core_field_exists(split->i_mtime_sec))
		return nanoseconds(BPF_CORE_READ(split, i_mtime_sec), BPF_CORE_READ(split, i_mtime_nsec));
	if (bpf_core_field_exists(renamed->__i_mtime))
		return nanoseconds(BPF_CORE_READ(renamed, __i_mtime.tv_sec), BPF_CORE_READ(renamed, __i_mtime.tv_nsec));
	return nanoseconds(BPF_CORE_READ(plain, i_mtime.tv_sec), BPF_CORE_READ(plain, i_mtime.tv_nsec));
}

static __always_inline bool is_memfd(struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	char name[8] = {};

	if (!dentry || BPF_CORE_READ(dentry, d_parent) != dentry)
		return false;
	bpf_probe_read_kernel(name, 7, BPF_CORE_READ(dentry, d_name.name));
	return name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' && name[4] == 'd' && name[5] == ':';
}

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (struct mount *)((char *)mnt - bpf_core_field_offset(struct mount, mnt));
}

/* One component before what is there; false when there is no room. */
static __always_inline bool path_prepend(struct scratch *s, struct dentry *dentry)
{
	u32 length = BPF_CORE_READ(dentry, d_name.len) & 0xff, at = s->path_at;

	if (at < length + 2)
		return false;
	at -= length;
	bpf_probe_read_kernel(&s->path[at & PATH_MASK], length, BPF_CORE_READ(dentry, d_name.name));
	at -= 1;
	s->path[at & PATH_MASK] = '/';
	s->path_at = at;
	return true;
}

/* One step up: false at the end. */
SHARED bool walk_up(u32 key)
{
	struct scratch *s = scratch_at(key);
	struct dentry *dentry, *parent;
	struct mount *mount, *above;

	if (!s)
		return false;
	dentry = (void *)s->dentry;
	mount = (void *)s->mount;
	parent = BPF_CORE_READ(dentry, d_parent);
	if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
		above = BPF_CORE_READ(mount, mnt_parent);
		if (above == mount)
			return false;
		s->dentry = (u64)BPF_CORE_READ(mount, mnt_mountpoint);
		s->mount = (u64)above;
		return true;
	}
	if (dentry == parent || !path_prepend(s, dentry))
		return false;
	s->dentry = (u64)parent;
	return true;
}

/* The path of a file from the root of its mount namespace, component by component from the end. A file that no directory holds
 * (memfd) is its name. */
SHARED u32 push_path_at(u32 key, u64 path_at)
{
	struct path *path = (void *)path_at;
	struct scratch *s = scratch_at(key);
	struct dentry *dentry;
	struct mount *mount;
	int i;

	if (!s)
		return 0;
	s->dentry = (u64)BPF_CORE_READ(path, dentry);
	s->mount = (u64)mount_of(BPF_CORE_READ(path, mnt));
	s->path_at = PATH_MAX_BYTES - 1;
	s->path[PATH_MAX_BYTES - 1] = 0;
	for (i = 0; i < PATH_COMPONENTS_MAX; i++)
		if (!walk_up(key))
			break;
	if (s->path_at == PATH_MAX_BYTES - 1) {
		dentry = (void *)s->dentry;
		mount = (void *)s->mount;
		if (dentry == BPF_CORE_READ(dentry, d_parent) && dentry != BPF_CORE_READ(mount, mnt.mnt_root)) {
			return push_str_kernel(s, BPF_CORE_READ(dentry, d_name.name), PATH_MAX_BYTES);
		}
		s->path[PATH_MAX_BYTES - 2] = '/';
		s->path_at = PATH_MAX_BYTES - 2;
	}
	return push_str_kernel(s, &s->path[s->path_at & PATH_MASK], PATH_MAX_BYTES);
}

static __always_inline void put_path(struct scratch *s, struct path *path)
{
	put_length(s, push_path_at(s->key, (u64)path));
}
