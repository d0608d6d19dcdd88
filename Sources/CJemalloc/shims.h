// jemalloc's control interface; linking it makes it the process's allocator.
#ifndef COUNTERSIGN_CJEMALLOC_H
#define COUNTERSIGN_CJEMALLOC_H
#include <stddef.h>
#include <jemalloc/jemalloc.h>
#endif
