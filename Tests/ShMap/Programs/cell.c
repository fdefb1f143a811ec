/* Cells by themselves, for every word size that this machine can run: the kernel's list of held locks has another shape in 32-
 * and 64-bit processes, and locks must survive their holder in both.
 *
 *     cell           runs the checks
 *     cell layout    prints what processes of both sizes have to agree on */
#include "cell.h"

#include <map.h>
#include <pthread.h>
#include <set.h>
#include <shmap.h>
#include <vec.h>

#include "check.h"

enum { CELLS = 12 };

/* What parent and child share. */
static struct shared {
  struct shm_cell cells[CELLS];
  pthread_mutex_t robust[2]; /* the C library's own, in the same list */
  uint32_t step;
} *shared;

static struct shm_thread *me(void) { return shm_thread_self(); }

static void print_layout(void) {
#define PLACE(type, member) printf(#type "." #member " %u\n", (unsigned)offsetof(struct type, member))
#define SIZE(type) printf(#type " %u/%u\n", (unsigned)sizeof(struct type), (unsigned)_Alignof(struct type))
  PLACE(shm_cell, word);
  PLACE(shm_cell, what);
  PLACE(shm_cell, depth);
  PLACE(shm_cell, narrow_self);
  PLACE(shm_cell, narrow_next);
  PLACE(shm_cell, wide_before);
  PLACE(shm_cell, wide_next);
  printf("shm_cell %u\n", (unsigned)sizeof(struct shm_cell));
  SIZE(shmap_mutex);
  SIZE(shmap_cond);
  SIZE(shmap_rwlock);
  SIZE(shmap_hash);
  printf("header %u\n", (unsigned)SHM_HEADER_BYTES);
}

/* Runs `body` in a child that dies by SIGKILL at its end. */
static void in_dying_child(void (*body)(uint32_t), uint32_t argument) {
  pid_t child = fork();
  if (child == 0) {
    body(argument);
    kill(getpid(), SIGKILL);
  }
  int status;
  CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

static uint32_t next(uint32_t *state) { return (*state = *state * 1664525u + 1013904223u) >> 16; }

/* Takes and gives cells in any order, between the C library's own robust locks; says in `step` which it dies with. */
static void take_and_give(uint32_t seed) {
  uint32_t held = 0;
  bool has_robust[2] = {false, false};
  for (int turn = 0; turn < 60; turn++) {
    uint32_t number = next(&seed) % (CELLS + 2);
    if (number < CELLS) {
      if (held & 1u << number) {
        CHECK(shm_cell_unlock(&shared->cells[number], me()) == 0);
      } else {
        CHECK(shm_cell_try(&shared->cells[number], me()) == SHM_TAKEN);
      }
      held ^= 1u << number;
    } else {
      pthread_mutex_t *robust = &shared->robust[number - CELLS];
      CHECK((has_robust[number - CELLS] ? pthread_mutex_unlock(robust) : pthread_mutex_lock(robust)) == 0);
      has_robust[number - CELLS] = !has_robust[number - CELLS];
    }
  }
  for (int number = 0; number < 2; number++)
    if (has_robust[number]) held |= 1u << (CELLS + number);
  shared->step = held;
}

static void locks_survive_their_holder(void) {
  for (uint32_t seed = 1; seed <= 300; seed++) {
    in_dying_child(take_and_give, seed);
    for (int number = 0; number < CELLS; number++) {
      int expected = shared->step & 1u << number ? SHM_HOLDER_DIED : SHM_TAKEN;
      CHECK(shm_cell_try(&shared->cells[number], me()) == expected);
      CHECK(shm_cell_unlock(&shared->cells[number], me()) == 0 && shared->cells[number].word == 0);
    }
    for (int number = 0; number < 2; number++) {
      int expected = shared->step & 1u << (CELLS + number) ? EOWNERDEAD : 0;
      CHECK(pthread_mutex_lock(&shared->robust[number]) == expected);
      if (expected) CHECK(pthread_mutex_consistent(&shared->robust[number]) == 0);
      CHECK(pthread_mutex_unlock(&shared->robust[number]) == 0);
    }
  }
}

static void *wait_for_cell(void *unused) {
  (void)unused;
  __atomic_store_n(&shared->step, 1, __ATOMIC_SEQ_CST);
  CHECK(shm_cell_sleep(&shared->cells[0], me()) == SHM_HOLDER_DIED);
  CHECK(shm_cell_unlock(&shared->cells[0], me()) == 0);
  return NULL;
}

static void hold_until_somebody_waits(uint32_t number) {
  CHECK(shm_cell_try(&shared->cells[number], me()) == SHM_TAKEN);
  __atomic_store_n(&shared->step, 2, __ATOMIC_SEQ_CST);
  while (!(shm_load32(&shared->cells[number]) & FUTEX_WAITERS)) usleep(1000);
}

static void who_sleeps_is_woken_by_the_holders_death(void) {
  shared->step = 0;
  pid_t child = fork();
  if (child == 0) {
    hold_until_somebody_waits(0);
    kill(getpid(), SIGKILL);
  }
  while (__atomic_load_n(&shared->step, __ATOMIC_SEQ_CST) != 2) usleep(1000);
  pthread_t waiter;
  CHECK(pthread_create(&waiter, NULL, wait_for_cell, NULL) == 0 && pthread_join(waiter, NULL) == 0);
  CHECK(waitpid(child, NULL, 0) == child && shared->cells[0].word == 0);
}

static void enter(uint32_t lock) { CHECK(shm_entry_take(&shared->cells[0], lock, me())); }

static void readers_survive_too(void) {
  in_dying_child(enter, 4096);
  CHECK(shared->cells[0].word == FUTEX_OWNER_DIED && shared->cells[0].what == 4096);
  CHECK(shm_entry_take(&shared->cells[0], 8192, me()) && shared->cells[0].what == 8192);
  CHECK(!shm_entry_take(&shared->cells[0], 8192, me()));
  shm_entry_leave(&shared->cells[0], me());
  CHECK(shared->cells[0].word == 0);
}

/* As a holder whose locks the kernel does not know: an emulator's guest. */
static void hold_unknown(uint32_t is_reader) {
  me()->nobodys.list.next = &me()->nobodys.list;
  me()->list = &me()->nobodys;
  if (is_reader) enter(4096);
  else CHECK(shm_cell_try(&shared->cells[0], me()) == SHM_TAKEN);
}

static void holders_unknown_to_the_kernel_are_found_by_their_number(void) {
  in_dying_child(hold_unknown, false);
  CHECK(shared->cells[0].word != 0 && shm_cell_try_soon(&shared->cells[0], me()) == SHM_HELD);
  CHECK(shm_cell_sleep(&shared->cells[0], me()) == SHM_HOLDER_DIED);
  CHECK(shm_cell_unlock(&shared->cells[0], me()) == 0 && shared->cells[0].word == 0);
  in_dying_child(hold_unknown, true);
  CHECK(!shm_entry_take(&shared->cells[0], 8192, me()));
  shm_entry_wait(&shared->cells[0], 8192); /* it reads under another lock: nothing to wait for */
  CHECK((shared->cells[0].word & FUTEX_TID_MASK) != 0);
  shm_entry_wait(&shared->cells[0], 4096);
  CHECK(shared->cells[0].word == FUTEX_OWNER_DIED && shm_entry_take(&shared->cells[0], 8192, me()));
  shm_entry_leave(&shared->cells[0], me());
}

static void only_the_holder_gives(void) {
  CHECK(shm_cell_unlock(&shared->cells[0], me()) == -EPERM);
  CHECK(shm_cell_try(&shared->cells[0], me()) == SHM_TAKEN && shm_cell_sleep(&shared->cells[0], me()) == -EDEADLK);
  pid_t child = fork();
  if (child == 0) _exit(shm_cell_unlock(&shared->cells[0], me()) == -EPERM ? 0 : 1);
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(shm_cell_unlock(&shared->cells[0], me()) == 0);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "layout") == 0) {
    print_layout();
    return 0;
  }
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED);
  pthread_mutexattr_t attributes;
  CHECK(pthread_mutexattr_init(&attributes) == 0);
  CHECK(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  CHECK(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
  CHECK(pthread_mutex_init(&shared->robust[0], &attributes) == 0);
  CHECK(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) == 0);
  CHECK(pthread_mutex_init(&shared->robust[1], &attributes) == 0);
  locks_survive_their_holder();
  who_sleeps_is_woken_by_the_holders_death();
  readers_survive_too();
  holders_unknown_to_the_kernel_are_found_by_their_number();
  only_the_holder_gives();
  printf("cell ok, %u bits\n", (unsigned)sizeof(void *) * 8);
  return 0;
}
