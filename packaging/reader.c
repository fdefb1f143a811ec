/* A client of libshmapper that looks at a pool which another process, of another word size perhaps, has written.
 *
 * usage: reader POOL          prints the answers of several calls, to be compared with those of another reader
 *        reader POOL ROUNDS   damages a copy of the pool in ROUNDS ways and asks it: errors and wrong answers are fine, a crash
 *                             or a hang is not */
#include <errno.h>
#include <shmapper.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print(void *userdata, enum shmapper_kind kind, const char *text, size_t length) {
  if (userdata != NULL) return 0;
  if (kind == SHMAPPER_BEGIN)
    puts("begin");
  else
    printf("%*s%.*s\n", 2 * (int)kind, "", (int)length, text);
  return 0;
}

static int ask(void *quiet) {
  static const char *const filters[] = {"xyz.openbmc_project.PackageTest.B", "org.freedesktop.DBus.ObjectManager"};
  struct shmapper *mapper;
  int r = shmapper_attach(NULL, SHMAPPER_POOL_ONLY | SHMAPPER_QUIET, &mapper);
  if (r < 0) return r;
  int results[] = {
      shmapper_get_object(mapper, "/xyz/openbmc_project/a/one", NULL, 0, print, quiet),
      shmapper_get_object(mapper, "/no/such/object", NULL, 0, print, quiet),
      shmapper_get_ancestors(mapper, "/xyz/openbmc_project/a/one", NULL, 0, print, quiet),
      shmapper_get_subtree(mapper, "/", 0, NULL, 0, print, quiet),
      shmapper_get_subtree(mapper, "/xyz/openbmc_project", 1, filters, 1, print, quiet),
      shmapper_get_subtree_paths(mapper, "/", 0, filters, 2, print, quiet),
      shmapper_get_endpoints(mapper, "/xyz/openbmc_project/a/one/none", print, quiet),
  };
  if (quiet == NULL)
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) printf("%s\n", results[i] < 0 ? strerror(-results[i]) : "ok");
  shmapper_detach(mapper);
  return results[3];
}

int main(int argc, char *argv[]) {
  if (argc < 2) return 2;
  setenv("SHMAPPER_POOL", argv[1], 1);
  if (argc == 2) return ask(NULL) < 0;

  FILE *file = fopen(argv[1], "rb");
  static unsigned char whole[1 << 20], copy[1 << 20];
  size_t size = file != NULL ? fread(whole, 1, sizeof(whole), file) : 0;
  char name[4096];
  snprintf(name, sizeof(name), "%s.damaged", argv[1]);
  setenv("SHMAPPER_POOL", name, 1);
  srand(1);
  int refused = 0, answered = 0;
  for (int round = atoi(argv[2]); round > 0; round--) {
    memcpy(copy, whole, size);
    /* Words rather than bytes, and those that hurt most: the ends of what an offset can be. */
    static const unsigned int values[] = {0, 4, 0x7ffffffc, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff, 0x40000000};
    for (int hits = 1 + rand() % 64; hits > 0; hits--) {
      unsigned int value = rand() % 3 ? values[rand() % 8] : (unsigned int)rand();
      memcpy(copy + (unsigned int)rand() % (size / 4) * 4, &value, 4);
    }
    remove(name);
    FILE *damaged = fopen(name, "wb");
    if (damaged == NULL || fwrite(copy, 1, size, damaged) != size || fclose(damaged) != 0) return 2;
    if (ask(&refused) < 0) refused++; else answered++;
  }
  remove(name);
  printf("%d damaged pools: %d refused, %d answered\n", refused + answered, refused, answered);
  return refused == 0 || answered == 0;
}
