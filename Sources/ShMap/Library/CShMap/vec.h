/* Vectors in a pool: growing arrays of pointers.
 *
 * A vector has no lock of its own: readers exclude writers by a lock of the application's. The elements belong to the caller;
 * any pointer-sized value will do. All calls are made in the pool (shmap_lock). */
#ifndef SHMAP_VEC_H
#define SHMAP_VEC_H

#include "shmap.h"

#ifdef __cplusplus
extern "C" {
#endif

struct shmap_vec;

/* An empty vector with room for `capacity` elements, which may be 0. NULL and errno when there is no memory. */
struct shmap_vec __as_shared *shmap_vec_init(struct shmap *shmap, size_t capacity);
/* Frees the vector, not what its elements lead to. NULL is allowed. */
void shmap_vec_destroy(struct shmap *shmap, struct shmap_vec __as_shared *vec);

bool shmap_vec_is_empty(struct shmap *shmap, struct shmap_vec __as_shared *vec);
size_t shmap_vec_size(struct shmap *shmap, struct shmap_vec __as_shared *vec);

/* The element at an index; NULL when there is none. */
void __as_shared *shmap_vec_get(struct shmap *shmap, struct shmap_vec __as_shared *vec, size_t idx);
/* Inserts before the element at idx, which may be the size; -EINVAL when it is larger. */
int shmap_vec_insert(struct shmap *shmap, struct shmap_vec __as_shared *vec, void __as_shared *obj, size_t idx);
/* Takes the element at idx away; -EINVAL when there is none. */
int shmap_vec_remove(struct shmap *shmap, struct shmap_vec __as_shared *vec, size_t idx);

/* At the end: adds; takes away and returns; returns. NULL when the vector is empty. */
int shmap_vec_push(struct shmap *shmap, struct shmap_vec __as_shared *vec, void __as_shared *obj);
void __as_shared *shmap_vec_pop(struct shmap *shmap, struct shmap_vec __as_shared *vec);
void __as_shared *shmap_vec_peek(struct shmap *shmap, struct shmap_vec __as_shared *vec);

#ifdef __cplusplus
}
#endif

#endif
