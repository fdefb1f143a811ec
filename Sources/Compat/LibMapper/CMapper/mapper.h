/* libmapper.so.1: asks the object mapper, or waits until it knows something.
 *
 * Link with libmapper and libsystemd (pkg-config libmapper). Every function returns 0 or more when it worked and a negative
 * errno otherwise; an object that the mapper does not know is -EIO, as sd-bus turns the error ResourceNotFound into.
 *
 * Questions are answered from the mapper's shared memory where this process may read it and the answer is not older than
 * the mapper's own would be; else they go over the bus. Answers of the mapper that say "busy" (EBUSY, ENOBUFS) are asked
 * again after 1, 2, 4, 8 and 16 s.
 *
 * Not thread-safe: all calls with one bus, and the event loop that serves it, belong to one thread. */
#ifndef MAPPER_H
#define MAPPER_H

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mapper_async_wait mapper_async_wait;
typedef struct mapper_async_subtree mapper_async_subtree;

/* What mapper_subtree_async waits for: that none is left. There is no other operation yet. */
typedef enum mapper_operation { MAPPER_OP_REMOVE = 1 } mapper_operation;

/* Calls `callback` once, from the event loop, as soon as the mapper knows every path of `objs`, which a NULL ends: with 0,
 * or with a negative errno when the mapper cannot be asked. The bus must be attached to the loop (sd_bus_attach_event).
 * `objs` is copied. `*wait` has to be freed with mapper_wait_async_free, which the callback may do. No paths: nothing to
 * wait for, no callback, and `*wait` is NULL. */
int mapper_wait_async(sd_bus *conn, sd_event *loop, char *objs[], void (*callback)(int, void *), void *userdata,
                      mapper_async_wait **wait);

/* Ends the wait if it goes on, without a callback, and frees it. NULL: nothing. */
void mapper_wait_async_free(mapper_async_wait *wait);

/* Calls `callback` once, from the event loop, as soon as no object below the path `ns` has `interface`: with 0, or with a
 * negative errno. `op` is MAPPER_OP_REMOVE, else -EINVAL. The strings are copied. */
int mapper_subtree_async(sd_bus *conn, sd_event *loop, char *ns, char *interface, void (*callback)(int, void *),
                         void *userdata, mapper_async_subtree **subtree, int op);

/* As mapper_wait_async_free. */
void mapper_subtree_async_free(mapper_async_subtree *subtree);

/* The first service, by name, that shows the object `obj`. The caller frees `*service`, which stays as it is when the call
 * fails. */
int mapper_get_service(sd_bus *conn, const char *obj, char **service);

/* The mapper's reply to GetObject(obj, []): a message with the signature a{sas}, services and their interfaces, to be read
 * from its start. The caller unrefs `*reply`. */
int mapper_get_object(sd_bus *conn, const char *obj, sd_bus_message **reply);

#ifdef __cplusplus
}
#endif
#endif
