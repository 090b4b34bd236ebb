#include "store/change.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

struct seen {
    int calls;
    struct change change;
    char first[160];
    char last[160];
};

static void keep(void *owner, const struct change *change)
{
    struct seen *seen = owner;
    seen->calls++;
    seen->change = *change;
    if (change->symbol_count == 0)
        return;
    (void)snprintf(seen->first, sizeof seen->first, "%s", change->symbols[0]);
    (void)snprintf(seen->last, sizeof seen->last, "%s", change->symbols[change->symbol_count - 1]);
}

static struct seen read_payload(const char *payload)
{
    struct seen seen = {.calls = 0};
    change_read(payload, keep, &seen);
    cr_assert(seen.calls == 1, "%s", payload);
    return seen;
}

static bool is_everything(const struct change *change)
{
    return change->range.from == TIME_MIN && change->range.to == TIME_MAX &&
           change->symbol_count == 0 && change->symbols == NULL;
}

Test(store_change, an_announcement_has_a_kind_a_range_and_symbols)
{
    struct seen seen =
        read_payload("{\"kind\" : \"ticks\", \"from\" : -5, \"to\" : 1723161255088169,"
                     " \"symbols\" : [\"BINANCE:BTC\\\"USDT\",\"Ä\"]}");
    cr_expect(seen.change.kind == CHANGE_TICKS);
    cr_expect(seen.change.range.from == -5);
    cr_expect(seen.change.range.to == 1723161255088169);
    cr_expect(seen.change.symbol_count == 2);
    cr_expect_str_eq(seen.first, "BINANCE:BTC\"USDT");
    cr_expect_str_eq(seen.last, "Ä");
}

Test(store_change, what_triggers_tell_and_that_it_is_booked_are_kinds_of_their_own)
{
    struct seen seen =
        read_payload("{\"kind\":\"written\",\"from\":1,\"to\":2,\"symbols\":[\"A\"]}");
    cr_expect(seen.change.kind == CHANGE_WRITTEN);
    cr_expect_str_eq(seen.first, "A");
    cr_expect(read_payload("{\"kind\":\"symbols\"}").change.kind == CHANGE_SYMBOLS);
    cr_expect_str_eq(change_kind_name(CHANGE_WRITTEN), "written");
    cr_expect_str_eq(change_kind_name(CHANGE_SYMBOLS), "symbols");
}

Test(store_change, no_symbols_means_all)
{
    struct seen seen =
        read_payload("{\"kind\":\"candles\",\"from\":0,\"to\":60000000,\"symbols\":null}");
    cr_expect(seen.change.kind == CHANGE_CANDLES);
    cr_expect(seen.change.range.to == 60000000);
    cr_expect(seen.change.symbol_count == 0);
    cr_expect(read_payload("{\"kind\":\"candles\"}").change.symbol_count == 0);
}

Test(store_change, a_wrong_range_means_all_time)
{
    const char *const payloads[] = {
        "{\"kind\":\"ticks\",\"from\":5,\"to\":5}",
        "{\"kind\":\"ticks\",\"from\":6,\"to\":5}",
        "{\"kind\":\"ticks\",\"from\":\"1\",\"to\":5}",
        "{\"kind\":\"ticks\",\"from\":1.5,\"to\":5}",
        "{\"kind\":\"ticks\",\"to\":5}",
        "{\"kind\":\"ticks\",\"from\":-9223372036854775808,\"to\":9223372036854775807}",
    };
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        struct seen seen = read_payload(payloads[i]);
        cr_expect(seen.change.kind == CHANGE_TICKS, "%s", payloads[i]);
        cr_expect(is_everything(&seen.change), "%s", payloads[i]);
    }
}

Test(store_change, a_wrong_list_of_symbols_means_all_symbols)
{
    const char *const lists[] = {"[]",        "[1]", "[\"A\",null]",  "[\"\"]", "\"A\"",
                                 "{\"A\":1}", "7",   "[\"A\\u0007\"]"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char payload[128];
        (void)snprintf(payload, sizeof payload,
                       "{\"kind\":\"ticks\",\"from\":1,\"to\":2,\"symbols\":%s}", lists[i]);
        struct seen seen = read_payload(payload);
        cr_expect(seen.change.kind == CHANGE_TICKS, "%s", payload);
        cr_expect(seen.change.symbol_count == 0, "%s", payload);
        cr_expect(seen.change.range.to == 2, "%s", payload);
    }
}

Test(store_change, what_cannot_be_read_may_be_anything)
{
    const char *const payloads[] = {"",
                                    "x",
                                    "[]",
                                    "{\"kind\":7}",
                                    "{\"ki",
                                    "{}",
                                    "\"ticks\"",
                                    "{\"kind\":\"ticks\"} {}",
                                    "\xff{}",
                                    "null",
                                    "{\"kind\":\"ticks\",\"kind\":\"ticks\"}"};
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        struct seen seen = read_payload(payloads[i]);
        cr_expect(seen.change.kind == CHANGE_UNKNOWN, "%s", payloads[i]);
        cr_expect(is_everything(&seen.change), "%s", payloads[i]);
    }
}

Test(store_change, a_kind_of_tomorrow_is_another)
{
    cr_expect(read_payload("{\"kind\":\"storage\"}").change.kind == CHANGE_OTHER);
    cr_expect_str_eq(change_kind_name(CHANGE_OTHER), "other");
    cr_expect_str_eq(change_kind_name(CHANGE_UNKNOWN), "unknown");
}

Test(store_change, a_job_that_is_to_run_now_is_due_and_one_that_ended_is_not)
{
    struct seen due = read_payload("{\"kind\":\"policy\",\"job_id\":1000,\"event\":\"due\"}");
    cr_expect(due.change.kind == CHANGE_POLICY);
    cr_expect(due.change.is_due);
    cr_expect(is_everything(&due.change));
    cr_expect(read_payload("{\"kind\":\"policy\",\"event\":\"resumed\"}").change.is_due);
    cr_expect_not(read_payload("{\"kind\":\"policy\",\"event\":\"ok\"}").change.is_due);
    cr_expect_not(read_payload("{\"kind\":\"policy\",\"event\":1}").change.is_due);
    cr_expect_not(read_payload("{\"kind\":\"policy\"}").change.is_due);
    cr_expect_not(read_payload("{\"kind\":\"ticks\",\"event\":\"due\"}").change.is_due);
    cr_expect_str_eq(change_kind_name(CHANGE_POLICY), "policy");
}
