/* What the two processes of the example share. */
#pragma once
#include <errno.h>
#include <shmap.h>

#define READINGS 200

struct telemetry {
  struct shmap_mutex mutex;
  struct shmap_cond changed;
  int32_t reading;
};
