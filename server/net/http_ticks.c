/*
 * GET /api/v1/ticks: all ticks of a symbol in a range, streamed.
 *
 *   tape ──pin──▶ lines of one piece ──write──▶ socket
 *     ▲               HTTP_PIECE_BYTES            │ writable: the next piece
 *     └──────────── position, skipped ◀───────────┘
 *
 * Between two pieces it holds nothing but where it is: an instant, and how many of its ticks have
 * been sent. Blocks are pinned for one piece at a time, so a client that does not read keeps none
 * from being evicted; what it costs is the rest of one piece inside libwebsockets.
 *
 * A failure before the first byte is an answer like any other. After it the stream ends without its
 * last chunk (HTTP/1.0: with a reset), so the client knows that something is missing.
 * Lane's thread.
 */
#include "wire/http_ticks.h"

#include "base/mem.h"
#include "net/http_answer.h"
#include "net/http_routes.h"
#include "net/http_work.h"
#include "tape/tape.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* "007f2a\r\n" before a chunk, a line feed of HTTP after it, and the last chunk of all. */
#define CHUNK_SIZE_DIGITS 6
#define CHUNK_HEAD_BYTES (CHUNK_SIZE_DIGITS + 2)
#define CHUNK_TAIL_BYTES 8
#define OUT_BYTES_MAX (LWS_PRE + HTTP_HEAD_BYTES_MAX + HTTP_PIECE_BYTES)

const char *const http_ticks_parameters[] = {"symbol", "from", "to", "format", NULL};

struct tick_stream {
    struct http_work base;
    struct tape *tape;
    struct track *track;
    struct tape_waiter waiter;
    enum http_ticks_format format;
    bool is_begun;    /* the head has been written */
    int64_t position; /* everything before it is written … */
    int64_t to;
    size_t skipped;   /* … and so many ticks at it, as long as `changes` stands */
    uint64_t changes; /* of the track */
};

static struct tick_stream *stream_of(struct http_work *base)
{
    return CONTAINER_OF(base, struct tick_stream, base);
}

static void destroy(struct http_work *base)
{
    struct tick_stream *stream = stream_of(base);
    tape_stop_waiting(stream->tape, &stream->waiter);
    tape_track_let_go(stream->tape, &stream->track);
    mem_free(stream);
}

static void told(struct letter *letter)
{
    struct tape_waiter *waiter = CONTAINER_OF(letter, struct tape_waiter, letter);
    http_work_wake(&CONTAINER_OF(waiter, struct tick_stream, waiter)->base);
}

/* ---- lines ---- */

static bool has_room(const struct buffer *out)
{
    return out->limit - out->count >= HTTP_TICK_BYTES_MAX + CHUNK_TAIL_BYTES;
}

/* Where to go on after `row` rows of a block: ticks of one instant may be in two pieces. */
static void remember(struct tick_stream *stream, const struct block *block, size_t row)
{
    int64_t time = block_time(block, row);
    stream->position = time;
    stream->skipped = row - block_find(block, time);
}

/* Writes what fits of one stretch; true when all of it that lies in the range did. */
static bool write_stretch(struct tick_stream *stream, const struct tape_stretch *stretch,
                          struct buffer *out)
{
    const struct block *block = stretch->block;
    if (block == NULL)
        return true;
    size_t end = block_find(block, stream->to);
    size_t row = block_find(block, stream->position) + stream->skipped;
    for (; row < end; row++) {
        if (!has_room(out)) {
            remember(stream, block, row);
            return false;
        }
        struct tick tick = block_tick(block, row);
        http_ticks_write(out, stream->format, &tick);
    }
    return true;
}

/* Pins what is at the position, as it was when the position was remembered: when half of an instant
 * is sent, its ticks must be what they were. */
static enum status pin(struct tick_stream *stream, struct tape_stretch *stretch,
                       struct error *error)
{
    if (stream->skipped == 0)
        stream->changes = track_changes(stream->track);
    stream->waiter.reach_us = stream->to - stream->position;
    enum status status =
        tape_pin(stream->tape, stream->track, stream->position, &stream->waiter, stretch, error);
    if (status != STATUS_OK || stream->skipped == 0 ||
        stream->changes == track_changes(stream->track))
        return status;
    tape_unpin(stretch);
    return error_set(error, STATUS_CONFLICT,
                     "ticks have changed while they were being sent: ask again");
}

/* STATUS_OK: a piece is full, or all is written (position == to). */
static enum status write_lines(struct tick_stream *stream, struct buffer *out, struct error *error)
{
    while (stream->position < stream->to && has_room(out)) {
        struct tape_stretch stretch;
        enum status status = pin(stream, &stretch, error);
        if (status != STATUS_OK)
            return status;
        bool is_whole = write_stretch(stream, &stretch, out);
        int64_t end = stretch.range.to < stream->to ? stretch.range.to : stream->to;
        tape_unpin(&stretch);
        if (!is_whole)
            return STATUS_OK;
        stream->position = end;
        stream->skipped = 0;
    }
    return STATUS_OK;
}

/* While the socket takes this piece, the source reads what comes after. */
static void read_ahead(const struct tick_stream *stream)
{
    int64_t ahead_us = TAPE_LOAD_GRAINS * track_grain_us(stream->track);
    struct time_range range = {.from = stream->position, .to = stream->to};
    if (range.to - range.from > ahead_us)
        range.to = range.from + ahead_us;
    if (range.from < range.to)
        tape_read_ahead(stream->tape, stream->track, range, false);
}

/* ---- pieces ---- */

static void append_head(const struct tick_stream *stream, struct buffer *out)
{
    const struct http_exchange *exchange = stream->base.exchange;
    struct http_answer answer = {.status = 200,
                                 .content_type = http_ticks_content_type(stream->format),
                                 .closes = exchange->is_old,
                                 .is_chunked = !exchange->is_old,
                                 .is_endless = exchange->is_old};
    http_append_head(exchange, out, &answer, 0);
}

/* Around the lines from `start`: their number of bytes, known only now, and at the end of all the
 * chunk of nothing. A chunk of nothing in the middle would be the end: then there is none. */
static void frame_chunk(struct buffer *out, size_t start, bool is_last)
{
    size_t bytes = out->count - start - CHUNK_HEAD_BYTES;
    char head[CHUNK_HEAD_BYTES + 1];
    (void)snprintf(head, sizeof head, "%0*zx\r\n", CHUNK_SIZE_DIGITS, bytes);
    if (bytes > 0) {
        memcpy(out->bytes + start, head, CHUNK_HEAD_BYTES);
        buffer_append_text(out, "\r\n");
    } else {
        out->count = start;
    }
    if (is_last)
        buffer_append_text(out, "0\r\n\r\n");
}

static int end_stream(struct tick_stream *stream)
{
    struct http_exchange *exchange = stream->base.exchange;
    http_work_end(exchange);
    return exchange->is_old ? -1 : http_complete(exchange);
}

static int write_piece(struct tick_stream *stream, const struct buffer *out, bool is_waiting)
{
    struct http_work *base = &stream->base;
    bool is_last = stream->position >= stream->to;
    if (out->count > LWS_PRE && http_write(base->exchange, out) != 0)
        return -1;
    if (is_last)
        return end_stream(stream);
    read_ahead(stream);
    if (is_waiting)
        return http_work_wait(base);
    (void)lws_callback_on_writable(base->exchange->wsi);
    return 0;
}

static int fail(struct tick_stream *stream, const struct error *error)
{
    struct http_exchange *exchange = stream->base.exchange;
    bool is_begun = stream->is_begun;
    http_work_log_failure(&stream->base, track_symbol(stream->track), error);
    http_work_end(exchange);
    if (!is_begun)
        return http_answer_error(exchange, error);
    /* Without chunks, the end of the connection is the end of the body: a reset is not. */
    static const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (exchange->is_old)
        (void)setsockopt(lws_get_socket_fd(exchange->wsi), SOL_SOCKET, SO_LINGER, &reset,
                         sizeof reset);
    return -1;
}

static int write_next(struct tick_stream *stream, struct buffer *out)
{
    struct error error = {.text = ""};
    bool is_chunked = !stream->base.exchange->is_old;
    (void)buffer_extend(out, LWS_PRE);
    if (!stream->is_begun)
        append_head(stream, out);
    size_t start = out->count;
    if (is_chunked)
        (void)buffer_extend(out, CHUNK_HEAD_BYTES);
    if (!stream->is_begun)
        http_ticks_write_head(out, stream->format);
    size_t lines = out->count;
    enum status status =
        stream->base.is_late ? http_work_late(&error) : write_lines(stream, out, &error);
    if (status != STATUS_OK && status != STATUS_WAIT)
        return fail(stream, &error);
    if (status == STATUS_WAIT && out->count == lines)
        return http_work_wait(&stream->base); /* before the first line it may still fail */
    stream->is_begun = true;
    if (is_chunked)
        frame_chunk(out, start, stream->position >= stream->to);
    return write_piece(stream, out, status == STATUS_WAIT);
}

static int run(struct http_work *base)
{
    struct buffer out;
    buffer_init(&out, OUT_BYTES_MAX);
    int result = write_next(stream_of(base), &out);
    buffer_deinit(&out);
    return result;
}

/* ---- the request ---- */

struct ticks_ask {
    struct symbol symbol;
    struct time_range range;
    enum http_ticks_format format;
};

static enum status read_ask(const struct http_exchange *exchange, const struct query *query,
                            struct ticks_ask *ask, struct error *error)
{
    const char *format = query_text(query, "format");
    struct time_range range = {.from = TIME_MIN, .to = TIME_MAX};
    if (format != NULL && http_ticks_format_read(format, &ask->format) != STATUS_OK)
        return query_refuse(query, "format", "\"ndjson\" or \"csv\"", error);
    enum status status = http_read_range(query, &range, error);
    if (status == STATUS_OK)
        status = http_find_symbol(exchange, query, &ask->symbol, error);
    if (status != STATUS_OK)
        return status;
    if (query_text(query, "from") == NULL)
        range.from = ask->symbol.from;
    if (query_text(query, "to") == NULL)
        range.to = ask->symbol.to;
    ask->range = range;
    return http_work_admit(exchange, error);
}

static int answer_head(struct http_exchange *exchange, const struct ticks_ask *ask)
{
    struct http_answer answer = {.status = 200,
                                 .content_type = http_ticks_content_type(ask->format),
                                 .closes = exchange->is_old,
                                 .is_chunked = !exchange->is_old,
                                 .is_endless = exchange->is_old};
    return http_answer(exchange, &answer, NULL, 0);
}

int http_serve_ticks(struct http_exchange *exchange, const struct query *query)
{
    static const struct http_work_ops ops = {.run = run, .destroy = destroy};
    struct error error = {.text = ""};
    struct ticks_ask ask = {.format = HTTP_TICKS_NDJSON};
    if (read_ask(exchange, query, &ask, &error) != STATUS_OK)
        return http_answer_error(exchange, &error);
    if (exchange->is_head)
        return answer_head(exchange, &ask);
    struct tick_stream *stream = MEM_NEW(struct tick_stream);
    stream->tape = exchange->lane->tape;
    stream->track = tape_track_hold(stream->tape, &ask.symbol);
    stream->format = ask.format;
    stream->position = ask.range.from;
    stream->to = ask.range.to;
    stream->changes = track_changes(stream->track);
    tape_waiter_init(&stream->waiter, exchange->lane->inbox, told);
    http_work_begin(&stream->base, &ops, exchange);
    return run(&stream->base);
}
