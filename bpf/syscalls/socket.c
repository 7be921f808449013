/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Sockets: making, naming, connecting, accepting, sending, receiving. */
#include "../lib/call.h"
#include "../lib/flags.h"
#include "../lib/socket.h"

SYSCALL(socket)
{
	struct scratch *s = BEGIN(SOCKET_SOCKET_X);
	u32 type = arg(call, 1);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_u32(s, (u8)arg(call, 0));
	put_u32(s, type);
	put_u32(s, arg(call, 2));
	put_u32(s, fd_flags(type));
	event_send(s, DROP_OTHER);
}

SYSCALL(socketpair)
{
	struct scratch *s = BEGIN(SOCKET_SOCKETPAIR_X);
	s32 fds[2] = {-1, -1};
	struct unix_sock *sk = NULL;

	if (!s)
		return;
	if (call->ret == 0) {
		bpf_probe_read_user(fds, sizeof(fds), arg_ptr(call, 3));
		sk = (void *)sock_of(fds[0]);
	}
	put_s64(s, call->ret);
	put_s64(s, fds[0]);
	put_s64(s, fds[1]);
	put_u64(s, (u64)sk);
	put_u64(s, sk ? (u64)BPF_CORE_READ(sk, peer) : 0);
	put_u32(s, (u8)arg(call, 0));
	put_u32(s, arg(call, 1));
	put_u32(s, arg(call, 2));
	event_send(s, DROP_OTHER);
}

SYSCALL(bind)
{
	struct scratch *s = BEGIN(SOCKET_BIND_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_sockaddr(s, arg_ptr(call, 1), arg(call, 2));
	put_s64(s, arg_fd(call, 0));
	event_send(s, DROP_OTHER);
}

SYSCALL(connect)
{
	struct scratch *s = BEGIN(SOCKET_CONNECT_X);
	s64 fd = arg_fd(call, 0);

	if (!s)
		return;
	put_s64(s, call->ret);
	if (call->ret == 0 || call->ret == -EINPROGRESS)
		put_tuple(s, fd, OUTBOUND, arg_ptr(call, 1));
	else
		put_empty(s);
	put_s64(s, fd);
	put_sockaddr(s, arg_ptr(call, 1), arg(call, 2));
	event_send(s, DROP_CONNECT);
}

SYSCALL(listen)
{
	struct scratch *s = BEGIN(SOCKET_LISTEN_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_s64(s, arg_fd(call, 0));
	put_s32(s, arg(call, 1));
	event_send(s, DROP_OTHER);
}

/* The new socket, then how full the queue of the listening one is. */
static __always_inline void put_accepted(struct scratch *s, const struct call *call)
{
	struct sock *sk = call->ret >= 0 ? sock_of(arg_fd(call, 0)) : NULL;
	u32 length = sk ? BPF_CORE_READ(sk, sk_ack_backlog) : 0;
	u32 max = sk ? BPF_CORE_READ(sk, sk_max_ack_backlog) : 0;

	put_s64(s, call->ret);
	if (call->ret >= 0)
		put_tuple(s, call->ret, INBOUND, NULL);
	else
		put_empty(s);
	put_u8(s, length && max ? (u64)length * 100 / max : 0);
	put_u32(s, length);
	put_u32(s, max);
}

SYSCALL(accept)
{
	struct scratch *s = BEGIN(SOCKET_ACCEPT_5_X);

	if (!s)
		return;
	put_accepted(s, call);
	event_send(s, DROP_OTHER);
}

SYSCALL(accept4)
{
	struct scratch *s = BEGIN(SOCKET_ACCEPT4_6_X);

	if (!s)
		return;
	put_accepted(s, call);
	put_u32(s, fd_flags(arg(call, 3)));
	event_send(s, DROP_OTHER);
}

static __always_inline void put_data(struct scratch *s, const void *from, s64 length)
{
	put_bytes_user(s, from, length > config.snaplen ? config.snaplen : length, EVENT_MAX / 2 - 1);
}

SYSCALL(sendto)
{
	struct scratch *s = BEGIN(SOCKET_SENDTO_X);
	u32 size = arg(call, 2);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_data(s, arg_ptr(call, 1), call->ret > 0 ? call->ret : size);
	put_s64(s, arg_fd(call, 0));
	put_u32(s, size);
	if (call->ret >= 0)
		put_tuple(s, arg_fd(call, 0), OUTBOUND, arg_ptr(call, 4));
	else
		put_empty(s);
	event_send(s, DROP_OTHER);
}

struct user_msghdr {
	void *name;
	int name_length;
	struct user_iovec *iov;
	u64 iov_count;
	void *control;
	u64 control_length;
};

struct user_iovec {
	void *base;
	u64 length;
};

#define IOVECS_MAX 16

/* The data of a message, piece by piece, as far as snaplen goes; the size of all pieces. */
static __always_inline u32 put_pieces(struct scratch *s, const struct user_msghdr *message, s64 limit)
{
	struct user_iovec piece;
	u64 start = s->end;
	int i;

	s->room = limit > 0 && limit < config.snaplen ? limit : config.snaplen;
	s->total = 0;
	for (i = 0; i < IOVECS_MAX && i < message->iov_count; i++) {
		u64 room = s->room;

		if (bpf_probe_read_user(&piece, sizeof(piece), &message->iov[i]))
			break;
		s->total += piece.length;
		s->room -= push_bytes_user(s, piece.base, piece.length < room ? piece.length : room, EVENT_MAX / 2 - 1);
	}
	put_length(s, s->end - start);
	return s->total;
}

SYSCALL(sendmsg)
{
	struct scratch *s = BEGIN(SOCKET_SENDMSG_X);
	struct user_msghdr message = {};
	u32 size;

	if (!s)
		return;
	put_s64(s, call->ret);
	if (bpf_probe_read_user(&message, sizeof(message), arg_ptr(call, 1))) {
		put_empty(s);
		put_s64(s, arg_fd(call, 0));
		put_empty(s);
		put_empty(s);
	} else {
		size = put_pieces(s, &message, call->ret);
		put_s64(s, arg_fd(call, 0));
		put_u32(s, size);
		if (call->ret >= 0)
			put_tuple(s, arg_fd(call, 0), OUTBOUND, message.name);
		else
			put_empty(s);
	}
	event_send(s, DROP_OTHER);
}

SYSCALL(recvfrom)
{
	struct scratch *s = BEGIN(SOCKET_RECVFROM_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	if (call->ret >= 0) {
		put_data(s, arg_ptr(call, 1), call->ret);
		put_tuple(s, arg_fd(call, 0), INBOUND, arg_ptr(call, 4));
	} else {
		put_empty(s);
		put_empty(s);
	}
	put_s64(s, arg_fd(call, 0));
	put_u32(s, arg(call, 2));
	event_send(s, DROP_OTHER);
}

SYSCALL(recvmsg)
{
	struct scratch *s = BEGIN(SOCKET_RECVMSG_X);
	struct user_msghdr message = {};

	if (!s)
		return;
	put_s64(s, call->ret);
	if (call->ret >= 0) {
		put_u32(s, call->ret);
		bpf_probe_read_user(&message, sizeof(message), arg_ptr(call, 1));
		if (call->ret)
			put_pieces(s, &message, call->ret);
		else
			put_empty(s);
		put_tuple(s, arg_fd(call, 0), INBOUND, message.name);
		put_bytes_user(s, message.control, message.control_length, EVENT_MAX / 2 - 1);
	} else {
		put_u32(s, 0);
		put_empty(s);
		put_empty(s);
		put_empty(s);
	}
	put_s64(s, arg_fd(call, 0));
	event_send(s, DROP_OTHER);
}
