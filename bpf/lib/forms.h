/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The shapes that the forms of many calls have. */
#pragma once

#include "names.h"

static __always_inline void put_fd(struct scratch *s, const struct call *call, int index)
{
	put_s64(s, arg_fd(call, index));
}

static __always_inline void put_path_arg(struct scratch *s, const struct call *call, int index)
{
	put_str_user(s, arg_ptr(call, index));
}

/* A result, then what the statements put: of a call of such a kind, sent so. */
#define RESULT_AND_BY(kind, send, name, event, group, ...) \
	kind(name)                                         \
	{                                                  \
		struct scratch *s = BEGIN(event);          \
		if (!s)                                    \
			return;                            \
		put_s64(s, call->ret);                     \
		__VA_ARGS__;                               \
		send(s, group);                            \
	}

#define RESULT_AND(...) RESULT_AND_BY(SYSCALL, event_send, __VA_ARGS__)

/* The same for calls on paths, whose names may be looked at twice. */
#define RESULT_AND_NAMES(name, event, ...) RESULT_AND_BY(SYSCALL, send_named, name, event, DROP_DIR_FILE, __VA_ARGS__)

/* The same for calls of the 32-bit interface alone. */
#define RESULT_AND_32(...) RESULT_AND_BY(SYSCALL_32, event_send, __VA_ARGS__)

/* A result that cannot be an error and is an id. */
#define ID_OF_CALLER(name, event)                 \
	SYSCALL(name)                             \
	{                                         \
		struct scratch *s = BEGIN(event); \
		if (!s)                           \
			return;                   \
		put_u32(s, call->ret);            \
		event_send(s, DROP_OTHER);        \
	}

/* A body that another call of the 32-bit interface shares under a name of its own. */
#define ALSO_32(name, body)                       \
	SYSCALL_32(name)                          \
	{                                         \
		on_##body(call);                  \
	}
