/* Hash maps in a pool, from byte strings to pointers.
 *
 * The bytes of a key are in the pool and belong to the caller, who must leave them alone while they are a key. They are looked
 * up by bytes that need not be in the pool. A map has no lock of its own: readers exclude writers by a lock of the
 * application's. All calls are made in the pool (shmap_lock). */
#ifndef SHMAP_MAP_H
#define SHMAP_MAP_H

#include "shmap.h"

#ifdef __cplusplus
extern "C" {
#endif

struct shmap_map;

struct shmap_map_entry {
  void __as_shared *key;
  size_t len;
  void __as_shared *value;
};

/* An empty map. NULL and errno when there is no memory. */
struct shmap_map __as_shared *shmap_map_init(struct shmap *shmap);
/* Frees the map, not its keys and values. */
int shmap_map_destroy(struct shmap *shmap, struct shmap_map __as_shared *map);
size_t shmap_map_size(struct shmap *shmap, struct shmap_map __as_shared *map);

/* Adds a key of len bytes with its value. A key that is there already stays with the value that it has: 0. No key, or a len
 * of 0: -EINVAL. */
int shmap_map_add(struct shmap *shmap, struct shmap_map __as_shared *map, void __as_shared *key, size_t len,
                  void __as_shared *value);
/* Takes a key away; 0 also when it was not there. */
int shmap_map_remove(struct shmap *shmap, struct shmap_map __as_shared *map, const void __as_private *key, size_t len);

/* The value of a key; NULL when it is not there. */
void __as_shared *shmap_map_get(struct shmap *shmap, struct shmap_map __as_shared *map, const void __as_private *key,
                                size_t len);
/* The key as it was added and its value; all zero when it is not there. */
struct shmap_map_entry shmap_map_entry(struct shmap *shmap, struct shmap_map __as_shared *map,
                                       const void __as_private *key, size_t len);
bool shmap_map_contains(struct shmap *shmap, struct shmap_map __as_shared *map, const void __as_private *key, size_t len);

/* Visits every entry once, in no particular order. Entries may be removed meanwhile; adding ends the promise. */
struct shmap_map_iter {
  struct shmap_map __as_shared *map;
  size_t next;
};

struct shmap_map_iter_entry {
  void __as_shared *key;
  size_t len;
  void __as_shared *value;
};

void shmap_map_iter_init(struct shmap *shmap, struct shmap_map __as_shared *map, struct shmap_map_iter *iter);
void shmap_map_iter_destroy(struct shmap *shmap, struct shmap_map_iter *iter);
bool shmap_map_iter_has_next(struct shmap *shmap, struct shmap_map_iter *iter);
/* All zero behind the last entry. */
struct shmap_map_iter_entry shmap_map_iter_next(struct shmap *shmap, struct shmap_map_iter *iter);

#ifdef __cplusplus
}
#endif

#endif
