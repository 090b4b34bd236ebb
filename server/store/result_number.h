/*
 * Numbers that may be null, out of a result in text format. Any thread.
 */
#ifndef TAPEDECK_STORE_RESULT_NUMBER_H
#define TAPEDECK_STORE_RESULT_NUMBER_H

#include "store/connection.h"

#include <math.h>
#include <stdlib.h>

/* NaN for null. The process keeps the C locale for numbers, as PostgreSQL writes them. */
static inline enum status result_double(const PGresult *result, int row, int column, double *value)
{
    const char *text = result_text(result, row, column);
    *value = NAN;
    if (text == NULL)
        return STATUS_OK;
    char *end;
    double parsed = strtod(text, &end);
    if (end == text || *end != '\0')
        return STATUS_INTERNAL;
    *value = parsed;
    return STATUS_OK;
}

/* `none` for null. */
static inline enum status result_int64_or(const PGresult *result, int row, int column, int64_t none,
                                          int64_t *value)
{
    if (result_text(result, row, column) != NULL)
        return result_int64(result, row, column, value);
    *value = none;
    return STATUS_OK;
}

#endif
