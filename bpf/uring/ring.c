/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* io_uring: what is at the submission and at the completion of every operation. */
#include "request.h"

SEC("tp_btf/io_uring_submit_req")
int uring_submitted(u64 *ctx)
{
	struct io_kiocb *req = (void *)ctx[0];
	u8 op = BPF_CORE_READ(req, opcode);
	struct scratch *s;
	struct request *r;
	struct shot shot;
	u64 key = (u64)req, id = bpf_get_current_pid_tgid();

	if (op >= OPS_MAX || !operations[masked(op, OPS_MAX - 1)] || id >> 32 == config.own_pid)
		return 0;
	s = take_scratch();
	if (!s)
		return 0;
	r = (void *)s->data;
	r->op = op;
	/* A thread of the kernel's that polls works for the whole process. */
	r->thread = BPF_CORE_READ(current_task(), flags) & IO_WORKER ? id >> 32 : (u32)id;
	r->is_fixed = BPF_CORE_READ(req, flags) & FIXED_FILE;
	r->fd = BPF_CORE_READ(req, cqe.fd);
	r->other = r->flags = r->mode = r->resolve = r->length = 0;
	r->slot = r->addr_length = 0;
	r->data = NULL;
	r->path[0] = r->new_path[0] = 0;
	switch (op) {
	case OP_OPENAT:
	case OP_OPENAT2:
		take_open(r, req);
		break;
	case OP_UNLINKAT:
		take_unlink(r, req);
		break;
	case OP_MKDIRAT:
		take_mkdir(r, req);
		break;
	case OP_RENAMEAT:
	case OP_SYMLINKAT:
	case OP_LINKAT:
		take_two_paths(r, req);
		break;
	case OP_CONNECT:
		take_connect(r, req);
		break;
	case OP_ACCEPT:
		take_accept(r, req);
		break;
	case OP_SOCKET:
		take_socket(r, req);
		break;
	case OP_READV:
	case OP_WRITEV:
	case OP_READ_FIXED:
	case OP_WRITE_FIXED:
	case OP_READ:
	case OP_WRITE:
	case OP_READ_MULTISHOT:
	case OP_READV_FIXED:
	case OP_WRITEV_FIXED:
		take_rw(r, req);
		break;
	case OP_CLOSE:
		take_close(r, req);
		break;
	case OP_SPLICE:
		take_splice(r, req);
		break;
	case OP_SHUTDOWN:
		r->flags = BPF_CORE_READ((struct io_shutdown *)req, how);
		break;
	case OP_BIND:
		if (bpf_core_type_exists(struct io_bind))
			r->addr_length = BPF_CORE_READ((struct io_bind *)req, addr_len);
		break;
	case OP_LISTEN:
		if (bpf_core_type_exists(struct io_listen))
			r->flags = BPF_CORE_READ((struct io_listen *)req, backlog);
		break;
	case OP_PIPE:
		if (bpf_core_type_exists(struct io_pipe))
			take_pipe(r, req);
		break;
	case OP_SEND:
	case OP_RECV:
	case OP_SENDMSG:
	case OP_RECVMSG:
	case OP_SEND_ZC:
	case OP_SENDMSG_ZC:
		take_message(r, req);
		break;
	}
	bpf_map_update_elem(&requests, &key, r, 0);
	give_back(s);
	if (may_repeat(op)) {
		shot = shot_of((u64)BPF_CORE_READ(req, ctx), BPF_CORE_READ(req, cqe.user_data));
		bpf_map_update_elem(&shots, &shot, &key, 0);
	}
	return 0;
}

SEC("tp_btf/io_uring_complete")
int uring_completed(u64 *ctx)
{
	struct outcome done;
	struct io_kiocb *req;
	u8 op;

	if (!completion_at(ctx, true, &done))
		return 0;
	req = done.req;
	op = BPF_CORE_READ(req, opcode);
	if (op >= OPS_MAX || !operations[masked(op, OPS_MAX - 1)])
		return 0;
	if (!config.drop_failed || done.result >= 0)
		bpf_tail_call(ctx, &completions, op);
	/* It is not to be reported. */
	forget(ctx, may_repeat(op), &done);
	return 0;
}
