/*
 * Which runs of policies have ended between two reports, out of the reports alone.
 *
 *   before          now              told
 *   running         ok, failed       the run that was under way
 *   any             ok, failed       of another run (last_run_at or total_runs differ): that one
 *   running         running          of another run: the one before has ended; failed if the count
 *                                    of failures has grown, ok if not
 *   ok, failed      running          nothing: it has begun. If more than one has: the one before
 *
 * So each run that has ended is told once, and of several between two reports the last. A status
 * that is not known (a run that is just beginning, one whose process is gone) tells of no end.
 * Pure; any thread.
 */
#ifndef TAPEDECK_LIVE_POLICY_EVENTS_H
#define TAPEDECK_LIVE_POLICY_EVENTS_H

#include "market/operations.h"

struct policy_end {
    int32_t job_id;
    enum policy_status status; /* POLICY_OK or POLICY_FAILED */
    const char *error;         /* borrowed from the report; NULL: none, or not known */
};

/* Writes at most `most` of them, by job_id, and returns how many. `before` may be NULL: then what
 * has ended is not known, and nothing is told. Both reports are sorted by job_id. */
size_t policy_events_between(const struct policies_report *before,
                             const struct policies_report *now, struct policy_end *ends,
                             size_t most);

/* Whether a person would see that they differ: all but when they were taken, and how far behind
 * candles are, which changes with the clock. */
bool policies_reports_differ(const struct policies_report *one,
                             const struct policies_report *other);

#endif
