/*
 * What the tests of tapedeck.table_…() share: statements that must be refused.
 */
#ifndef TAPEDECK_TESTS_TABLE_SUPPORT_H
#define TAPEDECK_TESTS_TABLE_SUPPORT_H

#include "cluster_fixture.h"

#include <string.h>

/* The statement fails with this SQLSTATE, in a sentence with these words. */
static inline void refused(struct connection *connection, const char *sql, const char *sqlstate,
                           const char *words)
{
    struct error error = {.text = ""};
    cr_assert_neq(connection_execute(connection, sql, &error), STATUS_OK, "not refused: %s", sql);
    cr_assert_str_eq(connection_sqlstate(connection), sqlstate, "%s: %s", sql, error.text);
    MUST_SAY(words);
}

/* As ON_BOTH_ENGINES, for what only one of them can do. */
#define ON_ONE_ENGINE(suite, engine, name)                                                         \
    static void name(struct database *database);                                                   \
    Test(suite, name, .timeout = 240)                                                              \
    {                                                                                              \
        struct database database;                                                                  \
        if (!database_init(&database, engine))                                                     \
            return;                                                                                \
        name(&database);                                                                           \
        database_deinit(&database);                                                                \
    }                                                                                              \
    static void name(struct database *database)

#endif
