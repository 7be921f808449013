/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Which events nobody needs: decided before anything is copied, by tables that are made from the rules.
 *
 * A table is replaced as a whole, so that a call sees the old one or the new one. Without one everything is sent. What the tables mean is
 * in crates/rules/src/pushdown.rs; the same struct is in crates/probe/src/filter.rs. */
#pragma once

#include "call.h"
#include "file.h"
#include "flags.h"
#include "untold.h"

#define FILTER_CELLS (1 << 18)
#define FILTER_OUTCOMES (1 << 13)
#define FILTER_STEPS (1 << 10)
#define FILTER_CALLS (1 << 9)
/* How many steps are taken for one event, and how many bytes of a path are looked at, its NUL included. */
#define FILTER_STEPS_TAKEN 48
#define FILTER_PATH_BYTES 256

/* Places to go on that are no steps. */
#define FILTER_SKIP 0xfffe

struct filter_step {
	s64 first, last; /* the range that the result has to be in, with room on both sides to subtract; */
	u32 flags;	 /* or asked_flags of which one has to be set */
	u16 yes, no;	 /* where to go on */
};

struct filter_call {
	u16 first;    /* where to begin before the path is looked at */
	u16 outcomes; /* where its outcomes begin, from 1 on; 0: its path does not matter */
};

struct filter {
	u32 files;  /* whether files that are opened matter later */
	u32 closes; /* whether closing is told, so that nothing need be forgotten */
	u32 number; /* which filter it is, from 1 on */
	s32 alike;  /* from here on no result is treated in another way than the next */
	u8 classes[256];
	u32 cells[FILTER_CELLS];
	u16 outcomes[FILTER_OUTCOMES];
	struct filter_call calls[FILTER_CALLS]; /* by event */
	struct filter_step steps[FILTER_STEPS];
};

struct filter_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(struct filter));
	__uint(max_entries, 1);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, 1);
	__array(values, struct filter_map);
} filters SEC(".maps");

static __always_inline struct filter *my_filter(void)
{
	u32 zero = 0;
	void *map = bpf_map_lookup_elem(&filters, &zero);

	return map ? bpf_map_lookup_elem(map, &zero) : NULL;
}

static __always_inline void count_filtered(void)
{
	struct counters *count = my_counters();

	if (count)
		count->filtered++;
}

/* 1 if it is not 0; without a branch, as what follows: the verifier would take each way through the rest. */
static __always_inline u64 is_set(u64 bits)
{
	u64 sign = bits | -bits;

	asm volatile("" : "+r"(sign));
	return sign >> 63;
}

static __always_inline bool filter_sends(const struct filter *f, u32 at, s64 result, u32 flags)
{
	int i;

	for (i = 0; i < FILTER_STEPS_TAKEN && at < FILTER_STEPS; i++) {
		const struct filter_step *step = &f->steps[masked(at, FILTER_STEPS - 1)];
		u64 is_outside = (u64)((result - step->first) | (step->last - result)) >> 63;

		at = step->no ^ ((step->no ^ step->yes) & -(u32)((is_outside ^ 1) | is_set(flags & step->flags)));
	}
	return at != FILTER_SKIP;
}

/* What is known of the first bytes, up to a NUL that is among them. */
static __always_inline u32 filter_path(const struct filter *f, const u8 *path, int most)
{
	u32 at = 0;
	int i;

	for (i = 0; i < most; i++) {
		u8 byte = path[i];

		if (!byte)
			break;
		at = f->cells[(at + f->classes[byte]) & (FILTER_CELLS - 1)];
	}
	return f->cells[at & (FILTER_CELLS - 1)];
}

static __always_inline bool filter_sends_path(const struct filter *f, const struct filter_call *call, u32 outcome, s64 result, u32 flags)
{
	return filter_sends(f, f->outcomes[(call->outcomes - 1 + outcome) & (FILTER_OUTCOMES - 1)], result, flags);
}

static __always_inline bool path_matters(const struct filter_call *call, u32 flags)
{
	/* Of a directory rules compare another path. */
	return call->outcomes && !(flags & KERNEL_O_DIRECTORY);
}

/* Whether a rule may match the opening of a file; `flags` are asked_flags, and marks of the name. Shared: older verifiers would take the ways through
 * this once for each that leads to it; newer ones come here when what is to be asked first has been asked. */
SHARED bool open_may_match(u32 code, s64 result, u32 flags, u64 path)
{
	struct filter *f = my_filter();
	const struct filter_call *call;
	struct scratch *s;
	u32 outcome = 0;
	long length;

	if (!f)
		return true;
	call = &f->calls[code & (FILTER_CALLS - 1)];
#ifndef READ_BY_LOADS
	if (!filter_sends(f, call->first, result, flags))
		return false;
#endif
	if (!path_matters(call, flags))
		return true;
	s = take_scratch();
	if (!s)
		return true;
	length = bpf_probe_read_user_str(s->path, FILTER_PATH_BYTES, (void *)path);
	if (length > 0 && length < FILTER_PATH_BYTES)
		outcome = filter_path(f, s->path, FILTER_PATH_BYTES);
	give_back(s);
	return length <= 0 || length >= FILTER_PATH_BYTES || filter_sends_path(f, call, outcome, result, flags);
}

/* How many words of a path are remembered, its NUL included, and how many openings. */
#define LEFT_OUT_WORDS 14
#define LEFT_OUT_BITS 7

/* An opening that was left out. */
struct left_out {
	u64 filter, how; /* by which filter, and which event, flags and result it had */
	u64 path[LEFT_OUT_WORDS];
};

/* Those of each CPU: programs open the same files again and again, and to compare a path takes a fraction of what deciding does. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct left_out);
	__uint(max_entries, 1 << LEFT_OUT_BITS);
} left_outs SEC(".maps");

#ifdef READ_BY_LOADS
/* Whether one of its bytes is 0. */
static __always_inline bool has_nul(u64 word)
{
	return (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;
}

/* The same as open_may_match, from what was decided before, where the verifier is new enough for that on each way. The path is read once,
 * because what is remembered of it has to be what was decided on. */
static __always_inline bool open_may_match_again(const struct filter *f, u32 code, s64 result, u32 flags, const void *path)
{
	const struct filter_call *call = &f->calls[code & (FILTER_CALLS - 1)];
	u64 words[LEFT_OUT_WORDS], filter, how, hash;
	struct left_out *before;
	u32 place, i;
	long length;

	if (!filter_sends(f, call->first, result, flags))
		return false;
	if (!path_matters(call, flags))
		return true;
	length = bpf_probe_read_user_str(words, sizeof(words), path);
	/* Where a task may lose its CPU meanwhile, it would find another's. */
	if (length <= 0 || length >= (long)sizeof(words) || config.slots > 1)
		return open_may_match(code, result, flags, (u64)path);
	filter = (u64)f->number << 32 | code;
	how = (u64)flags << 32 | (u32)(result < f->alike ? result : f->alike);
	hash = filter + how;
	/* Loops that stay loops: the processor waits for each line of code that is not in its cache. And that end by what a word is: by how many
	 * there are, the verifier would take all that follows once for each number. */
#pragma nounroll
	for (i = 0; i < LEFT_OUT_WORDS; i++) {
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ULL;
		if (has_nul(words[i]))
			break;
	}
	place = hash >> (64 - LEFT_OUT_BITS);
	before = bpf_map_lookup_elem(&left_outs, &place);
	if (!before)
		return true;
	if (before->filter == filter && before->how == how) {
#pragma nounroll
		for (i = 0; i < LEFT_OUT_WORDS && before->path[i] == words[i]; i++)
			if (has_nul(words[i]))
				return false;
	}
	if (filter_sends_path(f, call, filter_path(f, (u8 *)words, sizeof(words)), result, flags))
		return true;
	before->filter = filter;
	before->how = how;
#pragma nounroll
	for (i = 0; i < LEFT_OUT_WORDS; i++)
		before->path[i] = words[i];
	return false;
}
#else
static __always_inline bool open_may_match_again(const struct filter *f, u32 code, s64 result, u32 flags, const void *path)
{
	return open_may_match(code, result, flags, (u64)path);
}
#endif

/* The file systems that nobody mounts have it: those of sockets, pipes, memfds and the other nameless files. */
#define SB_NOUSER (1UL << 31)

/* Whether a descriptor is a file that paths are not relative to, and no end of a connection. */
static __always_inline bool is_just_file(struct task_struct *task, s32 fd)
{
	struct file *file = file_in(task, fd);
	struct inode *inode;

	if (!file)
		return false;
	inode = BPF_CORE_READ(file, f_inode);
	return (BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFDIR && !(BPF_CORE_READ(inode, i_sb, s_flags) & SB_NOUSER);
}

/* Tells that a descriptor is no longer what it was: as its closing, which was not told when it happened. Whether the event is there. */
SHARED bool forget_fd(s32 fd)
{
	struct scratch *s = BEGIN(SYSCALL_CLOSE_X);

	if (!s)
		return false;
	put_s64(s, 0);
	put_s64(s, fd);
	return event_send(s, DROP_CLOSE);
}

/* Whether the opening of a file has to be sent. If not, whoever knows something else by its number is told to forget it. */
static __always_inline bool open_needed(u16 code, const struct call *call, u32 flags, const void *path)
{
	struct filter *f = my_filter();
	struct untold untold;

	if (!f || open_may_match_again(f, code, call->ret, flags, path))
		return true;
	if (call->ret >= 0) {
		untold = untold_at(call->task, call->ret);
		if (f->files || !is_just_file(call->task, call->ret))
			return true;
		if (!f->closes && !is_untold(&untold) && forget_fd(call->ret) && untold.mark)
			untold.mark->untold = untold.holds;
	}
	count_filtered();
	return false;
}
