/* map.h. Argument: the path of a file that does not exist. */
#include <errno.h>
#include <map.h>
#include <shmap.h>
#include <string.h>

#include "check.h"

int main(int argc, char **argv) {
  CHECK(argc == 2);
  struct shmap *pool = shmap_init(argv[1], SHMAP_FLAG_OWN, 0, NULL, NULL);
  CHECK(pool && shmap_lock(pool) == 0);
  struct shmap_map __as_shared *map = shmap_map_init(pool);
  CHECK(map && shmap_map_size(pool, map) == 0);
  char __as_shared *key = shmap_strdup(pool, "key");
  char __as_shared *value = shmap_strdup(pool, "value");
  CHECK(!shmap_map_get(pool, map, "key", 3) && !shmap_map_contains(pool, map, "key", 3));
  CHECK(shmap_map_add(pool, map, NULL, 3, value) == -EINVAL && shmap_map_add(pool, map, key, 0, value) == -EINVAL);
  CHECK(shmap_map_add(pool, map, key, 3, value) == 0);
  CHECK(shmap_map_add(pool, map, key, 3, key) == 0 && shmap_map_get(pool, map, "key", 3) == value);
  CHECK(shmap_map_contains(pool, map, "key", 3) && !shmap_map_contains(pool, map, "ke", 2));
  struct shmap_map_entry entry = shmap_map_entry(pool, map, "key", 3);
  CHECK(entry.key == key && entry.len == 3 && entry.value == value);
  entry = shmap_map_entry(pool, map, "no", 2);
  CHECK(!entry.key && !entry.len && !entry.value);
  CHECK(shmap_map_remove(pool, map, "key", 3) == 0 && shmap_map_remove(pool, map, "key", 3) == 0);
  CHECK(shmap_map_size(pool, map) == 0);
  for (int i = 0; i < 2000; i++) {
    char text[16];
    snprintf(text, sizeof text, "k%d", i);
    char __as_shared *copy = shmap_strdup(pool, text);
    CHECK(copy && shmap_map_add(pool, map, copy, strlen(text), copy) == 0);
  }
  CHECK(shmap_map_size(pool, map) == 2000);
  size_t seen = 0;
  struct shmap_map_iter iter;
  shmap_map_iter_init(pool, map, &iter);
  while (shmap_map_iter_has_next(pool, &iter)) {
    struct shmap_map_iter_entry next = shmap_map_iter_next(pool, &iter);
    CHECK(next.key && next.key == next.value && next.len >= 2);
    CHECK(shmap_map_remove(pool, map, shmap_private(pool, next.key), next.len) == 0);
    shmap_free(pool, next.key);
    seen++;
  }
  CHECK(!shmap_map_iter_next(pool, &iter).key);
  shmap_map_iter_destroy(pool, &iter);
  CHECK(seen == 2000 && shmap_map_size(pool, map) == 0 && shmap_map_destroy(pool, map) == 0);
  shmap_free(pool, key);
  shmap_free(pool, value);
  struct shmap_stat stat;
  CHECK(shmap_check(pool, &stat) == 0 && stat.used_blocks == 0);
  CHECK(shmap_unlock(pool) == 0);
  shmap_destroy(pool);
  puts("map ok");
  return 0;
}
