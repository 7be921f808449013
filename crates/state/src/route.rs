//! What is done with an event, by its code: looked up in a table, because most events change nothing.

use falco_event::{Event, EventCode, EventFlags, Origin, codes};

use crate::{State, Subject};

/// Takes an event in whose thread and descriptor are found already.
type Take = fn(&mut State, &Event<'_>, &mut Subject);

/// What is done with the events of one code.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    /// Whether it happens in a thread, which is looked up if nobody knows it.
    pub(crate) in_thread: bool,
    /// Whether it at least names a thread.
    pub(crate) names_thread: bool,
    /// Which parameter is the descriptor that it uses.
    pub(crate) fd: Option<u8>,
    /// What takes it in, when it changes something.
    pub(crate) take: Option<Take>,
}

impl Route {
    #[inline]
    pub(crate) fn of(code: EventCode) -> &'static Route {
        &ROUTES[code.index()]
    }

    const fn new(code: EventCode) -> Route {
        let flags = code.info().flags;
        let in_thread = !skips_thread(code, flags);
        let uses_fd = flags.any(EventFlags::USES_FD);
        Route {
            in_thread,
            names_thread: !matches!(code.info().origin, Origin::Iter),
            fd: match (uses_fd, code.is_enter()) {
                (false, _) => None,
                (true, true) => Some(0),
                (true, false) => fd_parameter(code),
            },
            take: taker(code),
        }
    }
}

static ROUTES: [Route; EventCode::COUNT] = {
    let mut routes = [Route {
        in_thread: false,
        names_thread: false,
        fd: None,
        take: None,
    }; EventCode::COUNT];
    let mut at = 0;
    while at < routes.len() {
        if let Some(code) = EventCode::new(at as u16) {
            routes[at] = Route::new(code);
        }
        at += 1;
    }
    routes
};

/// Each event that changes something, and the function that knows how.
const fn taker(code: EventCode) -> Option<Take> {
    Some(match code {
        codes::SYSCALL_OPEN_E
        | codes::SYSCALL_CREAT_E
        | codes::SYSCALL_OPENAT_2_E
        | codes::SYSCALL_OPENAT2_E
        | codes::SYSCALL_EXECVE_19_E
        | codes::SYSCALL_EXECVEAT_E
        | codes::SOCKET_CONNECT_E => State::keep_entered,

        codes::SYSCALL_CLONE_20_X
        | codes::SYSCALL_FORK_20_X
        | codes::SYSCALL_VFORK_20_X
        | codes::SYSCALL_CLONE3_X => State::cloned,
        codes::SYSCALL_EXECVE_19_X | codes::SYSCALL_EXECVEAT_X => State::executed,
        codes::PROCEXIT_1_E => State::exited,
        codes::SYSCALL_PRCTL_X => State::prctl,

        codes::SYSCALL_OPEN_X
        | codes::SYSCALL_CREAT_X
        | codes::SYSCALL_OPENAT_2_X
        | codes::SYSCALL_OPENAT2_X
        | codes::SYSCALL_OPEN_BY_HANDLE_AT_X => State::opened,
        codes::SYSCALL_CLOSE_X => State::closed,
        codes::SYSCALL_CLOSE_RANGE_X => State::closed_range,
        codes::SYSCALL_DUP_1_X | codes::SYSCALL_DUP2_X | codes::SYSCALL_DUP3_X => State::duplicated,
        codes::SYSCALL_FCNTL_X => State::fcntl,
        codes::SYSCALL_PIPE_X | codes::SYSCALL_PIPE2_X => State::piped,
        codes::SYSCALL_EVENTFD_X
        | codes::SYSCALL_EVENTFD2_X
        | codes::SYSCALL_SIGNALFD_X
        | codes::SYSCALL_SIGNALFD4_X
        | codes::SYSCALL_TIMERFD_CREATE_X
        | codes::SYSCALL_INOTIFY_INIT_X
        | codes::SYSCALL_INOTIFY_INIT1_X
        | codes::SYSCALL_BPF_2_X
        | codes::SYSCALL_USERFAULTFD_X
        | codes::SYSCALL_IO_URING_SETUP_X
        | codes::SYSCALL_EPOLL_CREATE_X
        | codes::SYSCALL_EPOLL_CREATE1_X => State::created_nameless,
        codes::SYSCALL_MEMFD_CREATE_X => State::created_memfd,
        codes::SYSCALL_PIDFD_OPEN_X => State::opened_pidfd,
        codes::SYSCALL_PIDFD_GETFD_X => State::taken_by_pidfd,

        codes::SOCKET_SOCKET_X => State::socket,
        codes::SOCKET_SOCKETPAIR_X => State::socketpair,
        codes::SOCKET_BIND_X => State::bound,
        codes::SOCKET_CONNECT_X => State::connected,
        codes::SOCKET_ACCEPT_5_X | codes::SOCKET_ACCEPT4_6_X => State::accepted,
        codes::SYSCALL_READ_X
        | codes::SYSCALL_READV_X
        | codes::SYSCALL_PREAD_X
        | codes::SYSCALL_PREADV_X
        | codes::SOCKET_RECV_X
        | codes::SOCKET_RECVFROM_X
        | codes::SOCKET_RECVMSG_X
        | codes::SOCKET_RECVMMSG_X => State::received,
        codes::SYSCALL_WRITE_X
        | codes::SYSCALL_WRITEV_X
        | codes::SYSCALL_PWRITE_X
        | codes::SYSCALL_PWRITEV_X
        | codes::SOCKET_SEND_X
        | codes::SOCKET_SENDTO_X
        | codes::SOCKET_SENDMSG_X
        | codes::SOCKET_SENDMMSG_X => State::sent,

        codes::SYSCALL_CHDIR_X | codes::SYSCALL_GETCWD_X => State::changed_directory,
        codes::SYSCALL_FCHDIR_X => State::changed_directory_by_fd,
        codes::SYSCALL_CHROOT_X => State::changed_root,

        codes::SYSCALL_SETRESUID_X
        | codes::SYSCALL_SETREUID_X
        | codes::SYSCALL_SETUID_X
        | codes::SYSCALL_SETRESGID_X
        | codes::SYSCALL_SETREGID_X
        | codes::SYSCALL_SETGID_X => State::set_ids,
        codes::SYSCALL_CAPSET_X => State::capset,
        codes::SYSCALL_UNSHARE_X | codes::SYSCALL_SETNS_X => State::entered_namespace,
        codes::SYSCALL_SETSID_X => State::setsid,
        codes::SYSCALL_GETRLIMIT_X | codes::SYSCALL_SETRLIMIT_X => State::rlimit,
        codes::SYSCALL_PRLIMIT_X => |state, event, _| state.prlimit(event),
        codes::SCHEDSWITCH_6_E => State::switched,
        codes::SYSCALL_BRK_4_X
        | codes::SYSCALL_MMAP_X
        | codes::SYSCALL_MMAP2_X
        | codes::SYSCALL_MUNMAP_X => State::mapped,

        codes::ASYNCEVENT_E | codes::CONTAINER_JSON_2_E => State::told_of_container,
        codes::USER_ADDED_E => |state, event, _| state.user_added(event),
        codes::USER_DELETED_E => |state, event, _| state.user_deleted(event),
        codes::GROUP_ADDED_E => |state, event, _| state.group_added(event),
        codes::GROUP_DELETED_E => |state, event, _| state.group_deleted(event),
        _ => return None,
    })
}

/// Events that may name a thread but do not happen in it.
const fn skips_thread(code: EventCode, flags: EventFlags) -> bool {
    matches!(code.info().origin, Origin::Iter)
        || flags.any(EventFlags::SKIPPARSERESET)
        || matches!(
            code,
            codes::CONTAINER_JSON_2_E
                | codes::USER_ADDED_E
                | codes::USER_DELETED_E
                | codes::GROUP_ADDED_E
                | codes::GROUP_DELETED_E
                | codes::PLUGINEVENT_E
                | codes::ASYNCEVENT_E
        )
}

/// Which parameter of the end of a call is the descriptor that it used. There is no rule to it.
const fn fd_parameter(code: EventCode) -> Option<u8> {
    Some(match code {
        codes::SYSCALL_SETNS_X
        | codes::SOCKET_LISTEN_X
        | codes::SOCKET_SHUTDOWN_X
        | codes::SYSCALL_FCHDIR_X
        | codes::SYSCALL_LSEEK_X
        | codes::SYSCALL_LLSEEK_X
        | codes::SYSCALL_IOCTL_3_X
        | codes::SYSCALL_FSTAT_X
        | codes::SYSCALL_CLOSE_X
        | codes::SYSCALL_GETDENTS_X
        | codes::SYSCALL_GETDENTS64_X
        | codes::SYSCALL_FLOCK_X
        | codes::SYSCALL_COPY_FILE_RANGE_X
        | codes::SYSCALL_FCNTL_X
        | codes::SYSCALL_DUP_1_X
        | codes::SYSCALL_DUP2_X
        | codes::SYSCALL_DUP3_X
        | codes::SYSCALL_NEWFSTATAT_X
        | codes::SYSCALL_FCHOWNAT_X
        | codes::SYSCALL_FCHMODAT_X
        | codes::SYSCALL_MKDIRAT_X
        | codes::SYSCALL_UNLINKAT_2_X
        | codes::SYSCALL_MKNODAT_X
        | codes::SOCKET_SENDMMSG_X
        | codes::SOCKET_RECVMMSG_X
        | codes::SYSCALL_IO_URING_REGISTER_X
        | codes::SYSCALL_IO_URING_ENTER_X
        | codes::SOCKET_SETSOCKOPT_X
        | codes::SOCKET_GETSOCKOPT_X
        | codes::SYSCALL_FSCONFIG_X
        | codes::SYSCALL_FINIT_MODULE_X
        | codes::SYSCALL_FCHMOD_X
        | codes::SYSCALL_FCHOWN_X => 1,
        codes::SYSCALL_READ_X
        | codes::SYSCALL_PREAD_X
        | codes::SOCKET_BIND_X
        | codes::SYSCALL_WRITE_X
        | codes::SYSCALL_PWRITE_X
        | codes::SOCKET_RECV_X
        | codes::SOCKET_SEND_X
        | codes::SOCKET_SENDTO_X
        | codes::SOCKET_SENDMSG_X
        | codes::SYSCALL_SENDFILE_X
        | codes::SYSCALL_SPLICE_X
        | codes::SYSCALL_WRITEV_X
        | codes::SYSCALL_PWRITEV_X
        | codes::SOCKET_CONNECT_X
        | codes::SYSCALL_SYMLINKAT_X => 2,
        codes::SOCKET_RECVFROM_X | codes::SYSCALL_READV_X | codes::SYSCALL_PREADV_X => 3,
        codes::SOCKET_RECVMSG_X => 5,
        codes::SYSCALL_MMAP_X | codes::SYSCALL_MMAP2_X => 8,
        _ => return None,
    })
}
