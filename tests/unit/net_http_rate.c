#include "net/http_rate.h"

#include <criterion/criterion.h>
#include <string.h>

#define S INT64_C(1000000)

static struct http_rate rate;

static void stop(void)
{
    http_rate_deinit(&rate);
}

TestSuite(http_rate, .fini = stop);

static struct address address(uint64_t number)
{
    struct address made = {{0x20, 0x01}};
    memcpy(made.bytes + 4, &number, 4);
    return made;
}

static int64_t ask(uint64_t number, int64_t now_us)
{
    struct address who = address(number);
    return http_rate_wait_us(&rate, &who, now_us);
}

Test(http_rate, gives_a_burst_and_then_the_rate)
{
    http_rate_init(&rate, 10, 3);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(ask(1, 5 * S), 0);
    cr_assert_eq(ask(1, 5 * S), S / 10);
    cr_assert_eq(ask(1, 5 * S + 60000), 40000, "a refusal costs nothing");
    cr_assert_eq(ask(1, 5 * S + 100000), 0);
    cr_assert_eq(ask(1, 5 * S + 100000), S / 10);
}

Test(http_rate, is_each_addresses_own)
{
    http_rate_init(&rate, 1, 1);
    cr_assert_eq(ask(1, 0), 0);
    cr_assert_neq(ask(1, 0), 0);
    cr_assert_eq(ask(2, 0), 0);
}

Test(http_rate, bounds_nothing_when_it_is_0)
{
    http_rate_init(&rate, 0, 1);
    for (int i = 0; i < 100000; i++)
        cr_assert_eq(ask(1, 0), 0);
}

Test(http_rate, keeps_the_busiest_when_more_ask_than_it_has_room_for)
{
    http_rate_init(&rate, 1, 1);
    cr_assert_eq(ask(0, 0), 0);
    uint64_t refused = 0;
    for (uint64_t i = 1; i <= 100 * ADDRESS_ALLOWANCES_PLACES; i++) {
        cr_assert_eq(ask(i, (int64_t)i), 0, "a new address begins with a full bucket");
        refused += ask(0, (int64_t)i) != 0 && i < 1000;
    }
    cr_assert(refused > 900, "whoever asks without a pause is not forgotten: %llu",
              (unsigned long long)refused);
}
