// actions NAME [ARG]: does one suspicious thing for the live tests.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static int run_from_memory(const char *program)
{
	int from = open(program, O_RDONLY), to = memfd_create("hidden", 0);
	struct stat about;
	char path[64];

	if (from < 0 || to < 0 || fstat(from, &about) || sendfile(to, from, NULL, about.st_size) != about.st_size)
		return 1;
	close(from);
	snprintf(path, sizeof path, "/proc/self/fd/%d", to);
	execl(path, "innocent", NULL);
	return 1;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "", *arg = argc > 2 ? argv[2] : "";

	if (!strcmp(name, "memfd"))
		return run_from_memory(arg);
	if (!strcmp(name, "traceme"))
		return ptrace(PTRACE_TRACEME, 0, 0, 0) != 0;
	if (!strcmp(name, "open"))
		return open(arg, O_RDONLY) < 0;
	return 2;
}
