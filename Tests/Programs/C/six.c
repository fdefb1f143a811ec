/* Uses all six functions of libmapper.so.1, as its tests tell it: `six COMMAND ARGUMENT...` prints one line for each thing
 * that happened. */
#define _GNU_SOURCE
#include <errno.h>
#include <mapper.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sd_bus *bus;
static sd_event *loop;
static int calls;
static mapper_async_wait *held;

static void report(int result, void *userdata) {
  printf("%s %s\n", (const char *)userdata, result < 0 ? strerrorname_np(-result) : "0");
  ++calls;
  sd_event_exit(loop, 0);
}

static void free_and_report(int result, void *userdata) {
  mapper_wait_async_free(held);
  held = NULL;
  report(result, userdata);
}

static int stop(sd_event_source *source, uint64_t now, void *userdata) {
  (void)source, (void)now, (void)userdata;
  return sd_event_exit(loop, 0);
}

static void run_for(uint64_t microseconds) {
  uint64_t now;
  sd_event_now(loop, CLOCK_MONOTONIC, &now);
  sd_event_source *timer = NULL;
  sd_event_add_time(loop, &timer, CLOCK_MONOTONIC, now + microseconds, 1000, stop, NULL);
  sd_event_loop(loop);
  sd_event_source_unref(timer);
}

/* Everything in a reply to GetObject, read twice over to show that it can be. */
static int print_object(sd_bus_message *reply) {
  for (int round = 0; round < 2; ++round) {
    const char *service, *interface;
    if (sd_bus_message_enter_container(reply, 'a', "{sas}") < 0) return 1;
    while (sd_bus_message_enter_container(reply, 'e', "sas") > 0) {
      if (sd_bus_message_read(reply, "s", &service) < 0) return 1;
      if (round) printf("%s:", service);
      if (sd_bus_message_enter_container(reply, 'a', "s") < 0) return 1;
      while (sd_bus_message_read(reply, "s", &interface) > 0)
        if (round) printf(" %s", interface);
      if (round) printf("\n");
      sd_bus_message_exit_container(reply);
      sd_bus_message_exit_container(reply);
    }
    sd_bus_message_exit_container(reply);
    if (sd_bus_message_rewind(reply, 1) < 0) return 1;
  }
  printf("signature %s sender %s\n", sd_bus_message_get_signature(reply, 1),
         sd_bus_message_get_sender(reply) ? "known" : "unknown");
  return 0;
}

static int is_named;

static int announce_and_look(void) {
  sd_bus_message *reply = NULL;
  sd_bus_emit_signal(bus, "/", "org.freedesktop.DBus.ObjectManager", "InterfacesAdded", "oa{sa{sv}}", "/self", 1, "i.self", 0);
  int result = mapper_get_object(bus, "/self", &reply);
  sd_bus_message_unref(reply);
  return result < 0 ? result : 0;
}

static int named(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
  (void)reply, (void)error;
  is_named = 1;
  if (userdata) *(int *)userdata = announce_and_look();
  return 0;
}

int main(int count, char **words) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  const char *command = words[1];
  char **rest = words + 2;
  int result = 0;
  mapper_async_subtree *subtree = NULL;
  if (count < 2 || sd_bus_open_system(&bus) < 0 || sd_event_new(&loop) < 0 || sd_bus_attach_event(bus, loop, 0) < 0) return 9;

  if (!strcmp(command, "get-object")) {
    /* REPEAT PATH: the last answer is printed. */
    sd_bus_message *reply = NULL;
    for (int round = atoi(rest[0]); round > 0; --round) {
      reply = sd_bus_message_unref(reply);
      result = mapper_get_object(bus, rest[1], &reply);
    }
    if (result >= 0) result = print_object(reply) ? -EBADMSG : 0;
    sd_bus_message_unref(reply);
  } else if (!strcmp(command, "self")) {
    /* Asks for a name, announces an object and looks it up: at once, in the callback of the request, or right after that. */
    sd_bus_message *reply = NULL;
    for (int round = 0; round < 3; ++round) {
      result = mapper_get_object(bus, "/xyz", &reply);
      reply = sd_bus_message_unref(reply);
      while (sd_bus_process(bus, NULL) > 0) {}
      usleep(300000);
    }
    int in_callback = !strcmp(rest[0], "callback");
    sd_bus_request_name_async(bus, NULL, "com.self", 0, named, in_callback ? &result : NULL);
    while (strcmp(rest[0], "once") && !is_named)
      if (sd_bus_process(bus, NULL) == 0) sd_bus_wait(bus, 1000000);
    if (!in_callback) result = announce_and_look();
  } else if (!strcmp(command, "get-service")) {
    char *service = NULL;
    result = mapper_get_service(bus, rest[0], &service);
    printf("%s\n", service ? service : "none");
    free(service);
  } else if (!strcmp(command, "wait")) {
    result = mapper_wait_async(bus, loop, rest, report, "wait", &held);
    printf("begun\n");
    if (result >= 0 && held) sd_event_loop(loop);
    mapper_wait_async_free(held);
  } else if (!strcmp(command, "wait-free-in-callback")) {
    result = mapper_wait_async(bus, loop, rest, free_and_report, "wait", &held);
    printf("begun\n");
    sd_event_loop(loop);
  } else if (!strcmp(command, "wait-and-cancel")) {
    /* A wait that is freed calls nobody back, whatever happens after. */
    result = mapper_wait_async(bus, loop, rest, report, "cancelled", &held);
    printf("begun\n");
    mapper_wait_async_free(held);
    run_for(1000000);
    printf("calls %d\n", calls);
  } else if (!strcmp(command, "subtree")) {
    result = mapper_subtree_async(bus, loop, rest[0], rest[1], report, "subtree", &subtree, MAPPER_OP_REMOVE);
    printf("begun\n");
    if (result >= 0) sd_event_loop(loop);
    mapper_subtree_async_free(subtree);
  } else if (!strcmp(command, "subtree-cancel")) {
    result = mapper_subtree_async(bus, loop, rest[0], rest[1], report, "cancelled", &subtree, MAPPER_OP_REMOVE);
    printf("begun\n");
    mapper_subtree_async_free(subtree);
    run_for(1000000);
    printf("calls %d\n", calls);
  } else if (!strcmp(command, "wrong-operation")) {
    result = mapper_subtree_async(bus, loop, "/", "a.b", report, "subtree", &subtree, 7);
  } else {
    return 9;
  }
  printf("result %s\n", result < 0 ? strerrorname_np(-result) : "0");
  sd_bus_detach_event(bus);
  sd_event_unref(loop);
  sd_bus_flush_close_unref(bus);
  return 0;
}
