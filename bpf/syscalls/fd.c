/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Calls that close, copy or make descriptors that are not files or sockets. */
#include "../lib/call.h"
#include "../lib/flags.h"
#include "../lib/forms.h"
#include "../lib/task.h"

SYSCALL(close)
{
	struct scratch *s = BEGIN(SYSCALL_CLOSE_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_s64(s, arg_fd(call, 0));
	event_send(s, DROP_CLOSE);
}

SYSCALL(close_range)
{
	struct scratch *s = BEGIN(SYSCALL_CLOSE_RANGE_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_u32(s, arg(call, 0));
	put_u32(s, arg(call, 1));
	put_u32(s, arg(call, 2));
	event_send(s, DROP_CLOSE);
}

SYSCALL(dup)
{
	struct scratch *s = BEGIN(SYSCALL_DUP_1_X);

	if (!s)
		return;
	put_s64(s, (s32)call->ret);
	put_s64(s, arg_fd(call, 0));
	event_send(s, DROP_OTHER);
}

SYSCALL(dup2)
{
	struct scratch *s = BEGIN(SYSCALL_DUP2_X);

	if (!s)
		return;
	put_s64(s, (s32)call->ret);
	put_s64(s, arg_fd(call, 0));
	put_s64(s, arg_fd(call, 1));
	event_send(s, DROP_OTHER);
}

SYSCALL(dup3)
{
	struct scratch *s = BEGIN(SYSCALL_DUP3_X);

	if (!s)
		return;
	put_s64(s, (s32)call->ret);
	put_s64(s, arg_fd(call, 0));
	put_s64(s, arg_fd(call, 1));
	put_u32(s, fd_flags(arg(call, 2)) & F_FILE_FLAGS__O_CLOEXEC);
	event_send(s, DROP_OTHER);
}

SYSCALL(fcntl)
{
	struct scratch *s;
	u8 command = fcntl_command(arg(call, 1));

	s = BEGIN(SYSCALL_FCNTL_X);
	if (!s)
		return;
	put_s64(s, call->ret);
	put_s64(s, arg_fd(call, 0));
	put_u8(s, command);
	put_u64(s, arg(call, 2));
	event_send(s, DROP_OTHER);
}

static __always_inline void put_pair(struct scratch *s, const struct call *call)
{
	s32 fds[2] = {-1, -1};

	if (bpf_probe_read_user(fds, sizeof(fds), arg_ptr(call, 0)))
		fds[0] = fds[1] = -1;
	put_s64(s, call->ret);
	put_s64(s, fds[0]);
	put_s64(s, fds[1]);
	put_u64(s, call->ret == 0 ? file_id(fds[0]).ino : 0);
}

SYSCALL(pipe)
{
	struct scratch *s = BEGIN(SYSCALL_PIPE_X);

	if (!s)
		return;
	put_pair(s, call);
	event_send(s, DROP_OTHER);
}

SYSCALL(pipe2)
{
	struct scratch *s = BEGIN(SYSCALL_PIPE2_X);
	u32 flags = arg(call, 1);

	if (!s)
		return;
	put_pair(s, call);
	put_u32(s, fd_flags(flags) | (flags & 040000 ? F_FILE_FLAGS__O_DIRECT : 0));
	event_send(s, DROP_OTHER);
}

SYSCALL(eventfd)
{
	struct scratch *s = BEGIN(SYSCALL_EVENTFD_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_u64(s, (u32)arg(call, 0));
	put_u32(s, 0);
	event_send(s, DROP_OTHER);
}

SYSCALL(eventfd2)
{
	struct scratch *s = BEGIN(SYSCALL_EVENTFD2_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_u16(s, fd_flags(arg(call, 1)));
	put_u64(s, (u32)arg(call, 0));
	event_send(s, DROP_OTHER);
}

SYSCALL(signalfd)
{
	struct scratch *s = BEGIN(SYSCALL_SIGNALFD_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_s64(s, arg_fd(call, 0));
	put_u32(s, 0);
	put_u8(s, 0);
	event_send(s, DROP_OTHER);
}

SYSCALL(signalfd4)
{
	struct scratch *s = BEGIN(SYSCALL_SIGNALFD4_X);

	if (!s)
		return;
	put_s64(s, (s32)call->ret);
	put_u16(s, fd_flags(arg(call, 3)));
	put_s64(s, arg_fd(call, 0));
	put_u32(s, 0);
	event_send(s, DROP_OTHER);
}

SYSCALL(timerfd_create)
{
	struct scratch *s = BEGIN(SYSCALL_TIMERFD_CREATE_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_u8(s, arg(call, 0));
	put_u8(s, fd_flags(arg(call, 1))); /* O_CLOEXEC does not fit into what the schema provides */
	event_send(s, DROP_OTHER);
}

SYSCALL(inotify_init)
{
	struct scratch *s = BEGIN(SYSCALL_INOTIFY_INIT_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_u8(s, 0);
	event_send(s, DROP_OTHER);
}

SYSCALL(inotify_init1)
{
	struct scratch *s = BEGIN(SYSCALL_INOTIFY_INIT1_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_u16(s, fd_flags(arg(call, 0)));
	event_send(s, DROP_OTHER);
}

SYSCALL(epoll_create)
{
	struct scratch *s = BEGIN(SYSCALL_EPOLL_CREATE_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_s32(s, arg(call, 0));
	event_send(s, DROP_OTHER);
}

SYSCALL(epoll_create1)
{
	struct scratch *s = BEGIN(SYSCALL_EPOLL_CREATE1_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_u32(s, arg(call, 0) & 02000000 ? F_EPOLL_CREATE1_FLAGS__EPOLL_CLOEXEC : 0);
	event_send(s, DROP_OTHER);
}

SYSCALL(memfd_create)
{
	struct scratch *s = BEGIN(SYSCALL_MEMFD_CREATE_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_str_user(s, arg_ptr(call, 0));
	put_u32(s, arg(call, 1) & 7);
	event_send(s, DROP_OTHER);
}

SYSCALL(pidfd_open)
{
	struct scratch *s = BEGIN(SYSCALL_PIDFD_OPEN_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_s64(s, arg_fd(call, 0));
	put_u32(s, arg(call, 1) & 04000 ? F_PIDFD_OPEN_FLAGS__PIDFD_NONBLOCK : 0);
	event_send(s, DROP_OTHER);
}

SYSCALL(pidfd_getfd)
{
	struct scratch *s = BEGIN(SYSCALL_PIDFD_GETFD_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_s64(s, arg_fd(call, 0));
	put_s64(s, arg_fd(call, 1));
	put_u32(s, arg(call, 2));
	event_send(s, DROP_OTHER);
}

SYSCALL(userfaultfd)
{
	struct scratch *s = BEGIN(SYSCALL_USERFAULTFD_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_u32(s, arg(call, 0));
	event_send(s, DROP_OTHER);
}

SYSCALL(bpf)
{
	struct scratch *s = BEGIN(SYSCALL_BPF_2_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_u32(s, arg(call, 0));
	event_send(s, DROP_OTHER);
}

struct user_io_uring_params {
	u32 sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features;
};

SYSCALL(io_uring_setup)
{
	struct scratch *s = BEGIN(SYSCALL_IO_URING_SETUP_X);
	struct user_io_uring_params params = {};

	if (!s)
		return;
	bpf_probe_read_user(&params, sizeof(params), arg_ptr(call, 1));
	put_s64(s, call->ret);
	put_u32(s, arg(call, 0));
	put_u32(s, params.sq_entries);
	put_u32(s, params.cq_entries);
	put_u32(s, io_uring_flags(params.flags));
	put_u32(s, params.sq_thread_cpu);
	put_u32(s, params.sq_thread_idle);
	/* These bits are the same on the wire, as far as they have names there. */
	put_u32(s, params.features & 0x7ff);
	event_send(s, DROP_OTHER);
}

RESULT_AND(io_uring_enter, SYSCALL_IO_URING_ENTER_X, DROP_OTHER, put_fd(s, call, 0); put_u32(s, arg(call, 1));
	   put_u32(s, arg(call, 2)); put_u32(s, arg(call, 3) & 15); put_u32(s, arg(call, 4)))
RESULT_AND(io_uring_register, SYSCALL_IO_URING_REGISTER_X, DROP_OTHER, put_fd(s, call, 0); put_u16(s, arg(call, 1));
	   put_u64(s, arg(call, 2)); put_u32(s, arg(call, 3)))

ALSO_32(fcntl64, fcntl)
