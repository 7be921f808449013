/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* io_uring: reading and writing. */
#include "../lib/data.h"
#include "request.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct io_rw {
	u64 addr;
	u32 len;
};
#pragma clang attribute pop

static __always_inline void take_rw(struct request *r, struct io_kiocb *req)
{
	struct io_rw *rw = (void *)req;

	r->data = (void *)BPF_CORE_READ(rw, addr);
	r->length = BPF_CORE_READ(rw, len);
}

RING_OPERATION_ON(ring_read)
{
	struct scratch *s = BEGIN_REQUEST(SYSCALL_READ_X);

	if (!s)
		return;
	put_s64(s, done->result);
	if (done->result > 0)
		put_data(s, r->data, done->result);
	else
		put_empty(s);
	put_s64(s, old_file(r));
	put_u32(s, r->length);
	send_request(s, DROP_OTHER);
}

RING_OPERATION(ring_written)
{
	struct scratch *s = BEGIN_REQUEST(SYSCALL_WRITE_X);

	if (!s)
		return;
	put_s64(s, done->result);
	put_data(s, r->data, done->result > 0 ? done->result : r->length);
	put_s64(s, old_file(r));
	put_u32(s, r->length);
	send_request(s, DROP_OTHER);
}

/* Several pieces, read or written. */
RING_OPERATION(ring_pieces)
{
	bool is_read = r->op == OP_READV || r->op == OP_READV_FIXED;
	struct scratch *s = is_read ? BEGIN_REQUEST(SYSCALL_READV_X) : BEGIN_REQUEST(SYSCALL_WRITEV_X);
	struct pieces pieces = {r->data, r->length, false};
	u32 size;

	if (!s)
		return;
	put_s64(s, done->result);
	if (is_read) {
		put_u32(s, done->result > 0 ? done->result : 0);
		if (done->result > 0)
			put_pieces(s, &pieces, done->result);
		else
			put_empty(s);
		put_s64(s, old_file(r));
	} else {
		size = put_pieces(s, &pieces, done->result);
		put_s64(s, old_file(r));
		put_u32(s, size);
	}
	send_request(s, DROP_OTHER);
}
