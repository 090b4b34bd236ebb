#include "app/bench.h"
#include "app/bench_live.h"
#include "app/bench_windows.h"
#include "auth/identity.h"
#include "captured.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The count stands in a header, the table elsewhere: a row too few would be a row of nothing. */
Test(bench_options, every_row_of_the_table_is_an_option)
{
    for (size_t i = 0; i < BENCH_OPTION_COUNT; i++) {
        cr_assert_not_null(bench_options[i].name, "row %zu", i);
        cr_assert_not_null(bench_options[i].help, "row %zu", i);
    }
}

Test(bench_windows_options, every_row_of_the_table_is_an_option)
{
    for (size_t i = 0; i < BENCH_WINDOWS_OPTION_COUNT; i++) {
        cr_assert_not_null(bench_windows_options[i].name, "row %zu", i);
        cr_assert_not_null(bench_windows_options[i].help, "row %zu", i);
    }
}

Test(bench_live_options, every_row_of_the_table_is_an_option)
{
    for (size_t i = 0; i < BENCH_LIVE_OPTION_COUNT; i++) {
        cr_assert_not_null(bench_live_options[i].name, "row %zu", i);
        cr_assert_not_null(bench_live_options[i].help, "row %zu", i);
    }
}

/* ---- where a bench goes, and as whom ---- */

static struct configuration configuration = {.port = 9000};
static struct bench_target target;
static struct error error;
static char path[64];

static const char *url = "ws://host/ws";

static enum status open_with(const char *token, size_t bytes, mode_t mode)
{
    struct bench_server server = {.url = url, .token_file = path};
    (void)snprintf(path, sizeof path, "bench-token-%d", (int)getpid());
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(token, 1, bytes, file), bytes);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(path, mode), 0);
    enum status status = bench_target_open(&configuration, &server, &target, &error);
    (void)unlink(path);
    return status;
}

Test(bench_target, is_the_configured_server_and_nobody_unless_said_otherwise)
{
    struct bench_server server = {.url = NULL};
    cr_assert_eq(bench_target_open(&configuration, &server, &target, &error), STATUS_OK);
    cr_assert_str_eq(target.channel.url, "ws://127.0.0.1:9000/ws");
    cr_assert_null(target.channel.token);
    bench_target_close(&target);
}

static void open_with_a_token(void)
{
    cr_assert_eq(open_with("tdk_secret", 10, 0600), STATUS_OK, "%s", error.text);
    bench_target_close(&target);
}

Test(bench_target, warns_of_a_token_that_travels_in_clear_to_another_machine)
{
    static const char *const others[] = {"ws://desk.example/ws", "ws://10.0.0.1:8080/ws",
                                         "ws://[fe80::1]:8080", "ws://localhost.example"};
    static const char *const safe[] = {"wss://desk.example/ws", "ws://127.0.0.1:8080/ws",
                                       "ws://[::1]:8080/ws",    "ws://localhost",
                                       "ws://LocalHost:8080/",  NULL};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        url = others[i];
        struct captured captured = capture_stderr(open_with_a_token);
        cr_assert_not_null(strstr(captured.text, "in clear"), "%s: %s", url, captured.text);
        cr_assert_not_null(strstr(captured.text, url), "%s: %s", url, captured.text);
        cr_assert_null(strstr(captured.text, "tdk_"), "%s", captured.text);
    }
    for (size_t i = 0; i < sizeof safe / sizeof *safe; i++) {
        url = safe[i];
        cr_assert_str_eq(capture_stderr(open_with_a_token).text, "");
    }
}

Test(bench_target, has_the_token_of_a_file_without_what_is_around_it)
{
    static const char *const texts[] = {"tdk_AZ-_09.~!", "tdk_AZ-_09.~!\n",
                                        "\r\n tdk_AZ-_09.~!\t\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cr_assert_eq(open_with(texts[i], strlen(texts[i]), 0600), STATUS_OK, "%s", error.text);
        cr_assert_str_eq(target.channel.token, "tdk_AZ-_09.~!");
        cr_assert_str_eq(target.channel.url, "ws://host/ws");
        bench_target_close(&target);
        cr_assert_null(target.channel.token);
    }
    static char longest[TOKEN_BYTES_MAX];
    memset(longest, 'x', sizeof longest);
    cr_assert_eq(open_with(longest, sizeof longest, 0600), STATUS_OK, "%s", error.text);
    cr_assert_eq(strlen(target.channel.token), sizeof longest);
    bench_target_close(&target);
}

/* A line end in it would be a header of its own. */
Test(bench_target, takes_no_file_that_holds_more_or_less_than_a_token)
{
    static char longer[TOKEN_BYTES_MAX + 1];
    memset(longer, 'x', sizeof longer);
    static const struct {
        const char *text;
        size_t bytes;
    } table[] = {
        {"", 0},
        {" \n", 2},
        {"two words", 9},
        {"two\nlines\n", 10},
        {"cut\r\nHost: evil", 15},
        {"n\0l", 3},
        {"caf\xc3\xa9", 5},
        {"\x7f", 1},
        {longer, sizeof longer},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cr_assert_eq(open_with(table[i].text, table[i].bytes, 0600), STATUS_INVALID, "%zu", i);
        cr_assert_not_null(strstr(error.text, path));
        cr_assert_null(strstr(error.text, "evil"), "%s", error.text);
        cr_assert_null(target.channel.token);
        bench_target_close(&target);
    }
    cr_assert_eq(open_with("tdk_a", 5, 0644), STATUS_FORBIDDEN);
    cr_assert_not_null(strstr(error.text, "chmod 600"), "%s", error.text);
    bench_target_close(&target);
}
