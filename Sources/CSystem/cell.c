#define _GNU_SOURCE
#include "cell.h"

#include <limits.h>

#if defined(__GNUC__) && !defined(__arm__)
static _Thread_local struct shm_thread self __attribute__((tls_model("initial-exec")));
#else
static _Thread_local struct shm_thread self;
#endif

/* The child of a fork is another thread, with a list of its own that is empty. */
static void forget(void) { self.id = 0; }

static void register_forget(void) { pthread_atfork(NULL, NULL, forget); }

static __attribute__((noinline)) void look_up(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, register_forget);
  struct robust_list_head *list = NULL;
  size_t length = 0;
  self.nobodys.list.next = &self.nobodys.list;
  self.list = &self.nobodys;
  if (syscall(SYS_get_robust_list, 0, &list, &length) == 0 && list) {
    /* Another C library that keeps its nodes elsewhere gets locks that work but that only the number of a dead holder tells. */
    if (-list->futex_offset == SHM_NODE_AT) self.list = list;
  }
  self.spins = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 200 : 0;
  self.patience = self.spins;
  self.id = (uint32_t)syscall(SYS_gettid);
}

inline __attribute__((always_inline)) struct shm_thread *shm_thread_self(void) {
  if (__builtin_expect(self.id == 0, 0)) look_up();
  return &self;
}

/* Takes a cell whose word is `seen`, which names nobody that lives. Inlined, so that the order is a constant. */
static inline __attribute__((always_inline)) bool take(void *cell, uint32_t seen, struct shm_thread *thread, bool inherits,
                                                       int order) {
  shm_robust_begin(thread, cell, inherits);
  if (__builtin_expect(__atomic_compare_exchange_n((uint32_t *)cell, &seen, thread->id, false, order, __ATOMIC_RELAXED), 1)) {
    shm_robust_enter(thread, cell, inherits);
    return true;
  }
  shm_robust_end(thread);
  return false;
}

/* The same for all but the short way of a mutex. */
static __attribute__((noinline)) bool take_ordered(void *cell, uint32_t seen, struct shm_thread *thread, bool inherits) {
  return take(cell, seen, thread, inherits, __ATOMIC_SEQ_CST);
}

/* Whether no thread has this number any more. A thread that ended, or its process while nobody has asked for its status, is
 * still known; it has walked its list long before. */
static bool is_gone(uint32_t id) { return kill((pid_t)id, 0) < 0 && errno == ESRCH; }

int shm_cell_try(void *cell, struct shm_thread *thread) {
  if (take_ordered(cell, 0, thread, true)) return SHM_TAKEN;
  if (shm_load32(cell) == FUTEX_OWNER_DIED && take_ordered(cell, FUTEX_OWNER_DIED, thread, true)) return SHM_HOLDER_DIED;
  return SHM_HELD;
}

/* ---- Looking again before sleeping ---- */

static inline void pause_once(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
  __asm__ volatile("yield" ::: "memory");
#else
  shm_barrier();
#endif
}

/* Pauses to spend now: where the other side has no processor of its own they are wasted, so that failures halve them, and only
 * now and then all of them are tried again. */
static uint32_t patience(struct shm_thread *thread) {
  return ++thread->waits % 16 == 0 ? thread->spins : thread->patience;
}

static void learn(struct shm_thread *thread, bool worked) {
  thread->patience = worked ? thread->spins : thread->patience / 2;
}

/* Takes the cell as soon as it is free; SHM_HELD: it did not become that. */
static __attribute__((noinline)) int look_again(void *cell, struct shm_thread *thread) {
  uint32_t pauses = 1;
  for (uint32_t left = patience(thread); left > 0;) {
    if (pauses > left) pauses = left;
    left -= pauses;
    for (uint32_t pause = 0; pause < pauses; pause++) pause_once();
    pauses *= 2;
    uint32_t now = shm_load32(cell);
    int taken = (now & FUTEX_TID_MASK) == 0 ? shm_cell_try(cell, thread) : SHM_HELD;
    if (taken != SHM_HELD) {
      learn(thread, true);
      return taken;
    }
  }
  learn(thread, false);
  return SHM_HELD;
}

int shm_cell_try_soon(void *cell, struct shm_thread *thread) {
  int taken = shm_cell_try(cell, thread);
  return taken == SHM_HELD ? look_again(cell, thread) : taken;
}

void shm_watch(const void *word, uint32_t seen, struct shm_thread *thread) {
  bool changed = false;
  for (uint32_t left = patience(thread); left > 0 && !changed; left--) {
    pause_once();
    changed = shm_load32_acquire(word) != seen;
  }
  learn(thread, changed);
}

/* ---- Sleeping ---- */

/* One try on a kernel without priority inheritance; SHM_HELD: to be repeated. It sleeps for a bounded time, as a wake can get
 * lost with its sender. */
static int sleep_without_inheritance(void *cell, struct shm_thread *thread) {
  uint32_t now = shm_load32_acquire(cell);
  uint32_t holder = now & FUTEX_TID_MASK;
  if (holder == 0 || is_gone(holder)) {
    if (!shm_swap32(cell, now, thread->id | (now & FUTEX_WAITERS))) return SHM_HELD;
    return holder || now & FUTEX_OWNER_DIED ? SHM_HOLDER_DIED : SHM_TAKEN;
  }
  if (!(now & FUTEX_WAITERS) && !shm_swap32(cell, now, now | FUTEX_WAITERS)) return SHM_HELD;
  struct timespec pause = {.tv_nsec = 50000000};
  shm_futex_wait(cell, now | FUTEX_WAITERS, &pause);
  return SHM_HELD;
}

/* One try to be given a cell by the kernel; SHM_HELD: to be repeated. */
static int sleep_once(void *cell, struct shm_thread *thread) {
  uint32_t holder = shm_load32(cell) & FUTEX_TID_MASK;
  if (holder == thread->id) return -EDEADLK;
  if (syscall(SYS_futex, cell, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0) {
    if (!(shm_load32_acquire(cell) & FUTEX_OWNER_DIED)) return SHM_TAKEN;
    __atomic_fetch_and((uint32_t *)cell, ~(uint32_t)FUTEX_OWNER_DIED, __ATOMIC_ACQ_REL);
    return SHM_HOLDER_DIED;
  }
  switch (errno) {
    case EINTR:
    case EAGAIN:
      return SHM_HELD;
    case ESRCH:
    case EPERM: {
      /* The holder is gone, and no list told the kernel that it held this; nobody sleeps for it. Or its number belongs to a
       * thread of the kernel by now, which holds none of our locks. */
      uint32_t now = shm_load32(cell);
      bool is_same = holder != 0 && (now & FUTEX_TID_MASK) == holder;
      return is_same && shm_swap32(cell, now, thread->id) ? SHM_HOLDER_DIED : SHM_HELD;
    }
    case ENOSYS:
      return sleep_without_inheritance(cell, thread);
    default:
      return -errno;
  }
}

int shm_cell_sleep(void *cell, struct shm_thread *thread) {
  shm_robust_begin(thread, cell, true);
  int taken;
  do taken = sleep_once(cell, thread);
  while (taken == SHM_HELD);
  if (taken > 0)
    shm_robust_enter(thread, cell, true);
  else
    shm_robust_end(thread);
  return taken;
}

/* Somebody sleeps for the cell: the kernel gives it to the first of them. */
static __attribute__((noinline)) void hand_over(void *cell) {
  /* All that was written before is visible to the next holder. */
  __atomic_fetch_or((uint32_t *)cell, 0, __ATOMIC_ACQ_REL);
  if (syscall(SYS_futex, cell, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0) return;
  shm_exchange32(cell, 0);
  shm_futex_wake(cell, 1);
}

static inline __attribute__((always_inline)) bool give(void *cell, struct shm_thread *thread) {
  uint32_t self = thread->id;
  if (__builtin_expect((shm_load32(cell) & FUTEX_TID_MASK) != self, 0)) return false;
  shm_robust_leave(thread, cell, true);
  if (__builtin_expect(!__atomic_compare_exchange_n((uint32_t *)cell, &self, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED), 0))
    hand_over(cell);
  shm_robust_end(thread);
  return true;
}

int shm_cell_unlock(void *cell, struct shm_thread *thread) { return give(cell, thread) ? 0 : -EPERM; }

/* Whether a mutex can be at this offset. */
static inline __attribute__((always_inline)) bool holds_mutex(const struct shm_attachment *pool, uintptr_t at) {
  return __builtin_expect(pool && (at & 7) == 0 && at >= SHM_HEADER_BYTES && at <= shm_load32(&pool->size) - SHM_CELL_BYTES, 1);
}

bool shm_mutex_take(const struct shm_attachment *pool, uintptr_t at) {
  return holds_mutex(pool, at) && take((char *)pool->base + at, 0, shm_thread_self(), true, __ATOMIC_ACQUIRE);
}

int shm_mutex_give(const struct shm_attachment *pool, uintptr_t at) {
  return holds_mutex(pool, at) && give((char *)pool->base + at, shm_thread_self()) ? 0 : -EPERM;
}

bool shm_entry_take(void *entry, uint32_t lock, struct shm_thread *thread) {
  struct shm_cell *cell = entry;
  if (!take_ordered(cell, 0, thread, false)) {
    uint32_t now = shm_load32(cell);
    if (!(now & FUTEX_OWNER_DIED) || !take_ordered(cell, now, thread, false)) return false;
    /* The kernel woke one of those who waited for the dead; the others hear it from us. */
    if (now & FUTEX_WAITERS) shm_futex_wake(cell, INT_MAX);
  }
  if (shm_load32(&cell->what) != lock) shm_exchange32_ordered(&cell->what, lock);
  shm_store32(&cell->depth, 1);
  return true;
}

void shm_entry_leave(void *entry, struct shm_thread *thread) {
  shm_robust_leave(thread, entry, false);
  if (shm_exchange32(entry, 0) & FUTEX_WAITERS) shm_futex_wake(entry, INT_MAX);
  shm_robust_end(thread);
}

void shm_entry_wait(void *entry, uint32_t lock) {
  struct shm_cell *cell = entry;
  uint32_t now = shm_load32_ordered(cell);
  uint32_t reader = now & FUTEX_TID_MASK;
  if (reader == 0 || now & FUTEX_OWNER_DIED || (lock != 0 && shm_load32_ordered(&cell->what) != lock)) return;
  if (!(now & FUTEX_WAITERS) && !shm_swap32(cell, now, now | FUTEX_WAITERS)) return;
  now |= FUTEX_WAITERS;
  struct timespec pause = {.tv_nsec = 50000000};
  if (shm_futex_wait(cell, now, &pause) == -ETIMEDOUT && is_gone(reader)) shm_swap32(cell, now, FUTEX_OWNER_DIED);
}
