/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Names in the memory of the caller, looked at when the call begins and again when it ends. The kernel copied them in between: where both
 * looks see the same, that is what it used, or the memory was changed twice; where they differ, or one of them saw nothing, the event is
 * marked. Only for calls of which a rule asks that. */
#pragma once

#include "call.h"
#include "file.h"

/* What is behind the parameters of an event that has more to tell: a magic number, marks, a path if there is one. Whoever knows the
 * parameters alone passes it by. The same numbers are in crates/event/src/trailer.rs. */
#define TRAILER_MAGIC 0x7e1f
enum mark {
	MARK_RING = 1,    /* an operation of io_uring */
	MARK_CHANGED = 2, /* a name was another one when the call ended */
	MARK_UNSEEN = 4,  /* a name could not be looked at twice */
	MARK_PATH = 8,    /* the path of the descriptor's file follows */
};

/* Bits beside the flags of an open, for the filter. */
#define FILTER_CHANGED (1U << 31)
#define FILTER_UNSEEN (1U << 30)

static __always_inline void put_trailer(struct scratch *s)
{
	if (!s->marks)
		return;
	push_u16(s, TRAILER_MAGIC);
	push_u16(s, s->marks);
}

/* The names that a thread's call began with. */
struct names {
	u32 fresh;      /* whether the call has not ended yet */
	s32 lengths[2]; /* with the NUL; not positive where nothing could be read */
	u8 text[2][PATH_MAX_BYTES];
};

/* More threads at a time than these push each other out, and then their names count as not seen. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, u32);
	__type(value, struct names);
	__uint(max_entries, 256);
} names SEC(".maps");

/* Where the names are among the arguments of a call, by the machine's number: the place of the first from 1 on, that of the second in the
 * upper half. And the events of these calls. */
const volatile struct {
	u8 places[NUMBERS_MAX], events[512];
} named SEC(".rodata.named");

static __always_inline struct names *names_of(u32 thread)
{
	return bpf_map_lookup_elem(&names, &thread);
}

static __always_inline void note_name(struct names *n, u32 which, u64 name)
{
	n->lengths[which] = name ? bpf_probe_read_user_str(n->text[which], PATH_MAX_BYTES, (void *)name) : 0;
}

SEC("tracepoint/syscalls/sys_enter_named")
int named_begins(struct sys_enter_ctx *ctx)
{
	u32 thread = bpf_get_current_pid_tgid();
	u8 places = named.places[masked(ctx->nr, NUMBERS_MAX - 1)], first = places & 15, second = places >> 4;
	struct names *n = names_of(thread);
	struct scratch *s;
	u64 args[4];

	/* Read as memory: a program that looks beyond the arguments of a call cannot be attached to it. */
	if (!first || ignored(0) || bpf_probe_read_kernel(args, sizeof(args), ctx->args))
		return 0;
	if (!n) {
		/* Whatever is in it: all that is read of it is written first. */
		s = take_scratch();
		if (!s)
			return 0;
		bpf_map_update_elem(&names, &thread, s->data, 0);
		give_back(s);
		n = names_of(thread);
		if (!n)
			return 0;
	}
	note_name(n, 0, first == 1 ? args[0] : args[1]);
	n->lengths[1] = 0;
	if (second)
		note_name(n, 1, second == 2 ? args[1] : second == 3 ? args[2] : args[3]);
	n->fresh = 1;
	return 0;
}

/* Whether a name of this call is looked at twice. */
static __always_inline bool is_compared(u16 code)
{
	return config.compare && named.events[masked(code, 511)];
}

/* The mark for a name of which this is what the end of the call shows; `at` is where it is in the event that is being built. */
SHARED u32 compare_name(u32 key, u32 which, u64 at, s64 length)
{
	struct names *n = names_of(bpf_get_current_pid_tgid());
	struct scratch *s = scratch_at(key);
	u64 differing;
	int i;

	if (!s || !n || !n->fresh || which > 1)
		return MARK_UNSEEN;
	if (length <= 0 || n->lengths[which] <= 0)
		return MARK_UNSEEN;
	if (n->lengths[which] != length)
		return MARK_CHANGED;
	for (i = 0; i < PATH_MAX_BYTES && i < (length & ~7); i += 8)
		if (*(u64 *)&s->data[(at + i) & EVENT_MASK] != *(u64 *)&n->text[which][i & PATH_MASK])
			return MARK_CHANGED;
	i = length & PATH_MASK & ~7;
	differing = *(u64 *)&s->data[(at + i) & EVENT_MASK] ^ *(u64 *)&n->text[which][i];
	/* Of the last word only the bytes that belong to the name. */
	return differing & ((1ULL << 8 * (length & 7)) - 1) ? MARK_CHANGED : 0;
}

/* The name that the call began with, in place of one that is gone. */
SHARED u32 push_first_name(u32 key, u32 which)
{
	struct names *n = names_of(bpf_get_current_pid_tgid());
	struct scratch *s = scratch_at(key);

	if (!s || !n || !n->fresh || which > 1 || n->lengths[which] <= 0)
		return 0;
	return push_str_kernel(s, n->text[which], PATH_MAX_BYTES);
}

/* Appends a name, and marks the event if there is something to be said of it. */
static __always_inline u16 push_name(struct scratch *s, const struct call *call, int index, u32 which)
{
	const void *name = arg_ptr(call, index);
	u64 at = s->end;
	u16 length = push_str_user(s, name, PATH_MAX_BYTES);

	if (name && is_compared(HEADER_CODE(s))) {
		/* The beginnings of foreign calls pass us by. */
		s->marks |= call->abi == ABI_NATIVE ? compare_name(s->key, which, at, length) : MARK_UNSEEN;
		if (!length && call->abi == ABI_NATIVE)
			length = push_first_name(s->key, which);
	}
	return length;
}

static __always_inline void put_name(struct scratch *s, const struct call *call, int index, u32 which)
{
	put_length(s, push_name(s, call, index, which));
}

/* The call that names were looked at for has ended. */
static __always_inline void end_names(struct scratch *s)
{
	struct names *n = is_compared(HEADER_CODE(s)) ? names_of(bpf_get_current_pid_tgid()) : NULL;

	if (n)
		n->fresh = 0;
}

/* Sends the event of a call with names. */
static __always_inline void send_named(struct scratch *s, enum drop_cause group)
{
	if (config.compare)
		put_trailer(s);
	end_names(s);
	event_send(s, group);
}

/* Sends the event of a call on a descriptor; behind it, if rules ask, the path of its file as the kernel knows it. */
static __always_inline void send_of_file(struct scratch *s, s64 fd, u32 paths, enum drop_cause group)
{
	struct file *file = config.real_paths & paths && fd >= 0 ? file_of(fd) : NULL;

	if (file)
		s->marks |= MARK_PATH;
	put_trailer(s);
	if (file)
		push_path_at(s->key, (u64)__builtin_preserve_access_index(&file->f_path));
	end_names(s);
	event_send(s, group);
}

/* What the filter has to know of the name of an open before the event is built. */
static __always_inline u32 marks_of_name(u16 code, const struct call *call, int index)
{
	struct scratch *s;
	long length;
	u32 marks;

	if (!is_compared(code))
		return 0;
	if (call->abi != ABI_NATIVE)
		return FILTER_UNSEEN;
	s = take_scratch();
	if (!s)
		return FILTER_UNSEEN;
	length = bpf_probe_read_user_str(s->data, PATH_MAX_BYTES, arg_ptr(call, index));
	marks = compare_name(s->key, 0, 0, length);
	give_back(s);
	return (marks & MARK_CHANGED ? FILTER_CHANGED : 0) | (marks & MARK_UNSEEN ? FILTER_UNSEEN : 0);
}
