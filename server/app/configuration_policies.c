#include "app/configuration_policies.h"

#include "app/option_value.h"
#include "base/assert.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- the schema ---- */

/* The place of a row's target among the targets, and of its key among the target's keys. */
static void place_of(size_t row, size_t *target, size_t *key)
{
    size_t count;
    const struct declared_setting *all = declared_settings(&count);
    *target = *key = 0;
    for (size_t i = 1; i <= row; i++) {
        bool is_same = strcmp(all[i].target, all[i - 1].target) == 0;
        *target += !is_same;
        *key = is_same ? *key + 1 : 0;
    }
    ASSERT(*target < DECLARED_TARGETS_MAX);
    ASSERT(*key < DECLARED_KEYS_MAX);
}

void policies_schema_init(struct policies_schema *schema)
{
    size_t count;
    const struct declared_setting *all = declared_settings(&count);
    const cyaml_schema_field_t end = CYAML_FIELD_END;
    for (size_t i = 0; i < count; i++) {
        size_t target;
        size_t key;
        place_of(i, &target, &key);
        schema->keys[target][key] = (cyaml_schema_field_t){
            .key = all[i].key,
            .value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL, char *,
                                         0, CYAML_UNLIMITED)},
            .data_offset = (uint32_t)(offsetof(struct loaded_target, texts) + key * sizeof(char *)),
        };
        schema->keys[target][key + 1] = end;
        schema->targets[target] = (cyaml_schema_field_t){
            .key = all[i].target,
            .value = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL,
                                          struct loaded_target, schema->keys[target])},
            .data_offset = (uint32_t)(offsetof(struct loaded_policies, targets) +
                                      target * sizeof(struct loaded_target *)),
        };
        schema->targets[target + 1] = end;
    }
}

cyaml_schema_field_t policies_schema_field(const struct policies_schema *schema, size_t offset)
{
    return (cyaml_schema_field_t){
        .key = DECLARED_SECTION,
        .value = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL,
                                      struct loaded_policies, schema->targets)},
        .data_offset = (uint32_t)offset,
    };
}

/* ---- lines ---- */

static bool is_key(const char *text, const char *at, const char *key, size_t bytes)
{
    if (strncmp(at, key, bytes) != 0 || (at > text && strchr(" \n{,\"'", at[-1]) == NULL))
        return false;
    at += bytes;
    at += strspn(at, "\"' ");
    return *at == ':';
}

/* The next place where `key` is a key, in block or flow style; NULL: there is none. */
static const char *find_key(const char *text, const char *from, const char *key)
{
    size_t bytes = strlen(key);
    for (const char *at = from; *at != '\0'; at++) {
        if (*at == '#' && (at == text || isspace((unsigned char)at[-1]))) {
            at += strcspn(at, "\n");
            if (*at == '\0')
                return NULL;
        } else if (is_key(text, at, key, bytes)) {
            return at;
        }
    }
    return NULL;
}

/* Where the last of nested keys stands; NULL: not found. */
static const char *find_nested(const char *text, const char *const *names, size_t depth)
{
    const char *at = text;
    for (size_t i = 0; i < depth && at != NULL; i++)
        at = find_key(text, at, names[i]);
    return at;
}

/* 0: it is nowhere. */
static unsigned line_at(const char *text, const char *at)
{
    if (at == NULL)
        return 0;
    unsigned line = 1;
    for (const char *c = text; c < at; c++)
        line += *c == '\n';
    return line;
}

static unsigned line_of(const char *text, const char *const *names, size_t depth)
{
    return line_at(text, find_nested(text, names, depth));
}

void policies_take(const struct loaded_policies *loaded, const char *text,
                   struct configuration_file *file)
{
    size_t count;
    const struct declared_setting *all = declared_settings(&count);
    for (size_t i = 0; loaded != NULL && i < count; i++) {
        size_t target;
        size_t key;
        place_of(i, &target, &key);
        const struct loaded_target *values = loaded->targets[target];
        if (values == NULL || values->texts[key] == NULL)
            continue;
        const char *names[] = {DECLARED_SECTION, all[i].target, all[i].key};
        file->policies[i] = mem_copy_text(values->texts[key]);
        file->policy_lines[i] = line_of(text, names, 3);
    }
}

/* ---- complaints ---- */

/* The targets, or the keys of one. */
static size_t list_names(const char *target, const char **names)
{
    size_t count;
    size_t used = 0;
    const struct declared_setting *all = declared_settings(&count);
    for (size_t i = 0; i < count; i++) {
        const char *name = target != NULL ? all[i].key : all[i].target;
        bool is_meant = target == NULL || strcmp(all[i].target, target) == 0;
        if (is_meant && (used == 0 || strcmp(names[used - 1], name) != 0))
            names[used++] = name;
    }
    return used;
}

static enum status refuse_stranger(const struct policies_place *place, const char *stranger,
                                   struct error *error)
{
    const char *names[DECLARED_SETTINGS_MAX];
    const char *path[4] = {place->names[0], place->names[1]};
    const char *target = place->depth > 1 ? place->names[1] : NULL;
    size_t count = list_names(target, names);
    const char *closest = value_closest(stranger, names, count);
    path[place->depth] = stranger;
    char known[256] = "";
    for (size_t i = 0, used = 0; i < count && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "",
                                 names[i]);
    return error_set(error, STATUS_INVALID, "%s line %u: %s has no %s: %s%s%s", place->path,
                     line_of(place->text, path, place->depth + 1),
                     target != NULL ? target : DECLARED_SECTION, stranger,
                     closest != NULL ? "did you mean " : "it knows ",
                     closest != NULL ? closest : known, closest != NULL ? "?" : "");
}

static enum status refuse_second(const struct policies_place *place, struct error *error)
{
    const char *last = place->names[place->depth - 1];
    const char *first = find_nested(place->text, place->names, place->depth);
    const char *second = first != NULL ? find_key(place->text, first + 1, last) : NULL;
    return error_set(error, STATUS_INVALID, "%s line %u: %s%s%s is there twice, first in line %u",
                     place->path, line_at(place->text, second),
                     place->depth > 1 ? place->names[place->depth - 2] : "",
                     place->depth > 1 ? "." : "", last, line_at(place->text, first));
}

enum status policies_explain(const struct policies_place *place, const char *stranger,
                             bool is_twice, struct error *error)
{
    static const char *const shapes[] = {
        "a map of tables, such as `tick_data: {drop_after: 90d}`",
        "a map of its settings, such as `drop_after: 90d`",
        "one value, not a list or a map",
    };
    ASSERT(place->depth >= 1);
    ASSERT(place->depth <= 3);
    if (stranger != NULL && place->depth < 3)
        return refuse_stranger(place, stranger, error);
    const char *last = place->names[place->depth - 1];
    if (is_twice)
        return refuse_second(place, error);
    return error_set(error, STATUS_INVALID, "%s line %u: %s takes %s", place->path, place->line,
                     last, shapes[place->depth - 1]);
}
