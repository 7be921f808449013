/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Writing one event in the wire form: event_begin, one put_* a parameter in the order of the schema, event_send. */
#pragma once

#include "../include/maps.h"
#include "untold.h"

#define HEADER_BYTES 26

/* Where the fields of the header are. They are not aligned, which the verifier minds only where the machine does. */
#define HEADER_TIME(s) (*(u64 *)&(s)->data[0])
#define HEADER_THREAD(s) (*(u64 *)&(s)->data[8])
#define HEADER_LENGTH(s) (*(u32 *)&(s)->data[16])
#define HEADER_CODE(s) (*(u16 *)&(s)->data[20])
#define HEADER_PARAMS(s) (*(u32 *)&(s)->data[22])

static __always_inline struct counters *my_counters(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

static __always_inline void count_drop(enum drop_cause cause)
{
	struct counters *count = my_counters();

	if (count)
		count->dropped[cause]++;
}

/* A function that the verifier looks at once, whatever its callers know: loading takes as long as there are ways through a program, and
 * what stands in a row multiplies them. It takes numbers alone, and finds the event being built by its key. */
#define SHARED __attribute__((noinline))

static __always_inline struct scratch *scratch_at(u32 key)
{
	return bpf_map_lookup_elem(&scratches, &key);
}

/* A number of which the verifier forgets what it knows: by what was asked of it, it takes every way from there on once more. */
static __always_inline s64 forgotten(struct scratch *s, s64 number)
{
	volatile u64 *place = &s->room;

	*place = number;
	return *place;
}

/* A place to build an event in, given back by event_send. A task that loses its CPU meanwhile keeps it. */
static __always_inline struct scratch *take_scratch(void)
{
	u32 key = bpf_get_smp_processor_id() * config.slots;
	struct scratch *s;
	int i;

	for (i = 0; i < SLOTS_MAX && i < config.slots; i++, key++) {
		s = scratch_at(key);
		if (!s)
			return NULL;
		s->key = key;
		if (config.slots == 1)
			return s;
		/* Two who come at once may both go on to the next; older kernels have no exchange. */
		__sync_fetch_and_add(&s->taken, 1);
		if (*(volatile u64 *)&s->taken == 1)
			return s;
		__sync_fetch_and_add(&s->taken, -1);
	}
	return NULL;
}

static __always_inline void give_back(struct scratch *s)
{
	if (config.slots > 1)
		__sync_fetch_and_add(&s->taken, -1);
}

static __always_inline struct scratch *event_begin_for(u16 code, u32 params, u64 thread)
{
	struct scratch *s = take_scratch();

	if (!s) {
		count_drop(DROP_NO_SCRATCH);
		return NULL;
	}
	HEADER_TIME(s) = config.boot_time_ns + bpf_ktime_get_boot_ns();
	HEADER_THREAD(s) = thread;
	HEADER_CODE(s) = code;
	HEADER_PARAMS(s) = params;
	s->lengths = HEADER_BYTES;
	s->end = HEADER_BYTES + 2 * params;
	s->marks = 0;
	return s;
}

static __always_inline struct scratch *event_begin(u16 code, u32 params)
{
	return event_begin_for(code, params, bpf_get_current_pid_tgid() & 0xffffffff);
}

#define BEGIN(event) event_begin(EVT_##event, NPARAMS_##event)

/* The parameter whose bytes were appended last is `length` long. */
static __always_inline void put_length(struct scratch *s, u16 length)
{
	*(u16 *)&s->data[s->lengths & EVENT_MASK] = length;
	s->lengths += 2;
}

#define DEFINE_PUT(type)                                                    \
	static __always_inline void push_##type(struct scratch *s, type value) \
	{                                                                   \
		*(type *)&s->data[s->end & EVENT_MASK] = value;             \
		s->end += sizeof(type);                                     \
	}                                                                   \
	static __always_inline void put_##type(struct scratch *s, type value)  \
	{                                                                   \
		push_##type(s, value);                                      \
		put_length(s, sizeof(type));                                \
	}
DEFINE_PUT(u8)
DEFINE_PUT(u16)
DEFINE_PUT(u32)
DEFINE_PUT(u64)
DEFINE_PUT(s16)
DEFINE_PUT(s32)
DEFINE_PUT(s64)

static __always_inline void put_empty(struct scratch *s)
{
	put_length(s, 0);
}

static __always_inline void count_unreadable(void)
{
	struct counters *count = my_counters();

	if (count)
		count->unreadable++;
}

/* Appends a text with its NUL; 0 when it could not be read. */
static __always_inline u16 push_str_user(struct scratch *s, const void *text, u32 max)
{
	long n = bpf_probe_read_user_str(&s->data[s->end & EVENT_MASK], max, text);

	if (n < 0) {
		if (text)
			count_unreadable();
		return 0;
	}
	/* Before "maccess: fix strncpy_from_user_nofault() empty string handling" (6.11) the end of an empty one was not counted. */
	if (n == 0)
		s->data[s->end & EVENT_MASK] = 0;
	n += !n;
	s->end += n & EVENT_MASK;
	return n;
}

static __always_inline u16 push_str_kernel(struct scratch *s, const void *text, u32 max)
{
	long n = bpf_probe_read_kernel_str(&s->data[s->end & EVENT_MASK], max, text);

	if (n <= 0)
		return 0;
	s->end += n & EVENT_MASK;
	return n;
}

static __always_inline void put_str_user(struct scratch *s, const void *text)
{
	put_length(s, push_str_user(s, text, PATH_MAX_BYTES));
}

static __always_inline void put_str_kernel(struct scratch *s, const void *text)
{
	put_length(s, push_str_kernel(s, text, PATH_MAX_BYTES));
}

/* Up to `max` (a power of two, less one) bytes of user memory. */
static __always_inline u16 push_bytes_user(struct scratch *s, const void *from, u64 length, u32 max)
{
	if (!from || !length)
		return 0;
	if (length > max)
		length = max;
	if (bpf_probe_read_user(&s->data[s->end & EVENT_MASK], length & EVENT_MASK, from)) {
		count_unreadable();
		return 0;
	}
	s->end += length & EVENT_MASK;
	return length;
}

static __always_inline void put_bytes_user(struct scratch *s, const void *from, u64 length, u32 max)
{
	put_length(s, push_bytes_user(s, from, length, max));
}

/* Wakes the consumer, once: by a record of nothing, because the event is there already. */
static __always_inline void wake(void *ring)
{
	void *nothing = bpf_ringbuf_reserve(ring, sizeof(u64), 0);

	if (!nothing)
		return;
	words.consumer = READING;
	bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
}

/* Whether the consumer waits for this event of a CPU: for the first of all, or for so many. */
static __always_inline bool is_waited_for(u64 number)
{
	u32 doing = words.consumer;

	return doing == SLEEPING || (doing == NAPPING && !(number & (config.events_of_nap - 1)));
}

/* A share is counted anew every 134 ms. */
#define SHARE_PERIOD_BITS 27

/* Whether a ring that is over half full takes an event of the current control group. What makes processes and ends them, all that
 * comes later hangs on: that always. A ring over three quarters full is for those who sent next to nothing. */
static __always_inline bool within_share(void *ring, u64 size, enum drop_cause group)
{
	u64 filled = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA), half = 8ULL * config.fair_bytes;
	u64 period = bpf_ktime_get_boot_ns() >> SHARE_PERIOD_BITS, owner;
	struct share *share, fresh = {.period = period, .bytes = size};

	if (filled <= half || group == DROP_CLONE_FORK || group == DROP_EXECVE || group == DROP_PROC_EXIT)
		return true;
	owner = bpf_get_current_cgroup_id();
	share = bpf_map_lookup_elem(&shares, &owner);
	if (!share || share->period != period) {
		bpf_map_update_elem(&shares, &owner, &fresh, 0 /* BPF_ANY */);
		return true;
	}
	if (share->bytes + size > (filled > half + half / 2 ? config.fair_bytes / 16 : config.fair_bytes))
		return false;
	__sync_fetch_and_add(&share->bytes, size);
	return true;
}

/* Its first parameter, where the schema says that it is a descriptor. */
static __always_inline s64 result_of(const struct scratch *s)
{
	return *(s64 *)&s->data[(HEADER_BYTES + 2 * HEADER_PARAMS(s)) & EVENT_MASK];
}

/* Whether it is in the ring. */
static __always_inline bool event_write(struct scratch *s, enum drop_cause group)
{
	struct counters *count = my_counters();
	u32 cpu = bpf_get_smp_processor_id(), code = HEADER_CODE(s);
	u64 size = s->end, *lost_of_code;
	void *ring;

	if (!count)
		return false;
	count_telling(code, result_of(s));
	count->events++;
	if (size < EVENT_MAX) {
		HEADER_LENGTH(s) = size;
		ring = bpf_map_lookup_elem(&rings, &cpu);
		if (ring && config.fair_bytes && !within_share(ring, size, group))
			count->over_share++;
		else if (ring && !bpf_ringbuf_output(ring, s->data, masked(size, EVENT_MASK), BPF_RB_NO_WAKEUP)) {
			/* Only now, after the kernel's barrier: the consumer first says that it sleeps, then looks at the ring once more. */
			if (is_waited_for(count->events))
				wake(ring);
			return true;
		}
	} else {
		group = DROP_TOO_LARGE;
	}
	count->dropped[group]++;
	lost_of_code = bpf_map_lookup_elem(&lost, &code);
	if (lost_of_code)
		*lost_of_code += 1;
	return false;
}

static __always_inline bool event_send(struct scratch *s, enum drop_cause group)
{
	bool is_there = event_write(s, group);

	give_back(s);
	return is_there;
}
