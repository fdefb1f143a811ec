/* Asks the mapper through libshmapper what standard input says, for the tests.
 *
 * A question is a list of strings, each with a zero byte at its end: the method, its arguments, and an empty line ("\n") at
 * the end. Lists are preceded by their length. The answer is a list of strings too: each piece as its kind (a digit) and its
 * text, then "=" and the result. The method Statistics answers with two numbers: in-process, over D-Bus. */
#include <shmapper.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 70000 };
static char *words[MOST];
static size_t word_count;
static size_t next_word;

static const char *word(void) { return next_word < word_count ? words[next_word++] : ""; }

static size_t list(const char ***names) {
  size_t count = strtoul(word(), NULL, 10);
  *names = (const char **)&words[next_word];
  next_word += count;
  return count;
}

static int print(void *unused, enum shmapper_kind kind, const char *text, size_t length) {
  (void)unused;
  printf("%d", kind);
  fwrite(text, 1, length + 1, stdout); /* with the zero byte, which has to be there */
  return 0;
}

static bool read_question(void) {
  static size_t capacities[MOST];
  for (word_count = 0; word_count < MOST; word_count++) {
    if (getdelim(&words[word_count], &capacities[word_count], 0, stdin) < 0) return false;
    if (strcmp(words[word_count], "\n") == 0) return true;
  }
  return false;
}

static int ask(struct shmapper *mapper, shmapper_visit_t visit, void *me) {
  const char *method = word(), **a, **b;
  size_t n, m;
  if (strcmp(method, "GetObject") == 0 || strcmp(method, "GetAncestors") == 0) {
    const char *path = word();
    n = list(&a);
    return method[3] == 'O' ? shmapper_get_object(mapper, path, a, n, visit, me)
                            : shmapper_get_ancestors(mapper, path, a, n, visit, me);
  }
  if (strcmp(method, "GetSubTree") == 0 || strcmp(method, "GetSubTreePaths") == 0) {
    const char *root = word();
    int depth = atoi(word());
    n = list(&a);
    return method[10] == 0 ? shmapper_get_subtree(mapper, root, depth, a, n, visit, me)
                           : shmapper_get_subtree_paths(mapper, root, depth, a, n, visit, me);
  }
  if (strcmp(method, "GetAssociatedSubTree") == 0 || strcmp(method, "GetAssociatedSubTreePaths") == 0) {
    const char *association = word(), *root = word();
    int depth = atoi(word());
    n = list(&a);
    return method[20] == 0 ? shmapper_get_associated_subtree(mapper, association, root, depth, a, n, visit, me)
                           : shmapper_get_associated_subtree_paths(mapper, association, root, depth, a, n, visit, me);
  }
  if (strcmp(method, "GetAssociatedSubTreeById") == 0 || strcmp(method, "GetAssociatedSubTreePathsById") == 0) {
    const char *id = word(), *root = word();
    n = list(&a);
    const char *association = word();
    m = list(&b);
    return method[20] == 'B'
               ? shmapper_get_associated_subtree_by_id(mapper, id, root, a, n, association, b, m, visit, me)
               : shmapper_get_associated_subtree_paths_by_id(mapper, id, root, a, n, association, b, m, visit, me);
  }
  if (strcmp(method, "Endpoints") == 0) return shmapper_get_endpoints(mapper, word(), visit, me);
  if (strcmp(method, "Note") == 0) return shmapper_note(mapper), 0;
  if (strcmp(method, "Statistics") == 0) {
    struct shmapper_statistics s;
    int r = shmapper_get_statistics(mapper, &s, sizeof s);
    printf("%llu%c%llu%c", (unsigned long long)s.in_process, 0, (unsigned long long)s.over_bus, 0);
    return r;
  }
  return -1000;
}

int main(int count, char **arguments) {
  uint32_t flags = 0;
  bool collects = false;
  for (int i = 1; i < count; i++) {
    if (strcmp(arguments[i], "--fast") == 0) flags |= SHMAPPER_FAST;
    if (strcmp(arguments[i], "--pool") == 0) flags |= SHMAPPER_POOL_ONLY;
    if (strcmp(arguments[i], "--bus") == 0) flags |= SHMAPPER_BUS_ONLY;
    if (strcmp(arguments[i], "--collect") == 0) collects = true;
  }
  struct shmapper *mapper;
  if (shmapper_attach(NULL, flags, &mapper) < 0) return 1;
  struct shmapper_answer *answer = shmapper_answer_new();
  while (read_question()) {
    next_word = 0;
    int r = collects ? ask(mapper, shmapper_collect, answer) : ask(mapper, print, NULL);
    struct shmapper_item item;
    while (collects && shmapper_answer_next(answer, &item)) print(NULL, item.kind, item.text, item.length);
    printf("=%d%c", r, 0);
    fflush(stdout);
  }
  answer = shmapper_answer_free(answer);
  mapper = shmapper_detach(mapper);
  return answer || mapper;
}
