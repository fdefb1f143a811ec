/* A service for the tests of packages: some objects with one interface, for as long as it runs.
 *
 * usage: service NAME INTERFACE PATH... */
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

static const sd_bus_vtable nothing[] = {SD_BUS_VTABLE_START(0), SD_BUS_VTABLE_END};

int main(int argc, char *argv[]) {
  sd_bus *bus = NULL;
  int r = argc > 3 ? sd_bus_open_system(&bus) : -22;
  if (r >= 0) r = sd_bus_add_object_manager(bus, NULL, "/");
  for (int i = 3; i < argc && r >= 0; i++) r = sd_bus_add_object_vtable(bus, NULL, argv[i], argv[2], nothing, NULL);
  if (r >= 0) r = sd_bus_request_name(bus, argv[1], 0);
  while (r >= 0) {
    r = sd_bus_process(bus, NULL);
    if (r == 0) r = sd_bus_wait(bus, UINT64_MAX);
  }
  fprintf(stderr, "service: %s\n", strerror(-r));
  return 1;
}
