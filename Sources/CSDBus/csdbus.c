#include "csdbus.h"
