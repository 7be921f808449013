/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Calls that read, write and move data, and where in a file. */
#include "../lib/data.h"
#include "../lib/flags.h"
#include "../lib/forms.h"

RESULT_AND(read, SYSCALL_READ_X, DROP_OTHER, put_read(s, call); put_fd(s, call, 0); put_u32(s, arg(call, 2)))
RESULT_AND(write, SYSCALL_WRITE_X, DROP_OTHER, put_written(s, call, arg(call, 2)); put_fd(s, call, 0);
	   put_u32(s, arg(call, 2)))

/* Where in the file: two registers hold it in the 32-bit interface. */
static __always_inline u64 position(const struct call *call)
{
	return call->abi == ABI_32 ? arg(call, 3) | arg(call, 4) << 32 : arg(call, 3);
}

RESULT_AND(pread64, SYSCALL_PREAD_X, DROP_OTHER, put_read(s, call); put_fd(s, call, 0); put_u32(s, arg(call, 2));
	   put_u64(s, position(call)))
RESULT_AND(pwrite64, SYSCALL_PWRITE_X, DROP_OTHER, put_written(s, call, arg(call, 2)); put_fd(s, call, 0);
	   put_u32(s, arg(call, 2)); put_u64(s, position(call)))

/* The size and the data of what was read into several pieces. */
static __always_inline void put_read_pieces(struct scratch *s, const struct call *call)
{
	struct pieces pieces = pieces_of(call);

	put_u32(s, call->ret > 0 ? call->ret : 0);
	if (call->ret > 0)
		put_pieces(s, &pieces, call->ret);
	else
		put_empty(s);
	put_fd(s, call, 0);
}

/* The data and the size of what was written from several pieces. */
static __always_inline void put_written_pieces(struct scratch *s, const struct call *call)
{
	struct pieces pieces = pieces_of(call);
	u32 size = put_pieces(s, &pieces, call->ret);

	put_fd(s, call, 0);
	put_u32(s, size);
}

RESULT_AND(readv, SYSCALL_READV_X, DROP_OTHER, put_read_pieces(s, call))
RESULT_AND(preadv, SYSCALL_PREADV_X, DROP_OTHER, put_read_pieces(s, call); put_u64(s, position(call)))
RESULT_AND(writev, SYSCALL_WRITEV_X, DROP_OTHER, put_written_pieces(s, call))
RESULT_AND(pwritev, SYSCALL_PWRITEV_X, DROP_OTHER, put_written_pieces(s, call); put_u64(s, position(call)))

/* The memory of another process: the data as far as it was copied, seen in our own pieces. */
static __always_inline void put_copied(struct scratch *s, const struct call *call)
{
	struct pieces pieces = pieces_of(call);

	put_s64(s, call->abi == ABI_32 ? arg_fd(call, 0) : (s64)arg(call, 0));
	if (call->ret > 0)
		put_pieces(s, &pieces, call->ret);
	else
		put_empty(s);
}

RESULT_AND(process_vm_readv, SYSCALL_PROCESS_VM_READV_X, DROP_OTHER, put_copied(s, call))
RESULT_AND(process_vm_writev, SYSCALL_PROCESS_VM_WRITEV_X, DROP_OTHER, put_copied(s, call))

static __always_inline u8 whence(u32 how)
{
	return how <= F_LSEEK_WHENCE__SEEK_END ? how : 0;
}

RESULT_AND(lseek, SYSCALL_LSEEK_X, DROP_OTHER, put_fd(s, call, 0);
	   put_u64(s, call->abi == ABI_32 ? (u64)arg_fd(call, 1) : arg(call, 1)); put_u8(s, whence(arg(call, 2))))
RESULT_AND_32(_llseek, SYSCALL_LLSEEK_X, DROP_OTHER, put_fd(s, call, 0); put_u64(s, arg(call, 1) << 32 | arg(call, 2));
	      put_u8(s, whence(arg(call, 4))))

/* How far a file was sent, after the call; 0 when the caller does not want to know. */
static __always_inline u64 sent_to(const struct call *call, bool narrow)
{
	u64 offset = 0;

	bpf_probe_read_user(&offset, narrow ? sizeof(u32) : sizeof(u64), arg_ptr(call, 2));
	return offset;
}

RESULT_AND(sendfile64, SYSCALL_SENDFILE_X, DROP_OTHER, put_u64(s, sent_to(call, is_narrow(call))); put_fd(s, call, 0);
	   put_fd(s, call, 1); put_u64(s, arg(call, 3)))
/* The 32-bit interface has a second one, whose offset is wide. */
RESULT_AND_32(sendfile64_32, SYSCALL_SENDFILE_X, DROP_OTHER, put_u64(s, sent_to(call, false)); put_fd(s, call, 0);
	      put_fd(s, call, 1); put_u64(s, arg(call, 3)))

RESULT_AND(splice, SYSCALL_SPLICE_X, DROP_OTHER, put_fd(s, call, 0); put_fd(s, call, 2); put_u64(s, arg(call, 4));
	   put_u32(s, arg(call, 5) & 15))
RESULT_AND(copy_file_range, SYSCALL_COPY_FILE_RANGE_X, DROP_OTHER, put_fd(s, call, 2); put_u64(s, arg(call, 3));
	   put_fd(s, call, 0); put_u64(s, arg(call, 1)); put_u64(s, arg(call, 4)))
RESULT_AND(ioctl, SYSCALL_IOCTL_3_X, DROP_OTHER, put_fd(s, call, 0); put_u64(s, arg(call, 1)); put_u64(s, arg(call, 2)))
RESULT_AND(flock, SYSCALL_FLOCK_X, DROP_OTHER, put_fd(s, call, 0); put_u32(s, flock_flags(arg(call, 1))))
RESULT_AND(getdents, SYSCALL_GETDENTS_X, DROP_OTHER, put_fd(s, call, 0))
RESULT_AND(getdents64, SYSCALL_GETDENTS64_X, DROP_OTHER, put_fd(s, call, 0))
