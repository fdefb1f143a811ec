/* One side of two processes that share all that a pool has: heap, map, vector, set, mutex, condition, reader-writer lock. The sides
 * may be of different word sizes.
 *
 *     sharing POOL 0 ROUNDS     makes the pool, and waits for the other side
 *     sharing POOL 1 ROUNDS     attaches to it
 *
 * First they take turns, and each checks and takes away what the other has put in. Then both work at once. At last each side
 * dies with locks in its hands, and the other takes them over. */
#include <errno.h>
#include <map.h>
#include <set.h>
#include <shmap.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vec.h>

#include "check.h"

/* Fixed widths: the same for both. */
struct world {
  struct shmap_mutex mutex;
  struct shmap_cond changed;
  struct shmap_rwlock lock;
  uint32_t turn, bits[2];
  uint32_t map, set, vec;
  uint32_t done[2], left[2];
};
_Static_assert(sizeof(struct world) == 40 + 8 + 40 + 40, "the same for every word size");

static struct shmap *pool;
static uint32_t side, rounds;

static struct world __as_shared *shared(void) { return shmap_get_user(pool); }
static struct world *world(void) { return shmap_private(pool, shared()); }

#define HANDLE(kind, offset) ((__force struct shmap_##kind __as_shared *)(uintptr_t)(offset))
static struct shmap_map __as_shared *map(void) { return HANDLE(map, world()->map); }
static struct shmap_set __as_shared *set(void) { return HANDLE(set, world()->set); }
static struct shmap_vec __as_shared *vec(void) { return HANDLE(vec, world()->vec); }
static uint32_t offset(const void __as_shared *p) { return (uint32_t)(uintptr_t)(const __force void *)p; }

static int prepare(struct shmap *new_pool, void __as_shared *user) {
  struct world __as_shared *at = user;
  uint32_t made = offset(shmap_map_init(new_pool));
  shmap_private(new_pool, at)->map = made;
  made = offset(shmap_set_init(new_pool));
  shmap_private(new_pool, at)->set = made;
  made = offset(shmap_vec_init(new_pool, 0));
  shmap_private(new_pool, at)->vec = made;
  return 0;
}

static void text_of(char *text, uint32_t who, uint32_t round) {
  snprintf(text, 64, "/side/%u/round/%u/%.*s", who, round, (int)(round % 30), "..............................");
}

/* Sleeps for a change of the world, with the mutex before and after. */
static void wait_for_change(void) {
  int taken = shmap_cond_wait(pool, shmap_ref(pool, shared(), changed), shmap_ref(pool, shared(), mutex));
  if (taken != 0) fprintf(stderr, "side %u: shmap_cond_wait gave %d\n", side, taken);
  CHECK(taken == 0);
}

/* Puts a text into the map, the set and the vector; one block serves all three. */
static void put(uint32_t round) {
  char text[64];
  text_of(text, side, round);
  char __as_shared *block = shmap_strdup(pool, text);
  CHECK(block && shmap_map_add(pool, map(), block, strlen(text), block) == 0);
  CHECK(shmap_set_add(pool, set(), block, strlen(text)) == 0 && shmap_vec_push(pool, vec(), block) == 0);
}

/* Takes out what one side has put in in a round. */
static void take(uint32_t who, uint32_t round) {
  char text[64];
  text_of(text, who, round);
  size_t length = strlen(text);
  char __as_shared *block = shmap_map_get(pool, map(), text, length);
  CHECK(block && strcmp(shmap_private(pool, block), text) == 0);
  CHECK(shmap_set_get(pool, set(), text, length) == block && shmap_vec_peek(pool, vec()) == block);
  CHECK(shmap_map_remove(pool, map(), text, length) == 0 && shmap_set_remove(pool, set(), text, length) == 0);
  CHECK(shmap_vec_pop(pool, vec()) == block && !shmap_map_contains(pool, map(), text, length));
  shmap_free(pool, block);
}

static void take_turns(void) {
  for (uint32_t round = 0; round < rounds; round++) {
    CHECK(shmap_mutex_lock(pool, shmap_ref(pool, shared(), mutex)) == 0);
    while (world()->turn != side) wait_for_change();
    if (side == 1 || round > 0) take(1 - side, side == 1 ? round : round - 1);
    put(round);
    world()->turn = 1 - side;
    CHECK(shmap_cond_broadcast(pool, shmap_ref(pool, shared(), changed)) == 0);
    CHECK(shmap_mutex_unlock(pool, shmap_ref(pool, shared(), mutex)) == 0);
  }
}

/* Looks now and then, outside of the pool. Without the mutex, which the next step may find in a dead hand. */
#define UNTIL(word, condition)                                                       \
  for (uint32_t seen; seen = *(volatile uint32_t *)&world()->word, !(condition);) { \
    CHECK(shmap_unlock(pool) == 0);                                                  \
    usleep(1000);                                                                    \
    CHECK(shmap_lock(pool) == 0);                                                    \
  }

/* Waits until both sides have come here, and neither needs the mutex any more to see that. */
static void meet(void) {
  CHECK(shmap_mutex_lock(pool, shmap_ref(pool, shared(), mutex)) == 0);
  world()->done[side]++;
  CHECK(shmap_cond_broadcast(pool, shmap_ref(pool, shared(), changed)) == 0);
  while (world()->done[1 - side] < world()->done[side]) wait_for_change();
  CHECK(shmap_mutex_unlock(pool, shmap_ref(pool, shared(), mutex)) == 0);
  world()->left[side]++;
  UNTIL(left[1 - side], seen >= world()->left[side]);
}

/* Both at once: blocks of their own, and one map under the reader-writer lock. The pool grows and moves meanwhile. */
static void work_at_once(void) {
  char __as_shared *mine[64] = {NULL};
  for (uint32_t round = 0; round < rounds * 10; round++) {
    uint32_t which = round * 7 % 64;
    if (mine[which]) {
      CHECK(*shmap_private(pool, mine[which]) == (char)(which + side));
      shmap_free(pool, mine[which]);
    }
    mine[which] = shmap_malloc(pool, 1 + round * 131 % 9000);
    CHECK(mine[which]);
    *shmap_private(pool, mine[which]) = (char)(which + side);
    char text[64];
    text_of(text, side, round % 50);
    if (round % 3) {
      CHECK(shmap_rwlock_rdlock(pool, shmap_ref(pool, shared(), lock)) == 0);
      char __as_shared *value = shmap_map_get(pool, map(), text, strlen(text));
      CHECK(!value || strcmp(shmap_private(pool, value), text) == 0);
    } else {
      CHECK(shmap_rwlock_wrlock(pool, shmap_ref(pool, shared(), lock)) == 0);
      char __as_shared *value = shmap_map_get(pool, map(), text, strlen(text));
      if (value) {
        CHECK(shmap_map_remove(pool, map(), text, strlen(text)) == 0);
        shmap_free(pool, value);
      } else {
        value = shmap_strdup(pool, text);
        CHECK(value && shmap_map_add(pool, map(), value, strlen(text), value) == 0);
      }
    }
    CHECK(shmap_rwlock_unlock(pool, shmap_ref(pool, shared(), lock)) == 0);
  }
  for (int which = 0; which < 64; which++) shmap_free(pool, mine[which]);
}

/* A child of this side dies with the locks in its hands. */
static void die_with_locks(const char *path) {
  pid_t child = fork();
  if (child == 0) {
    pool = shmap_init(path, 0, 0, NULL, NULL);
    CHECK(pool && shmap_lock(pool) == 0);
    CHECK(shmap_mutex_lock(pool, shmap_ref(pool, shared(), mutex)) == 0);
    CHECK(shmap_rwlock_rdlock(pool, shmap_ref(pool, shared(), lock)) == 0);
    kill(getpid(), SIGKILL);
  }
  int status;
  CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

static void take_over(void) {
  CHECK(shmap_mutex_lock(pool, shmap_ref(pool, shared(), mutex)) == -EOWNERDEAD);
  CHECK(shmap_mutex_unlock(pool, shmap_ref(pool, shared(), mutex)) == 0);
  CHECK(shmap_rwlock_wrlock(pool, shmap_ref(pool, shared(), lock)) == 0);
  CHECK(shmap_rwlock_unlock(pool, shmap_ref(pool, shared(), lock)) == 0);
  /* The dead one was in the pool, which nobody may be in for this. */
  CHECK(shmap_check(pool, NULL) == 0);
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  side = (uint32_t)atoi(argv[2]);
  rounds = (uint32_t)atoi(argv[3]);
  for (int tries = 0; !pool && tries < 20; tries++)
    pool = side == 0 ? shmap_init(argv[1], SHMAP_FLAG_OWN, sizeof(struct world), prepare, NULL)
                     : shmap_init(argv[1], 0, 0, NULL, NULL);
  if (!pool) perror("shmap_init");
  CHECK(pool && shmap_lock(pool) == 0);
  world()->bits[side] = (uint32_t)sizeof(void *) * 8;
  take_turns();
  meet();
  if (side == 0) take(1, rounds - 1);
  CHECK(side == 1 || (shmap_map_size(pool, map()) == 0 && shmap_set_size(pool, set()) == 0 && shmap_vec_is_empty(pool, vec())));
  meet();
  work_at_once();
  meet();
  for (uint32_t dying = 0; dying < 2; dying++) {
    if (side == dying) {
      CHECK(shmap_unlock(pool) == 0);
      die_with_locks(argv[1]);
      CHECK(shmap_lock(pool) == 0);
      world()->turn = 2 + dying;
    } else {
      UNTIL(turn, seen == 2 + dying);
      take_over();
      world()->turn = 0;
    }
    UNTIL(turn, seen == 0);
    meet();
  }
  CHECK(shmap_check(pool, NULL) == 0);
  if (side == 0) printf("sharing ok, %u and %u bits\n", world()->bits[0], world()->bits[1]);
  CHECK(shmap_unlock(pool) == 0);
  shmap_destroy(pool);
  return 0;
}
