// ShMap beside malloc, a private hash table, and Boost.Interprocess doing the same work in shared memory.
//
//     bench        prints one line per kind of work: nanoseconds per operation, the best of some rounds
//
// Everything in one program, so that all run under the same conditions; what needs two processes forks a child that attaches.

#include <pthread.h>
#include <sched.h>
#include <shmap.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/containers/string.hpp>
#include <boost/interprocess/managed_shared_memory.hpp>
#include <boost/interprocess/sync/interprocess_condition.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <boost/unordered_map.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

namespace ip = boost::interprocess;
using Clock = std::chrono::steady_clock;

static const int kRounds = 7;
static const int kBlocks = 20000;
static const int kKeys = 20000;
static const int kTurns = 20000;
static const int kLocks = 500000;

template <class F> static double nanoseconds(int operations, F body) {
  double best = 1e30;
  for (int round = 0; round < kRounds; round++) {
    auto start = Clock::now();
    body();
    double spent = std::chrono::duration<double, std::nano>(Clock::now() - start).count() / operations;
    best = std::min(best, spent);
  }
  return best;
}

static void line(const char *what, double ours, double boost, const char *other, double priv) {
  std::printf("%-34s %9.1f %9.1f   ", what, ours, boost);
  if (other) std::printf("%9.1f (%s)", priv, other);
  std::printf("\n");
  std::fflush(stdout);
}

static std::vector<size_t> sizes() {
  std::vector<size_t> all;
  unsigned state = 12345;
  for (int i = 0; i < kBlocks; i++) {
    state = state * 1664525u + 1013904223u;
    all.push_back(16 + (state >> 16) % 240);
  }
  return all;
}

static std::vector<std::string> keys() {
  std::vector<std::string> all;
  for (int i = 0; i < kKeys; i++) all.push_back("/xyz/openbmc_project/sensors/temperature/sensor_" + std::to_string(i));
  return all;
}

// Allocates all, then frees every other one, then the rest.
template <class Allocate, class Free> static double heap(Allocate allocate, Free release) {
  auto wanted = sizes();
  std::vector<void *> blocks(kBlocks);
  return nanoseconds(2 * kBlocks, [&] {
    for (int i = 0; i < kBlocks; i++) blocks[i] = allocate(wanted[i]);
    for (int i = 0; i < kBlocks; i += 2) release(blocks[i]);
    for (int i = 1; i < kBlocks; i += 2) release(blocks[i]);
  });
}

using BoostChars = ip::allocator<char, ip::managed_shared_memory::segment_manager>;
using BoostString = ip::basic_string<char, std::char_traits<char>, BoostChars>;
using BoostPair = std::pair<const BoostString, uint64_t>;
using BoostPairs = ip::allocator<BoostPair, ip::managed_shared_memory::segment_manager>;
struct BoostHash {
  size_t operator()(const BoostString &s) const { return boost::hash_range(s.begin(), s.end()); }
};
using BoostMap = boost::unordered_map<BoostString, uint64_t, BoostHash, std::equal_to<BoostString>, BoostPairs>;

struct Turns {
  struct shmap_mutex mutex;
  struct shmap_cond changed;
  int turn;
  long counter;
};

struct BoostTurns {
  ip::interprocess_mutex mutex;
  ip::interprocess_condition changed;
  int turn = 0;
  long counter = 0;
};

// What the C library offers with the same promises: survives its holder, lends its priority.
static pthread_mutex_t *robustMutex() {
  void *at = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
  pthread_mutex_init(static_cast<pthread_mutex_t *>(at), &attributes);
  return static_cast<pthread_mutex_t *>(at);
}

// What two processes that work at the same time tell each other.
struct Meeting {
  std::atomic<int> ready;
  std::atomic<long long> start[2], end[2];
};

// Runs `body(prepare(0), 0)` here and `body(prepare(1), 1)` in a child at the same time. The clock starts when both are
// prepared, and the first of them begins; it stops when both are done.
template <class P, class F> static double together(int operations, P prepare, F body) {
  void *shared = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  Meeting *meeting = new (shared) Meeting();
  double best = 1e30;
  for (int round = 0; round < kRounds; round++) {
    meeting->ready = 0;
    auto work = [&](int self) {
      auto mine = prepare(self);
      meeting->ready++;
      while (meeting->ready != 2) sched_yield();
      meeting->start[self] = Clock::now().time_since_epoch().count();
      body(mine, self);
      meeting->end[self] = Clock::now().time_since_epoch().count();
    };
    pid_t child = fork();
    if (child == 0) {
      work(1);
      _exit(0);
    }
    work(0);
    waitpid(child, nullptr, 0);
    Clock::duration spent(std::max(meeting->end[0].load(), meeting->end[1].load()) -
                          std::min(meeting->start[0].load(), meeting->start[1].load()));
    best = std::min(best, std::chrono::duration<double, std::nano>(spent).count() / operations);
  }
  munmap(shared, 4096);
  return best;
}

static std::string name(const char *what) { return std::string("shmapper-bench-") + what + std::to_string(getpid()); }

int main() {
  std::string ourName = name("a"), boostName = name("b");
  struct shmap *pool = shmap_init(ourName.c_str(), SHMAP_FLAG_OWN, sizeof(Turns), nullptr, nullptr);
  if (!pool) {
    std::perror("shmap_init");
    return 1;
  }
  ip::managed_shared_memory segment(ip::create_only, boostName.c_str(), 256 << 20);
  ip::shared_memory_object::remove(boostName.c_str());  // the mapping stays
  std::printf("%-34s %9s %9s   %9s\n", "nanoseconds per operation", "shmap", "Boost", "other");

  shmap_lock(pool);
  line("allocate and free, 16 to 255 bytes", heap([&](size_t n) { return shmap_malloc(pool, n); },
                                                  [&](void *p) { shmap_free(pool, p); }),
       heap([&](size_t n) { return segment.allocate(n); }, [&](void *p) { segment.deallocate(p); }), "malloc",
       heap([](size_t n) { return std::malloc(n); }, [](void *p) { std::free(p); }));

  auto names = keys();
  double ours = nanoseconds(kKeys, [&] {
    struct shmap_map *map = shmap_map_init(pool);
    for (int i = 0; i < kKeys; i++) {
      char *key = shmap_strdup(pool, names[i].c_str());
      shmap_map_add(pool, map, key, names[i].size(), reinterpret_cast<void *>(uintptr_t(i)));
    }
    struct shmap_map_iter iter;
    shmap_map_iter_init(pool, map, &iter);
    for (;;) {
      struct shmap_map_iter_entry entry = shmap_map_iter_next(pool, &iter);
      if (!entry.key) break;
      shmap_free(pool, entry.key);
    }
    shmap_map_destroy(pool, map);
  });
  double theirs = nanoseconds(kKeys, [&] {
    BoostMap *map = segment.construct<BoostMap>(ip::anonymous_instance)(
        8, BoostHash(), std::equal_to<BoostString>(), BoostPairs(segment.get_segment_manager()));
    BoostChars chars(segment.get_segment_manager());
    for (int i = 0; i < kKeys; i++) map->emplace(BoostString(names[i].c_str(), chars), uint64_t(i));
    segment.destroy_ptr(map);
  });
  double own = nanoseconds(kKeys, [&] {
    std::unordered_map<std::string, uint64_t> map;
    for (int i = 0; i < kKeys; i++) map.emplace(names[i], uint64_t(i));
  });
  line("map: insert, and the end of it all", ours, theirs, "std::unordered_map", own);

  struct shmap_map *map = shmap_map_init(pool);
  BoostMap *boostMap = segment.construct<BoostMap>(ip::anonymous_instance)(
      8, BoostHash(), std::equal_to<BoostString>(), BoostPairs(segment.get_segment_manager()));
  std::unordered_map<std::string, uint64_t> privateMap;
  BoostChars chars(segment.get_segment_manager());
  for (int i = 0; i < kKeys; i++) {
    shmap_map_add(pool, map, shmap_strdup(pool, names[i].c_str()), names[i].size(),
                  reinterpret_cast<void *>(uintptr_t(i)));
    boostMap->emplace(BoostString(names[i].c_str(), chars), uint64_t(i));
    privateMap.emplace(names[i], uint64_t(i));
  }
  volatile uint64_t sink = 0;
  ours = nanoseconds(kKeys, [&] {
    for (auto &key : names) sink = sink + reinterpret_cast<uintptr_t>(shmap_map_get(pool, map, key.data(), key.size()));
  });
  // Boost's table wants a key of its own kind: looked up with one that is there already, which spares it a copy.
  std::vector<const BoostString *> stored;
  for (auto &key : names) stored.push_back(&boostMap->find(BoostString(key.c_str(), chars))->first);
  theirs = nanoseconds(kKeys, [&] {
    for (auto key : stored) sink = sink + boostMap->find(*key)->second;
  });
  own = nanoseconds(kKeys, [&] {
    for (auto &key : names) sink = sink + privateMap.find(key)->second;
  });
  line("map: look up", ours, theirs, "std::unordered_map", own);

  Turns *turns = shmap_private(pool, static_cast<Turns *>(shmap_get_user(pool)));
  std::memset(turns, 0, sizeof *turns);
  BoostTurns *boostTurns = segment.construct<BoostTurns>(ip::anonymous_instance)();
  Turns *shared = static_cast<Turns *>(shmap_get_user(pool));
  ours = nanoseconds(100000, [&] {
    for (int i = 0; i < 100000; i++) {
      shmap_mutex_lock(pool, &shared->mutex);
      shmap_mutex_unlock(pool, &shared->mutex);
    }
  });
  theirs = nanoseconds(100000, [&] {
    for (int i = 0; i < 100000; i++) ip::scoped_lock<ip::interprocess_mutex> held(boostTurns->mutex);
  });
  pthread_mutex_t *robust = robustMutex();
  own = nanoseconds(100000, [&] {
    for (int i = 0; i < 100000; i++) {
      pthread_mutex_lock(robust);
      pthread_mutex_unlock(robust);
    }
  });
  line("mutex, nobody else", ours, theirs, "robust pthread mutex", own);
  shmap_unlock(pool);

  auto attach = [&](int self) { return self ? shmap_init(ourName.c_str(), 0, 0, nullptr, nullptr) : pool; };
  auto inherit = [&](int) { return boostTurns; };
  ours = together(2 * kLocks, attach, [&](struct shmap *mine, int) {
    shmap_lock(mine);
    Turns *at = static_cast<Turns *>(shmap_get_user(mine));
    for (int i = 0; i < kLocks; i++) {
      shmap_mutex_lock(mine, &at->mutex);
      shmap_private(mine, at)->counter++;
      shmap_mutex_unlock(mine, &at->mutex);
    }
    shmap_unlock(mine);
  });
  theirs = together(2 * kLocks, inherit, [&](BoostTurns *mine, int) {
    for (int i = 0; i < kLocks; i++) {
      ip::scoped_lock<ip::interprocess_mutex> held(mine->mutex);
      mine->counter++;
    }
  });
  own = together(2 * kLocks, inherit, [&](BoostTurns *mine, int) {
    for (int i = 0; i < kLocks; i++) {
      pthread_mutex_lock(robust);
      mine->counter++;
      pthread_mutex_unlock(robust);
    }
  });
  line("mutex, two processes at once", ours, theirs, "robust pthread mutex", own);

  ours = together(2 * kTurns, attach, [&](struct shmap *mine, int self) {
    shmap_lock(mine);
    Turns *at = static_cast<Turns *>(shmap_get_user(mine));
    for (int i = 0; i < kTurns; i++) {
      shmap_mutex_lock(mine, &at->mutex);
      while (shmap_private(mine, at)->turn != self) shmap_cond_wait(mine, &at->changed, &at->mutex);
      shmap_private(mine, at)->turn = 1 - self;
      shmap_cond_signal(mine, &at->changed);
      shmap_mutex_unlock(mine, &at->mutex);
    }
    shmap_unlock(mine);
  });
  theirs = together(2 * kTurns, inherit, [&](BoostTurns *mine, int self) {
    for (int i = 0; i < kTurns; i++) {
      ip::scoped_lock<ip::interprocess_mutex> held(mine->mutex);
      while (mine->turn != self) mine->changed.wait(held);
      mine->turn = 1 - self;
      mine->changed.notify_one();
    }
  });
  line("hand-over with a condition", ours, theirs, nullptr, 0);
  shmap_destroy(pool);
  return 0;
}
