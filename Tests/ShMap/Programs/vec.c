/* vec.h. Argument: the path of a file that does not exist. */
#include <errno.h>
#include <shmap.h>
#include <vec.h>

#include "check.h"

static void __as_shared *item(uintptr_t value) { return (__force void __as_shared *)value; }

int main(int argc, char **argv) {
  CHECK(argc == 2);
  struct shmap *pool = shmap_init(argv[1], SHMAP_FLAG_OWN, 0, NULL, NULL);
  CHECK(pool && shmap_lock(pool) == 0);
  struct shmap_vec __as_shared *vec = shmap_vec_init(pool, 2);
  CHECK(vec && shmap_vec_is_empty(pool, vec) && shmap_vec_size(pool, vec) == 0);
  CHECK(!shmap_vec_pop(pool, vec) && !shmap_vec_peek(pool, vec) && !shmap_vec_get(pool, vec, 0));
  CHECK(shmap_vec_insert(pool, vec, item(1), 1) == -EINVAL);
  for (uintptr_t i = 1; i <= 1000; i++) CHECK(shmap_vec_push(pool, vec, item(i)) == 0);
  CHECK(shmap_vec_size(pool, vec) == 1000 && shmap_vec_peek(pool, vec) == item(1000));
  CHECK(shmap_vec_insert(pool, vec, item(5000), 500) == 0);
  CHECK(shmap_vec_get(pool, vec, 499) == item(500) && shmap_vec_get(pool, vec, 500) == item(5000));
  CHECK(shmap_vec_get(pool, vec, 501) == item(501) && shmap_vec_get(pool, vec, 1000) == item(1000));
  CHECK(shmap_vec_remove(pool, vec, 500) == 0 && shmap_vec_remove(pool, vec, 1000) == -EINVAL);
  CHECK(shmap_vec_insert(pool, vec, item(0), 0) == 0 && shmap_vec_remove(pool, vec, 0) == 0);
  CHECK(shmap_vec_insert(pool, vec, item(1001), SIZE_MAX) == -EINVAL && !shmap_vec_get(pool, vec, SIZE_MAX));
  for (uintptr_t i = 1000; i >= 1; i--) CHECK(shmap_vec_pop(pool, vec) == item(i));
  CHECK(shmap_vec_is_empty(pool, vec));
  shmap_vec_destroy(pool, vec);
  shmap_vec_destroy(pool, NULL);
  struct shmap_stat stat;
  CHECK(shmap_check(pool, &stat) == 0 && stat.used_blocks == 0);
  CHECK(shmap_unlock(pool) == 0);
  shmap_destroy(pool);
  puts("vec ok");
  return 0;
}
