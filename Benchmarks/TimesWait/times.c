/* times-wait: when a wait for an object ends. `bench` starts it, announces the objects, and compares the clocks:
 *
 *     times-wait generation LIBSHMAPPER COUNT    sleeps on the generation with shmapper_wait, and looks the object up
 *     times-wait event LIBMAPPER COUNT           mapper_wait_async under sd-event
 *
 * Waits for /wait/MODE/0, /wait/MODE/1, ... one after the other; for each prints `waiting NUMBER` before it waits and
 * `found NUMBER NANOSECONDS` (CLOCK_MONOTONIC) when it has it. */
#include <dlfcn.h>
#include <shmapper.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>

static long long nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static int ignore(void *userdata, enum shmapper_kind kind, const char *text, size_t length) {
  (void)userdata, (void)kind, (void)text, (void)length;
  return 0;
}

static const char *begin(const char *mode, int number) {
  static char path[64];
  snprintf(path, sizeof path, "/wait/%s/%d", mode, number);
  printf("waiting %d\n", number);
  return path;
}

static int on_generation(void *library, int count) {
  __typeof__(&shmapper_attach) attach = (__typeof__(attach))dlsym(library, "shmapper_attach");
  __typeof__(&shmapper_get_object) get_object = (__typeof__(get_object))dlsym(library, "shmapper_get_object");
  __typeof__(&shmapper_generation) generation = (__typeof__(generation))dlsym(library, "shmapper_generation");
  __typeof__(&shmapper_wait) wait = (__typeof__(wait))dlsym(library, "shmapper_wait");
  struct shmapper *mapper;
  if (attach(NULL, 0, &mapper) < 0) return 1;
  for (int number = 0; number < count; number++) {
    const char *path = begin("generation", number);
    while (1) {
      uint64_t seen = generation(mapper);
      if (get_object(mapper, path, NULL, 0, ignore, NULL) == 0) break;
      if (wait(mapper, seen, 10000000) != 1) return 1;
    }
    printf("found %d %lld\n", number, nanoseconds());
  }
  return 0;
}

static void found(int result, void *event) { sd_event_exit(event, result); }

static int on_event(void *library, int count) {
  typedef void (*callback_t)(int, void *);
  int (*wait_async)(sd_bus *, sd_event *, char **, callback_t, void *, void **) = dlsym(library, "mapper_wait_async");
  void (*wait_free)(void *) = dlsym(library, "mapper_wait_async_free");
  for (int number = 0; number < count; number++) {
    sd_bus *bus = NULL;
    sd_event *event = NULL;
    void *wait = NULL;
    if (sd_bus_open_system(&bus) < 0 || sd_event_new(&event) < 0 || sd_bus_attach_event(bus, event, 0) < 0) return 1;
    char *paths[] = {(char *)begin("event", number), NULL};
    if (wait_async(bus, event, paths, found, event, &wait) < 0 || sd_event_loop(event) != 0) return 1;
    printf("found %d %lld\n", number, nanoseconds());
    wait_free(wait);
    sd_bus_detach_event(bus);
    sd_bus_flush_close_unref(bus);
    sd_event_unref(event);
  }
  return 0;
}

int main(int count, char **arguments) {
  void *library = count == 4 ? dlopen(arguments[2], RTLD_NOW) : NULL;
  if (!library) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  return strcmp(arguments[1], "event") == 0 ? on_event(library, atoi(arguments[3])) : on_generation(library, atoi(arguments[3]));
}
