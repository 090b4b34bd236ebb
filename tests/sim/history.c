#include "history.h"

#include "candles.h"

#include <inttypes.h>
#include <string.h>

void histories_add(struct histories *histories, const struct watch *watch,
                   const struct asked *asked, bool is_alone)
{
    CHECK(histories->count < HISTORIES_MAX, "too many histories are asked for");
    histories->items[histories->count++] = (struct history){
        .re = asked->re,
        .id = watch->id,
        .world = watch->world,
        .depot = watch->depot,
        .tape = watch_tape(watch, asked->symbol),
        .interval = asked->interval,
        .interval_us = asked->interval_us,
        .symbol = (int64_t)asked->symbol,
        .before = asked->before,
        .count = (size_t)asked->count,
        .is_at_known = asked->has_at || is_alone,
        .at = asked->has_at ? asked->at : watch->epoch.edge,
        .from = watch->from,
        .to = watch->to,
        .failures = asked->failures,
        .changes = asked->changes,
    };
}

static bool is_open(const struct history *history, const struct watch *watches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (watches[i].open && watches[i].id == history->id)
            return true;
    }
    return false;
}

static void check_refused(const struct history *history, const char *code, bool is_open)
{
    if (!is_open) {
        CHECK(strcmp(code, "not_found") == 0, "a history of a closed replay: %s", code);
        tally(TALLY_HISTORIES_CUT);
        return;
    }
    CHECK(strcmp(code, "unavailable") == 0, "a history was refused: %s", code);
    CHECK(history->depot->failures > history->failures, "a history failed out of nothing");
    tally(TALLY_FAILURES);
}

static void check_answer(const struct history *history, const json_t *message)
{
    CHECK(integer_of(message, "symbol") == history->symbol, "a history of another symbol");
    CHECK(strcmp(text_of(message, "interval"), history->interval) == 0,
          "a history of another interval");
    int64_t at = integer_of(message, "at");
    CHECK(at >= history->from && at <= history->to, "a history as of outside the range");
    CHECK(!history->is_at_known || at == history->at, "a history as of %" PRId64 ", not %" PRId64,
          at, history->at);
    if (history->changes != history->world->changes)
        return;
    struct candles_wish wish = {
        .tape = history->tape, .us = history->interval_us, .before = history->before, .at = at};
    tallies[TALLY_HISTORIES] += candles_check_newest(message, &wish, history->count);
}

bool histories_take(struct histories *histories, const json_t *message, const struct watch *watches,
                    size_t watch_count)
{
    size_t i = 0;
    while (i < histories->count && histories->items[i].re != integer_of(message, "re"))
        i++;
    if (i == histories->count)
        return false;
    struct history history = histories->items[i];
    histories->items[i] = histories->items[--histories->count];
    CHECK((uint64_t)integer_of(message, "id") == history.id, "a history of another replay");
    bool goes_on = is_open(&history, watches, watch_count);
    if (strcmp(text_of(message, "ev"), "error") == 0)
        check_refused(&history, text_of(message, "code"), goes_on);
    else if (strcmp(text_of(message, "ev"), "replay.history") == 0)
        check_answer(&history, message);
    else
        sim_fail("a history answered with %s", text_of(message, "ev"));
    return true;
}
