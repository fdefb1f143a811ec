/* Priority inheritance between processes. Argument: the path of a file that does not exist. Needs the right to SCHED_FIFO.
 *
 * On one processor, a process of low priority holds a mutex, one of middle priority never pauses, and one of high priority wants
 * the mutex. Unless the kernel lends the holder the priority of who waits, the holder does not run until the middle one gives
 * up, and so neither does the one that matters most. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <shmap.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { LOW = 1, MIDDLE = 10, HIGH = 20, FOREVER_S = 5 };

struct scene {
  struct shmap_mutex mutex;
  uint32_t held, busy, done, gave_up;
  int32_t lent; /* the holder's priority as the kernel shows it: -1 - that of SCHED_FIFO */
};

static volatile struct scene *scene_of(struct shmap *pool) {
  struct scene __as_shared *scene = shmap_get_user(pool);
  return shmap_private(pool, scene);
}

static int own_priority(void) {
  char text[1024] = "";
  FILE *file = fopen("/proc/self/stat", "r");
  CHECK(file && fread(text, 1, sizeof text - 1, file) > 0 && fclose(file) == 0);
  char *at = strrchr(text, ')');
  int priority = 0;
  CHECK(at && sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %d", &priority) == 1);
  return priority;
}

static void hold(struct shmap *pool, struct shmap_mutex __as_shared *mutex) {
  CHECK(shmap_mutex_lock(pool, mutex) == 0);
  volatile uint32_t *word = (volatile uint32_t *)&scene_of(pool)->mutex;
  scene_of(pool)->held = 1;
  while (!(*word & 0x80000000u)) continue; /* FUTEX_WAITERS: somebody sleeps for it */
  scene_of(pool)->lent = own_priority();
  CHECK(shmap_mutex_unlock(pool, mutex) == 0);
}

static void never_pause(struct shmap *pool) {
  volatile struct scene *scene = scene_of(pool);
  time_t end = time(NULL) + FOREVER_S;
  scene->busy = 1;
  while (!scene->done)
    if (time(NULL) > end) {
      scene->gave_up = 1;
      return;
    }
}

static void want(struct shmap *pool, struct shmap_mutex __as_shared *mutex) {
  CHECK(shmap_mutex_lock(pool, mutex) == 0);
  scene_of(pool)->done = 1;
  CHECK(shmap_mutex_unlock(pool, mutex) == 0);
}

static void set_priority(int priority) {
  struct sched_param parameter = {.sched_priority = priority};
  CHECK(sched_setscheduler(0, SCHED_FIFO, &parameter) == 0);
}

static pid_t start(const char *path, int priority) {
  pid_t child = fork();
  if (child != 0) return child;
  struct shmap *pool = shmap_init(path, 0, 0, NULL, NULL);
  CHECK(pool);
  set_priority(priority);
  CHECK(shmap_lock(pool) == 0);
  struct scene __as_shared *scene = shmap_get_user(pool);
  if (priority == LOW) hold(pool, shmap_ref(pool, scene, mutex));
  if (priority == MIDDLE) never_pause(pool);
  if (priority == HIGH) want(pool, shmap_ref(pool, scene, mutex));
  CHECK(shmap_unlock(pool) == 0);
  shmap_destroy(pool);
  _exit(0);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  cpu_set_t one;
  CPU_ZERO(&one);
  CHECK(sched_getaffinity(0, sizeof one, &one) == 0);
  int processor = 0;
  while (!CPU_ISSET(processor, &one)) processor++;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
  struct shmap *pool = shmap_init(argv[1], SHMAP_FLAG_OWN, sizeof(struct scene), NULL, NULL);
  CHECK(pool);
  set_priority(HIGH + 10);
  CHECK(shmap_lock(pool) == 0);
  volatile struct scene *scene = scene_of(pool); /* nothing is allocated: it stays where it is */
  pid_t children[3] = {start(argv[1], LOW)};
  while (!scene->held) usleep(1000);
  children[1] = start(argv[1], MIDDLE);
  while (!scene->busy) usleep(1000);
  children[2] = start(argv[1], HIGH);
  for (int index = 0; index < 3; index++) {
    int status;
    CHECK(waitpid(children[index], &status, 0) == children[index] && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  CHECK(scene->done && !scene->gave_up);
  CHECK(scene->lent == -1 - HIGH);
  CHECK(shmap_unlock(pool) == 0);
  shmap_destroy(pool);
  puts("priority ok");
  return 0;
}
