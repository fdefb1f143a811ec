#define _GNU_SOURCE
#include <malloc.h>
#include "csystem.h"

void *shm_mmap(size_t size, bool writable, int file) {
  void *start = mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | MAP_NORESERVE, file, 0);
  return start == MAP_FAILED ? NULL : start;
}

void *shm_mremap(void *old, size_t old_size, size_t new_size) {
  void *start = mremap(old, old_size, new_size, MREMAP_MAYMOVE);
  return start == MAP_FAILED ? NULL : start;
}

const char *shm_secure_getenv(const char *name) { return secure_getenv(name); }

const char *shm_optarg(void) { return optarg; }

int shm_optind(void) { return optind; }

void shm_return_free_memory(void) { malloc_trim(0); }
