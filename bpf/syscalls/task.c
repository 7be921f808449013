/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Calls that change a process: ids, capabilities, namespaces, tracing, signals, modules. */
#include "../lib/flags.h"
#include "../lib/forms.h"
#include "../lib/task.h"

/* A result and one, two or three ids. */
#define ONE_ID(name, event) RESULT_AND(name, event, DROP_OTHER, put_u32(s, arg(call, 0)))
#define TWO_IDS(name, event)                                \
	RESULT_AND(name, event, DROP_OTHER,                 \
		   put_u32(s, arg(call, 0));                \
		   put_u32(s, arg(call, 1)))
#define THREE_IDS(name, event)                              \
	RESULT_AND(name, event, DROP_OTHER,                 \
		   put_u32(s, arg(call, 0));                \
		   put_u32(s, arg(call, 1));                \
		   put_u32(s, arg(call, 2)))

ONE_ID(setuid, SYSCALL_SETUID_X)
ONE_ID(setgid, SYSCALL_SETGID_X)
TWO_IDS(setreuid, SYSCALL_SETREUID_X)
TWO_IDS(setregid, SYSCALL_SETREGID_X)
THREE_IDS(setresuid, SYSCALL_SETRESUID_X)
THREE_IDS(setresgid, SYSCALL_SETRESGID_X)

SYSCALL(setsid)
{
	struct scratch *s = BEGIN(SYSCALL_SETSID_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	event_send(s, DROP_OTHER);
}

SYSCALL(setpgid)
{
	struct scratch *s = BEGIN(SYSCALL_SETPGID_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_s64(s, arg_fd(call, 0));
	put_s64(s, arg_fd(call, 1));
	event_send(s, DROP_OTHER);
}

SYSCALL(capset)
{
	struct scratch *s = BEGIN(SYSCALL_CAPSET_X);
	struct task_struct *task = current_task();

	if (!s)
		return;
	put_s64(s, call->ret);
	put_u64(s, capabilities(task, 0));
	put_u64(s, capabilities(task, 1));
	put_u64(s, capabilities(task, 2));
	event_send(s, DROP_OTHER);
}

SYSCALL(prctl)
{
	struct scratch *s = BEGIN(SYSCALL_PRCTL_X);
	u32 option = arg(call, 0);
	s32 reaper = 0;

	if (!s)
		return;
	put_s64(s, call->ret);
	put_u32(s, option);
	switch (option) {
	case F_PRCTL_OPTIONS__PR_GET_NAME:
	case F_PRCTL_OPTIONS__PR_SET_NAME:
		put_str_user(s, arg_ptr(call, 1));
		put_s64(s, 0);
		break;
	case F_PRCTL_OPTIONS__PR_GET_CHILD_SUBREAPER:
		bpf_probe_read_user(&reaper, sizeof(reaper), arg_ptr(call, 1));
		put_empty(s);
		put_s64(s, reaper);
		break;
	default:
		put_empty(s);
		put_s64(s, arg(call, 1));
	}
	event_send(s, DROP_OTHER);
}

SYSCALL(setns)
{
	struct scratch *s = BEGIN(SYSCALL_SETNS_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_s64(s, arg_fd(call, 0));
	put_u32(s, clone_flags((u32)arg(call, 1)));
	event_send(s, DROP_OTHER);
}

SYSCALL(unshare)
{
	struct scratch *s = BEGIN(SYSCALL_UNSHARE_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_u32(s, clone_flags((u32)arg(call, 0)));
	event_send(s, DROP_OTHER);
}

static __always_inline void put_dynamic_u64(struct scratch *s, u8 selector, u64 value)
{
	push_u8(s, selector);
	push_u64(s, value);
	put_length(s, 9);
}

SYSCALL(ptrace)
{
	struct scratch *s = BEGIN(SYSCALL_PTRACE_X);
	u16 request = ptrace_request(arg(call, 0));
	u64 data = arg(call, 3), read = 0;

	if (!s)
		return;
	put_s64(s, call->ret);
	if (call->ret < 0) {
		put_dynamic_u64(s, DYN_PTRACE__UINT64, 0);
		put_dynamic_u64(s, DYN_PTRACE__UINT64, 0);
	} else {
		put_dynamic_u64(s, DYN_PTRACE__UINT64, arg(call, 2));
		switch (request) {
		case F_PTRACE_REQUESTS__PTRACE_PEEKTEXT:
		case F_PTRACE_REQUESTS__PTRACE_PEEKDATA:
		case F_PTRACE_REQUESTS__PTRACE_PEEKUSR:
			/* What was read lies where the pointer points. */
			bpf_probe_read_user(&read, is_narrow(call) ? sizeof(u32) : sizeof(read), (void *)data);
			put_dynamic_u64(s, DYN_PTRACE__UINT64, read);
			break;
		case F_PTRACE_REQUESTS__PTRACE_CONT:
		case F_PTRACE_REQUESTS__PTRACE_SINGLESTEP:
		case F_PTRACE_REQUESTS__PTRACE_DETACH:
		case F_PTRACE_REQUESTS__PTRACE_SYSCALL:
			push_u8(s, DYN_PTRACE__SIGTYPE);
			push_u8(s, data);
			put_length(s, 2);
			break;
		default:
			put_dynamic_u64(s, DYN_PTRACE__UINT64, data);
		}
	}
	put_u16(s, request);
	put_s64(s, arg_fd(call, 1));
	event_send(s, DROP_OTHER);
}

#define SIGNAL(name, event)                       \
	SYSCALL(name)                             \
	{                                         \
		struct scratch *s = BEGIN(event); \
		if (!s)                           \
			return;                   \
		put_s64(s, call->ret);            \
		put_s64(s, arg_fd(call, 0));      \
		put_u8(s, arg(call, 1));          \
		event_send(s, DROP_OTHER);        \
	}

SIGNAL(kill, SYSCALL_KILL_X)
SIGNAL(tkill, SYSCALL_TKILL_X)

SYSCALL(tgkill)
{
	struct scratch *s = BEGIN(SYSCALL_TGKILL_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_s64(s, arg_fd(call, 0));
	put_s64(s, arg_fd(call, 1));
	put_u8(s, arg(call, 2));
	event_send(s, DROP_OTHER);
}

SYSCALL(init_module)
{
	struct scratch *s = BEGIN(SYSCALL_INIT_MODULE_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	/* The beginning of the image tells what it is; upstream takes what fits. */
	put_bytes_user(s, arg_ptr(call, 0), arg(call, 1), PATH_MAX_BYTES - 1);
	put_u64(s, arg(call, 1));
	put_str_user(s, arg_ptr(call, 2));
	event_send(s, DROP_OTHER);
}

SYSCALL(finit_module)
{
	struct scratch *s = BEGIN(SYSCALL_FINIT_MODULE_X);

	if (!s)
		return;
	put_s64(s, call->ret);
	put_s64(s, arg_fd(call, 0));
	put_str_user(s, arg_ptr(call, 1));
	put_u32(s, arg(call, 2) & 7);
	event_send(s, DROP_OTHER);
}

RESULT_AND(delete_module, SYSCALL_DELETE_MODULE_X, DROP_OTHER, put_path_arg(s, call, 0); put_u32(s, delete_module_flags(arg(call, 1))))
RESULT_AND(seccomp, SYSCALL_SECCOMP_X, DROP_OTHER, put_u64(s, arg(call, 0)); put_u64(s, (u32)arg(call, 1)))

ID_OF_CALLER(getuid, SYSCALL_GETUID_X)
ID_OF_CALLER(geteuid, SYSCALL_GETEUID_X)
ID_OF_CALLER(getgid, SYSCALL_GETGID_X)
ID_OF_CALLER(getegid, SYSCALL_GETEGID_X)

/* Three ids that the kernel wrote to where the caller said; 0 when they cannot be read. */
static __always_inline void put_answered_ids(struct scratch *s, const struct call *call)
{
	u32 id;
	int i;

#pragma unroll
	for (i = 0; i < 3; i++) {
		id = 0;
		bpf_probe_read_user(&id, sizeof(id), arg_ptr(call, i));
		put_u32(s, id);
	}
}

RESULT_AND(getresuid, SYSCALL_GETRESUID_X, DROP_OTHER, put_answered_ids(s, call))
RESULT_AND(getresgid, SYSCALL_GETRESGID_X, DROP_OTHER, put_answered_ids(s, call))

struct user_rlimit {
	s64 soft, hard;
};

/* Limits in the memory of the caller; 0 when they cannot be read, -1 when there are none because the call failed. */
static __always_inline void put_limits(struct scratch *s, const void *from, bool there, bool narrow)
{
	struct user_rlimit limits = {-1, -1};
	u32 small[2] = {};

	if (there && narrow) {
		bpf_probe_read_user(small, sizeof(small), from);
		limits.soft = small[0];
		limits.hard = small[1];
	} else if (there && bpf_probe_read_user(&limits, sizeof(limits), from)) {
		limits.soft = limits.hard = 0;
	}
	put_s64(s, limits.soft);
	put_s64(s, limits.hard);
}

static __always_inline u8 limit_resource(u32 resource)
{
	return resource <= F_RLIMIT_RESOURCES__RLIMIT_RTTIME ? resource : F_RLIMIT_RESOURCES__RLIMIT_UNKNOWN;
}

RESULT_AND(getrlimit, SYSCALL_GETRLIMIT_X, DROP_OTHER, put_limits(s, arg_ptr(call, 1), call->ret == 0, is_narrow(call));
	   put_u8(s, limit_resource(arg(call, 0))))
RESULT_AND(setrlimit, SYSCALL_SETRLIMIT_X, DROP_OTHER, put_limits(s, arg_ptr(call, 1), true, is_narrow(call));
	   put_u8(s, limit_resource(arg(call, 0))))
RESULT_AND(prlimit64, SYSCALL_PRLIMIT_X, DROP_OTHER, put_limits(s, arg_ptr(call, 2), true, false);
	   put_limits(s, arg_ptr(call, 3), call->ret == 0, false); put_fd(s, call, 0); put_u8(s, limit_resource(arg(call, 1))))

/* The 32-bit interface has calls with wider ids beside those of old. */
ALSO_32(setuid32, setuid)
ALSO_32(setgid32, setgid)
ALSO_32(setresuid32, setresuid)
ALSO_32(setresgid32, setresgid)
ALSO_32(getuid32, getuid)
ALSO_32(geteuid32, geteuid)
ALSO_32(getgid32, getgid)
ALSO_32(getegid32, getegid)
ALSO_32(getresuid32, getresuid)
ALSO_32(getresgid32, getresgid)
ALSO_32(ugetrlimit, getrlimit)
