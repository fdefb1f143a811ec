/* shmapper.h: OpenBMC's object mapper, asked in-process.
 *
 * The eight methods of xyz.openbmc_project.ObjectMapper, answered out of the shared memory that shmapperd publishes, with no
 * system call and no context switch; and over D-Bus, with the same answers, where that cannot be: no pool, no right to read
 * it, another version, another bus, or an answer that might be older than the one over D-Bus.
 *
 *     struct shmapper *mapper;
 *     int r = shmapper_attach(bus, 0, &mapper);
 *     r = shmapper_get_object(mapper, "/xyz/openbmc_project/sensors/fan0", NULL, 0, visit, me);
 *     ...
 *     mapper = shmapper_detach(mapper);
 *
 * Results are 0 or more, or a negative errno:
 *     -EIO      the mapper's ResourceNotFound, as sd-bus maps it
 *     -EINVAL   a pointer that must not be NULL, no object path where D-Bus wants one, text that is not UTF-8
 *     others    no answer at all: what sd_bus_call() returned, -ENODATA where D-Bus was not to be asked
 *
 * Strings are UTF-8. Pointers that are handed in have to be good during the call only.
 *
 * Threads: a client may be used by several threads at once. What concerns the caller's bus stays on its thread: attach and
 * detach there; lookups of that thread which need D-Bus are made on that bus, those of other threads on a connection of the
 * client's own. An answer (struct shmapper_answer) is for one thread at a time. After fork(2) the child attaches anew.
 *
 * Link with libshmapper (pkg-config libshmapper). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sd_bus;
struct shmapper;

/* ---- Attaching -------------------------------------------------------------------------------------------------------- */

enum {
  /* Answer from the pool whatever its age: it may be the daemon's own delay, in general under some milliseconds, behind the
   * bus. Without this an answer is never older than D-Bus would have given it. */
  SHMAPPER_FAST = 1u << 0,
  /* Never ask D-Bus: the pool alone, of whatever bus. Implies SHMAPPER_FAST. */
  SHMAPPER_POOL_ONLY = 1u << 1,
  /* Never look at the pool. */
  SHMAPPER_BUS_ONLY = 1u << 2,
  /* Say nothing on standard error. Else a pool that is damaged gets one line. */
  SHMAPPER_QUIET = 1u << 3,
};

/* Attaches to the mapper: to the pool that the environment variable SHMAPPER_POOL names, unless the process has more rights
 * than its caller, else to /run/shmapper/pool. Whether there is one, now or later, does not matter.
 *
 * bus: the program's own connection to the system bus, or NULL. With it, every message that the program receives is counted
 * as knowledge that answers must not lag behind. The client holds a reference and a filter until it is detached.
 * flags: SHMAPPER_..., or 0.
 *
 * 0, -EINVAL, or -ENOMEM. */
int shmapper_attach(struct sd_bus *bus, uint32_t flags, struct shmapper **ret);

/* Lets go of everything. No call of another thread may be under way. NULL is allowed. Returns NULL. */
struct shmapper *shmapper_detach(struct shmapper *mapper);

/* The program has learned something by a way that the client does not see: the reply to a method call (sd-bus shows filters
 * no replies), a message on another connection, a pipe, a file. Answers from now on are not older than this moment.
 * Costs about 50 ns. */
void shmapper_note(struct shmapper *mapper);

/* The program has sent something on its bus that the mapper follows (InterfacesAdded, InterfacesRemoved, a name). The next
 * lookup of the bus's thread is made over that bus, behind what was sent. */
void shmapper_note_sent(struct shmapper *mapper);

/* ---- Asking ----------------------------------------------------------------------------------------------------------- */

/* What a visit function is called with. An answer of GetObject is a list of services, each followed by its interfaces; of
 * GetAncestors and GetSubTree objects, each followed by its services; of the ...Paths calls and of endpoints, paths. Sorted by
 * bytes, but for endpoints, which keep the order in which they came. */
enum shmapper_kind {
  /* An answer begins. Forget what was visited before: this comes first, and again whenever the mapper has published so much
   * meanwhile that the answer has to be read anew. What came since the last of these counts once the call has returned 0. */
  SHMAPPER_BEGIN = 0,
  SHMAPPER_OBJECT = 1,
  SHMAPPER_SERVICE = 2,
  SHMAPPER_INTERFACE = 3,
  SHMAPPER_PATH = 4,
};

/* Takes one piece of an answer. text: NUL-terminated, length bytes without the NUL, in place in shared memory: good during
 * this call only. A result other than 0 ends the visit, and is what the call returns. The function may call this library. */
typedef int (*shmapper_visit_t)(void *userdata, enum shmapper_kind kind, const char *text, size_t length);

/* The calls, with the arguments and answers of the D-Bus methods of the same names. interfaces: count names, "any of these";
 * NULL and 0: no filter. depth: how many path segments below the root, 0 and less: any. Nothing is allocated for a GetObject
 * that is answered in-process. */
int shmapper_get_object(struct shmapper *mapper, const char *path, const char *const *interfaces, size_t count,
                        shmapper_visit_t visit, void *userdata);
int shmapper_get_ancestors(struct shmapper *mapper, const char *path, const char *const *interfaces, size_t count,
                           shmapper_visit_t visit, void *userdata);
int shmapper_get_subtree(struct shmapper *mapper, const char *root, int32_t depth, const char *const *interfaces,
                         size_t count, shmapper_visit_t visit, void *userdata);
int shmapper_get_subtree_paths(struct shmapper *mapper, const char *root, int32_t depth, const char *const *interfaces,
                               size_t count, shmapper_visit_t visit, void *userdata);
/* association and root have to be object paths. */
int shmapper_get_associated_subtree(struct shmapper *mapper, const char *association, const char *root, int32_t depth,
                                    const char *const *interfaces, size_t count, shmapper_visit_t visit, void *userdata);
int shmapper_get_associated_subtree_paths(struct shmapper *mapper, const char *association, const char *root,
                                          int32_t depth, const char *const *interfaces, size_t count,
                                          shmapper_visit_t visit, void *userdata);
/* interfaces: of the objects with that id, none: none matches; endpoint_interfaces: of what is found. */
int shmapper_get_associated_subtree_by_id(struct shmapper *mapper, const char *id, const char *root,
                                          const char *const *interfaces, size_t count, const char *association,
                                          const char *const *endpoint_interfaces, size_t endpoint_count,
                                          shmapper_visit_t visit, void *userdata);
int shmapper_get_associated_subtree_paths_by_id(struct shmapper *mapper, const char *id, const char *root,
                                                const char *const *interfaces, size_t count, const char *association,
                                                const char *const *endpoint_interfaces, size_t endpoint_count,
                                                shmapper_visit_t visit, void *userdata);
/* The property `endpoints` of an association object; -EIO when there is no such object. */
int shmapper_get_endpoints(struct shmapper *mapper, const char *association, shmapper_visit_t visit, void *userdata);

/* ---- Keeping an answer ------------------------------------------------------------------------------------------------ */

/* An answer copied out, to be walked at leisure:
 *
 *     struct shmapper_answer *answer = shmapper_answer_new();
 *     r = shmapper_get_subtree_paths(mapper, "/", 0, NULL, 0, shmapper_collect, answer);
 *     struct shmapper_item item;
 *     while (r >= 0 && shmapper_answer_next(answer, &item)) puts(item.text);
 *     answer = shmapper_answer_free(answer);
 */
struct shmapper_answer;

struct shmapper_item {
  enum shmapper_kind kind;
  const char *text; /* NUL-terminated; good until the answer is freed or collected into again */
  size_t length;    /* bytes without the NUL */
};

/* NULL without memory. */
struct shmapper_answer *shmapper_answer_new(void);
/* Returns NULL. NULL is allowed. */
struct shmapper_answer *shmapper_answer_free(struct shmapper_answer *answer);
/* A visit function whose userdata is an answer: copies what it visits, in place of what the answer held before. */
int shmapper_collect(void *answer, enum shmapper_kind kind, const char *text, size_t length);
/* The next piece: 1, or 0 at the end. */
int shmapper_answer_next(struct shmapper_answer *answer, struct shmapper_item *ret);
/* Begins again with the first piece. */
void shmapper_answer_rewind(struct shmapper_answer *answer);

/* ---- Changes ---------------------------------------------------------------------------------------------------------- */

/* A number that grows with each state that the mapper publishes, and when a new mapper takes over. It means something within
 * this client only. 0: there is no pool. */
uint64_t shmapper_generation(struct shmapper *mapper);

/* Sleeps until the generation is no longer `seen`, at most timeout_usec microseconds (UINT64_MAX: for ever). 1: it has
 * changed; 0: the time is over; -ENODATA: there is no pool to wait on. */
int shmapper_wait(struct shmapper *mapper, uint64_t seen, uint64_t timeout_usec);

/* Whether the daemon lives, without a system call: 1 or 0; -ENODATA: there is no pool. */
int shmapper_daemon_alive(struct shmapper *mapper);

/* How this client's lookups were answered so far. */
struct shmapper_statistics {
  uint64_t in_process;
  uint64_t over_bus;
  uint64_t from_last_state; /* nobody answered on D-Bus: the last whole state did */
  uint64_t restarts;        /* how often an answer was read anew */
  uint64_t pools;           /* how many pools were opened */
};
/* size: sizeof *ret; so much is filled in at the most. 0 or -EINVAL. */
int shmapper_get_statistics(struct shmapper *mapper, struct shmapper_statistics *ret, size_t size);

#ifdef __cplusplus
}
#endif
