/* shmap.h: pool, heap, pointers, locks. Argument: the path of a file that does not exist. */
#include <errno.h>
#include <shmap.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

struct world {
  struct shmap_mutex mutex;
  struct shmap_cond cond;
  struct shmap_rwlock rwlock;
  int number;
};

static int prepare(struct shmap *shmap, void __as_shared *user) {
  struct world __as_shared *world = user;
  CHECK(shmap_mutex_init(shmap, shmap_ref(shmap, world, mutex)) == 0);
  CHECK(shmap_cond_init(shmap, shmap_ref(shmap, world, cond)) == 0);
  CHECK(shmap_rwlock_init(shmap, shmap_ref(shmap, world, rwlock)) == 0);
  shmap_private(shmap, world)->number = 7;
  return 0;
}

static int ended;
static int end(struct shmap *shmap, void __as_shared *user) {
  struct world __as_shared *world = user;
  ended = shmap_private(shmap, world)->number;
  return 0;
}

static int refuse(struct shmap *shmap, void __as_shared *user) {
  (void)shmap;
  (void)user;
  return -ENOTTY;
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  const char *path = argv[1];
  errno = 0;
  CHECK(!shmap_init(path, SHMAP_FLAG_OWN, 8, refuse, NULL) && errno == ENOTTY && access(path, F_OK) != 0);
  CHECK(!shmap_init(path, 0, 8, NULL, NULL) && errno == EINVAL);
  CHECK(!shmap_init(path, 0, 0, prepare, NULL) && errno == EINVAL);
  CHECK(!shmap_init("/dev/../a\n/b", 0, 0, NULL, NULL) && errno == ENOENT);

  struct shmap *pool = shmap_init(path, SHMAP_FLAG_OWN, sizeof(struct world), prepare, end);
  CHECK(pool);
  CHECK(!shmap_init(path, SHMAP_FLAG_OWN, 0, NULL, NULL) && errno == EBUSY);
  struct shmap *other = shmap_init(path, 0, 0, NULL, NULL);
  CHECK(other);
  CHECK(shmap_unlock(pool) == -EPERM);

  CHECK(shmap_lock(pool) == 0);
  struct world __as_shared *world = shmap_get_user(pool);
  CHECK(shmap_private(pool, world)->number == 7);
  CHECK(shmap_shared(pool, shmap_private(pool, world)) == world);
  CHECK(!shmap_private(pool, (int __as_shared *)NULL));

  CHECK(!shmap_malloc(pool, 0));
  errno = 0;
  CHECK(!shmap_malloc(pool, SIZE_MAX) && errno == ENOMEM);
  char __as_shared *text = shmap_strdup(pool, "shared memory");
  CHECK(text && strcmp(shmap_private(pool, text), "shared memory") == 0);
  text = shmap_realloc(pool, text, 100000);
  CHECK(text && strcmp(shmap_private(pool, text), "shared memory") == 0);
  errno = 0;
  shmap_free(pool, text);
  CHECK(errno == 0);
  shmap_free(pool, text);
  CHECK(errno == EINVAL);
  shmap_free(pool, NULL);
  void __as_shared *large = shmap_malloc(pool, 50 << 20);
  CHECK(large);
  memset(shmap_private(pool, large), 1, 50 << 20);
  CHECK(!shmap_realloc(pool, large, 0));
  struct shmap_stat stat;
  CHECK(shmap_check(pool, &stat) == 0 && stat.used_blocks == 1 && stat.pool_bytes >= 50u << 20);

  CHECK(shmap_mutex_lock(pool, shmap_ref(pool, world, mutex)) == 0);
  CHECK(shmap_mutex_lock(pool, shmap_ref(pool, world, mutex)) == -EDEADLK);
  CHECK(shmap_mutex_destroy(pool, shmap_ref(pool, world, mutex)) == -EBUSY);
  CHECK(shmap_mutex_unlock(pool, shmap_ref(pool, world, mutex)) == 0);
  CHECK(shmap_mutex_unlock(pool, shmap_ref(pool, world, mutex)) == -EPERM);
  CHECK(shmap_mutex_destroy(pool, shmap_ref(pool, world, mutex)) == 0);
  CHECK(shmap_rwlock_rdlock(pool, shmap_ref(pool, world, rwlock)) == 0);
  CHECK(shmap_rwlock_rdlock(pool, shmap_ref(pool, world, rwlock)) == 0);
  CHECK(shmap_rwlock_wrlock(pool, shmap_ref(pool, world, rwlock)) == -EDEADLK);
  CHECK(shmap_rwlock_unlock(pool, shmap_ref(pool, world, rwlock)) == 0);
  CHECK(shmap_rwlock_unlock(pool, shmap_ref(pool, world, rwlock)) == 0);
  CHECK(shmap_rwlock_unlock(pool, shmap_ref(pool, world, rwlock)) == -EPERM);
  CHECK(shmap_rwlock_wrlock(pool, shmap_ref(pool, world, rwlock)) == 0);
  CHECK(shmap_rwlock_unlock(pool, shmap_ref(pool, world, rwlock)) == 0);
  CHECK(shmap_cond_signal(pool, shmap_ref(pool, world, cond)) == 0);
  CHECK(shmap_cond_broadcast(pool, shmap_ref(pool, world, cond)) == 0);
  CHECK(shmap_unlock(pool) == 0);

  CHECK(shmap_lock(other) == 0);
  struct world __as_shared *same = shmap_get_user(other);
  shmap_private(other, same)->number = 8;
  CHECK(shmap_unlock(other) == 0);
  shmap_destroy(other);
  CHECK(access(path, F_OK) == 0 && ended == 0);
  shmap_destroy(pool);
  CHECK(access(path, F_OK) != 0 && ended == 8);
  puts("pool ok");
  return 0;
}
