/*
 * What the connection_*.c files share. Never included by others.
 */
#ifndef TAPEDECK_STORE_CONNECTION_INNER_H
#define TAPEDECK_STORE_CONNECTION_INNER_H

#include "store/connection.h"

#define CONNECTION_PURPOSE_BYTES 32

struct connection {
    PGconn *pg;
    int wake_fd;          /* eventfd: connection_cancel */
    int64_t stall_us_max; /* 0: no limit */
    int64_t silent_us;    /* without a byte from the server so far */
    size_t unflushed;     /* bytes put since the last complete flush */
    char *copied;         /* the chunk lent out by connection_next_copied */
    bool polls_tls; /* bytes may wait inside the TLS library, where poll() does not see them */
    bool spoiled;   /* a late cancel may hit the next statement */
    char sqlstate[CONNECTION_SQLSTATE_BYTES];
    char purpose[CONNECTION_PURPOSE_BYTES];
};

/* connection.c */
enum status connection_send(struct connection *connection, const char *sql, int count,
                            const char *const *parameters, struct error *error) MUST_CHECK;
enum status connection_flush(struct connection *connection, struct error *error) MUST_CHECK;
/* NULL: the command is over. */
enum status connection_next_result(struct connection *connection, PGresult **result,
                                   struct error *error) MUST_CHECK;
/* NULL bytes: the end of the data. */
enum status connection_next_copied(struct connection *connection, const char **bytes, size_t *count,
                                   struct error *error) MUST_CHECK;
/* Up to timeout_ms (−1: for ever) for the socket or `wake_fd` (−1: none). Negative on failure. */
int connection_poll(struct connection *connection, short events, int wake_fd, int timeout_ms,
                    bool *woken);
/* How long one poll() may last when `left_us` (−1: for ever) are left. */
int connection_slice_ms(const struct connection *connection, int64_t left_us);

/* connection_cancel.c */
/* Cancels what runs and drains it, for CONNECTION_DRAIN_US_MAX. */
void connection_abandon(struct connection *connection);

/* connection_error.c */
struct one_line {
    char text[ERROR_TEXT_BYTES - 64];
};
/* libpq's messages have several lines, indented by tabs. */
struct one_line one_line(const char *text);
/* Tells what the server said in `result`, and keeps its SQLSTATE. */
enum status connection_fail_result(struct connection *connection, const PGresult *result,
                                   struct error *error);
/* Tells that libpq itself failed: the connection is gone, or was used wrongly. */
enum status connection_fail_lost(struct connection *connection, struct error *error);

#endif
