#include "net/host.h"

#include <criterion/criterion.h>

static const char *const names[] = {"desk.example", ".trading.example"};
static const struct hosts checked = {.is_checked = true, .names = names, .count = 2};

Test(host, is_welcome_as_an_address_as_localhost_or_as_a_listed_name)
{
    static const struct {
        const char *host;
        bool is_welcome;
    } cases[] = {
        {NULL, true}, /* no browser */
        {"localhost", true},
        {"localhost:8080", true},
        {"LOCALHOST.:8080", true},
        {"app.localhost:8080", true},
        {"127.0.0.1:8080", true},
        {"192.168.1.7", true},
        {"[::1]:8080", true},
        {"[::1]", true},
        {"desk.example", true},
        {"Desk.Example:443", true},
        {"trading.example", true},
        {"a.b.trading.example:8080", true},

        {"", false},
        {":8080", false},
        {"evil.example", false},
        {"evil.example:8080", false},
        {"localhost.evil.example", false},
        {"notlocalhost", false},
        {"127.0.0.1.evil.example", false},
        {"127.0.0.1@evil.example", false},
        {"evil.example:8080/localhost", false},
        {"[::1].evil.example", false},
        {"[localhost", true}, /* no more than localhost */
        {"a.desk.example", false},
        {"eviltrading.example", false},
        {"127.1", false}, /* browsers send all four */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(host_is_welcome(cases[i].host, &checked), cases[i].is_welcome, "%s",
                     cases[i].host != NULL ? cases[i].host : "no host");
}

Test(host, is_not_looked_at_unless_it_is_to_be_checked)
{
    static const struct hosts unchecked = {.is_checked = false};
    static const char *const everybody[] = {"*"};
    static const struct hosts all = {.is_checked = true, .names = everybody, .count = 1};
    cr_assert(host_is_welcome("evil.example", &unchecked));
    cr_assert(host_is_welcome("evil.example", &all));
    cr_assert(!host_is_welcome("evil.example", &(struct hosts){.is_checked = true}));
}
