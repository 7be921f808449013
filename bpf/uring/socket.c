/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* io_uring: sockets and what goes over them. */
#include "../lib/data.h"
#include "../lib/flags.h"
#include "../lib/socket.h"
#include "request.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct io_connect {
	const void *addr;
	int addr_len;
};
struct io_accept {
	int flags;
	u32 file_slot;
};
struct io_socket {
	int domain, type, protocol, flags;
	u32 file_slot;
};
struct io_sr_msg {
	const void *buf;
	int len;
};
struct io_bind {
	int addr_len;
};
struct io_async_msghdr {
	struct {
		u16 ss_family;
	} addr;
};
#pragma clang attribute pop

static __always_inline void take_connect(struct request *r, struct io_kiocb *req)
{
	struct io_connect *connect = (void *)req;
	u32 length = BPF_CORE_READ(connect, addr_len);

	if (length > SOCKADDR_MAX)
		length = SOCKADDR_MAX;
	if (!bpf_probe_read_user(r->addr, masked(length, SOCKADDR_MAX), BPF_CORE_READ(connect, addr)))
		r->addr_length = length;
}

static __always_inline void take_accept(struct request *r, struct io_kiocb *req)
{
	struct io_accept *accept = (void *)req;

	r->flags = BPF_CORE_READ(accept, flags);
	r->slot = BPF_CORE_READ(accept, file_slot);
}

static __always_inline void take_socket(struct request *r, struct io_kiocb *req)
{
	struct io_socket *socket = (void *)req;

	r->fd = BPF_CORE_READ(socket, domain);
	r->flags = BPF_CORE_READ(socket, type);
	r->other = BPF_CORE_READ(socket, protocol);
	r->slot = BPF_CORE_READ(socket, file_slot);
}

static __always_inline void take_message(struct request *r, struct io_kiocb *req)
{
	struct io_sr_msg *message = (void *)req;

	r->data = BPF_CORE_READ(message, buf);
	r->length = (u32)BPF_CORE_READ(message, len);
}

/* The socket of an operation on one. */
static __always_inline struct sock *sock_of_request(const struct outcome *done)
{
	struct io_kiocb *req = done->req;

	return sock_of_file(BPF_CORE_READ(req, file));
}

RING_OPERATION(ring_connected)
{
	struct sock *sk = sock_of_request(done);
	struct scratch *s = BEGIN_REQUEST(SOCKET_CONNECT_X);

	if (!s)
		return;
	put_s64(s, done->result);
	if (done->result == 0 || done->result == -EINPROGRESS)
		put_tuple_of(s, sk, OUTBOUND, NULL);
	else
		put_empty(s);
	put_s64(s, old_file(r));
	bpf_probe_read_kernel(s->path, sizeof(r->addr), r->addr);
	put_connected(s, done->result == 0 || done->result == -EINPROGRESS ? sk : NULL, r->addr_length);
	send_request(s, DROP_CONNECT);
}

RING_OPERATION_ON(ring_accepted)
{
	struct sock *sk = sock_of_request(done);
	struct scratch *s = BEGIN_REQUEST(SOCKET_ACCEPT4_6_X);

	if (!s)
		return;
	put_s64(s, new_file(r, done->result));
	if (done->result >= 0 && !r->slot)
		put_tuple(s, done->result, INBOUND, NULL);
	else
		put_empty(s);
	put_backlog(s, done->result >= 0 ? sk : NULL);
	put_u32(s, fd_flags(r->flags));
	send_request(s, DROP_OTHER);
}

RING_OPERATION(ring_made)
{
	struct scratch *s = BEGIN_REQUEST(SOCKET_SOCKET_X);

	if (!s)
		return;
	put_s64(s, new_file(r, done->result));
	put_u32(s, (u8)r->fd);
	put_u32(s, r->flags);
	put_u32(s, r->other);
	put_u32(s, fd_flags(r->flags));
	send_request(s, DROP_OTHER);
}

RING_OPERATION(ring_sent)
{
	struct sock *sk = sock_of_request(done);
	struct scratch *s = BEGIN_REQUEST(SOCKET_SENDTO_X);

	if (!s)
		return;
	put_s64(s, done->result);
	put_data(s, r->data, done->result > 0 ? done->result : r->length);
	put_s64(s, old_file(r));
	put_u32(s, r->length);
	if (done->result >= 0)
		put_tuple_of(s, sk, OUTBOUND, NULL);
	else
		put_empty(s);
	send_request(s, DROP_OTHER);
}

RING_OPERATION_ON(ring_received)
{
	struct sock *sk = sock_of_request(done);
	struct scratch *s = BEGIN_REQUEST(SOCKET_RECVFROM_X);

	if (!s)
		return;
	put_s64(s, done->result);
	if (done->result >= 0) {
		put_data(s, r->data, done->result);
		put_tuple_of(s, sk, INBOUND, NULL);
	} else {
		put_empty(s);
		put_empty(s);
	}
	put_s64(s, old_file(r));
	put_u32(s, r->length);
	send_request(s, DROP_OTHER);
}

RING_OPERATION(ring_message_sent)
{
	struct sock *sk = sock_of_request(done);
	struct scratch *s = BEGIN_REQUEST(SOCKET_SENDMSG_X);
	struct user_msghdr message = {};
	struct pieces pieces;
	u32 size;

	if (!s)
		return;
	put_s64(s, done->result);
	read_message(&message, r->data, false);
	pieces = pieces_of_message(&message, false);
	size = put_pieces(s, &pieces, done->result);
	put_s64(s, old_file(r));
	put_u32(s, size);
	if (done->result >= 0)
		put_tuple_of(s, sk, OUTBOUND, message.name);
	else
		put_empty(s);
	send_request(s, DROP_OTHER);
}

RING_OPERATION_ON(ring_message_received)
{
	struct sock *sk = sock_of_request(done);
	struct scratch *s = BEGIN_REQUEST(SOCKET_RECVMSG_X);
	struct user_msghdr message = {};
	struct pieces pieces;

	if (!s)
		return;
	put_s64(s, done->result);
	put_u32(s, done->result > 0 ? done->result : 0);
	if (done->result > 0) {
		read_message(&message, r->data, false);
		pieces = pieces_of_message(&message, false);
		put_pieces(s, &pieces, done->result);
	} else {
		put_empty(s);
	}
	if (done->result >= 0)
		put_tuple_of(s, sk, INBOUND, message.name);
	else
		put_empty(s);
	put_bytes_user(s, message.control, message.control_length, EVENT_MAX / 2 - 1);
	put_s64(s, old_file(r));
	send_request(s, DROP_OTHER);
}

/* The kernel's copy of the address of a bind: all that goes with the request, or a part of it; which one depends on the kernel. */
static __always_inline void *bind_address(struct io_kiocb *req, struct sock *sk)
{
	char *data = BPF_CORE_READ(req, async_data);
	u16 family = 0;

	if (data && !bpf_probe_read_kernel(&family, sizeof(family), data) && family == BPF_CORE_READ(sk, __sk_common.skc_family))
		return data;
	return data ? data + bpf_core_field_offset(struct io_async_msghdr, addr) : NULL;
}

RING_OPERATION(ring_bound)
{
	struct sock *sk = sock_of_request(done);
	u32 length = r->addr_length > SOCKADDR_MAX ? SOCKADDR_MAX : r->addr_length;
	struct scratch *s = BEGIN_REQUEST(SOCKET_BIND_X);

	if (!s)
		return;
	put_s64(s, done->result);
	if (bpf_probe_read_kernel(s->path, masked(length, SOCKADDR_MAX), bind_address(done->req, sk)))
		length = 0;
	put_bound(s, done->result == 0 ? sk : NULL, length);
	put_s64(s, old_file(r));
	send_request(s, DROP_OTHER);
}
