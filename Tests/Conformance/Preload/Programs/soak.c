/* One of many programs that look things up for a long time: scripts/soak runs them.
 *
 *   soak churner SECONDS    adds objects, and removes each some time later
 *   soak caller SECONDS     hears of them and looks each up at once; and makes as many other calls as it can
 *
 * An answer that disagrees with the signal just heard is checked over D-Bus (a call with a slot always goes there). It is wrong if
 * D-Bus agrees with the signal, unless the mapper was away or is new and has not scanned the churner yet: then the bus has said so
 * before it answered anything, and that is handled at the latest when the queue is empty. The caller ends with status 1 when one
 * answer was wrong, or when most could not be judged. */
#include "show.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

enum { STAY = 300 };
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const sd_bus_vtable table[] = {SD_BUS_VTABLE_START(0), SD_BUS_VTABLE_END};

static int churner(double end) {
  sd_bus *bus = NULL;
  sd_bus_slot *slots[STAY] = {0};
  char path[64];
  CHECK(sd_bus_open_system(&bus));
  CHECK(sd_bus_add_object_manager(bus, NULL, "/churn"));
  CHECK(sd_bus_add_object_vtable(bus, NULL, "/stable/one", "i.Stable", table, NULL));
  CHECK(sd_bus_add_object_vtable(bus, NULL, "/stable/two", "i.Stable", table, NULL));
  CHECK(sd_bus_request_name(bus, "com.churn", 0));
  for (int number = 0; now() < end; number++) {
    sd_bus_slot **slot = &slots[number % STAY];
    if (*slot) {
      snprintf(path, sizeof path, "/churn/n%d", number - STAY);
      CHECK(sd_bus_emit_interfaces_removed(bus, path, "i.Churn", NULL));
      *slot = sd_bus_slot_unref(*slot);
    }
    snprintf(path, sizeof path, "/churn/n%d", number);
    CHECK(sd_bus_add_object_vtable(bus, slot, path, "i.Churn", table, NULL));
    CHECK(sd_bus_emit_interfaces_added(bus, path, "i.Churn", NULL));
    for (double pause = now() + 0.005; now() < pause;)
      if (CHECK(sd_bus_process(bus, NULL)) == 0) CHECK(sd_bus_wait(bus, 1000));
  }
  return 0;
}

static unsigned long calls, checks, wrong, excused, suspected;
static int is_away;

static int confirmed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
  int result = sd_bus_message_is_method_error(m, NULL) ? -sd_bus_message_get_errno(m) : 1;
  *(int *)userdata = result;
  return 0;
}

/* 1: known, -EIO: not, other: nobody answered. */
static int over_bus(const char *path, const char *interface) {
  /* A connection of its own, so that the asking does not handle the first one's messages. */
  static sd_bus *bus;
  sd_bus_slot *slot = NULL;
  int result = 0;
  if (!bus) CHECK(sd_bus_open_system(&bus));
  CHECK(sd_bus_call_method_async(
      bus, &slot, MAPPER, MAPPER_PATH, MAPPER, "GetObject", confirmed, &result, "sas", path, 1, interface));
  while (result == 0)
    if (CHECK(sd_bus_process(bus, NULL)) == 0) CHECK(sd_bus_wait(bus, 1000000));
  sd_bus_slot_unref(slot);
  return result;
}

static int look_up(sd_bus *bus, const char *path, const char *interface) {
  sd_bus_message *reply = NULL;
  int result = sd_bus_call_method(bus, MAPPER, MAPPER_PATH, MAPPER, "GetObject", NULL, &reply, "sas", path, 1, interface);
  sd_bus_message_unref(reply);
  calls++;
  return result;
}

static int heard(sd_bus_message *m, void *userdata, sd_bus_error *error) {
  const char *path;
  CHECK(sd_bus_message_read(m, "o", &path));
  if (strncmp(path, "/churn/", 7)) return 0;
  int is_added = strcmp(sd_bus_message_get_member(m), "InterfacesAdded") == 0;
  int result = look_up(userdata, path, "i.Churn");
  checks++;
  if (is_added ? result >= 0 : result == -EIO) return 0;
  int truth = over_bus(path, "i.Churn");
  if (!is_away && (is_added ? truth >= 0 : truth == -EIO)) suspected++;
  else excused++;
  return 0;
}

static int changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
  const char *name, *old, *new;
  CHECK(sd_bus_message_read(m, "sss", &name, &old, &new));
  is_away = 1;
  excused += suspected;
  suspected = 0;
  return 0;
}

static int scanned(sd_bus_message *m, void *userdata, sd_bus_error *error) {
  const char *service;
  CHECK(sd_bus_message_read(m, "s", &service));
  if (strcmp(service, "com.churn") == 0) is_away = 0;
  return 0;
}

/* An object that never goes: once D-Bus has it, every answer has. */
static void look_up_stable(sd_bus *bus) {
  if (look_up(bus, "/stable/one", "i.Stable") >= 0) return;
  if (over_bus("/stable/one", "i.Stable") < 0 || look_up(bus, "/stable/one", "i.Stable") >= 0) return;
  if (over_bus("/stable/one", "i.Stable") >= 0) suspected++;
}

static long resident(void) {
  long pages = 0, all = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%ld %ld", &all, &pages) != 2) exit(1);
  fclose(file);
  return pages * 4;
}

static int answers;
static int answered(sd_bus_message *m, void *userdata, sd_bus_error *error) {
  answers++;
  return 0;
}

static int caller(double end) {
  sd_bus *bus = NULL;
  unsigned long asked = 0;
  long first = 0;
  double start = now(), warm = start + (end - start) / 4;
  CHECK(sd_bus_open_system(&bus));
  CHECK(sd_bus_add_match(bus, NULL, "type='signal',member='InterfacesAdded'", heard, bus));
  CHECK(sd_bus_add_match(bus, NULL, "type='signal',member='InterfacesRemoved'", heard, bus));
  CHECK(sd_bus_add_match(bus, NULL, "type='signal',member='NameOwnerChanged',arg0='" MAPPER "'", changed, NULL));
  CHECK(sd_bus_add_match(bus, NULL, "type='signal',member='IntrospectionComplete'", scanned, NULL));
  /* Only a scan finds that. */
  for (double limit = now() + 30; over_bus("/stable/one", "i.Stable") < 0 && now() < limit;) usleep(10000);
  while (now() < end) {
    while (CHECK(sd_bus_process(bus, NULL)) > 0) {}
    wrong += suspected;
    suspected = 0;
    for (int i = 0; i < 50; i++) {
      look_up_stable(bus);
      sd_bus_message *reply = NULL;
      sd_bus_call_method(
          bus, MAPPER, MAPPER_PATH, MAPPER, "GetSubTreePaths", NULL, &reply, "sias", "/stable", 0, 1, "i.Stable");
      sd_bus_message_unref(reply);
      CHECK(sd_bus_call_method_async(
          bus, NULL, MAPPER, MAPPER_PATH, MAPPER, "GetObject", answered, NULL, "sas", "/stable/two", 0));
      calls += 2;
      asked++;
    }
    if (!first && now() > warm) first = resident();
  }
  for (double limit = now() + 30; answers < (int)asked && now() < limit;)
    if (CHECK(sd_bus_process(bus, NULL)) == 0) CHECK(sd_bus_wait(bus, 100000));
  printf("calls %lu checks %lu wrong %lu excused %lu unanswered %ld grown %ld KB\n", calls, checks, wrong, excused,
         (long)asked - answers, resident() - first);
  sd_bus_flush_close_unref(bus);
  return wrong > 0 || excused * 2 > checks || (long)asked != answers;
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  double end = now() + atof(arguments[2]);
  return strcmp(arguments[1], "churner") == 0 ? churner(end) : caller(end);
}
