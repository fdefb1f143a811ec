/* The ways in which programs make calls: the same calls in each, the same output with and without the preload library.
 *
 *   kinds sync | method | activation | slot | threads | fork | event | wait | level | edge | constant | filter */
#define _GNU_SOURCE
#include "show.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 9 };
static sd_bus_message *make(sd_bus *bus, int number) {
  static const char *const members[CALLS] = {"GetObject",    "GetObject", "GetSubTreePaths", "GetSubTree", "GetAncestors",
                                             "GetAssociatedSubTreePaths", "Get", "GetAll", "GetSubTree"};
  const char *member = members[number];
  int is_property = number == 6 || number == 7;
  sd_bus_message *m = NULL;
  CHECK(sd_bus_message_new_method_call(
      bus, &m, MAPPER, is_property ? SENSORS "/t/a/chassis" : MAPPER_PATH, is_property ? PROPERTIES : MAPPER, member));
  switch (number) {
    case 0: CHECK(sd_bus_message_append(m, "sas", SENSORS "/t/a", 0)); break;
    case 1: CHECK(sd_bus_message_append(m, "sas", SENSORS "/t/nobody", 1, "i.Value")); break;
    case 2: CHECK(sd_bus_message_append(m, "sias", SENSORS, 0, 1, "i.Value")); break;
    case 3: CHECK(sd_bus_message_append(m, "sias", "/", 0, 2, "i.Value", "i.Board")); break;
    case 4: CHECK(sd_bus_message_append(m, "sas", SENSORS "/t/a", 0)); break;
    case 5: CHECK(sd_bus_message_append(m, "ooias", SENSORS "/t/a/chassis", "/", 0, 0)); break;
    case 6: CHECK(sd_bus_message_append(m, "ss", ASSOCIATION, "endpoints")); break;
    case 7: CHECK(sd_bus_message_append(m, "s", ASSOCIATION)); break;
    /* Wrong arguments: the mapper's own error. */
    default: CHECK(sd_bus_message_append(m, "s", "/")); break;
  }
  return m;
}

static void synchronous(sd_bus *bus, FILE *out) {
  for (int round = 0; round < 3; round++)
    for (int number = 0; number < CALLS; number++) {
      sd_bus_message *m = make(bus, number), *reply = NULL;
      sd_bus_error error = SD_BUS_ERROR_NULL;
      int result = sd_bus_call(bus, m, 0, &error, &reply);
      show(out, "call", result, reply, &error);
      sd_bus_message_unref(reply);
      reply = NULL;
      sd_bus_error_free(&error);
      /* The same message once more: sd-bus allows it. */
      result = sd_bus_call(bus, m, 0, &error, &reply);
      show(out, "again", result, reply, &error);
      sd_bus_message_unref(reply);
      sd_bus_error_free(&error);
      sd_bus_message_unref(m);
    }
  char **endpoints = NULL;
  sd_bus_error error = SD_BUS_ERROR_NULL;
  CHECK(sd_bus_get_property_strv(bus, MAPPER, SENSORS "/t/a/chassis", ASSOCIATION, "endpoints", &error, &endpoints));
  for (char **endpoint = endpoints; *endpoint; endpoint++) {
    fprintf(out, "endpoint %s\n", *endpoint);
    free(*endpoint);
  }
  free(endpoints);
  int result = sd_bus_get_property_strv(bus, MAPPER, "/nothing/here", ASSOCIATION, "endpoints", &error, &endpoints);
  fprintf(out, "none: %d %s\n", result, error.name);
  sd_bus_error_free(&error);
  sd_bus_message *reply = NULL;
  CHECK(sd_bus_get_property(bus, MAPPER, SENSORS "/t/a/chassis", ASSOCIATION, "endpoints", &error, &reply, "as"));
  show_rest(out, reply);
  fputc('\n', out);
  sd_bus_message_unref(reply);
}

/* What the program sees of a reply beside its contents. */
static void show_envelope(FILE *out, sd_bus *bus, sd_bus_message *m) {
  const char *mine = NULL, *destination = sd_bus_message_get_destination(m), *sender = sd_bus_message_get_sender(m);
  uint64_t cookie = 0, reply_cookie = 0;
  uint8_t type = 0;
  CHECK(sd_bus_get_unique_name(bus, &mine));
  CHECK(sd_bus_message_get_cookie(m, &cookie));
  CHECK(sd_bus_message_get_reply_cookie(m, &reply_cookie));
  CHECK(sd_bus_message_get_type(m, &type));
  fprintf(out, "from %s to me: %d on my bus: %d type: %d numbered: %d %d expects: %d empty: %d end: %d\n", sender,
          destination && strcmp(destination, mine) == 0, sd_bus_message_get_bus(m) == bus, type, cookie != 0,
          reply_cookie != 0, sd_bus_message_get_expect_reply(m), sd_bus_message_is_empty(m),
          sd_bus_message_at_end(m, 1));
}

/* Calls whose arguments stand in the program's text. */
#define METHOD(object, interface, member, ...)                                                                      \
  {                                                                                                                 \
    sd_bus_error error = SD_BUS_ERROR_NULL;                                                                         \
    sd_bus_message *reply = NULL;                                                                                   \
    int result = sd_bus_call_method(bus, MAPPER, object, interface, member, &error, &reply, __VA_ARGS__);           \
    if (result >= 0) show_envelope(out, bus, reply);                                                                \
    show(out, member, result, reply, &error);                                                                       \
    sd_bus_message_unref(reply);                                                                                    \
    sd_bus_error_free(&error);                                                                                      \
  }
#define ASK(member, ...) METHOD(MAPPER_PATH, MAPPER, member, __VA_ARGS__)
#define TEN "i.A", "i.B", "i.C", "i.D", "i.E", "i.F", "i.G", "i.H", "i.I", "i.J"

static void methods(sd_bus *bus, FILE *out) {
  static const char *const chassis = SENSORS "/t/a/chassis";
  for (int round = 0; round < 3; round++) {
    ASK("GetObject", "sas", SENSORS "/t/a", 0)
    ASK("GetObject", "sas", SENSORS "/t/a", 2, "i.Nothing", "i.Other")
    ASK("GetObject", "sas", SENSORS "/t/nobody", 0)
    ASK("GetObject", "sas", "", 0)
    ASK("GetObject", "sas", "/not\xff utf-8", 0)
    ASK("GetObject", "sas", SENSORS "/t/a", 1, "\xff")
    ASK("GetObject", "sas", NULL, 0)
    ASK("GetObject", "sas", SENSORS "/t/a", 41, TEN, TEN, TEN, TEN, "i.Value")
    ASK("GetObject", "s", SENSORS "/t/a")
    ASK("GetNothing", "sas", SENSORS "/t/a", 0)
    ASK("GetAncestors", "sas", SENSORS "/t/a", 0)
    ASK("GetAncestors", "sas", SENSORS "/t/a", 1, "i.Value")
    ASK("GetSubTree", "sias", "/", 0, 2, "i.Value", "i.Board")
    ASK("GetSubTree", "sias", SENSORS, 1, 0)
    ASK("GetSubTree", "sias", SENSORS, 0, 1, "i.Nothing")
    ASK("GetSubTreePaths", "sias", SENSORS, 0, 1, "i.Value")
    ASK("GetSubTreePaths", "sias", SENSORS, 0, 1, "i.Nothing")
    ASK("GetSubTreePaths", "sias", SENSORS, -7, 0)
    ASK("GetAssociatedSubTree", "ooias", chassis, "/", 0, 0)
    ASK("GetAssociatedSubTree", "ooias", "no path", "/", 0, 0)
    ASK("GetAssociatedSubTreePaths", "ooias", chassis, "/xyz", 0, 1, "i.Board")
    ASK("GetAssociatedSubTreeById", "ssassas", "a", SENSORS, 1, "i.Value", "chassis", 1, "i.Board")
    ASK("GetAssociatedSubTreePathsById", "ssassas", "a", SENSORS, 2, "i.Value", "i.Other", "chassis", 1, "i.Board")
    ASK("GetAssociatedSubTreePathsById", "ssassas", "a", SENSORS, 0, "chassis", 0)
    METHOD(chassis, PROPERTIES, "Get", "ss", ASSOCIATION, "endpoints")
    METHOD(chassis, PROPERTIES, "Get", "ss", ASSOCIATION, "nothing")
    METHOD(chassis, PROPERTIES, "GetAll", "s", ASSOCIATION)
    METHOD("/nothing/here", PROPERTIES, "Get", "ss", ASSOCIATION, "endpoints")
    METHOD("no path", PROPERTIES, "Get", "ss", ASSOCIATION, "endpoints")
    METHOD("/elsewhere", MAPPER, "GetObject", "sas", SENSORS "/t/a", 0)
    /* An answer that nobody takes. */
    CHECK(sd_bus_call_method(bus, MAPPER, MAPPER_PATH, MAPPER, "GetObject", NULL, NULL, "sas", SENSORS "/t/a", 0));
  }
}

/* The mapper is started by the bus when it is asked, and again after it was killed. */
static uint32_t mapper_pid(sd_bus *bus) {
  sd_bus_message *reply = NULL;
  uint32_t pid = 0;
  if (sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                         "GetConnectionUnixProcessID", NULL, &reply, "s", MAPPER) >= 0)
    CHECK(sd_bus_message_read(reply, "u", &pid));
  sd_bus_message_unref(reply);
  return pid;
}

static void activation(sd_bus *bus) {
  uint32_t last = 0;
  for (int life = 0; life < 3; life++) {
    printf("runs: %d\n", mapper_pid(bus) != 0);
    for (int i = 0; i < 100; i++) {
      sd_bus_error error = SD_BUS_ERROR_NULL;
      sd_bus_message *reply = NULL;
      int result = sd_bus_call_method(bus, MAPPER, MAPPER_PATH, MAPPER, "GetObject", &error, &reply, "sas", MAPPER_PATH, 0);
      if (i % 50 == 0) show(stdout, "activated", result, reply, &error);
      sd_bus_message_unref(reply);
      sd_bus_error_free(&error);
      usleep(3000);
    }
    uint32_t pid = mapper_pid(bus);
    printf("is another: %d\n", pid != 0 && pid != last);
    last = pid;
    if (pid) kill((pid_t)pid, SIGKILL);
    for (int i = 0; i < 1000 && mapper_pid(bus); i++) usleep(5000);
  }
}

/* Asynchronous calls: each answer makes the next call, three chains at once. */

enum { ROUNDS = 4 };
typedef struct { sd_bus *bus; int next, left; const char *name; int *unfinished; } Chain;
static int is_calling;

static int answered(sd_bus_message *m, void *userdata, sd_bus_error *error);
static void next(Chain *chain) {
  sd_bus_message *m = make(chain->bus, chain->next);
  is_calling++;
  CHECK(sd_bus_call_async(chain->bus, NULL, m, answered, chain, 0));
  is_calling--;
  sd_bus_message_unref(m);
}

static int answered(sd_bus_message *m, void *userdata, sd_bus_error *error) {
  Chain *chain = userdata;
  if (is_calling) exit(4); /* inline */
  int failed = sd_bus_message_is_method_error(m, NULL);
  show(stdout, chain->name, failed ? -sd_bus_message_get_errno(m) : 1, m, sd_bus_message_get_error(m));
  chain->next = (chain->next + 1) % CALLS;
  if (--chain->left > 0) next(chain);
  else --*chain->unfinished;
  return 0;
}

static double cpu(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void process(sd_bus *bus) {
  while (CHECK(sd_bus_process(bus, NULL)) > 0) {}
}

static void epoll_loop(sd_bus *bus, uint32_t edge, int *unfinished) {
  int set = epoll_create1(0), fd = CHECK(sd_bus_get_fd(bus));
  struct epoll_event event = {.events = EPOLLIN | edge};
  if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) < 0) exit(5);
  process(bus);
  while (*unfinished > 0) {
    if (!edge) {
      /* In the manner of a loop that also waits for writing. */
      event.events = (uint32_t)CHECK(sd_bus_get_events(bus));
      epoll_ctl(set, EPOLL_CTL_MOD, fd, &event);
    }
    if (epoll_wait(set, &event, 1, 5000) != 1) exit(6); /* nobody woke us */
    process(bus);
  }
  /* All is answered: the descriptor must be quiet. */
  double before = cpu();
  for (int turns = 0; epoll_wait(set, &event, 1, 200) == 1; turns++) {
    process(bus);
    if (turns > 50) exit(7);
  }
  if (cpu() - before > 0.1) exit(8);
  close(set);
}

static void asynchronous(sd_bus *bus, const char *kind) {
  int unfinished = 3;
  Chain chains[3] = {
      {bus, 0, ROUNDS * CALLS, "one", &unfinished}, {bus, 0, ROUNDS * CALLS, "two", &unfinished},
      {bus, 0, ROUNDS * CALLS, "three", &unfinished}};
  sd_event *event = NULL;
  if (strcmp(kind, "event") == 0) {
    CHECK(sd_event_new(&event));
    CHECK(sd_bus_attach_event(bus, event, 0));
  }
  if (strcmp(kind, "edge") == 0) CHECK(sd_bus_get_fd(bus)); /* before it is ready, as boost.asio's users do */
  while (CHECK(sd_bus_is_ready(bus)) == 0)
    if (CHECK(sd_bus_process(bus, NULL)) == 0) CHECK(sd_bus_wait(bus, 5000000));
  for (int i = 0; i < 3; i++) next(&chains[i]);
  if (event) {
    while (unfinished > 0) CHECK(sd_event_run(event, UINT64_MAX));
    sd_bus_detach_event(bus);
    sd_event_unref(event);
  } else if (strcmp(kind, "wait") == 0) {
    while (unfinished > 0)
      if (CHECK(sd_bus_process(bus, NULL)) == 0) CHECK(sd_bus_wait(bus, 5000000));
  } else {
    epoll_loop(bus, strcmp(kind, "edge") == 0 ? EPOLLET : 0, &unfinished);
  }
}

/* A call with a slot, which is cancelled, between two that are not. */
static int counted(sd_bus_message *m, void *userdata, sd_bus_error *error) {
  printf("%s\n", (const char *)userdata);
  return 0;
}
static void slots(sd_bus *bus) {
  sd_bus_slot *slots[3] = {0};
  static const char *const names[] = {"first", "cancelled", "third"};
  for (int i = 0; i < 3; i++) {
    sd_bus_message *m = make(bus, 0);
    CHECK(sd_bus_call_async(bus, &slots[i], m, counted, (void *)names[i], 0));
    sd_bus_message_unref(m);
  }
  slots[1] = sd_bus_slot_unref(slots[1]);
  for (int quiet = 0; quiet < 2;) {
    if (CHECK(sd_bus_process(bus, NULL)) > 0) quiet = 0;
    else {
      CHECK(sd_bus_wait(bus, 150000));
      quiet++;
    }
  }
  sd_bus_slot_unref(slots[0]);
  sd_bus_slot_unref(slots[2]);
}

static void *thread(void *out) {
  sd_bus *bus = NULL;
  CHECK(sd_bus_open_system(&bus));
  for (int i = 0; i < 5; i++) synchronous(bus, out);
  sd_bus_flush_close_unref(bus);
  return NULL;
}

static void threads(void) {
  pthread_t ids[4];
  char *texts[4];
  size_t sizes[4];
  FILE *outs[4];
  for (int i = 0; i < 4; i++) {
    outs[i] = open_memstream(&texts[i], &sizes[i]);
    pthread_create(&ids[i], NULL, thread, outs[i]);
  }
  for (int i = 0; i < 4; i++) {
    pthread_join(ids[i], NULL);
    fclose(outs[i]);
    fputs(texts[i], stdout);
    free(texts[i]);
  }
}

/* A filter of the program's own sees what it always saw: no replies to asynchronous calls. */
static int filter(sd_bus_message *m, void *userdata, sd_bus_error *error) {
  uint64_t cookie;
  if (sd_bus_message_get_reply_cookie(m, &cookie) >= 0) exit(9);
  return 0;
}

static sd_bus *opened(void) {
  sd_bus *bus = NULL;
  CHECK(sd_bus_open_system(&bus));
  return bus;
}

int main(int count, char **arguments) {
  const char *kind = count > 1 ? arguments[1] : "";
  if (strcmp(kind, "threads") == 0) {
    threads();
    return 0;
  }
  sd_bus *bus = opened();
  if (strcmp(kind, "sync") == 0) synchronous(bus, stdout);
  else if (strcmp(kind, "method") == 0) methods(bus, stdout);
  else if (strcmp(kind, "activation") == 0) activation(bus);
  else if (strcmp(kind, "slot") == 0) slots(bus);
  else if (strcmp(kind, "constant") == 0) {
    /* The thread's default connection by its number, and many connections one after the other, at the same address. */
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    sd_bus *mine = NULL;
    CHECK(sd_bus_default_system(&mine));
    int result = sd_bus_call_method(
        SD_BUS_DEFAULT_SYSTEM, MAPPER, MAPPER_PATH, MAPPER, "GetObject", &error, &reply, "sas", SENSORS "/t/a", 0);
    show(stdout, "default", result, reply, &error);
    sd_bus_message_unref(reply);
    sd_bus_flush_close_unref(mine);
    for (int i = 0; i < 30; i++) {
      sd_bus *other = opened();
      CHECK(sd_bus_get_fd(other) >= 0 ? 0 : -1);
      synchronous(other, i == 29 ? stdout : fopen("/dev/null", "w"));
      if (i % 2) sd_bus_flush_close_unref(other);
      else sd_bus_unref(other);
    }
  } else if (strcmp(kind, "filter") == 0) {
    synchronous(bus, stdout);
    CHECK(sd_bus_add_filter(bus, NULL, filter, NULL));
    asynchronous(bus, "wait");
  } else if (strcmp(kind, "fork") == 0) {
    synchronous(bus, stdout);
    pid_t child = fork();
    if (child == 0) {
      /* sd-bus refuses a connection of the parent's, and serves one of the child's own. */
      sd_bus_error error = SD_BUS_ERROR_NULL;
      sd_bus_message *reply = NULL;
      printf("inherited: %d\n", sd_bus_get_fd(bus));
      sd_bus *own = opened();
      int result =
          sd_bus_call_method(own, MAPPER, MAPPER_PATH, MAPPER, "GetObject", &error, &reply, "sas", SENSORS "/t/a", 0);
      show(stdout, "child", result, reply, &error);
      exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    printf("child ended: %d\n", status);
    synchronous(bus, stdout);
  } else {
    asynchronous(bus, kind);
  }
  sd_bus_flush_close_unref(bus);
  return 0;
}
