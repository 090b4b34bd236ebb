#include "app/readiness.h"

#include <stdio.h>

void readiness_init(struct readiness *readiness)
{
    *readiness = (struct readiness){.symbols = NULL};
    pthread_mutex_init(&readiness->lock, NULL);
}

void readiness_begin(struct readiness *readiness, const char *engine, struct live_symbols *symbols)
{
    struct schema_check check = {.engine_ok = true, .schema_ok = true};
    (void)snprintf(check.engine, sizeof check.engine, "%s", engine);
    (void)snprintf(check.schema, sizeof check.schema, "as at the start");
    readiness->symbols = symbols;
    readiness_note_schema(readiness, &check);
}

void readiness_deinit(struct readiness *readiness)
{
    pthread_mutex_destroy(&readiness->lock);
}

void readiness_note_database(void *owner, bool available, const struct error *error)
{
    struct readiness *readiness = owner;
    atomic_store(&readiness->is_reachable, available);
    (void)error; /* the pool logs it, once */
}

void readiness_note_schema(void *owner, const struct schema_check *check)
{
    struct readiness *readiness = owner;
    pthread_mutex_lock(&readiness->lock);
    readiness->check = *check;
    pthread_mutex_unlock(&readiness->lock);
}

static struct http_check check_of(const char *name, bool ok, const char *detail)
{
    struct http_check check = {.name = name, .ok = ok};
    (void)snprintf(check.detail, sizeof check.detail, "%s", detail);
    return check;
}

bool readiness_has_database(struct readiness *readiness)
{
    return atomic_load(&readiness->is_reachable) &&
           change_feed_statistics(readiness->feed).reachable;
}

static struct http_check check_database(struct readiness *readiness)
{
    bool is_reachable = readiness_has_database(readiness);
    return check_of("database", is_reachable,
                    is_reachable ? "reachable" : "the database cannot be reached");
}

static struct http_check check_symbols(struct readiness *readiness)
{
    char detail[64];
    struct symbol_list *list = live_symbols_pin(readiness->symbols);
    if (list == NULL)
        return check_of("symbols", false, "the list of symbols has not been read yet");
    (void)snprintf(detail, sizeof detail, "%zu", list->count);
    symbol_list_unpin(&list);
    return check_of("symbols", true, detail);
}

size_t readiness_list(void *owner, struct http_check checks[HTTP_CHECKS_MAX])
{
    struct readiness *readiness = owner;
    pthread_mutex_lock(&readiness->lock);
    struct schema_check schema = readiness->check;
    pthread_mutex_unlock(&readiness->lock);
    size_t count = 0;
    checks[count++] = check_database(readiness);
    checks[count++] = check_of("engine", schema.engine_ok, schema.engine);
    checks[count++] = check_of("schema", schema.schema_ok, schema.schema);
    checks[count++] = check_symbols(readiness);
    return count;
}
