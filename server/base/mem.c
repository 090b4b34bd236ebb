#include "base/mem.h"

#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* jemalloc's own entry points; weak, so that tests and sanitizers link without it. */
extern void *mallocx(size_t bytes, int flags) __attribute__((weak));
extern void sdallocx(void *memory, size_t bytes, int flags) __attribute__((weak));
extern int mallctl(const char *name, void *old, size_t *old_bytes, void *value, size_t value_bytes)
    __attribute__((weak));

#define BLOCK_ALIGN_LOG2 6
#define ARENA_FLAG(arena) ((int)(((arena) + 1) << 20)) /* MALLOCX_ARENA of jemalloc.h */
#define NO_TCACHE_FLAG (1 << 8)                        /* MALLOCX_TCACHE_NONE */

static pthread_once_t arena_once = PTHREAD_ONCE_INIT;
static unsigned block_arena;
static atomic_size_t block_bytes;

static void *checked(void *memory, size_t bytes)
{
    if (memory == NULL && bytes > 0) {
        log_error("memory.exhausted", "bytes=%zu", bytes);
        abort();
    }
    return memory;
}

void *mem_alloc(size_t bytes)
{
    return checked(malloc(bytes), bytes);
}

void *mem_alloc_zeroed(size_t bytes)
{
    return checked(calloc(1, bytes), bytes);
}

void *mem_resize(void *memory, size_t bytes)
{
    return checked(realloc(memory, bytes), bytes);
}

void mem_free(void *memory)
{
    free(memory);
}

char *mem_copy_text(const char *text)
{
    size_t bytes = strlen(text) + 1;
    return memcpy(mem_alloc(bytes), text, bytes);
}

bool mem_has_jemalloc(void)
{
    return mallocx != NULL;
}

static void arena_create(void)
{
    size_t bytes = sizeof block_arena;
    if (mallctl("arenas.create", &block_arena, &bytes, NULL, 0) != 0)
        block_arena = 0; /* the default arena: only the separate statistics are lost */
}

void *mem_block_alloc(size_t bytes)
{
    atomic_fetch_add(&block_bytes, bytes);
    if (!mem_has_jemalloc()) {
        void *memory = NULL;
        if (posix_memalign(&memory, 1U << BLOCK_ALIGN_LOG2, bytes > 0 ? bytes : 1) != 0)
            memory = NULL;
        return checked(memory, bytes);
    }
    pthread_once(&arena_once, arena_create);
    int flags = ARENA_FLAG(block_arena) | NO_TCACHE_FLAG | BLOCK_ALIGN_LOG2;
    return checked(mallocx(bytes > 0 ? bytes : 1, flags), bytes);
}

void mem_block_free(void *memory, size_t bytes)
{
    if (memory == NULL)
        return;
    atomic_fetch_sub(&block_bytes, bytes);
    if (!mem_has_jemalloc()) {
        free(memory);
        return;
    }
    sdallocx(memory, bytes > 0 ? bytes : 1, NO_TCACHE_FLAG | BLOCK_ALIGN_LOG2);
}

static size_t read_statistic(const char *name)
{
    size_t value = 0;
    size_t bytes = sizeof value;
    return mallctl(name, &value, &bytes, NULL, 0) == 0 ? value : 0;
}

bool mem_statistics(struct mem_statistics *statistics)
{
    if (!mem_has_jemalloc())
        return false;
    uint64_t epoch = 1; /* any value: what is read afterwards is of now */
    size_t bytes = sizeof epoch;
    if (mallctl("epoch", &epoch, &bytes, &epoch, bytes) != 0)
        return false;
    *statistics = (struct mem_statistics){
        .allocated = read_statistic("stats.allocated"),
        .active = read_statistic("stats.active"),
        .metadata = read_statistic("stats.metadata"),
        .resident = read_statistic("stats.resident"),
        .mapped = read_statistic("stats.mapped"),
        .retained = read_statistic("stats.retained"),
    };
    return true;
}

size_t mem_block_bytes(void)
{
    return atomic_load(&block_bytes);
}
