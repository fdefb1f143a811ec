/* Makes the calls that it reads, one a line, with plain sd_bus_call, and answers each with a line of JSON.
 *
 * A line is PATH, INTERFACE, MEMBER, SIGNATURE and the arguments, with tabs between; an array of strings is its count and then the
 * strings. The reply must look as if the mapper had sent it: sender, cookies, nothing left unsealed. */
#include "show.h"

static char *word(char **line) {
  char *word = strsep(line, "\t");
  if (!word) exit(2);
  return word;
}

static void append(sd_bus_message *m, const char *signature, char **line) {
  for (const char *type = signature; *type; type++) {
    if (*type == 'a') {
      type++;
      int count = atoi(word(line));
      CHECK(sd_bus_message_open_container(m, 'a', "s"));
      while (count-- > 0) CHECK(sd_bus_message_append_basic(m, 's', word(line)));
      CHECK(sd_bus_message_close_container(m));
    } else if (*type == 'i') {
      int32_t number = atoi(word(line));
      CHECK(sd_bus_message_append_basic(m, 'i', &number));
    } else {
      CHECK(sd_bus_message_append_basic(m, *type, word(line)));
    }
  }
}

static void verify(sd_bus_message *call, sd_bus_message *reply) {
  uint64_t cookie = 0, of_call = 1, own = 0;
  CHECK(sd_bus_message_get_cookie(call, &cookie));
  CHECK(sd_bus_message_get_reply_cookie(reply, &of_call));
  CHECK(sd_bus_message_get_cookie(reply, &own));
  const char *sender = sd_bus_message_get_sender(reply);
  if (cookie != of_call || own == 0 || !sender || sender[0] != ':' || sd_bus_message_is_method_call(reply, NULL, NULL)) {
    fprintf(stderr, "a reply that is none: sender %s\n", sender ? sender : "none");
    exit(3);
  }
}

int main(void) {
  sd_bus *bus = NULL;
  CHECK(sd_bus_open_system(&bus));
  char *line = NULL;
  size_t size = 0;
  for (ssize_t length; (length = getline(&line, &size, stdin)) > 0;) {
    line[length - 1] = 0;
    char *rest = line;
    const char *path = word(&rest), *interface = word(&rest), *member = word(&rest), *signature = word(&rest);
    sd_bus_message *call = NULL, *reply = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    CHECK(sd_bus_message_new_method_call(bus, &call, MAPPER, path, interface, member));
    append(call, signature, &rest);
    int result = sd_bus_call(bus, call, 0, &error, &reply);
    if (result >= 0) {
      verify(call, reply);
      show_reply(stdout, reply);
    } else {
      show_error(stdout, &error);
    }
    putchar('\n');
    fflush(stdout);
    sd_bus_error_free(&error);
    sd_bus_message_unref(reply);
    sd_bus_message_unref(call);
  }
  sd_bus_flush_close_unref(bus);
  return 0;
}
