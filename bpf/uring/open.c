/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* io_uring: opening files. */
#include "../lib/flags.h"
#include "request.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct io_open {
	int dfd;
	u32 file_slot;
	struct filename *filename;
	struct {
		u64 flags, mode, resolve;
	} how;
};
#pragma clang attribute pop

#define LARGEFILE 0100000 /* which the kernel adds itself */

static __always_inline void take_open(struct request *r, struct io_kiocb *req)
{
	struct io_open *open = (void *)req;

	r->fd = BPF_CORE_READ(open, dfd);
	r->slot = BPF_CORE_READ(open, file_slot);
	r->flags = BPF_CORE_READ(open, how.flags);
	r->mode = BPF_CORE_READ(open, how.mode);
	r->resolve = BPF_CORE_READ(open, how.resolve);
	take_path(r->path, BPF_CORE_READ(open, filename));
}

RING_OPERATION(ring_opened)
{
	bool is_second = r->op == OP_OPENAT2;
	struct scratch *s = is_second ? BEGIN_REQUEST(SYSCALL_OPENAT2_X) : BEGIN_REQUEST(SYSCALL_OPENAT_2_X);
	struct file_id id = file_id(r->slot ? -1 : done->result);

	if (!s)
		return;
	put_s64(s, new_file(r, done->result));
	put_s64(s, r->fd);
	put_str_kernel(s, r->path);
	put_u32(s, open_flags(r->flags & ~LARGEFILE) | opened_flags(&id));
	put_u32(s, open_mode(r->flags, r->mode));
	if (is_second)
		put_u32(s, resolve_flags(r->resolve));
	put_u32(s, id.dev);
	put_u64(s, id.ino);
	send_opened(s, r->slot ? -1 : done->result);
}
