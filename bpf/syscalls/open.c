/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* open, openat, openat2, creat, open_by_handle_at */
#include "../lib/call.h"
#include "../lib/filter.h"
#include "../lib/flags.h"
#include "../lib/names.h"

static __always_inline u32 opened_flags(const struct file_id *id)
{
	return (id->created ? F_FILE_FLAGS__O_F_CREATED : 0) |
	       (id->layer == LAYER_UPPER ? F_FILE_FLAGS__FD_UPPER_LAYER : 0) |
	       (id->layer == LAYER_LOWER ? F_FILE_FLAGS__FD_LOWER_LAYER : 0);
}

static __always_inline struct file_id opened_id(struct scratch *s, s64 fd)
{
	struct file_id id = file_id(fd);

	id.layer = forgotten(s, id.layer);
	id.created = forgotten(s, id.created);
	return id;
}

/* The name that was passed. A program may take its memory away before we look, so that the kernel could read it and we cannot: then
 * the path of what was opened takes its place. */
static __always_inline void put_opened_name(struct scratch *s, const struct call *call, int index, s64 fd)
{
	u16 length = forgotten(s, push_name(s, call, index, 0));
	struct file *file = !length && fd >= 0 ? file_of(fd) : NULL;

	if (file)
		put_path(s, __builtin_preserve_access_index(&file->f_path));
	else
		put_length(s, length);
}

static __always_inline void send_opened(struct scratch *s, s64 fd)
{
	send_of_file(s, fd, PATHS_OF_OPENED, DROP_OPEN);
}

SYSCALL(open)
{
	u32 flags = arg(call, 1);
	struct file_id id;
	struct scratch *s;
	s64 fd;

	if (!open_needed(EVT_SYSCALL_OPEN_X, call, asked_flags(flags) | marks_of_name(EVT_SYSCALL_OPEN_X, call, 0), arg_ptr(call, 0)))
		return;
	s = BEGIN(SYSCALL_OPEN_X);
	if (!s)
		return;
	fd = forgotten(s, call->ret);
	id = opened_id(s, fd);
	put_s64(s, fd);
	put_opened_name(s, call, 0, fd);
	put_u32(s, open_flags(flags) | opened_flags(&id));
	put_u32(s, open_mode(flags, arg(call, 2)));
	put_u32(s, id.dev);
	put_u64(s, id.ino);
	send_opened(s, fd);
}

SYSCALL(openat)
{
	u32 flags = arg(call, 2);
	struct file_id id;
	struct scratch *s;
	s64 fd;

	if (!open_needed(EVT_SYSCALL_OPENAT_2_X, call, asked_flags(flags) | marks_of_name(EVT_SYSCALL_OPENAT_2_X, call, 1), arg_ptr(call, 1)))
		return;
	s = BEGIN(SYSCALL_OPENAT_2_X);
	if (!s)
		return;
	fd = forgotten(s, call->ret);
	id = opened_id(s, fd);
	put_s64(s, fd);
	put_s64(s, arg_fd(call, 0));
	put_opened_name(s, call, 1, fd);
	put_u32(s, open_flags(flags) | opened_flags(&id));
	put_u32(s, open_mode(flags, arg(call, 3)));
	put_u32(s, id.dev);
	put_u64(s, id.ino);
	send_opened(s, fd);
}

struct user_open_how {
	u64 flags, mode, resolve;
};

SYSCALL(openat2)
{
	struct user_open_how how = {};
	struct file_id id;
	struct scratch *s;
	s64 fd;

	bpf_probe_read_user(&how, sizeof(how), arg_ptr(call, 2));
	if (!open_needed(EVT_SYSCALL_OPENAT2_X, call, asked_flags(how.flags) | marks_of_name(EVT_SYSCALL_OPENAT2_X, call, 1), arg_ptr(call, 1)))
		return;
	s = BEGIN(SYSCALL_OPENAT2_X);
	if (!s)
		return;
	fd = forgotten(s, call->ret);
	id = opened_id(s, fd);
	put_s64(s, fd);
	put_s64(s, arg_fd(call, 0));
	put_opened_name(s, call, 1, fd);
	put_u32(s, open_flags(how.flags) | opened_flags(&id));
	put_u32(s, open_mode(how.flags, how.mode));
	put_u32(s, resolve_flags(how.resolve));
	put_u32(s, id.dev);
	put_u64(s, id.ino);
	send_opened(s, fd);
}

SYSCALL(creat)
{
	struct file_id id;
	struct scratch *s;
	s64 fd;

	/* Its event has no flags. */
	if (!open_needed(EVT_SYSCALL_CREAT_X, call, marks_of_name(EVT_SYSCALL_CREAT_X, call, 0), arg_ptr(call, 0)))
		return;
	s = BEGIN(SYSCALL_CREAT_X);
	if (!s)
		return;
	fd = forgotten(s, call->ret);
	id = opened_id(s, fd);
	put_s64(s, fd);
	put_opened_name(s, call, 0, fd);
	put_u32(s, arg(call, 1) & 07777);
	put_u32(s, id.dev);
	put_u64(s, id.ino);
	put_u16(s, id.layer == LAYER_UPPER ? F_CREAT_FLAGS__FD_UPPER_LAYER_CREAT :
		   id.layer == LAYER_LOWER ? F_CREAT_FLAGS__FD_LOWER_LAYER_CREAT :
					     0);
	send_opened(s, fd);
}

SYSCALL(open_by_handle_at)
{
	struct scratch *s = BEGIN(SYSCALL_OPEN_BY_HANDLE_AT_X);
	struct file *file;
	struct file_id id;

	if (!s)
		return;
	id = opened_id(s, call->ret);
	file = call->ret >= 0 ? file_of(call->ret) : NULL;
	put_s64(s, call->ret);
	put_s64(s, arg_fd(call, 0));
	put_u32(s, open_flags(arg(call, 2)) | opened_flags(&id));
	if (file)
		put_path(s, __builtin_preserve_access_index(&file->f_path));
	else
		put_empty(s);
	put_u32(s, id.dev);
	put_u64(s, id.ino);
	send_opened(s, call->ret);
}
