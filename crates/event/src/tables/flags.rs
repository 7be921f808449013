// Written by `cargo xtask codegen` from schema/: change it there.
#![allow(missing_docs, clippy::unreadable_literal)]

use super::types::ParamType as T;
use crate::schema::{Alternative, Flag, Format as F};

pub static SOCKET_FAMILIES: &[Flag] = &[
    Flag { name: "AF_NFC", value: 39 },
    Flag { name: "AF_ALG", value: 38 },
    Flag { name: "AF_CAIF", value: 37 },
    Flag { name: "AF_IEEE802154", value: 36 },
    Flag { name: "AF_PHONET", value: 35 },
    Flag { name: "AF_ISDN", value: 34 },
    Flag { name: "AF_RXRPC", value: 33 },
    Flag { name: "AF_IUCV", value: 32 },
    Flag { name: "AF_BLUETOOTH", value: 31 },
    Flag { name: "AF_TIPC", value: 30 },
    Flag { name: "AF_CAN", value: 29 },
    Flag { name: "AF_LLC", value: 26 },
    Flag { name: "AF_WANPIPE", value: 25 },
    Flag { name: "AF_PPPOX", value: 24 },
    Flag { name: "AF_IRDA", value: 23 },
    Flag { name: "AF_SNA", value: 22 },
    Flag { name: "AF_RDS", value: 21 },
    Flag { name: "AF_ATMSVC", value: 20 },
    Flag { name: "AF_ECONET", value: 19 },
    Flag { name: "AF_ASH", value: 18 },
    Flag { name: "AF_PACKET", value: 17 },
    Flag { name: "AF_ROUTE", value: 16 },
    Flag { name: "AF_NETLINK", value: 16 },
    Flag { name: "AF_KEY", value: 15 },
    Flag { name: "AF_SECURITY", value: 14 },
    Flag { name: "AF_NETBEUI", value: 13 },
    Flag { name: "AF_DECnet", value: 12 },
    Flag { name: "AF_ROSE", value: 11 },
    Flag { name: "AF_INET6", value: 10 },
    Flag { name: "AF_X25", value: 9 },
    Flag { name: "AF_ATMPVC", value: 8 },
    Flag { name: "AF_BRIDGE", value: 7 },
    Flag { name: "AF_NETROM", value: 6 },
    Flag { name: "AF_APPLETALK", value: 5 },
    Flag { name: "AF_IPX", value: 4 },
    Flag { name: "AF_AX25", value: 3 },
    Flag { name: "AF_INET", value: 2 },
    Flag { name: "AF_LOCAL", value: 1 },
    Flag { name: "AF_UNIX", value: 1 },
    Flag { name: "AF_UNSPEC", value: 0 },
];

pub static FILE_FLAGS: &[Flag] = &[
    Flag { name: "O_LARGEFILE", value: 2048 },
    Flag { name: "O_DIRECTORY", value: 1024 },
    Flag { name: "O_DIRECT", value: 512 },
    Flag { name: "O_TRUNC", value: 256 },
    Flag { name: "O_SYNC", value: 128 },
    Flag { name: "O_NONBLOCK", value: 64 },
    Flag { name: "O_EXCL", value: 32 },
    Flag { name: "O_DSYNC", value: 16 },
    Flag { name: "O_APPEND", value: 8 },
    Flag { name: "O_CREAT", value: 4 },
    Flag { name: "O_RDWR", value: 3 },
    Flag { name: "O_WRONLY", value: 2 },
    Flag { name: "O_RDONLY", value: 1 },
    Flag { name: "O_CLOEXEC", value: 4096 },
    Flag { name: "O_NONE", value: 0 },
    Flag { name: "O_TMPFILE", value: 8192 },
    Flag { name: "O_F_CREATED", value: 16384 },
    Flag { name: "FD_UPPER_LAYER", value: 32768 },
    Flag { name: "FD_LOWER_LAYER", value: 65536 },
];

pub static CREAT_FLAGS: &[Flag] = &[
    Flag { name: "FD_UPPER_LAYER_CREAT", value: 1 },
    Flag { name: "FD_LOWER_LAYER_CREAT", value: 2 },
];

pub static FLOCK_FLAGS: &[Flag] = &[
    Flag { name: "LOCK_SH", value: 1 },
    Flag { name: "LOCK_EX", value: 2 },
    Flag { name: "LOCK_NB", value: 4 },
    Flag { name: "LOCK_UN", value: 8 },
    Flag { name: "LOCK_NONE", value: 0 },
];

pub static CLONE_FLAGS: &[Flag] = &[
    Flag { name: "CLONE_FILES", value: 1 },
    Flag { name: "CLONE_FS", value: 2 },
    Flag { name: "CLONE_IO", value: 4 },
    Flag { name: "CLONE_NEWIPC", value: 8 },
    Flag { name: "CLONE_NEWNET", value: 16 },
    Flag { name: "CLONE_NEWNS", value: 32 },
    Flag { name: "CLONE_NEWPID", value: 64 },
    Flag { name: "CLONE_NEWUTS", value: 128 },
    Flag { name: "CLONE_PARENT", value: 256 },
    Flag { name: "CLONE_PARENT_SETTID", value: 512 },
    Flag { name: "CLONE_PTRACE", value: 1024 },
    Flag { name: "CLONE_SIGHAND", value: 2048 },
    Flag { name: "CLONE_SYSVSEM", value: 4096 },
    Flag { name: "CLONE_THREAD", value: 8192 },
    Flag { name: "CLONE_UNTRACED", value: 16384 },
    Flag { name: "CLONE_VM", value: 32768 },
    Flag { name: "CLONE_INVERTED", value: 65536 },
    Flag { name: "NAME_CHANGED", value: 131072 },
    Flag { name: "CLOSED", value: 262144 },
    Flag { name: "CLONE_NEWUSER", value: 1048576 },
    Flag { name: "CLONE_CHILD_CLEARTID", value: 8388608 },
    Flag { name: "CLONE_CHILD_SETTID", value: 16777216 },
    Flag { name: "CLONE_SETTLS", value: 33554432 },
    Flag { name: "CLONE_STOPPED", value: 67108864 },
    Flag { name: "CLONE_VFORK", value: 134217728 },
    Flag { name: "CLONE_NEWCGROUP", value: 268435456 },
    Flag { name: "CLONE_CHILD_IN_PIDNS", value: 536870912 },
];

pub static FUTEX_OPERATIONS: &[Flag] = &[
    Flag { name: "FUTEX_CLOCK_REALTIME", value: 256 },
    Flag { name: "FUTEX_PRIVATE_FLAG", value: 128 },
    Flag { name: "FUTEX_CMP_REQUEUE_PI", value: 12 },
    Flag { name: "FUTEX_WAIT_REQUEUE_PI", value: 11 },
    Flag { name: "FUTEX_WAKE_BITSET", value: 10 },
    Flag { name: "FUTEX_WAIT_BITSET", value: 9 },
    Flag { name: "FUTEX_TRYLOCK_PI", value: 8 },
    Flag { name: "FUTEX_UNLOCK_PI", value: 7 },
    Flag { name: "FUTEX_LOCK_PI", value: 6 },
    Flag { name: "FUTEX_WAKE_OP", value: 5 },
    Flag { name: "FUTEX_CMP_REQUEUE", value: 4 },
    Flag { name: "FUTEX_REQUEUE", value: 3 },
    Flag { name: "FUTEX_FD", value: 2 },
    Flag { name: "FUTEX_WAKE", value: 1 },
    Flag { name: "FUTEX_WAIT", value: 0 },
];

pub static POLL_FLAGS: &[Flag] = &[
    Flag { name: "POLLIN", value: 1 },
    Flag { name: "POLLPRI", value: 2 },
    Flag { name: "POLLOUT", value: 4 },
    Flag { name: "POLLRDHUP", value: 8 },
    Flag { name: "POLLERR", value: 16 },
    Flag { name: "POLLHUP", value: 32 },
    Flag { name: "POLLNVAL", value: 64 },
    Flag { name: "POLLRDNORM", value: 128 },
    Flag { name: "POLLRDBAND", value: 256 },
    Flag { name: "POLLWRNORM", value: 512 },
    Flag { name: "POLLWRBAND", value: 1024 },
];

pub static MOUNT_FLAGS: &[Flag] = &[
    Flag { name: "RDONLY", value: 1 },
    Flag { name: "NOSUID", value: 2 },
    Flag { name: "NODEV", value: 4 },
    Flag { name: "NOEXEC", value: 8 },
    Flag { name: "SYNCHRONOUS", value: 16 },
    Flag { name: "REMOUNT", value: 32 },
    Flag { name: "MANDLOCK", value: 64 },
    Flag { name: "DIRSYNC", value: 128 },
    Flag { name: "NOATIME", value: 1024 },
    Flag { name: "NODIRATIME", value: 2048 },
    Flag { name: "BIND", value: 4096 },
    Flag { name: "MOVE", value: 8192 },
    Flag { name: "REC", value: 16384 },
    Flag { name: "SILENT", value: 32768 },
    Flag { name: "POSIXACL", value: 65536 },
    Flag { name: "UNBINDABLE", value: 131072 },
    Flag { name: "PRIVATE", value: 262144 },
    Flag { name: "SLAVE", value: 524288 },
    Flag { name: "SHARED", value: 1048576 },
    Flag { name: "RELATIME", value: 2097152 },
    Flag { name: "KERNMOUNT", value: 4194304 },
    Flag { name: "I_VERSION", value: 8388608 },
    Flag { name: "STRICTATIME", value: 16777216 },
    Flag { name: "LAZYTIME", value: 33554432 },
    Flag { name: "NOSEC", value: 268435456 },
    Flag { name: "BORN", value: 536870912 },
    Flag { name: "ACTIVE", value: 1073741824 },
    Flag { name: "NOUSER", value: 2147483648 },
];

pub static UMOUNT_FLAGS: &[Flag] = &[
    Flag { name: "FORCE", value: 1 },
    Flag { name: "DETACH", value: 2 },
    Flag { name: "EXPIRE", value: 4 },
    Flag { name: "NOFOLLOW", value: 8 },
];

pub static LSEEK_WHENCE: &[Flag] = &[
    Flag { name: "SEEK_END", value: 2 },
    Flag { name: "SEEK_CUR", value: 1 },
    Flag { name: "SEEK_SET", value: 0 },
];

pub static SHUTDOWN_HOW: &[Flag] = &[
    Flag { name: "SHUT_UNKNOWN", value: 65535 },
    Flag { name: "SHUT_RDWR", value: 2 },
    Flag { name: "SHUT_WR", value: 1 },
    Flag { name: "SHUT_RD", value: 0 },
];

pub static RLIMIT_RESOURCES: &[Flag] = &[
    Flag { name: "RLIMIT_UNKNOWN", value: 255 },
    Flag { name: "RLIMIT_RTTIME", value: 15 },
    Flag { name: "RLIMIT_RTPRIO", value: 14 },
    Flag { name: "RLIMIT_NICE", value: 13 },
    Flag { name: "RLIMIT_MSGQUEUE", value: 12 },
    Flag { name: "RLIMIT_SIGPENDING", value: 11 },
    Flag { name: "RLIMIT_LOCKS", value: 10 },
    Flag { name: "RLIMIT_AS", value: 9 },
    Flag { name: "RLIMIT_MEMLOCK", value: 8 },
    Flag { name: "RLIMIT_NOFILE", value: 7 },
    Flag { name: "RLIMIT_NPROC", value: 6 },
    Flag { name: "RLIMIT_RSS", value: 5 },
    Flag { name: "RLIMIT_CORE", value: 4 },
    Flag { name: "RLIMIT_STACK", value: 3 },
    Flag { name: "RLIMIT_DATA", value: 2 },
    Flag { name: "RLIMIT_FSIZE", value: 1 },
    Flag { name: "RLIMIT_CPU", value: 0 },
];

pub static FCNTL_COMMANDS: &[Flag] = &[
    Flag { name: "F_GETPIPE_SZ", value: 29 },
    Flag { name: "F_SETPIPE_SZ", value: 28 },
    Flag { name: "F_NOTIFY", value: 27 },
    Flag { name: "F_DUPFD_CLOEXEC", value: 26 },
    Flag { name: "F_CANCELLK", value: 25 },
    Flag { name: "F_GETLEASE", value: 24 },
    Flag { name: "F_SETLEASE", value: 23 },
    Flag { name: "F_GETOWN_EX", value: 22 },
    Flag { name: "F_SETOWN_EX", value: 21 },
    Flag { name: "F_SETLKW64", value: 19 },
    Flag { name: "F_SETLK64", value: 18 },
    Flag { name: "F_GETLK64", value: 17 },
    Flag { name: "F_GETSIG", value: 15 },
    Flag { name: "F_SETSIG", value: 13 },
    Flag { name: "F_GETOWN", value: 12 },
    Flag { name: "F_SETOWN", value: 10 },
    Flag { name: "F_SETLKW", value: 9 },
    Flag { name: "F_SETLK", value: 8 },
    Flag { name: "F_GETLK", value: 6 },
    Flag { name: "F_SETFL", value: 5 },
    Flag { name: "F_GETFL", value: 4 },
    Flag { name: "F_SETFD", value: 3 },
    Flag { name: "F_GETFD", value: 2 },
    Flag { name: "F_DUPFD", value: 1 },
    Flag { name: "F_OFD_GETLK", value: 30 },
    Flag { name: "F_OFD_SETLK", value: 31 },
    Flag { name: "F_OFD_SETLKW", value: 32 },
    Flag { name: "UNKNOWN", value: 0 },
];

pub static SOCKOPT_LEVELS: &[Flag] = &[
    Flag { name: "SOL_SOCKET", value: 1 },
    Flag { name: "SOL_TCP", value: 2 },
    Flag { name: "UNKNOWN", value: 0 },
];

pub static SOCKOPT_OPTIONS: &[Flag] = &[
    Flag { name: "SO_COOKIE", value: 53 },
    Flag { name: "SO_MEMINFO", value: 52 },
    Flag { name: "SO_PEERGROUPS", value: 51 },
    Flag { name: "SO_ATTACH_BPF", value: 50 },
    Flag { name: "SO_INCOMING_CPU", value: 49 },
    Flag { name: "SO_BPF_EXTENSIONS", value: 48 },
    Flag { name: "SO_MAX_PACING_RATE", value: 47 },
    Flag { name: "SO_BUSY_POLL", value: 46 },
    Flag { name: "SO_SELECT_ERR_QUEUE", value: 45 },
    Flag { name: "SO_LOCK_FILTER", value: 44 },
    Flag { name: "SO_NOFCS", value: 43 },
    Flag { name: "SO_PEEK_OFF", value: 42 },
    Flag { name: "SO_WIFI_STATUS", value: 41 },
    Flag { name: "SO_RXQ_OVFL", value: 40 },
    Flag { name: "SO_DOMAIN", value: 39 },
    Flag { name: "SO_PROTOCOL", value: 38 },
    Flag { name: "SO_TIMESTAMPING", value: 37 },
    Flag { name: "SO_MARK", value: 36 },
    Flag { name: "SO_TIMESTAMPNS", value: 35 },
    Flag { name: "SO_PASSSEC", value: 34 },
    Flag { name: "SO_PEERSEC", value: 31 },
    Flag { name: "SO_ACCEPTCONN", value: 30 },
    Flag { name: "SO_TIMESTAMP", value: 29 },
    Flag { name: "SO_PEERNAME", value: 28 },
    Flag { name: "SO_DETACH_FILTER", value: 27 },
    Flag { name: "SO_ATTACH_FILTER", value: 26 },
    Flag { name: "SO_BINDTODEVICE", value: 25 },
    Flag { name: "SO_SECURITY_ENCRYPTION_NETWORK", value: 24 },
    Flag { name: "SO_SECURITY_ENCRYPTION_TRANSPORT", value: 23 },
    Flag { name: "SO_SECURITY_AUTHENTICATION", value: 22 },
    Flag { name: "SO_SNDTIMEO", value: 21 },
    Flag { name: "SO_RCVTIMEO", value: 20 },
    Flag { name: "SO_SNDLOWAT", value: 19 },
    Flag { name: "SO_RCVLOWAT", value: 18 },
    Flag { name: "SO_PEERCRED", value: 17 },
    Flag { name: "SO_PASSCRED", value: 16 },
    Flag { name: "SO_REUSEPORT", value: 15 },
    Flag { name: "SO_BSDCOMPAT", value: 14 },
    Flag { name: "SO_LINGER", value: 13 },
    Flag { name: "SO_PRIORITY", value: 12 },
    Flag { name: "SO_NO_CHECK", value: 11 },
    Flag { name: "SO_OOBINLINE", value: 10 },
    Flag { name: "SO_KEEPALIVE", value: 9 },
    Flag { name: "SO_RCVBUFFORCE", value: 33 },
    Flag { name: "SO_SNDBUFFORCE", value: 32 },
    Flag { name: "SO_RCVBUF", value: 8 },
    Flag { name: "SO_SNDBUF", value: 7 },
    Flag { name: "SO_BROADCAST", value: 6 },
    Flag { name: "SO_DONTROUTE", value: 5 },
    Flag { name: "SO_ERROR", value: 4 },
    Flag { name: "SO_TYPE", value: 3 },
    Flag { name: "SO_REUSEADDR", value: 2 },
    Flag { name: "SO_DEBUG", value: 1 },
    Flag { name: "UNKNOWN", value: 0 },
];

pub static PTRACE_REQUESTS: &[Flag] = &[
    Flag { name: "PTRACE_SINGLEBLOCK", value: 38 },
    Flag { name: "PTRACE_SYSEMU_SINGLESTEP", value: 37 },
    Flag { name: "PTRACE_SYSEMU", value: 36 },
    Flag { name: "PTRACE_ARCH_PRCTL", value: 35 },
    Flag { name: "PTRACE_SET_THREAD_AREA", value: 34 },
    Flag { name: "PTRACE_GET_THREAD_AREA", value: 33 },
    Flag { name: "PTRACE_OLDSETOPTIONS", value: 32 },
    Flag { name: "PTRACE_SETFPXREGS", value: 31 },
    Flag { name: "PTRACE_GETFPXREGS", value: 30 },
    Flag { name: "PTRACE_SETFPREGS", value: 29 },
    Flag { name: "PTRACE_GETFPREGS", value: 28 },
    Flag { name: "PTRACE_SETREGS", value: 27 },
    Flag { name: "PTRACE_GETREGS", value: 26 },
    Flag { name: "PTRACE_SETSIGMASK", value: 25 },
    Flag { name: "PTRACE_GETSIGMASK", value: 24 },
    Flag { name: "PTRACE_PEEKSIGINFO", value: 23 },
    Flag { name: "PTRACE_LISTEN", value: 22 },
    Flag { name: "PTRACE_INTERRUPT", value: 21 },
    Flag { name: "PTRACE_SEIZE", value: 20 },
    Flag { name: "PTRACE_SETREGSET", value: 19 },
    Flag { name: "PTRACE_GETREGSET", value: 18 },
    Flag { name: "PTRACE_SETSIGINFO", value: 17 },
    Flag { name: "PTRACE_GETSIGINFO", value: 16 },
    Flag { name: "PTRACE_GETEVENTMSG", value: 15 },
    Flag { name: "PTRACE_SETOPTIONS", value: 14 },
    Flag { name: "PTRACE_SYSCALL", value: 13 },
    Flag { name: "PTRACE_DETACH", value: 12 },
    Flag { name: "PTRACE_ATTACH", value: 11 },
    Flag { name: "PTRACE_SINGLESTEP", value: 10 },
    Flag { name: "PTRACE_KILL", value: 9 },
    Flag { name: "PTRACE_CONT", value: 8 },
    Flag { name: "PTRACE_POKEUSR", value: 7 },
    Flag { name: "PTRACE_POKEDATA", value: 6 },
    Flag { name: "PTRACE_POKETEXT", value: 5 },
    Flag { name: "PTRACE_PEEKUSR", value: 4 },
    Flag { name: "PTRACE_PEEKDATA", value: 3 },
    Flag { name: "PTRACE_PEEKTEXT", value: 2 },
    Flag { name: "PTRACE_TRACEME", value: 1 },
    Flag { name: "PTRACE_UNKNOWN", value: 0 },
];

pub static PROT_FLAGS: &[Flag] = &[
    Flag { name: "PROT_READ", value: 1 },
    Flag { name: "PROT_WRITE", value: 2 },
    Flag { name: "PROT_EXEC", value: 4 },
    Flag { name: "PROT_SEM", value: 8 },
    Flag { name: "PROT_GROWSDOWN", value: 16 },
    Flag { name: "PROT_GROWSUP", value: 32 },
    Flag { name: "PROT_SAO", value: 64 },
    Flag { name: "PROT_NONE", value: 0 },
];

pub static MMAP_FLAGS: &[Flag] = &[
    Flag { name: "MAP_SHARED", value: 1 },
    Flag { name: "MAP_PRIVATE", value: 2 },
    Flag { name: "MAP_FIXED", value: 4 },
    Flag { name: "MAP_ANONYMOUS", value: 8 },
    Flag { name: "MAP_32BIT", value: 16 },
    Flag { name: "MAP_RENAME", value: 32 },
    Flag { name: "MAP_NORESERVE", value: 64 },
    Flag { name: "MAP_POPULATE", value: 128 },
    Flag { name: "MAP_NONBLOCK", value: 256 },
    Flag { name: "MAP_GROWSDOWN", value: 512 },
    Flag { name: "MAP_DENYWRITE", value: 1024 },
    Flag { name: "MAP_EXECUTABLE", value: 2048 },
    Flag { name: "MAP_INHERIT", value: 4096 },
    Flag { name: "MAP_FILE", value: 8192 },
    Flag { name: "MAP_LOCKED", value: 16384 },
];

pub static SPLICE_FLAGS: &[Flag] = &[
    Flag { name: "SPLICE_F_MOVE", value: 1 },
    Flag { name: "SPLICE_F_NONBLOCK", value: 2 },
    Flag { name: "SPLICE_F_MORE", value: 4 },
    Flag { name: "SPLICE_F_GIFT", value: 8 },
];

pub static QUOTACTL_DQI_FLAGS: &[Flag] = &[
    Flag { name: "DQF_NONE", value: 1 },
    Flag { name: "V1_DQF_RSQUASH", value: 2 },
];

pub static QUOTACTL_CMDS: &[Flag] = &[
    Flag { name: "Q_QUOTAON", value: 1 },
    Flag { name: "Q_QUOTAOFF", value: 2 },
    Flag { name: "Q_GETFMT", value: 4 },
    Flag { name: "Q_GETINFO", value: 8 },
    Flag { name: "Q_SETINFO", value: 16 },
    Flag { name: "Q_GETQUOTA", value: 32 },
    Flag { name: "Q_SETQUOTA", value: 64 },
    Flag { name: "Q_SYNC", value: 128 },
    Flag { name: "Q_XQUOTAON", value: 256 },
    Flag { name: "Q_XQUOTAOFF", value: 512 },
    Flag { name: "Q_XGETQUOTA", value: 1024 },
    Flag { name: "Q_XSETQLIM", value: 2048 },
    Flag { name: "Q_XGETQSTAT", value: 4096 },
    Flag { name: "Q_XQUOTARM", value: 8192 },
    Flag { name: "Q_XQUOTASYNC", value: 16384 },
];

pub static QUOTACTL_TYPES: &[Flag] = &[
    Flag { name: "USRQUOTA", value: 1 },
    Flag { name: "GRPQUOTA", value: 2 },
];

pub static QUOTACTL_QUOTA_FMTS: &[Flag] = &[
    Flag { name: "QFMT_NOT_USED", value: 1 },
    Flag { name: "QFMT_VFS_OLD", value: 2 },
    Flag { name: "QFMT_VFS_V0", value: 4 },
    Flag { name: "QFMT_VFS_V1", value: 8 },
];

pub static SEMOP_FLAGS: &[Flag] = &[
    Flag { name: "IPC_NOWAIT", value: 1 },
    Flag { name: "SEM_UNDO", value: 2 },
];

pub static SEMGET_FLAGS: &[Flag] = &[
    Flag { name: "IPC_EXCL", value: 16384 },
    Flag { name: "IPC_CREAT", value: 8192 },
];

pub static SEMCTL_COMMANDS: &[Flag] = &[
    Flag { name: "IPC_STAT", value: 1 },
    Flag { name: "IPC_SET", value: 2 },
    Flag { name: "IPC_RMID", value: 4 },
    Flag { name: "IPC_INFO", value: 8 },
    Flag { name: "SEM_INFO", value: 16 },
    Flag { name: "SEM_STAT", value: 32 },
    Flag { name: "GETALL", value: 64 },
    Flag { name: "GETNCNT", value: 128 },
    Flag { name: "GETPID", value: 256 },
    Flag { name: "GETVAL", value: 512 },
    Flag { name: "GETZCNT", value: 1024 },
    Flag { name: "SETALL", value: 2048 },
    Flag { name: "SETVAL", value: 4096 },
];

pub static ACCESS_FLAGS: &[Flag] = &[
    Flag { name: "F_OK", value: 0 },
    Flag { name: "R_OK", value: 4 },
    Flag { name: "W_OK", value: 2 },
    Flag { name: "X_OK", value: 1 },
];

pub static PF_FLAGS: &[Flag] = &[
    Flag { name: "PROTECTION_VIOLATION", value: 1 },
    Flag { name: "PAGE_NOT_PRESENT", value: 2 },
    Flag { name: "WRITE_ACCESS", value: 4 },
    Flag { name: "READ_ACCESS", value: 8 },
    Flag { name: "USER_FAULT", value: 16 },
    Flag { name: "SUPERVISOR_FAULT", value: 32 },
    Flag { name: "RESERVED_PAGE", value: 64 },
    Flag { name: "INSTRUCTION_FETCH", value: 128 },
];

pub static UNLINKAT_FLAGS: &[Flag] = &[
    Flag { name: "AT_REMOVEDIR", value: 512 },
];

pub static LINKAT_FLAGS: &[Flag] = &[
    Flag { name: "AT_SYMLINK_FOLLOW", value: 1024 },
    Flag { name: "AT_EMPTY_PATH", value: 4096 },
];

pub static NEWFSTATAT_FLAGS: &[Flag] = &[
    Flag { name: "AT_EMPTY_PATH", value: 4096 },
    Flag { name: "AT_NO_AUTOMOUNT", value: 2048 },
    Flag { name: "AT_SYMLINK_NOFOLLOW", value: 256 },
];

pub static CHMOD_MODE: &[Flag] = &[
    Flag { name: "S_IXOTH", value: 1 },
    Flag { name: "S_IWOTH", value: 2 },
    Flag { name: "S_IROTH", value: 4 },
    Flag { name: "S_IXGRP", value: 8 },
    Flag { name: "S_IWGRP", value: 16 },
    Flag { name: "S_IRGRP", value: 32 },
    Flag { name: "S_IXUSR", value: 64 },
    Flag { name: "S_IWUSR", value: 128 },
    Flag { name: "S_IRUSR", value: 256 },
    Flag { name: "S_ISVTX", value: 512 },
    Flag { name: "S_ISGID", value: 1024 },
    Flag { name: "S_ISUID", value: 2048 },
];

pub static FCHOWNAT_FLAGS: &[Flag] = &[
    Flag { name: "AT_SYMLINK_NOFOLLOW", value: 1024 },
    Flag { name: "AT_EMPTY_PATH", value: 4096 },
];

pub static RENAMEAT2_FLAGS: &[Flag] = &[
    Flag { name: "RENAME_NOREPLACE", value: 1 },
    Flag { name: "RENAME_EXCHANGE", value: 2 },
    Flag { name: "RENAME_WHITEOUT", value: 4 },
];

pub static OPENAT2_FLAGS: &[Flag] = &[
    Flag { name: "RESOLVE_BENEATH", value: 1 },
    Flag { name: "RESOLVE_IN_ROOT", value: 2 },
    Flag { name: "RESOLVE_NO_MAGICLINKS", value: 4 },
    Flag { name: "RESOLVE_NO_SYMLINKS", value: 8 },
    Flag { name: "RESOLVE_NO_XDEV", value: 16 },
    Flag { name: "RESOLVE_CACHED", value: 32 },
];

pub static EXECVE_FLAGS: &[Flag] = &[
    Flag { name: "EXE_WRITABLE", value: 1 },
    Flag { name: "EXE_UPPER_LAYER", value: 2 },
    Flag { name: "EXE_FROM_MEMFD", value: 4 },
    Flag { name: "EXE_LOWER_LAYER", value: 8 },
];

pub static EXECVEAT_FLAGS: &[Flag] = &[
    Flag { name: "AT_EMPTY_PATH", value: 1 },
    Flag { name: "AT_SYMLINK_NOFOLLOW", value: 2 },
];

pub static IO_URING_SETUP_FLAGS: &[Flag] = &[
    Flag { name: "IORING_SETUP_IOPOLL", value: 1 },
    Flag { name: "IORING_SETUP_SQPOLL", value: 2 },
    Flag { name: "IORING_SQ_NEED_WAKEUP", value: 4 },
    Flag { name: "IORING_SETUP_SQ_AFF", value: 8 },
    Flag { name: "IORING_SETUP_CQSIZE", value: 16 },
    Flag { name: "IORING_SETUP_CLAMP", value: 32 },
    Flag { name: "IORING_SETUP_ATTACH_RW", value: 64 },
    Flag { name: "IORING_SETUP_R_DISABLED", value: 128 },
];

pub static IO_URING_SETUP_FEATS: &[Flag] = &[
    Flag { name: "IORING_FEAT_SINGLE_MMAP", value: 1 },
    Flag { name: "IORING_FEAT_NODROP", value: 2 },
    Flag { name: "IORING_FEAT_SUBMIT_STABLE", value: 4 },
    Flag { name: "IORING_FEAT_RW_CUR_POS", value: 8 },
    Flag { name: "IORING_FEAT_CUR_PERSONALITY", value: 16 },
    Flag { name: "IORING_FEAT_FAST_POLL", value: 32 },
    Flag { name: "IORING_FEAT_POLL_32BITS", value: 64 },
    Flag { name: "IORING_FEAT_SQPOLL_NONFIXED", value: 128 },
    Flag { name: "IORING_FEAT_ENTER_EXT_ARG", value: 256 },
    Flag { name: "IORING_FEAT_NATIVE_WORKERS", value: 512 },
    Flag { name: "IORING_FEAT_RSRC_TAGS", value: 1024 },
];

pub static IO_URING_ENTER_FLAGS: &[Flag] = &[
    Flag { name: "IORING_ENTER_GETEVENTS", value: 1 },
    Flag { name: "IORING_ENTER_SQ_WAKEUP", value: 2 },
    Flag { name: "IORING_ENTER_SQ_WAIT", value: 4 },
    Flag { name: "IORING_ENTER_EXT_ARG", value: 8 },
];

pub static IO_URING_REGISTER_OPCODES: &[Flag] = &[
    Flag { name: "IORING_REGISTER_BUFFERS", value: 0 },
    Flag { name: "IORING_UNREGISTER_BUFFERS", value: 1 },
    Flag { name: "IORING_REGISTER_FILES", value: 2 },
    Flag { name: "IORING_UNREGISTER_FILES", value: 3 },
    Flag { name: "IORING_REGISTER_EVENTFD", value: 4 },
    Flag { name: "IORING_UNREGISTER_EVENTFD", value: 5 },
    Flag { name: "IORING_REGISTER_FILES_UPDATE", value: 6 },
    Flag { name: "IORING_REGISTER_EVENTFD_ASYNC", value: 7 },
    Flag { name: "IORING_REGISTER_PROBE", value: 8 },
    Flag { name: "IORING_REGISTER_PERSONALITY", value: 9 },
    Flag { name: "IORING_UNREGISTER_PERSONALITY", value: 10 },
    Flag { name: "IORING_REGISTER_RESTRICTIONS", value: 11 },
    Flag { name: "IORING_REGISTER_ENABLE_RINGS", value: 12 },
    Flag { name: "IORING_REGISTER_FILES2", value: 13 },
    Flag { name: "IORING_REGISTER_FILES_UPDATE2", value: 14 },
    Flag { name: "IORING_REGISTER_BUFFERS2", value: 15 },
    Flag { name: "IORING_REGISTER_BUFFERS_UPDATE", value: 16 },
    Flag { name: "IORING_REGISTER_IOWQ_AFF", value: 17 },
    Flag { name: "IORING_UNREGISTER_IOWQ_AFF", value: 18 },
    Flag { name: "IORING_REGISTER_IOWQ_MAX_WORKERS", value: 19 },
    Flag { name: "IORING_REGISTER_RING_FDS", value: 20 },
    Flag { name: "IORING_UNREGISTER_RING_FDS", value: 21 },
];

pub static MLOCKALL_FLAGS: &[Flag] = &[
    Flag { name: "MCL_CURRENT", value: 1 },
    Flag { name: "MCL_FUTURE", value: 2 },
    Flag { name: "MCL_ONFAULT", value: 4 },
];

pub static MLOCK2_FLAGS: &[Flag] = &[
    Flag { name: "MLOCK_ONFAULT", value: 1 },
];

pub static FSCONFIG_CMDS: &[Flag] = &[
    Flag { name: "FSCONFIG_SET_FLAG", value: 0 },
    Flag { name: "FSCONFIG_SET_STRING", value: 1 },
    Flag { name: "FSCONFIG_SET_BINARY", value: 2 },
    Flag { name: "FSCONFIG_SET_PATH", value: 3 },
    Flag { name: "FSCONFIG_SET_PATH_EMPTY", value: 4 },
    Flag { name: "FSCONFIG_SET_FD", value: 5 },
    Flag { name: "FSCONFIG_CMD_CREATE", value: 6 },
    Flag { name: "FSCONFIG_CMD_RECONFIGURE", value: 7 },
];

pub static EPOLL_CREATE1_FLAGS: &[Flag] = &[
    Flag { name: "EPOLL_CLOEXEC", value: 1 },
];

pub static PRCTL_OPTIONS: &[Flag] = &[
    Flag { name: "PR_GET_DUMPABLE", value: 3 },
    Flag { name: "PR_SET_DUMPABLE", value: 4 },
    Flag { name: "PR_GET_KEEPCAPS", value: 7 },
    Flag { name: "PR_SET_KEEPCAPS", value: 8 },
    Flag { name: "PR_SET_NAME", value: 15 },
    Flag { name: "PR_GET_NAME", value: 16 },
    Flag { name: "PR_GET_SECCOMP", value: 21 },
    Flag { name: "PR_SET_SECCOMP", value: 22 },
    Flag { name: "PR_CAPBSET_READ", value: 23 },
    Flag { name: "PR_CAPBSET_DROP", value: 24 },
    Flag { name: "PR_GET_SECUREBITS", value: 27 },
    Flag { name: "PR_SET_SECUREBITS", value: 28 },
    Flag { name: "PR_MCE_KILL", value: 33 },
    Flag { name: "PR_MCE_KILL", value: 33 },
    Flag { name: "PR_SET_MM", value: 35 },
    Flag { name: "PR_SET_CHILD_SUBREAPER", value: 36 },
    Flag { name: "PR_GET_CHILD_SUBREAPER", value: 37 },
    Flag { name: "PR_SET_NO_NEW_PRIVS", value: 38 },
    Flag { name: "PR_GET_NO_NEW_PRIVS", value: 39 },
    Flag { name: "PR_GET_TID_ADDRESS", value: 40 },
    Flag { name: "PR_SET_THP_DISABLE", value: 41 },
    Flag { name: "PR_GET_THP_DISABLE", value: 42 },
    Flag { name: "PR_CAP_AMBIENT", value: 47 },
];

pub static KEYCTL_OPERATIONS: &[Flag] = &[
    Flag { name: "KEYCTL_GET_KEYRING_ID", value: 0 },
    Flag { name: "KEYCTL_JOIN_SESSION_KEYRING", value: 1 },
    Flag { name: "KEYCTL_UPDATE", value: 2 },
    Flag { name: "KEYCTL_REVOKE", value: 3 },
    Flag { name: "KEYCTL_CHOWN", value: 4 },
    Flag { name: "KEYCTL_SETPERM", value: 5 },
    Flag { name: "KEYCTL_DESCRIBE", value: 6 },
    Flag { name: "KEYCTL_CLEAR", value: 7 },
    Flag { name: "KEYCTL_LINK", value: 8 },
    Flag { name: "KEYCTL_UNLINK", value: 9 },
    Flag { name: "KEYCTL_SEARCH", value: 10 },
    Flag { name: "KEYCTL_READ", value: 11 },
    Flag { name: "KEYCTL_INSTANTIATE", value: 12 },
    Flag { name: "KEYCTL_NEGATE", value: 13 },
    Flag { name: "KEYCTL_SET_REQKEY_KEYRING", value: 14 },
    Flag { name: "KEYCTL_SET_TIMEOUT", value: 15 },
    Flag { name: "KEYCTL_ASSUME_AUTHORITY", value: 16 },
    Flag { name: "KEYCTL_GET_SECURITY", value: 17 },
    Flag { name: "KEYCTL_SESSION_TO_PARENT", value: 18 },
    Flag { name: "KEYCTL_REJECT", value: 19 },
    Flag { name: "KEYCTL_INSTANTIATE_IOV", value: 20 },
    Flag { name: "KEYCTL_INVALIDATE", value: 21 },
    Flag { name: "KEYCTL_GET_PERSISTENT", value: 22 },
    Flag { name: "KEYCTL_DH_COMPUTE", value: 23 },
    Flag { name: "KEYCTL_PKEY_QUERY", value: 24 },
    Flag { name: "KEYCTL_PKEY_ENCRYPT", value: 25 },
    Flag { name: "KEYCTL_PKEY_DECRYPT", value: 26 },
    Flag { name: "KEYCTL_PKEY_SIGN", value: 27 },
    Flag { name: "KEYCTL_PKEY_VERIFY", value: 28 },
    Flag { name: "KEYCTL_RESTRICT_KEYRING", value: 29 },
    Flag { name: "KEYCTL_MOVE", value: 30 },
    Flag { name: "KEYCTL_CAPABILITIES", value: 31 },
    Flag { name: "KEYCTL_WATCH_KEY", value: 32 },
];

pub static MEMFD_CREATE_FLAGS: &[Flag] = &[
    Flag { name: "MFD_CLOEXEC", value: 1 },
    Flag { name: "MFD_ALLOW_SEALING", value: 2 },
    Flag { name: "MFD_HUGETLB", value: 4 },
];

pub static PIDFD_OPEN_FLAGS: &[Flag] = &[
    Flag { name: "PIDFD_NONBLOCK", value: 1 },
];

pub static MKNOD_MODE: &[Flag] = &[
    Flag { name: "S_IXOTH", value: 1 },
    Flag { name: "S_IWOTH", value: 2 },
    Flag { name: "S_IROTH", value: 4 },
    Flag { name: "S_IXGRP", value: 8 },
    Flag { name: "S_IWGRP", value: 16 },
    Flag { name: "S_IRGRP", value: 32 },
    Flag { name: "S_IXUSR", value: 64 },
    Flag { name: "S_IWUSR", value: 128 },
    Flag { name: "S_IRUSR", value: 256 },
    Flag { name: "S_ISVTX", value: 512 },
    Flag { name: "S_ISGID", value: 1024 },
    Flag { name: "S_ISUID", value: 2048 },
    Flag { name: "S_IFREG", value: 32768 },
    Flag { name: "S_IFCHR", value: 8192 },
    Flag { name: "S_IFBLK", value: 24576 },
    Flag { name: "S_IFIFO", value: 4096 },
    Flag { name: "S_IFSOCK", value: 49152 },
];

pub static BPF_COMMANDS: &[Flag] = &[
    Flag { name: "BPF_MAP_CREATE", value: 0 },
    Flag { name: "BPF_MAP_LOOKUP_ELEM", value: 1 },
    Flag { name: "BPF_MAP_UPDATE_ELEM", value: 2 },
    Flag { name: "BPF_MAP_DELETE_ELEM", value: 3 },
    Flag { name: "BPF_MAP_GET_NEXT_KEY", value: 4 },
    Flag { name: "BPF_PROG_LOAD", value: 5 },
    Flag { name: "BPF_OBJ_PIN", value: 6 },
    Flag { name: "BPF_OBJ_GET", value: 7 },
    Flag { name: "BPF_PROG_ATTACH", value: 8 },
    Flag { name: "BPF_PROG_DETACH", value: 9 },
    Flag { name: "BPF_PROG_TEST_RUN", value: 10 },
    Flag { name: "BPF_PROG_RUN", value: 10 },
    Flag { name: "BPF_PROG_GET_NEXT_ID", value: 11 },
    Flag { name: "BPF_MAP_GET_NEXT_ID", value: 12 },
    Flag { name: "BPF_PROG_GET_FD_BY_ID", value: 13 },
    Flag { name: "BPF_MAP_GET_FD_BY_ID", value: 14 },
    Flag { name: "BPF_OBJ_GET_INFO_BY_FD", value: 15 },
    Flag { name: "BPF_PROG_QUERY", value: 16 },
    Flag { name: "BPF_RAW_TRACEPOINT_OPEN", value: 17 },
    Flag { name: "BPF_BTF_LOAD", value: 18 },
    Flag { name: "BPF_BTF_GET_FD_BY_ID", value: 19 },
    Flag { name: "BPF_TASK_FD_QUERY", value: 20 },
    Flag { name: "BPF_MAP_LOOKUP_AND_DELETE_ELEM", value: 21 },
    Flag { name: "BPF_MAP_FREEZE", value: 22 },
    Flag { name: "BPF_BTF_GET_NEXT_ID", value: 23 },
    Flag { name: "BPF_MAP_LOOKUP_BATCH", value: 24 },
    Flag { name: "BPF_MAP_LOOKUP_AND_DELETE_BATCH", value: 25 },
    Flag { name: "BPF_MAP_UPDATE_BATCH", value: 26 },
    Flag { name: "BPF_MAP_DELETE_BATCH", value: 27 },
    Flag { name: "BPF_LINK_CREATE", value: 28 },
    Flag { name: "BPF_LINK_UPDATE", value: 29 },
    Flag { name: "BPF_LINK_GET_FD_BY_ID", value: 30 },
    Flag { name: "BPF_LINK_GET_NEXT_ID", value: 31 },
    Flag { name: "BPF_ENABLE_STATS", value: 32 },
    Flag { name: "BPF_ITER_CREATE", value: 33 },
    Flag { name: "BPF_LINK_DETACH", value: 34 },
    Flag { name: "BPF_PROG_BIND_MAP", value: 35 },
];

pub static DELETE_MODULE_FLAGS: &[Flag] = &[
    Flag { name: "O_NONBLOCK", value: 2 },
    Flag { name: "O_TRUNC", value: 1 },
];

pub static CLOSE_RANGE_FLAGS: &[Flag] = &[
    Flag { name: "CLOSE_RANGE_UNSHARE", value: 2 },
    Flag { name: "CLOSE_RANGE_CLOEXEC", value: 4 },
];

pub static FINIT_MODULE_FLAGS: &[Flag] = &[
    Flag { name: "MODULE_INIT_IGNORE_MODVERSIONS", value: 1 },
    Flag { name: "MODULE_INIT_IGNORE_VERMAGIC", value: 2 },
    Flag { name: "MODULE_INIT_COMPRESSED_FILE", value: 4 },
];

pub static ANON_INODE_FD_TYPES: &[Flag] = &[
    Flag { name: "ANON_INODE_FD_TYPE_UNKNOWN", value: 0 },
    Flag { name: "ANON_INODE_FD_TYPE_EVENTFD", value: 1 },
    Flag { name: "ANON_INODE_FD_TYPE_EVENTPOLL", value: 2 },
    Flag { name: "ANON_INODE_FD_TYPE_INOTIFY", value: 3 },
    Flag { name: "ANON_INODE_FD_TYPE_SIGNALFD", value: 4 },
    Flag { name: "ANON_INODE_FD_TYPE_TIMERFD", value: 5 },
    Flag { name: "ANON_INODE_FD_TYPE_IO_URING", value: 6 },
    Flag { name: "ANON_INODE_FD_TYPE_USERFAULTFD", value: 7 },
    Flag { name: "ANON_INODE_FD_TYPE_PIDFD", value: 8 },
    Flag { name: "ANON_INODE_FD_TYPE_BPF_MAP", value: 9 },
    Flag { name: "ANON_INODE_FD_TYPE_BPF_PROG", value: 10 },
    Flag { name: "ANON_INODE_FD_TYPE_BPF_LINK", value: 11 },
    Flag { name: "ANON_INODE_FD_TYPE_BPF_ITER", value: 12 },
    Flag { name: "ANON_INODE_FD_TYPE_PERF_EVENT", value: 13 },
];

pub static SOCKOPT_DYNAMIC_PARAM: &[Alternative] = &[
    Alternative { ty: T::Bytebuf, format: F::Na },
    Alternative { ty: T::Errno, format: F::Dec },
    Alternative { ty: T::Uint32, format: F::Dec },
    Alternative { ty: T::Uint64, format: F::Dec },
    Alternative { ty: T::Reltime, format: F::Dec },
];

pub static PTRACE_DYNAMIC_PARAM: &[Alternative] = &[
    Alternative { ty: T::Uint64, format: F::Hex },
    Alternative { ty: T::Sigtype, format: F::Dec },
];

pub static BPF_DYNAMIC_PARAM: &[Alternative] = &[
    Alternative { ty: T::Fd, format: F::Dec },
    Alternative { ty: T::Errno, format: F::Dec },
];

pub static KEYCTL_DYNAMIC_PARAM: &[Alternative] = &[
    Alternative { ty: T::Int64, format: F::Dec },
    Alternative { ty: T::Charbuf, format: F::Na },
];
