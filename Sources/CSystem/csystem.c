#define _GNU_SOURCE
#include <link.h>
#include <malloc.h>
#include <sys/auxv.h>
#include "csystem.h"

void *shm_mmap(size_t size, bool writable, int file) {
  void *start = mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | MAP_NORESERVE, file, 0);
  return start == MAP_FAILED ? NULL : start;
}

void *shm_mremap(void *old, size_t old_size, size_t new_size) {
  void *start = mremap(old, old_size, new_size, MREMAP_MAYMOVE);
  return start == MAP_FAILED ? NULL : start;
}

int shm_extend_file(int file, off_t end, off_t bytes) {
  int result;
  do result = fallocate(file, 0, end, bytes);
  while (result < 0 && errno == EINTR);
  if (result < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) result = ftruncate(file, end + bytes);
  return result < 0 ? -errno : 0;
}

uint32_t shm_pid_namespace(void) {
  struct stat status;
  return stat("/proc/self/ns/pid", &status) == 0 ? (uint32_t)status.st_ino : 0;
}

uint32_t shm_random(void) {
  uint32_t value = 0;
  if (syscall(SYS_getrandom, &value, sizeof value, 1 /* GRND_NONBLOCK */) != (long)sizeof value) value = (uint32_t)shm_now_us();
  return value;
}

const char *shm_secure_getenv(const char *name) { return secure_getenv(name); }

const char *shm_optarg(void) { return optarg; }

int shm_optind(void) { return optind; }

void shm_return_free_memory(void) { malloc_trim(0); }

/* Whether the loader has written into this object's code, which then no longer is what the file has. */
static bool has_relocated_text(const struct dl_phdr_info *object) {
  for (int i = 0; i < object->dlpi_phnum; i++) {
    if (object->dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    const ElfW(Dyn) *entry = (const void *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
    for (; entry->d_tag != DT_NULL; entry++)
      if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL))) return true;
  }
  return false;
}

static int let_object_go(struct dl_phdr_info *object, size_t size, void *page_size) {
  /* The kernel's own page of code is no file's. */
  if (object->dlpi_addr == getauxval(AT_SYSINFO_EHDR) || has_relocated_text(object)) return 0;
  uintptr_t page = *(uintptr_t *)page_size;
  /* The first segment last, as it has the headers that are read here. */
  for (int i = object->dlpi_phnum - 1; i >= 0; i--) {
    const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W)) continue;
    /* Whole pages only: the rest of the last one may be the beginning of what is written to. */
    uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & -page;
    uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_filesz) & -page;
    if (end > start) madvise((void *)start, end - start, MADV_DONTNEED);
  }
  return 0;
}

void shm_let_code_go(void) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  dl_iterate_phdr(let_object_go, &page);
}

void shm_keep_heap_small(void) {
  /* Setting either also ends glibc's habit of raising both after each large block that is freed. */
  mallopt(M_MMAP_THRESHOLD, 256 << 10);
  mallopt(M_TRIM_THRESHOLD, 512 << 10);
}

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* the same number on every processor */
#endif

int shm_futex_wait_either(const void *shared, uint32_t shared_value, const void *own, uint32_t own_value) {
  /* struct futex_waitv and its flag FUTEX_32, which not every target's headers have. Neither word is marked as private, so
   * that FUTEX_WAKE wakes for both. */
  struct {
    uint64_t value, address;
    uint32_t flags, reserved;
  } waits[2] = {
      {.value = shared_value, .address = (uintptr_t)shared, .flags = 2},
      {.value = own_value, .address = (uintptr_t)own, .flags = 2},
  };
  if (syscall(SYS_futex_waitv, waits, 2, 0, NULL, 0) >= 0) return 0;
  if (errno != ENOSYS) return -errno;
  struct timespec second = {.tv_sec = 1};
  return shm_futex_wait(shared, shared_value, &second);
}

int shm_thread_start(pthread_t *thread, void *(*body)(void *), void *argument) {
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return -error;
  sigset_t all, before;
  sigfillset(&all);
  pthread_attr_setstacksize(&attributes, 128 << 10);
  error = pthread_sigmask(SIG_SETMASK, &all, &before);
  if (error == 0) {
    error = pthread_create(thread, &attributes, body, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  pthread_attr_destroy(&attributes);
  return -error;
}

static pthread_mutex_t lists = PTHREAD_MUTEX_INITIALIZER;
void shm_list_lock(void) { pthread_mutex_lock(&lists); }
void shm_list_unlock(void) { pthread_mutex_unlock(&lists); }
