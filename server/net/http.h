/*
 * Everything that is not a WebSocket: the web app's files, health, and answers that say no.
 *
 * GET and HEAD only; a request with a body is refused. Small answers are one write of header and
 * body together; files go out in pieces as the socket takes them. Runs on the lane's thread;
 * keeps nothing between requests.
 */
#ifndef TAPEDECK_NET_HTTP_H
#define TAPEDECK_NET_HTTP_H

#include "net/host.h"
#include "net/refusal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lws;

#define HTTP_WHY_BYTES 256

/* Whether the process can do its work now; if not, `why` gets a sentence. Called on every lane's
 * thread, must not block. */
typedef bool http_ready_fn(void *owner, char *why, size_t why_bytes);

/* What there is to serve; shared by all lanes, constant. */
struct http_site {
    struct hosts hosts;   /* who we are */
    const char *web_root; /* folder of the built web app, no slash at its end; NULL: none */
    http_ready_fn *ready; /* NULL: always */
    void *ready_owner;
};

/* A file on its way to one client. Not libwebsockets' own sending of files: that one composes the
 * response in the buffer that still holds the client's next, pipelined request. */
struct http_transfer {
    int fd; /* −1: none */
    uint64_t left_bytes;
};

void http_transfer_init(struct http_transfer *transfer);
/* Forgets a file that is not sent yet. */
void http_transfer_deinit(struct http_transfer *transfer);

/* All return what libwebsockets wants from a callback: 0, or −1 to close the connection. */
int http_serve(const struct http_site *site, struct http_transfer *transfer, struct lws *wsi,
               const char *path, size_t path_bytes);
/* The socket can take more: the next piece of the file, if there is one. */
int http_continue(struct http_transfer *transfer, struct lws *wsi);
/* Says no, with a JSON body, and closes: always −1. */
int http_refuse(struct lws *wsi, const struct refusal *refusal);

#endif
