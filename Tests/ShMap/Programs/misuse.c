/* What sparse has to report: a shared pointer dereferenced, taken for a private one, and the reverse. */
#include <shmap.h>

struct world {
  int number;
};

int misuse(struct shmap *pool);
int misuse(struct shmap *pool) {
  struct world __as_shared *world = shmap_get_user(pool);
  struct world *wrong = world;
  struct world __as_shared *back = wrong;
  return world->number + (back == NULL);
}
