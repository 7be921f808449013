/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Calls that act on paths: links, renames, removals, modes, owners, mounts, directories. */
#include "../lib/flags.h"
#include "../lib/forms.h"

/* A result and one path, two paths. */
#define ONE_PATH(name, event) RESULT_AND_NAMES(name, event, put_name(s, call, 0, 0))
#define TWO_PATHS(name, event) RESULT_AND_NAMES(name, event, put_name(s, call, 0, 0); put_name(s, call, 1, 1))

ONE_PATH(chdir, SYSCALL_CHDIR_X)
ONE_PATH(chroot, SYSCALL_CHROOT_X)
ONE_PATH(rmdir, SYSCALL_RMDIR_2_X)
ONE_PATH(unlink, SYSCALL_UNLINK_2_X)
TWO_PATHS(link, SYSCALL_LINK_2_X)
TWO_PATHS(symlink, SYSCALL_SYMLINK_X)
TWO_PATHS(rename, SYSCALL_RENAME_X)
RESULT_AND(newstat, SYSCALL_STAT_X, DROP_DIR_FILE, put_path_arg(s, call, 0))
RESULT_AND(newlstat, SYSCALL_LSTAT_X, DROP_DIR_FILE, put_path_arg(s, call, 0))

SYSCALL(fchdir)
{
	struct scratch *s = BEGIN(SYSCALL_FCHDIR_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_s64(s, arg_fd(call, 0));
	event_send(s, DROP_DIR_FILE);
}

SYSCALL(getcwd)
{
	struct scratch *s = BEGIN(SYSCALL_GETCWD_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	if (call->ret >= 0)
		put_str_user(s, arg_ptr(call, 0));
	else
		put_empty(s);
	event_send(s, DROP_DIR_FILE);
}

RESULT_AND_NAMES(mkdir, SYSCALL_MKDIR_2_X, put_name(s, call, 0, 0); put_u32(s, arg(call, 1)))
RESULT_AND_NAMES(mkdirat, SYSCALL_MKDIRAT_X, put_fd(s, call, 0); put_name(s, call, 1, 0); put_u32(s, arg(call, 2)))
RESULT_AND_NAMES(unlinkat, SYSCALL_UNLINKAT_2_X, put_fd(s, call, 0); put_name(s, call, 1, 0);
		 put_u32(s, arg(call, 2) & F_UNLINKAT_FLAGS__AT_REMOVEDIR))
RESULT_AND_NAMES(symlinkat, SYSCALL_SYMLINKAT_X, put_name(s, call, 0, 0); put_fd(s, call, 1); put_name(s, call, 2, 1))

/* Two paths, each with its directory. */
static __always_inline void put_two_at(struct scratch *s, const struct call *call)
{
	put_fd(s, call, 0);
	put_name(s, call, 1, 0);
	put_fd(s, call, 2);
	put_name(s, call, 3, 1);
}

RESULT_AND_NAMES(linkat, SYSCALL_LINKAT_2_X, put_two_at(s, call);
		 put_u32(s, arg(call, 4) & (F_LINKAT_FLAGS__AT_SYMLINK_FOLLOW | F_LINKAT_FLAGS__AT_EMPTY_PATH)))
RESULT_AND_NAMES(renameat, SYSCALL_RENAMEAT_X, put_two_at(s, call))
RESULT_AND_NAMES(renameat2, SYSCALL_RENAMEAT2_X, put_two_at(s, call); put_u32(s, arg(call, 4) & 7))
RESULT_AND_NAMES(chmod, SYSCALL_CHMOD_X, put_name(s, call, 0, 0); put_u32(s, arg(call, 1) & 07777))
RESULT_AND_NAMES(fchmodat, SYSCALL_FCHMODAT_X, put_fd(s, call, 0); put_name(s, call, 1, 0); put_u32(s, arg(call, 2) & 07777))

SYSCALL(fchmod)
{
	struct scratch *s = BEGIN(SYSCALL_FCHMOD_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_s64(s, arg_fd(call, 0));
	put_u32(s, arg(call, 1) & 07777);
	send_of_file(s, arg_fd(call, 0), PATHS_OF_CHANGED, DROP_DIR_FILE);
}

#define CHOWN(name, event)                                                          \
	RESULT_AND_NAMES(name, event, put_name(s, call, 0, 0); put_u32(s, arg(call, 1)); \
			 put_u32(s, arg(call, 2)))

CHOWN(chown, SYSCALL_CHOWN_X)
CHOWN(lchown, SYSCALL_LCHOWN_X)

SYSCALL(fchown)
{
	struct scratch *s = BEGIN(SYSCALL_FCHOWN_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_s64(s, arg_fd(call, 0));
	put_u32(s, arg(call, 1));
	put_u32(s, arg(call, 2));
	send_of_file(s, arg_fd(call, 0), PATHS_OF_CHANGED, DROP_DIR_FILE);
}

/* 0x400 is AT_SYMLINK_FOLLOW; on the wire it has the other's name, as upstream's. */
RESULT_AND_NAMES(fchownat, SYSCALL_FCHOWNAT_X, put_fd(s, call, 0); put_name(s, call, 1, 0); put_u32(s, arg(call, 2));
		 put_u32(s, arg(call, 3)); put_u32(s, arg(call, 4) & (0x400 | F_FCHOWNAT_FLAGS__AT_EMPTY_PATH)))

static __always_inline u32 mount_flags(u32 flags)
{
	/* There is a magic number of old. */
	return (flags & 0xffff0000) == 0xc0ed0000 ? flags & 0xffff : flags;
}

RESULT_AND_NAMES(mount, SYSCALL_MOUNT_X, put_name(s, call, 0, 0); put_name(s, call, 1, 1); put_path_arg(s, call, 2);
		 put_u32(s, mount_flags(arg(call, 3))))
/* The kernel's name of the call with flags is umount; programs know it as umount2. */
RESULT_AND_NAMES(umount, SYSCALL_UMOUNT2_X, put_name(s, call, 0, 0); put_u32(s, arg(call, 1) & 15))
/* The 32-bit interface knows the call without flags, too. */
RESULT_AND_32(oldumount, SYSCALL_UMOUNT_1_X, DROP_DIR_FILE, put_path_arg(s, call, 0))

RESULT_AND(newfstat, SYSCALL_FSTAT_X, DROP_OTHER, put_fd(s, call, 0))
RESULT_AND_32(stat64, SYSCALL_STAT64_X, DROP_DIR_FILE, put_path_arg(s, call, 0))
RESULT_AND_32(lstat64, SYSCALL_LSTAT64_X, DROP_DIR_FILE, put_path_arg(s, call, 0))
RESULT_AND_32(fstat64, SYSCALL_FSTAT64_X, DROP_OTHER)
RESULT_AND(newfstatat, SYSCALL_NEWFSTATAT_X, DROP_DIR_FILE, put_fd(s, call, 0); put_path_arg(s, call, 1);
	   put_u32(s, arg(call, 3) & (F_NEWFSTATAT_FLAGS__AT_SYMLINK_NOFOLLOW | F_NEWFSTATAT_FLAGS__AT_NO_AUTOMOUNT |
				      F_NEWFSTATAT_FLAGS__AT_EMPTY_PATH)))
RESULT_AND(access, SYSCALL_ACCESS_X, DROP_DIR_FILE, put_path_arg(s, call, 0); put_u32(s, arg(call, 1) & 7))

/* A mode without a type makes a regular file. */
static __always_inline u32 node_mode(u32 mode)
{
	u32 type = mode & S_IFMT;

	switch (type) {
	case 0: type = S_IFREG; break;
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK: break;
	default: type = 0;
	}
	return type | (mode & 07777);
}

RESULT_AND_NAMES(mknod, SYSCALL_MKNOD_X, put_name(s, call, 0, 0); put_u32(s, node_mode(arg(call, 1)));
		 put_u32(s, device_number(arg(call, 2))))
RESULT_AND_NAMES(mknodat, SYSCALL_MKNODAT_X, put_fd(s, call, 0); put_name(s, call, 1, 0);
		 put_u32(s, node_mode(arg(call, 2))); put_u32(s, device_number(arg(call, 3))))

/* What is set depends on the command: nothing, bytes, or a text; if it was set. */
SYSCALL(fsconfig)
{
	struct scratch *s = BEGIN(SYSCALL_FSCONFIG_X);
	u32 command = arg(call, 1);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_fd(s, call, 0);
	put_u32(s, command);
	put_path_arg(s, call, 2);
	if (call->ret >= 0 && command == F_FSCONFIG_CMDS__FSCONFIG_SET_BINARY)
		put_bytes_user(s, arg_ptr(call, 3), (u32)arg(call, 4), EVENT_MAX / 2 - 1);
	else
		put_empty(s);
	if (call->ret >= 0 && (command == F_FSCONFIG_CMDS__FSCONFIG_SET_STRING || command == F_FSCONFIG_CMDS__FSCONFIG_SET_PATH ||
			       command == F_FSCONFIG_CMDS__FSCONFIG_SET_PATH_EMPTY))
		put_path_arg(s, call, 3);
	else
		put_empty(s);
	put_s32(s, arg(call, 4));
	event_send(s, DROP_DIR_FILE);
}
