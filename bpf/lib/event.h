/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Writing one event in the wire form: event_begin, one put_* a parameter in the order of the schema, event_send. */
#pragma once

#include "../include/maps.h"

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

static __always_inline struct scratch *my_scratch(void)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct scratch *s = scratch_at(cpu);

	if (s)
		s->key = cpu;
	return s;
}

static __always_inline struct scratch *event_begin_for(u16 code, u32 params, u64 thread)
{
	struct scratch *s = my_scratch();

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

	asleep = 0;
	if (nothing)
		bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
}

static __always_inline void event_send(struct scratch *s, enum drop_cause group)
{
	struct counters *count = my_counters();
	u32 cpu = bpf_get_smp_processor_id();
	u64 size = s->end;
	void *ring;

	if (!count)
		return;
	count->events++;
	if (size >= EVENT_MAX) {
		count->dropped[DROP_TOO_LARGE]++;
		return;
	}
	HEADER_LENGTH(s) = size;
	ring = bpf_map_lookup_elem(&rings, &cpu);
	if (!ring || bpf_ringbuf_output(ring, s->data, size & EVENT_MASK, BPF_RB_NO_WAKEUP))
		count->dropped[group]++;
	/* Only now, after the kernel's barrier: the consumer first says that it sleeps, then looks at the ring once more. */
	else if (asleep)
		wake(ring);
}
