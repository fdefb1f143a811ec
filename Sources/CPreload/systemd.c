/* libsystemd's functions, found in the libsystemd that the program has loaded, under their own names for the rest of this library
 * (packaging/symbols/shmapper-preload.ver keeps them inside).
 *
 * The library is not linked to libsystemd: a preloaded library that is would load it, and all that it needs, into programs that
 * have no use for it, and would keep programs from starting when a function is missing there. */
#define _GNU_SOURCE
#include "cpreload.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <systemd/sd-event.h>

#define INSIDE __attribute__((visibility("hidden")))

/* Each function with what it returns, its parameters, and these again as arguments. */
#define FUNCTIONS(DO) \
  DO(int, sd_bus_new, (sd_bus **bus), bus) \
  DO(int, sd_bus_open_system, (sd_bus **bus), bus) \
  DO(int, sd_bus_set_address, (sd_bus *bus, const char *address), bus, address) \
  DO(int, sd_bus_set_bus_client, (sd_bus *bus, int b), bus, b) \
  DO(int, sd_bus_start, (sd_bus *bus), bus) \
  DO(sd_bus *, sd_bus_ref, (sd_bus *bus), bus) \
  DO(sd_bus *, sd_bus_unref, (sd_bus *bus), bus) \
  DO(sd_bus *, sd_bus_close_unref, (sd_bus *bus), bus) \
  DO(int, sd_bus_is_open, (sd_bus *bus), bus) \
  DO(int, sd_bus_is_ready, (sd_bus *bus), bus) \
  DO(int, sd_bus_get_bus_id, (sd_bus *bus, sd_id128_t *id), bus, id) \
  DO(int, sd_bus_get_unique_name, (sd_bus *bus, const char **name), bus, name) \
  DO(int, sd_bus_get_n_queued_write, (sd_bus *bus, uint64_t *count), bus, count) \
  DO(sd_event *, sd_bus_get_event, (sd_bus *bus), bus) \
  DO(int, sd_event_get_iteration, (sd_event *event, uint64_t *number), event, number) \
  DO(sd_bus_message *, sd_bus_get_current_message, (sd_bus *bus), bus) \
  DO(int, sd_bus_enqueue_for_read, (sd_bus *bus, sd_bus_message *m), bus, m) \
  DO(sd_bus_slot *, sd_bus_slot_ref, (sd_bus_slot *slot), slot) \
  DO(sd_bus_slot *, sd_bus_slot_unref, (sd_bus_slot *slot), slot) \
  DO(int, sd_bus_slot_set_floating, (sd_bus_slot *slot, int b), slot, b) \
  DO(int, sd_bus_slot_set_destroy_callback, (sd_bus_slot *slot, sd_bus_destroy_t callback), slot, callback) \
  DO(int, sd_bus_message_new, (sd_bus *bus, sd_bus_message **m, uint8_t type), bus, m, type) \
  DO(int, sd_bus_message_new_method_call, \
     (sd_bus *bus, sd_bus_message **m, const char *destination, const char *path, const char *interface, \
      const char *member), \
     bus, m, destination, path, interface, member) \
  DO(int, sd_bus_message_new_signal, \
     (sd_bus *bus, sd_bus_message **m, const char *path, const char *interface, const char *member), bus, m, path, \
     interface, member) \
  DO(int, sd_bus_message_new_method_return, (sd_bus_message *call, sd_bus_message **m), call, m) \
  DO(int, sd_bus_message_new_method_error, (sd_bus_message *call, sd_bus_message **m, const sd_bus_error *e), call, m, e) \
  DO(sd_bus_message *, sd_bus_message_unref, (sd_bus_message *m), m) \
  DO(int, sd_bus_message_seal, (sd_bus_message *m, uint64_t cookie, uint64_t usec), m, cookie, usec) \
  DO(int, sd_bus_message_rewind, (sd_bus_message *m, int complete), m, complete) \
  DO(int, sd_bus_message_copy, (sd_bus_message *m, sd_bus_message *source, int all), m, source, all) \
  DO(sd_bus *, sd_bus_message_get_bus, (sd_bus_message *m), m) \
  DO(int, sd_bus_message_get_type, (sd_bus_message *m, uint8_t *type), m, type) \
  DO(int, sd_bus_message_get_cookie, (sd_bus_message *m, uint64_t *cookie), m, cookie) \
  DO(int, sd_bus_message_get_reply_cookie, (sd_bus_message *m, uint64_t *cookie), m, cookie) \
  DO(const char *, sd_bus_message_get_destination, (sd_bus_message *m), m) \
  DO(const char *, sd_bus_message_get_path, (sd_bus_message *m), m) \
  DO(const char *, sd_bus_message_get_interface, (sd_bus_message *m), m) \
  DO(const char *, sd_bus_message_get_member, (sd_bus_message *m), m) \
  DO(const char *, sd_bus_message_get_signature, (sd_bus_message *m, int complete), m, complete) \
  DO(const sd_bus_error *, sd_bus_message_get_error, (sd_bus_message *m), m) \
  DO(int, sd_bus_message_get_expect_reply, (sd_bus_message *m), m) \
  DO(int, sd_bus_message_get_auto_start, (sd_bus_message *m), m) \
  DO(int, sd_bus_message_get_allow_interactive_authorization, (sd_bus_message *m), m) \
  DO(int, sd_bus_message_set_auto_start, (sd_bus_message *m, int b), m, b) \
  DO(int, sd_bus_message_set_allow_interactive_authorization, (sd_bus_message *m, int b), m, b) \
  DO(int, sd_bus_message_set_sender, (sd_bus_message *m, const char *sender), m, sender) \
  DO(int, sd_bus_message_set_destination, (sd_bus_message *m, const char *destination), m, destination) \
  DO(int, sd_bus_message_is_method_call, (sd_bus_message *m, const char *interface, const char *member), m, interface, \
     member) \
  DO(int, sd_bus_message_is_method_error, (sd_bus_message *m, const char *name), m, name) \
  DO(int, sd_bus_message_appendv, (sd_bus_message *m, const char *types, va_list arguments), m, types, arguments) \
  DO(int, sd_bus_message_append_basic, (sd_bus_message *m, char type, const void *value), m, type, value) \
  DO(int, sd_bus_message_append_string_space, (sd_bus_message *m, size_t size, char **space), m, size, space) \
  DO(int, sd_bus_message_open_container, (sd_bus_message *m, char type, const char *contents), m, type, contents) \
  DO(int, sd_bus_message_close_container, (sd_bus_message *m), m) \
  DO(int, sd_bus_message_read_basic, (sd_bus_message *m, char type, void *value), m, type, value) \
  DO(int, sd_bus_message_read_strv, (sd_bus_message *m, char ***strings), m, strings) \
  DO(int, sd_bus_message_enter_container, (sd_bus_message *m, char type, const char *contents), m, type, contents) \
  DO(int, sd_bus_message_exit_container, (sd_bus_message *m), m) \
  DO(int, sd_bus_error_set, (sd_bus_error *e, const char *name, const char *text), e, name, text) \
  DO(int, sd_bus_error_set_errno, (sd_bus_error *e, int error), e, error) \
  DO(int, sd_bus_error_get_errno, (const sd_bus_error *e), e) \
  DO(int, sd_bus_error_is_set, (const sd_bus_error *e), e) \
  DO(int, sd_bus_error_copy, (sd_bus_error *e, const sd_bus_error *source), e, source)

/* The functions in a row, and each of them under its own name. */
#define MEMBER(type, name, parameters, ...) __typeof__(&name) name;
#define NAME(type, name, parameters, ...) #name "\0"
#define FUNCTION(type, name, parameters, ...) \
  INSIDE type name parameters { return systemd.name(__VA_ARGS__); }

static struct {
  FUNCTIONS(MEMBER)
} systemd;
static const char names[] = FUNCTIONS(NAME);
FUNCTIONS(FUNCTION)

/* Returns nothing, so it is no part of the row. */
static __typeof__(&sd_bus_error_free) error_free;
INSIDE void sd_bus_error_free(sd_bus_error *e) { error_free(e); }

static void *library;
static bool is_whole;
static pthread_once_t found = PTHREAD_ONCE_INIT;

/* libsystemd may have been loaded for one other library alone (a binding in an interpreter): then it is in nobody's search
 * order, and its handle finds it. */
static void find_all(void) {
  library = dlopen("libsystemd.so.0", RTLD_LAZY | RTLD_NOLOAD);
  if (!library) library = RTLD_NEXT;
  void **place = (void **)&systemd;
  is_whole = true;
  for (const char *name = names; *name; name = strchr(name, 0) + 1)
    if (!(*place++ = dlsym(library, name))) is_whole = false;
  error_free = (__typeof__(error_free))dlsym(library, "sd_bus_error_free");
  if (!error_free) is_whole = false;
}

bool preload_has_systemd(void) {
  pthread_once(&found, find_all);
  return is_whole;
}

void *preload_find(const char *name, const char *version) {
  preload_has_systemd();
  void *function = dlvsym(library, name, version);
  return function ? function : dlsym(library, name);
}
