/*
 * What a run measured, as a table for people or as one JSON object for scripts. Pure; any thread.
 */
#ifndef TAPEDECK_BENCH_REPORT_H
#define TAPEDECK_BENCH_REPORT_H

#include "bench/audience.h"
#include "bench/windows.h"

/* What is not known, or was not measured, is left out. */
void report_table(const struct audience_options *options, const struct audience_result *result,
                  struct buffer *out);
/* The same keys always; null is what is not known, or was not measured. */
void report_json(const struct audience_options *options, const struct audience_result *result,
                 struct buffer *out);

void report_windows_table(const struct windows_options *options,
                          const struct windows_result *result, struct buffer *out);
void report_windows_json(const struct windows_options *options, const struct windows_result *result,
                         struct buffer *out);

#endif
