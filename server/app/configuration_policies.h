/*
 * The section "policies" of tapedeck.yaml, the only one with levels of its own: its schema for
 * libcyaml, its values as texts with their lines, and what is said when it cannot be read.
 * Part of configuration_file.c. Main thread.
 */
#ifndef TAPEDECK_APP_CONFIGURATION_POLICIES_H
#define TAPEDECK_APP_CONFIGURATION_POLICIES_H

#include "app/configuration_file.h"

#include <cyaml/cyaml.h>

/* What libcyaml fills in. A target or a text that is not there is NULL. */
struct loaded_target {
    char *texts[DECLARED_KEYS_MAX];
};

struct loaded_policies {
    struct loaded_target *targets[DECLARED_TARGETS_MAX];
};

/* libcyaml's tables; they must outlive what is loaded by them. */
struct policies_schema {
    cyaml_schema_field_t targets[DECLARED_TARGETS_MAX + 1];
    cyaml_schema_field_t keys[DECLARED_TARGETS_MAX][DECLARED_KEYS_MAX + 1];
};

void policies_schema_init(struct policies_schema *schema);
/* The field of the section in a struct that has a `struct loaded_policies *` at `offset`. */
cyaml_schema_field_t policies_schema_field(const struct policies_schema *schema, size_t offset);

/* Copies the texts and finds their lines in the file's text. `loaded` may be NULL. */
void policies_take(const struct loaded_policies *loaded, const char *text,
                   struct configuration_file *file);

/* Where the reading stopped: names of fields from the outermost on, "policies" first. */
struct policies_place {
    const char *path;
    const char *text;
    const char *names[3];
    size_t depth;
    unsigned line;
};

/* STATUS_INVALID; `stranger`: the key that is none, NULL: something else is wrong. */
enum status policies_explain(const struct policies_place *place, const char *stranger,
                             bool is_twice, struct error *error);

#endif
