/* times-c: how long lookups take through libshmapper.so.0, called from C. `bench` starts it beside a running mapper:
 *
 *     times-c LIBRARY SENSOR        environment: DBUS_SYSTEM_BUS_ADDRESS, SHMAPPER_POOL
 *
 * Prints the lines of times-swift. */
#include <dlfcn.h>
#include <shmapper.h>
#include <stdio.h>
#include <time.h>

enum { SAMPLES = 30 };

/* What this thread has used so far: nothing here waits. */
static long long processor_nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static size_t answers, bytes;

/* Looks at each piece in place. */
static int look(void *userdata, enum shmapper_kind kind, const char *text, size_t length) {
  if (kind == SHMAPPER_BEGIN) answers = 0;
  if (kind == SHMAPPER_PATH || kind == SHMAPPER_SERVICE) answers++;
  bytes += length;
  return 0;
}

#define MEASURE(what, calls, call)                                         \
  for (int sample = 0; sample < SAMPLES; sample++) {                       \
    long long start = processor_nanoseconds();                             \
    for (int i = 0; i < (calls); i++)                                      \
      if ((call) != 0) return 1;                                           \
    long long used = processor_nanoseconds() - start;                      \
    printf("%s %zu %lld\n", what, answers, used / (calls));                \
  }

int main(int count, char **arguments) {
  void *library = count == 3 ? dlopen(arguments[1], RTLD_NOW) : NULL;
  if (!library) return 2;
#define FUNCTION(name) __typeof__(&shmapper_##name) name = (__typeof__(name))dlsym(library, "shmapper_" #name)
  FUNCTION(attach);
  FUNCTION(detach);
  FUNCTION(get_object);
  FUNCTION(get_subtree_paths);
  FUNCTION(answer_new);
  FUNCTION(answer_free);
  FUNCTION(collect);
  FUNCTION(get_statistics);

  const char *sensor = arguments[2], *interface = "xyz.openbmc_project.Sensor.Value";
  struct shmapper *mapper;
  if (attach(NULL, 0, &mapper) < 0) return 1;
  struct shmapper_answer *answer = answer_new();
  MEASURE("object", 2000, get_object(mapper, sensor, &interface, 1, look, NULL))
  MEASURE("visited", 50, get_subtree_paths(mapper, "/", 0, &interface, 1, look, NULL))
  MEASURE("copied", 50, get_subtree_paths(mapper, "/", 0, &interface, 1, collect, answer))
  struct shmapper_statistics statistics;
  get_statistics(mapper, &statistics, sizeof statistics);
  printf("over-bus %llu\n", (unsigned long long)statistics.over_bus);
  answer_free(answer);
  detach(mapper);
  return 0;
}
