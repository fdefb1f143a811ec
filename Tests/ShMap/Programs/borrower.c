/* A display: attaches to the thermometer's pool and shows the last reading. */
#include <shmap.h>
#include <stdio.h>

#include "telemetry.h"

int main(int argc, char **argv) {
  struct shmap *pool = argc == 2 ? shmap_init(argv[1], 0, 0, NULL, NULL) : NULL;
  if (!pool) {
    perror("shmap_init");
    return 1;
  }
  int last = 0;
  while (last < READINGS) {
    shmap_lock(pool);
    struct telemetry __as_shared *telemetry = shmap_get_user(pool);
    shmap_mutex_lock(pool, shmap_ref(pool, telemetry, mutex));
    while (shmap_private(pool, telemetry)->reading == last)
      shmap_cond_wait(pool, shmap_ref(pool, telemetry, changed), shmap_ref(pool, telemetry, mutex));
    last = shmap_private(pool, telemetry)->reading;
    shmap_mutex_unlock(pool, shmap_ref(pool, telemetry, mutex));
    shmap_unlock(pool);
  }
  printf("the last reading is %d\n", last);
  shmap_destroy(pool);
  return 0;
}
