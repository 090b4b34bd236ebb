#include "net/http.h"

#include "auth/role.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/http_answer.h"
#include "net/http_auth.h"
#include "net/http_rate.h"
#include "net/http_routes.h"
#include "net/http_work.h"
#include "net/web_file.h"
#include "wire/writer.h"

#include <inttypes.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>

#define HEADER_BYTES_MAX 256 /* of a request header that is looked at */

#define TYPE_HTML "text/html; charset=utf-8"

static const struct refusal method_not_allowed = {
    405, "bad_argument", "only GET and HEAD are answered", "Allow: GET, HEAD\r\n"};
static const struct refusal body_not_allowed = {400, "bad_argument",
                                                "a GET request has no body here", NULL};
static const struct refusal no_version = {
    400, "bad_argument", "the request line must be: METHOD PATH HTTP/1.1, without %0A or %0D in it",
    NULL};
static const struct refusal no_host = {400, "bad_argument", "the Host header is missing", NULL};
static const struct refusal websocket_wanted = {
    426, "bad_argument", "this is the WebSocket: connect with ws://HOST:PORT" HANDSHAKE_PATH,
    "Upgrade: websocket\r\n"};
static const struct refusal not_found = {404, "not_found", "there is nothing at this path", NULL};
static const struct refusal busy = {503, "unavailable", "too busy to read files now, try again",
                                    "Retry-After: 1\r\n"};
static const struct refusal no_such_route = {
    404, "not_found",
    "there is nothing at this path; there are /api/v1/symbols, /api/v1/candles, "
    "/api/v1/ticks, /api/storage, /api/policies and /udf/",
    NULL};
static const struct refusal foreign_origin = {
    403, "forbidden",
    "this page's origin is not allowed; list it in allowed_origins to let its scripts read here",
    NULL};

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

/* ---- health and the web app ---- */

static int serve_health(struct http_exchange *exchange, const struct query *query)
{
    static const char body[] = "{\"status\":\"ok\"}\n";
    struct http_answer answer = {.status = 200, .content_type = HTTP_TYPE_JSON};
    (void)query;
    return http_answer(exchange, &answer, body, sizeof body - 1);
}

static void write_checks(struct writer *writer, const struct http_check *checks, size_t count)
{
    writer_key(writer, "checks");
    writer_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        writer_map(writer, 3);
        writer_key(writer, "name");
        writer_text(writer, checks[i].name);
        writer_key(writer, "ok");
        writer_bool(writer, checks[i].ok);
        writer_key(writer, "detail");
        writer_text(writer, checks[i].detail);
        writer_end(writer);
    }
    writer_end(writer);
}

static int serve_readiness(struct http_exchange *exchange, const struct query *query)
{
    const struct http_site *site = exchange->lane->site;
    struct http_check checks[HTTP_CHECKS_MAX];
    size_t count = site->checks != NULL ? site->checks(site->checks_owner, checks) : 0;
    bool is_ready = true;
    for (size_t i = 0; i < count; i++)
        is_ready = is_ready && checks[i].ok;
    struct buffer body;
    struct writer writer;
    (void)query;
    buffer_init(&body, HTTP_PIECE_BYTES);
    writer_init(&writer, &body, WIRE_JSON);
    writer_map(&writer, 2);
    writer_key(&writer, "ready");
    writer_bool(&writer, is_ready);
    write_checks(&writer, checks, count);
    writer_end(&writer);
    struct http_answer answer = {.status = is_ready ? 200 : 503, .content_type = HTTP_TYPE_JSON};
    int result = http_answer(exchange, &answer, body.bytes, body.count);
    buffer_deinit(&body);
    return result;
}

static int serve_websocket_hint(struct http_exchange *exchange, const struct query *query)
{
    (void)query;
    return http_answer_refusal(exchange, &websocket_wanted);
}

static int serve_no_web_app(struct http_exchange *exchange)
{
    struct http_answer answer = {.status = 200, .content_type = TYPE_HTML};
    return http_answer(exchange, &answer, no_web_app, sizeof no_web_app - 1);
}

static int send_file(struct http_exchange *exchange, const struct web_file *file)
{
    char headers[HTTP_HEADERS_BYTES];
    char known[HTTP_TAGS_KNOWN_BYTES];
    (void)snprintf(headers, sizeof headers, "ETag: %s\r\nCache-Control: %s\r\n", file->etag,
                   file->cache_control);
    http_tags_known(exchange, known);
    bool has_it = known[0] != '\0' && web_etag_matches(known, file->etag);
    struct http_answer answer = {
        .status = has_it ? 304 : 200, .content_type = file->content_type, .headers = headers};
    return http_answer_file(exchange, &answer, file->fd, file->bytes);
}

static int serve_file(struct http_exchange *exchange, const char *path, size_t bytes)
{
    const struct http_site *site = exchange->lane->site;
    struct web_file file;
    enum status status = STATUS_NOT_FOUND;
    if (site->web_root != NULL)
        status = web_file_open(site->web_root, path, bytes, &file);
    if (status == STATUS_OK)
        return send_file(exchange, &file);
    if (status == STATUS_UNAVAILABLE)
        return http_answer_refusal(exchange, &busy);
    if (bytes == 1 && path[0] == '/')
        return serve_no_web_app(exchange);
    return http_answer_refusal(exchange, &not_found);
}

/* ---- routes ---- */

struct route {
    const char *path;
    http_route_fn *serve;
    enum role least;               /* who may ask; ROLE_NONE: everybody */
    bool is_data;                  /* for programs: takes parameters, and asks for the origin */
    const char *const *parameters; /* their names; NULL: any */
};

static const struct route routes[] = {
    {"/healthz", serve_health, ROLE_NONE, false, NULL},
    {"/readyz", serve_readiness, ROLE_NONE, false, NULL},
    {HANDSHAKE_PATH, serve_websocket_hint, ROLE_NONE, false, NULL},
    {"/metrics", http_serve_metrics, ROLE_VIEWER, true, NULL},
    {"/api/v1/symbols", http_serve_symbols, ROLE_VIEWER, true, http_symbols_parameters},
    {"/api/v1/candles", http_serve_candles, ROLE_VIEWER, true, http_candles_parameters},
    {"/api/v1/ticks", http_serve_ticks, ROLE_VIEWER, true, http_ticks_parameters},
    {"/api/storage", http_serve_storage, ROLE_VIEWER, true, http_no_parameters},
    {"/api/storage/tables", http_serve_storage_tables, ROLE_VIEWER, true, http_no_parameters},
    {"/api/storage/sizes", http_serve_storage_sizes, ROLE_VIEWER, true, http_no_parameters},
    {"/api/storage/history", http_serve_storage_history, ROLE_VIEWER, true,
     http_storage_history_parameters},
    {"/api/policies", http_serve_policies, ROLE_VIEWER, true, http_no_parameters},
    /* The charting library adds parameters of its own, more of them with each version. */
    {"/udf/config", http_serve_udf_config, ROLE_VIEWER, true, NULL},
    {"/udf/symbols", http_serve_udf_symbols, ROLE_VIEWER, true, NULL},
    {"/udf/search", http_serve_udf_search, ROLE_VIEWER, true, NULL},
    {"/udf/history", http_serve_udf_history, ROLE_VIEWER, true, NULL},
    {"/udf/time", http_serve_udf_time, ROLE_VIEWER, true, NULL},
};

static bool begins_with(const char *path, size_t bytes, const char *start)
{
    size_t start_bytes = strlen(start);
    return bytes >= start_bytes && memcmp(path, start, start_bytes) == 0;
}

static const struct route *find_route(const char *path, size_t bytes)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strlen(routes[i].path) == bytes && memcmp(routes[i].path, path, bytes) == 0)
            return &routes[i];
    }
    return NULL;
}

static enum status read_query(struct lws *wsi, struct query *query, struct error *error)
{
    char parameter[QUERY_BYTES_MAX + 1];
    query_init(query);
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) > QUERY_BYTES_MAX)
        return error_set(error, STATUS_LIMIT, "the parameters have more than %d bytes",
                         QUERY_BYTES_MAX);
    for (int i = 0;; i++) {
        int bytes =
            lws_hdr_copy_fragment(wsi, parameter, sizeof parameter, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (bytes < 0)
            return STATUS_OK; /* that was the last: none is longer than all together */
        if (bytes == 1 && parameter[0] == '/')
            continue; /* what libwebsockets makes of nothing behind the last ? or & */
        enum status status = query_add(query, parameter, (size_t)bytes, error);
        if (status != STATUS_OK)
            return status;
    }
}

static const char *copy_header(struct lws *wsi, enum lws_token_indexes token,
                               char text[HEADER_BYTES_MAX])
{
    if (lws_hdr_total_length(wsi, token) <= 0)
        return NULL;
    if (lws_hdr_copy(wsi, text, HEADER_BYTES_MAX, token) < 0)
        memcpy(text, "?", 2); /* longer than any right one */
    return text;
}

/* The same rule as for the WebSocket: what a page may not ask there, it may not read here. */
static bool is_welcome(struct http_exchange *exchange)
{
    char origin_text[HEADER_BYTES_MAX];
    char host_text[HEADER_BYTES_MAX];
    const char *origin = copy_header(exchange->wsi, WSI_TOKEN_ORIGIN, origin_text);
    const char *host = copy_header(exchange->wsi, WSI_TOKEN_HOST, host_text);
    static const struct origins only_own = {.count = 0};
    if (!handshake_origin_is_welcome(origin, host, exchange->lane->site->origins))
        return false;
    if (!handshake_origin_is_welcome(origin, host, &only_own))
        exchange->allow_origin = mem_copy_text(origin);
    return true;
}

static int serve_data(struct http_exchange *exchange, const struct route *route)
{
    struct query query;
    struct error error = {.text = ""};
    enum status status = read_query(exchange->wsi, &query, &error);
    if (status == STATUS_OK && route->parameters != NULL)
        status = query_check_names(&query, route->parameters, &error);
    if (status != STATUS_OK)
        return http_answer_error(exchange, &error);
    return route->serve(exchange, &query);
}

/* Health and hints cost no more than a refusal, so they are not counted: whoever watches over the
 * process is not refused because of others behind its address. */
static bool is_counted(const struct route *route)
{
    return route == NULL || route->is_data;
}

/* 0, or how long its address has to wait. */
static int64_t wait_us(const struct http_exchange *exchange)
{
    return http_rate_wait_us(exchange->lane->site->rate, &exchange->address, clock_monotonic_us());
}

static int refuse_haste(struct http_exchange *exchange, int64_t left_us)
{
    char message[160];
    char headers[48];
    const struct http_rate *rate = exchange->lane->site->rate;
    (void)snprintf(message, sizeof message,
                   "more than %" PRId64 " requests a second from one address "
                   "(http_requests_per_second) after %" PRId64 " at once (http_requests_burst)",
                   rate->per_second, rate->burst);
    (void)snprintf(headers, sizeof headers, "Retry-After: %" PRId64 "\r\n",
                   (left_us + 999999) / 1000000);
    const struct refusal refusal = {429, "limit", message, headers};
    counter_add(&exchange->lane->hasty, 1);
    return http_answer_refusal(exchange, &refusal);
}

/* A page from elsewhere is sent away also when it has a token: it may be somebody else's. */
static int serve_route(struct http_exchange *exchange, const struct route *route)
{
    struct error error = {.text = ""};
    exchange->is_data = route->is_data;
    exchange->is_udf = begins_with(route->path, strlen(route->path), "/udf/");
    if ((route->is_data || route->least > ROLE_NONE) && !is_welcome(exchange))
        return http_answer_refusal(exchange, &foreign_origin);
    if (route->least > ROLE_NONE && http_require(exchange, route->least, &error) != STATUS_OK)
        return http_answer_unproven(exchange, &error);
    return route->is_data ? serve_data(exchange, route) : route->serve(exchange, NULL);
}

static int serve_path(struct http_exchange *exchange, const char *path, size_t bytes)
{
    const struct route *route = find_route(path, bytes);
    int64_t left_us = is_counted(route) ? wait_us(exchange) : 0;
    if (left_us > 0)
        return refuse_haste(exchange, left_us);
    if (route != NULL)
        return serve_route(exchange, route);
    if (begins_with(path, bytes, "/api/") || begins_with(path, bytes, "/udf/"))
        return http_answer_refusal(exchange, &no_such_route);
    return serve_file(exchange, path, bytes);
}

/* A page of an allowed origin that wants to send a token asks first whether it may. Its own origin
 * need not ask, and no other gets a yes. */
static int serve_preflight(struct http_exchange *exchange, const char *path, size_t bytes)
{
    static const struct http_answer yes = {.status = 204,
                                           .headers =
                                               "Access-Control-Allow-Methods: GET, HEAD\r\n"
                                               "Access-Control-Allow-Headers: Authorization\r\n"
                                               "Access-Control-Max-Age: 600\r\n"};
    const struct route *route = find_route(path, bytes);
    if (route == NULL || !route->is_data)
        return http_refuse(exchange, &method_not_allowed);
    exchange->is_data = true;
    if (!is_welcome(exchange))
        return http_refuse(exchange, &foreign_origin);
    if (exchange->allow_origin == NULL)
        return http_refuse(exchange, &method_not_allowed);
    return http_answer(exchange, &yes, NULL, 0);
}

/* ---- the exchange ---- */

static bool has_body(struct lws *wsi)
{
    char length[HEADER_BYTES_MAX];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return true;
    int bytes = lws_hdr_copy(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    return bytes < 0 || (bytes > 0 && strcmp(length, "0") != 0);
}

/*
 * NULL: it has all that a request needs. Libwebsockets takes a line feed that is decoded from %0A
 * in the path for the end of the request line, and then what follows, up to the next colon, for the
 * name of a header: so a page could make its Host header disappear, which browsers send first. The
 * version, which stands behind the path, disappears with it.
 */
static const struct refusal *check_shape(const struct http_exchange *exchange)
{
    if (lws_hdr_total_length(exchange->wsi, WSI_TOKEN_HTTP) <= 0)
        return &no_version;
    bool has_host = lws_hdr_total_length(exchange->wsi, WSI_TOKEN_HOST) > 0;
    return has_host || exchange->is_old ? NULL : &no_host;
}

static bool is_meant(const struct http_site *site, struct lws *wsi)
{
    char host[HEADER_BYTES_MAX];
    int bytes = lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST);
    if (bytes < 0) /* longer than any name */
        return !site->hosts.is_checked;
    return host_is_welcome(bytes > 0 ? host : NULL, &site->hosts);
}

/* Forgets the request before. */
static void begin_exchange(struct http_exchange *exchange)
{
    char version[16];
    struct lws *wsi = exchange->wsi;
    exchange->is_head = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
    exchange->is_old = lws_hdr_copy(wsi, version, sizeof version, WSI_TOKEN_HTTP) <= 0 ||
                       strcmp(version, "HTTP/1.1") != 0;
    exchange->is_data = false;
    exchange->is_udf = false;
    mem_free(exchange->allow_origin);
    exchange->allow_origin = NULL;
}

int http_serve(struct http_exchange *exchange, const char *path, size_t path_bytes)
{
    if (http_exchange_is_busy(exchange))
        return -1; /* libwebsockets has one request at a time */
    begin_exchange(exchange);
    bool is_preflight = lws_hdr_total_length(exchange->wsi, WSI_TOKEN_OPTIONS_URI) > 0;
    if (lws_hdr_total_length(exchange->wsi, WSI_TOKEN_GET_URI) <= 0 && !exchange->is_head &&
        !is_preflight)
        return http_refuse(exchange, &method_not_allowed);
    const struct refusal *misshapen = check_shape(exchange);
    if (misshapen != NULL)
        return http_refuse(exchange, misshapen);
    if (!is_meant(exchange->lane->site, exchange->wsi))
        return http_refuse(exchange, &host_refusal);
    if (has_body(exchange->wsi))
        return http_refuse(exchange, &body_not_allowed);
    if (is_preflight)
        return serve_preflight(exchange, path, path_bytes);
    return serve_path(exchange, path, path_bytes);
}

int http_continue(struct http_exchange *exchange)
{
    struct http_work *work = exchange->work;
    if (exchange->transfer.is_under_way)
        return http_transfer_continue(exchange);
    if (work == NULL)
        return 0;
    wheel_cancel(exchange->lane->wheel, &work->deadline);
    return work->ops->run(work);
}

void http_exchange_deinit(struct http_exchange *exchange)
{
    http_work_end(exchange);
    http_transfer_drop(exchange);
    mem_free(exchange->allow_origin);
    exchange->allow_origin = NULL;
}
