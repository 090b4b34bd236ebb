/*
 * One connection to PostgreSQL: libpq with the timeouts it does not have by default, and errors as
 * `enum status` and a sentence.
 *
 * A connection belongs to one thread at a time; only `connection_cancel` may come from another.
 * Calls wait in poll(), never inside libpq, so that a cancel or a stalled server ends them. Works
 * through PgBouncer in transaction mode: nothing here relies on session state; statements are
 * unnamed, settings go through `SET LOCAL` between `connection_begin` and `connection_commit`.
 *
 * After STATUS_UNAVAILABLE the same statement may be tried again, on a new connection unless
 * `connection_is_idle` says that this one survived. A connection that broke stays broken: close it.
 */
#ifndef TAPEDECK_STORE_CONNECTION_H
#define TAPEDECK_STORE_CONNECTION_H

#include "base/bytes.h"
#include "base/status.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct connection;

#define CONNECTION_CONNECT_SECONDS "5"
/* How long a cancelled statement gets to end before the connection is given up. */
#define CONNECTION_DRAIN_US_MAX INT64_C(1000000)
#define CONNECTION_SQLSTATE_BYTES 6

/*
 * `url`: a libpq URI or conninfo string; its own parameters win over our defaults (several hosts
 * and target_session_attrs work). `purpose`: one word for logs; application_name is
 * "tapedeck PURPOSE". Blocks up to connect_timeout per host. NULL and `error` on failure:
 * STATUS_INVALID for a malformed url, else STATUS_UNAVAILABLE.
 */
struct connection *connection_open(const char *url, const char *purpose, struct error *error);
/* Whether `url` can be read at all: STATUS_INVALID and why not. */
enum status connection_url_check(const char *url, struct error *error) MUST_CHECK;
/* Closes and clears; NULL is fine. */
void connection_close(struct connection **connection);

/* A statement that gets no byte from the server for so long is cancelled (STATUS_UNAVAILABLE).
 * 0, the default: no limit; a dead peer is still noticed by keepalives. */
void connection_set_stall_us(struct connection *connection, int64_t stall_us_max);

/*
 * Ends the running statement, or the next one if none runs, with STATUS_END. Any thread; returns at
 * once. The caller sees to it that the connection is not closed meanwhile (it holds the lock under
 * which the owner withdraws its pointer before closing).
 */
void connection_cancel(struct connection *connection);
/* Takes back a cancel that came too late. Owner's thread. */
void connection_clear_cancel(struct connection *connection);

/* Connected, no statement running, no transaction open: may be given to somebody else. */
bool connection_is_idle(const struct connection *connection);

/* For what has no function here. Nonblocking (PQisnonblocking). */
PGconn *connection_raw(struct connection *connection);

/* ---- statements ---- */

/* One or several statements without parameters; results are thrown away. */
enum status connection_execute(struct connection *connection, const char *sql,
                               struct error *error) MUST_CHECK;

/* One statement, $1 … $n as texts (NULL: null), result as text. The caller calls PQclear. */
enum status connection_query(struct connection *connection, const char *sql, int count,
                             const char *const *parameters, PGresult **result,
                             struct error *error) MUST_CHECK;

/* As above, for exactly one row: STATUS_NOT_FOUND when there is none, STATUS_INTERNAL when more. */
enum status connection_query_row(struct connection *connection, const char *sql, int count,
                                 const char *const *parameters, PGresult **result,
                                 struct error *error) MUST_CHECK;

/* BEGIN, with `SET LOCAL statement_timeout` when timeout_ms > 0 (the server's own clock: counts
 * each statement as a whole). */
enum status connection_begin(struct connection *connection, int timeout_ms,
                             struct error *error) MUST_CHECK;
enum status connection_commit(struct connection *connection, struct error *error) MUST_CHECK;
/* Never fails for the caller: a connection that cannot roll back is broken, and will say so. */
void connection_rollback(struct connection *connection);

/* Appends `text` as an SQL literal, quotes included: for COPY, which takes no parameters. */
enum status connection_append_literal(struct connection *connection, struct buffer *sql,
                                      const char *text, struct error *error) MUST_CHECK;

/* ---- COPY … FROM STDIN ---- */

/* begin, put …, then end or abort. `sql` is the whole COPY command; `SET LOCAL …;` may stand before
 * it (several statements in one message are one transaction). After a failed put: abort. */
enum status connection_copy_in_begin(struct connection *connection, const char *sql,
                                     struct error *error) MUST_CHECK;
enum status connection_copy_in_put(struct connection *connection, const void *bytes, size_t count,
                                   struct error *error) MUST_CHECK;
/* `rows` (may be NULL): how many the server took. */
enum status connection_copy_in_end(struct connection *connection, int64_t *rows,
                                   struct error *error) MUST_CHECK;
/* The rows so far are undone. `reason` goes into the server's log. */
void connection_copy_in_abort(struct connection *connection, const char *reason);

/* ---- COPY … TO STDOUT ---- */

enum status connection_copy_out_begin(struct connection *connection, const char *sql,
                                      struct error *error) MUST_CHECK;
/* The next chunk, borrowed until the next call; `*bytes` is NULL when the COPY is complete. */
enum status connection_copy_out_next(struct connection *connection, const char **bytes,
                                     size_t *count, struct error *error) MUST_CHECK;
/* Gives up early: cancels, and drains for CONNECTION_DRAIN_US_MAX; see connection_is_idle. */
void connection_copy_out_abort(struct connection *connection);

/* ---- results (text format) ---- */

/* NULL for an SQL null. Borrowed from the result. */
const char *result_text(const PGresult *result, int row, int column);
/* STATUS_INTERNAL when the field is null or no integer. */
enum status result_int64(const PGresult *result, int row, int column, int64_t *value) MUST_CHECK;
/* False for null too. */
bool result_bool(const PGresult *result, int row, int column);

/* ---- errors ---- */

/* The SQLSTATE of the last failed call, "" when it had none (connection loss, our own cancel). */
const char *connection_sqlstate(const struct connection *connection);

/*
 * 08, 53, 40001, 40P01, 55P03, 57014, 57P0x: UNAVAILABLE (try again); TD…, our routines' own:
 * CONFLICT with their sentence; 22, 23: INVALID (23505: CONFLICT); an undefined table, function or
 * schema: CONFLICT with a hint to migrate; 54: LIMIT; 55: CONFLICT; anything else INTERNAL.
 */
enum status connection_classify(const char *sqlstate);

#endif
