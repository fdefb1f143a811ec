/* times-sdbus: how long calls to the mapper take in a program that knows nothing of shmapper. `bench` starts it beside a running
 * mapper, with the preload library and without:
 *
 *     times-sdbus SENSOR        environment: DBUS_SYSTEM_BUS_ADDRESS, LD_PRELOAD, SHMAPPER_POOL
 *
 * Prints one line for each sample, `WHAT ANSWERS NANOSECONDS`: from writing the call until the reply is in hand, time that passes. */
#include <stdio.h>
#include <systemd/sd-bus.h>
#include <time.h>

enum { SAMPLES = 30, ENOUGH = 10000000 };

static const char *const mapper = "xyz.openbmc_project.ObjectMapper", *const path = "/xyz/openbmc_project/object_mapper";
static const char *const interface = "xyz.openbmc_project.Sensor.Value";

static long long nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static int count(sd_bus_message *reply, const char *contents) {
  int items = 0;
  if (sd_bus_message_enter_container(reply, 'a', contents) < 0) return -1;
  while (sd_bus_message_skip(reply, contents) > 0) items++;
  return items;
}

/* Calls in a row for some milliseconds make one sample. */
#define MEASURE(what, contents, member, ...)                                                                 \
  {                                                                                                          \
    sd_bus_message *reply = NULL;                                                                            \
    if (sd_bus_call_method(bus, mapper, path, mapper, member, NULL, &reply, __VA_ARGS__) < 0) return 1;      \
    int answers = count(reply, contents);                                                                    \
    sd_bus_message_unref(reply);                                                                             \
    for (int sample = 0; sample < SAMPLES; sample++) {                                                       \
      long long calls = 0, start = nanoseconds(), used = 0;                                                  \
      while (used < ENOUGH) {                                                                                \
        for (int i = 0; i < 8; i++, calls++) {                                                               \
          if (sd_bus_call_method(bus, mapper, path, mapper, member, NULL, &reply, __VA_ARGS__) < 0) return 1; \
          sd_bus_message_unref(reply);                                                                       \
        }                                                                                                    \
        used = nanoseconds() - start;                                                                        \
      }                                                                                                      \
      printf("%s %d %lld\n", what, answers, used / calls);                                                   \
    }                                                                                                        \
  }

int main(int count_of, char **arguments) {
  sd_bus *bus = NULL;
  if (count_of != 2 || sd_bus_open_system(&bus) < 0) return 2;
  MEASURE("object", "{sas}", "GetObject", "sas", arguments[1], 1, interface)
  MEASURE("paths", "s", "GetSubTreePaths", "sias", "/", 0, 1, interface)
  MEASURE("subtree", "{sa{sas}}", "GetSubTree", "sias", "/xyz/openbmc_project/sensors", 2, 1, interface)
  sd_bus_flush_close_unref(bus);
  return 0;
}
