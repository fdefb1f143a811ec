/* D-Bus messages as lines of JSON, a dictionary as a list of pairs. */
#pragma once
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define MAPPER "xyz.openbmc_project.ObjectMapper"
#define MAPPER_PATH "/xyz/openbmc_project/object_mapper"
#define SENSORS "/xyz/openbmc_project/sensors"
#define ASSOCIATION "xyz.openbmc_project.Association"
#define PROPERTIES "org.freedesktop.DBus.Properties"

#define CHECK(call)                                                                     \
  ({                                                                                    \
    int checked = (call);                                                               \
    if (checked < 0) {                                                                  \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, strerror(-checked)); \
      exit(1);                                                                          \
    }                                                                                   \
    checked;                                                                            \
  })

static void show_text(FILE *out, const char *text) {
  fputc('"', out);
  for (; *text; text++) {
    unsigned char byte = (unsigned char)*text;
    if (byte == '"' || byte == '\\') fprintf(out, "\\%c", byte);
    else if (byte < 0x20) fprintf(out, "\\u%04x", byte);
    else fputc(byte, out);
  }
  fputc('"', out);
}

/* What is left of the container that is being read. */
static void show_rest(FILE *out, sd_bus_message *m) {
  const char *contents;
  char type;
  for (int count = 0; CHECK(sd_bus_message_peek_type(m, &type, &contents)) > 0; count++) {
    if (count > 0) fputs(", ", out);
    if (strchr("sog", type)) {
      const char *text;
      CHECK(sd_bus_message_read_basic(m, type, &text));
      show_text(out, text);
    } else if (strchr("aevr", type)) {
      CHECK(sd_bus_message_enter_container(m, type, contents));
      if (type != 'v') fputc('[', out);
      show_rest(out, m);
      if (type != 'v') fputc(']', out);
      CHECK(sd_bus_message_exit_container(m));
    } else {
      union { int32_t i; uint64_t other; } number = {.other = 0};
      CHECK(sd_bus_message_read_basic(m, type, &number));
      fprintf(out, "%" PRIi32, number.i);
    }
  }
}

static void show_reply(FILE *out, sd_bus_message *m) {
  fprintf(out, "{\"signature\": \"%s\", \"reply\": [", sd_bus_message_get_signature(m, 1));
  show_rest(out, m);
  fputs("]}", out);
}

static void show_error(FILE *out, const sd_bus_error *error) {
  fputs("{\"error\": ", out);
  show_text(out, error->name ? error->name : "");
  fputs(", \"message\": ", out);
  show_text(out, error->message ? error->message : "");
  fputs("}", out);
}

/* One call with what came of it; `result` is sd_bus_call's. */
static void show(FILE *out, const char *title, int result, sd_bus_message *reply, const sd_bus_error *error) {
  fprintf(out, "%s: %d ", title, result);
  if (result >= 0) show_reply(out, reply);
  else show_error(out, error);
  fputc('\n', out);
  fflush(out);
}
