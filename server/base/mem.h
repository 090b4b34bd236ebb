/*
 * The only place that calls malloc.
 *
 * Ordinary allocations never return NULL: everything a peer can cause has a named bound, so running
 * out means the machine is out of memory, and a replay continues anywhere (PROTOCOL rule 7): we log
 * and abort instead of limping. Block memory (sealed tick columns) lives in an arena of its own
 * when jemalloc is linked, so that its statistics can be read apart and eviction really returns
 * pages; without jemalloc it is ordinary memory. Any thread.
 */
#ifndef TAPEDECK_BASE_MEM_H
#define TAPEDECK_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

void *mem_alloc(size_t bytes);
void *mem_alloc_zeroed(size_t bytes);
void *mem_resize(void *memory, size_t bytes);
void mem_free(void *memory);
char *mem_copy_text(const char *text);

/* Block memory: 64-byte aligned. `bytes` of mem_block_free is what was asked for. */
void *mem_block_alloc(size_t bytes);
void mem_block_free(void *memory, size_t bytes);

/* Whether jemalloc serves this process. */
bool mem_has_jemalloc(void);
/* What jemalloc has of the machine, in bytes: allocated ≤ active ≤ resident ≤ mapped. */
struct mem_statistics {
    size_t allocated; /* by this process's code */
    size_t active;    /* in pages with anything allocated */
    size_t metadata;  /* jemalloc's own */
    size_t resident;  /* in physical memory at most */
    size_t mapped;    /* of address space, but for what is retained */
    size_t retained;  /* of it, given back to the machine */
};
/* False without jemalloc: then nothing is known. Takes some ten µs. */
bool mem_statistics(struct mem_statistics *statistics);
/* Block memory now held, in bytes as asked for. */
size_t mem_block_bytes(void);

#define MEM_NEW(type) ((type *)mem_alloc_zeroed(sizeof(type)))

#endif
