#include "bench/audience.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bench/process.h"
#include "bench/scatter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONNECTING_MAX 64 /* at once: a listening socket's queue is short */
#define EVENTS_MAX 256
#define SILENCE_US_MAX INT64_C(30000000) /* a viewer that waits hears something within it */
#define LOOK_US INT64_C(1000000)         /* from one look at who is silent to the next */
#define WAIT_MS_MAX 1000
#define FILES_BESIDE_VIEWERS 64
#define REQUEST_BYTES_MAX 16384 /* limits.message_bytes */

enum stage { STAGE_GATHERING, STAGE_STARTING, STAGE_WATCHING, STAGE_LEAVING, STAGE_OVER };

struct audience {
    const struct audience_options *options;
    struct channel_address address;
    struct channel_scratch scratch;
    struct company company;
    struct viewer *viewers;
    int epoll;
    enum stage stage;

    size_t connected; /* viewers that have begun to connect */
    size_t started;
    int64_t starts_us;  /* when the first one starts */
    int64_t measure_us; /* when the measuring began; 0: not yet */
    int64_t looked_us;
    int64_t server_cpu_us;
    int64_t client_cpu_us;
    struct audience_result *result;
};

/* ---- one viewer ---- */

static enum status name_viewer(const struct viewer *viewer, enum status status, struct error *error)
{
    if (status != STATUS_OK)
        (void)error_prefix(error, "viewer %zu", viewer->index + 1);
    return status;
}

static enum status arm(const struct audience *audience, struct viewer *viewer, struct error *error)
{
    uint32_t wanted = EPOLLIN | (channel_wants_write(&viewer->channel) ? EPOLLOUT : 0U);
    if (viewer->armed == wanted)
        return STATUS_OK;
    struct epoll_event event = {.events = wanted, .data.ptr = viewer};
    int how = viewer->armed == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(audience->epoll, how, viewer->channel.fd, &event) != 0)
        return error_set(error, STATUS_INTERNAL, "epoll_ctl: %s", strerror(errno));
    viewer->armed = wanted;
    return STATUS_OK;
}

static enum status connect_viewer(struct audience *audience, struct viewer *viewer, int64_t now_us,
                                  struct error *error)
{
    viewer->phase = VIEWER_CONNECTING;
    viewer->heard_us = now_us;
    enum status status = channel_connect(&viewer->channel, &audience->address,
                                         audience->options->seed + viewer->index, error);
    return status == STATUS_OK ? arm(audience, viewer, error) : status;
}

struct reader_of_viewer {
    struct audience *audience;
    struct viewer *viewer;
};

/* A channel_message_fn. */
static enum status on_message(void *owner, const uint8_t *bytes, size_t count, int64_t now_us,
                              struct error *error)
{
    struct reader_of_viewer *reading = owner;
    return viewer_message(reading->viewer, &reading->audience->company, bytes, count, now_us,
                          error);
}

static enum status read_viewer(struct audience *audience, struct viewer *viewer,
                               struct error *error)
{
    struct reader_of_viewer reading = {audience, viewer};
    uint64_t before = viewer->channel.received_bytes;
    enum status status =
        channel_read(&viewer->channel, &audience->scratch, on_message, &reading, error);
    audience->company.tally.bytes += (int64_t)(viewer->channel.received_bytes - before);
    if (status != STATUS_OK)
        return status;
    /* The bare server says no `welcome`. */
    if (audience->options->viewer.is_bare && viewer->phase == VIEWER_CONNECTING &&
        viewer->channel.state == CHANNEL_OPEN)
        viewer->phase = VIEWER_READY;
    return viewer_ack(viewer, &audience->company, error);
}

static enum status serve_viewer(struct audience *audience, struct viewer *viewer, uint32_t events,
                                struct error *error)
{
    enum status status = STATUS_OK;
    if (viewer->channel.state == CHANNEL_CLOSED)
        return STATUS_OK;
    if ((events & (EPOLLOUT | EPOLLERR)) != 0)
        status = channel_write(&viewer->channel, error);
    if (status == STATUS_OK && (events & (EPOLLIN | EPOLLHUP)) != 0)
        status = read_viewer(audience, viewer, error);
    if (status == STATUS_OK && viewer->phase == VIEWER_DONE)
        channel_close(&viewer->channel);
    else if (status == STATUS_OK)
        status = arm(audience, viewer, error);
    return status;
}

/* ---- all viewers ---- */

static size_t count_phase(const struct audience *audience, enum viewer_phase from,
                          enum viewer_phase to)
{
    size_t count = 0;
    for (size_t i = 0; i < audience->options->viewer_count; i++)
        count += audience->viewers[i].phase >= from && audience->viewers[i].phase <= to;
    return count;
}

/* The first one alone: it settles the tape. */
static enum status gather(struct audience *audience, int64_t now_us, struct error *error)
{
    size_t connecting = count_phase(audience, VIEWER_CONNECTING, VIEWER_ASKING);
    size_t ready = count_phase(audience, VIEWER_READY, VIEWER_READY);
    size_t most = ready > 0 ? CONNECTING_MAX : 1;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && connecting < most &&
           audience->connected < audience->options->viewer_count) {
        struct viewer *viewer = &audience->viewers[audience->connected++];
        connecting++;
        status = name_viewer(viewer, connect_viewer(audience, viewer, now_us, error), error);
    }
    if (ready == audience->options->viewer_count) {
        audience->stage = STAGE_STARTING;
        audience->starts_us = now_us;
    }
    return status;
}

static int64_t start_at(const struct audience *audience, size_t index)
{
    int64_t count = (int64_t)audience->options->viewer_count;
    return audience->starts_us + audience->options->stagger_us * (int64_t)index / count;
}

static int64_t client_cpu_us(void)
{
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) != 0)
        return 0;
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * INT64_C(1000000) +
           used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

static void begin_measuring(struct audience *audience)
{
    struct tally *tally = &audience->company.tally;
    struct histogram open_us = tally->open_us;
    memset(tally, 0, sizeof *tally);
    tally->open_us = open_us;
    audience->server_cpu_us = process_cpu_us((pid_t)audience->result->server_pid);
    audience->client_cpu_us = client_cpu_us();
    audience->measure_us = clock_monotonic_us();
}

static void end_measuring(struct audience *audience)
{
    struct audience_result *result = audience->result;
    pid_t pid = (pid_t)result->server_pid;
    result->seconds_us = clock_monotonic_us() - audience->measure_us;
    int64_t cpu_us = process_cpu_us(pid);
    result->server_cpu_us =
        cpu_us >= 0 && audience->server_cpu_us >= 0 ? cpu_us - audience->server_cpu_us : -1;
    result->server_rss_bytes = process_rss_bytes(pid);
    result->client_cpu_us = client_cpu_us() - audience->client_cpu_us;
    result->tally = audience->company.tally;
}

static enum status start(struct audience *audience, int64_t now_us, struct error *error)
{
    bool has_duration = audience->options->duration_us > 0;
    if (audience->started == 0 && !has_duration)
        begin_measuring(audience);
    enum status status = STATUS_OK;
    while (status == STATUS_OK && audience->started < audience->options->viewer_count &&
           start_at(audience, audience->started) <= now_us) {
        struct viewer *viewer = &audience->viewers[audience->started++];
        status = viewer_start(viewer, &audience->company, now_us, error);
        if (status == STATUS_OK)
            status = arm(audience, viewer, error);
        status = name_viewer(viewer, status, error);
    }
    if (audience->started < audience->options->viewer_count)
        return status;
    audience->stage = STAGE_WATCHING;
    if (has_duration)
        begin_measuring(audience);
    return status;
}

static enum status seek(struct audience *audience, int64_t now_us, int64_t *next_us,
                        struct error *error)
{
    enum status status = STATUS_OK;
    if (audience->options->viewer.seeks == 0)
        return STATUS_OK;
    for (size_t i = 0; i < audience->options->viewer_count && status == STATUS_OK; i++) {
        struct viewer *viewer = &audience->viewers[i];
        int64_t at_us = viewer_seek_at(viewer, &audience->company);
        if (at_us <= now_us) {
            status = viewer_seek(viewer, &audience->company, now_us, error);
            if (status == STATUS_OK)
                status = arm(audience, viewer, error);
            status = name_viewer(viewer, status, error);
        } else if (at_us < *next_us) {
            *next_us = at_us;
        }
    }
    return status;
}

static void watch(struct audience *audience, int64_t now_us, int64_t *next_us)
{
    size_t count = audience->options->viewer_count;
    int64_t duration_us = audience->options->duration_us;
    int64_t end_us = duration_us > 0 ? audience->measure_us + duration_us : INT64_MAX;
    bool is_over = end_us <= now_us;
    if (duration_us == 0)
        is_over = count_phase(audience, VIEWER_ENDED, VIEWER_DONE) == count;
    if (is_over) {
        end_measuring(audience);
        audience->stage = STAGE_LEAVING;
        *next_us = now_us;
    } else if (end_us < *next_us) {
        *next_us = end_us;
    }
}

static enum status leave(struct audience *audience, int64_t now_us, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < audience->options->viewer_count && status == STATUS_OK; i++) {
        struct viewer *viewer = &audience->viewers[i];
        if (viewer->phase != VIEWER_WATCHING && viewer->phase != VIEWER_ENDED)
            continue;
        status = viewer_leave(viewer, &audience->company, now_us, error);
        if (status == STATUS_OK)
            status = arm(audience, viewer, error);
        status = name_viewer(viewer, status, error);
    }
    if (count_phase(audience, VIEWER_DONE, VIEWER_DONE) == audience->options->viewer_count)
        audience->stage = STAGE_OVER;
    return status;
}

static enum status look_for_silence(struct audience *audience, int64_t now_us, struct error *error)
{
    if (now_us - audience->looked_us < LOOK_US)
        return STATUS_OK;
    audience->looked_us = now_us;
    for (size_t i = 0; i < audience->connected; i++) {
        const struct viewer *viewer = &audience->viewers[i];
        if (viewer_is_waiting(viewer) && now_us - viewer->heard_us > SILENCE_US_MAX)
            return error_set(error, STATUS_UNAVAILABLE,
                             "viewer %zu: the server has said nothing for 30 s", i + 1);
    }
    return STATUS_OK;
}

/* ---- the loop ---- */

/* What the stage asks for. `next_us`: when it asks again without an event. */
static enum status act(struct audience *audience, int64_t *next_us, struct error *error)
{
    int64_t now_us = clock_monotonic_us();
    enum status status = look_for_silence(audience, now_us, error);
    *next_us = now_us + LOOK_US;
    if (status == STATUS_OK && audience->stage == STAGE_GATHERING)
        status = gather(audience, now_us, error);
    if (status == STATUS_OK && audience->stage == STAGE_STARTING)
        status = start(audience, now_us, error);
    if (status == STATUS_OK && audience->stage == STAGE_STARTING)
        *next_us = start_at(audience, audience->started);
    if (status == STATUS_OK &&
        (audience->stage == STAGE_STARTING || audience->stage == STAGE_WATCHING))
        status = seek(audience, now_us, next_us, error);
    if (status == STATUS_OK && audience->stage == STAGE_WATCHING)
        watch(audience, now_us, next_us);
    if (status == STATUS_OK && audience->stage == STAGE_LEAVING)
        status = leave(audience, now_us, error);
    return status;
}

static enum status wait(struct audience *audience, int64_t next_us, struct error *error)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t wait_us = next_us - clock_monotonic_us();
    int64_t wait_ms = wait_us <= 0 ? 0 : (wait_us + 999) / 1000;
    int count = epoll_wait(audience->epoll, events, EVENTS_MAX,
                           wait_ms < WAIT_MS_MAX ? (int)wait_ms : WAIT_MS_MAX);
    if (count < 0 && errno != EINTR)
        return error_set(error, STATUS_INTERNAL, "epoll_wait: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        struct viewer *viewer = events[i].data.ptr;
        enum status status = serve_viewer(audience, viewer, events[i].events, error);
        if (status != STATUS_OK)
            return name_viewer(viewer, status, error);
    }
    return STATUS_OK;
}

static enum status loop(struct audience *audience, struct error *error)
{
    while (audience->stage != STAGE_OVER) {
        int64_t next_us;
        enum status status = act(audience, &next_us, error);
        if (status == STATUS_OK && audience->stage != STAGE_OVER)
            status = wait(audience, next_us, error);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* ---- the whole ---- */

static enum status allow_files(size_t viewer_count, struct error *error)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)viewer_count + FILES_BESIDE_VIEWERS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return STATUS_OK;
    if (limit.rlim_max < wanted)
        return error_set(error, STATUS_LIMIT,
                         "%zu viewers need %" PRIu64 " open files, this process may have %" PRIu64
                         " (ulimit -Hn)",
                         viewer_count, (uint64_t)wanted, (uint64_t)limit.rlim_max);
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return error_set(error, STATUS_LIMIT, "RLIMIT_NOFILE: %s", strerror(errno));
    return STATUS_OK;
}

static bool is_local(const struct channel_address *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (address->address.ss_family == AF_INET) {
        memcpy(&v4, &address->address, sizeof v4);
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    memcpy(&v6, &address->address, sizeof v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

static void init(struct audience *audience, const struct audience_options *options,
                 struct audience_result *result)
{
    *result = (struct audience_result){.server_pid = options->server_pid};
    if (result->server_pid == 0 && is_local(&audience->address))
        result->server_pid = process_find(audience->address.port);
    audience->options = options;
    audience->result = result;
    audience->looked_us = clock_monotonic_us();
    audience->viewers = mem_alloc_zeroed(options->viewer_count * sizeof *audience->viewers);
    for (size_t i = 0; i < options->viewer_count; i++)
        audience->viewers[i].index = i;
    audience->company.options = &options->viewer;
    audience->company.viewer_count = options->viewer_count;
    audience->company.seek_offset = scatter_offset(options->seed);
    buffer_init(&audience->company.request, REQUEST_BYTES_MAX);
    channel_scratch_init(&audience->scratch);
}

static void deinit(struct audience *audience)
{
    for (size_t i = 0; i < audience->options->viewer_count; i++)
        channel_close(&audience->viewers[i].channel);
    buffer_deinit(&audience->company.request);
    channel_scratch_deinit(&audience->scratch);
    mem_free(audience->viewers);
    close(audience->epoll);
}

enum status audience_run(const struct audience_options *options, struct audience_result *result,
                         struct error *error)
{
    ASSERT(options->viewer_count > 0);
    ASSERT(options->viewer_count <= AUDIENCE_VIEWERS_MAX);
    /* Too large for a stack: it has a message of 64 symbols and two histograms. */
    struct audience *audience = MEM_NEW(struct audience);
    enum status status = channel_address_find(&options->target, &audience->address, error);
    if (status == STATUS_OK)
        status = allow_files(options->viewer_count, error);
    audience->epoll = status == STATUS_OK ? epoll_create1(EPOLL_CLOEXEC) : -1;
    if (status == STATUS_OK && audience->epoll < 0)
        status = error_set(error, STATUS_INTERNAL, "epoll_create1: %s", strerror(errno));
    if (status == STATUS_OK) {
        init(audience, options, result);
        status = loop(audience, error);
        result->pass_ticks = audience->company.has_pass ? audience->company.pass_ticks : -1;
        result->pass_sum = audience->company.pass_sum;
        deinit(audience);
    }
    channel_address_forget(&audience->address);
    mem_free(audience);
    return status;
}
