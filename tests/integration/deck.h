/*
 * A tapedeck of its own for a test: a home folder under /tmp, `tapedeck serve` on a free port over
 * an embedded cluster, and the subcommands run beside it: the real binary, from outside.
 * Everything started is stopped by its pid. Failures end the test with a sentence.
 */
#ifndef TAPEDECK_TESTS_INTEGRATION_DECK_H
#define TAPEDECK_TESTS_INTEGRATION_DECK_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct deck {
    char home[128];
    char url[256]; /* for libpq */
    const char *engine;
    pid_t server;
    uint16_t port;
};

/* "timescaledb" or "postgresql", of $TAPEDECK_TEST_ENGINE. */
const char *deck_engine(void);
/* False, and says why on stderr, when this machine does not have that engine. */
bool deck_engine_is_here(const char *engine);

/* Makes the home, with a migrated database in it; nothing runs yet. */
void deck_init(struct deck *deck, const char *engine);
/* The same without a database: who first needs one makes it. */
void deck_init_empty(struct deck *deck, const char *engine);
/* Starts `tapedeck serve`, with further arguments (NULL-terminated, may be NULL), and waits until
 * it says its URL. */
void deck_serve(struct deck *deck, const char *const *arguments);
/* SIGTERM, and the exit status. */
int deck_stop(struct deck *deck);
/* kill -9, as an accident would. */
void deck_kill(struct deck *deck);
/* Stops what runs and removes the home. */
void deck_deinit(struct deck *deck);

/* Runs a subcommand with its own arguments (NULL-terminated) to its end; returns the exit status.
 * `output` gets stdout and stderr, NUL-terminated, cut at `bytes`. */
int deck_run(const struct deck *deck, char *output, size_t bytes, const char *const *arguments);
#define DECK_RUN(deck, output, ...)                                                                \
    deck_run(deck, output, sizeof output, (const char *const[]){__VA_ARGS__, NULL})

/* Starts a subcommand and returns its pid at once; the caller waits for it or kills it. What it
 * says goes where the test's own words go. */
pid_t deck_spawn(const struct deck *deck, const char *const *arguments);

PGconn *deck_connect(const struct deck *deck);
/* One value of one row, as a number. */
int64_t deck_number(const struct deck *deck, const char *sql);

/* A file of real market data, or skips the test with the reason. */
const char *deck_shared_file(const char *name);

/* The pid of the postmaster, and of the keeper that restarts it. */
pid_t deck_postmaster(const struct deck *deck);
pid_t deck_keeper(const struct deck *deck);

#endif
