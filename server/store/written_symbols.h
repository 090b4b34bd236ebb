/*
 * Per symbol, what one writer has written: a hash table by name, in front of it the last one found,
 * because a symbol's ticks come in runs.
 *
 * The writer's thread. Owns the names. Grows with the number of symbols, never with that of ticks.
 */
#ifndef TAPEDECK_STORE_WRITTEN_SYMBOLS_H
#define TAPEDECK_STORE_WRITTEN_SYMBOLS_H

#include "store/tick_writer.h"

struct written_symbols {
    struct written_symbol *of; /* dense, in the order of coming; sorted by written_symbols_sort */
    size_t count;
    size_t capacity;
    uint32_t *slots; /* index + 1 into `of`; 0: free. A power of two, at most half full */
    size_t slot_count;
    struct written_symbol *last;
};

void written_symbols_init(struct written_symbols *symbols);
void written_symbols_deinit(struct written_symbols *symbols);
void written_symbols_count(struct written_symbols *symbols, const char *name,
                           const struct tick *tick);
/* By name; nothing may be counted afterwards. */
void written_symbols_sort(struct written_symbols *symbols);

#endif
