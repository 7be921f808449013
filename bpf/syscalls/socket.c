/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Sockets: making, naming, connecting, accepting, sending, receiving. */
#include "../lib/data.h"
#include "../lib/flags.h"
#include "../lib/forms.h"
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
	put_bound(s, call->ret == 0 ? sock_of(arg_fd(call, 0)) : NULL, read_sockaddr(s, arg_ptr(call, 1), arg(call, 2)));
	put_s64(s, arg_fd(call, 0));
	event_send(s, DROP_OTHER);
}

SYSCALL(connect)
{
	struct scratch *s = BEGIN(SOCKET_CONNECT_X);
	s64 fd = arg_fd(call, 0);
	bool taken = call->ret == 0 || call->ret == -EINPROGRESS;

	if (!s)
		return;
	put_s64(s, call->ret);
	if (taken)
		put_tuple(s, fd, OUTBOUND, arg_ptr(call, 1));
	else
		put_empty(s);
	put_s64(s, fd);
	put_connected(s, taken ? sock_of(fd) : NULL, read_sockaddr(s, arg_ptr(call, 1), arg(call, 2)));
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

/* How full the queue of a listening socket is. */
static __always_inline void put_backlog(struct scratch *s, struct sock *sk)
{
	u32 length = sk ? BPF_CORE_READ(sk, sk_ack_backlog) : 0;
	u32 max = sk ? BPF_CORE_READ(sk, sk_max_ack_backlog) : 0;

	put_u8(s, length && max ? (u64)length * 100 / max : 0);
	put_u32(s, length);
	put_u32(s, max);
}

/* The new socket, then the queue of the listening one. */
static __always_inline void put_accepted(struct scratch *s, const struct call *call)
{
	put_s64(s, call->ret);
	if (call->ret >= 0)
		put_tuple(s, call->ret, INBOUND, NULL);
	else
		put_empty(s);
	put_backlog(s, call->ret >= 0 ? sock_of(arg_fd(call, 0)) : NULL);
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

/* A message that was to be sent. */
static __always_inline void put_sent(struct scratch *s, const struct call *call, const struct user_msghdr *message)
{
	struct pieces pieces = pieces_of_message(message, is_narrow(call));
	u32 size = put_pieces(s, &pieces, call->ret);

	put_fd(s, call, 0);
	put_u32(s, size);
	if (call->ret >= 0)
		put_tuple(s, arg_fd(call, 0), OUTBOUND, message->name);
	else
		put_empty(s);
}

SYSCALL(sendmsg)
{
	struct scratch *s = BEGIN(SOCKET_SENDMSG_X);
	struct user_msghdr message = {};

	if (!s)
		return;
	put_s64(s, call->ret);
	if (read_message(&message, arg_ptr(call, 1), is_narrow(call))) {
		put_sent(s, call, &message);
	} else {
		put_empty(s);
		put_fd(s, call, 0);
		put_empty(s);
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
	put_fd(s, call, 0);
	put_u32(s, arg(call, 2));
	event_send(s, DROP_OTHER);
}

SYSCALL(recvmsg)
{
	struct scratch *s = BEGIN(SOCKET_RECVMSG_X);
	struct user_msghdr message = {};
	struct pieces pieces;

	if (!s)
		return;
	put_s64(s, call->ret);
	if (call->ret >= 0) {
		put_u32(s, call->ret);
		read_message(&message, arg_ptr(call, 1), is_narrow(call));
		pieces = pieces_of_message(&message, is_narrow(call));
		if (call->ret)
			put_pieces(s, &pieces, call->ret);
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
	put_fd(s, call, 0);
	event_send(s, DROP_OTHER);
}

#define MESSAGES_MAX 16

struct user_mmsghdr {
	struct user_msghdr message;
	u32 length;
};

struct user_mmsghdr_32 {
	struct user_msghdr_32 message;
	u32 length;
};

/* One message of several: the result is how much of it was sent. A function that the verifier looks at once, not once a message. */
__attribute__((noinline)) int sent_one(u64 from, s32 fd, bool narrow)
{
	struct scratch *s = BEGIN(SOCKET_SENDMMSG_X);
	struct user_msghdr message = {};
	struct pieces pieces;
	u32 length = 0, size;

	if (!s)
		return 0;
	read_message(&message, (void *)from, narrow);
	bpf_probe_read_user(&length, sizeof(length), (void *)from + (narrow ? sizeof(struct user_msghdr_32) : sizeof(message)));
	pieces = pieces_of_message(&message, narrow);
	size = pieces_size(s, &pieces);
	put_s64(s, length);
	put_s64(s, fd);
	put_u32(s, size);
	put_pieces(s, &pieces, length);
	put_tuple(s, fd, OUTBOUND, message.name);
	event_send(s, DROP_OTHER);
	return 0;
}

__attribute__((noinline)) int received_one(u64 from, s32 fd, bool narrow)
{
	struct scratch *s = BEGIN(SOCKET_RECVMMSG_X);
	struct user_msghdr message = {};
	struct pieces pieces;
	u32 length = 0;

	if (!s)
		return 0;
	read_message(&message, (void *)from, narrow);
	bpf_probe_read_user(&length, sizeof(length), (void *)from + (narrow ? sizeof(struct user_msghdr_32) : sizeof(message)));
	pieces = pieces_of_message(&message, narrow);
	put_s64(s, length);
	put_s64(s, fd);
	put_u32(s, length);
	if (length)
		put_pieces(s, &pieces, length);
	else
		put_empty(s);
	put_tuple(s, fd, INBOUND, message.name);
	put_bytes_user(s, message.control, message.control_length, EVENT_MAX / 2 - 1);
	event_send(s, DROP_OTHER);
	return 0;
}

static __always_inline u64 message_at(const struct call *call, int index)
{
	return arg(call, 1) + index * (is_narrow(call) ? sizeof(struct user_mmsghdr_32) : sizeof(struct user_mmsghdr));
}

/* An event for each message that was sent, one if there was none. */
SYSCALL(sendmmsg)
{
	struct scratch *s;
	int i;

	for (i = 0; i < MESSAGES_MAX && i < call->ret; i++)
		sent_one(message_at(call, i), arg_fd(call, 0), is_narrow(call));
	if (call->ret > 0)
		return;
	s = BEGIN(SOCKET_SENDMMSG_X);
	if (!s)
		return;
	put_s64(s, call->ret);
	put_fd(s, call, 0);
	put_u32(s, 0);
	put_empty(s);
	put_empty(s);
	event_send(s, DROP_OTHER);
}

SYSCALL(recvmmsg)
{
	struct scratch *s;
	int i;

	for (i = 0; i < MESSAGES_MAX && i < call->ret; i++)
		received_one(message_at(call, i), arg_fd(call, 0), is_narrow(call));
	if (call->ret > 0)
		return;
	s = BEGIN(SOCKET_RECVMMSG_X);
	if (!s)
		return;
	put_s64(s, call->ret);
	put_fd(s, call, 0);
	put_u32(s, 0);
	put_empty(s);
	put_empty(s);
	put_empty(s);
	event_send(s, DROP_OTHER);
}

/* send and recv are calls of the 32-bit interface alone; elsewhere they are sendto and recvfrom without an address. */
SYSCALL_32(send)
{
	struct scratch *s = BEGIN(SOCKET_SEND_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_written(s, call, (u32)arg(call, 2));
	put_fd(s, call, 0);
	put_u32(s, arg(call, 2));
	if (call->ret >= 0)
		put_tuple(s, arg_fd(call, 0), OUTBOUND, NULL);
	else
		put_empty(s);
	event_send(s, DROP_OTHER);
}

SYSCALL_32(recv)
{
	struct scratch *s = BEGIN(SOCKET_RECV_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_read(s, call);
	put_fd(s, call, 0);
	put_u32(s, arg(call, 2));
	if (call->ret >= 0)
		put_tuple(s, arg_fd(call, 0), INBOUND, NULL);
	else
		put_empty(s);
	event_send(s, DROP_OTHER);
}

static __always_inline u8 shutdown_how(u32 how)
{
	return how <= F_SHUTDOWN_HOW__SHUT_RDWR ? how : (u8)F_SHUTDOWN_HOW__SHUT_UNKNOWN;
}

RESULT_AND(shutdown, SOCKET_SHUTDOWN_X, DROP_OTHER, put_fd(s, call, 0); put_u8(s, shutdown_how(arg(call, 1))))

/* That they were made is all that these tell. */
#define NOTHING(name, event)                      \
	SYSCALL(name)                             \
	{                                         \
		struct scratch *s = BEGIN(event); \
		if (s)                            \
			event_send(s, DROP_OTHER); \
	}
NOTHING(getsockname, SOCKET_GETSOCKNAME_X)
NOTHING(getpeername, SOCKET_GETPEERNAME_X)
