/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* From the kernel's bits to those on the wire. */
#pragma once

#include "../include/maps.h"

#define MOVE(from, to) \
	if (flags & (from)) \
	out |= (to)

/* Reading and writing, a bit each; 3 is for reading, too. Without a branch, here and below: the verifier would take each way through the rest of a
 * program. */
static __always_inline u32 open_access(u32 flags)
{
	return F_FILE_FLAGS__O_RDONLY + ((flags & 3) ^ 3 * (flags & flags >> 1 & 1));
}

#if defined(__TARGET_ARCH_arm64)
#define KERNEL_O_DIRECTORY 040000
#else
#define KERNEL_O_DIRECTORY 0200000
#endif

/* What the filter asks of, which is to cost nothing: the kernel's bits, but for the access (crates/probe/src/filter/flags.rs). The two
 * highest are those of marks: whatever a program passes there, which the kernel passes over. */
static __always_inline u32 asked_flags(u32 flags)
{
	return (flags & ~(3U << 30 | 3U)) | open_access(flags);
}

static __always_inline u32 open_flags(u32 flags)
{
	u32 out = open_access(flags);

	MOVE(0100, F_FILE_FLAGS__O_CREAT);
	MOVE(0200, F_FILE_FLAGS__O_EXCL);
	MOVE(01000, F_FILE_FLAGS__O_TRUNC);
	MOVE(02000, F_FILE_FLAGS__O_APPEND);
	MOVE(04000, F_FILE_FLAGS__O_NONBLOCK);
	/* O_SYNC holds O_DSYNC, and O_TMPFILE holds O_DIRECTORY: upstream reports the larger for either. */
	MOVE(010000, F_FILE_FLAGS__O_DSYNC);
	MOVE(010000, F_FILE_FLAGS__O_SYNC);
	MOVE(04000000, F_FILE_FLAGS__O_SYNC);
	MOVE(02000000, F_FILE_FLAGS__O_CLOEXEC);
#if defined(__TARGET_ARCH_arm64)
	MOVE(0200000, F_FILE_FLAGS__O_DIRECT);
	MOVE(0400000, F_FILE_FLAGS__O_LARGEFILE);
	MOVE(040000, F_FILE_FLAGS__O_DIRECTORY);
	MOVE(040000, F_FILE_FLAGS__O_TMPFILE);
#else
	MOVE(040000, F_FILE_FLAGS__O_DIRECT);
	MOVE(0100000, F_FILE_FLAGS__O_LARGEFILE);
	MOVE(0200000, F_FILE_FLAGS__O_DIRECTORY);
	MOVE(0200000, F_FILE_FLAGS__O_TMPFILE);
#endif
	MOVE(020000000, F_FILE_FLAGS__O_TMPFILE);
	return out;
}

/* The bits of permission are the same; they count only when a file may be made. */
static __always_inline u32 open_mode(u32 flags, u32 mode)
{
	return flags & (0100 | 020000000) ? mode & 07777 : 0;
}

/* What socket, accept4, dup3, pipe2 and the makers of descriptors take beside their own bits. */
static __always_inline u32 fd_flags(u32 flags)
{
	u32 out = 0;

	MOVE(04000, F_FILE_FLAGS__O_NONBLOCK);
	MOVE(02000000, F_FILE_FLAGS__O_CLOEXEC);
	return out;
}

static __always_inline u32 clone_flags(u64 flags)
{
	u32 out = 0;

	MOVE(0x100, F_CLONE_FLAGS__CLONE_VM);
	MOVE(0x200, F_CLONE_FLAGS__CLONE_FS);
	MOVE(0x400, F_CLONE_FLAGS__CLONE_FILES);
	MOVE(0x800, F_CLONE_FLAGS__CLONE_SIGHAND);
	MOVE(0x2000, F_CLONE_FLAGS__CLONE_PTRACE);
	MOVE(0x4000, F_CLONE_FLAGS__CLONE_VFORK);
	MOVE(0x8000, F_CLONE_FLAGS__CLONE_PARENT);
	MOVE(0x10000, F_CLONE_FLAGS__CLONE_THREAD);
	MOVE(0x20000, F_CLONE_FLAGS__CLONE_NEWNS);
	MOVE(0x40000, F_CLONE_FLAGS__CLONE_SYSVSEM);
	MOVE(0x80000, F_CLONE_FLAGS__CLONE_SETTLS);
	MOVE(0x100000, F_CLONE_FLAGS__CLONE_PARENT_SETTID);
	MOVE(0x200000, F_CLONE_FLAGS__CLONE_CHILD_CLEARTID);
	MOVE(0x800000, F_CLONE_FLAGS__CLONE_UNTRACED);
	MOVE(0x1000000, F_CLONE_FLAGS__CLONE_CHILD_SETTID);
	MOVE(0x2000000, F_CLONE_FLAGS__CLONE_NEWCGROUP);
	MOVE(0x4000000, F_CLONE_FLAGS__CLONE_NEWUTS);
	MOVE(0x8000000, F_CLONE_FLAGS__CLONE_NEWIPC);
	MOVE(0x10000000, F_CLONE_FLAGS__CLONE_NEWUSER);
	MOVE(0x20000000, F_CLONE_FLAGS__CLONE_NEWPID);
	MOVE(0x40000000, F_CLONE_FLAGS__CLONE_NEWNET);
	MOVE(0x80000000, F_CLONE_FLAGS__CLONE_IO);
	return out;
}

static __always_inline u32 resolve_flags(u64 flags)
{
	u32 out = 0;

	MOVE(1, F_OPENAT2_FLAGS__RESOLVE_NO_XDEV);
	MOVE(2, F_OPENAT2_FLAGS__RESOLVE_NO_MAGICLINKS);
	MOVE(4, F_OPENAT2_FLAGS__RESOLVE_NO_SYMLINKS);
	MOVE(8, F_OPENAT2_FLAGS__RESOLVE_BENEATH);
	MOVE(16, F_OPENAT2_FLAGS__RESOLVE_IN_ROOT);
	MOVE(32, F_OPENAT2_FLAGS__RESOLVE_CACHED);
	return out;
}

static __always_inline u32 io_uring_flags(u32 flags)
{
	u32 out = 0;

	/* IORING_SQ_NEED_WAKEUP is a bit of another word, with the number of IORING_SETUP_IOPOLL: upstream reports both for it. */
	MOVE(1, F_IO_URING_SETUP_FLAGS__IORING_SETUP_IOPOLL | F_IO_URING_SETUP_FLAGS__IORING_SQ_NEED_WAKEUP);
	MOVE(2, F_IO_URING_SETUP_FLAGS__IORING_SETUP_SQPOLL);
	MOVE(4, F_IO_URING_SETUP_FLAGS__IORING_SETUP_SQ_AFF);
	MOVE(8, F_IO_URING_SETUP_FLAGS__IORING_SETUP_CQSIZE);
	MOVE(16, F_IO_URING_SETUP_FLAGS__IORING_SETUP_CLAMP);
	MOVE(32, F_IO_URING_SETUP_FLAGS__IORING_SETUP_ATTACH_RW);
	MOVE(64, F_IO_URING_SETUP_FLAGS__IORING_SETUP_R_DISABLED);
	return out;
}

/* The choices of fcntl, in the order of the kernel's numbers. */
static __always_inline u8 fcntl_command(u32 command)
{
	switch (command) {
	case 0: return F_FCNTL_COMMANDS__F_DUPFD;
	case 1: return F_FCNTL_COMMANDS__F_GETFD;
	case 2: return F_FCNTL_COMMANDS__F_SETFD;
	case 3: return F_FCNTL_COMMANDS__F_GETFL;
	case 4: return F_FCNTL_COMMANDS__F_SETFL;
	case 5: return F_FCNTL_COMMANDS__F_GETLK;
	case 6: return F_FCNTL_COMMANDS__F_SETLK;
	case 7: return F_FCNTL_COMMANDS__F_SETLKW;
	case 8: return F_FCNTL_COMMANDS__F_SETOWN;
	case 9: return F_FCNTL_COMMANDS__F_GETOWN;
	case 10: return F_FCNTL_COMMANDS__F_SETSIG;
	case 11: return F_FCNTL_COMMANDS__F_GETSIG;
	case 15: return F_FCNTL_COMMANDS__F_SETOWN_EX;
	case 16: return F_FCNTL_COMMANDS__F_GETOWN_EX;
	case 36: return F_FCNTL_COMMANDS__F_OFD_GETLK;
	case 37: return F_FCNTL_COMMANDS__F_OFD_SETLK;
	case 38: return F_FCNTL_COMMANDS__F_OFD_SETLKW;
	case 1024: return F_FCNTL_COMMANDS__F_SETLEASE;
	case 1025: return F_FCNTL_COMMANDS__F_GETLEASE;
	case 1026: return F_FCNTL_COMMANDS__F_NOTIFY;
	case 1029: return F_FCNTL_COMMANDS__F_CANCELLK;
	case 1030: return F_FCNTL_COMMANDS__F_DUPFD_CLOEXEC;
	case 1031: return F_FCNTL_COMMANDS__F_SETPIPE_SZ;
	case 1032: return F_FCNTL_COMMANDS__F_GETPIPE_SZ;
	default: return F_FCNTL_COMMANDS__UNKNOWN;
	}
}

static __always_inline u16 ptrace_request(u64 request)
{
	switch (request) {
	case 0: return F_PTRACE_REQUESTS__PTRACE_TRACEME;
	case 1: return F_PTRACE_REQUESTS__PTRACE_PEEKTEXT;
	case 2: return F_PTRACE_REQUESTS__PTRACE_PEEKDATA;
	case 3: return F_PTRACE_REQUESTS__PTRACE_PEEKUSR;
	case 4: return F_PTRACE_REQUESTS__PTRACE_POKETEXT;
	case 5: return F_PTRACE_REQUESTS__PTRACE_POKEDATA;
	case 6: return F_PTRACE_REQUESTS__PTRACE_POKEUSR;
	case 7: return F_PTRACE_REQUESTS__PTRACE_CONT;
	case 8: return F_PTRACE_REQUESTS__PTRACE_KILL;
	case 9: return F_PTRACE_REQUESTS__PTRACE_SINGLESTEP;
	case 12: return F_PTRACE_REQUESTS__PTRACE_GETREGS;
	case 13: return F_PTRACE_REQUESTS__PTRACE_SETREGS;
	case 14: return F_PTRACE_REQUESTS__PTRACE_GETFPREGS;
	case 15: return F_PTRACE_REQUESTS__PTRACE_SETFPREGS;
	case 16: return F_PTRACE_REQUESTS__PTRACE_ATTACH;
	case 17: return F_PTRACE_REQUESTS__PTRACE_DETACH;
	case 18: return F_PTRACE_REQUESTS__PTRACE_GETFPXREGS;
	case 19: return F_PTRACE_REQUESTS__PTRACE_SETFPXREGS;
	case 21: return F_PTRACE_REQUESTS__PTRACE_OLDSETOPTIONS;
	case 24: return F_PTRACE_REQUESTS__PTRACE_SYSCALL;
	case 25: return F_PTRACE_REQUESTS__PTRACE_GET_THREAD_AREA;
	case 26: return F_PTRACE_REQUESTS__PTRACE_SET_THREAD_AREA;
	case 30: return F_PTRACE_REQUESTS__PTRACE_ARCH_PRCTL;
	case 31: return F_PTRACE_REQUESTS__PTRACE_SYSEMU;
	case 32: return F_PTRACE_REQUESTS__PTRACE_SYSEMU_SINGLESTEP;
	case 33: return F_PTRACE_REQUESTS__PTRACE_SINGLEBLOCK;
	/* The newer requests lie together, on both sides. */
	case 0x4200 ... 0x420b: return F_PTRACE_REQUESTS__PTRACE_SETOPTIONS + (request - 0x4200);
	default: return F_PTRACE_REQUESTS__PTRACE_UNKNOWN;
	}
}

static __always_inline u32 prot_flags(u32 flags)
{
	u32 out = flags & 15; /* the first ones have the same numbers */

	MOVE(0x1000000, F_PROT_FLAGS__PROT_GROWSDOWN);
	MOVE(0x2000000, F_PROT_FLAGS__PROT_GROWSUP);
	MOVE(0x10, F_PROT_FLAGS__PROT_SAO);
	return out;
}

static __always_inline u32 mmap_flags(u32 flags)
{
	u32 out = flags & 3;

	MOVE(0x10, F_MMAP_FLAGS__MAP_FIXED);
	MOVE(0x20, F_MMAP_FLAGS__MAP_ANONYMOUS);
	MOVE(0x40, F_MMAP_FLAGS__MAP_32BIT);
	MOVE(0x80, F_MMAP_FLAGS__MAP_INHERIT);
	MOVE(0x100, F_MMAP_FLAGS__MAP_GROWSDOWN);
	MOVE(0x800, F_MMAP_FLAGS__MAP_DENYWRITE);
	MOVE(0x1000, F_MMAP_FLAGS__MAP_EXECUTABLE);
	MOVE(0x2000, F_MMAP_FLAGS__MAP_LOCKED);
	MOVE(0x4000, F_MMAP_FLAGS__MAP_NORESERVE);
	MOVE(0x8000, F_MMAP_FLAGS__MAP_POPULATE);
	MOVE(0x10000, F_MMAP_FLAGS__MAP_NONBLOCK);
	return out;
}

static __always_inline u32 flock_flags(u32 flags)
{
	u32 out = 0;

	MOVE(1, F_FLOCK_FLAGS__LOCK_SH);
	MOVE(2, F_FLOCK_FLAGS__LOCK_EX);
	MOVE(4, F_FLOCK_FLAGS__LOCK_NB);
	MOVE(8, F_FLOCK_FLAGS__LOCK_UN);
	return out;
}

static __always_inline u16 poll_flags(u16 flags)
{
	u16 out = 0;

	MOVE(1, F_POLL_FLAGS__POLLIN);
	MOVE(2, F_POLL_FLAGS__POLLPRI);
	MOVE(4, F_POLL_FLAGS__POLLOUT);
	MOVE(8, F_POLL_FLAGS__POLLERR);
	MOVE(0x10, F_POLL_FLAGS__POLLHUP);
	MOVE(0x20, F_POLL_FLAGS__POLLNVAL);
	MOVE(0x40, F_POLL_FLAGS__POLLRDNORM);
	MOVE(0x80, F_POLL_FLAGS__POLLRDBAND);
	MOVE(0x100, F_POLL_FLAGS__POLLWRNORM);
	MOVE(0x200, F_POLL_FLAGS__POLLWRBAND);
	MOVE(0x2000, F_POLL_FLAGS__POLLRDHUP);
	return out;
}

/* The operations and their two bits have the same numbers; newer operations have no name. */
static __always_inline u16 futex_operation(u32 operation)
{
	u32 plain = operation & 127;

	return (plain <= F_FUTEX_OPERATIONS__FUTEX_CMP_REQUEUE_PI ? plain : 0) |
	       (operation & (F_FUTEX_OPERATIONS__FUTEX_PRIVATE_FLAG | F_FUTEX_OPERATIONS__FUTEX_CLOCK_REALTIME));
}

static __always_inline u32 semget_flags(u32 flags)
{
	u32 out = 0;

	MOVE(01000, F_SEMGET_FLAGS__IPC_CREAT);
	MOVE(02000, F_SEMGET_FLAGS__IPC_EXCL);
	return out;
}

static __always_inline u16 semctl_command(u16 command)
{
	switch (command) {
	case 0: return F_SEMCTL_COMMANDS__IPC_RMID;
	case 1: return F_SEMCTL_COMMANDS__IPC_SET;
	case 2: return F_SEMCTL_COMMANDS__IPC_STAT;
	case 3: return F_SEMCTL_COMMANDS__IPC_INFO;
	case 11: return F_SEMCTL_COMMANDS__GETPID;
	case 12: return F_SEMCTL_COMMANDS__GETVAL;
	case 13: return F_SEMCTL_COMMANDS__GETALL;
	case 14: return F_SEMCTL_COMMANDS__GETNCNT;
	case 15: return F_SEMCTL_COMMANDS__GETZCNT;
	case 16: return F_SEMCTL_COMMANDS__SETVAL;
	case 17: return F_SEMCTL_COMMANDS__SETALL;
	case 18: return F_SEMCTL_COMMANDS__SEM_STAT;
	case 19: return F_SEMCTL_COMMANDS__SEM_INFO;
	default: return 0;
	}
}

static __always_inline u32 delete_module_flags(u32 flags)
{
	u32 out = 0;

	MOVE(01000, F_DELETE_MODULE_FLAGS__O_TRUNC);
	MOVE(04000, F_DELETE_MODULE_FLAGS__O_NONBLOCK);
	return out;
}
