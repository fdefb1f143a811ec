/* libFuzzer's loop, which brings no header of its own (LLVM documentation, "Using libFuzzer as a library"). */
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one_input)(const uint8_t *data, size_t count));
