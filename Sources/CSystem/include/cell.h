/* Cells: lock words between processes that survive their holder and, where the kernel can do that, hand its waiters' priority
 * to it. Mutexes, reader-writer locks, the allocator's locks and a writer's sign of life are cells, and so is each entry in
 * the table of readers.
 *
 *     cell    0  word    thread id of the holder, or 0; FUTEX_WAITERS, FUTEX_OWNER_DIED
 *             4  what    free for the cell's user
 *             8  depth   free for the cell's user
 *            12          unused
 *            16  self    32-bit: where the holder linked the node (its list has no way back)
 *            20  next    32-bit processes (glibc, musl)
 *            24  before  64-bit processes
 *            32  next    64-bit processes
 *
 * Taking a free cell and giving it up are one atomic operation each, and a few stores to keep the kernel's list of held
 * locks (robust.h). Who has to wait looks again for a moment, ever more seldom so that the holder is not held up, and less long
 * where that did not help before; then it sleeps in the kernel, which lends its priority to the holder and gives the cell
 * to one of those who wait when the holder dies.
 *
 * A holder that no list told the kernel of (an emulator's guest, another C library) is taken for dead when the kernel knows no
 * thread of its number. That is the truth in one PID namespace, which the pool's attachments have in common. */
#pragma once

#include <stddef.h>

#include "csystem.h"
#include "robust.h"

struct shm_cell {
  uint32_t word, what, depth, unused;
  uint32_t narrow_self, narrow_next;
  uint64_t wide_before, wide_next;
};

/* The same for every processor; a build for one that lays it out otherwise ends here. */
_Static_assert(sizeof(struct shm_cell) == 40 && offsetof(struct shm_cell, what) == 4, "layout of a cell");
_Static_assert(offsetof(struct shm_cell, depth) == 8 && offsetof(struct shm_cell, narrow_self) == 16, "layout of a cell");
_Static_assert(offsetof(struct shm_cell, narrow_next) == 20 && offsetof(struct shm_cell, wide_before) == 24, "layout of a cell");
_Static_assert(offsetof(struct shm_cell, wide_next) == 32, "layout of a cell");
_Static_assert(SHM_NODE_AT == (sizeof(void *) == 8 ? offsetof(struct shm_cell, wide_next) : offsetof(struct shm_cell, narrow_next)),
               "where the C library has the node of a robust mutex");
enum { SHM_CELL_BYTES = sizeof(struct shm_cell) };

/* How a cell was taken. Below zero: -errno. */
enum {
  SHM_HELD = 0,       /* not: somebody has it */
  SHM_TAKEN = 1,      /* its last holder gave it up */
  SHM_HOLDER_DIED = 2 /* its last holder died with it */
};

/* Takes a cell that is free; at once, after looking again for a moment, or after sleeping for it (-EDEADLK: the thread has it
 * already). Sequentially consistent, as reader-writer locks need it. */
int shm_cell_try(void *cell, struct shm_thread *thread);
int shm_cell_try_soon(void *cell, struct shm_thread *thread);
int shm_cell_sleep(void *cell, struct shm_thread *thread);

/* Gives a cell up. 0, or -EPERM when the thread does not hold it. */
int shm_cell_unlock(void *cell, struct shm_thread *thread);

/* The short ways of a mutex at an offset of a pool. Where they do not suffice, nothing is changed, and the caller goes the long
 * way, which also finds out what is wrong with the arguments. True: taken. */
bool shm_mutex_take(const struct shm_attachment *pool, uintptr_t at);
/* 0: given up. */
int shm_mutex_give(const struct shm_attachment *pool, uintptr_t at);

/* Enters the thread as a reader under the lock at an offset, if nobody is in the entry or who was is dead. */
bool shm_entry_take(void *entry, uint32_t lock, struct shm_thread *thread);
void shm_entry_leave(void *entry, struct shm_thread *thread);
/* Sleeps until the reader that is in may have left; for a bounded time, as a wake can be lost when its sender is killed.
 * `lock`: only if that is what it reads under; 0: whatever it is. The caller holds the cell of the lock, so that it is the
 * only one that clears the entry of a reader that is gone and whose list the kernel did not know. */
void shm_entry_wait(void *entry, uint32_t lock);

/* Looks for a moment whether a word is no longer what it was, before the caller sleeps for that. */
void shm_watch(const void *word, uint32_t seen, struct shm_thread *thread);

/* Sequentially consistent: what the reader-writer lock's two sides need to see each other. */
static inline uint32_t shm_load32_ordered(const void *p) { return __atomic_load_n((const uint32_t *)p, __ATOMIC_SEQ_CST); }
static inline uint32_t shm_exchange32_ordered(void *p, uint32_t v) {
  return __atomic_exchange_n((uint32_t *)p, v, __ATOMIC_SEQ_CST);
}
