#include "shmapper.h"
