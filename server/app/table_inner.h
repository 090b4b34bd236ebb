/*
 * What the files of `tapedeck table …` share; nobody else includes it. Main thread.
 */
#ifndef TAPEDECK_APP_TABLE_INNER_H
#define TAPEDECK_APP_TABLE_INNER_H

#include "app/database.h"
#include "app/table.h"
#include "app/table_print.h"

/* One subcommand under way. */
struct table_run {
    const struct table_values *values;
    const char *name; /* of the table; NULL: none was given */
    struct connection *connection;
    bool is_refused; /* nothing failed, but nothing was done either: exit status 1 */
};

typedef enum status table_work_fn(struct table_run *run, struct error *error);

/* Opens the database and works; says what failed. Returns the exit status. */
int table_run(const struct configuration *configuration, const struct invocation *invocation,
              const char *verb, table_work_fn *work);

/* Says so and returns EXIT_USAGE. */
int table_missing(const char *what);

/* Values as parameters of a statement. */
struct table_text {
    char text[48];
};
const char *table_number(struct table_text *text, int64_t number);
const char *table_duration(struct table_text *text, int64_t duration_us); /* 0: NULL */
const char *table_instant(struct table_text *text, int64_t time);         /* TABLE_ANY: NULL */

struct table_question {
    const char *sql;
    const char *const *parameters;
    int parameter_count;
    const struct table_column *columns; /* of its answer */
    bool is_sheet;                      /* one row is shown as a sheet */
};

/* With --json every row is one column: a JSON object of the names in `sql`. The caller calls
 * PQclear. */
enum status table_ask(struct table_run *run, const struct table_question *question,
                      PGresult **result, struct error *error) MUST_CHECK;

/* The answer as a table, or its only row as a sheet. */
void table_show(const PGresult *result, const struct table_column *columns, bool is_sheet);

#endif
