/*
 * Who asks over HTTP, and for a WebSocket: the Authorization header. Lane's thread.
 */
#ifndef TAPEDECK_NET_HTTP_AUTH_H
#define TAPEDECK_NET_HTTP_AUTH_H

#include "auth/identity.h"
#include "base/status.h"
#include "net/http.h"

/*
 * What the request's Bearer token proves. Without one, and on a server that asks nobody, an
 * identity without proof whose role is what somebody unproven has. STATUS_UNAUTHORIZED,
 * STATUS_LIMIT.
 */
enum status http_prove(const struct http_exchange *exchange, struct identity *identity,
                       struct error *error) MUST_CHECK;

/* Answers 401 (with WWW-Authenticate), 403 or 429, and goes on; or, as http_refuse, closes. */
int http_answer_unproven(struct http_exchange *exchange, const struct error *error);
int http_refuse_unproven(struct http_exchange *exchange, const struct error *error);

/* Whether the request may be served to this role or a higher one; else `error` is set. */
enum status http_require(struct http_exchange *exchange, enum role least,
                         struct error *error) MUST_CHECK;

#endif
