#include "bench/windows.h"

#include "base/clock.h"
#include "base/mem.h"
#include "bench/scatter.h"
#include "market/time.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#define SILENCE_MS_MAX 30000 /* an answer comes within it */

struct windows {
    const struct windows_options *options;
    struct channel_address address;
    struct channel_scratch scratch;
    struct asker asker;
    int64_t from; /* instants are from here on, and before `to` */
    int64_t to;
};

/* A channel_message_fn. */
static enum status on_message(void *owner, const uint8_t *bytes, size_t count, int64_t now_us,
                              struct error *error)
{
    return asker_message(owner, bytes, count, now_us, error);
}

/* What poll() found about the channel. */
static enum status serve(struct windows *windows, int found, struct error *error)
{
    struct channel *channel = &windows->asker.channel;
    enum status status = STATUS_OK;
    if ((found & (POLLOUT | POLLERR)) != 0)
        status = channel_write(channel, error);
    if (status == STATUS_OK && (found & (POLLIN | POLLHUP)) != 0)
        status = channel_read(channel, &windows->scratch, on_message, &windows->asker, error);
    return status;
}

/* Waits for the channel, and unless it is -1 for `fd`: `ready` says whether that can be read. */
static enum status turn(struct windows *windows, int fd, bool *ready, struct error *error)
{
    struct channel *channel = &windows->asker.channel;
    struct pollfd events[] = {{.fd = channel->fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    if (channel_wants_write(channel))
        events[0].events |= POLLOUT;
    int count = poll(events, 2, fd < 0 ? SILENCE_MS_MAX : -1);
    *ready = count > 0 && events[1].revents != 0;
    if (count < 0)
        return errno == EINTR ? STATUS_OK
                              : error_set(error, STATUS_INTERNAL, "poll: %s", strerror(errno));
    if (count == 0)
        return error_set(error, STATUS_UNAVAILABLE, "the server has said nothing for 30 s");
    return serve(windows, events[0].revents, error);
}

static enum status until_idle(struct windows *windows, struct error *error)
{
    enum status status = STATUS_OK;
    bool ready;
    while (status == STATUS_OK && windows->asker.phase != ASKER_IDLE)
        status = turn(windows, -1, &ready, error);
    return status;
}

enum status windows_await(struct windows *windows, int fd, struct error *error)
{
    enum status status = STATUS_OK;
    bool ready = false;
    while (status == STATUS_OK && !ready)
        status = turn(windows, fd, &ready, error);
    return status;
}

/* ---- instants ---- */

/* A window of ticks ends with the range, one of candles may have as few as one bucket of it. */
static enum status settle_range(struct windows *windows, struct error *error)
{
    const struct windows_options *options = windows->options;
    const struct tape *tape = &windows->asker.tape;
    windows->from = options->from != WINDOWS_HERE ? options->from : tape->from;
    windows->to = options->to != WINDOWS_HERE ? options->to : tape->to;
    if (options->window.ticks_us > 0) {
        windows->to = windows->to - options->window.ticks_us + 1;
    }
    if (windows->from >= windows->to)
        return error_set(error, STATUS_INVALID, "the range has no room for such a window");
    return STATUS_OK;
}

/* ---- measuring ---- */

static enum status ask(struct windows *windows, const struct asker_window *window,
                       struct histogram *took_us, struct error *error)
{
    enum status status = asker_ask(&windows->asker, window, clock_monotonic_us(), error);
    if (status == STATUS_OK)
        status = until_idle(windows, error);
    if (status == STATUS_OK)
        histogram_add(took_us, windows->asker.answer.took_us);
    return status;
}

static enum status compare(const struct asker_window *window, const struct asker_answer *first,
                           const struct asker_answer *again, struct error *error)
{
    if (first->rows == again->rows && first->sum == again->sum)
        return STATUS_OK;
    return error_set(error, STATUS_BAD_MESSAGE,
                     "the window at %s came to %" PRId64 " rows with sum %" PRIu64
                     ", and again to %" PRId64 " with %" PRIu64,
                     time_format(window->at).text, first->rows, first->sum, again->rows,
                     again->sum);
}

static void count_rows(struct windows_result *result, const struct asker_answer *answer)
{
    bool is_first = result->first_us.count == 1;
    result->rows += answer->rows;
    result->sum += answer->sum;
    if (is_first || answer->rows < result->rows_least)
        result->rows_least = answer->rows;
}

enum status windows_ask_at(struct windows *windows, int64_t at, struct windows_result *result,
                           struct error *error)
{
    struct asker_window window = windows->options->window;
    window.at = at;
    result->is_subscribed = window.ticks_us == 0 && windows->asker.has_subscribe;
    enum status status = ask(windows, &window, &result->first_us, error);
    struct asker_answer first = windows->asker.answer;
    if (status == STATUS_OK)
        count_rows(result, &first);
    for (int64_t i = 0; i < windows->options->again && status == STATUS_OK; i++) {
        status = ask(windows, &window, &result->again_us, error);
        if (status == STATUS_OK)
            status = compare(&window, &first, &windows->asker.answer, error);
    }
    return status;
}

enum status windows_ask_all(struct windows *windows, struct windows_result *result,
                            struct error *error)
{
    const struct windows_options *options = windows->options;
    if (options->at != WINDOWS_HERE)
        return windows_ask_at(windows, options->at, result, error);
    double offset = scatter_offset(options->seed);
    enum status status = settle_range(windows, error);
    for (int64_t place = 0; place < options->places && status == STATUS_OK; place++)
        status = windows_ask_at(windows,
                                scatter_place(offset, (double)place, windows->from, windows->to),
                                result, error);
    return status;
}

/* ---- the connection ---- */

static enum status connect_and_learn(struct windows *windows, struct error *error)
{
    const struct windows_options *options = windows->options;
    enum status status = channel_address_find(&options->target, &windows->address, error);
    if (status == STATUS_OK)
        status = channel_connect(&windows->asker.channel, &windows->address, options->seed, error);
    return status == STATUS_OK ? until_idle(windows, error) : status;
}

struct windows *windows_open(const struct windows_options *options, struct error *error)
{
    /* Too large for a stack: it has a message of 64 symbols. */
    struct windows *windows = MEM_NEW(struct windows);
    windows->options = options;
    asker_init(&windows->asker, options->symbol);
    channel_scratch_init(&windows->scratch);
    if (connect_and_learn(windows, error) != STATUS_OK)
        windows_close(&windows);
    return windows;
}

void windows_close(struct windows **windows)
{
    if (*windows == NULL)
        return;
    asker_deinit(&(*windows)->asker);
    channel_scratch_deinit(&(*windows)->scratch);
    channel_address_forget(&(*windows)->address);
    mem_free(*windows);
    *windows = NULL;
}
