/* The kernel's robust list, for lock words of our own layout in shared memory.
 *
 * Every thread has a list of the locks that it holds, registered with the kernel by the C library (set_robust_list). When a
 * thread ends in whatever way, the kernel walks the list: in each lock word that still names the thread it puts
 * FUTEX_OWNER_DIED and wakes a waiter. We link our own cells into that same list, beside the C library's robust mutexes, so a
 * cell has to keep a node where the C library of this process would have it: `node - word` is the same for all entries of a
 * list. A cell therefore reserves room for the nodes of 32- and of 64-bit processes; only its holder's is in use.
 *
 *     cell    0  word    thread id of the holder, or 0; FUTEX_WAITERS, FUTEX_OWNER_DIED
 *             4  what    free for the cell's user
 *             8  depth   free for the cell's user
 *            16  self    32-bit: where the holder linked the node (its list has no way back)
 *            20  next    32-bit processes (glibc, musl)
 *            24  before  64-bit processes
 *            32  next    64-bit processes
 *
 * The nodes hold addresses of the holder's mapping: a mapping that has held a lock stays mapped until the pool is detached,
 * also when the pool has moved meanwhile (Mapping.swift). */
#pragma once

#include <linux/futex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHM_CELL_BYTES = 40 };

/* What a thread needs to take locks. Private to the thread. */
struct shm_thread {
  struct robust_list_head *list; /* NULL when the kernel (or an emulator) keeps no list: then locks are not robust */
  uint32_t id;                   /* gettid(2) */
  uint32_t node;                 /* bytes from a cell to its node in this process */
  uint32_t spins;                /* how often to look again before sleeping; 0 on a single processor */
  uint32_t pool_hint;            /* reader entries and arena that served last */
  uint32_t lock_hint;
  uint32_t arena_hint;
};

/* The calling thread's; the first call of a thread asks the kernel. Right also after fork(2). */
struct shm_thread *shm_thread_self(void);

static inline void shm_barrier(void) { __asm__ volatile("" ::: "memory"); }

static inline void **shm_node(const struct shm_thread *thread, void *cell) {
  return (void **)((char *)cell + thread->node);
}

/* Without the low bit, by which the kernel tells locks with priority inheritance. */
static inline void **shm_node_plain(void *entry) { return (void **)((uintptr_t)entry & ~(uintptr_t)1); }

/* Before a cell's word is changed to or from this thread: should the thread die between that and the list's change, the
 * kernel looks at this cell too. */
static inline void shm_robust_begin(struct shm_thread *thread, void *cell, bool inherits) {
  if (!thread->list) return;
  thread->list->list_op_pending = (struct robust_list *)((uintptr_t)shm_node(thread, cell) | (inherits ? 1 : 0));
  shm_barrier();
}

static inline void shm_robust_end(struct shm_thread *thread) {
  if (!thread->list) return;
  shm_barrier();
  thread->list->list_op_pending = NULL;
}

/* The cell's word names this thread: into the list with it. Ends what begin() began. */
static inline void shm_robust_enter(struct shm_thread *thread, void *cell, bool inherits) {
  struct robust_list_head *head = thread->list;
  if (!head) return;
  void **node = shm_node(thread, cell);
  void *first = head->list.next;
  node[0] = first;
#if UINTPTR_MAX > UINT32_MAX
  node[-1] = &head->list;
  if (shm_node_plain(first) != (void **)&head->list) shm_node_plain(first)[-1] = node;
#else
  node[-1] = node;
#endif
  shm_barrier();
  head->list.next = (struct robust_list *)((uintptr_t)node | (inherits ? 1 : 0));
  shm_barrier();
  head->list_op_pending = NULL;
}

/* Out of the list, before the word is given up. Begins what end() ends. */
static inline void shm_robust_leave(struct shm_thread *thread, void *cell, bool inherits) {
  struct robust_list_head *head = thread->list;
  if (!head) return;
  shm_robust_begin(thread, cell, inherits);
  void **node = shm_node(thread, cell);
#if UINTPTR_MAX > UINT32_MAX
  void *next = node[0];
  void **before = (void **)node[-1];
  if (shm_node_plain(next) != (void **)&head->list) shm_node_plain(next)[-1] = before;
  shm_barrier();
  before[0] = next;
#else
  void **linked = (void **)node[-1];
  void **at = (void **)&head->list;
  while (shm_node_plain(at[0]) != linked && shm_node_plain(at[0]) != (void **)&head->list) at = shm_node_plain(at[0]);
  if (shm_node_plain(at[0]) == linked) at[0] = node[0];
#endif
  shm_barrier();
}

/* futex(2) on words of cells, between processes. 0 or -errno. */
int shm_futex_lock_pi(void *word);
int shm_futex_unlock_pi(void *word);

/* One turn of a loop that looks at a word again. */
static inline void shm_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
  __asm__ volatile("yield" ::: "memory");
#else
  shm_barrier();
#endif
}

/* Sequentially consistent: what the reader-writer lock's two sides need to see each other. */
static inline uint32_t shm_load32_ordered(const void *p) { return __atomic_load_n((const uint32_t *)p, __ATOMIC_SEQ_CST); }
static inline uint32_t shm_exchange32_ordered(void *p, uint32_t v) {
  return __atomic_exchange_n((uint32_t *)p, v, __ATOMIC_SEQ_CST);
}
static inline bool shm_swap32_ordered(void *p, uint32_t expected, uint32_t v) {
  return __atomic_compare_exchange_n((uint32_t *)p, &expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
static inline uint32_t shm_and32(void *p, uint32_t v) { return __atomic_fetch_and((uint32_t *)p, v, __ATOMIC_ACQ_REL); }
static inline uint32_t shm_or32(void *p, uint32_t v) { return __atomic_fetch_or((uint32_t *)p, v, __ATOMIC_ACQ_REL); }
