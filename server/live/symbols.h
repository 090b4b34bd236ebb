/*
 * The list of symbols that everybody sees: read once when it changes, published as an immutable
 * list. A replay is opened and `symbols` answered from it without a query, also while the
 * database is away.
 *
 * One thread of its own asks the source and publishes; a refresh may be asked for from any
 * thread, and refreshes asked for while one runs become one. Lists are pinned by reference.
 */
#ifndef TAPEDECK_LIVE_SYMBOLS_H
#define TAPEDECK_LIVE_SYMBOLS_H

#include "market/source.h"

struct live_symbols;

/* Sorted by name; never changes. */
struct symbol_list {
    atomic_uint references;
    size_t count;
    struct symbol *symbols;
};

/* Starts with a refresh. */
struct live_symbols *live_symbols_create(struct source *source);
/* Asks the source for nothing any more. Call it before the source is destroyed … */
void live_symbols_stop(struct live_symbols *live);
/* … and this after: it waits for the answer that the source still owes. */
void live_symbols_destroy(struct live_symbols **live);

/* Returns the number of this refresh: they are counted from 1. */
uint64_t live_symbols_refresh(struct live_symbols *live);

/* Called on this object's thread after each list has been published: it was read after refresh
 * `refresh`, and all before it, had been asked for. `before` is NULL the first time. */
typedef void live_symbols_listed_fn(void *owner, uint64_t refresh, const struct symbol_list *before,
                                    const struct symbol_list *list);
void live_symbols_on_list(struct live_symbols *live, live_symbols_listed_fn *listed, void *owner);

/* Waits for the first list; false when none has come in time. */
bool live_symbols_await(struct live_symbols *live, int64_t timeout_us);
/* The newest list, or NULL before the first one has come. */
struct symbol_list *live_symbols_pin(struct live_symbols *live);
void symbol_list_unpin(struct symbol_list **list);

/* NULL: no such symbol. */
const struct symbol *symbol_list_find(const struct symbol_list *list, const char *name);
/* The index of the first name that is not before `prefix`. */
size_t symbol_list_first(const struct symbol_list *list, const char *prefix);

#endif
