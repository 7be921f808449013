/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Semaphores and keys. */
#include "../lib/flags.h"
#include "../lib/forms.h"

#define IPC_NOWAIT 04000
#define SEM_UNDO 0x1000
#define SETVAL 16

RESULT_AND(semget, SYSCALL_SEMGET_X, DROP_OTHER, put_s32(s, arg(call, 0)); put_s32(s, arg(call, 1));
	   put_u32(s, semget_flags(arg(call, 2))))
/* IPC_64 is the bit of the 32-bit interface that asks for the newer structures. */
RESULT_AND(semctl, SYSCALL_SEMCTL_X, DROP_OTHER, put_s32(s, arg(call, 0)); put_s32(s, arg(call, 1));
	   put_u16(s, semctl_command((u16)arg(call, 2) & ~(is_narrow(call) ? 0x100 : 0)));
	   put_s32(s, (u16)arg(call, 2) == SETVAL ? arg(call, 3) : 0))

struct user_sembuf {
	u16 number;
	s16 operation, flags;
};

static __always_inline void put_operation(struct scratch *s, const struct user_sembuf *one)
{
	put_u16(s, one->number);
	put_s16(s, one->operation);
	put_u16(s, (one->flags & IPC_NOWAIT ? F_SEMOP_FLAGS__IPC_NOWAIT : 0) | (one->flags & SEM_UNDO ? F_SEMOP_FLAGS__SEM_UNDO : 0));
}

/* The first two operations, if they were done. */
SYSCALL(semop)
{
	struct scratch *s = BEGIN(SYSCALL_SEMOP_X);
	struct user_sembuf done[2] = {};
	u32 count = arg(call, 2);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_u32(s, count);
	if (call->ret == 0 && count)
		bpf_probe_read_user(done, count == 1 ? sizeof(done[0]) : sizeof(done), arg_ptr(call, 1));
	put_operation(s, &done[0]);
	put_operation(s, &done[1]);
	put_s32(s, arg(call, 0));
	event_send(s, DROP_OTHER);
}

/* What the four arguments behind an operation are, one hexadecimal digit each, the first one highest. */
#define NUMBER 1
#define TEXT 2

static __always_inline u16 key_shape(u32 operation)
{
	switch (operation) {
	case F_KEYCTL_OPERATIONS__KEYCTL_JOIN_SESSION_KEYRING: return 0x2000;
	case F_KEYCTL_OPERATIONS__KEYCTL_REVOKE:
	case F_KEYCTL_OPERATIONS__KEYCTL_CLEAR:
	case F_KEYCTL_OPERATIONS__KEYCTL_SET_REQKEY_KEYRING:
	case F_KEYCTL_OPERATIONS__KEYCTL_ASSUME_AUTHORITY:
	case F_KEYCTL_OPERATIONS__KEYCTL_INVALIDATE: return 0x1000;
	case F_KEYCTL_OPERATIONS__KEYCTL_GET_KEYRING_ID:
	case F_KEYCTL_OPERATIONS__KEYCTL_SETPERM:
	case F_KEYCTL_OPERATIONS__KEYCTL_LINK:
	case F_KEYCTL_OPERATIONS__KEYCTL_UNLINK:
	case F_KEYCTL_OPERATIONS__KEYCTL_SET_TIMEOUT:
	case F_KEYCTL_OPERATIONS__KEYCTL_GET_PERSISTENT:
	case F_KEYCTL_OPERATIONS__KEYCTL_CAPABILITIES: return 0x1100;
	case F_KEYCTL_OPERATIONS__KEYCTL_UPDATE:
	case F_KEYCTL_OPERATIONS__KEYCTL_CHOWN:
	case F_KEYCTL_OPERATIONS__KEYCTL_DESCRIBE:
	case F_KEYCTL_OPERATIONS__KEYCTL_READ:
	case F_KEYCTL_OPERATIONS__KEYCTL_NEGATE:
	case F_KEYCTL_OPERATIONS__KEYCTL_GET_SECURITY:
	case F_KEYCTL_OPERATIONS__KEYCTL_WATCH_KEY: return 0x1110;
	case F_KEYCTL_OPERATIONS__KEYCTL_RESTRICT_KEYRING: return 0x1220;
	case F_KEYCTL_OPERATIONS__KEYCTL_PKEY_QUERY: return 0x1120;
	case F_KEYCTL_OPERATIONS__KEYCTL_SEARCH: return 0x1221;
	case F_KEYCTL_OPERATIONS__KEYCTL_INSTANTIATE:
	case F_KEYCTL_OPERATIONS__KEYCTL_REJECT:
	case F_KEYCTL_OPERATIONS__KEYCTL_INSTANTIATE_IOV:
	case F_KEYCTL_OPERATIONS__KEYCTL_DH_COMPUTE:
	case F_KEYCTL_OPERATIONS__KEYCTL_MOVE: return 0x1111;
	case F_KEYCTL_OPERATIONS__KEYCTL_PKEY_ENCRYPT:
	case F_KEYCTL_OPERATIONS__KEYCTL_PKEY_DECRYPT:
	case F_KEYCTL_OPERATIONS__KEYCTL_PKEY_SIGN:
	case F_KEYCTL_OPERATIONS__KEYCTL_PKEY_VERIFY: return 0x1211;
	default: return 0;
	}
}

static __always_inline void put_key_arg(struct scratch *s, u32 shape, u64 value)
{
	if (shape == TEXT) {
		push_u8(s, DYN_KEYCTL__CHARBUF);
		put_length(s, 1 + push_str_user(s, (const void *)value, PATH_MAX_BYTES));
	} else {
		push_u8(s, DYN_KEYCTL__INT64);
		push_s64(s, shape == NUMBER ? value : 0);
		put_length(s, 1 + sizeof(s64));
	}
}

SYSCALL(keyctl)
{
	struct scratch *s = BEGIN(SYSCALL_KEYCTL_X);
	u32 operation = arg(call, 0), shape = key_shape(operation);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_u32(s, operation);
	put_key_arg(s, shape >> 12, arg(call, 1));
	put_key_arg(s, shape >> 8 & 15, arg(call, 2));
	put_key_arg(s, shape >> 4 & 15, arg(call, 3));
	put_key_arg(s, shape & 15, arg(call, 4));
	event_send(s, DROP_OTHER);
}
