/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A system call at its exit: the arguments are still in the registers that it was entered with.
 *
 * SYSCALL(name) { ... } makes two programs of one body: one for the tracepoint of that call alone; and one for the exit of the
 * kernel's function, or for the dispatcher on the exit of all calls to jump to, which hand out the same. The loader loads one. */
#pragma once

#include "event.h"
#include "file.h"

/* How a call was made: what its numbers, registers and the structures that it points to look like. */
enum abi {
	ABI_NATIVE,
	ABI_32,        /* 32-bit registers of their own, structures with 32-bit pointers */
	ABI_IN_MEMORY, /* the same, with the arguments in memory */
	ABI_X32,       /* native registers, structures with 32-bit pointers */
};

struct call {
	struct task_struct *task;
	long ret;
	enum abi abi;
	bool in_place;	      /* whether its arguments are looked up when they are asked for, */
	struct pt_regs *regs; /* here; */
	u64 args[6];	      /* otherwise they are here */
};

/* What the tracepoint of one call's exit hands to a program. */
struct sys_exit_ctx {
	u64 regs;
	s32 nr;
	u32 pad;
	s64 ret;
};

/* A register behind what own_regs tells. */
#ifdef READ_BY_LOADS
#define OWN_REG(regs, name) BPF_CORE_READ(regs, name)
#else
#define OWN_REG(regs, name) (regs)->name
#endif

#if defined(__TARGET_ARCH_x86)
#define TS_COMPAT 2
#define X32_BIT 0x40000000
#define X32_FIRST 512 /* from here on the calls of the x32 interface, whose structures have 32-bit pointers */
#define SOCKETCALL_32 102
#define OLD_MMAP_32 90
#define EXECVE_64 59
#define EXECVEAT_64 322

static __always_inline u32 number_of(struct pt_regs *regs)
{
	return regs->orig_ax;
}

static __always_inline bool is_32(struct task_struct *task)
{
	if (HAS_HELPER(get_current_task_btf))
		return bpf_get_current_task_btf()->thread_info.status & TS_COMPAT;
	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
}

static __always_inline u64 arg_in_place(struct pt_regs *regs, int index)
{
	switch (index) {
	case 0: return OWN_REG(regs, di);
	case 1: return OWN_REG(regs, si);
	case 2: return OWN_REG(regs, dx);
	case 3: return OWN_REG(regs, r10);
	case 4: return OWN_REG(regs, r8);
	default: return OWN_REG(regs, r9);
	}
}

static __always_inline void native_args(struct call *call, struct pt_regs *regs)
{
	call->args[0] = regs->di;
	call->args[1] = regs->si;
	call->args[2] = regs->dx;
	call->args[3] = regs->r10;
	call->args[4] = regs->r8;
	call->args[5] = regs->r9;
}

static __always_inline void narrow_args(struct call *call, struct pt_regs *regs)
{
	u32 memory[6] = {};
	int i;

	if (call->abi == ABI_IN_MEMORY) {
		bpf_probe_read_user(memory, sizeof(memory),
				    (void *)(u64)(u32)(number_of(regs) == SOCKETCALL_32 ? regs->cx : regs->bx));
#pragma unroll
		for (i = 0; i < 6; i++)
			call->args[i] = memory[i];
		return;
	}
	call->args[0] = (u32)regs->bx;
	call->args[1] = (u32)regs->cx;
	call->args[2] = (u32)regs->dx;
	call->args[3] = (u32)regs->si;
	call->args[4] = (u32)regs->di;
	call->args[5] = (u32)regs->bp;
}

static __always_inline enum abi abi_of(struct pt_regs *regs, struct task_struct *task)
{
	u32 number = number_of(regs);

	if (!is_32(task))
		return number & X32_BIT && (number & ~X32_BIT) >= X32_FIRST ? ABI_X32 : ABI_NATIVE;
	/* A 64-bit program that has become a 32-bit one: the call is still the 64-bit one. */
	if (number == EXECVE_64 || number == EXECVEAT_64)
		return ABI_NATIVE;
	return number == SOCKETCALL_32 || number == OLD_MMAP_32 ? ABI_IN_MEMORY : ABI_32;
}
#elif defined(__TARGET_ARCH_arm64)
#define TIF_32BIT (1 << 22)

static __always_inline u32 number_of(struct pt_regs *regs)
{
	return regs->syscallno;
}

static __always_inline bool is_32(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_info.flags) & TIF_32BIT;
}

static __always_inline u64 arg_in_place(struct pt_regs *regs, int index)
{
	switch (index) {
	case 0: return OWN_REG(regs, orig_x0);
	case 1: return OWN_REG(regs, regs[1]);
	case 2: return OWN_REG(regs, regs[2]);
	case 3: return OWN_REG(regs, regs[3]);
	case 4: return OWN_REG(regs, regs[4]);
	default: return OWN_REG(regs, regs[5]);
	}
}

static __always_inline void native_args(struct call *call, struct pt_regs *regs)
{
	int i;

	call->args[0] = regs->orig_x0;
#pragma unroll
	for (i = 1; i < 6; i++)
		call->args[i] = regs->regs[i];
}

static __always_inline void narrow_args(struct call *call, struct pt_regs *regs)
{
	int i;

	call->args[0] = (u32)regs->orig_x0;
#pragma unroll
	for (i = 1; i < 6; i++)
		call->args[i] = (u32)regs->regs[i];
}

static __always_inline enum abi abi_of(struct pt_regs *regs, struct task_struct *task)
{
	return is_32(task) ? ABI_32 : ABI_NATIVE;
}
#endif
/* What the tracepoint of one call's beginning hands to a program. */
struct sys_enter_ctx {
	u64 regs;
	s32 nr;
	u32 pad;
	u64 args[6];
};

/* The calls that socketcall stands for, by its first argument. */
static const u16 socketcalls[32] = {
	[1] = SC_SOCKET, [2] = SC_BIND, [3] = SC_CONNECT, [4] = SC_LISTEN, [5] = SC_ACCEPT, [6] = SC_GETSOCKNAME,
	[7] = SC_GETPEERNAME, [8] = SC_SOCKETPAIR, [9] = SC_SEND, [10] = SC_RECV, [11] = SC_SENDTO, [12] = SC_RECVFROM,
	[13] = SC_SHUTDOWN, [14] = SC_SETSOCKOPT, [15] = SC_GETSOCKOPT, [16] = SC_SENDMSG, [17] = SC_RECVMSG,
	[18] = SC_ACCEPT4, [19] = SC_RECVMMSG, [20] = SC_SENDMMSG,
};

/* Whether a call came by another interface than the machine's own. */
static __always_inline bool is_foreign(struct pt_regs *regs, struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	if (number_of(regs) & X32_BIT)
		return true;
#endif
	return is_32(task);
}

/* Which call of the schema the caller made; 0 when it is none. */
static __always_inline u32 call_code(struct pt_regs *regs, struct task_struct *task)
{
	u32 number = number_of(regs);

	switch (abi_of(regs, task)) {
#if defined(__TARGET_ARCH_x86)
	case ABI_IN_MEMORY:
		if (number == SOCKETCALL_32)
			return socketcalls[masked(regs->bx, 31)];
		return call_narrow(number);
	case ABI_NATIVE:
	case ABI_X32:
		return call_native(number & ~X32_BIT);
#else
	case ABI_NATIVE:
		return call_native(number);
#endif
	default:
		return call_narrow(number);
	}
}

/* The registers that the current task made its call with. They are where its stack ends, as far from its beginning as those of any other task: how
 * far the helper says once. */
static __always_inline struct pt_regs *own_regs(struct task_struct *task)
{
#ifdef READ_BY_LOADS
	u64 stack = (u64)BPF_CORE_READ(task, stack);
	u32 at = words.regs_at;

	if (!at) {
		at = (u64)bpf_task_pt_regs(task) - stack;
		words.regs_at = at;
	}
	return (void *)(stack + at);
#else
	return (void *)bpf_task_pt_regs(task);
#endif
}

/* The registers of a call that the current task is in, for bpf_probe_read_kernel. */
static __always_inline struct pt_regs *regs_of(struct task_struct *task)
{
	if (HAS_HELPER(task_pt_regs))
		return (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	/* "bpf: Add bpf_task_pt_regs() helper" (5.15): until then they are at the end of four pages. */
	return (void *)((u64)BPF_CORE_READ(task, stack) + 4 * 4096 - bpf_core_type_size(struct pt_regs));
}

/* The call of the schema that they say, in the 32-bit interface or another. */
static __always_inline u32 code_at(struct pt_regs *regs, bool narrow)
{
#if defined(__TARGET_ARCH_x86)
	u32 number = BPF_CORE_READ(regs, orig_ax);

	return narrow ? call_narrow(number) : call_native(number & ~X32_BIT);
#else
	u32 number = BPF_CORE_READ(regs, syscallno);

	return narrow ? call_narrow(number) : call_native(number);
#endif
}

static __always_inline u64 first_arg(struct pt_regs *regs, bool narrow)
{
#if defined(__TARGET_ARCH_x86)
	return narrow ? (u32)BPF_CORE_READ(regs, bx) : BPF_CORE_READ(regs, di);
#else
	return narrow ? (u32)BPF_CORE_READ(regs, orig_x0) : BPF_CORE_READ(regs, orig_x0);
#endif
}

static __always_inline u64 arg(const struct call *call, int index)
{
	return call->in_place ? arg_in_place(call->regs, index) : call->args[index];
}

/* Whether pointers and longs in the memory of the caller are of 32 bits. */
static __always_inline bool is_narrow(const struct call *call)
{
	return call->abi != ABI_NATIVE;
}

/* A descriptor, or a number that is negative for something special, as an argument. */
static __always_inline s64 arg_fd(const struct call *call, int index)
{
	return (s32)arg(call, index);
}

static __always_inline const void *arg_ptr(const struct call *call, int index)
{
	return (const void *)arg(call, index);
}

static __always_inline bool ignored(long ret)
{
	return (bpf_get_current_pid_tgid() >> 32) == config.own_pid || (config.drop_failed && ret < 0);
}

/* The same for the task that made a call. */
static __always_inline bool call_ignored(const struct call *call)
{
	struct task_struct *task = call->task;

	return BPF_CORE_READ(task, tgid) == config.own_pid || (config.drop_failed && call->ret < 0);
}

/* The same for calls that only the 32-bit interface has: they reach us through the dispatcher alone. */
#define SYSCALL_32(name)                                                        \
	static __always_inline void on_##name(const struct call *call);         \
	SEC("tp_btf/sys_exit")                                                  \
	int any_##name(u64 *ctx)                                                \
	{                                                                       \
		struct pt_regs *regs = (void *)ctx[0];                          \
		struct call call = {.task = current_task(), .ret = ctx[1]};     \
		if (call_ignored(&call))                                        \
			return 0;                                               \
		call.abi = abi_of(regs, call.task);                             \
		if (call.abi == ABI_32 || call.abi == ABI_IN_MEMORY)            \
			narrow_args(&call, regs);                               \
		else                                                            \
			native_args(&call, regs);                               \
		on_##name(&call);                                               \
		return 0;                                                       \
	}                                                                       \
	static __always_inline void on_##name(const struct call *call)

#define SYSCALL(name)                                                           \
	static __always_inline void on_##name(const struct call *call);         \
	SEC("tracepoint/syscalls/sys_exit_" #name)                              \
	int one_##name(struct sys_exit_ctx *ctx)                                \
	{                                                                       \
		struct call call = {.task = bpf_get_current_task_btf(), .ret = ctx->ret, .in_place = true}; \
		if (call_ignored(&call))                                        \
			return 0;                                               \
		call.regs = own_regs(call.task);                                \
		on_##name(&call);                                               \
		return 0;                                                       \
	}                                                                       \
	SYSCALL_32(name)
