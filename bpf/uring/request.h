/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Operations of io_uring, as the events of the calls that would do the same.
 *
 * What was asked for is taken down when the kernel has copied it, so that no other thread can change it any more; what came of it is
 * known at the completion, which may be in another thread of the same process. Operations that go on until they are cancelled have many
 * completions, of which only the last names the request; the others name what the program called it.
 *
 * RING_OPERATION(name) { ... } makes a program that reports one completion. The one at the completions of all operations (ring.c) jumps
 * to that of the operation; only those that were asked for are loaded. */
#pragma once

#include "../lib/event.h"
#include "../lib/file.h"
#include "../lib/names.h"
#include "../lib/socket.h"

/* The numbers of operations, from the kernel's interface. */
enum {
	OP_READV = 1,
	OP_WRITEV = 2,
	OP_READ_FIXED = 4,
	OP_WRITE_FIXED = 5,
	OP_SENDMSG = 9,
	OP_RECVMSG = 10,
	OP_ACCEPT = 13,
	OP_CONNECT = 16,
	OP_OPENAT = 18,
	OP_CLOSE = 19,
	OP_READ = 22,
	OP_WRITE = 23,
	OP_SEND = 26,
	OP_RECV = 27,
	OP_OPENAT2 = 28,
	OP_SPLICE = 30,
	OP_SHUTDOWN = 34,
	OP_RENAMEAT = 35,
	OP_UNLINKAT = 36,
	OP_MKDIRAT = 37,
	OP_SYMLINKAT = 38,
	OP_LINKAT = 39,
	OP_SOCKET = 45,
	OP_SEND_ZC = 47,
	OP_SENDMSG_ZC = 48,
	OP_READ_MULTISHOT = 49,
	OP_FIXED_FD_INSTALL = 54,
	OP_BIND = 56,
	OP_LISTEN = 57,
	OP_READV_FIXED = 60,
	OP_WRITEV_FIXED = 61,
	OP_PIPE = 62,
	OPS_MAX = 64,
};

/* Which of them are reported: those whose calls were asked for, by the code of the call if its event has no parameters but that; else by
 * OP_REPORTED. */
const volatile u16 operations[OPS_MAX] SEC(".rodata.operations");
#define OP_REPORTED 0xffff

/* The programs that report completions, by operation. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
	__uint(max_entries, OPS_MAX);
} completions SEC(".maps");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct filename {
	const char *name;
};
struct io_cqe {
	u64 user_data;
	s32 res;
	int fd;
};
struct io_kiocb {
	struct file *file;
	u8 opcode;
	u64 flags;
	struct io_cqe cqe;
	void *ctx, *async_data;
};
/* What programs see of a completion. */
struct io_uring_cqe {
	u64 user_data;
	s32 res;
};
#pragma clang attribute pop

#define IO_WORKER 0x10    /* PF_IO_WORKER: a thread of the kernel that works for a process */
#define FIXED_FILE 1      /* REQ_F_FIXED_FILE: the descriptor is a place in the ring's table */
#define AT_END (~0U)   /* IORING_FILE_INDEX_ALLOC: any free place */

/* Files in a ring's own table have no descriptor: they are numbered from here on. */
#define TABLE_BASE (1 << 30)

/* One request, between its submission and its completion. */
struct request {
	u64 thread;
	u8 op;
	bool is_fixed;
	u32 slot; /* where the new file goes in the ring's table, counted from 1; 0 when it gets a descriptor */
	s64 fd, other;
	u64 flags, mode, resolve;
	const void *data;
	u64 length;
	u8 addr[SOCKADDR_MAX + 1];
	u32 addr_length;
	char path[PATH_MAX_BYTES], new_path[PATH_MAX_BYTES];
};

/* A completion that nobody is told of leaves its request here until others push it out. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, u64);
	__type(value, struct request);
	__uint(max_entries, 512);
} requests SEC(".maps");

/* The requests that may complete more than once, by their ring and by what the program called them. */
struct shot {
	u64 ring, user_data;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct shot);
	__type(value, u64);
	__uint(max_entries, 512);
} shots SEC(".maps");

static __always_inline void take_path(char *to, struct filename *name)
{
	if (bpf_probe_read_kernel_str(to, PATH_MAX_BYTES, BPF_CORE_READ(name, name)) <= 0)
		to[0] = 0;
}

static __always_inline bool may_repeat(u8 op)
{
	return op == OP_ACCEPT || op == OP_RECV || op == OP_RECVMSG || op == OP_READ_MULTISHOT;
}

static __always_inline struct shot shot_of(u64 ring, u64 user_data)
{
	struct shot shot = {ring, user_data};

	return shot;
}

/* The number of a new file: its descriptor, or its place in the ring's table. */
static __always_inline s64 new_file(const struct request *r, s32 result)
{
	if (!r->slot || result < 0)
		return result;
	return TABLE_BASE + (r->slot == AT_END ? (u32)result : r->slot - 1);
}

static __always_inline s64 old_file(const struct request *r)
{
	return r->is_fixed ? TABLE_BASE + r->fd : r->fd;
}

static __always_inline struct scratch *begin_request(const struct request *r, u16 code, u32 params)
{
	struct scratch *s = event_begin_for(code, params, r->thread);

	if (s)
		s->marks = MARK_RING;
	return s;
}
#define BEGIN_REQUEST(event) begin_request(r, EVT_##event, NPARAMS_##event)

static __always_inline void send_request(struct scratch *s, enum drop_cause group)
{
	put_trailer(s);
	event_send(s, group);
}

/* A completion: of which request, and what came of it. */
struct outcome {
	struct io_kiocb *req;
	s32 result;
	bool is_last;
};

/* Finds out what was completed; false when that is nothing that was taken down. */
static __always_inline bool completion_at(u64 *ctx, bool repeats, struct outcome *done)
{
	struct io_kiocb *req = (void *)ctx[1];
	struct io_uring_cqe cqe = {};
	struct shot shot;
	u64 args[4], *of_shot;

	done->req = req;
	done->is_last = req;
	if (req) {
		done->result = BPF_CORE_READ(req, cqe.res);
		return true;
	}
	/* Not the last completion. What the program called it and the result come as such, or in the entry that the program sees:
	 * which one depends on the kernel, and more than there is must not be asked of the context itself. */
	if (!repeats || bpf_probe_read_kernel(args, sizeof(args), ctx))
		return false;
	shot = shot_of(args[0], args[2]);
	cqe.res = args[3];
	of_shot = bpf_map_lookup_elem(&shots, &shot);
	if (!of_shot) {
		if (bpf_probe_read_kernel(&cqe, sizeof(cqe), (void *)args[2]))
			return false;
		shot = shot_of(args[0], cqe.user_data);
		of_shot = bpf_map_lookup_elem(&shots, &shot);
	}
	if (!of_shot)
		return false;
	done->req = (void *)*of_shot;
	done->result = cqe.res;
	return true;
}

/* The request is over, if this was its last completion. */
static __always_inline void forget(u64 *ctx, bool repeats, const struct outcome *done)
{
	struct io_kiocb *req = done->req;
	u64 key = (u64)req;
	struct shot shot;

	if (!done->is_last)
		return;
	if (repeats) {
		shot = shot_of(ctx[0], BPF_CORE_READ(req, cqe.user_data));
		bpf_map_delete_elem(&shots, &shot);
	}
	bpf_map_delete_elem(&requests, &key);
}

#define RING_OPERATIONS(name, repeats)                                                                            \
	static __always_inline void on_##name(const struct request *r, const struct outcome *done);            \
	SEC("tp_btf/io_uring_complete")                                                                           \
	int name(u64 *ctx)                                                                                        \
	{                                                                                                         \
		struct outcome done;                                                                           \
		const struct request *r;                                                                          \
		u64 key;                                                                                          \
		if (!completion_at(ctx, repeats, &done))                                                          \
			return 0;                                                                                 \
		key = (u64)done.req;                                                                              \
		r = bpf_map_lookup_elem(&requests, &key);                                                         \
		if (r) {                                                                                          \
			on_##name(r, &done);                                                                      \
			forget(ctx, repeats, &done);                                                              \
		}                                                                                                 \
		return 0;                                                                                         \
	}                                                                                                         \
	static __always_inline void on_##name(const struct request *r, const struct outcome *done)

/* Operations that complete once, and those that may go on. */
#define RING_OPERATION(name) RING_OPERATIONS(name, false)
#define RING_OPERATION_ON(name) RING_OPERATIONS(name, true)
