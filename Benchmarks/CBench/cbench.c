#define _GNU_SOURCE
#include "cbench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Only async-signal-safe calls: the parent may have threads. */
static void become(char *const argv[], char *const envp[], int input, int output, int error, int report) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) >= 0 && dup2(input, 0) >= 0 && dup2(output, 1) >= 0 && dup2(error, 2) >= 0)
    execvpe(argv[0], argv, envp);
  int reason = errno;
  if (write(report, &reason, sizeof reason) < 0)
    _exit(126);
  _exit(127);
}

pid_t bench_spawn(char *const argv[], char *const envp[], int input, int output, int error) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) < 0)
    return -errno;
  pid_t pid = fork();
  if (pid == 0)
    become(argv, envp, input, output, error, report[1]);
  int reason = pid < 0 ? errno : 0;
  close(report[1]);
  if (pid > 0 && read(report[0], &reason, sizeof reason) == sizeof reason)
    waitpid(pid, NULL, 0);
  close(report[0]);
  return reason ? -reason : pid;
}
