/* A 32-bit hash of bytes. Updating it in pieces gives the same as hashing all at once; the same in every process. */
#ifndef SHMAP_HASH_H
#define SHMAP_HASH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shmap_hash {
  uint32_t state;
};

void shmap_hash_init(struct shmap_hash *hash);
void shmap_hash_update(struct shmap_hash *hash, const void *data, size_t len);
uint32_t shmap_hash_value(const struct shmap_hash *hash);
uint32_t shmap_hash_object(const void *data, size_t len);

#ifdef __cplusplus
}
#endif

#endif
