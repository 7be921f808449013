//! Calls on memory, limits, ids, semaphores, keys and quotas, made for real.
#![allow(unsafe_code, clippy::unwrap_used)]

#[path = "support/live.rs"]
mod live;

use live::{Notes, call, ptr, said};

const CALLS: &[&str] = &[
    "brk",
    "mmap",
    "munmap",
    "mprotect",
    "mlock",
    "mlock2",
    "munlock",
    "mlockall",
    "munlockall",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getresuid",
    "getresgid",
    "getrlimit",
    "setrlimit",
    "prlimit64",
    "seccomp",
    "semget",
    "semctl",
    "semop",
    "keyctl",
    "quotactl",
];

const EFAULT: i32 = -libc::EFAULT;
const EINVAL: i32 = -libc::EINVAL;

#[test]
fn mapping_and_locking() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        notes.put(0, call!(libc::SYS_brk, 0));
        let (both, anonymous) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
        );
        let memory = notes.put(1, call!(libc::SYS_mmap, 0, 8192, both, anonymous, -1, 0));
        call!(
            libc::SYS_mmap,
            0,
            4096,
            libc::PROT_EXEC,
            libc::MAP_SHARED | libc::MAP_POPULATE,
            9999,
            4096
        );
        call!(
            libc::SYS_mprotect,
            memory,
            4096,
            libc::PROT_READ | libc::PROT_EXEC
        );
        call!(libc::SYS_mlock, memory, 4096);
        call!(libc::SYS_mlock2, memory, 4096, libc::MLOCK_ONFAULT);
        call!(libc::SYS_munlock, memory, 4096);
        call!(libc::SYS_mlockall, libc::MCL_FUTURE | libc::MCL_ONFAULT);
        call!(libc::SYS_munlockall);
        call!(libc::SYS_mlockall, 0);
        call!(libc::SYS_munmap, memory, 8192);
        call!(libc::SYS_munmap, 1, 1);
    });
    let (end, memory) = (seen.notes.get(0), seen.notes.get(1));
    let (sizes, ebadf) = ("vm_size=_ vm_rss=_ vm_swap=_", -libc::EBADF);
    said!(seen, "brk res={end} {sizes} addr=0");
    said!(
        seen,
        "mmap res={} {sizes} addr=0 length=8192 prot=PROT_READ|PROT_WRITE \
         flags=MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE fd=-1 offset=0",
        memory
    );
    said!(
        seen,
        "mmap res={ebadf} {sizes} addr=0 length=4096 prot=PROT_EXEC flags=MAP_SHARED|MAP_POPULATE fd=9999 offset=4096"
    );
    said!(
        seen,
        "mprotect res=0 addr={memory} length=4096 prot=PROT_READ|PROT_EXEC"
    );
    said!(seen, "mlock res=0 addr={memory} len=4096");
    said!(
        seen,
        "mlock2 res=0 addr={memory} len=4096 flags=MLOCK_ONFAULT"
    );
    said!(seen, "munlock res=0 addr={memory} len=4096");
    said!(seen, "mlockall res=0 flags=MCL_FUTURE|MCL_ONFAULT");
    said!(seen, "munlockall res=0");
    said!(seen, "mlockall res={EINVAL} flags=0x0");
    let munmap = seen.take("munmap");
    live::compare(
        &munmap,
        &format!("munmap res=0 {sizes} addr={memory} length=8192"),
    );
    let event = live::parse(&munmap);
    assert!(event.u32(1).unwrap() > event.u32(2).unwrap() && event.u32(2).unwrap() > 0);
    said!(seen, "munmap res={EINVAL} {sizes} addr=1 length=1");
}

#[test]
fn ids_and_limits() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |_| {
        call!(libc::SYS_setresgid, 11, 12, 13);
        call!(libc::SYS_setresuid, 21, 22, 0);
        call!(libc::SYS_getuid);
        call!(libc::SYS_geteuid);
        call!(libc::SYS_getgid);
        call!(libc::SYS_getegid);
        let mut ids = [0_u32; 3];
        let at = |index: usize| ids.as_ptr().wrapping_add(index);
        let (first, second, third) = (at(0), at(1), at(2));
        let _ = &mut ids;
        call!(libc::SYS_getresuid, first, second, third);
        call!(libc::SYS_getresgid, first, second, third);
        call!(libc::SYS_getresgid, 8, second, third);
        let limits = [100_i64, 200];
        call!(libc::SYS_setrlimit, libc::RLIMIT_NOFILE, limits.as_ptr());
        let mut found = [0_i64; 2];
        call!(libc::SYS_getrlimit, libc::RLIMIT_NOFILE, found.as_mut_ptr());
        call!(libc::SYS_getrlimit, 99, found.as_mut_ptr());
        let lower = [50_i64, 150];
        call!(
            libc::SYS_prlimit64,
            0,
            libc::RLIMIT_NOFILE,
            lower.as_ptr(),
            found.as_mut_ptr()
        );
        call!(libc::SYS_prlimit64, -1, libc::RLIMIT_CPU, 0, 0);
        call!(libc::SYS_seccomp, 77, 5, 0);
    });
    let esrch = -libc::ESRCH;
    said!(seen, "getuid uid=21");
    said!(seen, "geteuid euid=22");
    said!(seen, "getgid gid=11");
    said!(seen, "getegid egid=12");
    said!(seen, "getresuid res=0 ruid=21 euid=22 suid=0");
    said!(seen, "getresgid res=0 rgid=11 egid=12 sgid=13");
    said!(seen, "getresgid res={EFAULT} rgid=0 egid=_ sgid=_");
    said!(
        seen,
        "setrlimit res=0 cur=100 max=200 resource=RLIMIT_NOFILE"
    );
    said!(
        seen,
        "getrlimit res=0 cur=100 max=200 resource=RLIMIT_NOFILE"
    );
    said!(
        seen,
        "getrlimit res={EINVAL} cur=-1 max=-1 resource=RLIMIT_UNKNOWN"
    );
    said!(
        seen,
        "prlimit res=0 newcur=50 newmax=150 oldcur=100 oldmax=200 pid=0 resource=RLIMIT_NOFILE"
    );
    said!(
        seen,
        "prlimit res={esrch} newcur=0 newmax=0 oldcur=-1 oldmax=-1 pid=-1 resource=RLIMIT_CPU"
    );
    said!(seen, "seccomp res={EINVAL} op=77 flags=5");
}

#[test]
fn semaphores() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let flags = libc::IPC_CREAT | libc::IPC_EXCL | 0o600;
        let id = notes.put(0, call!(libc::SYS_semget, libc::IPC_PRIVATE, 3, flags));
        call!(libc::SYS_semctl, id, 1, libc::SETVAL, 9);
        // struct sembuf: which, how much, flags
        let undo = libc::SEM_UNDO as i16;
        let wait = libc::IPC_NOWAIT as i16;
        let operations = [0_i16, 2, undo, 1, -3, wait, 2, 1, 0];
        call!(libc::SYS_semop, id, operations.as_ptr(), 3);
        call!(libc::SYS_semop, id, operations.as_ptr(), 1);
        call!(libc::SYS_semop, -1, operations.as_ptr(), 1);
        notes.put(1, call!(libc::SYS_semctl, id, 1, libc::GETVAL, 0));
        call!(libc::SYS_semctl, id, 0, libc::IPC_RMID, 0);
    });
    let id = seen.notes.get(0);
    said!(
        seen,
        "semget res={id} key=0 nsems=3 semflg=IPC_CREAT|IPC_EXCL"
    );
    said!(seen, "semctl res=0 semid={id} semnum=1 cmd=SETVAL val=9");
    said!(
        seen,
        "semop res=0 nsops=3 sem_num_0=0 sem_op_0=2 sem_flg_0=SEM_UNDO sem_num_1=1 sem_op_1={} sem_flg_1=IPC_NOWAIT semid={id}",
        -3_i16 as u16
    );
    let none = "sem_num_1=0 sem_op_1=0 sem_flg_1=0x0";
    said!(
        seen,
        "semop res=0 nsops=1 sem_num_0=0 sem_op_0=2 sem_flg_0=SEM_UNDO {none} semid={id}"
    );
    said!(
        seen,
        "semop res={EINVAL} nsops=1 sem_num_0=0 sem_op_0=0 sem_flg_0=0x0 {none} semid=-1"
    );
    assert_eq!(seen.notes.get(1), 6);
    said!(seen, "semctl res=6 semid={id} semnum=1 cmd=GETVAL val=0");
    said!(seen, "semctl res=0 semid={id} semnum=0 cmd=IPC_RMID val=0");
}

#[test]
fn keys() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let ring = -2_i64; // the process's own
        notes.put(0, call!(libc::SYS_keyctl, 0, ring, 1));
        notes.put(1, call!(libc::SYS_keyctl, 1, ptr(c"a session")));
        notes.put(
            2,
            call!(libc::SYS_keyctl, 10, ring, ptr(c"user"), ptr(c"a key"), 0),
        );
        notes.put(3, call!(libc::SYS_keyctl, 3, ring));
        notes.put(4, call!(libc::SYS_keyctl, 12, 1, 2, 3, 4));
        notes.put(5, call!(libc::SYS_keyctl, 25, 1, ptr(c"hash"), 3, 4));
        notes.put(6, call!(libc::SYS_keyctl, 999, 1, 2, 3, 4));
    });
    let res: Vec<i64> = (0..7).map(|index| seen.notes.get(index)).collect();
    said!(
        seen,
        "keyctl res={} operation=KEYCTL_GET_KEYRING_ID arg2=0:-2 arg3=0:1 arg4=0:0 arg5=0:0",
        res[0]
    );
    said!(
        seen,
        "keyctl res={} operation=KEYCTL_JOIN_SESSION_KEYRING arg2=1:a\\ssession\\0 arg3=0:0 arg4=0:0 arg5=0:0",
        res[1]
    );
    said!(
        seen,
        "keyctl res={} operation=KEYCTL_SEARCH arg2=0:-2 arg3=1:user\\0 arg4=1:a\\skey\\0 arg5=0:0",
        res[2]
    );
    said!(
        seen,
        "keyctl res={} operation=KEYCTL_REVOKE arg2=0:-2 arg3=0:0 arg4=0:0 arg5=0:0",
        res[3]
    );
    said!(
        seen,
        "keyctl res={} operation=KEYCTL_INSTANTIATE arg2=0:1 arg3=0:2 arg4=0:3 arg5=0:4",
        res[4]
    );
    said!(
        seen,
        "keyctl res={} operation=KEYCTL_PKEY_ENCRYPT arg2=0:1 arg3=1:hash\\0 arg4=0:3 arg5=0:4",
        res[5]
    );
    said!(
        seen,
        "keyctl res={} operation=0x3e7 arg2=0:0 arg3=0:0 arg4=0:0 arg5=0:0",
        res[6]
    );
}

#[test]
fn quotas() {
    let Some(mut probe) = live::probe(CALLS) else {
        return;
    };
    let mut seen = live::in_child(&mut probe, |notes: Notes| {
        let on = 0x0080_0002_i64 << 8 | 1;
        notes.put(
            7,
            call!(
                libc::SYS_quotactl,
                on,
                ptr(c"/dev/nowhere"),
                2,
                ptr(c"/quota")
            ),
        );
        // struct if_dqblk: limits and what is used in eight words, then which of them are valid
        let quota = [1_u64, 2, 3, 4, 5, 6, 7, 8, 1 | 4];
        let set = 0x0080_0008_i64 << 8;
        notes.put(
            8,
            call!(
                libc::SYS_quotactl,
                set,
                ptr(c"/dev/nowhere"),
                1000,
                quota.as_ptr()
            ),
        );
        let info = [11_u64, 12, 1 | 7 << 32];
        let set = 0x0080_0006_i64 << 8;
        notes.put(9, call!(libc::SYS_quotactl, set, 0, 1000, info.as_ptr()));
    });
    let res: Vec<i64> = (7..10).map(|index| seen.notes.get(index)).collect();
    let no_block = "dqb_bhardlimit=0 dqb_bsoftlimit=0 dqb_curspace=0 dqb_ihardlimit=0 dqb_isoftlimit=0 dqb_btime=0 dqb_itime=0";
    let no_info = "dqi_bgrace=0 dqi_igrace=0 dqi_flags=0x0 quota_fmt_out=QFMT_NOT_USED";
    said!(
        seen,
        "quotactl res={} special=/dev/nowhere quotafilepath=/quota {no_block} {no_info} cmd=Q_QUOTAON type=GRPQUOTA id=0 quota_fmt=QFMT_VFS_V0",
        res[0]
    );
    said!(
        seen,
        "quotactl res={} special=/dev/nowhere quotafilepath=- dqb_bhardlimit=1 dqb_bsoftlimit=2 dqb_curspace=0 dqb_ihardlimit=4 \
         dqb_isoftlimit=5 dqb_btime=0 dqb_itime=0 {no_info} cmd=Q_SETQUOTA type=USRQUOTA id=1000 quota_fmt=QFMT_NOT_USED",
        res[1]
    );
    said!(
        seen,
        "quotactl res={} special=- quotafilepath=- {no_block} dqi_bgrace=11 dqi_igrace=12 dqi_flags=DQF_NONE \
         quota_fmt_out=QFMT_NOT_USED cmd=Q_SETINFO type=USRQUOTA id=0 quota_fmt=QFMT_NOT_USED",
        res[2]
    );
}
