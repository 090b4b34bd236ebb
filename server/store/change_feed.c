/*
 * The listening thread.
 *
 *   connect ─► LISTEN ─► report unknown ─► wait (socket, the two fds, next look at the marker) ⟲
 *      ▲ back-off                             │ connection lost
 *      └──────────────────────────────────────┘
 *
 * Owns its connection; `lock` guards only the pointer, so that destroy can cancel a statement.
 */
#include "store/change_feed.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/backoff.h"
#include "store/connection.h"
#include "store/marker.h"
#include "store/thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STALL_US_MAX INT64_C(30000000)
/* A marker that cannot be read (not migrated yet) is not asked for every second. */
#define MARKER_FAILED_US INT64_C(30000000)
/* A commit is visible an instant before its announcement arrives. */
#define GRACE_MS 50

struct change_feed {
    struct change_feed_options options;
    char *url;
    pthread_t thread;
    int stop_fd;
    int watch_fd; /* somebody has begun to watch */
    atomic_bool stopping;
    atomic_bool is_watched;
    pthread_mutex_t lock;
    struct connection *connection;

    struct marker marker;
    int64_t looked_us; /* when it looked at the marker last */
    int64_t look_us;   /* when to look again */
    bool is_announced; /* our own writers, or triggers, explain that the marker moved */
    bool is_told;      /* triggers have told of something that is not in the books yet */
    bool has_failed;   /* has been logged */
    unsigned failures; /* to connect, in a row */
    uint64_t random;

    struct counter listening; /* 0 or 1; the feed's thread writes these */
    struct counter connects;
    struct counter losses;
    struct counter changes;
    struct counter foreign;
    atomic_bool is_away; /* the database, when it was last heard of */
};

static bool is_stopping(const struct change_feed *feed)
{
    return atomic_load(&feed->stopping);
}

/* ---- reporting ---- */

static void tell(struct change_feed *feed, const struct change *change)
{
    counter_add(&feed->changes, 1);
    if (change->kind == CHANGE_FOREIGN)
        counter_add(&feed->foreign, 1);
    feed->options.changed(feed->options.owner, change);
}

static void report(struct change_feed *feed, enum change_kind kind)
{
    struct change change = change_of_everything(kind);
    tell(feed, &change);
}

/* Sooner than planned, but not before so much time has passed since the last look. */
static void bring_look_forward(struct change_feed *feed, int64_t apart_us)
{
    if (feed->look_us > feed->looked_us + apart_us)
        feed->look_us = feed->looked_us + apart_us;
}

static void announced(void *owner, const struct change *change)
{
    struct change_feed *feed = owner;
    if (change->kind == CHANGE_TICKS || change->kind == CHANGE_FOREIGN ||
        change->kind == CHANGE_WRITTEN)
        feed->is_announced = true;
    if (change->kind == CHANGE_WRITTEN) {
        feed->is_told = true;
        bring_look_forward(feed, CHANGE_FEED_BOOK_US);
    }
    tell(feed, change);
}

static void read_notifications(struct change_feed *feed)
{
    PGnotify *notify;
    while ((notify = PQnotifies(connection_raw(feed->connection))) != NULL) {
        change_read(notify->extra, announced, feed);
        PQfreemem(notify);
    }
}

/* ---- waiting ---- */

static int64_t look_apart_us(const struct change_feed *feed)
{
    bool is_watched = feed->options.watched_us > 0 && atomic_load(&feed->is_watched);
    return is_watched ? feed->options.watched_us : feed->options.marker_us;
}

static void read_watch(struct change_feed *feed)
{
    eventfd_t count;
    if (eventfd_read(feed->watch_fd, &count) == 0)
        bring_look_forward(feed, look_apart_us(feed));
}

/* False when the connection is lost. `timeout_ms` −1: until something comes. */
static bool wait_for_input(struct change_feed *feed, int timeout_ms)
{
    PGconn *pg = connection_raw(feed->connection);
    struct pollfd polled[3] = {
        {.fd = PQsocket(pg), .events = POLLIN},
        {.fd = feed->stop_fd, .events = POLLIN},
        {.fd = feed->watch_fd, .events = POLLIN},
    };
    if (poll(polled, 3, timeout_ms) < 0 && errno != EINTR)
        return false;
    read_watch(feed);
    if (PQconsumeInput(pg) == 0)
        return false;
    read_notifications(feed);
    return true;
}

static void wait_to_reconnect(struct change_feed *feed)
{
    struct pollfd polled = {.fd = feed->stop_fd, .events = POLLIN};
    (void)poll(&polled, 1, (int)(backoff_us(++feed->failures, &feed->random) / 1000));
}

/* ---- foreign writers ---- */

static enum status reconcile(struct change_feed *feed, int64_t *changes, struct error *error)
{
    PGresult *result;
    enum status status = connection_query_row(
        feed->connection, "SELECT tapedeck.symbols_reconcile()", 0, NULL, &result, error);
    if (status != STATUS_OK)
        return status;
    status = result_int64(result, 0, 0, changes);
    PQclear(result);
    return status == STATUS_OK
               ? STATUS_OK
               : error_set(error, status, "database: tapedeck.symbols_reconcile is no number");
}

/* What reconciling finds it announces itself, to every server. Once everything is visible, a move
 * of the marker that nobody announced was foreign, somewhere within what is known. */
static enum status check_foreign(struct change_feed *feed, bool is_settled, struct error *error)
{
    int64_t changes;
    enum status status = reconcile(feed, &changes, error);
    if (status != STATUS_OK)
        return status;
    read_notifications(feed);
    bool is_unexplained = is_settled && changes == 0;
    if (is_unexplained && !feed->is_announced && !wait_for_input(feed, GRACE_MS))
        return error_set(error, STATUS_UNAVAILABLE, "database: connection lost");
    if (is_unexplained && !feed->is_announced)
        report(feed, CHANGE_FOREIGN);
    if (is_settled)
        feed->is_announced = false;
    return STATUS_OK;
}

static void log_failure(struct change_feed *feed, const struct error *error)
{
    if (!feed->has_failed && !is_stopping(feed))
        log_warn("store.feed.away", "error=%s", LOG_QUOTE(error->text));
    feed->has_failed = true;
}

/* What others wrote while nobody listened is no move of a marker that was not looked at then. */
static bool catch_up(struct change_feed *feed)
{
    if (feed->options.marker_us == 0)
        return true;
    int64_t changes;
    struct error error;
    if (reconcile(feed, &changes, &error) == STATUS_OK) {
        read_notifications(feed);
        return true;
    }
    log_failure(feed, &error);
    return connection_is_idle(feed->connection);
}

/* What triggers have told is announced and applied already; now the books learn of it. */
static enum status book(struct change_feed *feed, struct error *error)
{
    int64_t changes;
    enum status status = reconcile(feed, &changes, error);
    if (status == STATUS_OK)
        read_notifications(feed);
    return status;
}

static enum status look_at_marker(struct change_feed *feed, struct error *error)
{
    enum marker_look look;
    enum status status = marker_look(&feed->marker, feed->connection, &look, error);
    if (status != STATUS_OK)
        return status;
    read_notifications(feed);
    bool is_told = feed->is_told;
    feed->is_told = false;
    if (look != MARKER_QUIET)
        return check_foreign(feed, look == MARKER_SETTLED, error);
    feed->is_announced = false;
    return is_told ? book(feed, error) : STATUS_OK;
}

/* ---- the connection ---- */

static void set_connection(struct change_feed *feed, struct connection *connection)
{
    pthread_mutex_lock(&feed->lock);
    feed->connection = connection;
    pthread_mutex_unlock(&feed->lock);
}

static void disconnect(struct change_feed *feed)
{
    struct connection *connection = feed->connection;
    set_connection(feed, NULL);
    connection_close(&connection);
}

static enum status connect_and_listen(struct change_feed *feed, struct error *error)
{
    struct connection *connection = connection_open(feed->url, "feed", error);
    atomic_store(&feed->is_away, connection == NULL);
    if (connection == NULL)
        return error->status;
    connection_set_stall_us(connection, STALL_US_MAX);
    set_connection(feed, connection);
    enum status status = connection_execute(connection, "LISTEN tapedeck_change", error);
    if (status != STATUS_OK) {
        disconnect(feed);
        return status;
    }
    log_info("store.feed.listening", "failures=%u", feed->failures);
    counter_add(&feed->connects, 1);
    counter_add(&feed->listening, 1);
    feed->failures = 0;
    feed->has_failed = false;
    marker_deinit(&feed->marker);
    feed->is_announced = false;
    feed->is_told = false; /* catching up does it */
    feed->look_us = 0;
    return STATUS_OK;
}

/* False when the connection is lost. */
static bool look_if_due(struct change_feed *feed)
{
    int64_t now_us = clock_monotonic_us();
    if (feed->options.marker_us == 0 || now_us < feed->look_us)
        return true;
    feed->looked_us = now_us;
    feed->look_us = now_us + look_apart_us(feed);
    struct error error;
    if (look_at_marker(feed, &error) == STATUS_OK)
        return true;
    log_failure(feed, &error);
    feed->look_us = now_us + MARKER_FAILED_US;
    return connection_is_idle(feed->connection);
}

static int wait_ms(const struct change_feed *feed)
{
    if (feed->options.marker_us == 0)
        return -1;
    int64_t left_us = feed->look_us - clock_monotonic_us();
    return left_us > 0 ? (int)((left_us + 999) / 1000) : 0;
}

static void listen_until_lost(struct change_feed *feed)
{
    /* Looks first: whatever is committed later is then noticed, by listening or by the marker. */
    bool works = look_if_due(feed) && catch_up(feed);
    report(feed, CHANGE_UNKNOWN);
    while (works && !is_stopping(feed))
        works = wait_for_input(feed, wait_ms(feed)) && look_if_due(feed);
    struct error error;
    error_set(&error, STATUS_UNAVAILABLE, "database: connection lost");
    log_failure(feed, &error);
    disconnect(feed);
    counter_subtract(&feed->listening, 1);
    atomic_store(&feed->is_away, true); /* until the next try, which is soon */
}

static void *feed_main(void *argument)
{
    struct change_feed *feed = argument;
    pthread_setname_np(pthread_self(), "store-feed");
    while (!is_stopping(feed)) {
        struct error error;
        if (connect_and_listen(feed, &error) == STATUS_OK)
            listen_until_lost(feed);
        else
            log_failure(feed, &error);
        counter_add(&feed->losses, 1);
        wait_to_reconnect(feed);
    }
    return NULL;
}

struct change_feed_statistics change_feed_statistics(const struct change_feed *feed)
{
    return (struct change_feed_statistics){
        .listening = counter_read(&feed->listening) > 0,
        .reachable = !atomic_load(&feed->is_away),
        .connects = counter_read(&feed->connects),
        .losses = counter_read(&feed->losses),
        .changes = counter_read(&feed->changes),
        .foreign = counter_read(&feed->foreign),
    };
}

/* ---- creating and destroying ---- */

static void feed_free(struct change_feed *feed)
{
    if (feed->stop_fd >= 0)
        close(feed->stop_fd);
    if (feed->watch_fd >= 0)
        close(feed->watch_fd);
    pthread_mutex_destroy(&feed->lock);
    marker_deinit(&feed->marker);
    mem_free(feed->url);
    mem_free(feed);
}

enum status change_feed_create(const struct change_feed_options *options,
                               struct change_feed **created, struct error *error)
{
    enum status status = connection_url_check(options->url, error);
    if (status != STATUS_OK)
        return status;
    struct change_feed *feed = MEM_NEW(struct change_feed);
    feed->options = *options;
    feed->url = mem_copy_text(options->url);
    feed->random = (uint64_t)clock_monotonic_us();
    pthread_mutex_init(&feed->lock, NULL);
    feed->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    feed->watch_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bool has_fds = feed->stop_fd >= 0 && feed->watch_fd >= 0;
    int failure = has_fds ? thread_start(&feed->thread, feed_main, feed) : errno;
    if (failure != 0) {
        feed_free(feed);
        return error_set(error, STATUS_UNAVAILABLE, "cannot listen to the database: %s",
                         strerror(failure));
    }
    *created = feed;
    return STATUS_OK;
}

void change_feed_set_watched(struct change_feed *feed, bool is_watched)
{
    atomic_store(&feed->is_watched, is_watched);
    if (is_watched)
        (void)eventfd_write(feed->watch_fd, 1);
}

void change_feed_destroy(struct change_feed **place)
{
    struct change_feed *feed = *place;
    *place = NULL;
    if (feed == NULL)
        return;
    atomic_store(&feed->stopping, true);
    (void)eventfd_write(feed->stop_fd, 1); /* never read: every wait from now on ends at once */
    pthread_mutex_lock(&feed->lock);
    if (feed->connection != NULL)
        connection_cancel(feed->connection);
    pthread_mutex_unlock(&feed->lock);
    pthread_join(feed->thread, NULL);
    feed_free(feed);
}
