/*
 * How answers over HTTP look and leave: head, body, errors. For the files of net/ that serve
 * routes. Lane's thread.
 */
#ifndef TAPEDECK_NET_HTTP_ANSWER_H
#define TAPEDECK_NET_HTTP_ANSWER_H

#include "base/bytes.h"
#include "net/http.h"

#define HTTP_TYPE_JSON "application/json"
#define HTTP_HEADERS_BYTES 512    /* of the headers that a route adds */
#define HTTP_TAG_BYTES 48         /* of an ETag */
#define HTTP_TAGS_KNOWN_BYTES 256 /* of an If-None-Match; a longer one is as none */
#define HTTP_ANSWER_BYTES_MAX ((size_t)8 << 20)
#define HTTP_PIECE_BYTES (32 * 1024) /* of what is long, written at once */
#define HTTP_HEAD_BYTES_MAX 4096
#define HTTP_PIECE_TIMEOUT_S 10 /* for the client to take it */

struct http_answer {
    unsigned status;
    const char *content_type;
    const char *headers; /* more of them, each ended by CR LF; NULL: none */
    bool closes;
    bool is_chunked; /* no length is known */
    bool is_endless; /* nor that: the end of the connection is the end of the body */
};

/* The head alone, as it is written. */
void http_append_head(const struct http_exchange *exchange, struct buffer *out,
                      const struct http_answer *answer, size_t body_bytes);
/* Writes what follows LWS_PRE bytes in `out`. What the socket does not take at once waits inside
 * libwebsockets. */
int http_write(struct http_exchange *exchange, const struct buffer *out);
/* The answer is out: the connection is ready for the next request. */
int http_complete(struct http_exchange *exchange);

/* These are the end of the request: return their result. */
int http_answer(struct http_exchange *exchange, const struct http_answer *answer, const void *body,
                size_t body_bytes);
/* Takes the body and leaves it empty. One that has outgrown its limit is answered with an error. */
int http_answer_take(struct http_exchange *exchange, const struct http_answer *answer,
                     struct buffer *body);
int http_answer_refusal(struct http_exchange *exchange, const struct refusal *refusal);
int http_answer_error(struct http_exchange *exchange, const struct error *error);
/* The descriptor becomes the exchange's. */
int http_answer_file(struct http_exchange *exchange, const struct http_answer *answer, int fd,
                     uint64_t bytes);

/* The next piece of a file or a body that is under way; or none of it any more. */
int http_transfer_continue(struct http_exchange *exchange);
void http_transfer_drop(struct http_exchange *exchange);

/* A strong ETag, in its quotes, out of what it stands for (FNV-1a). */
void http_tag(char tag[HTTP_TAG_BYTES], const void *body, size_t bytes);
/* The request's If-None-Match, "" when there is none; only while the request is being served. */
void http_tags_known(const struct http_exchange *exchange, char known[HTTP_TAGS_KNOWN_BYTES]);

#endif
