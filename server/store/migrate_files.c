/*
 * The embedded SQL of one engine: its migrations in order, its routines in order, their checksums.
 *
 * Any thread. Owns the list it makes; texts stay in the table of files.
 */
#include "store/migrate_inner.h"

#include "base/mem.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UP ".up.sql"
#define DOWN ".down.sql"

/* ---- checksums ---- */

static void checksum_text(EVP_MD_CTX *digest, char checksum[MIGRATION_CHECKSUM_BYTES])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    (void)EVP_DigestFinal_ex(digest, bytes, &length);
    for (size_t i = 0; i < (MIGRATION_CHECKSUM_BYTES - 1) / 2; i++)
        (void)snprintf(checksum + 2 * i, 3, "%02x", i < length ? bytes[i] : 0U);
}

static EVP_MD_CTX *checksum_begin(struct error *error)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    if (digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1)
        return digest;
    EVP_MD_CTX_free(digest);
    (void)error_set(error, STATUS_INTERNAL, "SHA-256 is not available");
    return NULL;
}

static enum status checksum_file(const struct sql_file *file,
                                 char checksum[MIGRATION_CHECKSUM_BYTES], struct error *error)
{
    EVP_MD_CTX *digest = checksum_begin(error);
    if (digest == NULL)
        return error->status;
    (void)EVP_DigestUpdate(digest, file->text, file->length);
    checksum_text(digest, checksum);
    EVP_MD_CTX_free(digest);
    return STATUS_OK;
}

/* ---- the table of files ---- */

static void files_of(const struct migrate_options *options, const struct sql_file **files,
                     size_t *count)
{
    *files = options->files != NULL ? options->files : sql_files;
    *count = options->files != NULL ? options->file_count : sql_file_count;
}

/* The rest of the path after "KIND/ENGINE/"; NULL when it lies elsewhere. */
static const char *name_in(const struct sql_file *file, const char *kind, const char *engine)
{
    char folder[64];
    int length = snprintf(folder, sizeof folder, "%s/%s/", kind, engine);
    if (length < 0 || strncmp(file->path, folder, (size_t)length) != 0)
        return NULL;
    return file->path + length;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* ---- migrations ---- */

static enum status bad_file(const struct sql_file *file, const char *why, struct error *error)
{
    return error_set(error, STATUS_INTERNAL, "sql/%s: %s", file->path, why);
}

/* "0002_tick_data.up.sql" → 2, "tick_data". */
static bool parse_name(const char *name, const char *end, int *version,
                       char parsed[MIGRATION_NAME_BYTES])
{
    char *rest;
    long number = strtol(name, &rest, 10);
    size_t length = strlen(name) - strlen(end);
    if (rest == name || *rest != '_' || number < 1 || number > 999999)
        return false;
    size_t name_length = length - (size_t)(rest + 1 - name);
    if (name_length == 0 || name_length >= MIGRATION_NAME_BYTES)
        return false;
    memcpy(parsed, rest + 1, name_length);
    parsed[name_length] = '\0';
    *version = (int)number;
    return true;
}

static struct migration *find_or_add(struct migration_set *set, int version, const char *name,
                                     const char *engine)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->of[i].version == version)
            return &set->of[i];
    }
    if (set->count == MIGRATIONS_MAX)
        return NULL;
    struct migration *made = &set->of[set->count++];
    *made = (struct migration){.version = version, .engine = engine};
    (void)snprintf(made->name, sizeof made->name, "%s", name);
    return made;
}

static enum status add_file(struct migration_set *set, const struct sql_file *file,
                            const char *name, const char *engine, struct error *error)
{
    bool is_up = ends_with(name, UP);
    int version = 0;
    char parsed[MIGRATION_NAME_BYTES];
    if ((!is_up && !ends_with(name, DOWN)) ||
        !parse_name(name, is_up ? UP : DOWN, &version, parsed))
        return bad_file(file, "is not named NNNN_name.up.sql or NNNN_name.down.sql", error);
    struct migration *migration = find_or_add(set, version, parsed, engine);
    if (migration == NULL)
        return bad_file(file, "is one migration too many", error);
    const struct sql_file **place = is_up ? &migration->up : &migration->down;
    if (*place != NULL || strcmp(migration->name, parsed) != 0 ||
        strcmp(migration->engine, engine) != 0)
        return bad_file(file, "has the version of another migration", error);
    *place = file;
    return is_up ? checksum_file(file, migration->checksum, error) : STATUS_OK;
}

static enum status add_folder(struct migration_set *set, const struct migrate_options *options,
                              const char *engine, struct error *error)
{
    const struct sql_file *files;
    size_t count;
    files_of(options, &files, &count);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const char *name = name_in(&files[i], "migrations", engine);
        if (name != NULL)
            status = add_file(set, &files[i], name, engine, error);
    }
    return status;
}

static int by_version(const void *one, const void *other)
{
    return ((const struct migration *)one)->version - ((const struct migration *)other)->version;
}

static enum status check_pairs(const struct migration_set *set, struct error *error)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct migration *migration = &set->of[i];
        if (migration->up == NULL || migration->down == NULL)
            return bad_file(migration->up != NULL ? migration->up : migration->down,
                            "goes one way only: there must be an up and a down", error);
    }
    return STATUS_OK;
}

enum status migration_set_init(const struct migrate_options *options, enum engine_kind engine,
                               struct migration_set *set, struct error *error)
{
    set->count = 0;
    set->of = mem_alloc_zeroed(MIGRATIONS_MAX * sizeof *set->of);
    enum status status = add_folder(set, options, "common", error);
    if (status == STATUS_OK)
        status = add_folder(set, options, engine_name(engine), error);
    if (status == STATUS_OK)
        status = check_pairs(set, error);
    if (status != STATUS_OK) {
        migration_set_deinit(set);
        return status;
    }
    qsort(set->of, set->count, sizeof *set->of, by_version);
    return STATUS_OK;
}

void migration_set_deinit(struct migration_set *set)
{
    mem_free(set->of);
    *set = (struct migration_set){0};
}

const struct migration *migration_set_find(const struct migration_set *set, int version)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->of[i].version == version)
            return &set->of[i];
    }
    return NULL;
}

/* ---- routines ---- */

struct routine {
    const char *name; /* without the folder: it decides the order */
    const struct sql_file *file;
};

static int by_name(const void *one, const void *other)
{
    const struct routine *a = one;
    const struct routine *b = other;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : strcmp(a->file->path, b->file->path);
}

enum status routines_each(const struct migrate_options *options, enum engine_kind engine,
                          routine_fn *visit, void *owner, struct error *error)
{
    const struct sql_file *files;
    size_t file_count;
    files_of(options, &files, &file_count);
    struct routine *routines = mem_alloc_zeroed((file_count + 1) * sizeof *routines);
    size_t count = 0;
    for (size_t i = 0; i < file_count; i++) {
        const char *name = name_in(&files[i], "routines", "common");
        if (name == NULL)
            name = name_in(&files[i], "routines", engine_name(engine));
        if (name != NULL)
            routines[count++] = (struct routine){.name = name, .file = &files[i]};
    }
    qsort(routines, count, sizeof *routines, by_name);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = visit(routines[i].file, owner, error);
    mem_free(routines);
    return status;
}

static enum status digest_routine(const struct sql_file *file, void *owner, struct error *error)
{
    (void)error;
    (void)EVP_DigestUpdate(owner, file->path, strlen(file->path) + 1);
    (void)EVP_DigestUpdate(owner, file->text, file->length + 1);
    return STATUS_OK;
}

enum status routines_checksum(const struct migrate_options *options, const struct engine *engine,
                              char checksum[MIGRATION_CHECKSUM_BYTES], struct error *error)
{
    EVP_MD_CTX *digest = checksum_begin(error);
    if (digest == NULL)
        return error->status;
    char versions[64];
    int length = snprintf(versions, sizeof versions, "%d %s", engine->server_version / 10000,
                          engine->extension_version);
    (void)EVP_DigestUpdate(digest, versions, (size_t)length);
    enum status status = routines_each(options, engine->kind, digest_routine, digest, error);
    if (status == STATUS_OK)
        checksum_text(digest, checksum);
    EVP_MD_CTX_free(digest);
    return status;
}
