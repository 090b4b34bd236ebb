/*
 * From SQLSTATEs and libpq's messages to `enum status` and one sentence; reading results.
 *
 * Owner's thread. Owns nothing. Never decides what to do about an error.
 */
#include "store/connection_inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *prefix; /* of the SQLSTATE; the first that fits counts */
    enum status status;
    const char *hint;
} classes[] = {
    {"08", STATUS_UNAVAILABLE, NULL}, /* connection exceptions; PgBouncer's own errors too */
    {"53", STATUS_UNAVAILABLE, NULL}, /* out of connections, memory or disk */
    {"40001", STATUS_UNAVAILABLE, NULL},
    {"40P01", STATUS_UNAVAILABLE, NULL},
    {"55P03", STATUS_UNAVAILABLE, NULL},
    {"57014", STATUS_UNAVAILABLE, NULL}, /* statement_timeout, or somebody's pg_cancel_backend */
    {"57P0", STATUS_UNAVAILABLE, NULL},  /* shutting down, starting up, terminated */
    {"TD", STATUS_CONFLICT, NULL},
    {"23505", STATUS_CONFLICT, NULL},
    {"22", STATUS_INVALID, NULL},
    {"23", STATUS_INVALID, NULL},
    {"25006", STATUS_UNAVAILABLE, "this server is read-only: add target_session_attrs=read-write"},
    {"3F000", STATUS_CONFLICT, "run `tapedeck migrate up`"},
    {"42P01", STATUS_CONFLICT, "run `tapedeck migrate up`"},
    {"42883", STATUS_CONFLICT, "run `tapedeck migrate up`"},
    {"42703", STATUS_CONFLICT, "run `tapedeck migrate up`"},
    {"54", STATUS_LIMIT, NULL},
    {"55", STATUS_CONFLICT, NULL},
};

static size_t class_of(const char *sqlstate)
{
    size_t count = sizeof classes / sizeof *classes;
    size_t i = 0;
    while (i < count && strncmp(sqlstate, classes[i].prefix, strlen(classes[i].prefix)) != 0)
        i++;
    return i;
}

enum status connection_classify(const char *sqlstate)
{
    size_t i = class_of(sqlstate);
    return i < sizeof classes / sizeof *classes ? classes[i].status : STATUS_INTERNAL;
}

static const char *hint_of(const char *sqlstate)
{
    size_t i = class_of(sqlstate);
    return i < sizeof classes / sizeof *classes ? classes[i].hint : NULL;
}

struct one_line one_line(const char *text)
{
    struct one_line line;
    size_t used = 0;
    bool blank = true; /* drops leading blanks and doubles */
    for (; *text != '\0' && used < sizeof line.text - 1; text++) {
        bool is_blank = *text == '\n' || *text == '\t' || *text == ' ';
        if (!is_blank || !blank)
            line.text[used++] = is_blank ? ' ' : *text;
        blank = is_blank;
    }
    while (used > 0 && line.text[used - 1] == ' ')
        used--;
    line.text[used] = '\0';
    return line;
}

static const char *field_of(const PGresult *result, int field)
{
    const char *text = PQresultErrorField(result, field);
    return text != NULL ? text : "";
}

enum status connection_fail_result(struct connection *connection, const PGresult *result,
                                   struct error *error)
{
    const char *sqlstate = field_of(result, PG_DIAG_SQLSTATE);
    if (PQstatus(connection->pg) != CONNECTION_OK && *sqlstate == '\0')
        return connection_fail_lost(connection, error);
    (void)snprintf(connection->sqlstate, sizeof connection->sqlstate, "%s", sqlstate);
    if (*sqlstate == '\0')
        return error_set(error, STATUS_INTERNAL, "database: unexpected result %s: %s",
                         PQresStatus(PQresultStatus(result)),
                         one_line(PQresultErrorMessage(result)).text);

    const char *detail = field_of(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = hint_of(sqlstate);
    if (hint == NULL)
        hint = field_of(result, PG_DIAG_MESSAGE_HINT);
    bool is_ours = strncmp(sqlstate, "TD", 2) == 0;
    char text[ERROR_TEXT_BYTES];
    (void)snprintf(text, sizeof text, "%s%s%s%s%s%s",
                   is_ours ? "" : "database: ", field_of(result, PG_DIAG_MESSAGE_PRIMARY),
                   *detail != '\0' ? "; " : "", detail, *hint != '\0' ? "; " : "", hint);
    return error_set(error, connection_classify(sqlstate), "%s", one_line(text).text);
}

enum status connection_fail_lost(struct connection *connection, struct error *error)
{
    connection->sqlstate[0] = '\0';
    const char *text = PQerrorMessage(connection->pg);
    return error_set(error, STATUS_UNAVAILABLE, "database: %s",
                     one_line(*text != '\0' ? text : "connection lost").text);
}

const char *connection_sqlstate(const struct connection *connection)
{
    return connection->sqlstate;
}

/* ---- results ---- */

const char *result_text(const PGresult *result, int row, int column)
{
    return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

enum status result_int64(const PGresult *result, int row, int column, int64_t *value)
{
    const char *text = result_text(result, row, column);
    if (text == NULL || *text == '\0')
        return STATUS_INTERNAL;
    char *end;
    errno = 0;
    long long parsed = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return STATUS_INTERNAL;
    *value = parsed;
    return STATUS_OK;
}

bool result_bool(const PGresult *result, int row, int column)
{
    const char *text = result_text(result, row, column);
    return text != NULL && strcmp(text, "t") == 0;
}
