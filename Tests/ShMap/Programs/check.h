/* CHECK(condition): ends the program with a message when it does not hold. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);           \
      exit(1);                                                                  \
    }                                                                           \
  } while (0)
