/* The functions of libsystemd that this library stands in for. Each has the name and the version of libsystemd's own
 * (packaging/symbols/shmapper-preload.ver), so that programs which carry a private copy of sd-bus, like busctl, are left alone.
 *
 * sd-bus's convenience functions call each other; a libsystemd that was built with LTO does so without passing by here. So
 * each of them is stood in for by itself. */
#define _GNU_SOURCE
#include "cpreload.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define EXPORT __attribute__((visibility("default"), used))

/* libsystemd's own function of this name. A libsystemd without it has no caller of it either. */
#define REAL(name, version)                                                         \
  ({                                                                                \
    static __typeof__(&name) real;                                                  \
    __typeof__(&name) found = __atomic_load_n(&real, __ATOMIC_RELAXED);             \
    if (!found) {                                                                   \
      found = (__typeof__(&name))preload_find(#name, version);                      \
      __atomic_store_n(&real, found, __ATOMIC_RELAXED);                             \
    }                                                                               \
    found;                                                                          \
  })
#define REAL_OR_FAIL(name, version)       \
  ({                                      \
    __typeof__(&name) it = REAL(name, version); \
    if (!it) return -ENOSYS;              \
    it;                                   \
  })

static bool forked;
static void in_child(void) { forked = true; }
__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(NULL, NULL, in_child); }
bool preload_is_forked(void) { return forked; }

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
void preload_lock(void) { pthread_mutex_lock(&mutex); }
void preload_unlock(void) { pthread_mutex_unlock(&mutex); }

int preload_new_set(void) { return epoll_create1(EPOLL_CLOEXEC); }
int preload_new_event(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
int preload_watch(int set, int descriptor, int events) {
  /* The events of poll(2) and epoll(7) have the same numbers. */
  struct epoll_event event = {.events = (uint32_t)events, .data.fd = descriptor};
  if (epoll_ctl(set, EPOLL_CTL_MOD, descriptor, &event) == 0) return 0;
  return errno == ENOENT && epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : -errno;
}
void preload_forget(int set, int descriptor) { epoll_ctl(set, EPOLL_CTL_DEL, descriptor, NULL); }

void preload_at_exit(void (*at_exit)(void)) { atexit(at_exit); }

/* Calls libsystemd's own, whose reply tells something. */
#define HEARD(name, version, ...)                             \
  ({                                                          \
    int result = REAL_OR_FAIL(name, version)(__VA_ARGS__);    \
    preload_heard();                                          \
    result;                                                   \
  })

/* Synchronous calls */

int preload_real_call(sd_bus *bus, sd_bus_message *m, uint64_t usec, sd_bus_error *error, sd_bus_message **reply) {
  return REAL_OR_FAIL(sd_bus_call, "LIBSYSTEMD_221")(bus, m, usec, error, reply);
}

EXPORT int sd_bus_call(sd_bus *bus, sd_bus_message *m, uint64_t usec, sd_bus_error *error, sd_bus_message **reply) {
  int32_t result = preload_call(bus, m, usec, error, reply);
  return result != PRELOAD_PASS ? result : preload_real_call(bus, m, usec, error, reply);
}

/* The arguments of a call to the mapper as they were handed in. False: too many for here, or none that libsystemd would take. */
static bool gather(const char *types, va_list arguments, struct preload_arguments *found, const char **names, size_t room) {
  size_t strings = 0, lists = 0;
  for (const char *type = types; *type; type++) {
    if (*type == 'i') {
      found->depth = va_arg(arguments, int);
    } else if (*type == 's' || *type == 'o') {
      if (strings == 3 || !(found->strings[strings++] = va_arg(arguments, const char *))) return false;
    } else if (type[0] == 'a' && type[1] == 's' && lists < 2) {
      unsigned count = va_arg(arguments, unsigned);
      if (count > room) return false;
      for (unsigned i = 0; i < count; i++)
        if (!(names[i] = va_arg(arguments, const char *))) return false;
      found->names[lists] = names;
      found->counts[lists++] = count;
      names += count;
      room -= count;
      type++;
    } else {
      return false;
    }
  }
  return true;
}

/* A call to the mapper, answered without being written. */
static int answer_unwritten(
    sd_bus *bus, const char *path, const char *interface, const char *member, sd_bus_error *error, sd_bus_message **reply,
    const char *types, va_list arguments) {
  struct preload_arguments found = {0};
  const char *names[32];
  va_list copy;
  va_copy(copy, arguments);
  bool is_whole = types && gather(types, copy, &found, names, sizeof names / sizeof *names);
  va_end(copy);
  return is_whole ? preload_call_method(bus, path, interface, member, types, &found, error, reply) : PRELOAD_PASS;
}

EXPORT int sd_bus_call_methodv(
    sd_bus *bus, const char *destination, const char *path, const char *interface, const char *member, sd_bus_error *error,
    sd_bus_message **reply, const char *types, va_list arguments) {
  /* What is nobody's business here is libsystemd's alone, if it has this function. */
  __typeof__(&sd_bus_call_methodv) real = preload_is_mapper(destination) ? NULL : REAL(sd_bus_call_methodv, "LIBSYSTEMD_246");
  if (real) {
    int r = real(bus, destination, path, interface, member, error, reply, types, arguments);
    preload_heard();
    return r;
  }
  if (preload_is_mapper(destination)) {
    int r = answer_unwritten(bus, path, interface, member, error, reply, types, arguments);
    if (r != PRELOAD_PASS) return r;
  }
  preload_has_systemd();
  if (sd_bus_is_open(bus) <= 0) return sd_bus_error_set_errno(error, -ENOTCONN);
  sd_bus_message *m = NULL;
  int r = sd_bus_message_new_method_call(bus, &m, destination, path, interface, member);
  if (r >= 0 && types && *types) r = sd_bus_message_appendv(m, types, arguments);
  if (r >= 0) r = sd_bus_call(bus, m, 0, error, reply);
  else sd_bus_error_set_errno(error, r);
  sd_bus_message_unref(m);
  return r;
}

EXPORT int sd_bus_call_method(
    sd_bus *bus, const char *destination, const char *path, const char *interface, const char *member, sd_bus_error *error,
    sd_bus_message **reply, const char *types, ...) {
  va_list arguments;
  va_start(arguments, types);
  int r = sd_bus_call_methodv(bus, destination, path, interface, member, error, reply, types, arguments);
  va_end(arguments);
  return r;
}

/* A property of the mapper that is read in place: the reply stands inside of the variant when it is handed out. */
static int get_property(
    sd_bus *bus, const char *destination, const char *path, const char *interface, const char *member, sd_bus_error *error,
    sd_bus_message **reply, const char *type) {
  sd_bus_message *found = NULL;
  int r = sd_bus_call_method(
      bus, destination, path, "org.freedesktop.DBus.Properties", "Get", error, &found, "ss", interface ? interface : "", member);
  if (r >= 0) {
    r = sd_bus_message_enter_container(found, 'v', type);
    if (r < 0) sd_bus_error_set_errno(error, r);
    else {
      *reply = found;
      return 0;
    }
  }
  sd_bus_message_unref(found);
  return r;
}

EXPORT int sd_bus_get_property(
    sd_bus *bus, const char *destination, const char *path, const char *interface, const char *member, sd_bus_error *error,
    sd_bus_message **reply, const char *type) {
  if (bus && member && reply && type && preload_is_mapper(destination))
    return get_property(bus, destination, path, interface, member, error, reply, type);
  return HEARD(sd_bus_get_property, "LIBSYSTEMD_221", bus, destination, path, interface, member, error, reply, type);
}

EXPORT int sd_bus_get_property_strv(
    sd_bus *bus, const char *destination, const char *path, const char *interface, const char *member, sd_bus_error *error,
    char ***strings) {
  if (bus && member && strings && preload_is_mapper(destination)) {
    sd_bus_message *reply = NULL;
    int r = get_property(bus, destination, path, interface, member, error, &reply, "as");
    if (r >= 0) {
      r = sd_bus_message_read_strv(reply, strings);
      if (r < 0) sd_bus_error_set_errno(error, r);
    }
    sd_bus_message_unref(reply);
    return r < 0 ? r : 0;
  }
  return HEARD(sd_bus_get_property_strv, "LIBSYSTEMD_221", bus, destination, path, interface, member, error, strings);
}

/* Other calls that wait for a reply: what it told, a later lookup must not be older than. */

EXPORT int sd_bus_get_property_trivial(
    sd_bus *bus, const char *destination, const char *path, const char *interface, const char *member, sd_bus_error *error,
    char type, void *value) {
  return HEARD(sd_bus_get_property_trivial, "LIBSYSTEMD_221", bus, destination, path, interface, member, error, type, value);
}

EXPORT int sd_bus_get_property_string(
    sd_bus *bus, const char *destination, const char *path, const char *interface, const char *member, sd_bus_error *error,
    char **string) {
  return HEARD(sd_bus_get_property_string, "LIBSYSTEMD_221", bus, destination, path, interface, member, error, string);
}

EXPORT int sd_bus_list_names(sd_bus *bus, char ***acquired, char ***activatable) {
  return HEARD(sd_bus_list_names, "LIBSYSTEMD_221", bus, acquired, activatable);
}

EXPORT int sd_bus_get_name_creds(sd_bus *bus, const char *name, uint64_t mask, sd_bus_creds **creds) {
  return HEARD(sd_bus_get_name_creds, "LIBSYSTEMD_221", bus, name, mask, creds);
}

EXPORT int sd_bus_set_propertyv(
    sd_bus *bus, const char *destination, const char *path, const char *interface, const char *member, sd_bus_error *error,
    const char *type, va_list arguments) {
  __typeof__(&sd_bus_set_propertyv) real = REAL(sd_bus_set_propertyv, "LIBSYSTEMD_246");
  if (real) {
    int r = real(bus, destination, path, interface, member, error, type, arguments);
    preload_heard();
    return r;
  }
  preload_has_systemd();
  if (sd_bus_is_open(bus) <= 0) return sd_bus_error_set_errno(error, -ENOTCONN);
  sd_bus_message *m = NULL;
  int r = sd_bus_message_new_method_call(bus, &m, destination, path, "org.freedesktop.DBus.Properties", "Set");
  if (!interface) interface = "";
  if (r >= 0) r = sd_bus_message_append_basic(m, 's', interface);
  if (r >= 0) r = sd_bus_message_append_basic(m, 's', member);
  if (r >= 0) r = sd_bus_message_open_container(m, 'v', type);
  if (r >= 0) r = sd_bus_message_appendv(m, type, arguments);
  if (r >= 0) r = sd_bus_message_close_container(m);
  if (r >= 0) r = sd_bus_call(bus, m, 0, error, NULL);
  else sd_bus_error_set_errno(error, r);
  sd_bus_message_unref(m);
  return r;
}

EXPORT int sd_bus_set_property(
    sd_bus *bus, const char *destination, const char *path, const char *interface, const char *member, sd_bus_error *error,
    const char *type, ...) {
  va_list arguments;
  va_start(arguments, type);
  int r = sd_bus_set_propertyv(bus, destination, path, interface, member, error, type, arguments);
  va_end(arguments);
  return r;
}

/* Asynchronous calls */

int preload_real_call_async(
    sd_bus *bus, sd_bus_slot **slot, sd_bus_message *m, sd_bus_message_handler_t callback, void *userdata, uint64_t usec) {
  return REAL_OR_FAIL(sd_bus_call_async, "LIBSYSTEMD_221")(bus, slot, m, callback, userdata, usec);
}

EXPORT int sd_bus_call_async(
    sd_bus *bus, sd_bus_slot **slot, sd_bus_message *m, sd_bus_message_handler_t callback, void *userdata, uint64_t usec) {
  int32_t result = preload_call_async(bus, slot != NULL, m, callback, userdata, usec);
  return result != PRELOAD_PASS ? result : preload_real_call_async(bus, slot, m, callback, userdata, usec);
}

EXPORT int sd_bus_call_method_asyncv(
    sd_bus *bus, sd_bus_slot **slot, const char *destination, const char *path, const char *interface, const char *member,
    sd_bus_message_handler_t callback, void *userdata, const char *types, va_list arguments) {
  __typeof__(&sd_bus_call_method_asyncv) real =
      preload_is_mapper(destination) ? NULL : REAL(sd_bus_call_method_asyncv, "LIBSYSTEMD_246");
  if (real) {
    preload_calls_other();
    return real(bus, slot, destination, path, interface, member, callback, userdata, types, arguments);
  }
  preload_has_systemd();
  /* libsystemd itself comes here while it takes a connection down, which must not be referenced any more then. */
  if (sd_bus_is_open(bus) <= 0) return -ENOTCONN;
  sd_bus_message *m = NULL;
  int r = sd_bus_message_new_method_call(bus, &m, destination, path, interface, member);
  if (r >= 0 && types && *types) r = sd_bus_message_appendv(m, types, arguments);
  if (r >= 0) r = sd_bus_call_async(bus, slot, m, callback, userdata, 0);
  sd_bus_message_unref(m);
  return r;
}

EXPORT int sd_bus_call_method_async(
    sd_bus *bus, sd_bus_slot **slot, const char *destination, const char *path, const char *interface, const char *member,
    sd_bus_message_handler_t callback, void *userdata, const char *types, ...) {
  va_list arguments;
  va_start(arguments, types);
  int r = sd_bus_call_method_asyncv(bus, slot, destination, path, interface, member, callback, userdata, types, arguments);
  va_end(arguments);
  return r;
}

/* The bus as others wait for it */

/* The bus whose sd_bus_process this thread is in. */
static _Thread_local sd_bus *processing;
sd_bus *preload_in_process(void) { return processing; }

EXPORT int sd_bus_process(sd_bus *bus, sd_bus_message **m) {
  sd_bus *outer = processing;
  processing = bus;
  preload_processing(bus);
  int r = REAL_OR_FAIL(sd_bus_process, "LIBSYSTEMD_221")(bus, m);
  processing = outer;
  if (r > 0) preload_processed(bus);
  return r;
}

/* Who comes last is asked first: the library's own filter has to stay the first, so that replies which it has put into the queue
 * reach nobody else's. */
EXPORT int sd_bus_add_filter(sd_bus *bus, sd_bus_slot **slot, sd_bus_message_handler_t callback, void *userdata) {
  int r = preload_real_add_filter(bus, slot, callback, userdata);
  if (r >= 0) preload_filter_added(bus);
  return r;
}

int preload_real_add_filter(sd_bus *bus, sd_bus_slot **slot, sd_bus_message_handler_t callback, void *userdata) {
  return REAL_OR_FAIL(sd_bus_add_filter, "LIBSYSTEMD_221")(bus, slot, callback, userdata);
}

int preload_real_get_fd(sd_bus *bus) { return REAL_OR_FAIL(sd_bus_get_fd, "LIBSYSTEMD_221")(bus); }
int preload_real_get_events(sd_bus *bus) { return REAL_OR_FAIL(sd_bus_get_events, "LIBSYSTEMD_221")(bus); }
EXPORT int sd_bus_get_fd(sd_bus *bus) { return preload_get_fd(bus); }
EXPORT int sd_bus_get_events(sd_bus *bus) { return preload_get_events(bus); }

/* What this process tells the mapper: a later lookup must not be older than it. */

#define TELLS(version, name, parameters, ...)                 \
  EXPORT int name parameters {                                \
    preload_sent(bus);                                        \
    return REAL_OR_FAIL(name, version)(__VA_ARGS__);          \
  }

EXPORT int sd_bus_send(sd_bus *bus, sd_bus_message *m, uint64_t *cookie) {
  if (m && preload_has_systemd()) {
    uint8_t type = 0;
    const char *interface = NULL;
    if (sd_bus_message_get_type(m, &type) >= 0 && type == SD_BUS_MESSAGE_SIGNAL) interface = sd_bus_message_get_interface(m);
    if (interface && strncmp(interface, "org.freedesktop.DBus.", 21) == 0) preload_sent(bus ? bus : sd_bus_message_get_bus(m));
  }
  return REAL_OR_FAIL(sd_bus_send, "LIBSYSTEMD_221")(bus, m, cookie);
}

TELLS("LIBSYSTEMD_221", sd_bus_emit_interfaces_added_strv, (sd_bus *bus, const char *path, char **interfaces), bus, path,
      interfaces)
TELLS("LIBSYSTEMD_221", sd_bus_emit_interfaces_removed_strv, (sd_bus *bus, const char *path, char **interfaces), bus, path,
      interfaces)
TELLS("LIBSYSTEMD_222", sd_bus_emit_object_added, (sd_bus *bus, const char *path), bus, path)
TELLS("LIBSYSTEMD_222", sd_bus_emit_object_removed, (sd_bus *bus, const char *path), bus, path)
/* The mapper follows this one interface's properties, and a service may tell of others' a thousand times a second. */
EXPORT int sd_bus_emit_properties_changed_strv(sd_bus *bus, const char *path, const char *interface, char **names) {
  if (interface && strcmp(interface, "xyz.openbmc_project.Association.Definitions") == 0) preload_sent(bus);
  return REAL_OR_FAIL(sd_bus_emit_properties_changed_strv, "LIBSYSTEMD_221")(bus, path, interface, names);
}
TELLS("LIBSYSTEMD_221", sd_bus_request_name, (sd_bus *bus, const char *name, uint64_t flags), bus, name, flags)
TELLS("LIBSYSTEMD_221", sd_bus_release_name, (sd_bus *bus, const char *name), bus, name)
TELLS("LIBSYSTEMD_237", sd_bus_request_name_async,
      (sd_bus *bus, sd_bus_slot **slot, const char *name, uint64_t flags, sd_bus_message_handler_t callback, void *userdata),
      bus, slot, name, flags, callback, userdata)
TELLS("LIBSYSTEMD_237", sd_bus_release_name_async,
      (sd_bus *bus, sd_bus_slot **slot, const char *name, sd_bus_message_handler_t callback, void *userdata), bus, slot, name,
      callback, userdata)

/* The variadic ones: a NULL ends the names. */
static char **collect(const char *first, va_list names) {
  size_t count = 0;
  char **list = malloc(sizeof(char *));
  for (const char *name = first; list; name = va_arg(names, const char *)) {
    char **longer = realloc(list, (count + 1) * sizeof(char *));
    if (!longer) {
      free(list);
      return NULL;
    }
    list = longer;
    list[count++] = (char *)name;
    if (!name) break;
  }
  return list;
}

#define COLLECTED(first, call)                   \
  ({                                             \
    va_list names;                               \
    va_start(names, first);                      \
    char **list = collect(first, names);         \
    va_end(names);                               \
    int result = list ? (call) : -ENOMEM;        \
    free(list);                                  \
    result;                                      \
  })

EXPORT int sd_bus_emit_interfaces_added(sd_bus *bus, const char *path, const char *interface, ...) {
  return COLLECTED(interface, sd_bus_emit_interfaces_added_strv(bus, path, list));
}

EXPORT int sd_bus_emit_interfaces_removed(sd_bus *bus, const char *path, const char *interface, ...) {
  return COLLECTED(interface, sd_bus_emit_interfaces_removed_strv(bus, path, list));
}

EXPORT int sd_bus_emit_properties_changed(sd_bus *bus, const char *path, const char *interface, const char *name, ...) {
  /* Without any name the property list is empty, not missing. */
  return COLLECTED(name, sd_bus_emit_properties_changed_strv(bus, path, interface, list));
}

EXPORT int sd_bus_emit_signalv(
    sd_bus *bus, const char *path, const char *interface, const char *member, const char *types, va_list arguments) {
  __typeof__(&sd_bus_emit_signalv) real = REAL(sd_bus_emit_signalv, "LIBSYSTEMD_246");
  if (real) {
    if (interface && strncmp(interface, "org.freedesktop.DBus.", 21) == 0) preload_sent(bus);
    return real(bus, path, interface, member, types, arguments);
  }
  preload_has_systemd();
  if (sd_bus_is_open(bus) <= 0) return -ENOTCONN;
  sd_bus_message *m = NULL;
  int r = sd_bus_message_new_signal(bus, &m, path, interface, member);
  if (r >= 0 && types && *types) r = sd_bus_message_appendv(m, types, arguments);
  if (r >= 0) r = sd_bus_send(bus, m, NULL);
  sd_bus_message_unref(m);
  return r;
}

EXPORT int sd_bus_emit_signal(
    sd_bus *bus, const char *path, const char *interface, const char *member, const char *types, ...) {
  va_list arguments;
  va_start(arguments, types);
  int r = sd_bus_emit_signalv(bus, path, interface, member, types, arguments);
  va_end(arguments);
  return r;
}
