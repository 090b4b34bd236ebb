#include "support/http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define REQUEST_BYTES 16384
#define NARROW_BYTES 4096

static int connect_to(uint16_t port, int receive_bytes)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval deadline = {.tv_sec = HTTP_DEADLINE_MS / 1000};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (receive_bytes > 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

void http_send(int socket, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t sent = send(socket, text, left, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return; /* it has hung up already, which its answer says */
        text += sent;
        left -= (size_t)sent;
    }
}

static char *receive_all(int fd, size_t *bytes)
{
    size_t capacity = 1 << 16;
    char *text = malloc(capacity);
    *bytes = 0;
    for (;;) {
        if (*bytes + 1 == capacity)
            text = realloc(text, capacity *= 2);
        ssize_t got = recv(fd, text + *bytes, capacity - 1 - *bytes, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        *bytes += (size_t)got;
    }
    text[*bytes] = '\0';
    return text;
}

char *http_exchange_raw(uint16_t port, const char *request, size_t *bytes)
{
    int fd = connect_to(port, 0);
    *bytes = 0;
    if (fd < 0)
        return calloc(1, 1);
    http_send(fd, request);
    char *text = receive_all(fd, bytes);
    close(fd);
    return text;
}

int http_connect_narrowly(uint16_t port)
{
    return connect_to(port, NARROW_BYTES);
}

bool http_header(const struct http_response *response, const char *name, char *value, size_t bytes)
{
    size_t name_bytes = strlen(name);
    const char *line = response->text;
    while (line != NULL && (line = strstr(line, "\r\n")) != NULL) {
        line += 2;
        if (strncasecmp(line, name, name_bytes) != 0 || line[name_bytes] != ':')
            continue;
        const char *start = line + name_bytes + 1 + strspn(line + name_bytes + 1, " ");
        size_t count = strcspn(start, "\r");
        if (count >= bytes)
            return false;
        memcpy(value, start, count);
        value[count] = '\0';
        return true;
    }
    return false;
}

/* Takes the framing out, in place; false when the last chunk is missing. */
static bool join_chunks(char *body, size_t *bytes)
{
    size_t in = 0;
    size_t out = 0;
    while (in < *bytes) {
        char *end = NULL;
        size_t count = strtoul(body + in, &end, 16);
        if (end == body + in || strncmp(end, "\r\n", 2) != 0)
            break;
        in = (size_t)(end - body) + 2;
        if (count == 0) {
            *bytes = out;
            return strcmp(body + in, "\r\n") == 0; /* and nothing after it */
        }
        if (count + 2 > *bytes - in)
            break;
        memmove(body + out, body + in, count);
        out += count;
        in += count + 2;
    }
    *bytes = out;
    return false;
}

static void take_apart(struct http_response *response, char *text, size_t bytes)
{
    char value[64];
    char *end = strstr(text, "\r\n\r\n");
    response->text = text;
    if (end == NULL)
        return;
    (void)sscanf(text, "HTTP/1.1 %3d", &response->status);
    response->body_bytes = bytes - (size_t)(end + 4 - text);
    response->body = malloc(response->body_bytes + 1);
    memcpy(response->body, end + 4, response->body_bytes);
    response->body[response->body_bytes] = '\0';
    end[2] = '\0';
    if (http_header(response, "Transfer-Encoding", value, sizeof value))
        response->is_whole = join_chunks(response->body, &response->body_bytes);
    else if (http_header(response, "Content-Length", value, sizeof value))
        response->is_whole = strtoul(value, NULL, 10) == response->body_bytes;
    response->body[response->body_bytes] = '\0';
}

void http_request(uint16_t port, const char *method, const char *target, const char *headers,
                  struct http_response *response)
{
    char request[REQUEST_BYTES];
    size_t bytes;
    *response = (struct http_response){.status = 0};
    (void)snprintf(request, sizeof request,
                   "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", method,
                   target, headers != NULL ? headers : "");
    char *text = http_exchange_raw(port, request, &bytes);
    take_apart(response, text, bytes);
}

void http_get(uint16_t port, const char *target, struct http_response *response)
{
    http_request(port, "GET", target, NULL, response);
}

void http_response_deinit(struct http_response *response)
{
    free(response->text);
    free(response->body);
    *response = (struct http_response){.status = 0};
}
