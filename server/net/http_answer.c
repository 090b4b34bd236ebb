#include "net/http_answer.h"

#include "wire/codes.h"
#include "wire/writer.h"

#include <inttypes.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* `connect-src 'self'` covers the WebSocket of the same origin; charts style their elements from
 * script, which needs 'unsafe-inline' for styles only. */
#define SECURITY_HEADERS                                                                           \
    "Content-Security-Policy: default-src 'self'; style-src 'self' 'unsafe-inline'; "              \
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "                 \
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"           \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "Referrer-Policy: no-referrer\r\n"                                                             \
    "Cross-Origin-Opener-Policy: same-origin\r\n"

/* An answer up to this goes out in the write that its head is in. */
#define SMALL_BYTES_MAX HTTP_PIECE_BYTES
#define ERROR_BYTES_MAX 4096

const struct http_answer_status http_statuses[HTTP_STATUSES] = {
    {200, "OK"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

/* The last one's where it is none of them. */
static size_t status_index(unsigned number)
{
    size_t index = 0;
    while (index < HTTP_STATUSES - 1 && http_statuses[index].number != number)
        index++;
    return index;
}

static bool has_body(const struct http_exchange *exchange, const struct http_answer *answer)
{
    return !exchange->is_head && answer->status != 304 && answer->status != 204;
}

static void append_framing(struct buffer *out, const struct http_answer *answer, size_t body_bytes)
{
    if (answer->status == 304 || answer->status == 204)
        return;
    buffer_append_format(out, "Content-Type: %s\r\n", answer->content_type);
    if (answer->is_chunked)
        buffer_append_text(out, "Transfer-Encoding: chunked\r\n");
    else if (!answer->is_endless)
        buffer_append_format(out, "Content-Length: %zu\r\n", body_bytes);
}

/* A cache must not give the answer to one origin to another. */
static void append_sharing(struct buffer *out, const struct http_exchange *exchange)
{
    if (!exchange->is_data)
        return;
    buffer_append_text(out, "Vary: Origin\r\n");
    if (exchange->allow_origin != NULL)
        buffer_append_format(out, "Access-Control-Allow-Origin: %s\r\n", exchange->allow_origin);
}

void http_append_head(const struct http_exchange *exchange, struct buffer *out,
                      const struct http_answer *answer, size_t body_bytes)
{
    size_t index = status_index(answer->status);
    counter_add(&exchange->lane->answers[index], 1);
    buffer_append_format(out, "HTTP/1.1 %u %s\r\n", answer->status, http_statuses[index].text);
    append_framing(out, answer, body_bytes);
    buffer_append_text(out, SECURITY_HEADERS);
    append_sharing(out, exchange);
    if (answer->headers == NULL || strstr(answer->headers, "Cache-Control") == NULL)
        buffer_append_text(out, "Cache-Control: no-store\r\n");
    if (answer->headers != NULL)
        buffer_append_text(out, answer->headers);
    buffer_append_text(out, answer->closes ? "Connection: close\r\n\r\n" : "\r\n");
}

int http_write(struct http_exchange *exchange, const struct buffer *out)
{
    if (out->failed)
        return -1;
    size_t bytes = out->count - LWS_PRE;
    lws_set_timeout(exchange->wsi, PENDING_TIMEOUT_HTTP_CONTENT, HTTP_PIECE_TIMEOUT_S);
    int written = lws_write(exchange->wsi, out->bytes + LWS_PRE, bytes, LWS_WRITE_HTTP_FINAL);
    return written < (int)bytes ? -1 : 0;
}

int http_complete(struct http_exchange *exchange)
{
    return lws_http_transaction_completed(exchange->wsi) != 0 ? -1 : 0;
}

int http_answer(struct http_exchange *exchange, const struct http_answer *answer, const void *body,
                size_t body_bytes)
{
    struct buffer out;
    buffer_init(&out, LWS_PRE + HTTP_HEAD_BYTES_MAX + SMALL_BYTES_MAX);
    (void)buffer_extend(&out, LWS_PRE);
    http_append_head(exchange, &out, answer, body_bytes);
    if (has_body(exchange, answer))
        buffer_append(&out, body, body_bytes);
    int result = http_write(exchange, &out);
    buffer_deinit(&out);
    if (result != 0 || answer->closes)
        return -1;
    return http_complete(exchange);
}

/* ---- errors ---- */

static void write_error(struct writer *writer, const char *code, const char *message, bool is_udf)
{
    writer_map(writer, is_udf ? 3 : 1);
    if (is_udf) {
        writer_key(writer, "s");
        writer_text(writer, "error");
        writer_key(writer, "errmsg");
        writer_text(writer, message);
    }
    writer_key(writer, "error");
    writer_map(writer, 2);
    writer_key(writer, "code");
    writer_text(writer, code);
    writer_key(writer, "message");
    writer_text(writer, message);
    writer_end(writer);
    writer_end(writer);
}

static int say_no(struct http_exchange *exchange, const struct refusal *refusal, bool closes)
{
    struct buffer body;
    struct writer writer;
    buffer_init(&body, ERROR_BYTES_MAX);
    writer_init(&writer, &body, WIRE_JSON);
    write_error(&writer, refusal->code, refusal->message, exchange->is_udf);
    struct http_answer answer = {.status = refusal->http_status,
                                 .content_type = HTTP_TYPE_JSON,
                                 .headers = refusal->headers,
                                 .closes = closes};
    int result = http_answer(exchange, &answer, body.bytes, body.count);
    buffer_deinit(&body);
    return result;
}

int http_answer_refusal(struct http_exchange *exchange, const struct refusal *refusal)
{
    return say_no(exchange, refusal, false);
}

int http_answer_error(struct http_exchange *exchange, const struct error *error)
{
    struct refusal refusal = {.http_status = wire_http_status(error->status),
                              .code = wire_error_code(error->status),
                              .message = error->text,
                              .headers = error->status == STATUS_UNAVAILABLE ? "Retry-After: 1\r\n"
                                                                             : NULL};
    return say_no(exchange, &refusal, false);
}

int http_refuse(struct http_exchange *exchange, const struct refusal *refusal)
{
    exchange->is_head = lws_hdr_total_length(exchange->wsi, WSI_TOKEN_HEAD_URI) > 0;
    (void)say_no(exchange, refusal, true);
    return -1;
}

/* ---- what is long ---- */

static void transfer_init(struct http_transfer *transfer)
{
    *transfer = (struct http_transfer){.fd = -1};
    buffer_init(&transfer->body, HTTP_ANSWER_BYTES_MAX);
}

static void transfer_deinit(struct http_transfer *transfer)
{
    if (transfer->fd >= 0)
        (void)close(transfer->fd);
    buffer_deinit(&transfer->body);
    transfer_init(transfer);
}

/* False: a file cannot be read, or is shorter than it was. */
static bool append_piece(struct http_transfer *transfer, struct buffer *out)
{
    size_t bytes =
        transfer->left_bytes < HTTP_PIECE_BYTES ? (size_t)transfer->left_bytes : HTTP_PIECE_BYTES;
    uint8_t *room = buffer_extend(out, bytes);
    if (room == NULL)
        return false;
    if (transfer->fd < 0 && bytes > 0)
        memcpy(room, transfer->body.bytes + transfer->body_at, bytes);
    else if (transfer->fd >= 0 && read(transfer->fd, room, bytes) != (ssize_t)bytes)
        return false;
    transfer->body_at += bytes;
    transfer->left_bytes -= bytes;
    return true;
}

static int write_piece(struct http_exchange *exchange, const struct buffer *out)
{
    struct http_transfer *transfer = &exchange->transfer;
    if (http_write(exchange, out) != 0)
        return -1;
    if (transfer->left_bytes > 0) {
        (void)lws_callback_on_writable(exchange->wsi);
        return 0;
    }
    transfer_deinit(transfer);
    return http_complete(exchange);
}

int http_transfer_continue(struct http_exchange *exchange)
{
    struct buffer out;
    buffer_init(&out, LWS_PRE + HTTP_PIECE_BYTES);
    (void)buffer_extend(&out, LWS_PRE);
    int result = append_piece(&exchange->transfer, &out) ? write_piece(exchange, &out) : -1;
    buffer_deinit(&out);
    return result;
}

static int transfer_begin(struct http_exchange *exchange, const struct http_answer *answer,
                          uint64_t bytes)
{
    struct http_transfer *transfer = &exchange->transfer;
    struct buffer out;
    buffer_init(&out, LWS_PRE + HTTP_HEAD_BYTES_MAX + HTTP_PIECE_BYTES);
    (void)buffer_extend(&out, LWS_PRE);
    http_append_head(exchange, &out, answer, (size_t)bytes);
    transfer->is_under_way = true;
    transfer->body_at = 0;
    transfer->left_bytes = has_body(exchange, answer) ? bytes : 0;
    int result = append_piece(transfer, &out) ? write_piece(exchange, &out) : -1;
    buffer_deinit(&out);
    return result;
}

int http_answer_file(struct http_exchange *exchange, const struct http_answer *answer, int fd,
                     uint64_t bytes)
{
    transfer_deinit(&exchange->transfer);
    exchange->transfer.fd = fd;
    return transfer_begin(exchange, answer, bytes);
}

int http_answer_take(struct http_exchange *exchange, const struct http_answer *answer,
                     struct buffer *body)
{
    struct error error = {.text = ""};
    if (body->failed) {
        (void)error_set(&error, STATUS_LIMIT, "the answer would have more than %zu bytes",
                        body->limit);
        buffer_deinit(body);
        return http_answer_error(exchange, &error);
    }
    transfer_deinit(&exchange->transfer);
    exchange->transfer.body = *body;
    buffer_init(body, body->limit);
    return transfer_begin(exchange, answer, exchange->transfer.body.count);
}

/* ---- what a client has already ---- */

void http_tag(char tag[HTTP_TAG_BYTES], const void *body, size_t bytes)
{
    const uint8_t *at = body;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    (void)snprintf(tag, HTTP_TAG_BYTES, "\"%zx-%016" PRIx64 "\"", bytes, hash);
}

void http_tags_known(const struct http_exchange *exchange, char known[HTTP_TAGS_KNOWN_BYTES])
{
    int bytes =
        lws_hdr_copy(exchange->wsi, known, HTTP_TAGS_KNOWN_BYTES, WSI_TOKEN_HTTP_IF_NONE_MATCH);
    if (bytes <= 0)
        known[0] = '\0';
}

/* ---- the exchange ---- */

void http_exchange_init(struct http_exchange *exchange, struct http_lane *lane, struct lws *wsi,
                        const struct address *address)
{
    *exchange = (struct http_exchange){.lane = lane, .wsi = wsi, .address = *address};
    transfer_init(&exchange->transfer);
}

bool http_exchange_is_busy(const struct http_exchange *exchange)
{
    return exchange->transfer.is_under_way || exchange->work != NULL;
}

size_t http_exchange_held_bytes(const struct http_exchange *exchange)
{
    size_t stuck = http_exchange_is_busy(exchange) && lws_partial_buffered(exchange->wsi) != 0
                       ? HTTP_PIECE_BYTES
                       : 0;
    return stuck + exchange->transfer.body.capacity;
}

void http_transfer_drop(struct http_exchange *exchange)
{
    transfer_deinit(&exchange->transfer);
}
