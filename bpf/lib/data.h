/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What calls read and write, and the structures in the memory of the caller that say where it is. */
#pragma once

#include "call.h"

static __always_inline void put_data(struct scratch *s, const void *from, s64 length)
{
	put_bytes_user(s, from, length > config.snaplen ? config.snaplen : length, EVENT_MAX / 2 - 1);
}

/* What was written: as much as the call says, all of it if it failed. */
static __always_inline void put_written(struct scratch *s, const struct call *call, u64 size)
{
	put_data(s, arg_ptr(call, 1), call->ret > 0 ? call->ret : size);
}

/* What was read, if anything was. */
static __always_inline void put_read(struct scratch *s, const struct call *call)
{
	if (call->ret > 0)
		put_data(s, arg_ptr(call, 1), call->ret);
	else
		put_empty(s);
}

struct user_iovec {
	const void *base;
	u64 length;
};

struct user_iovec_32 {
	u32 base, length;
};

/* Pieces of data in the memory of the caller. */
struct pieces {
	const void *array;
	u64 count;
	bool narrow;
};

static __always_inline bool read_piece(const struct pieces *pieces, int index, struct user_iovec *piece)
{
	struct user_iovec_32 narrow;

	if (!pieces->narrow)
		return bpf_probe_read_user(piece, sizeof(*piece), pieces->array + index * sizeof(*piece)) == 0;
	if (bpf_probe_read_user(&narrow, sizeof(narrow), pieces->array + index * sizeof(narrow)))
		return false;
	piece->base = (const void *)(u64)narrow.base;
	piece->length = narrow.length;
	return true;
}

#define PIECES_MAX 32

/* One of several pieces, as far as there is room; false when there is none. */
SHARED bool push_piece(u32 key, u64 array, u32 index, u32 narrow)
{
	struct pieces pieces = {(const void *)array, 0, narrow};
	struct scratch *s = scratch_at(key);
	struct user_iovec piece;
	u64 room;

	if (!s || !read_piece(&pieces, index, &piece))
		return false;
	room = s->room;
	s->total += piece.length;
	s->room -= push_bytes_user(s, piece.base, piece.length < room ? piece.length : room, EVENT_MAX / 2 - 1);
	return true;
}

/* The data piece by piece, as far as snaplen goes and, if it is positive, the limit; returns the size of all pieces. */
SHARED u32 put_pieces_at(u32 key, u64 array, u64 count, u32 narrow, s64 limit)
{
	struct scratch *s = scratch_at(key);
	u64 start;
	int i;

	if (!s)
		return 0;
	start = s->end;
	s->room = limit > 0 && limit < config.snaplen ? limit : config.snaplen;
	s->total = 0;
	for (i = 0; i < PIECES_MAX && i < count; i++)
		if (!push_piece(key, array, i, narrow))
			break;
	put_length(s, s->end - start);
	return s->total;
}

static __always_inline u32 put_pieces(struct scratch *s, const struct pieces *pieces, s64 limit)
{
	return put_pieces_at(s->key, (u64)pieces->array, pieces->count, pieces->narrow, limit);
}

/* The size of all pieces. */
static __always_inline u32 pieces_size(struct scratch *s, const struct pieces *pieces)
{
	struct user_iovec piece;
	int i;

	s->total = 0;
	for (i = 0; i < PIECES_MAX && i < pieces->count; i++) {
		if (!read_piece(pieces, i, &piece))
			break;
		s->total += piece.length;
	}
	return s->total;
}

static __always_inline struct pieces pieces_of(const struct call *call)
{
	struct pieces pieces = {arg_ptr(call, 1), arg(call, 2), is_narrow(call)};

	return pieces;
}

struct user_msghdr {
	const void *name;
	int name_length;
	const void *iov;
	u64 iov_count;
	const void *control;
	u64 control_length;
	int flags;
};

struct user_msghdr_32 {
	u32 name;
	int name_length;
	u32 iov, iov_count, control, control_length, flags;
};

static __always_inline bool read_message(struct user_msghdr *message, const void *from, bool narrow)
{
	struct user_msghdr_32 small;

	if (!narrow)
		return bpf_probe_read_user(message, sizeof(*message), from) == 0;
	if (bpf_probe_read_user(&small, sizeof(small), from))
		return false;
	message->name = (const void *)(u64)small.name;
	message->iov = (const void *)(u64)small.iov;
	message->iov_count = small.iov_count;
	message->control = (const void *)(u64)small.control;
	message->control_length = small.control_length;
	return true;
}

static __always_inline struct pieces pieces_of_message(const struct user_msghdr *message, bool narrow)
{
	struct pieces pieces = {message->iov, message->iov_count, narrow};

	return pieces;
}

struct user_timespec {
	s64 seconds, nanoseconds;
};

struct user_timespec_32 {
	s32 seconds, nanoseconds;
};

/* A span of time in nanoseconds; 0 when there is none to be read. */
static __always_inline u64 read_timespec(const struct call *call, int index)
{
	struct user_timespec time = {};
	struct user_timespec_32 narrow = {};

	if (is_narrow(call)) {
		bpf_probe_read_user(&narrow, sizeof(narrow), arg_ptr(call, index));
		return (u32)narrow.seconds * 1000000000ULL + narrow.nanoseconds;
	}
	bpf_probe_read_user(&time, sizeof(time), arg_ptr(call, index));
	return time.seconds * 1000000000ULL + time.nanoseconds;
}
