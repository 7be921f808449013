/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* All maps and all knobs. The knobs are set before loading, so the verifier prunes by them. */
#pragma once

#include "kernel.h"
#include "schema.h"

/* The same numbers are in crates/probe/src/lib.rs. */
enum paths {
	PATHS_OF_CHANGED = 1, /* of those whose mode or owner is changed */
	PATHS_OF_OPENED = 2,
};

/* The knobs; the same struct is in crates/probe/src/load/maps.rs. */
struct config {
	u64 boot_time_ns; /* added to the time since boot: nanoseconds since 1970 */
	u32 own_pid;      /* the process whose calls are not reported: ours */
	u32 snaplen;      /* how many bytes of data are reported */
	u32 drop_failed;  /* whether calls that failed are left out */
	u32 fair_bytes;   /* how much of a ring a control group may fill at a time when it is over half full; 0: any */
	u32 slots;        /* how many events a CPU may be building at once: several where a program can lose its CPU to another */
	u32 compare;      /* whether names of some calls are looked at when the call begins, too */
	u32 real_paths;   /* of which descriptors the kernel's own path is reported: enum paths */
	u32 births_alone; /* whether new threads are told when they are made, and the calls that make them are not watched */
	u32 events_of_nap; /* after how many events of a CPU the consumer's nap ends: a power of two */
};
const volatile struct config config SEC(".rodata.config");

/* Which call of the schema a number is: in the machine's own interface, in the 32-bit one. And the machine's number of each call. */
#define NUMBERS_MAX 1024
const volatile struct {
	u16 native[NUMBERS_MAX], narrow[NUMBERS_MAX], number[NUMBERS_MAX];
} calls SEC(".rodata.calls");

/* A number cut to a mask (a power of two, less one) where the compiler cannot take it apart: the verifier has to see it. */
static __always_inline u64 masked(u64 number, u64 mask)
{
	asm volatile("%0 &= %1" : "+r"(number) : "r"(mask));
	return number;
}

/* 0 is the call that nobody knows. */
static __always_inline u32 call_native(u32 number)
{
	return number < NUMBERS_MAX ? calls.native[masked(number, NUMBERS_MAX - 1)] : 0;
}

static __always_inline u32 call_narrow(u32 number)
{
	return number < NUMBERS_MAX ? calls.narrow[masked(number, NUMBERS_MAX - 1)] : 0;
}

enum doing { READING, SLEEPING, NAPPING }; /* the same numbers are in crates/probe/src/bell.rs */

/* Words that the consumer maps; the same struct, without the last, is in crates/probe/src/bell.rs. */
volatile struct {
	u32 consumer;	 /* what the consumer does: it writes it, and who wakes it */
	u32 narrow_seen; /* whether a program of the 32-bit interface was started */
	u32 regs_at;	 /* where registers of a call are from the beginning of a stack; 0 until it is known */
} words SEC(".data.words");

/* The largest event, and room behind it so that masked offsets stay inside whatever is appended. */
#define EVENT_MAX 65536
#define EVENT_MASK (EVENT_MAX - 1)
#define PATH_MAX_BYTES 4096
#define PATH_MASK (PATH_MAX_BYTES - 1)

/* Where one CPU builds an event. */
#define SLOTS_MAX 3

#define SUBSYSTEMS 5
#define GROUPS_MAX 1024
#define GROUPS_MASK (GROUPS_MAX - 1)

/* The control groups that were told last, and their text. */
struct groups {
	u64 numbers[SUBSYSTEMS]; /* of the subsystems' states */
	u64 length;		 /* 0: there is none, or no room for it */
	u8 text[GROUPS_MAX];
};

struct scratch {
	u32 key;     /* where it is in its map */
	u32 marks;   /* what is told behind the parameters */
	u64 taken;   /* how many programs want it: who is alone has it */
	u64 end;     /* where the next parameter goes */
	u64 lengths; /* where its length goes */
	u64 room;    /* how many bytes of data may still be appended, */
	u64 total;   /* of how many there are; */
	u32 path_at; /* where the path that is being walked begins so far; here, because the verifier keeps no account of memory */
	u64 dentry, mount; /* and what comes before that */
	u64 cgroup;  /* the control group whose path was appended last, */
	u64 cgroup_path, cgroup_length; /* where that is, and how long */
	struct groups groups;
	u8 data[2 * EVENT_MAX];
	u8 path[2 * PATH_MAX_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct scratch);
	__uint(max_entries, 1); /* set to the number of CPUs, times the slots */
} scratches SEC(".maps");

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* set to the configured size */
};

/* By CPU; several may share one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, 1); /* set to the number of CPUs */
	__array(values, struct ring);
} rings SEC(".maps");

/* Why events were lost: one counter a group of calls for a full ring, then the other causes. Same order as Stats in Rust. */
enum drop_cause {
	DROP_CLONE_FORK,
	DROP_EXECVE,
	DROP_CONNECT,
	DROP_OPEN,
	DROP_DIR_FILE,
	DROP_OTHER,
	DROP_CLOSE,
	DROP_PROC_EXIT,
	DROP_TOO_LARGE,
	DROP_NO_SCRATCH,
	DROP_CAUSES,
};

struct counters {
	u64 events;
	u64 dropped[DROP_CAUSES];
	/* Parameters left empty because the memory they lie in was not there to be read. */
	u64 unreadable;
	/* Of the dropped: because their control group had its share. */
	u64 over_share;
	/* Events that nobody needs. */
	u64 filtered;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct counters);
	__uint(max_entries, 1);
} counters SEC(".maps");

/* For the dispatcher: the program of each call, by its code in the schema. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
	__uint(max_entries, 512);
} handlers SEC(".maps");

/* Lost events by their code, for whatever cause. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 512);
} lost SEC(".maps");

/* What control groups filled of the rings that are over half full. */
struct share {
	u64 period;
	u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, u64);
	__type(value, struct share);
	__uint(max_entries, 4096);
} shares SEC(".maps");
