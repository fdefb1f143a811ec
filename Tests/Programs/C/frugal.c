/* Whether a lookup through libshmapper allocates: `frugal PATH INTERFACE` counts the calls of malloc(3) and its kin, which all
 * libraries of a program share, and prints how many there were in a thousand lookups that were answered in-process. */
#include <shmapper.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);
static unsigned long allocations;
void *malloc(size_t size) { return allocations++, __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return allocations++, __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return allocations++, __libc_realloc(old, size); }
int posix_memalign(void **result, size_t alignment, size_t size) {
  allocations++;
  *result = __libc_memalign(alignment, size);
  return *result ? 0 : 12;
}

static int services;
static int count(void *userdata, enum shmapper_kind kind, const char *text, size_t length) {
  (void)userdata, (void)text, (void)length;
  services += kind == SHMAPPER_SERVICE;
  return 0;
}

int main(int words, char **arguments) {
  struct shmapper *mapper;
  struct shmapper_statistics before, after;
  if (words != 3 || shmapper_attach(NULL, 0, &mapper) < 0) return 2;
  /* The first answer comes over D-Bus, and those after it once the mapper has caught up. */
  for (int tries = 0; tries < 500; tries++) {
    if (shmapper_get_object(mapper, arguments[1], NULL, 0, count, NULL) < 0) return 3;
    shmapper_get_statistics(mapper, &before, sizeof before);
    if (before.in_process > 10) break;
    usleep(10000);
  }
  unsigned long allocated = allocations;
  services = 0;
  for (int i = 0; i < 1000; i++)
    if (shmapper_get_object(mapper, arguments[1], (const char *const[]){arguments[2]}, i % 2, count, NULL) < 0) return 4;
  allocated = allocations - allocated;
  shmapper_get_statistics(mapper, &after, sizeof after);
  printf("allocations %lu services %d in-process %llu\n", allocated, services,
         (unsigned long long)(after.in_process - before.in_process));
  mapper = shmapper_detach(mapper);
  return mapper != NULL;
}
