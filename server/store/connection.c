/*
 * Opening, waiting, cancelling and running statements on one connection.
 *
 *   send → flush ──► wait in poll() ──► results … ──► idle
 *            wake_fd ──┤ cancelled: STATUS_END
 *            stall ────┘ silent:    STATUS_UNAVAILABLE     both: cancel, drain a second, else
 * broken
 *
 * Runs on the connection's owner thread. Owns the PGconn and the wake descriptor. Never blocks
 * inside libpq except while connecting.
 */
#include "store/connection.h"

#include "base/log.h"
#include "base/mem.h"
#include "store/connection_inner.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Decrypted bytes can sit inside OpenSSL where poll() does not see them: look again this often. */
#define TLS_LOOK_AGAIN_MS 20

/* ---- opening ---- */

static void log_notice(void *purpose, const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    bool warns = severity != NULL && strcmp(severity, "WARNING") == 0;
    log_write(warns ? LOG_WARN : LOG_DEBUG, "store.notice", "purpose=%s text=%s",
              (const char *)purpose, LOG_QUOTE(text != NULL ? text : ""));
}

static PGconn *connect_with_defaults(const char *url, const char *name)
{
    /* Later entries win: ours, then the user's, then what the decoding relies on. */
    const char *const keywords[] = {"fallback_application_name", "connect_timeout",
                                    "tcp_user_timeout",          "keepalives",
                                    "keepalives_idle",           "keepalives_interval",
                                    "keepalives_count",          "dbname",
                                    "client_encoding",           NULL};
    const char *const values[] = {
        name, CONNECTION_CONNECT_SECONDS, "30000", "1", "30", "10", "3", url, "UTF8", NULL};
    return PQconnectdbParams(keywords, values, 1);
}

enum status connection_url_check(const char *url, struct error *error)
{
    if (strchr(url, '=') == NULL && strstr(url, "://") == NULL)
        return STATUS_OK; /* a bare database name */
    char *text = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &text);
    if (options == NULL) {
        struct one_line line = one_line(text != NULL ? text : "out of memory");
        PQfreemem(text);
        return error_set(error, STATUS_INVALID, "database URL: %s", line.text);
    }
    PQconninfoFree(options);
    return STATUS_OK;
}

/* Texts of times must not depend on where the server stands. PgBouncer carries both settings from
 * server to server, because PostgreSQL reports them. */
static enum status normalise_session(struct connection *connection, struct error *error)
{
    const char *zone = PQparameterStatus(connection->pg, "TimeZone");
    const char *style = PQparameterStatus(connection->pg, "DateStyle");
    bool right = zone != NULL && (strcmp(zone, "UTC") == 0 || strcmp(zone, "Etc/UTC") == 0) &&
                 style != NULL && strncmp(style, "ISO", 3) == 0;
    if (right)
        return STATUS_OK;
    return connection_execute(connection, "SET TimeZone TO 'UTC'; SET DateStyle TO 'ISO, MDY'",
                              error);
}

static struct connection *connection_create(const char *purpose)
{
    struct connection *connection = MEM_NEW(struct connection);
    (void)snprintf(connection->purpose, sizeof connection->purpose, "%s", purpose);
    connection->wake_fd = -1;
    return connection;
}

static enum status connection_start(struct connection *connection, const char *url,
                                    struct error *error)
{
    char name[sizeof connection->purpose + sizeof "tapedeck "];
    (void)snprintf(name, sizeof name, "tapedeck %s", connection->purpose);
    connection->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (connection->wake_fd < 0)
        return error_set(error, STATUS_UNAVAILABLE, "database: eventfd: %s", strerror(errno));
    connection->pg = connect_with_defaults(url, name);
    if (PQstatus(connection->pg) != CONNECTION_OK)
        return error_set(error, STATUS_UNAVAILABLE, "database: %s",
                         one_line(PQerrorMessage(connection->pg)).text);
    PQsetNoticeReceiver(connection->pg, log_notice, connection->purpose);
    if (PQsetnonblocking(connection->pg, 1) != 0)
        return connection_fail_lost(connection, error);
    connection->polls_tls = PQsslInUse(connection->pg) != 0 || PQgssEncInUse(connection->pg) != 0;
    return normalise_session(connection, error);
}

struct connection *connection_open(const char *url, const char *purpose, struct error *error)
{
    if (connection_url_check(url, error) != STATUS_OK)
        return NULL;
    struct connection *connection = connection_create(purpose);
    if (connection_start(connection, url, error) != STATUS_OK)
        connection_close(&connection);
    return connection;
}

void connection_close(struct connection **place)
{
    struct connection *connection = *place;
    *place = NULL;
    if (connection == NULL)
        return;
    PQfreemem(connection->copied);
    PQfinish(connection->pg);
    if (connection->wake_fd >= 0)
        close(connection->wake_fd);
    mem_free(connection);
}

void connection_set_stall_us(struct connection *connection, int64_t stall_us_max)
{
    connection->stall_us_max = stall_us_max;
}

bool connection_is_idle(const struct connection *connection)
{
    return !connection->spoiled && PQstatus(connection->pg) == CONNECTION_OK &&
           PQtransactionStatus(connection->pg) == PQTRANS_IDLE;
}

PGconn *connection_raw(struct connection *connection)
{
    return connection->pg;
}

/* ---- cancelling ---- */

void connection_cancel(struct connection *connection)
{
    uint64_t one = 1;
    /* A full counter (EAGAIN) wakes too; nothing else can fail. */
    ssize_t written = write(connection->wake_fd, &one, sizeof one);
    (void)written;
}

void connection_clear_cancel(struct connection *connection)
{
    uint64_t count;
    ssize_t got = read(connection->wake_fd, &count, sizeof count);
    (void)got;
}

/* ---- waiting ---- */

int connection_poll(struct connection *connection, short events, int wake_fd, int timeout_ms,
                    bool *woken)
{
    struct pollfd polled[2] = {
        {.fd = PQsocket(connection->pg), .events = events},
        {.fd = wake_fd, .events = POLLIN},
    };
    int ready = poll(polled, 2, timeout_ms);
    if (ready < 0)
        return errno == EINTR ? 1 : -1;
    *woken = polled[1].revents != 0;
    return ready;
}

int connection_slice_ms(const struct connection *connection, int64_t left_us)
{
    if (connection->polls_tls && (left_us < 0 || left_us > TLS_LOOK_AGAIN_MS * 1000))
        return TLS_LOOK_AGAIN_MS;
    if (left_us < 0)
        return -1;
    int64_t left_ms = (left_us + 999) / 1000;
    return left_ms > 3600000 ? 3600000 : (int)left_ms;
}

/* Until there may be something to read (or to write). */
static enum status wait_socket(struct connection *connection, short events, struct error *error)
{
    int64_t stall_us = connection->stall_us_max > 0 ? connection->stall_us_max : -1;
    int slice_ms = connection_slice_ms(connection, stall_us);
    bool woken = false;
    int ready = connection_poll(connection, events, connection->wake_fd, slice_ms, &woken);
    if (woken) {
        connection_clear_cancel(connection);
        return error_set(error, STATUS_END, "cancelled");
    }
    if (ready < 0)
        return connection_fail_lost(connection, error);
    if (ready > 0) {
        connection->silent_us = 0;
        return STATUS_OK;
    }
    connection->silent_us += (int64_t)slice_ms * 1000;
    if (stall_us < 0 || connection->silent_us < stall_us)
        return STATUS_OK;
    connection->sqlstate[0] = '\0';
    return error_set(error, STATUS_UNAVAILABLE, "database: no answer for %lld ms",
                     (long long)(stall_us / 1000));
}

static enum status wait_readable(struct connection *connection, struct error *error)
{
    enum status status = wait_socket(connection, POLLIN, error);
    if (status == STATUS_OK && PQconsumeInput(connection->pg) == 0)
        return connection_fail_lost(connection, error);
    return status;
}

enum status connection_flush(struct connection *connection, struct error *error)
{
    connection->silent_us = 0;
    for (;;) {
        int left = PQflush(connection->pg);
        if (left == 0)
            return STATUS_OK;
        if (left < 0)
            return connection_fail_lost(connection, error);
        /* Also readable: the server may itself be blocked on writing to us. */
        enum status status = wait_socket(connection, POLLIN | POLLOUT, error);
        if (status != STATUS_OK)
            return status;
        if (PQconsumeInput(connection->pg) == 0)
            return connection_fail_lost(connection, error);
    }
}

enum status connection_next_result(struct connection *connection, PGresult **result,
                                   struct error *error)
{
    connection->silent_us = 0;
    while (PQisBusy(connection->pg)) {
        enum status status = wait_readable(connection, error);
        if (status != STATUS_OK)
            return status;
    }
    *result = PQgetResult(connection->pg);
    return STATUS_OK;
}

enum status connection_next_copied(struct connection *connection, const char **bytes, size_t *count,
                                   struct error *error)
{
    PQfreemem(connection->copied);
    connection->copied = NULL;
    connection->silent_us = 0;
    for (;;) {
        int got = PQgetCopyData(connection->pg, &connection->copied, 1);
        if (got > 0) {
            *bytes = connection->copied;
            *count = (size_t)got;
            return STATUS_OK;
        }
        if (got == -2)
            return connection_fail_lost(connection, error);
        if (got == -1) {
            *bytes = NULL;
            *count = 0;
            return STATUS_OK;
        }
        enum status status = wait_readable(connection, error);
        if (status != STATUS_OK)
            return status;
    }
}

/* ---- statements ---- */

/* Every result up to the end of the command; keeps the last good one, or tells the first error. */
static enum status collect_results(struct connection *connection, PGresult **kept,
                                   struct error *error)
{
    enum status outcome = STATUS_OK;
    *kept = NULL;
    for (;;) {
        PGresult *result = NULL;
        enum status status = connection_next_result(connection, &result, error);
        if (status != STATUS_OK) {
            connection_abandon(connection);
            outcome = status;
            break;
        }
        if (result == NULL)
            break;
        ExecStatusType kind = PQresultStatus(result);
        if (outcome == STATUS_OK &&
            (kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK || kind == PGRES_EMPTY_QUERY)) {
            PQclear(*kept);
            *kept = result;
            continue;
        }
        if (outcome == STATUS_OK)
            outcome = connection_fail_result(connection, result, error);
        PQclear(result);
        if (kind == PGRES_COPY_IN || kind == PGRES_COPY_OUT || kind == PGRES_COPY_BOTH) {
            connection_abandon(connection);
            break;
        }
    }
    if (outcome != STATUS_OK) {
        PQclear(*kept);
        *kept = NULL;
    }
    return outcome;
}

enum status connection_send(struct connection *connection, const char *sql, int count,
                            const char *const *parameters, struct error *error)
{
    connection->sqlstate[0] = '\0';
    int sent = parameters == NULL
                   ? PQsendQuery(connection->pg, sql)
                   : PQsendQueryParams(connection->pg, sql, count, NULL, parameters, NULL, NULL, 0);
    if (sent == 0)
        return connection_fail_lost(connection, error);
    enum status status = connection_flush(connection, error);
    if (status != STATUS_OK)
        connection_abandon(connection);
    return status;
}

enum status connection_execute(struct connection *connection, const char *sql, struct error *error)
{
    enum status status = connection_send(connection, sql, 0, NULL, error);
    if (status != STATUS_OK)
        return status;
    PGresult *result;
    status = collect_results(connection, &result, error);
    PQclear(result);
    return status;
}

enum status connection_query(struct connection *connection, const char *sql, int count,
                             const char *const *parameters, PGresult **result, struct error *error)
{
    static const char *const none[1] = {NULL};
    enum status status =
        connection_send(connection, sql, count, parameters != NULL ? parameters : none, error);
    if (status != STATUS_OK)
        return status;
    PGresult *collected;
    status = collect_results(connection, &collected, error);
    if (status == STATUS_OK && collected == NULL)
        status = connection_fail_lost(connection, error);
    if (status == STATUS_OK)
        *result = collected;
    return status;
}

enum status connection_query_row(struct connection *connection, const char *sql, int count,
                                 const char *const *parameters, PGresult **result,
                                 struct error *error)
{
    PGresult *rows;
    enum status status = connection_query(connection, sql, count, parameters, &rows, error);
    if (status != STATUS_OK)
        return status;
    int row_count = PQntuples(rows);
    if (row_count == 1) {
        *result = rows;
        return STATUS_OK;
    }
    PQclear(rows);
    if (row_count == 0)
        return error_set(error, STATUS_NOT_FOUND, "database: no row where one was expected");
    return error_set(error, STATUS_INTERNAL, "database: %d rows where one was expected", row_count);
}

enum status connection_begin(struct connection *connection, int timeout_ms, struct error *error)
{
    char sql[80] = "BEGIN";
    if (timeout_ms > 0)
        (void)snprintf(sql, sizeof sql, "BEGIN; SET LOCAL statement_timeout = %d", timeout_ms);
    return connection_execute(connection, sql, error);
}

enum status connection_commit(struct connection *connection, struct error *error)
{
    return connection_execute(connection, "COMMIT", error);
}

void connection_rollback(struct connection *connection)
{
    connection_abandon(connection);
    PGTransactionStatusType state = PQtransactionStatus(connection->pg);
    if (state != PQTRANS_INTRANS && state != PQTRANS_INERROR)
        return;
    struct error error;
    if (connection_execute(connection, "ROLLBACK", &error) != STATUS_OK)
        log_debug("store.rollback", "purpose=%s error=%s", connection->purpose,
                  LOG_QUOTE(error.text));
}

enum status connection_append_literal(struct connection *connection, struct buffer *sql,
                                      const char *text, struct error *error)
{
    char *literal = PQescapeLiteral(connection->pg, text, strlen(text));
    if (literal == NULL)
        return error_set(error, STATUS_INVALID, "not valid UTF-8: %s",
                         one_line(PQerrorMessage(connection->pg)).text);
    buffer_append_text(sql, literal);
    PQfreemem(literal);
    return sql->failed ? error_set(error, STATUS_LIMIT, "statement too long") : STATUS_OK;
}
