/* The kernel's robust list, for lock words of our own layout in shared memory.
 *
 * Every thread has a list of the locks that it holds, registered with the kernel by the C library (set_robust_list). When a
 * thread ends in whatever way, the kernel walks the list: in each lock word that still names the thread it puts
 * FUTEX_OWNER_DIED and wakes a waiter. We link our own cells into that same list, beside the C library's robust mutexes, so a
 * cell has to keep a node where the C library of this process would have it: `node - word` is the same for all entries of a
 * list. A cell therefore reserves room for the nodes of 32- and of 64-bit processes; only its holder's is in use (cell.h).
 *
 * The nodes hold addresses of the holder's mapping: a mapping that has held a lock stays mapped until the pool is detached,
 * also when the pool has moved meanwhile (Mapping.swift). */
#pragma once

#include <linux/futex.h>
#include <stdbool.h>
#include <stdint.h>

/* What a thread needs to take locks. Private to the thread. */
struct shm_thread {
  struct robust_list_head *list; /* where the kernel looks, or nobody's when there is none: then locks are not robust */
  struct robust_list_head nobodys;
  uint32_t id;                   /* gettid(2) */
  uint32_t spins;                /* pauses at most before it sleeps for something; 0 on a single processor */
  uint32_t patience;             /* pauses that seem to pay at present */
  uint32_t waits;
  uint32_t pool_hint;            /* reader entries and arena that served last */
  uint32_t lock_hint;
  uint32_t arena_hint;
};

/* The calling thread's; the first call of a thread asks the kernel. Right also after fork(2). */
struct shm_thread *shm_thread_self(void);

static inline void shm_barrier(void) { __asm__ volatile("" ::: "memory"); }

/* Bytes from a lock word to its node: as this process's C library has them in a robust mutex. */
enum { SHM_NODE_AT = sizeof(void *) == 8 ? 32 : 20 };

static inline void **shm_node(void *cell) { return (void **)((char *)cell + SHM_NODE_AT); }

/* Without the low bit, by which the kernel tells locks with priority inheritance. */
static inline void **shm_node_plain(void *entry) { return (void **)((uintptr_t)entry & ~(uintptr_t)1); }

/* Before a cell's word is changed to or from this thread: should the thread die between that and the list's change, the
 * kernel looks at this cell too. */
static inline void shm_robust_begin(struct shm_thread *thread, void *cell, bool inherits) {
  thread->list->list_op_pending = (struct robust_list *)((uintptr_t)shm_node(cell) | (inherits ? 1 : 0));
  shm_barrier();
}

static inline void shm_robust_end(struct shm_thread *thread) {
  shm_barrier();
  thread->list->list_op_pending = NULL;
}

/* The cell's word names this thread: into the list with it. Ends what begin() began. */
static inline void shm_robust_enter(struct shm_thread *thread, void *cell, bool inherits) {
  struct robust_list_head *head = thread->list;
  void **node = shm_node(cell);
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
  shm_robust_begin(thread, cell, inherits);
  void **node = shm_node(cell);
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
