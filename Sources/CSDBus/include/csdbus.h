/* What sd-bus offers only as C macros: the tables that declare the mapper's interfaces, and what sd_notify's format
 * string would need. The functions that answer are handed in, so that no Swift symbol is needed to link this. */
#pragma once
#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

/* The eight methods of xyz.openbmc_project.ObjectMapper, in the order of the table. */
struct csdbus_mapper_methods {
  sd_bus_message_handler_t get_object;
  sd_bus_message_handler_t get_ancestors;
  sd_bus_message_handler_t get_subtree;
  sd_bus_message_handler_t get_subtree_paths;
  sd_bus_message_handler_t get_associated_subtree;
  sd_bus_message_handler_t get_associated_subtree_paths;
  sd_bus_message_handler_t get_associated_subtree_by_id;
  sd_bus_message_handler_t get_associated_subtree_paths_by_id;
};

/* The table of xyz.openbmc_project.ObjectMapper. One per process: a second call changes the same table. */
const sd_bus_vtable *csdbus_mapper_vtable(const struct csdbus_mapper_methods *methods);

/* The table of xyz.openbmc_project.Association: the property `endpoints`, read by `get`. One per process. */
const sd_bus_vtable *csdbus_association_vtable(sd_bus_property_get_t get);
