/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Calls whose parameters are not read: that they were made, by their code and the number that the machine's own programs know them
 * by; a call that only another interface has goes by its number there. */
#include "../lib/forms.h"

static __always_inline void generic(u16 code, u16 number)
{
	struct scratch *s = BEGIN(GENERIC_X);

	if (!s)
		return;
	put_u16(s, code);
	put_u16(s, number);
	event_send(s, DROP_OTHER);
}

SEC("tracepoint/syscalls/sys_exit_generic")
int one_generic(struct sys_exit_ctx *ctx)
{
	if (!ignored(ctx->ret))
		generic(call_native(ctx->nr), ctx->nr);
	return 0;
}

SEC("tp_btf/sys_exit")
int any_generic(u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	u32 code = call_code(regs, current_task()), number = calls.number[masked(code, NUMBERS_MAX - 1)];

	if (!ignored(ctx[1]))
		generic(code, number ? number : number_of(regs));
	return 0;
}
