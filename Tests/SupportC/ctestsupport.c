#define _GNU_SOURCE
#include "ctestsupport.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* Between fork and exec: only what is safe after a fork of a threaded process. */
static void become(const char *path, char *const argv[], char *const envp[], const int *descriptors, int count, pid_t parent) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(127); /* it died before prctl */
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  int copies[16];
  for (int i = 0; i < count; i++) /* out of the way of the numbers that are being filled */
    copies[i] = fcntl(descriptors[i] < 0 ? null : descriptors[i], F_DUPFD_CLOEXEC, 64);
  for (int i = 0; i < count; i++)
    if (copies[i] < 0 || dup2(copies[i], i) < 0)
      _exit(127);
  syscall(SYS_close_range, count, ~0u, 0);
  execve(path, argv, envp);
  _exit(127);
}

pid_t test_spawn(const char *path, char *const argv[], char *const envp[], const int *descriptors, int count) {
  if (count < 0 || count > 16)
    return -EINVAL;
  pid_t parent = getpid(), child = fork();
  if (child == 0)
    become(path, argv, envp, descriptors, count, parent);
  if (child < 0)
    return -errno;
  setpgid(child, child); /* in both, so that neither waits for the other */
  return child;
}

static int address(const char *path, struct sockaddr_un *out) {
  memset(out, 0, sizeof *out);
  out->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof out->sun_path)
    return -ENAMETOOLONG;
  strcpy(out->sun_path, path);
  return 0;
}

enum use { CONNECT, LISTEN, DATAGRAM };

static int open_socket(const char *path, enum use use) {
  struct sockaddr_un to;
  int r = address(path, &to);
  if (r < 0)
    return r;
  int type = use == CONNECT ? SOCK_STREAM : use == LISTEN ? SOCK_STREAM | SOCK_NONBLOCK : SOCK_DGRAM;
  int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;
  if (use == CONNECT)
    r = connect(fd, (struct sockaddr *)&to, sizeof to);
  else
    r = bind(fd, (struct sockaddr *)&to, sizeof to);
  if (r == 0 && use == LISTEN)
    r = listen(fd, 128);
  if (r == 0)
    return fd;
  r = -errno;
  close(fd);
  return r;
}

int test_connect(const char *path) { return open_socket(path, CONNECT); }
int test_listen(const char *path) { return open_socket(path, LISTEN); }
int test_datagram(const char *path) { return open_socket(path, DATAGRAM); }

int test_socketpair(int ends[2]) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0; }
