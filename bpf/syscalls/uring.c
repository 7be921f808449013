/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Operations of io_uring, as the events of the calls that would do the same.
 *
 * What was asked for is taken down when the kernel has copied it, so that no other thread can change it any more; what came of it is
 * known at the completion, which may be in another thread of the same process. Operations that go on until they are cancelled have many
 * completions, of which only the last names the request; the others name what the program called it. */
#include "../lib/data.h"
#include "../lib/flags.h"
#include "../lib/names.h"
#include "../lib/socket.h"

/* The numbers of operations, from the kernel's interface. */
enum {
	OP_READV = 1,
	OP_WRITEV = 2,
	OP_READ_FIXED = 4,
	OP_WRITE_FIXED = 5,
	OP_SENDMSG = 9,
	OP_RECVMSG = 10,
	OP_ACCEPT = 13,
	OP_CONNECT = 16,
	OP_OPENAT = 18,
	OP_CLOSE = 19,
	OP_READ = 22,
	OP_WRITE = 23,
	OP_SEND = 26,
	OP_RECV = 27,
	OP_OPENAT2 = 28,
	OP_SPLICE = 30,
	OP_SHUTDOWN = 34,
	OP_RENAMEAT = 35,
	OP_UNLINKAT = 36,
	OP_MKDIRAT = 37,
	OP_SYMLINKAT = 38,
	OP_LINKAT = 39,
	OP_SOCKET = 45,
	OP_SEND_ZC = 47,
	OP_SENDMSG_ZC = 48,
	OP_READ_MULTISHOT = 49,
	OP_FIXED_FD_INSTALL = 54,
	OP_BIND = 56,
	OP_LISTEN = 57,
	OP_READV_FIXED = 60,
	OP_WRITEV_FIXED = 61,
	OP_PIPE = 62,
	OPS_MAX = 64,
};

/* Which of them are reported: those whose calls were asked for, by the code of the call if its event has no parameters but that; else by
 * OP_REPORTED. */
const volatile u16 operations[OPS_MAX] SEC(".rodata.operations");
#define OP_REPORTED 0xffff

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct filename {
	const char *name;
};
struct io_open {
	int dfd;
	u32 file_slot;
	struct filename *filename;
	struct {
		u64 flags, mode, resolve;
	} how;
};
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
struct io_rw {
	u64 addr;
	u32 len;
};
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
struct io_bind {
	int addr_len;
};
struct io_async_msghdr {
	struct {
		u16 ss_family;
	} addr;
};
struct io_listen {
	int backlog;
};
struct io_pipe {
	int *fds;
	int flags, file_slot;
};
struct io_cqe {
	u64 user_data;
	s32 res;
	int fd;
};
struct io_kiocb {
	struct file *file;
	u8 opcode;
	u64 flags;
	struct io_cqe cqe;
	void *ctx, *async_data;
};
/* What programs see of a completion. */
struct io_uring_cqe {
	u64 user_data;
	s32 res;
};
#pragma clang attribute pop

#define IO_WORKER 0x10    /* PF_IO_WORKER: a thread of the kernel that works for a process */
#define FIXED_FILE 1      /* REQ_F_FIXED_FILE: the descriptor is a place in the ring's table */
#define AT_END (~0U)      /* IORING_FILE_INDEX_ALLOC: any free place */
#define LARGEFILE 0100000 /* which the kernel adds itself */
#define FD_IN_FIXED (1U << 31) /* SPLICE_F_FD_IN_FIXED */

/* Files in a ring's own table have no descriptor: they are numbered from here on. */
#define TABLE_BASE (1 << 30)

/* One request, between its submission and its completion. */
struct request {
	u64 thread;
	u8 op;
	bool is_fixed;
	u32 slot; /* where the new file goes in the ring's table, counted from 1; 0 when it gets a descriptor */
	s64 fd, other;
	u64 flags, mode, resolve;
	const void *data;
	u64 length;
	u8 addr[SOCKADDR_MAX + 1];
	u32 addr_length;
	char path[PATH_MAX_BYTES], new_path[PATH_MAX_BYTES];
};

/* A completion that nobody is told of leaves its request here until others push it out. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, u64);
	__type(value, struct request);
	__uint(max_entries, 512);
} requests SEC(".maps");

/* The requests that may complete more than once, by their ring and by what the program called them. */
struct shot {
	u64 ring, user_data;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct shot);
	__type(value, u64);
	__uint(max_entries, 512);
} shots SEC(".maps");

static __always_inline void take_path(char *to, struct filename *name)
{
	if (bpf_probe_read_kernel_str(to, PATH_MAX_BYTES, BPF_CORE_READ(name, name)) <= 0)
		to[0] = 0;
}

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

static __always_inline void take_connect(struct request *r, struct io_kiocb *req)
{
	struct io_connect *connect = (void *)req;
	u32 length = BPF_CORE_READ(connect, addr_len);

	if (length > SOCKADDR_MAX)
		length = SOCKADDR_MAX;
	if (!bpf_probe_read_user(r->addr, masked(length, SOCKADDR_MAX), BPF_CORE_READ(connect, addr)))
		r->addr_length = length;
}

static __always_inline void take_socket(struct request *r, struct io_kiocb *req)
{
	struct io_socket *socket = (void *)req;

	r->fd = BPF_CORE_READ(socket, domain);
	r->flags = BPF_CORE_READ(socket, type);
	r->other = BPF_CORE_READ(socket, protocol);
	r->slot = BPF_CORE_READ(socket, file_slot);
}

static __always_inline void take_rw(struct request *r, struct io_kiocb *req)
{
	struct io_rw *rw = (void *)req;

	r->data = (void *)BPF_CORE_READ(rw, addr);
	r->length = BPF_CORE_READ(rw, len);
}

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

static __always_inline bool may_repeat(u8 op)
{
	return op == OP_ACCEPT || op == OP_RECV || op == OP_RECVMSG || op == OP_READ_MULTISHOT;
}

static __always_inline struct shot shot_of(u64 ring, u64 user_data)
{
	struct shot shot = {ring, user_data};

	return shot;
}

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
	case OP_UNLINKAT: {
		struct io_unlink *unlink = (void *)req;

		r->fd = BPF_CORE_READ(unlink, dfd);
		r->flags = BPF_CORE_READ(unlink, flags);
		take_path(r->path, BPF_CORE_READ(unlink, filename));
		break;
	}
	case OP_MKDIRAT: {
		struct io_mkdir *mkdir = (void *)req;

		r->fd = BPF_CORE_READ(mkdir, dfd);
		r->mode = BPF_CORE_READ(mkdir, mode);
		take_path(r->path, BPF_CORE_READ(mkdir, filename));
		break;
	}
	case OP_RENAMEAT:
	case OP_SYMLINKAT:
	case OP_LINKAT:
		take_two_paths(r, req);
		break;
	case OP_CONNECT:
		take_connect(r, req);
		break;
	case OP_ACCEPT: {
		struct io_accept *accept = (void *)req;

		r->flags = BPF_CORE_READ(accept, flags);
		r->slot = BPF_CORE_READ(accept, file_slot);
		break;
	}
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
	case OP_SENDMSG_ZC: {
		struct io_sr_msg *message = (void *)req;

		r->data = BPF_CORE_READ(message, buf);
		r->length = (u32)BPF_CORE_READ(message, len);
		break;
	}
	}
	bpf_map_update_elem(&requests, &key, r, 0);
	give_back(s);
	if (may_repeat(op)) {
		shot = shot_of((u64)BPF_CORE_READ(req, ctx), BPF_CORE_READ(req, cqe.user_data));
		bpf_map_update_elem(&shots, &shot, &key, 0);
	}
	return 0;
}

/* The number of a new file: its descriptor, or its place in the ring's table. */
static __always_inline s64 new_file(const struct request *r, s32 result)
{
	if (!r->slot || result < 0)
		return result;
	return TABLE_BASE + (r->slot == AT_END ? (u32)result : r->slot - 1);
}

static __always_inline s64 old_file(const struct request *r)
{
	return r->is_fixed ? TABLE_BASE + r->fd : r->fd;
}

static __always_inline struct scratch *begin_request(const struct request *r, u16 code, u32 params)
{
	struct scratch *s = event_begin_for(code, params, r->thread);

	if (s)
		s->marks = MARK_RING;
	return s;
}

static __always_inline void send_request(struct scratch *s, enum drop_cause group)
{
	put_trailer(s);
	event_send(s, group);
}
#define BEGIN_REQUEST(event) begin_request(r, EVT_##event, NPARAMS_##event)

static __always_inline void opened_by(const struct request *r, s32 result)
{
	bool is_second = r->op == OP_OPENAT2;
	struct scratch *s = is_second ? BEGIN_REQUEST(SYSCALL_OPENAT2_X) : BEGIN_REQUEST(SYSCALL_OPENAT_2_X);
	struct file_id id = file_id(r->slot ? -1 : result);

	if (!s)
		return;
	put_s64(s, new_file(r, result));
	put_s64(s, r->fd);
	put_str_kernel(s, r->path);
	put_u32(s, open_flags(r->flags & ~LARGEFILE) | opened_flags(&id));
	put_u32(s, open_mode(r->flags, r->mode));
	if (is_second)
		put_u32(s, resolve_flags(r->resolve));
	put_u32(s, id.dev);
	put_u64(s, id.ino);
	send_opened(s, r->slot ? -1 : result);
}

static __always_inline void connected_by(const struct request *r, struct sock *sk, s32 result)
{
	struct scratch *s = BEGIN_REQUEST(SOCKET_CONNECT_X);

	if (!s)
		return;
	put_s64(s, result);
	if (result == 0 || result == -EINPROGRESS)
		put_tuple_of(s, sk, OUTBOUND, NULL);
	else
		put_empty(s);
	put_s64(s, old_file(r));
	bpf_probe_read_kernel(s->path, sizeof(r->addr), r->addr);
	put_connected(s, result == 0 || result == -EINPROGRESS ? sk : NULL, r->addr_length);
	send_request(s, DROP_CONNECT);
}

static __always_inline void accepted_by(const struct request *r, struct sock *sk, s32 result)
{
	struct scratch *s = BEGIN_REQUEST(SOCKET_ACCEPT4_6_X);

	if (!s)
		return;
	put_s64(s, new_file(r, result));
	if (result >= 0 && !r->slot)
		put_tuple(s, result, INBOUND, NULL);
	else
		put_empty(s);
	put_backlog(s, result >= 0 ? sk : NULL);
	put_u32(s, fd_flags(r->flags));
	send_request(s, DROP_OTHER);
}

static __always_inline void made_by(const struct request *r, s32 result)
{
	struct scratch *s = BEGIN_REQUEST(SOCKET_SOCKET_X);

	if (!s)
		return;
	put_s64(s, new_file(r, result));
	put_u32(s, (u8)r->fd);
	put_u32(s, r->flags);
	put_u32(s, r->other);
	put_u32(s, fd_flags(r->flags));
	send_request(s, DROP_OTHER);
}

static __always_inline void sent_by(const struct request *r, struct sock *sk, s32 result)
{
	struct scratch *s = BEGIN_REQUEST(SOCKET_SENDTO_X);

	if (!s)
		return;
	put_s64(s, result);
	put_data(s, r->data, result > 0 ? result : r->length);
	put_s64(s, old_file(r));
	put_u32(s, r->length);
	if (result >= 0)
		put_tuple_of(s, sk, OUTBOUND, NULL);
	else
		put_empty(s);
	send_request(s, DROP_OTHER);
}

static __always_inline void received_by(const struct request *r, struct sock *sk, s32 result)
{
	struct scratch *s = BEGIN_REQUEST(SOCKET_RECVFROM_X);

	if (!s)
		return;
	put_s64(s, result);
	if (result >= 0) {
		put_data(s, r->data, result);
		put_tuple_of(s, sk, INBOUND, NULL);
	} else {
		put_empty(s);
		put_empty(s);
	}
	put_s64(s, old_file(r));
	put_u32(s, r->length);
	send_request(s, DROP_OTHER);
}

static __always_inline void message_sent_by(const struct request *r, struct sock *sk, s32 result)
{
	struct scratch *s = BEGIN_REQUEST(SOCKET_SENDMSG_X);
	struct user_msghdr message = {};
	struct pieces pieces;
	u32 size;

	if (!s)
		return;
	put_s64(s, result);
	read_message(&message, r->data, false);
	pieces = pieces_of_message(&message, false);
	size = put_pieces(s, &pieces, result);
	put_s64(s, old_file(r));
	put_u32(s, size);
	if (result >= 0)
		put_tuple_of(s, sk, OUTBOUND, message.name);
	else
		put_empty(s);
	send_request(s, DROP_OTHER);
}

static __always_inline void message_received_by(const struct request *r, struct sock *sk, s32 result)
{
	struct scratch *s = BEGIN_REQUEST(SOCKET_RECVMSG_X);
	struct user_msghdr message = {};
	struct pieces pieces;

	if (!s)
		return;
	put_s64(s, result);
	put_u32(s, result > 0 ? result : 0);
	if (result > 0) {
		read_message(&message, r->data, false);
		pieces = pieces_of_message(&message, false);
		put_pieces(s, &pieces, result);
	} else {
		put_empty(s);
	}
	if (result >= 0)
		put_tuple_of(s, sk, INBOUND, message.name);
	else
		put_empty(s);
	put_bytes_user(s, message.control, message.control_length, EVENT_MAX / 2 - 1);
	put_s64(s, old_file(r));
	send_request(s, DROP_OTHER);
}

static __always_inline void read_by(const struct request *r, s32 result)
{
	struct scratch *s = BEGIN_REQUEST(SYSCALL_READ_X);

	if (!s)
		return;
	put_s64(s, result);
	if (result > 0)
		put_data(s, r->data, result);
	else
		put_empty(s);
	put_s64(s, old_file(r));
	put_u32(s, r->length);
	send_request(s, DROP_OTHER);
}

static __always_inline void written_by(const struct request *r, s32 result)
{
	struct scratch *s = BEGIN_REQUEST(SYSCALL_WRITE_X);

	if (!s)
		return;
	put_s64(s, result);
	put_data(s, r->data, result > 0 ? result : r->length);
	put_s64(s, old_file(r));
	put_u32(s, r->length);
	send_request(s, DROP_OTHER);
}

/* Several pieces, read or written. */
static __always_inline void pieces_by(const struct request *r, s32 result)
{
	bool is_read = r->op == OP_READV || r->op == OP_READV_FIXED;
	struct scratch *s = is_read ? BEGIN_REQUEST(SYSCALL_READV_X) : BEGIN_REQUEST(SYSCALL_WRITEV_X);
	struct pieces pieces = {r->data, r->length, false};
	u32 size;

	if (!s)
		return;
	put_s64(s, result);
	if (is_read) {
		put_u32(s, result > 0 ? result : 0);
		if (result > 0)
			put_pieces(s, &pieces, result);
		else
			put_empty(s);
		put_s64(s, old_file(r));
	} else {
		size = put_pieces(s, &pieces, result);
		put_s64(s, old_file(r));
		put_u32(s, size);
	}
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

static __always_inline void bound_by(const struct request *r, struct io_kiocb *req, struct sock *sk, s32 result)
{
	u32 length = r->addr_length > SOCKADDR_MAX ? SOCKADDR_MAX : r->addr_length;
	struct scratch *s = BEGIN_REQUEST(SOCKET_BIND_X);

	if (!s)
		return;
	put_s64(s, result);
	if (bpf_probe_read_kernel(s->path, masked(length, SOCKADDR_MAX), bind_address(req, sk)))
		length = 0;
	put_bound(s, result == 0 ? sk : NULL, length);
	put_s64(s, old_file(r));
	send_request(s, DROP_OTHER);
}

static __always_inline void pipe_by(const struct request *r, s32 result)
{
	struct scratch *s = BEGIN_REQUEST(SYSCALL_PIPE2_X);
	s32 fds[2] = {-1, -1};

	if (!s)
		return;
	if (bpf_probe_read_user(fds, sizeof(fds), r->data))
		fds[0] = fds[1] = -1;
	put_s64(s, result);
	put_s64(s, r->slot ? TABLE_BASE + fds[0] : fds[0]);
	put_s64(s, r->slot ? TABLE_BASE + fds[1] : fds[1]);
	put_u64(s, result == 0 && !r->slot ? file_id(fds[0]).ino : 0);
	put_u32(s, fd_flags(r->flags) | (r->flags & 040000 ? F_FILE_FLAGS__O_DIRECT : 0));
	send_request(s, DROP_OTHER);
}

/* What takes a descriptor and a number or two. */
static __always_inline void small_by(const struct request *r, s32 result)
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
	put_s64(s, result);
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
static __always_inline void generic_by(const struct request *r, u16 call)
{
	struct scratch *s = BEGIN_REQUEST(GENERIC_X);

	if (!s)
		return;
	put_u16(s, call);
	put_u16(s, calls.number[masked(call, NUMBERS_MAX - 1)]);
	send_request(s, DROP_OTHER);
}

/* Paths: a result, one or two of them, each with its directory, and flags or a mode. */
static __always_inline void path_by(const struct request *r, s32 result)
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
	put_s64(s, result);
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

static __always_inline void report(const struct request *r, struct io_kiocb *req, s32 result)
{
	struct sock *sk = sock_of_file(BPF_CORE_READ(req, file));
	u16 call = operations[masked(r->op, OPS_MAX - 1)];

	if (call != OP_REPORTED) {
		generic_by(r, call);
		return;
	}
	switch (r->op) {
	case OP_OPENAT:
	case OP_OPENAT2:
		opened_by(r, result);
		break;
	case OP_CONNECT:
		connected_by(r, sk, result);
		break;
	case OP_ACCEPT:
		accepted_by(r, sk, result);
		break;
	case OP_SOCKET:
		made_by(r, result);
		break;
	case OP_SEND:
	case OP_SEND_ZC:
		sent_by(r, sk, result);
		break;
	case OP_RECV:
		received_by(r, sk, result);
		break;
	case OP_SENDMSG:
	case OP_SENDMSG_ZC:
		message_sent_by(r, sk, result);
		break;
	case OP_RECVMSG:
		message_received_by(r, sk, result);
		break;
	case OP_READ:
	case OP_READ_FIXED:
	case OP_READ_MULTISHOT:
		read_by(r, result);
		break;
	case OP_WRITE:
	case OP_WRITE_FIXED:
		written_by(r, result);
		break;
	case OP_READV:
	case OP_WRITEV:
	case OP_READV_FIXED:
	case OP_WRITEV_FIXED:
		pieces_by(r, result);
		break;
	case OP_BIND:
		bound_by(r, req, sk, result);
		break;
	case OP_PIPE:
		pipe_by(r, result);
		break;
	case OP_CLOSE:
	case OP_SHUTDOWN:
	case OP_LISTEN:
	case OP_SPLICE:
	case OP_FIXED_FD_INSTALL:
		small_by(r, result);
		break;
	default:
		path_by(r, result);
	}
}

SEC("tp_btf/io_uring_complete")
int uring_completed(u64 *ctx)
{
	struct io_kiocb *req = (void *)ctx[1];
	u64 key = (u64)req, *of_shot;
	const struct request *r;
	struct io_uring_cqe cqe = {};
	struct shot shot;
	u64 args[4];
	s32 result;

	if (!req) {
		/* Not the last completion. What the program called it and the result come as such, or in the entry that the program sees:
		 * which one depends on the kernel, and more than there is must not be asked of the context itself. */
		if (bpf_probe_read_kernel(args, sizeof(args), ctx))
			return 0;
		shot = shot_of(args[0], args[2]);
		cqe.res = args[3];
		of_shot = bpf_map_lookup_elem(&shots, &shot);
		if (!of_shot) {
			if (bpf_probe_read_kernel(&cqe, sizeof(cqe), (void *)args[2]))
				return 0;
			shot = shot_of(args[0], cqe.user_data);
			of_shot = bpf_map_lookup_elem(&shots, &shot);
		}
		if (!of_shot)
			return 0;
		key = *of_shot;
		req = (void *)key;
		result = cqe.res;
	} else {
		result = BPF_CORE_READ(req, cqe.res);
	}
	r = bpf_map_lookup_elem(&requests, &key);
	if (!r)
		return 0;
	if (!config.drop_failed || result >= 0)
		report(r, req, result);
	if (!ctx[1])
		return 0;
	if (may_repeat(r->op)) {
		shot = shot_of(ctx[0], BPF_CORE_READ(req, cqe.user_data));
		bpf_map_delete_elem(&shots, &shot);
	}
	bpf_map_delete_elem(&requests, &key);
	return 0;
}
