#include "net/admission.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static struct admission admission;

static struct address address(const char *text)
{
    struct sockaddr_storage peer;
    memset(&peer, 0, sizeof peer);
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        memcpy(&peer, &in, sizeof in);
    else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
        memcpy(&peer, &in6, sizeof in6);
    else
        cr_assert_fail("no address: %s", text);
    return address_of(&peer);
}

static enum admission_verdict enter(const char *text)
{
    struct address from = address(text);
    return admission_enter(&admission, &from);
}

static void leave(const char *text)
{
    struct address from = address(text);
    admission_leave(&admission, &from);
}

Test(admission, the_total_is_capped_and_a_place_that_is_left_is_free)
{
    admission_init(&admission, 2, 0);
    cr_assert_eq(enter("10.0.0.1"), ADMITTED);
    cr_assert_eq(enter("10.0.0.2"), ADMITTED);
    cr_assert_eq(enter("10.0.0.3"), REFUSED_TOTAL);
    leave("10.0.0.1");
    cr_assert_eq(enter("10.0.0.3"), ADMITTED);
    cr_assert_eq(admission_total(&admission), 2);
    leave("10.0.0.3");
    leave("10.0.0.2");
    admission_deinit(&admission);
}

Test(admission, one_address_is_capped_and_others_are_not_touched_by_that)
{
    admission_init(&admission, 100, 2);
    cr_assert_eq(enter("10.0.0.1"), ADMITTED);
    cr_assert_eq(enter("10.0.0.1"), ADMITTED);
    cr_assert_eq(enter("10.0.0.1"), REFUSED_ADDRESS);
    cr_assert_eq(enter("10.0.0.2"), ADMITTED);
    leave("10.0.0.1");
    cr_assert_eq(enter("10.0.0.1"), ADMITTED);
    leave("10.0.0.1");
    leave("10.0.0.1");
    leave("10.0.0.2");
    admission_deinit(&admission);
}

Test(admission, a_cap_of_zero_for_an_address_is_no_cap)
{
    admission_init(&admission, 1000, 0);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(enter("10.0.0.1"), ADMITTED);
    cr_assert_eq(enter("10.0.0.1"), REFUSED_TOTAL);
    for (int i = 0; i < 1000; i++)
        leave("10.0.0.1");
    admission_deinit(&admission);
}

Test(admission, an_ipv6_host_counts_as_its_64_bit_network_and_a_mapped_one_as_ipv4)
{
    admission_init(&admission, 100, 1);
    cr_assert_eq(enter("2001:db8::1"), ADMITTED);
    cr_assert_eq(enter("2001:db8::2"), REFUSED_ADDRESS);
    cr_assert_eq(enter("2001:db8:0:1::1"), ADMITTED);
    cr_assert_eq(enter("10.0.0.1"), ADMITTED);
    cr_assert_eq(enter("::ffff:10.0.0.1"), REFUSED_ADDRESS);
    cr_assert_eq(enter("::ffff:10.0.0.2"), ADMITTED);
    leave("2001:db8::2");
    leave("2001:db8:0:1::1");
    leave("::ffff:10.0.0.1");
    leave("10.0.0.2");
    admission_deinit(&admission);
}

Test(admission, thousands_of_addresses_are_told_apart)
{
    admission_init(&admission, 10000, 1);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 5000; i++) {
            char text[32];
            (void)snprintf(text, sizeof text, "10.1.%d.%d", i / 250, i % 250);
            cr_assert_eq(enter(text), round == 0 ? ADMITTED : REFUSED_ADDRESS, "%s", text);
        }
    }
    for (int i = 0; i < 5000; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "10.1.%d.%d", i / 250, i % 250);
        leave(text);
    }
    admission_deinit(&admission);
}
