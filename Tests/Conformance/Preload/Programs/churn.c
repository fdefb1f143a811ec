/* Adds and removes objects on one connection, and looks each up on another one as soon as its signal is heard there, so that an
 * answer which is older than the signal is seen: `churn SECONDS` prints how many there were. */
#include "show.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

static int misses, hits, heard;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const sd_bus_vtable table[] = {SD_BUS_VTABLE_START(0), SD_BUS_VTABLE_END};

static int is_known(sd_bus *bus, const char *path) {
  sd_bus_message *reply = NULL;
  int result = sd_bus_call_method(bus, MAPPER, MAPPER_PATH, MAPPER, "GetObject", NULL, &reply, "sas", path, 1, "i.Churn");
  sd_bus_message_unref(reply);
  if (result < 0 && result != -EIO) CHECK(result);
  return result >= 0;
}

static int added(sd_bus_message *m, void *userdata, sd_bus_error *error) {
  const char *path;
  CHECK(sd_bus_message_read(m, "o", &path));
  if (strncmp(path, "/churn/", 7)) return 0;
  heard++;
  for (int i = 0; i < 3; i++) *(is_known(userdata, path) ? &hits : &misses) += 1;
  return 0;
}

static int removed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
  const char *path;
  CHECK(sd_bus_message_read(m, "o", &path));
  if (strncmp(path, "/churn/", 7)) return 0;
  heard++;
  *(is_known(userdata, path) ? &misses : &hits) += 1;
  return 0;
}

static void process_until(sd_bus *bus, int count) {
  double end = now() + 10;
  while (heard < count && now() < end)
    if (CHECK(sd_bus_process(bus, NULL)) == 0) CHECK(sd_bus_wait(bus, 100000));
}

int main(int count, char **arguments) {
  sd_bus *service = NULL, *client = NULL;
  CHECK(sd_bus_open_system(&service));
  CHECK(sd_bus_add_object_manager(service, NULL, "/churn"));
  CHECK(sd_bus_request_name(service, "com.churn", 0));
  CHECK(sd_bus_open_system(&client));
  CHECK(sd_bus_add_match(client, NULL, "type='signal',member='InterfacesAdded'", added, client));
  CHECK(sd_bus_add_match(client, NULL, "type='signal',member='InterfacesRemoved'", removed, client));
  double end = now() + (count > 1 ? atof(arguments[1]) : 1);
  for (int number = 0; now() < end; number++) {
    char path[64];
    snprintf(path, sizeof path, "/churn/n%d", number);
    sd_bus_slot *slot = NULL;
    CHECK(sd_bus_add_object_vtable(service, &slot, path, "i.Churn", table, NULL));
    int wanted = heard + 1;
    CHECK(sd_bus_emit_interfaces_added(service, path, "i.Churn", NULL));
    CHECK(sd_bus_flush(service));
    process_until(client, wanted);
    wanted++;
    CHECK(sd_bus_emit_interfaces_removed(service, path, "i.Churn", NULL));
    sd_bus_slot_unref(slot);
    CHECK(sd_bus_flush(service));
    process_until(client, wanted);
    /* The service asks for its introspection to be answered, and lookups without news are answered in-process. */
    while (CHECK(sd_bus_process(service, NULL)) > 0) {}
    if (number % 8 == 7) {
      struct timespec pause = {0, 15000000};
      nanosleep(&pause, NULL);
      for (int i = 0; i < 20; i++) is_known(client, path) ? misses++ : hits++;
    }
  }
  printf("%d misses\n", misses);
  fprintf(stderr, "%s", hits + heard < 20 ? "nothing happened\n" : "");
  sd_bus_flush_close_unref(client);
  sd_bus_flush_close_unref(service);
  return misses > 0 || hits + heard < 20;
}
