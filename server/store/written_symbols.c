#include "store/written_symbols.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64

void written_symbols_init(struct written_symbols *symbols)
{
    *symbols = (struct written_symbols){.slot_count = SLOTS_FIRST};
    symbols->slots = mem_alloc_zeroed(SLOTS_FIRST * sizeof *symbols->slots);
}

void written_symbols_deinit(struct written_symbols *symbols)
{
    for (size_t i = 0; i < symbols->count; i++)
        mem_free((void *)symbols->of[i].name);
    mem_free(symbols->of);
    mem_free(symbols->slots);
    *symbols = (struct written_symbols){0};
}

static size_t hash_of(const char *name) /* FNV-1a */
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return (size_t)(hash ^ hash >> 32);
}

/* The slot that holds the name, or the free one where it belongs. */
static uint32_t *slot_of(const struct written_symbols *symbols, const char *name)
{
    size_t at = hash_of(name);
    for (;; at++) {
        uint32_t *slot = &symbols->slots[at & (symbols->slot_count - 1)];
        if (*slot == 0 || strcmp(symbols->of[*slot - 1].name, name) == 0)
            return slot;
    }
}

static void grow_slots(struct written_symbols *symbols)
{
    mem_free(symbols->slots);
    symbols->slot_count *= 2;
    symbols->slots = mem_alloc_zeroed(symbols->slot_count * sizeof *symbols->slots);
    for (size_t i = 0; i < symbols->count; i++)
        *slot_of(symbols, symbols->of[i].name) = (uint32_t)(i + 1);
}

static struct written_symbol *add(struct written_symbols *symbols, const char *name, int64_t time)
{
    if ((symbols->count + 1) * 2 > symbols->slot_count)
        grow_slots(symbols);
    if (symbols->count == symbols->capacity) {
        symbols->capacity = symbols->capacity > 0 ? 2 * symbols->capacity : SLOTS_FIRST / 2;
        symbols->of = mem_resize(symbols->of, symbols->capacity * sizeof *symbols->of);
    }
    *slot_of(symbols, name) = (uint32_t)(symbols->count + 1);
    struct written_symbol *added = &symbols->of[symbols->count++];
    *added = (struct written_symbol){.name = mem_copy_text(name), .first = time, .last = time};
    return added;
}

static struct written_symbol *find(struct written_symbols *symbols, const char *name, int64_t time)
{
    if (symbols->last != NULL && strcmp(symbols->last->name, name) == 0)
        return symbols->last;
    uint32_t index = *slot_of(symbols, name);
    symbols->last = index != 0 ? &symbols->of[index - 1] : add(symbols, name, time);
    return symbols->last;
}

static unsigned fields_of(const struct tick *tick)
{
    unsigned fields = 0;
    for (int field = 0; field < TICK_FIELDS; field++)
        fields |= tick->fields[field] != DECIMAL_NULL ? TICK_FIELD_BIT(field) : 0;
    return fields;
}

void written_symbols_count(struct written_symbols *symbols, const char *name,
                           const struct tick *tick)
{
    int64_t time = tick->time;
    struct written_symbol *symbol = find(symbols, name, time);
    symbol->fields |= fields_of(tick);
    if (time < symbol->first)
        symbol->first = time;
    if (time > symbol->last)
        symbol->last = time;
    symbol->ticks++;
}

static int by_name(const void *one, const void *other)
{
    return strcmp(((const struct written_symbol *)one)->name,
                  ((const struct written_symbol *)other)->name);
}

void written_symbols_sort(struct written_symbols *symbols)
{
    if (symbols->count > 0)
        qsort(symbols->of, symbols->count, sizeof *symbols->of, by_name);
    symbols->last = NULL;
}
