/*
 * What tests of storage and policies share: a client of a lane that watches a fake database. What
 * live/ publishes comes by its own thread, so these wait for it, by the real clock.
 */
#ifndef TAPEDECK_TESTS_FEED_WATCHING_H
#define TAPEDECK_TESTS_FEED_WATCHING_H

#include "feed_fixture.h"

/* Policy 1001 compresses, 1002 refreshes; the welcome has been heard. */
void watching_set_up(void);
/* The next message, whenever it comes; it must be of this kind. */
void await(const char *ev);
/* No message comes for so long. */
void check_quiet(int64_t wait_us);
int64_t real_us(void);
/* Looks at the policies, and waits until that is published. */
void look(void);

#endif
