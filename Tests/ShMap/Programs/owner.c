/* A thermometer: makes a pool and writes a reading into it every millisecond.
 *
 *     cc -o owner owner.c $(pkg-config --cflags --libs libshmap)
 *     ./owner telemetry & ./borrower telemetry */
#include <shmap.h>
#include <stdio.h>
#include <unistd.h>

#include "telemetry.h"

static int prepare(struct shmap *pool, void __as_shared *user) {
  struct telemetry __as_shared *telemetry = user;
  struct telemetry *t = shmap_private(pool, telemetry);
  (void)t; /* all zero already: a lock that is free, no readings */
  return shmap_mutex_init(pool, shmap_ref(pool, telemetry, mutex));
}

int main(int argc, char **argv) {
  struct shmap *pool = argc == 2 ? shmap_init(argv[1], SHMAP_FLAG_OWN, sizeof(struct telemetry), prepare, NULL) : NULL;
  if (!pool) {
    perror("shmap_init");
    return 1;
  }
  for (int reading = 1; reading <= READINGS; reading++) {
    shmap_lock(pool);
    struct telemetry __as_shared *telemetry = shmap_get_user(pool);
    int taken = shmap_mutex_lock(pool, shmap_ref(pool, telemetry, mutex));
    if (taken == -EOWNERDEAD) fputs("somebody died with the mutex; a reading is a single store, so all is well\n", stderr);
    shmap_private(pool, telemetry)->reading = reading;
    shmap_cond_broadcast(pool, shmap_ref(pool, telemetry, changed));
    shmap_mutex_unlock(pool, shmap_ref(pool, telemetry, mutex));
    shmap_unlock(pool);
    usleep(1000);
  }
  shmap_destroy(pool);
  return 0;
}
