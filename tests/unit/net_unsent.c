#include "net/unsent.h"

#include <criterion/criterion.h>

Test(unsent, names_the_oldest_while_there_is_too_much)
{
    struct unsent unsent;
    struct unsent_part parts[3];
    unsent_init(&unsent, 100);
    for (size_t i = 0; i < 3; i++)
        unsent_part_init(&parts[i]);
    unsent_set(&unsent, &parts[0], 60);
    cr_assert(!unsent_is_crowded(&unsent));
    unsent_set(&unsent, &parts[1], 40);
    cr_assert_null(unsent_excess(&unsent));
    cr_assert(unsent_is_crowded(&unsent));
    unsent_set(&unsent, &parts[2], 1);
    cr_assert_eq(unsent_excess(&unsent), &parts[0]);
    unsent_set(&unsent, &parts[0], 61); /* more of it: still the oldest */
    cr_assert_eq(unsent_excess(&unsent), &parts[0]);
    unsent_set(&unsent, &parts[0], 0);
    unsent_set(&unsent, &parts[0], 61); /* the next message: now it is the youngest */
    cr_assert_eq(unsent_excess(&unsent), &parts[1]);
    cr_assert_eq(counter_read(&unsent.count), 3);
    cr_assert_eq(counter_read(&unsent.bytes), 102);
    unsent_set(&unsent, &parts[1], 0);
    unsent_set(&unsent, &parts[1], 0);
    cr_assert_null(unsent_excess(&unsent));
    unsent_set(&unsent, &parts[0], 0);
    unsent_set(&unsent, &parts[2], 0);
    cr_assert_eq(counter_read(&unsent.bytes), 0);
    cr_assert_eq(counter_read(&unsent.count), 0);
}
