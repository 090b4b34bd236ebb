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
    struct windows_result *result;
    struct channel_address address;
    struct channel_scratch scratch;
    struct asker asker;
    double offset; /* of the places */
    int64_t from;  /* instants are from here on, and before `to` */
    int64_t to;
};

/* A channel_message_fn. */
static enum status on_message(void *owner, const uint8_t *bytes, size_t count, int64_t now_us,
                              struct error *error)
{
    return asker_message(owner, bytes, count, now_us, error);
}

static enum status turn(struct windows *windows, struct error *error)
{
    struct channel *channel = &windows->asker.channel;
    struct pollfd events = {.fd = channel->fd, .events = POLLIN};
    if (channel_wants_write(channel))
        events.events |= POLLOUT;
    int count = poll(&events, 1, SILENCE_MS_MAX);
    if (count < 0 && errno != EINTR)
        return error_set(error, STATUS_INTERNAL, "poll: %s", strerror(errno));
    if (count == 0)
        return error_set(error, STATUS_UNAVAILABLE, "the server has said nothing for 30 s");
    enum status status = STATUS_OK;
    if ((events.revents & (POLLOUT | POLLERR)) != 0)
        status = channel_write(channel, error);
    if (status == STATUS_OK && (events.revents & (POLLIN | POLLHUP)) != 0)
        status = channel_read(channel, &windows->scratch, on_message, &windows->asker, error);
    return status;
}

static enum status until_idle(struct windows *windows, struct error *error)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && windows->asker.phase != ASKER_IDLE)
        status = turn(windows, error);
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
    if (options->at != WINDOWS_HERE) {
        windows->from = options->at;
        windows->to = options->at + 1;
    } else if (options->window.ticks_us > 0) {
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

static enum status measure(struct windows *windows, int64_t place, struct error *error)
{
    struct windows_result *result = windows->result;
    struct asker_window window = windows->options->window;
    window.at = scatter_place(windows->offset, (double)place, windows->from, windows->to);
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

static enum status measure_all(struct windows *windows, struct error *error)
{
    const struct windows_options *options = windows->options;
    int64_t places = options->at != WINDOWS_HERE ? 1 : options->places;
    enum status status = until_idle(windows, error);
    if (status == STATUS_OK)
        status = settle_range(windows, error);
    for (int64_t place = 0; place < places && status == STATUS_OK; place++)
        status = measure(windows, place, error);
    windows->result->is_subscribed = options->window.ticks_us == 0 && windows->asker.has_subscribe;
    return status;
}

enum status windows_run(const struct windows_options *options, struct windows_result *result,
                        struct error *error)
{
    /* Too large for a stack: it has a message of 64 symbols. */
    struct windows *windows = MEM_NEW(struct windows);
    *result = (struct windows_result){.rows = 0};
    windows->options = options;
    windows->result = result;
    windows->offset = scatter_offset(options->seed);
    enum status status = channel_address_find(&options->target, &windows->address, error);
    if (status == STATUS_OK) {
        asker_init(&windows->asker, options->symbol);
        channel_scratch_init(&windows->scratch);
        status = channel_connect(&windows->asker.channel, &windows->address, options->seed, error);
        if (status == STATUS_OK)
            status = measure_all(windows, error);
        asker_deinit(&windows->asker);
        channel_scratch_deinit(&windows->scratch);
    }
    channel_address_forget(&windows->address);
    mem_free(windows);
    return status;
}
