/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Descriptors that nobody was told of.
 *
 * Closing is not watched unless a rule asks for it: what is told of a descriptor stays true until its number is given to another, and that
 * is told, too. When the opening of a plain file is left out, whoever knows of an older one by that number has to forget it. A mark, put
 * where the table of descriptors and the number lead, says that nobody does. It holds until an event tells of that number in that table, or
 * of the table as a whole: tellings are counted, and the count is part of the mark. It is read before the file is looked at, so that what
 * another thread puts in the file's place meanwhile is told of either before, and then it is seen, or after, and then the mark does not
 * hold. */
#pragma once

#include "../include/maps.h"

/* Higher numbers are not marked. */
#define UNTOLD_MAX (1 << 14)

struct untold_mark {
	u64 untold;     /* whose mark it is, and the tellings as of then */
	u32 told;       /* how often something was told of numbers that lead here, */
	u32 told_whole; /* and of tables that do */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct untold_mark);
	__uint(max_entries, UNTOLD_MAX);
} untold_marks SEC(".maps");

/* What an event tells of descriptors; by its code, made from the schema when the probe is loaded. */
enum { TELLS_NOTHING, TELLS_OF_RESULT, TELLS_OF_TABLE };

const volatile u8 tells[512] SEC(".rodata.tells");

/* Tables are aligned to 64 bytes. */
static __always_inline struct untold_mark *untold_mark_at(u64 table, u32 fd)
{
	u32 place = ((u32)((u32)(table >> 6) * 0x9e3779b1U) >> 18) + fd;

	place &= UNTOLD_MAX - 1;
	return bpf_map_lookup_elem(&untold_marks, &place);
}

/* A mark, and what is in it if it holds now. */
struct untold {
	struct untold_mark *mark;
	u64 holds;
};

static __always_inline struct untold untold_at(struct task_struct *task, s64 fd)
{
	struct untold untold = {};
	u64 table = (u64)BPF_CORE_READ(task, files);
	struct untold_mark *whole = untold_mark_at(table, 0);

	if (fd < 0 || fd >= UNTOLD_MAX || !whole)
		return untold;
	untold.mark = untold_mark_at(table, fd);
	if (untold.mark)
		untold.holds = table >> 6 << 24 | ((*(volatile u32 *)&untold.mark->told + *(volatile u32 *)&whole->told_whole) & 0xffffff);
	return untold;
}

static __always_inline bool is_untold(const struct untold *untold)
{
	return untold->mark && untold->mark->untold == untold->holds;
}

/* To be called before the event is sent. */
static __always_inline void count_telling(u32 code, s64 result)
{
	u8 of = tells[code & (sizeof(tells) - 1)];
	struct task_struct *task;
	struct untold_mark *mark;

	if (of == TELLS_NOTHING || (of == TELLS_OF_RESULT && (result < 0 || result >= UNTOLD_MAX)))
		return;
	task = (struct task_struct *)bpf_get_current_task();
	mark = untold_mark_at((u64)BPF_CORE_READ(task, files), of == TELLS_OF_RESULT ? result : 0);
	if (mark)
		__sync_fetch_and_add(of == TELLS_OF_RESULT ? &mark->told : &mark->told_whole, 1);
}
