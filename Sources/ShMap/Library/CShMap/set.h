/* Hash sets in a pool, of byte strings.
 *
 * The bytes of a key are in the pool and belong to the caller, who must leave them alone while they are a key. They are looked
 * up by bytes that need not be in the pool. A set has no lock of its own: readers exclude writers by a lock of the
 * application's. All calls are made in the pool (shmap_lock). */
#ifndef SHMAP_SET_H
#define SHMAP_SET_H

#include "shmap.h"

#ifdef __cplusplus
extern "C" {
#endif

struct shmap_set;

struct shmap_set_entry {
  void __as_shared *key;
  size_t len;
};

/* An empty set. NULL and errno when there is no memory. */
struct shmap_set __as_shared *shmap_set_init(struct shmap *shmap);
/* Frees the set, not its keys. */
int shmap_set_destroy(struct shmap *shmap, struct shmap_set __as_shared *set);
size_t shmap_set_size(struct shmap *shmap, struct shmap_set __as_shared *set);

/* Adds a key of len bytes; 0 also when it is there already. No key, or a len of 0: -EINVAL. */
int shmap_set_add(struct shmap *shmap, struct shmap_set __as_shared *set, void __as_shared *key, size_t len);
/* Takes a key away; 0 also when it was not there. */
int shmap_set_remove(struct shmap *shmap, struct shmap_set __as_shared *set, const void __as_private *key, size_t len);

/* The key as it was added; NULL when it is not there. */
void __as_shared *shmap_set_get(struct shmap *shmap, struct shmap_set __as_shared *set, const void __as_private *key,
                                size_t len);
/* The same with its length; all zero when it is not there. */
struct shmap_set_entry shmap_set_entry(struct shmap *shmap, struct shmap_set __as_shared *set,
                                       const void __as_private *key, size_t len);
bool shmap_set_contains(struct shmap *shmap, struct shmap_set __as_shared *set, const void __as_private *key, size_t len);

/* Visits every key once, in no particular order. Keys may be removed meanwhile; adding ends the promise. */
struct shmap_set_iter {
  struct shmap_set __as_shared *set;
  size_t next;
};

struct shmap_set_iter_entry {
  void __as_shared *key;
  size_t len;
};

int shmap_set_iter_init(struct shmap *shmap, struct shmap_set __as_shared *set, struct shmap_set_iter *iter);
void shmap_set_iter_destroy(struct shmap *shmap, struct shmap_set_iter *iter);
bool shmap_set_iter_has_next(struct shmap *shmap, struct shmap_set_iter *iter);
/* All zero behind the last key. */
struct shmap_set_iter_entry shmap_set_iter_next(struct shmap *shmap, struct shmap_set_iter *iter);

#ifdef __cplusplus
}
#endif

#endif
