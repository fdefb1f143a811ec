/* The C library and the kernel as the Swift targets see them: headers, and the few operations that Swift cannot
 * express: atomic words in shared memory, futex calls, and variadic functions.
 *
 * Every function is static inline: nothing here has state, and an Embedded build keeps only what it uses. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Words in shared memory. Relaxed loads never tear and are not repeated by the compiler, which a reader of memory that
 * another process may change relies on: it copies, checks, and uses the copy. */
static inline uint32_t shm_load32(const void *p) { return __atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED); }
static inline void shm_store32(void *p, uint32_t v) { __atomic_store_n((uint32_t *)p, v, __ATOMIC_RELAXED); }
static inline uint32_t shm_load32_acquire(const void *p) { return __atomic_load_n((const uint32_t *)p, __ATOMIC_ACQUIRE); }
static inline void shm_store32_release(void *p, uint32_t v) { __atomic_store_n((uint32_t *)p, v, __ATOMIC_RELEASE); }
static inline uint32_t shm_exchange32(void *p, uint32_t v) { return __atomic_exchange_n((uint32_t *)p, v, __ATOMIC_ACQ_REL); }
static inline uint32_t shm_add32(void *p, uint32_t v) { return __atomic_fetch_add((uint32_t *)p, v, __ATOMIC_ACQ_REL); }
/* True when *p was `expected` and is now `v`. */
static inline bool shm_swap32(void *p, uint32_t expected, uint32_t v) {
  return __atomic_compare_exchange_n((uint32_t *)p, &expected, v, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
static inline void shm_fence_acquire(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
static inline void shm_fence_release(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }
static inline void shm_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/* The futex call that reads a timespec as this build has it: a 32-bit processor has one for each width of a time. */
#if defined(SYS_futex_time64) && !defined(__LP64__)
#define SHM_SYS_FUTEX (sizeof(time_t) > sizeof(long) ? SYS_futex_time64 : SYS_futex)
#else
#define SHM_SYS_FUTEX SYS_futex
#endif

/* futex(2), process-shared. 0 or a wake count, else -errno. A time-out is relative; NULL waits for ever. */
static inline int shm_futex_wait(const void *word, uint32_t value, const struct timespec *timeout) {
  return syscall(SHM_SYS_FUTEX, (void *)word, FUTEX_WAIT, value, timeout, NULL, 0) < 0 ? -errno : 0;
}
static inline int shm_futex_wake(void *word, int count) {
  long n = syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
  return n < 0 ? -errno : (int)n;
}

/* Waits until one of two words is no longer what it was: a shared one, and one of this process's own memory. May end early.
 * Before Linux 5.16, which cannot do that, it ends within a second. */
int shm_futex_wait_either(const void *shared, uint32_t shared_value, const void *own, uint32_t own_value);

/* Starts a thread with a small stack and all signals blocked, so that it takes none from the program. 0 or -errno. */
int shm_thread_start(pthread_t *thread, void *(*body)(void *), void *argument);

/* One lock for the short lists that a library keeps for its whole process. */
void shm_list_lock(void);
void shm_list_unlock(void);

static inline int shm_errno(void) { return errno; }
static inline void shm_set_errno(int code) { errno = code; }
static inline int shm_open_file(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }
static inline FILE *shm_stderr(void) { return stderr; }
static inline FILE *shm_stdout(void) { return stdout; }

/* CLOCK_MONOTONIC in microseconds. */
static inline uint64_t shm_now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000u + (uint64_t)(t.tv_nsec / 1000);
}

/* mmap(2) and mremap(2); NULL and errno when they fail. */
void *shm_mmap(size_t size, bool writable, int file);
void *shm_mremap(void *old, size_t old_size, size_t new_size);

/* Makes a file longer by `bytes` at its end, with memory or disk behind them where the file system can. 0 or -errno. */
int shm_extend_file(int file, off_t end, off_t bytes);

/* The number of this process's PID namespace; 0 when it cannot be told (no /proc). */
uint32_t shm_pid_namespace(void);

/* Any number. */
uint32_t shm_random(void);

/* Bytes of a pool's first pages, before the first block: ShMap's Layout draws them. */
enum { SHM_HEADER_BYTES = 20480 };

/* What C programs see of a shared pool (their `struct shmap`): where it is mapped now, and what libshmap keeps for it. */
struct shm_attachment {
  void *base;
  void *attachment;
  void *destroy;
  uint32_t size; /* how long the pool is, as far as this process knows the file to be so long */
};

/* An environment variable, or NULL when it is not set or when this process has more rights than its caller. */
const char *shm_secure_getenv(const char *name);

/* What getopt_long(3) leaves behind: the argument of the option it returned, and the first index it has not looked at. */
const char *shm_optarg(void);
int shm_optind(void);

/* Gives the pages that malloc(3) holds without use back to the system. For after a peak. */
void shm_return_free_memory(void);

/* Lets go of all pages of the program and its libraries that were only read: code and constants, also what the kernel mapped
 * beside what was asked for. What is used again comes back from the page cache, a page fault for some 16 pages. For a process
 * that has done its work and now waits. Breakpoints that a debugger has set are gone. */
void shm_let_code_go(void);

/* From now on large blocks go back to the system as soon as they are freed, and never lie in the heap between small ones
 * that stay. For the start of a program that lives long. */
void shm_keep_heap_small(void);
