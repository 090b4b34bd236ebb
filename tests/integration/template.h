/*
 * Migrated databases to copy, one for each engine, in the build folder. To make one takes seconds
 * of a processor (initdb, the extension, the migrations), to copy one a moment. The first test that
 * wants one has `template_maker` make it, and the others wait; a new one is made when it is an hour
 * old, of another day (policies begin at 03:00 UTC, partitions at midnight), or older than the
 * programs that made it.
 *
 * A copy is what a server leaves that made its cluster and was stopped, but that it does not sync:
 * tests do not outlive a power failure. No job of TimescaleDB has run in it.
 *
 * Any process of tests. Everything fails the test by itself.
 */
#ifndef TAPEDECK_TESTS_INTEGRATION_TEMPLATE_H
#define TAPEDECK_TESTS_INTEGRATION_TEMPLATE_H

/* Makes the home folder, with a stopped cluster in it. `engine`: "timescaledb", "postgresql". */
void template_copy(const char *engine, const char *home);

#endif
