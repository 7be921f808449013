/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* io_uring: descriptors, and what is no more than that it was done. */
#include "../lib/flags.h"
#include "request.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct io_close {
	int fd;
	u32 file_slot;
};
struct io_splice {
	u64 len;
	int splice_fd_in;
	u32 flags;
};
struct io_shutdown {
	int how;
};
struct io_listen {
	int backlog;
};
struct io_pipe {
	int *fds;
	int flags, file_slot;
};
#pragma clang attribute pop

#define FD_IN_FIXED (1U << 31) /* SPLICE_F_FD_IN_FIXED */

static __always_inline void take_close(struct request *r, struct io_kiocb *req)
{
	struct io_close *close = (void *)req;
	u32 slot = BPF_CORE_READ(close, file_slot);

	r->fd = slot ? slot - 1 : BPF_CORE_READ(close, fd);
	r->is_fixed = slot;
}

static __always_inline void take_splice(struct request *r, struct io_kiocb *req)
{
	struct io_splice *splice = (void *)req;

	r->other = BPF_CORE_READ(splice, splice_fd_in);
	r->length = BPF_CORE_READ(splice, len);
	r->flags = BPF_CORE_READ(splice, flags);
	if (r->flags & FD_IN_FIXED)
		r->other += TABLE_BASE;
}

static __always_inline void take_pipe(struct request *r, struct io_kiocb *req)
{
	struct io_pipe *pipe = (void *)req;

	r->data = BPF_CORE_READ(pipe, fds);
	r->flags = BPF_CORE_READ(pipe, flags);
	r->slot = BPF_CORE_READ(pipe, file_slot);
}

RING_OPERATION(ring_pipe)
{
	struct scratch *s = BEGIN_REQUEST(SYSCALL_PIPE2_X);
	s32 fds[2] = {-1, -1};

	if (!s)
		return;
	if (bpf_probe_read_user(fds, sizeof(fds), r->data))
		fds[0] = fds[1] = -1;
	put_s64(s, done->result);
	put_s64(s, r->slot ? TABLE_BASE + fds[0] : fds[0]);
	put_s64(s, r->slot ? TABLE_BASE + fds[1] : fds[1]);
	put_u64(s, done->result == 0 && !r->slot ? file_id(fds[0]).ino : 0);
	put_u32(s, fd_flags(r->flags) | (r->flags & 040000 ? F_FILE_FLAGS__O_DIRECT : 0));
	send_request(s, DROP_OTHER);
}

/* What takes a descriptor and a number or two. */
RING_OPERATION(ring_small)
{
	struct scratch *s;

	switch (r->op) {
	case OP_CLOSE: s = BEGIN_REQUEST(SYSCALL_CLOSE_X); break;
	case OP_SHUTDOWN: s = BEGIN_REQUEST(SOCKET_SHUTDOWN_X); break;
	case OP_LISTEN: s = BEGIN_REQUEST(SOCKET_LISTEN_X); break;
	case OP_SPLICE: s = BEGIN_REQUEST(SYSCALL_SPLICE_X); break;
	default: s = BEGIN_REQUEST(SYSCALL_DUP_1_X);
	}
	if (!s)
		return;
	put_s64(s, done->result);
	if (r->op == OP_SPLICE)
		put_s64(s, r->other);
	put_s64(s, old_file(r));
	switch (r->op) {
	case OP_SHUTDOWN: put_u8(s, shutdown_how(r->flags)); break;
	case OP_LISTEN: put_s32(s, r->flags); break;
	case OP_SPLICE:
		put_u64(s, r->length);
		put_u32(s, r->flags & 15);
		break;
	}
	send_request(s, r->op == OP_CLOSE ? DROP_CLOSE : DROP_OTHER);
}

/* What is no more than that it was done. */
RING_OPERATION(ring_generic)
{
	u16 call = operations[masked(r->op, OPS_MAX - 1)];
	struct scratch *s = BEGIN_REQUEST(GENERIC_X);

	if (!s)
		return;
	put_u16(s, call);
	put_u16(s, calls.number[masked(call, NUMBERS_MAX - 1)]);
	send_request(s, DROP_OTHER);
}
