/*
 * The server that a bench measures: where it is, and as whom the bench comes. The same three
 * options for each of them. A token comes out of a file, because whoever may list processes sees
 * what stands on a command line. Main thread.
 */
#ifndef TAPEDECK_APP_BENCH_SERVER_H
#define TAPEDECK_APP_BENCH_SERVER_H

#include "app/options.h"
#include "base/bytes.h"
#include "bench/channel.h"

/* As it was given; NULL: it was not. */
struct bench_server {
    const char *url;
    const char *token_file;
    const char *ca_file;
};

#define BENCH_SERVER_OPTION_COUNT 3
/* Of a struct of values that has a bench_server of the name `server`. */
#define BENCH_SERVER_OPTIONS(values)                                                               \
    {.name = "url",                                                                                \
     .type = OPTION_TEXT,                                                                          \
     .offset = offsetof(values, server.url),                                                       \
     .value = "URL",                                                                               \
     .help = "the server; by default ws://127.0.0.1:PORT/ws with the configured port; wss:// for " \
             "TLS"},                                                                               \
        {.name = "token-file",                                                                     \
         .type = OPTION_TEXT,                                                                      \
         .offset = offsetof(values, server.token_file),                                            \
         .value = "FILE",                                                                          \
         .help = "holds the API key or JSON Web Token to come with, where the server wants one; "  \
                 "others must not be able to read it"},                                            \
    {                                                                                              \
        .name = "ca-file", .type = OPTION_TEXT, .offset = offsetof(values, server.ca_file),        \
        .value = "FILE",                                                                           \
        .help = "certificates in PEM of who signs for a wss:// server; by default whom this "      \
                "machine trusts"                                                                   \
    }

struct bench_target {
    struct channel_target channel; /* what a client of bench/ gets */
    char url[64];
    struct buffer token;
};

/* STATUS_INVALID: what is in the file is no token; else as secret_file_read. Close it in either
 * case. */
enum status bench_target_open(const struct configuration *configuration,
                              const struct bench_server *server, struct bench_target *target,
                              struct error *error) MUST_CHECK;
/* Overwrites the token. */
void bench_target_close(struct bench_target *target);

#endif
