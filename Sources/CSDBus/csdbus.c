#include "csdbus.h"

/* Whoever the bus policy lets call may ask: nothing here is privileged. */
#define METHOD(name, in, in_names, out) \
  SD_BUS_METHOD_WITH_NAMES(name, in, in_names, out, SD_BUS_PARAM(reply), NULL, SD_BUS_VTABLE_UNPRIVILEGED)

const sd_bus_vtable *csdbus_mapper_vtable(const struct csdbus_mapper_methods *methods) {
  static sd_bus_vtable table[] = {
      SD_BUS_VTABLE_START(0),
      METHOD("GetObject", "sas", SD_BUS_PARAM(path) SD_BUS_PARAM(interfaces), "a{sas}"),
      METHOD("GetAncestors", "sas", SD_BUS_PARAM(path) SD_BUS_PARAM(interfaces), "a{sa{sas}}"),
      METHOD("GetSubTree", "sias", SD_BUS_PARAM(subtree) SD_BUS_PARAM(depth) SD_BUS_PARAM(interfaces), "a{sa{sas}}"),
      METHOD("GetSubTreePaths", "sias", SD_BUS_PARAM(subtree) SD_BUS_PARAM(depth) SD_BUS_PARAM(interfaces), "as"),
      METHOD("GetAssociatedSubTree", "ooias",
             SD_BUS_PARAM(associationPath) SD_BUS_PARAM(subtree) SD_BUS_PARAM(depth) SD_BUS_PARAM(interfaces),
             "a{sa{sas}}"),
      METHOD("GetAssociatedSubTreePaths", "ooias",
             SD_BUS_PARAM(associationPath) SD_BUS_PARAM(subtree) SD_BUS_PARAM(depth) SD_BUS_PARAM(interfaces), "as"),
      METHOD("GetAssociatedSubTreeById", "ssassas",
             SD_BUS_PARAM(id) SD_BUS_PARAM(objectPath) SD_BUS_PARAM(subtreeInterfaces) SD_BUS_PARAM(association)
                 SD_BUS_PARAM(endpointInterfaces),
             "a{sa{sas}}"),
      METHOD("GetAssociatedSubTreePathsById", "ssassas",
             SD_BUS_PARAM(id) SD_BUS_PARAM(objectPath) SD_BUS_PARAM(subtreeInterfaces) SD_BUS_PARAM(association)
                 SD_BUS_PARAM(endpointInterfaces),
             "as"),
      SD_BUS_VTABLE_END,
  };
  table[1].x.method.handler = methods->get_object;
  table[2].x.method.handler = methods->get_ancestors;
  table[3].x.method.handler = methods->get_subtree;
  table[4].x.method.handler = methods->get_subtree_paths;
  table[5].x.method.handler = methods->get_associated_subtree;
  table[6].x.method.handler = methods->get_associated_subtree_paths;
  table[7].x.method.handler = methods->get_associated_subtree_by_id;
  table[8].x.method.handler = methods->get_associated_subtree_paths_by_id;
  return table;
}

const sd_bus_vtable *csdbus_association_vtable(sd_bus_property_get_t get) {
  static sd_bus_vtable table[] = {
      SD_BUS_VTABLE_START(0),
      SD_BUS_PROPERTY("endpoints", "as", NULL, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
      SD_BUS_VTABLE_END,
  };
  table[1].x.property.get = get;
  return table;
}
