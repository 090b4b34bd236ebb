#include "net/http.h"

#include "base/bytes.h"
#include "net/handshake.h"
#include "net/web_file.h"
#include "wire/writer.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX (64 * 1024) /* header and body of an answer that is no file */
#define HEADER_BYTES_MAX 256         /* of a request header that is looked at */
#define FILE_HEADERS_BYTES 256
#define PIECE_BYTES (64 * 1024) /* of a file, written at once */
#define PIECE_TIMEOUT_S 10      /* for the client to take it */

/* `connect-src 'self'` covers the WebSocket of the same origin; charts style their elements from
 * script, which needs 'unsafe-inline' for styles only. */
#define SECURITY_HEADERS                                                                           \
    "Content-Security-Policy: default-src 'self'; style-src 'self' 'unsafe-inline'; "              \
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "                 \
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"           \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "Referrer-Policy: no-referrer\r\n"                                                             \
    "Cross-Origin-Opener-Policy: same-origin\r\n"

#define TYPE_JSON "application/json"
#define TYPE_HTML "text/html; charset=utf-8"

struct answer {
    unsigned status;
    const char *content_type;
    const char *headers; /* more of them, each ended by CR LF; NULL: none */
    bool closes;
};

static const struct refusal method_not_allowed = {
    405, "bad_argument", "only GET and HEAD are answered", "Allow: GET, HEAD\r\n"};
static const struct refusal body_not_allowed = {400, "bad_argument",
                                                "a GET request has no body here", NULL};
static const struct refusal websocket_wanted = {
    426, "bad_argument", "this is the WebSocket: connect with ws://HOST:PORT" HANDSHAKE_PATH,
    "Upgrade: websocket\r\n"};
static const struct refusal not_found = {404, "not_found", "there is nothing at this path", NULL};
static const struct refusal busy = {503, "unavailable", "too busy to read files now, try again",
                                    "Retry-After: 1\r\n"};

static const char no_web_app[] =
    "<!doctype html>\n"
    "<html lang=\"en\"><meta charset=\"utf-8\"><title>tapedeck</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:12vh auto;padding:0 1em;"
    "color:#dde;background:#12151c}code,pre{background:#232838;border-radius:4px;padding:.1em .4em}"
    "pre{padding:.8em 1em}a{color:#8cf}</style>\n"
    "<h1>The server is running, the web app is not built</h1>\n"
    "<p>Build it and reload this page:</p>\n"
    "<pre>cd client-js\nnpm ci\nnpm run build</pre>\n"
    "<p>Or start everything with <code>./run</code>, which does that too. If the app was built to "
    "another folder, say where with <code>--web-root FOLDER</code>.</p>\n"
    "<p>The WebSocket at <code>/ws</code> works without it: <code>websocat ws://HOST:PORT/ws</code>"
    "; health is at <a href=\"/readyz\">/readyz</a>.</p>\n";

static const char *status_text(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 426:
        return "Upgrade Required";
    default:
        return "Service Unavailable";
    }
}

static bool is_head(struct lws *wsi)
{
    return lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
}

static void append_head(struct buffer *out, const struct answer *answer, size_t body_bytes)
{
    buffer_append_format(out, "HTTP/1.1 %u %s\r\n", answer->status, status_text(answer->status));
    if (answer->status != 304)
        buffer_append_format(out, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                             answer->content_type, body_bytes);
    buffer_append_text(out, SECURITY_HEADERS);
    if (answer->headers == NULL || strstr(answer->headers, "Cache-Control") == NULL)
        buffer_append_text(out, "Cache-Control: no-store\r\n");
    if (answer->headers != NULL)
        buffer_append_text(out, answer->headers);
    buffer_append_text(out, answer->closes ? "Connection: close\r\n\r\n" : "\r\n");
}

/* One write; what the socket does not take at once waits inside libwebsockets. */
static int write_answer(struct lws *wsi, const struct buffer *out)
{
    size_t bytes = out->count - LWS_PRE;
    int written = lws_write(wsi, out->bytes + LWS_PRE, bytes, LWS_WRITE_HTTP_FINAL);
    return written < (int)bytes ? -1 : 0;
}

static int send_answer(struct lws *wsi, const struct answer *answer, const void *body,
                       size_t body_bytes)
{
    struct buffer out;
    buffer_init(&out, LWS_PRE + ANSWER_BYTES_MAX);
    (void)buffer_extend(&out, LWS_PRE);
    append_head(&out, answer, body_bytes);
    if (!is_head(wsi) && answer->status != 304)
        buffer_append(&out, body, body_bytes);
    int result = out.failed ? -1 : write_answer(wsi, &out);
    buffer_deinit(&out);
    if (result != 0 || answer->closes)
        return -1;
    return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

static int send_refusal(struct lws *wsi, const struct refusal *refusal, bool closes)
{
    struct buffer body;
    struct writer writer;
    buffer_init(&body, ANSWER_BYTES_MAX);
    writer_init(&writer, &body, WIRE_JSON);
    writer_map(&writer, 1);
    writer_key(&writer, "error");
    writer_map(&writer, 2);
    writer_key(&writer, "code");
    writer_text(&writer, refusal->code);
    writer_key(&writer, "message");
    writer_text(&writer, refusal->message);
    writer_end(&writer);
    writer_end(&writer);
    struct answer answer = {.status = refusal->http_status,
                            .content_type = TYPE_JSON,
                            .headers = refusal->headers,
                            .closes = closes};
    int result = send_answer(wsi, &answer, body.bytes, body.count);
    buffer_deinit(&body);
    return result;
}

int http_refuse(struct lws *wsi, const struct refusal *refusal)
{
    (void)send_refusal(wsi, refusal, true);
    return -1;
}

static int serve_health(const struct http_site *site, struct lws *wsi)
{
    static const char body[] = "{\"status\":\"ok\"}\n";
    struct answer answer = {.status = 200, .content_type = TYPE_JSON};
    (void)site;
    return send_answer(wsi, &answer, body, sizeof body - 1);
}

static int serve_readiness(const struct http_site *site, struct lws *wsi)
{
    char why[HTTP_WHY_BYTES] = "";
    bool ready = site->ready == NULL || site->ready(site->ready_owner, why, sizeof why);
    struct buffer body;
    struct writer writer;
    buffer_init(&body, ANSWER_BYTES_MAX);
    writer_init(&writer, &body, WIRE_JSON);
    writer_map(&writer, ready ? 1 : 2);
    writer_key(&writer, "ready");
    writer_bool(&writer, ready);
    if (!ready) {
        writer_key(&writer, "why");
        writer_text(&writer, why);
    }
    writer_end(&writer);
    struct answer answer = {.status = ready ? 200 : 503, .content_type = TYPE_JSON};
    int result = send_answer(wsi, &answer, body.bytes, body.count);
    buffer_deinit(&body);
    return result;
}

static int serve_websocket_hint(const struct http_site *site, struct lws *wsi)
{
    (void)site;
    return send_refusal(wsi, &websocket_wanted, false);
}

static int serve_no_web_app(struct lws *wsi)
{
    struct answer answer = {.status = 200, .content_type = TYPE_HTML};
    return send_answer(wsi, &answer, no_web_app, sizeof no_web_app - 1);
}

static bool client_has_it(struct lws *wsi, const struct web_file *file)
{
    char known[HEADER_BYTES_MAX];
    int bytes = lws_hdr_copy(wsi, known, sizeof known, WSI_TOKEN_HTTP_IF_NONE_MATCH);
    return bytes > 0 && web_etag_matches(known, file->etag);
}

void http_transfer_init(struct http_transfer *transfer)
{
    *transfer = (struct http_transfer){.fd = -1};
}

void http_transfer_deinit(struct http_transfer *transfer)
{
    if (transfer->fd >= 0)
        (void)close(transfer->fd);
    http_transfer_init(transfer);
}

/* Appends the next piece of the file. False: it cannot be read, or is shorter than it was. */
static bool append_piece(struct http_transfer *transfer, struct buffer *out)
{
    size_t bytes = transfer->left_bytes < PIECE_BYTES ? (size_t)transfer->left_bytes : PIECE_BYTES;
    uint8_t *room = buffer_extend(out, bytes);
    if (room == NULL || read(transfer->fd, room, bytes) != (ssize_t)bytes)
        return false;
    transfer->left_bytes -= bytes;
    return true;
}

static int write_piece(struct http_transfer *transfer, struct lws *wsi, const struct buffer *out)
{
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, PIECE_TIMEOUT_S);
    if (write_answer(wsi, out) != 0)
        return -1;
    if (transfer->left_bytes > 0) {
        (void)lws_callback_on_writable(wsi);
        return 0;
    }
    http_transfer_deinit(transfer);
    return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

int http_continue(struct http_transfer *transfer, struct lws *wsi)
{
    if (transfer->fd < 0)
        return 0;
    struct buffer out;
    buffer_init(&out, LWS_PRE + PIECE_BYTES);
    (void)buffer_extend(&out, LWS_PRE);
    int result = append_piece(transfer, &out) ? write_piece(transfer, wsi, &out) : -1;
    buffer_deinit(&out);
    return result;
}

static int begin_transfer(struct http_transfer *transfer, struct lws *wsi,
                          const struct web_file *file, const char *headers)
{
    struct answer answer = {.status = 200, .content_type = file->content_type, .headers = headers};
    struct buffer out;
    buffer_init(&out, LWS_PRE + ANSWER_BYTES_MAX + PIECE_BYTES);
    (void)buffer_extend(&out, LWS_PRE);
    append_head(&out, &answer, (size_t)file->bytes);
    transfer->left_bytes = is_head(wsi) ? 0 : file->bytes;
    int result = append_piece(transfer, &out) ? write_piece(transfer, wsi, &out) : -1;
    buffer_deinit(&out);
    return result;
}

static int send_file(struct http_transfer *transfer, struct lws *wsi, struct web_file *file)
{
    char headers[FILE_HEADERS_BYTES];
    (void)snprintf(headers, sizeof headers, "ETag: %s\r\nCache-Control: %s\r\n", file->etag,
                   file->cache_control);
    http_transfer_deinit(transfer);
    transfer->fd = file->fd;
    if (!client_has_it(wsi, file))
        return begin_transfer(transfer, wsi, file, headers);
    http_transfer_deinit(transfer);
    struct answer answer = {.status = 304, .headers = headers};
    return send_answer(wsi, &answer, NULL, 0);
}

static int serve_file(const struct http_site *site, struct http_transfer *transfer, struct lws *wsi,
                      const char *path, size_t bytes)
{
    struct web_file file;
    enum status status = STATUS_NOT_FOUND;
    if (site->web_root != NULL)
        status = web_file_open(site->web_root, path, bytes, &file);
    if (status == STATUS_OK)
        return send_file(transfer, wsi, &file);
    if (status == STATUS_UNAVAILABLE)
        return send_refusal(wsi, &busy, false);
    if (bytes == 1 && path[0] == '/')
        return serve_no_web_app(wsi);
    return send_refusal(wsi, &not_found, false);
}

static const struct {
    const char *path;
    int (*serve)(const struct http_site *site, struct lws *wsi);
} routes[] = {
    {"/healthz", serve_health},
    {"/readyz", serve_readiness},
    {HANDSHAKE_PATH, serve_websocket_hint},
};

static bool has_body(struct lws *wsi)
{
    char length[HEADER_BYTES_MAX];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return true;
    int bytes = lws_hdr_copy(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    return bytes < 0 || (bytes > 0 && strcmp(length, "0") != 0);
}

static bool is_meant(const struct http_site *site, struct lws *wsi)
{
    char host[HEADER_BYTES_MAX];
    int bytes = lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST);
    if (bytes < 0) /* longer than any name */
        return !site->hosts.is_checked;
    return host_is_welcome(bytes > 0 ? host : NULL, &site->hosts);
}

int http_serve(const struct http_site *site, struct http_transfer *transfer, struct lws *wsi,
               const char *path, size_t path_bytes)
{
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) <= 0 && !is_head(wsi))
        return http_refuse(wsi, &method_not_allowed);
    if (!is_meant(site, wsi))
        return http_refuse(wsi, &host_refusal);
    if (has_body(wsi))
        return http_refuse(wsi, &body_not_allowed);
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strlen(routes[i].path) == path_bytes && memcmp(routes[i].path, path, path_bytes) == 0)
            return routes[i].serve(site, wsi);
    }
    return serve_file(site, transfer, wsi, path, path_bytes);
}
