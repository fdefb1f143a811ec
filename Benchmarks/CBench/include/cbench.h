/* Starting processes that never outlive the one that started them. */
#pragma once
#include <sys/types.h>

/* Starts argv[0] (looked up in PATH) with the environment envp. `input`, `output` and `error` become its standard
 * streams. The child gets SIGTERM when the calling thread ends, however it ends, and starts with no signal blocked.
 * Returns the process id, or -errno. */
pid_t bench_spawn(char *const argv[], char *const envp[], int input, int output, int error);
