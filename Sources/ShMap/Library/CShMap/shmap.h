/* shmap: shared memory that is used like heap memory.
 *
 * A pool is memory that any number of processes share: no fork, no fixed address, no size chosen beforehand. It grows, and
 * then it may lie at another address in each process; so what is in it is named by shared pointers, which mean the same in
 * every process and cannot be dereferenced. shmap_private() makes one into a pointer to use, for as long as this thread
 * holds the pool's lock and allocates nothing.
 *
 *     struct shmap *pool = shmap_init("telemetry", SHMAP_FLAG_OWN, sizeof(struct world), init_world, NULL);
 *     shmap_lock(pool);
 *     struct world __as_shared *world = shmap_get_user(pool);
 *     shmap_private(pool, world)->count++;
 *     shmap_unlock(pool);
 *     shmap_destroy(pool);
 *
 * sparse reports a shared pointer that is dereferenced or mixed with private ones (sparse -Wcast-from-as -Wcast-to-as).
 *
 * Rules
 *  - Every access to a pool, and every call below that takes a pool, but for shmap_init, shmap_destroy, shmap_lock and
 *    shmap_unlock, happens between shmap_lock and shmap_unlock by the calling thread.
 *  - A private pointer dies with shmap_unlock, and with every call that may allocate or sleep: shmap_malloc, shmap_realloc,
 *    shmap_strdup, taking a lock, waiting, and what adds to or makes a vector, map or set.
 *  - Any number of threads of any number of processes may be in a pool. The pool's lock only keeps the pool in its place; data
 *    are protected by mutexes and reader-writer locks that are themselves in the pool.
 *  - A process may be killed at any moment: the heap stays whole, vectors, maps and sets are as before or after the change that
 *    was cut short, and locks go to the next taker, who is told by -EOWNERDEAD once.
 *  - Threads of 32- and 64-bit processes may share a pool; what the application puts into it has to have one layout for both.
 *  - The child of a fork may not use its parent's pools; it attaches itself.
 *
 * Functions that return int give 0 or a negative errno; those that return a pointer give NULL and set errno. Errors of all:
 * EUCLEAN (the pool is damaged), ENOMEM (it cannot grow). */
#ifndef SHMAP_H
#define SHMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __CHECKER__
#define __as_shared __attribute__((noderef, address_space(1)))
#define __as_private __attribute__((address_space(0)))
#ifndef __force
#define __force __attribute__((force))
#endif
#else
#define __as_shared
#define __as_private
#ifndef __force
#define __force
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A pool as this process is attached to it. The members are libshmap's. */
struct shmap {
  void *base; /* where the pool is, while the lock is held */
  void *attachment;
  void *destroy;
};

/* Make the pool, rather than attach to one that exists. */
#define SHMAP_FLAG_OWN (1u << 0)

/* Makes a pool, or attaches to one.
 *
 * name: up to 200 bytes without a slash (one may lead): the pool is /dev/shm/NAME, for this user only. With more slashes it is
 *   the path of a file.
 * With SHMAP_FLAG_OWN: user_len bytes, all zero, are allocated for the application, and user_init is called with them and with
 *   the lock held, before anybody else can attach; when it fails (not 0), so does shmap_init. A pool that its users left behind
 *   by dying is replaced. user_destroy is called by the last process that detaches, if that is one that gave it.
 * Without: the caller borrows; user_len and user_init must be 0 and NULL. It waits until the owner has finished, and up to one
 *   second for a pool of that name to appear.
 *
 * NULL and errno: EINVAL (arguments, name), EBUSY (the pool to be made is in use), ENOENT (no pool of that name), EPERM
 * (the file belongs to another user, is writable by all, or a link), EMEDIUMTYPE (not a pool), EPROTONOSUPPORT (another version
 * of the layout), EPROTOTYPE (of another kind of contents), ENODATA (shorter than it says), EUCLEAN (damaged), EXDEV (made in
 * another PID namespace), or that of a system call, or what user_init returned (positive or negative). */
struct shmap *shmap_init(const char *name, uint32_t flags, size_t user_len,
                         int (*user_init)(struct shmap *shmap, void __as_shared *user),
                         int (*user_destroy)(struct shmap *shmap, void __as_shared *user));

/* Detaches. No thread of the process may be in the pool. The last process out removes it; until then others go on. */
void shmap_destroy(struct shmap *shmap);

/* Enters and leaves the pool. Many threads can be in at once; shmap_lock sleeps only while the pool grows. Locking again in
 * the same thread is allowed, and unlocked as often. -EPERM: unlocked by a thread that is not in. */
int shmap_lock(struct shmap *shmap);
int shmap_unlock(struct shmap *shmap);

/* The application's own block, as its owner asked for; NULL when it asked for none. */
void __as_shared *shmap_get_user(const struct shmap *shmap);

/* ---- Pointers ---- */

static inline void *shmap_to_private(const struct shmap *shmap, const void __as_shared *shared) {
  return shared ? (char *)shmap->base + (uintptr_t)(const __force void *)shared : NULL;
}

static inline void __as_shared *shmap_to_shared(const struct shmap *shmap, const void *pointer) {
  return (__force void __as_shared *)(pointer ? (uintptr_t)((const char *)pointer - (const char *)shmap->base)
                                              : (uintptr_t)0);
}

/* shmap_private(shmap, p): a pointer to use, of p's type. shmap_shared(shmap, p): the reverse.
 * shmap_ref(shmap, container, member): a shared pointer to a member of what a shared pointer leads to. */
#if defined(__cplusplus)
}
template <class T> static inline T *shmap_private(const struct shmap *shmap, T *shared) {
  return static_cast<T *>(shmap_to_private(shmap, const_cast<const void *>(static_cast<const volatile void *>(shared))));
}
template <class T> static inline T *shmap_shared(const struct shmap *shmap, T *pointer) {
  return static_cast<T *>(shmap_to_shared(shmap, const_cast<const void *>(static_cast<const volatile void *>(pointer))));
}
extern "C" {
#elif defined(__CHECKER__)
#define shmap_private(shmap, p) ((__force __typeof__(*(p)) *)shmap_to_private((shmap), (p)))
#define shmap_shared(shmap, p) ((__force __typeof__(*(p)) __as_shared *)shmap_to_shared((shmap), (p)))
#else
#define shmap_private(shmap, p) ((__typeof__(0 ? (p) : (p)))shmap_to_private((shmap), (p)))
#define shmap_shared(shmap, p) ((__typeof__(0 ? (p) : (p)))shmap_to_shared((shmap), (p)))
#endif
#define shmap_ref(shmap, container, member) ((void)(shmap), &(container)->member)

/* ---- Heap ---- */

/* size bytes of undefined contents, aligned to 8. NULL when size is 0, or with errno ENOMEM when the pool cannot grow. */
void __as_shared *shmap_malloc(struct shmap *shmap, size_t size);

/* Gives a block back; NULL is allowed. What is no block in use, because it was freed before or comes from elsewhere, is left
 * alone, and errno is EINVAL. */
void shmap_free(struct shmap *shmap, void __as_shared *block);

/* A block with the contents of `block`, as far as they fit; as malloc when that is NULL, as free when size is 0. When it fails,
 * `block` stays as it is. */
void __as_shared *shmap_realloc(struct shmap *shmap, void __as_shared *block, size_t size);

/* A copy of a string, which is not in the pool. */
char __as_shared *shmap_strdup(struct shmap *shmap, const char *string);

/* What the heap holds; bytes include the allocator's 8 per block. */
struct shmap_stat {
  uint64_t pool_bytes;
  uint64_t used_bytes;
  uint64_t used_blocks;
  uint64_t free_blocks;
  uint64_t largest_free_block;
};

/* Checks the whole heap, with nobody else in the pool. 0 and *stat (which may be NULL), or -EUCLEAN. */
int shmap_check(struct shmap *shmap, struct shmap_stat *stat);

/* ---- Locks ----
 *
 * To be embedded in structures in the pool. All zero is a new one. They hold no address and no process's own data: they may
 * lie in a pool of 32- and 64-bit processes.
 *
 * Taking one gives 0; -EOWNERDEAD when the last holder died with it: the lock is taken all the same, and what it protects may
 * be half changed; -EDEADLK when the thread has it already; -EAGAIN when more than 176 threads hold reader-writer locks of the
 * pool for reading. A thread that sleeps for one lets go of the pool's lock meanwhile, so that the pool can grow. */
struct shmap_mutex {
  uint64_t words[5];
} __attribute__((aligned(8)));

struct shmap_cond {
  uint64_t words[1];
} __attribute__((aligned(8)));

struct shmap_rwlock {
  uint64_t words[5];
} __attribute__((aligned(8)));

/* The same for every processor. */
#if defined(__cplusplus)
static_assert(sizeof(struct shmap_mutex) == 40 && alignof(struct shmap_mutex) == 8, "layout of a mutex");
static_assert(sizeof(struct shmap_cond) == 8 && alignof(struct shmap_cond) == 8, "layout of a condition");
static_assert(sizeof(struct shmap_rwlock) == 40 && alignof(struct shmap_rwlock) == 8, "layout of a reader-writer lock");
#elif !defined(__CHECKER__)
_Static_assert(sizeof(struct shmap_mutex) == 40 && _Alignof(struct shmap_mutex) == 8, "layout of a mutex");
_Static_assert(sizeof(struct shmap_cond) == 8 && _Alignof(struct shmap_cond) == 8, "layout of a condition");
_Static_assert(sizeof(struct shmap_rwlock) == 40 && _Alignof(struct shmap_rwlock) == 8, "layout of a reader-writer lock");
#endif

int shmap_mutex_init(struct shmap *shmap, struct shmap_mutex __as_shared *mutex);
/* Lends this thread's priority to the holder while it waits. */
int shmap_mutex_lock(struct shmap *shmap, struct shmap_mutex __as_shared *mutex);
/* -EPERM: this thread does not hold it. */
int shmap_mutex_unlock(struct shmap *shmap, struct shmap_mutex __as_shared *mutex);
/* -EBUSY: somebody holds it. */
int shmap_mutex_destroy(struct shmap *shmap, struct shmap_mutex __as_shared *mutex);

int shmap_cond_init(struct shmap *shmap, struct shmap_cond __as_shared *cond);
/* Wakes one thread that waits, or all. Usually called with the mutex held. */
int shmap_cond_signal(struct shmap *shmap, struct shmap_cond __as_shared *cond);
int shmap_cond_broadcast(struct shmap *shmap, struct shmap_cond __as_shared *cond);
/* Sleeps without the mutex until it is signalled, or for no reason: test what you wait for in a loop. Returns as
 * shmap_mutex_lock. */
int shmap_cond_wait(struct shmap *shmap, struct shmap_cond __as_shared *cond, struct shmap_mutex __as_shared *mutex);
int shmap_cond_destroy(struct shmap *shmap, struct shmap_cond __as_shared *cond);

int shmap_rwlock_init(struct shmap *shmap, struct shmap_rwlock __as_shared *rwlock);
int shmap_rwlock_rdlock(struct shmap *shmap, struct shmap_rwlock __as_shared *rwlock);
/* Writers go first: once one waits, new readers wait too. */
int shmap_rwlock_wrlock(struct shmap *shmap, struct shmap_rwlock __as_shared *rwlock);
int shmap_rwlock_unlock(struct shmap *shmap, struct shmap_rwlock __as_shared *rwlock);
int shmap_rwlock_destroy(struct shmap *shmap, struct shmap_rwlock __as_shared *rwlock);

#ifdef __cplusplus
}
#endif

#include "hash.h"
#include "map.h"
#include "set.h"
#include "vec.h"

#endif
