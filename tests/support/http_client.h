/*
 * A small blocking HTTP/1.1 client: one request on a connection of its own, and all of the answer.
 * An oracle, so it shares no code with the server. One thread each.
 */
#ifndef TAPEDECK_TESTS_SUPPORT_HTTP_CLIENT_H
#define TAPEDECK_TESTS_SUPPORT_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_DEADLINE_MS 60000

struct http_response {
    int status; /* 0: no answer came */
    char *text; /* status line and headers, NUL-terminated */
    char *body; /* without the framing of chunks, NUL-terminated */
    size_t body_bytes;
    bool is_whole; /* it has the length it said, or its last chunk */
};

/* `target` as in a request line; `headers`: further lines, each ending in \r\n, NULL: none.
 * http_response_deinit afterwards. */
void http_request(uint16_t port, const char *method, const char *target, const char *headers,
                  struct http_response *response);
void http_get(uint16_t port, const char *target, struct http_response *response);
void http_response_deinit(struct http_response *response);
/* The value of a header, copied; false when it is absent. */
bool http_header(const struct http_response *response, const char *name, char *value, size_t bytes);

/* A connection with the smallest buffer in this kernel, for clients that do not read; −1: it could
 * not be made. */
int http_connect_narrowly(uint16_t port);
void http_send(int socket, const char *text);
/* Sends any bytes, and returns all that came until the server hung up, NUL-terminated; free it. */
char *http_exchange_raw(uint16_t port, const char *request, size_t *bytes);

#endif
