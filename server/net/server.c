#include "net/server.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/server_inner.h"
#include "net/tls.h"

#include <assert.h>
#include <libwebsockets.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Descriptors that are not clients: listeners, timers, databases, files being sent. */
#define FILES_RESERVED 128
/* libwebsockets makes two tables per lane of as many entries as there may be descriptors. */
#define FILES_MAX ((rlim_t)1 << 20)

static struct log_limit lws_log;

/* Its lines end with a line feed, may begin with "[time] E: " and may quote what a peer sent. */
static void lws_emit(int level, const char *line)
{
    unsigned swallowed;
    if (!log_limit_pass(&lws_log, clock_monotonic_us(), &swallowed))
        return;
    const char *stamp_end = line[0] == '[' ? strstr(line, "] ") : NULL;
    if (stamp_end != NULL && strlen(stamp_end) > 5)
        line = stamp_end + 5;
    char text[256];
    size_t bytes = strcspn(line, "\n");
    (void)snprintf(text, sizeof text, "%.*s", (int)(bytes < sizeof text ? bytes : 255), line);
    log_warn("net.lws", "level=%s swallowed=%u text=%s", level == LLL_ERR ? "error" : "warn",
             swallowed, LOG_QUOTE(text));
}

/* As many as the hard limit allows; fewer than that when the tables would become absurd. */
static size_t raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    rlim_t wanted =
        limit.rlim_max == RLIM_INFINITY || limit.rlim_max > FILES_MAX ? FILES_MAX : limit.rlim_max;
    struct rlimit raised = {.rlim_cur = wanted, .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
        limit.rlim_cur = wanted;
    return (size_t)limit.rlim_cur;
}

static size_t connections_possible(size_t wanted)
{
    size_t files = raise_file_limit();
    size_t possible = files > 2 * FILES_RESERVED ? files - FILES_RESERVED : files / 2;
    if (wanted <= possible)
        return wanted;
    log_warn("net.limit", "connections_max=%zu lowered_to=%zu open_files=%zu", wanted, possible,
             files);
    return possible;
}

static char *copy_folder(const char *folder)
{
    if (folder == NULL || folder[0] == '\0')
        return NULL;
    char *copy = mem_copy_text(folder);
    for (size_t bytes = strlen(copy); bytes > 1 && copy[bytes - 1] == '/'; bytes--)
        copy[bytes - 1] = '\0';
    return copy;
}

static char **copy_texts(const char *const *texts, size_t count)
{
    char **copies = mem_alloc_zeroed((count + 1) * sizeof *copies);
    for (size_t i = 0; i < count; i++)
        copies[i] = mem_copy_text(texts[i]);
    return copies;
}

static void free_texts(char **texts)
{
    for (char **text = texts; *text != NULL; text++)
        mem_free(*text);
    mem_free(texts);
}

static void copy_origins(struct server *server, const struct server_options *options)
{
    size_t count = options->allowed_origin_count;
    server->origin_names = copy_texts(options->allowed_origins, count);
    server->origins =
        (struct origins){.names = (const char *const *)server->origin_names, .count = count};
}

static void copy_hosts(struct server *server, const struct server_options *options)
{
    size_t count = options->allowed_host_count;
    server->host_names = copy_texts(options->allowed_hosts, count);
    server->site.hosts = (struct hosts){.is_checked = options->checks_host,
                                        .names = (const char *const *)server->host_names,
                                        .count = count};
}

static struct server *server_create(const struct server_options *options)
{
    struct server *server = MEM_NEW(struct server);
    server->port = options->port;
    server->web_root = copy_folder(options->web_root);
    server->site = (struct http_site){.origins = &server->origins,
                                      .web_root = server->web_root,
                                      .checks = options->checks,
                                      .checks_owner = options->checks_owner,
                                      .metrics = options->metrics,
                                      .metrics_owner = options->metrics_owner,
                                      .server = server,
                                      .rate = &server->http_rate};
    http_rate_init(&server->http_rate, options->http_requests_per_second,
                   options->http_requests_burst);
    pthread_mutex_init(&server->tls_lock, NULL);
    server->tls = options->tls;
    if (server->tls != NULL)
        tls_pin(server->tls);
    copy_origins(server, options);
    copy_hosts(server, options);
    server->unsent_bytes_max = options->unsent_bytes_max / options->lane_count;
    admission_init(&server->admission, connections_possible(options->connections_max),
                   options->connections_per_address_max);
    server->lanes = mem_alloc_zeroed(options->lane_count * sizeof *server->lanes);
    return server;
}

static enum status make_lane(struct server *server, const struct server_options *options,
                             const struct feed_lane *shared, struct error *error)
{
    unsigned index = server->lane_count;
    int listen_fd;
    enum status status =
        acceptor_listen(options->host, &server->port, index == 0, &listen_fd, error);
    if (status != STATUS_OK)
        return status;
    server->lane_count++; /* from here on it is deinitialised with the others */
    return lane_init(&server->lanes[index], server, index, listen_fd, shared, error);
}

/* Signals are for the main thread. */
static enum status start_threads(struct server *server, struct error *error)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < server->lane_count && status == STATUS_OK; i++)
        status = lane_start(&server->lanes[i], error);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

enum status server_start(const struct server_options *options, const struct feed_lane *shared,
                         struct server **server, struct error *error)
{
    ASSERT(options->lane_count >= 1);
    ASSERT(options->lane_count <= SERVER_LANES_MAX);
    /* Warnings later: 4.3 warns for each context but the first that it cannot watch netlink. */
    lws_set_log_level(LLL_ERR, lws_emit);
    struct server *made = server_create(options);
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < options->lane_count && status == STATUS_OK; i++)
        status = make_lane(made, options, shared, error);
    lws_set_log_level(LLL_ERR | LLL_WARN, lws_emit);
    if (status == STATUS_OK)
        status = start_threads(made, error);
    if (status != STATUS_OK) {
        server_destroy(&made);
        return status;
    }
    log_info("net.listen", "host=%s port=%u lanes=%u connections_max=%zu tls=%d", options->host,
             made->port, made->lane_count, made->admission.total_max, made->tls != NULL);
    *server = made;
    return STATUS_OK;
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

unsigned server_lanes(const struct server *server)
{
    return server->lane_count;
}

struct server_figures server_lane_figures(const struct server *server, unsigned index)
{
    ASSERT(index < server->lane_count);
    return lane_figures(&server->lanes[index]);
}

/* All of its fields are counters of one type. */
static void add_figures(struct server_figures *sum, const struct server_figures *more)
{
    static_assert(sizeof *sum % sizeof(uint64_t) == 0, "counters only");
    uint64_t values[sizeof *sum / sizeof(uint64_t)];
    uint64_t sums[sizeof *sum / sizeof(uint64_t)];
    memcpy(values, more, sizeof values);
    memcpy(sums, sum, sizeof sums);
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
        sums[i] += values[i];
    memcpy(sum, sums, sizeof sums);
}

struct server_figures server_figures(const struct server *server)
{
    struct server_figures sum = {.connections = 0};
    for (unsigned i = 0; i < server->lane_count; i++) {
        struct server_figures one = lane_figures(&server->lanes[i]);
        add_figures(&sum, &one);
    }
    return sum;
}

struct tls *server_pin_tls(struct server *server)
{
    pthread_mutex_lock(&server->tls_lock);
    struct tls *tls = server->tls;
    if (tls != NULL)
        tls_pin(tls);
    pthread_mutex_unlock(&server->tls_lock);
    return tls;
}

void server_renew(struct server *server, struct tls *tls)
{
    if (tls != NULL) {
        tls_pin(tls);
        pthread_mutex_lock(&server->tls_lock);
        struct tls *before = server->tls;
        ASSERT(before != NULL); /* the lanes have no SSL_CTX to give it to */
        server->tls = tls;
        pthread_mutex_unlock(&server->tls_lock);
        tls_unpin(&before);
    }
    for (unsigned i = 0; i < server->lane_count; i++)
        lane_ask_to_renew(&server->lanes[i]);
}

void server_stop(struct server *server, int64_t grace_us)
{
    if (server->is_stopped)
        return;
    server->is_stopped = true;
    int64_t stop_at_us = clock_monotonic_us() + grace_us;
    for (unsigned i = 0; i < server->lane_count; i++) {
        if (server->lanes[i].has_thread)
            lane_ask_to_stop(&server->lanes[i], stop_at_us);
    }
    for (unsigned i = 0; i < server->lane_count; i++)
        lane_join(&server->lanes[i]);
    log_info("net.stop", "still_connected=%zu", admission_total(&server->admission));
}

void server_destroy(struct server **server)
{
    struct server *doomed = *server;
    if (doomed == NULL)
        return;
    server_stop(doomed, 0);
    for (unsigned i = 0; i < doomed->lane_count; i++)
        lane_deinit(&doomed->lanes[i]);
    admission_deinit(&doomed->admission);
    http_rate_deinit(&doomed->http_rate);
    tls_unpin(&doomed->tls);
    pthread_mutex_destroy(&doomed->tls_lock);
    free_texts(doomed->origin_names);
    free_texts(doomed->host_names);
    mem_free(doomed->web_root);
    mem_free(doomed->lanes);
    mem_free(doomed);
    *server = NULL;
}
