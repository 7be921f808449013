/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A system call at its exit: the arguments are still in the registers that it was entered with.
 *
 * SYSCALL(name) { ... } makes two programs of one body: one for the tracepoint of that call alone, and one that the dispatcher on
 * the exit of all calls jumps to. The loader loads one of them. */
#pragma once

#include "event.h"

struct call {
	struct pt_regs *regs;
	long ret;
};

/* What the tracepoint of one call's exit hands to a program. */
struct sys_exit_ctx {
	u64 regs;
	s32 nr;
	u32 pad;
	s64 ret;
};

static __always_inline u64 arg(const struct call *call, int index)
{
	struct pt_regs *regs = call->regs;

#if defined(__TARGET_ARCH_x86)
	switch (index) {
	case 0: return BPF_CORE_READ(regs, di);
	case 1: return BPF_CORE_READ(regs, si);
	case 2: return BPF_CORE_READ(regs, dx);
	case 3: return BPF_CORE_READ(regs, r10);
	case 4: return BPF_CORE_READ(regs, r8);
	default: return BPF_CORE_READ(regs, r9);
	}
#elif defined(__TARGET_ARCH_arm64)
	if (index == 0)
		return BPF_CORE_READ(regs, orig_x0);
	return BPF_CORE_READ(regs, regs[index]);
#endif
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

#define SYSCALL(name)                                                           \
	static __always_inline void on_##name(const struct call *call);         \
	SEC("tracepoint/syscalls/sys_exit_" #name)                              \
	int one_##name(struct sys_exit_ctx *ctx)                                \
	{                                                                       \
		struct call call = {.ret = ctx->ret};                           \
		if (ignored(call.ret))                                          \
			return 0;                                               \
		call.regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf()); \
		on_##name(&call);                                               \
		return 0;                                                       \
	}                                                                       \
	SEC("tp_btf/sys_exit")                                                  \
	int any_##name(u64 *ctx)                                                \
	{                                                                       \
		struct call call = {.regs = (void *)ctx[0], .ret = ctx[1]};     \
		on_##name(&call);                                               \
		return 0;                                                       \
	}                                                                       \
	static __always_inline void on_##name(const struct call *call)

/* A call that takes a name of its own for the same body. */
#define SYSCALL_ALSO(name, body) \
	SYSCALL(name)            \
	{                        \
		body(call);      \
	}
