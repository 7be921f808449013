/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* quotactl: what it sets or answers depends on the command. */
#include "../lib/forms.h"

static __always_inline u16 quota_command(u32 command)
{
	switch (command >> 8) {
	case 0x800001: return F_QUOTACTL_CMDS__Q_SYNC;
	case 0x800002: return F_QUOTACTL_CMDS__Q_QUOTAON;
	case 0x800003: return F_QUOTACTL_CMDS__Q_QUOTAOFF;
	case 0x800004: return F_QUOTACTL_CMDS__Q_GETFMT;
	case 0x800005: return F_QUOTACTL_CMDS__Q_GETINFO;
	case 0x800006: return F_QUOTACTL_CMDS__Q_SETINFO;
	case 0x800007: return F_QUOTACTL_CMDS__Q_GETQUOTA;
	case 0x800008: return F_QUOTACTL_CMDS__Q_SETQUOTA;
	case 0x5801: return F_QUOTACTL_CMDS__Q_XQUOTAON;
	case 0x5802: return F_QUOTACTL_CMDS__Q_XQUOTAOFF;
	case 0x5803: return F_QUOTACTL_CMDS__Q_XGETQUOTA;
	case 0x5804: return F_QUOTACTL_CMDS__Q_XSETQLIM;
	case 0x5805: return F_QUOTACTL_CMDS__Q_XGETQSTAT;
	case 0x5806: return F_QUOTACTL_CMDS__Q_XQUOTARM;
	case 0x5807: return F_QUOTACTL_CMDS__Q_XQUOTASYNC;
	default: return 0;
	}
}

static __always_inline u8 quota_format(u32 format)
{
	switch (format) {
	case 1: return F_QUOTACTL_QUOTA_FMTS__QFMT_VFS_OLD;
	case 2: return F_QUOTACTL_QUOTA_FMTS__QFMT_VFS_V0;
	case 4: return F_QUOTACTL_QUOTA_FMTS__QFMT_VFS_V1;
	default: return F_QUOTACTL_QUOTA_FMTS__QFMT_NOT_USED;
	}
}

/* The first byte of a command says whose quota. */
static __always_inline u8 quota_type(u32 command)
{
	switch (command & 0xff) {
	case 0: return F_QUOTACTL_TYPES__USRQUOTA;
	case 1: return F_QUOTACTL_TYPES__GRPQUOTA;
	default: return 0;
	}
}

struct user_quota {
	u64 block_hard, block_soft, space, inode_hard, inode_soft, inodes, block_time, inode_time;
	u32 valid;
};

struct user_quota_info {
	u64 block_grace, inode_grace;
	u32 flags, valid;
};

SYSCALL(quotactl)
{
	struct scratch *s = BEGIN(SYSCALL_QUOTACTL_X);
	u32 raw = arg(call, 0), id = arg(call, 2), format = 0;
	u16 command = quota_command(raw);
	struct user_quota quota = {};
	struct user_quota_info info = {};

	if (!s)
		return;
	put_s64(s, call->ret);
	put_path_arg(s, call, 1);
	if (command == F_QUOTACTL_CMDS__Q_QUOTAON)
		put_path_arg(s, call, 3);
	else
		put_empty(s);
	if (command & (F_QUOTACTL_CMDS__Q_GETQUOTA | F_QUOTACTL_CMDS__Q_SETQUOTA))
		bpf_probe_read_user(&quota, sizeof(quota), arg_ptr(call, 3));
	if (command & (F_QUOTACTL_CMDS__Q_GETINFO | F_QUOTACTL_CMDS__Q_SETINFO))
		bpf_probe_read_user(&info, sizeof(info), arg_ptr(call, 3));
	if (command == F_QUOTACTL_CMDS__Q_GETFMT)
		bpf_probe_read_user(&format, sizeof(format), arg_ptr(call, 3));
	put_u64(s, quota.valid & 1 ? quota.block_hard : 0);
	put_u64(s, quota.valid & 1 ? quota.block_soft : 0);
	put_u64(s, quota.valid & 2 ? quota.space : 0);
	put_u64(s, quota.valid & 4 ? quota.inode_hard : 0);
	put_u64(s, quota.valid & 4 ? quota.inode_soft : 0);
	put_u64(s, quota.valid & 16 ? quota.block_time : 0);
	put_u64(s, quota.valid & 32 ? quota.inode_time : 0);
	put_u64(s, info.valid & 1 ? info.block_grace : 0);
	put_u64(s, info.valid & 2 ? info.inode_grace : 0);
	put_u8(s, info.valid & 4 ? info.flags : 0);
	put_u8(s, quota_format(format));
	put_u16(s, command);
	put_u8(s, quota_type(raw));
	put_u32(s, command & (F_QUOTACTL_CMDS__Q_GETQUOTA | F_QUOTACTL_CMDS__Q_SETQUOTA | F_QUOTACTL_CMDS__Q_XGETQUOTA |
			      F_QUOTACTL_CMDS__Q_XSETQLIM) ? id : 0);
	put_u8(s, quota_format(command == F_QUOTACTL_CMDS__Q_QUOTAON ? id : 0));
	event_send(s, DROP_OTHER);
}
