/*
 * The parameters of a request's query string: bounded, each once, as texts and as values. A
 * sentence for whatever is wrong with one. Pure; any thread.
 *
 * libwebsockets splits the string at & and ; and decodes %XX and +; so what is added here is one
 * decoded "name=value", in which any byte may stand.
 */
#ifndef TAPEDECK_NET_QUERY_H
#define TAPEDECK_NET_QUERY_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUERY_BYTES_MAX 2048 /* of all parameters together, decoded */
#define QUERY_PARAMETERS_MAX 16

struct query_parameter {
    const char *name;
    const char *value; /* "" where there is no = */
};

struct query {
    size_t count;
    struct query_parameter parameters[QUERY_PARAMETERS_MAX];
    size_t bytes;                   /* of the text, NULs included */
    char text[QUERY_BYTES_MAX + 2]; /* two NULs for the = */
};

void query_init(struct query *query);
/* An empty one is passed over. STATUS_INVALID: no name, a control character, no UTF-8, a name that
 * is there already. STATUS_LIMIT: over one of the bounds above. */
enum status query_add(struct query *query, const char *parameter, size_t bytes,
                      struct error *error) MUST_CHECK;
/* Every parameter has one of these names (NULL at the end): a misspelt one must not be ignored. */
enum status query_check_names(const struct query *query, const char *const *names,
                              struct error *error) MUST_CHECK;

/* NULL: absent. */
const char *query_text(const struct query *query, const char *name);

/* All of these leave the value as it is when the parameter is absent. */

/* Never STATUS_LIMIT: for bounds that are no limits of the server's. */
enum status query_integer(const struct query *query, const char *name, int64_t least, int64_t most,
                          int64_t *value, struct error *error) MUST_CHECK;
/* A number of things, from 1: STATUS_LIMIT beyond `most`, `things` says of what. */
enum status query_count(const struct query *query, const char *name, size_t most,
                        const char *things, size_t *count, struct error *error) MUST_CHECK;
/* "true" or "false". */
enum status query_bool(const struct query *query, const char *name, bool *value,
                       struct error *error) MUST_CHECK;
/* RFC 3339 as time_parse has it, or microseconds since the epoch. */
enum status query_time(const struct query *query, const char *name, int64_t *time,
                       struct error *error) MUST_CHECK;
/* "NAME is \"…\"; it must be EXPECTED", or that it is missing. Always STATUS_INVALID. */
enum status query_refuse(const struct query *query, const char *name, const char *expected,
                         struct error *error);

#endif
