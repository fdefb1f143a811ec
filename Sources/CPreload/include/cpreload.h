/* What the preload library exports in place of libsystemd's functions, and how the two halves of it talk to each other.
 *
 * The exported functions are C, since some are variadic and all must carry libsystemd's names: interpose.c. They decide nothing:
 * they ask the Swift half (Sources/Compat/Preload) and call libsystemd's own function when that has no answer. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

/* What the Swift half returns when libsystemd is to do it. */
static const int32_t PRELOAD_PASS = INT32_MIN;

/* libsystemd's own functions, for the Swift half. */
int preload_real_call(sd_bus *bus, sd_bus_message *m, uint64_t usec, sd_bus_error *error, sd_bus_message **reply);
int preload_real_call_async(
    sd_bus *bus, sd_bus_slot **slot, sd_bus_message *m, sd_bus_message_handler_t callback, void *userdata, uint64_t usec);
int preload_real_get_fd(sd_bus *bus);
int preload_real_get_events(sd_bus *bus);

int preload_real_add_filter(sd_bus *bus, sd_bus_slot **slot, sd_bus_message_handler_t callback, void *userdata);

/* Whether the program has a libsystemd with all functions that the Swift half calls: systemd.c. */
bool preload_has_systemd(void);
/* libsystemd's own function, of this version or of any; NULL when there is none. */
void *preload_find(const char *name, const char *version);
/* The bus whose sd_bus_process this thread is in; NULL: none. */
sd_bus *preload_in_process(void);

/* The arguments of a call to the mapper, in their order: texts, a depth, lists of names. */
struct preload_arguments {
  const char *strings[3];
  int32_t depth;
  const char *const *names[2];
  size_t counts[2];
};

/* The Swift half. */
int32_t preload_call(sd_bus *bus, sd_bus_message *m, uint64_t usec, sd_bus_error *error, sd_bus_message **reply);
/* The same for a call that is not written yet; it need not be if this knows the answer. */
int32_t preload_call_method(
    sd_bus *bus, const char *path, const char *interface, const char *member, const char *types,
    const struct preload_arguments *arguments, sd_bus_error *error, sd_bus_message **reply);
int32_t preload_call_async(
    sd_bus *bus, bool with_slot, sd_bus_message *m, sd_bus_message_handler_t callback, void *userdata, uint64_t usec);
/* A reply of somebody else than the mapper was received. */
void preload_heard(void);
/* Somebody else than the mapper is called, and the reply comes later. */
void preload_calls_other(void);
/* A filter was added to the bus. */
void preload_filter_added(sd_bus *bus);
/* The bus sends something that the mapper follows. */
void preload_sent(sd_bus *bus);
/* The bus has processed one message or more; something was heard. */
void preload_processing(sd_bus *bus);
void preload_processed(sd_bus *bus);
int32_t preload_get_fd(sd_bus *bus);
int32_t preload_get_events(sd_bus *bus);
/* Whether a call to this destination could be answered in-process: a glance that costs nothing for all others. */
bool preload_is_mapper(const char *destination);

/* True in a child that was forked from the process which loaded the library. */
bool preload_is_forked(void);
/* One lock for the list of connections. */
void preload_lock(void);
void preload_unlock(void);

/* Lets `set`, an epoll descriptor, be readable when `descriptor` has one of these poll(2) events. 0 or -errno. */
int preload_watch(int set, int descriptor, int events);
void preload_forget(int set, int descriptor);
int preload_new_set(void);
int preload_new_event(void);

/* Runs `at_exit` when the process ends. */
void preload_at_exit(void (*at_exit)(void));
