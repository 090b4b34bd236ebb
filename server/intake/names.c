#include "intake/names.h"

#include "base/assert.h"
#include "base/mem.h"
#include "market/symbol.h"

#include <stdio.h>
#include <string.h>

#define FIRST_SLOTS 64 /* a power of two; doubled at half full */
#define NO_NAME UINT32_MAX

struct name {
    uint64_t hash;
    char *text; /* prefix and name */
    size_t bytes;
};

struct names {
    char prefix[SYMBOL_BYTES_MAX + 2];
    size_t prefix_bytes;
    struct name *names;
    uint32_t count;
    uint32_t last;   /* the name found last: feeds bring runs of one symbol */
    uint32_t *slots; /* open addressing: ids, or NO_NAME */
    size_t slot_count;
};

static void slots_create(struct names *names, size_t slot_count)
{
    names->slot_count = slot_count;
    names->slots = mem_alloc(slot_count * sizeof *names->slots);
    memset(names->slots, 0xff, slot_count * sizeof *names->slots);
    names->names = mem_resize(names->names, slot_count / 2 * sizeof *names->names);
}

struct names *names_create(const char *prefix)
{
    struct names *names = MEM_NEW(struct names);
    int bytes = snprintf(names->prefix, sizeof names->prefix, "%s", prefix);
    ASSERT(bytes >= 0);
    ASSERT((size_t)bytes < sizeof names->prefix);
    names->prefix_bytes = (size_t)bytes;
    slots_create(names, FIRST_SLOTS);
    return names;
}

void names_destroy(struct names **names)
{
    struct names *closed = *names;
    *names = NULL;
    if (closed == NULL)
        return;
    for (uint32_t i = 0; i < closed->count; i++)
        mem_free(closed->names[i].text);
    mem_free(closed->names);
    mem_free(closed->slots);
    mem_free(closed);
}

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const char *name, size_t bytes)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ (uint8_t)name[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static bool is_name(const struct names *names, uint32_t id, const char *name, size_t bytes)
{
    const struct name *known = &names->names[id];
    return known->bytes == names->prefix_bytes + bytes &&
           memcmp(known->text + names->prefix_bytes, name, bytes) == 0;
}

/* The slot that holds the name, or the free one where it belongs. */
static size_t slot_of(const struct names *names, uint64_t hash, const char *name, size_t bytes)
{
    size_t slot = (size_t)(hash ^ hash >> 32) & (names->slot_count - 1);
    for (;; slot = (slot + 1) & (names->slot_count - 1)) {
        uint32_t id = names->slots[slot];
        if (id == NO_NAME)
            return slot;
        if (names->names[id].hash == hash && is_name(names, id, name, bytes))
            return slot;
    }
}

static void grow(struct names *names)
{
    mem_free(names->slots);
    slots_create(names, names->slot_count * 2);
    for (uint32_t id = 0; id < names->count; id++) {
        const struct name *name = &names->names[id];
        size_t slot = slot_of(names, name->hash, name->text + names->prefix_bytes,
                              name->bytes - names->prefix_bytes);
        names->slots[slot] = id;
    }
}

static enum status add(struct names *names, uint64_t hash, const char *name, size_t bytes,
                       struct error *error)
{
    char text[2 * SYMBOL_BYTES_MAX + 2];
    size_t text_bytes = names->prefix_bytes + bytes;
    if (bytes == 0 || text_bytes > SYMBOL_BYTES_MAX)
        return error_set(error, STATUS_INVALID, "symbol must have 1 … %d bytes", SYMBOL_BYTES_MAX);
    memcpy(text, names->prefix, names->prefix_bytes);
    memcpy(text + names->prefix_bytes, name, bytes);
    text[text_bytes] = '\0';
    enum status status = symbol_check(text, text_bytes, error);
    if (status != STATUS_OK)
        return status;
    if (names->count == NAMES_MAX)
        return error_set(error, STATUS_LIMIT, "more than %d symbols in one file", NAMES_MAX);
    if (names->count == names->slot_count / 2)
        grow(names);
    names->slots[slot_of(names, hash, name, bytes)] = names->count;
    names->names[names->count++] =
        (struct name){.hash = hash, .text = mem_copy_text(text), .bytes = text_bytes};
    return STATUS_OK;
}

enum status names_intern(struct names *names, const char *name, size_t bytes, uint32_t *id,
                         struct error *error)
{
    if (names->count > 0 && is_name(names, names->last, name, bytes)) {
        *id = names->last;
        return STATUS_OK;
    }
    uint64_t hash = hash_of(name, bytes);
    uint32_t found = names->slots[slot_of(names, hash, name, bytes)];
    if (found == NO_NAME) {
        enum status status = add(names, hash, name, bytes, error);
        if (status != STATUS_OK)
            return status;
        found = names->count - 1;
    }
    names->last = found;
    *id = found;
    return STATUS_OK;
}

uint32_t names_count(const struct names *names)
{
    return names->count;
}

const char *names_text(const struct names *names, uint32_t id)
{
    ASSERT(id < names->count);
    return names->names[id].text;
}
