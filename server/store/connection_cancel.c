/*
 * Giving up a running statement: cancel it at the server, throw away what still comes.
 *
 * PQcancel has no timeout and hangs with a frozen server, so it runs on a detached thread with a
 * descriptor of its own; the owner waits for both, the end of the statement and the end of the
 * cancel, because a late cancel would hit the next statement of the session. After
 * CONNECTION_DRAIN_US_MAX the connection is given up instead. Owner's thread.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "store/connection_inner.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Cancels that may wait for a frozen server at a time; beyond it connections are just closed. */
#define CANCELS_MAX 32

/* A cancel that arrives before its statement is lost: send another. */
#define CANCEL_AGAIN_US INT64_C(50000)

struct cancel {
    PGcancel *request;
    int done_fd;
    atomic_int references; /* the thread and the owner */
};

static atomic_int cancels_running;

static void cancel_release(struct cancel *cancel)
{
    if (atomic_fetch_sub(&cancel->references, 1) > 1)
        return;
    PQfreeCancel(cancel->request);
    close(cancel->done_fd);
    mem_free(cancel);
    atomic_fetch_sub(&cancels_running, 1);
}

static void cancel_release_owned(struct cancel **cancel)
{
    if (*cancel != NULL)
        cancel_release(*cancel);
    *cancel = NULL;
}

static void *cancel_main(void *argument)
{
    struct cancel *cancel = argument;
    char text[256];
    /* A refused cancel shows as a statement that does not end: the drain's limit decides. */
    (void)PQcancel(cancel->request, text, sizeof text);
    (void)eventfd_write(cancel->done_fd, 1);
    cancel_release(cancel);
    return NULL;
}

/* NULL when it cannot be sent: then only the limit helps. */
static struct cancel *cancel_start(struct connection *connection)
{
    if (atomic_fetch_add(&cancels_running, 1) >= CANCELS_MAX) {
        atomic_fetch_sub(&cancels_running, 1);
        return NULL;
    }
    struct cancel *cancel = MEM_NEW(struct cancel);
    atomic_init(&cancel->references, 2);
    cancel->request = PQgetCancel(connection->pg);
    cancel->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_t thread;
    if (cancel->request != NULL && cancel->done_fd >= 0 &&
        pthread_create(&thread, NULL, cancel_main, cancel) == 0) {
        pthread_detach(thread);
        return cancel;
    }
    atomic_store(&cancel->references, 1);
    cancel_release(cancel);
    return NULL;
}

static void drop_copied(struct connection *connection)
{
    PQfreemem(connection->copied);
    connection->copied = NULL;
}

/* False: wait for the socket first. */
static bool drain_copied(struct connection *connection)
{
    int got;
    do {
        drop_copied(connection);
        got = PQgetCopyData(connection->pg, &connection->copied, 1);
    } while (got > 0);
    return got == -1;
}

/* Takes what is there already. True when the command is over. */
static bool drain(struct connection *connection)
{
    drop_copied(connection);
    while (!PQisBusy(connection->pg)) {
        PGresult *result = PQgetResult(connection->pg);
        ExecStatusType kind = PQresultStatus(result);
        PQclear(result);
        if (result == NULL)
            return true;
        if (kind == PGRES_COPY_IN && PQputCopyEnd(connection->pg, "given up") < 0)
            return false;
        if (kind == PGRES_COPY_OUT && !drain_copied(connection))
            return false;
    }
    return false;
}

/* Until something may have happened, but not for long: see CANCEL_AGAIN_US. False when the
 * connection is beyond help or out of time. */
static bool wait_for_more(struct connection *connection, const struct cancel *cancel,
                          int64_t deadline)
{
    int64_t left_us = deadline - clock_monotonic_us();
    int unsent = PQflush(connection->pg);
    if (left_us <= 0 || unsent < 0)
        return false;
    left_us = left_us < CANCEL_AGAIN_US ? left_us : CANCEL_AGAIN_US;
    bool woken = false;
    short events = unsent > 0 ? POLLIN | POLLOUT : POLLIN;
    int done_fd = cancel != NULL ? cancel->done_fd : -1;
    return connection_poll(connection, events, done_fd, connection_slice_ms(connection, left_us),
                           &woken) >= 0 &&
           PQconsumeInput(connection->pg) != 0;
}

static bool cancel_is_done(const struct cancel *cancel)
{
    struct pollfd polled = {.fd = cancel->done_fd, .events = POLLIN};
    return poll(&polled, 1, 0) > 0;
}

/* Waits for the end of the statement and of the cancel under way; a cancel that was delivered and
 * had no effect after a while came before its statement and is sent again. */
static void cancel_until_ended(struct connection *connection)
{
    int64_t now_us = clock_monotonic_us();
    int64_t deadline = now_us + CONNECTION_DRAIN_US_MAX;
    int64_t again_us = now_us;
    struct cancel *cancel = NULL;
    bool ended = false;
    bool alive = true;
    while (alive && !(ended && cancel == NULL)) {
        now_us = clock_monotonic_us();
        if (!ended && cancel == NULL && now_us >= again_us) {
            cancel = cancel_start(connection);
            again_us = now_us + CANCEL_AGAIN_US;
        }
        alive = wait_for_more(connection, cancel, deadline);
        ended = ended || drain(connection);
        if (cancel != NULL && cancel_is_done(cancel))
            cancel_release_owned(&cancel);
    }
    cancel_release_owned(&cancel);
    connection->spoiled = !alive;
}

void connection_abandon(struct connection *connection)
{
    if (PQtransactionStatus(connection->pg) != PQTRANS_ACTIVE || connection->spoiled ||
        drain(connection))
        return;
    cancel_until_ended(connection);
}
