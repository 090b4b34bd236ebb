/*
 * Candles against a slow fold of the ticks in the same statement, and so the same snapshot: what
 * candles_rolled() gives, and what is stored.
 */
#ifndef TAPEDECK_TESTS_CANDLES_ORACLE_H
#define TAPEDECK_TESTS_CANDLES_ORACLE_H

#include "store/connection.h"

/* Some of the candles of any symbol in [`from`, 2024-08-12) that differ, from the ticks (<) or
 * given (>); "" when there are none. Borrowed until the next question. */
const char *candles_inexact(struct connection *connection, int64_t width_s, int64_t from);

/* Stored candles of any interval in [`from`, `to`), as SQL reads times, that are not those of their
 * ticks: each field that is wrong counts. */
int64_t candles_wrong_fields(struct connection *connection, const char *from, const char *to);

#endif
