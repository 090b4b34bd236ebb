/*
 * Symbol names, each stored once and numbered from 0 in order of appearance, so that a row carries
 * a small id and what is counted per symbol is an array.
 *
 * An optional prefix ("BITMEX:") is put before every name. Names live until names_destroy, at
 * addresses that do not change. At most NAMES_MAX, as each costs memory. One owner thread.
 */
#ifndef TAPEDECK_INTAKE_NAMES_H
#define TAPEDECK_INTAKE_NAMES_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define NAMES_MAX 100000

struct names;

/* `prefix` is copied. */
struct names *names_create(const char *prefix);
void names_destroy(struct names **names);

/* The id of prefix + name. A new name must pass symbol_check (else STATUS_INVALID) and must not be
 * the NAMES_MAX + 1st (STATUS_LIMIT). */
enum status names_intern(struct names *names, const char *name, size_t bytes, uint32_t *id,
                         struct error *error) MUST_CHECK;

uint32_t names_count(const struct names *names);
/* With its prefix. `id` < names_count. */
const char *names_text(const struct names *names, uint32_t id);

#endif
