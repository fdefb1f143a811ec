/* What the tests need of the kernel and Swift cannot say: a child process that cannot outlive the test, and sockets by path.
 *
 * Results are a descriptor or process id, or -errno. */
#pragma once
#include <sys/types.h>

/* Starts `path` in a process group of its own. The child's descriptors 0 ... count - 1 become `descriptors` (-1: /dev/null),
 * all others are closed. The kernel kills the child with SIGKILL when the calling THREAD ends, so call it from one that
 * lives as long as the process. */
pid_t test_spawn(const char *path, char *const argv[], char *const envp[], const int *descriptors, int count);

/* A stream socket connected to a path, or listening there; the latter does not block in accept(). */
int test_connect(const char *path);
int test_listen(const char *path);
/* A bound datagram socket, as sd_notify writes to. */
int test_datagram(const char *path);
/* Two stream sockets connected with each other, close-on-exec. 0 or -errno. */
int test_socketpair(int ends[2]);
