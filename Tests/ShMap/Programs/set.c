/* set.h and hash.h. Argument: the path of a file that does not exist. */
#include <errno.h>
#include <hash.h>
#include <set.h>
#include <shmap.h>
#include <string.h>

#include "check.h"

static void check_hash(void) {
  struct shmap_hash hash;
  shmap_hash_init(&hash);
  shmap_hash_update(&hash, "in ", 3);
  shmap_hash_update(&hash, "", 0);
  shmap_hash_update(&hash, "pieces", 6);
  CHECK(shmap_hash_value(&hash) == shmap_hash_object("in pieces", 9));
  CHECK(shmap_hash_object("a", 1) != shmap_hash_object("b", 1));
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  check_hash();
  struct shmap *pool = shmap_init(argv[1], SHMAP_FLAG_OWN, 0, NULL, NULL);
  CHECK(pool && shmap_lock(pool) == 0);
  struct shmap_set __as_shared *set = shmap_set_init(pool);
  char __as_shared *key = shmap_strdup(pool, "key");
  CHECK(set && key && !shmap_set_get(pool, set, "key", 3));
  CHECK(shmap_set_add(pool, set, NULL, 3) == -EINVAL && shmap_set_add(pool, set, key, 0) == -EINVAL);
  CHECK(shmap_set_add(pool, set, key, 3) == 0 && shmap_set_add(pool, set, key, 3) == 0);
  CHECK(shmap_set_size(pool, set) == 1 && shmap_set_get(pool, set, "key", 3) == key);
  CHECK(shmap_set_contains(pool, set, "key", 3) && shmap_set_entry(pool, set, "key", 3).len == 3);
  struct shmap_set_iter iter;
  CHECK(shmap_set_iter_init(pool, NULL, &iter) == -EINVAL && shmap_set_iter_init(pool, set, &iter) == 0);
  CHECK(shmap_set_iter_has_next(pool, &iter) && shmap_set_iter_next(pool, &iter).key == key);
  CHECK(!shmap_set_iter_has_next(pool, &iter) && !shmap_set_iter_next(pool, &iter).key);
  shmap_set_iter_destroy(pool, &iter);
  CHECK(shmap_set_remove(pool, set, "key", 3) == 0 && shmap_set_size(pool, set) == 0);
  CHECK(shmap_set_destroy(pool, set) == 0);
  shmap_free(pool, key);
  struct shmap_stat stat;
  CHECK(shmap_check(pool, &stat) == 0 && stat.used_blocks == 0);
  CHECK(shmap_unlock(pool) == 0);
  shmap_destroy(pool);
  puts("set ok");
  return 0;
}
