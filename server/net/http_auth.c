#include "net/http_auth.h"

#include "auth/gate.h"
#include "base/clock.h"
#include "net/http_answer.h"
#include "wire/codes.h"

#include <libwebsockets.h>
#include <string.h>
#include <strings.h>

#define SCHEME "Bearer"
#define HEADER_BYTES_MAX (TOKEN_BYTES_MAX + 64)

/* What follows "Bearer "; NULL: that is not what the header says. */
static const char *bearer_of(const char *header)
{
    size_t scheme_bytes = sizeof SCHEME - 1;
    if (strncasecmp(header, SCHEME, scheme_bytes) != 0 || header[scheme_bytes] != ' ')
        return NULL;
    const char *token = header + scheme_bytes;
    token += strspn(token, " ");
    return *token != '\0' ? token : NULL;
}

static enum status check(const struct http_exchange *exchange, const char *header,
                         struct identity *identity, struct error *error)
{
    const char *token = bearer_of(header);
    struct now now = {.monotonic_us = clock_monotonic_us(), .wall_us = clock_wall_us()};
    if (token == NULL)
        return error_set(error, STATUS_UNAUTHORIZED,
                         "the Authorization header must be: " SCHEME " TOKEN");
    return gate_check(exchange->lane->gate, &exchange->address, token, now, identity, error);
}

enum status http_prove(const struct http_exchange *exchange, struct identity *identity,
                       struct error *error)
{
    struct gate *gate = exchange->lane->gate;
    char header[HEADER_BYTES_MAX];
    bool is_open = gate == NULL || gate_is_open(gate);
    if (is_open || lws_hdr_total_length(exchange->wsi, WSI_TOKEN_HTTP_AUTHORIZATION) <= 0) {
        *identity =
            (struct identity){.role = gate != NULL ? gate_role_unproven(gate) : ROLE_OPERATOR,
                              .expires_us = IDENTITY_NEVER};
        return STATUS_OK;
    }
    if (lws_hdr_copy(exchange->wsi, header, sizeof header, WSI_TOKEN_HTTP_AUTHORIZATION) < 0)
        return error_set(error, STATUS_UNAUTHORIZED, "the token is longer than %d bytes",
                         TOKEN_BYTES_MAX);
    enum status status = check(exchange, header, identity, error);
    explicit_bzero(header, sizeof header);
    return status;
}

enum status http_require(struct http_exchange *exchange, enum role least, struct error *error)
{
    struct identity identity;
    enum status status = http_prove(exchange, &identity, error);
    if (status != STATUS_OK)
        return status;
    if (identity.role >= least)
        return STATUS_OK;
    if (identity.role == ROLE_NONE)
        return error_set(error, STATUS_UNAUTHORIZED,
                         "say who you are: Authorization: " SCHEME " TOKEN");
    return error_set(error, STATUS_FORBIDDEN, "this path needs the role %s; yours is %s",
                     role_name(least), role_name(identity.role));
}

static struct refusal refusal_of(const struct error *error)
{
    struct refusal refusal = {.http_status = wire_http_status(error->status),
                              .code = wire_error_code(error->status),
                              .message = error->text};
    if (error->status == STATUS_UNAUTHORIZED)
        refusal.headers = "WWW-Authenticate: " SCHEME " realm=\"tapedeck\"\r\n";
    if (error->status == STATUS_LIMIT) {
        refusal.http_status = 429;
        refusal.headers = "Retry-After: 5\r\n";
    }
    return refusal;
}

int http_answer_unproven(struct http_exchange *exchange, const struct error *error)
{
    struct refusal refusal = refusal_of(error);
    return http_answer_refusal(exchange, &refusal);
}

int http_refuse_unproven(struct http_exchange *exchange, const struct error *error)
{
    struct refusal refusal = refusal_of(error);
    return http_refuse(exchange, &refusal);
}
