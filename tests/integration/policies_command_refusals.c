/*
 * Declarations that tapedeck policies apply refuses, because candles would be lost, through the
 * real binary; and those that are just within what is right.
 */
#include "policies_command_support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

POLICIES_COMMAND_SUITE(policies_command_refusals);

struct refusal {
    const char *policies;
    const char *says;
};

static void assert_refused(const struct refusal *refusals, size_t count)
{
    deck_serve(&deck, NULL);
    int64_t before = fingerprint();
    for (size_t i = 0; i < count; i++) {
        declare(refusals[i].policies);
        cr_assert_eq(apply("--yes", NULL), 1, "%s: %s", refusals[i].policies, output);
        assert_says(refusals[i].says);
        assert_says("nothing was changed");
        assert_says_nothing_of("→");
        cr_assert_eq(apply("--dry-run", NULL), 1, "%s", output);
        cr_assert_eq(fingerprint(), before, "%s", refusals[i].policies);
    }
}

Test(policies_command_refusals, declarations_that_would_lose_candles_are_refused_on_any_engine)
{
    static const struct refusal refusals[] = {
        {"  tick_data:\n    drop_after: 30h\n",
         "declared.yaml line 3): it drops what the refresh of candle_1m still looks at"},
        {"  candle_1m:\n    end_offset: 30s\n", "end_offset of candle_1m = 30 seconds ("},
        {"  candle_1m: {end_offset: 0}\n",
         "a refresh that reaches into the forming candle hides the ticks that follow; at least 1 "
         "minute is right"},
        {"  candle_1m: {end_offset: 5m, start_offset: 6m}\n",
         "a refresh must look at two candles at least, so start_offset must be 7 minutes or more"},
        {"  candle_1m: {start_offset: 10m, end_offset: 2m, refresh_every: 1h}\n",
         "what changes between two runs would never be looked at; at most 8 minutes is right"},
        {"  tick_data: {drop_after: 61d}\n  candle_1m: {start_offset: 60d}\n", "candle_1m"},
    };
    assert_refused(refusals, sizeof refusals / sizeof refusals[0]);
}

Test(policies_command_refusals, declarations_that_this_engine_cannot_bear_are_refused)
{
    static const struct refusal timescaledb[] = {
        {"  tick_data: {drop_after: 62d1m}\n",
         "more than 62 days 1 minute is right (start_offset + chunk + bucket + 1 day): drop_after "
         "of tick_data = 62 days 1 minute ("},
        {"  candle_5m: {start_offset: 89d}\n  tick_data: {drop_after: 90d}\n"
         "  candle_1m: {drop_after: 95d}\n",
         "it drops what the refresh of candle_5m still looks at"},
        {"  candle_1m: {start_offset: 88d}\n", "start_offset of candle_1m = 88 days ("},
        {"  tick_data: {chunk: 30d}\n", "chunk"},
        {"  tick_data: {compress_after: 47h}\n",
         "ticks that come a little late would be written into compressed chunks; at least 2 days"},
        {"  tick_data: {compress_after: 90d}\n",
         "nothing would ever be compressed, because it is dropped before"},
        {"  candle_1h: {drop_after: 90d}\n", "candles must outlive their ticks: drop_after of "
                                             "candle_1h = 90 days ("},
        {"  tick_data: {drop_after: never}\n  candle_1h: {drop_after: 900d}\n",
         "candles must outlive their ticks"},
        {"  candle_1h: {drop_after: 72d}\n  tick_data: {drop_after: 65d}\n",
         "it drops what the refresh of candle_1d still looks at, which deletes candles; more than "
         "72 days is right"},
        {"  candle_1d: {end_offset: 23h}\n", "at least 1 day is right"},
        {"  candle_1h: {end_offset: 59m}\n", "at least 1 hour is right"},
        {"  candle_1h: {refresh_every: 30d, start_offset: 29d}\n", "at most 28 days 23 hours"},
    };
    static const struct refusal postgresql[] = {
        {"  candle_1m: {start_offset: 25h}\n",
         "on this engine every run stores all of it once more; at most 1 day is right"},
        {"  tick_data: {drop_after: 2d11m}\n", "more than 2 days 11 minutes is right"},
    };
    if (has_timescaledb())
        assert_refused(timescaledb, sizeof timescaledb / sizeof timescaledb[0]);
    else
        assert_refused(postgresql, sizeof postgresql / sizeof postgresql[0]);
}

Test(policies_command_refusals, just_enough_is_not_refused)
{
    deck_serve(&deck, NULL);
    if (has_timescaledb()) {
        must_apply("  tick_data: {drop_after: 62d2m, compress_after: 2d}\n"
                   "  candle_1d: {drop_after: 62d3m}\n");
        must_apply("  tick_data: {chunk: 26d, drop_after: 90d}\n  candle_1m: {start_offset: 3m}\n");
    } else {
        must_apply("  tick_data: {drop_after: 2d12m}\n");
        must_apply("  candle_1m: {start_offset: 3m, refresh_every: 2m}\n");
    }
}

/* Ticks before midnight of that day are dropped; their candles stay. */
static void drop_ticks(const char *before)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   has_timescaledb()
                       ? "select public.drop_chunks('public.tick_data', '%sZ'::timestamptz)"
                       : "select tapedeck.job_retention(jsonb_build_object('drop_after',"
                         " now() - '%sZ'::timestamptz))",
                   before);
    execute(sql);
}

Test(policies_command_refusals, a_refresh_is_not_let_at_candles_that_have_outlived_their_ticks)
{
    char from[16];
    char middle[16];
    char to[16];
    bool is_full = has_timescaledb();
    day_ago(is_full ? 10 : 2, from, sizeof from);
    day_ago(is_full ? 7 : 0, middle, sizeof middle);
    day_ago(is_full ? 5 : 0, to, sizeof to);
    deck_serve(&deck, NULL);
    must_apply(is_full ? "  candle_1m: {start_offset: 3d}\n  candle_1h: {start_offset: 3d}\n"
                       : "  candle_1m: {start_offset: 5m}\n");
    cr_assert_eq(DECK_RUN(&deck, output, "generate", "--from", from, "--to", to, "--every", "1m"),
                 0, "%s", output);
    drop_ticks(middle);
    int64_t before = deck_number(&deck, "select count(*) from candle_1m");
    cr_assert_gt(before, 100);

    declare(is_full ? "  candle_1m: {start_offset: 8d}\n  candle_1h: {start_offset: 3d}\n"
                    : "  candle_1m: {start_offset: 24h}\n");
    cr_assert_eq(apply("--yes", NULL), 1, "%s", output);
    assert_says("start_offset of candle_1m = ");
    assert_says("what these candles were made of is dropped already up to ");
    assert_says(middle);
    /* Smaller is never refused for that, nor is a window that does not reach so far. */
    must_apply(is_full ? "  candle_1m: {start_offset: 6d}\n  candle_1h: {start_offset: 2d}\n"
                       : "  candle_1m: {start_offset: 4m}\n");
    /* The wider candles are made of minutes, which are there. */
    if (is_full)
        must_apply("  candle_1m: {start_offset: 6d}\n  candle_1h: {start_offset: 60d}\n");
    cr_assert_eq(deck_number(&deck, "select count(*) from candle_1m"), before);
    if (!is_full)
        return;
    must_apply("  candle_1m: {start_offset: 6d}\n  candle_1h: {start_offset: 6d}\n");
    char sql[128];
    (void)snprintf(sql, sizeof sql,
                   "select public.drop_chunks('public.candle_1m',"
                   " '%sZ'::timestamptz + interval '30 days')",
                   to);
    execute(sql);
    declare("  candle_1m: {start_offset: 6d}\n  candle_1h: {start_offset: 9d}\n");
    cr_assert_eq(apply("--yes", NULL), 1, "%s", output);
    assert_says("start_offset of candle_1h = 9 days");
}
