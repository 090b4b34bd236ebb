#include "bench/crowd.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bench/channel.h"
#include "bench/message.h"
#include "bench/requests.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONNECTING_MAX 64 /* at once: a listening socket's queue is short */
#define EVENTS_MAX 256
#define ASK_AGAIN_MS 50 /* for a symbol that is not listed yet */
#define PATIENCE_US INT64_C(30000000)
#define FILES_BESIDE 64
#define REQUEST_BYTES_MAX 1024
#define NO_PRICE INT64_MIN

struct subscriber {
    struct crowd *crowd;
    struct channel channel;
    uint32_t armed; /* epoll events */
    bool has_snapshot;
    bool is_refused; /* the symbol is not listed yet */
    int64_t price;   /* the newest candle's close; NO_PRICE: none */
};

struct crowd {
    const struct crowd_options *options;
    struct channel_address address;
    struct channel_scratch scratch;
    struct buffer request;
    struct message message;
    struct subscriber *subscribers;
    int epoll;
    size_t connected; /* have begun to */
    size_t ready;     /* have their snapshot */
    uint64_t messages;

    /* of crowd_await */
    int64_t wanted;
    int64_t began_us;
    size_t heard;
    struct histogram *each_us;
    struct crowd_heard times;
};

/* ---- one subscriber ---- */

static enum status arm(struct subscriber *subscriber, struct error *error)
{
    uint32_t wanted = EPOLLIN | (channel_wants_write(&subscriber->channel) ? EPOLLOUT : 0U);
    if (subscriber->armed == wanted)
        return STATUS_OK;
    struct epoll_event event = {.events = wanted, .data.ptr = subscriber};
    int how = subscriber->armed == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(subscriber->crowd->epoll, how, subscriber->channel.fd, &event) != 0)
        return error_set(error, STATUS_INTERNAL, "epoll_ctl: %s", strerror(errno));
    subscriber->armed = wanted;
    return STATUS_OK;
}

static enum status ask(struct subscriber *subscriber, struct error *error)
{
    struct crowd *crowd = subscriber->crowd;
    struct requests_candles candles = {.symbol = crowd->options->symbol,
                                       .interval = crowd->options->interval,
                                       .limit = 5,
                                       .is_live = true};
    buffer_clear(&crowd->request);
    requests_candles(&crowd->request, 1, &candles);
    subscriber->is_refused = false;
    enum status status = channel_send(&subscriber->channel, CHANNEL_BINARY, crowd->request.bytes,
                                      crowd->request.count, error);
    return status == STATUS_OK ? arm(subscriber, error) : status;
}

static void hear(struct subscriber *subscriber, int64_t price, int64_t now_us)
{
    struct crowd *crowd = subscriber->crowd;
    bool had_it = subscriber->price >= crowd->wanted;
    subscriber->price = price;
    if (had_it || price < crowd->wanted)
        return;
    if (crowd->heard++ == 0)
        crowd->times.first_us = now_us;
    crowd->times.last_us = now_us;
    if (crowd->each_us != NULL)
        histogram_add(crowd->each_us, now_us - crowd->began_us);
}

static enum status take_candles(struct subscriber *subscriber, int64_t now_us, struct error *error)
{
    const struct message_candles *candles = &subscriber->crowd->message.candles;
    int64_t price = NO_PRICE;
    enum status status = STATUS_OK;
    if (candles->rows > 0)
        status = columns_last_decimal(&candles->columns[CANDLES_CLOSE], (size_t)candles->rows,
                                      &price, error);
    if (status != STATUS_OK)
        return status;
    subscriber->crowd->ready += !subscriber->has_snapshot;
    subscriber->has_snapshot = true;
    if (price != NO_PRICE)
        hear(subscriber, price, now_us);
    return STATUS_OK;
}

/* A channel_message_fn. */
static enum status on_message(void *owner, const uint8_t *bytes, size_t count, int64_t now_us,
                              struct error *error)
{
    struct subscriber *subscriber = owner;
    struct message *message = &subscriber->crowd->message;
    enum status status = message_read(bytes, count, message, error);
    if (status != STATUS_OK)
        return status;
    subscriber->crowd->messages++;
    switch (message->event) {
    case MESSAGE_WELCOME:
        return ask(subscriber, error);
    case MESSAGE_CANDLES:
    case MESSAGE_UPDATE:
        return take_candles(subscriber, now_us, error);
    case MESSAGE_ERROR:
        if (pack_is(&message->code, "not_found") && !subscriber->has_snapshot) {
            subscriber->is_refused = true;
            return STATUS_OK;
        }
        return message_refusal(message, error);
    default:
        return STATUS_OK;
    }
}

static enum status serve(struct subscriber *subscriber, uint32_t events, struct error *error)
{
    struct crowd *crowd = subscriber->crowd;
    enum status status = STATUS_OK;
    if ((events & (EPOLLOUT | EPOLLERR)) != 0)
        status = channel_write(&subscriber->channel, error);
    if (status == STATUS_OK && (events & (EPOLLIN | EPOLLHUP)) != 0)
        status = channel_read(&subscriber->channel, &crowd->scratch, on_message, subscriber, error);
    return status == STATUS_OK ? arm(subscriber, error) : status;
}

/* ---- all of them ---- */

static enum status turn(struct crowd *crowd, struct error *error)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(crowd->epoll, events, EVENTS_MAX, ASK_AGAIN_MS);
    if (count < 0 && errno != EINTR)
        return error_set(error, STATUS_INTERNAL, "epoll_wait: %s", strerror(errno));
    enum status status = STATUS_OK;
    for (int i = 0; i < count && status == STATUS_OK; i++)
        status = serve(events[i].data.ptr, events[i].events, error);
    for (size_t i = 0; count == 0 && i < crowd->connected && status == STATUS_OK; i++)
        if (crowd->subscribers[i].is_refused)
            status = ask(&crowd->subscribers[i], error);
    return status;
}

/* The next few; at first one, so that a symbol that is not listed yet is asked for once. */
static enum status connect_some(struct crowd *crowd, struct error *error)
{
    enum status status = STATUS_OK;
    size_t most = crowd->ready == 0 ? 1 : CONNECTING_MAX;
    while (status == STATUS_OK && crowd->connected < crowd->options->subscribers &&
           crowd->connected - crowd->ready < most) {
        struct subscriber *subscriber = &crowd->subscribers[crowd->connected];
        status = channel_connect(&subscriber->channel, &crowd->address, crowd->connected, error);
        if (status == STATUS_OK)
            status = arm(subscriber, error);
        crowd->connected++;
    }
    return status;
}

static enum status gather(struct crowd *crowd, struct error *error)
{
    int64_t end_us = clock_monotonic_us() + PATIENCE_US;
    size_t ready = 0;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && crowd->ready < crowd->options->subscribers) {
        status = connect_some(crowd, error);
        if (status == STATUS_OK)
            status = turn(crowd, error);
        if (crowd->ready > ready)
            end_us = clock_monotonic_us() + PATIENCE_US;
        ready = crowd->ready;
        if (status == STATUS_OK && clock_monotonic_us() > end_us)
            return error_set(error, STATUS_UNAVAILABLE, "%zu of %zu subscribers have no snapshot",
                             crowd->options->subscribers - ready, crowd->options->subscribers);
    }
    return status;
}

static enum status check_files(size_t subscribers, struct error *error)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
        if (files.rlim_cur < subscribers + FILES_BESIDE)
            return error_set(error, STATUS_LIMIT, "only %" PRIu64 " files may be open",
                             (uint64_t)files.rlim_cur);
    }
    return STATUS_OK;
}

static enum status open_crowd(struct crowd *crowd, struct error *error)
{
    enum status status = check_files(crowd->options->subscribers, error);
    if (status == STATUS_OK)
        status = channel_address_find(&crowd->options->target, &crowd->address, error);
    if (status != STATUS_OK)
        return status;
    crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (crowd->epoll < 0)
        return error_set(error, STATUS_INTERNAL, "epoll_create: %s", strerror(errno));
    return gather(crowd, error);
}

enum status crowd_create(const struct crowd_options *options, struct crowd **created,
                         struct error *error)
{
    ASSERT(options->subscribers > 0);
    struct crowd *crowd = MEM_NEW(struct crowd);
    crowd->options = options;
    crowd->epoll = -1;
    crowd->wanted = INT64_MAX;
    channel_scratch_init(&crowd->scratch);
    buffer_init(&crowd->request, REQUEST_BYTES_MAX);
    crowd->subscribers = mem_alloc_zeroed(options->subscribers * sizeof *crowd->subscribers);
    for (size_t i = 0; i < options->subscribers; i++) {
        crowd->subscribers[i].crowd = crowd;
        crowd->subscribers[i].price = NO_PRICE;
    }
    enum status status = open_crowd(crowd, error);
    if (status == STATUS_OK)
        *created = crowd;
    else
        crowd_destroy(&crowd);
    return status;
}

void crowd_destroy(struct crowd **place)
{
    struct crowd *crowd = *place;
    *place = NULL;
    if (crowd == NULL)
        return;
    for (size_t i = 0; i < crowd->connected; i++)
        channel_close(&crowd->subscribers[i].channel);
    channel_address_forget(&crowd->address);
    if (crowd->epoll >= 0)
        close(crowd->epoll);
    mem_free(crowd->subscribers);
    buffer_deinit(&crowd->request);
    channel_scratch_deinit(&crowd->scratch);
    mem_free(crowd);
}

enum status crowd_await(struct crowd *crowd, int64_t price, int64_t began_us,
                        struct histogram *each_us, struct crowd_heard *heard, struct error *error)
{
    int64_t end_us = clock_monotonic_us() + PATIENCE_US;
    crowd->wanted = price;
    crowd->began_us = began_us;
    crowd->heard = 0;
    crowd->each_us = each_us;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && crowd->heard < crowd->options->subscribers) {
        status = turn(crowd, error);
        if (status == STATUS_OK && clock_monotonic_us() > end_us)
            status = error_set(error, STATUS_UNAVAILABLE, "only %zu of %zu subscribers were told",
                               crowd->heard, crowd->options->subscribers);
    }
    crowd->each_us = NULL;
    if (status == STATUS_OK)
        *heard = crowd->times;
    return status;
}

uint16_t crowd_port(const struct crowd *crowd)
{
    return crowd->address.port;
}

uint64_t crowd_take_messages(struct crowd *crowd)
{
    uint64_t messages = crowd->messages;
    crowd->messages = 0;
    return messages;
}
