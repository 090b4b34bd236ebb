/*
 * `tapedeck bench …` against a server that wants to know who comes, in clear and over TLS: with a
 * viewer's key it measures; without, it says what is missing; and the key is never said.
 */
#include "deck.h"

#include "support/tls_tunnel.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct deck deck;
static char output[65536];
static char key[64];
static char keys_file[160];
static char token_file[160];
static char certificate_file[160];
static char key_file[160]; /* of the certificate */

static void name_file(char path[160], const char *name)
{
    (void)snprintf(path, 160, "%s/%s", deck.home, name);
}

static void write_token(const char *token)
{
    (void)unlink(token_file);
    int fd = open(token_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, token, strlen(token)), (ssize_t)strlen(token));
    close(fd);
}

static void start(void)
{
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    deck_init(&deck, deck_engine());
    name_file(keys_file, "keys");
    name_file(token_file, "token");
    name_file(certificate_file, "cert.pem");
    name_file(key_file, "key.pem");
    cr_assert_eq(DECK_RUN(&deck, output, "generate", "--symbols", "SIM:A", "--every", "20ms",
                          "--from", "2024-08-08T12:00:00Z", "--to", "2024-08-08T12:05:00Z",
                          "--keep"),
                 0, "%s", output);
    cr_assert_eq(DECK_RUN(&deck, output, "keys", "add", "desk", "--role", "viewer",
                          "--auth-keys-file", keys_file),
                 0, "%s", output);
    const char *found = strstr(output, "tdk_");
    cr_assert_not_null(found);
    (void)snprintf(key, sizeof key, "%.*s", (int)strcspn(found, "\n"), found);
    write_token(key);
}

static void stop(void)
{
    if (deck.home[0] != '\0')
        deck_deinit(&deck);
}

TestSuite(bench_access, .init = start, .fini = stop, .timeout = 300);

#define ARGUMENTS_MAX 24

/* Runs `bench WHAT` with the arguments, which end with NULL; its output is in `output`. */
static int bench(const char *scheme, const char *what, const char *const *arguments)
{
    char url[64];
    (void)snprintf(url, sizeof url, "%s://127.0.0.1:%u/ws", scheme, deck.port);
    const char *all[ARGUMENTS_MAX] = {"bench", what, "--url", url};
    for (size_t i = 0; arguments[i] != NULL; i++)
        all[4 + i] = arguments[i];
    int status = deck_run(&deck, output, sizeof output, all);
    cr_assert_null(strstr(output, key), "the key is said: %s", output);
    cr_assert_null(strstr(output, "tdk_"), "a key is said: %s", output);
    return status;
}
#define BENCH(scheme, what, ...) bench(scheme, what, (const char *const[]){__VA_ARGS__, NULL})

static void expect_refusal(int status, const char *first, const char *second)
{
    cr_assert_eq(status, 1, "%s", output);
    cr_assert_not_null(strstr(output, first), "it does not say \"%s\": %s", first, output);
    cr_assert_not_null(strstr(output, second), "it does not say \"%s\": %s", second, output);
}

/* Every tick is counted: 5 minutes, one every 20 ms. */
static void expect_ticks(int status)
{
    char words[64];
    (void)snprintf(words, sizeof words, "\"pass_ticks\": %lld",
                   (long long)deck_number(&deck, "select count(*) from tick_data"));
    cr_assert_eq(status, 0, "%s", output);
    cr_assert_not_null(strstr(output, words), "%s is not in %s", words, output);
}

Test(bench_access, with_a_viewers_key_every_bench_runs)
{
    deck_serve(&deck, (const char *const[]){"--auth-keys-file", keys_file, NULL});
    expect_ticks(BENCH("ws", "replay", "--speed", "max", "--viewers", "3", "--json", "--token-file",
                       token_file));
    cr_assert_eq(
        BENCH("ws", "windows", "--ticks", "10s", "--windows", "3", "--token-file", token_file), 0,
        "%s", output);
    cr_assert_eq(BENCH("ws", "live", "--subscribers", "5", "--changes", "2", "--pause", "1ms",
                       "--token-file", token_file),
                 0, "%s", output);
}

Test(bench_access, without_a_key_or_with_a_wrong_one_it_says_what_to_do)
{
    deck_serve(&deck, (const char *const[]){"--auth-keys-file", keys_file, NULL});
    expect_refusal(BENCH("ws", "replay", "--json"), "unauthenticated", "--token-file FILE");
    expect_refusal(BENCH("ws", "windows", "--ticks", "10s"), "unauthenticated",
                   "--token-file FILE");
    expect_refusal(BENCH("ws", "live", "--subscribers", "2"), "unauthenticated",
                   "--token-file FILE");
    key[20] = key[20] == 'A' ? 'B' : 'A';
    write_token(key);
    expect_refusal(BENCH("ws", "replay", "--token-file", token_file), "unauthenticated", "401");
    write_token("two words");
    expect_refusal(BENCH("ws", "replay", "--token-file", token_file), "must hold a token",
                   token_file);
    expect_refusal(BENCH("ws", "replay", "--token-file", "no-such-file"), "--token-file",
                   "no-such-file");
}

Test(bench_access, over_tls_the_server_must_be_whom_the_file_of_authorities_names)
{
    char other_file[160];
    char other_key_file[160];
    name_file(other_file, "other.pem");
    name_file(other_key_file, "other-key.pem");
    cr_assert(tls_certificate_make(certificate_file, key_file, TLS_KEY_EC, "desk.example", 30));
    cr_assert(tls_certificate_make(other_file, other_key_file, TLS_KEY_EC, "desk.example", 30));
    deck_serve(&deck, (const char *const[]){"--auth-keys-file", keys_file, "--tls-certificate-file",
                                            certificate_file, "--tls-key-file", key_file, NULL});
    expect_ticks(BENCH("wss", "replay", "--speed", "max", "--viewers", "3", "--json",
                       "--token-file", token_file, "--ca-file", certificate_file));
    expect_ticks(BENCH("wss", "replay", "--speed", "200", "--flow", "ack", "--json", "--token-file",
                       token_file, "--ca-file", certificate_file));
    cr_assert_eq(BENCH("wss", "windows", "--candles", "1m", "--count", "3", "--windows", "3",
                       "--token-file", token_file, "--ca-file", certificate_file),
                 0, "%s", output);
    cr_assert_eq(BENCH("wss", "live", "--subscribers", "5", "--changes", "2", "--pause", "1ms",
                       "--token-file", token_file, "--ca-file", certificate_file),
                 0, "%s", output);
    expect_refusal(BENCH("wss", "replay", "--token-file", token_file), "not trusted", "--ca-file");
    expect_refusal(BENCH("wss", "replay", "--token-file", token_file, "--ca-file", other_file),
                   "not trusted", "--ca-file");
    expect_refusal(BENCH("wss", "replay", "--ca-file", certificate_file), "unauthenticated",
                   "--token-file FILE");
    expect_refusal(BENCH("wss", "replay", "--ca-file", token_file), "cannot take certificates",
                   token_file);
    char url[64];
    (void)snprintf(url, sizeof url, "wss://localhost:%u/ws", deck.port);
    expect_refusal(
        DECK_RUN(&deck, output, "bench", "replay", "--url", url, "--ca-file", certificate_file),
        "not trusted", "mismatch");
}

Test(bench_access, who_speaks_tls_to_a_server_in_clear_is_told_so)
{
    deck_serve(&deck, NULL);
    expect_refusal(BENCH("wss", "replay", NULL), "TLS", "");
    expect_refusal(BENCH("ws", "replay", "--ca-file", token_file), "--ca-file", "wss://");
    expect_refusal(BENCH("https", "replay", NULL), "expected ws://", "wss:// for TLS");
}
