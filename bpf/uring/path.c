/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* io_uring: making, renaming and removing what has a path. */
#include "request.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct io_unlink {
	int dfd, flags;
	struct filename *filename;
};
struct io_mkdir {
	int dfd;
	u16 mode;
	struct filename *filename;
};
struct io_rename {
	int old_dfd, new_dfd;
	struct filename *oldpath, *newpath;
	int flags;
};
struct io_link {
	int old_dfd, new_dfd;
	struct filename *oldpath, *newpath;
	int flags;
};
#pragma clang attribute pop

static __always_inline void take_unlink(struct request *r, struct io_kiocb *req)
{
	struct io_unlink *unlink = (void *)req;

	r->fd = BPF_CORE_READ(unlink, dfd);
	r->flags = BPF_CORE_READ(unlink, flags);
	take_path(r->path, BPF_CORE_READ(unlink, filename));
}

static __always_inline void take_mkdir(struct request *r, struct io_kiocb *req)
{
	struct io_mkdir *mkdir = (void *)req;

	r->fd = BPF_CORE_READ(mkdir, dfd);
	r->mode = BPF_CORE_READ(mkdir, mode);
	take_path(r->path, BPF_CORE_READ(mkdir, filename));
}

static __always_inline void take_two_paths(struct request *r, struct io_kiocb *req)
{
	struct io_rename *rename = (void *)req;
	struct io_link *link = (void *)req;

	if (r->op == OP_RENAMEAT) {
		r->fd = BPF_CORE_READ(rename, old_dfd);
		r->other = BPF_CORE_READ(rename, new_dfd);
		r->flags = BPF_CORE_READ(rename, flags);
		take_path(r->path, BPF_CORE_READ(rename, oldpath));
		take_path(r->new_path, BPF_CORE_READ(rename, newpath));
	} else {
		r->fd = BPF_CORE_READ(link, old_dfd);
		r->other = BPF_CORE_READ(link, new_dfd);
		r->flags = BPF_CORE_READ(link, flags);
		take_path(r->path, BPF_CORE_READ(link, oldpath));
		take_path(r->new_path, BPF_CORE_READ(link, newpath));
	}
}

/* Paths: a done->result, one or two of them, each with its directory, and flags or a mode. */
RING_OPERATION(ring_paths)
{
	struct scratch *s;

	switch (r->op) {
	case OP_UNLINKAT: s = BEGIN_REQUEST(SYSCALL_UNLINKAT_2_X); break;
	case OP_MKDIRAT: s = BEGIN_REQUEST(SYSCALL_MKDIRAT_X); break;
	case OP_RENAMEAT: s = BEGIN_REQUEST(SYSCALL_RENAMEAT2_X); break;
	case OP_LINKAT: s = BEGIN_REQUEST(SYSCALL_LINKAT_2_X); break;
	default: s = BEGIN_REQUEST(SYSCALL_SYMLINKAT_X);
	}
	if (!s)
		return;
	put_s64(s, done->result);
	if (r->op == OP_SYMLINKAT) {
		put_str_kernel(s, r->path);
		put_s64(s, r->other);
		put_str_kernel(s, r->new_path);
		send_request(s, DROP_DIR_FILE);
		return;
	}
	put_s64(s, r->fd);
	put_str_kernel(s, r->path);
	if (r->op == OP_RENAMEAT || r->op == OP_LINKAT) {
		put_s64(s, r->other);
		put_str_kernel(s, r->new_path);
	}
	switch (r->op) {
	case OP_UNLINKAT: put_u32(s, r->flags & F_UNLINKAT_FLAGS__AT_REMOVEDIR); break;
	case OP_MKDIRAT: put_u32(s, r->mode); break;
	case OP_RENAMEAT: put_u32(s, r->flags & 7); break;
	default: put_u32(s, r->flags & (F_LINKAT_FLAGS__AT_SYMLINK_FOLLOW | F_LINKAT_FLAGS__AT_EMPTY_PATH));
	}
	send_request(s, DROP_DIR_FILE);
}
