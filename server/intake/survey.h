/*
 * Pass one over a file: reads all of it, writes the bad rows to the rejects file, and tells what an
 * import would bring, so that it can be refused before anything is written: how many rows, from
 * when to when, of which symbols, whether this very content was imported before (SHA-256).
 *
 * Counts rows as they come and keeps none. One owner thread.
 */
#ifndef TAPEDECK_INTAKE_SURVEY_H
#define TAPEDECK_INTAKE_SURVEY_H

#include "base/status.h"
#include "intake/intake.h"
#include "intake/rejects.h"

#include <stdbool.h>
#include <stdint.h>

#define SURVEY_REASONS_MAX 32      /* different ones; the rest is counted together in the last */
#define SURVEY_REASON_BYTES 128    /* longer ones are cut */
#define SURVEY_PROGRESS_ROWS 65536 /* lines between two calls of `progress` */

/* Called now and then; false ends the survey with STATUS_UNAVAILABLE. */
typedef bool survey_progress_fn(void *owner, struct file_progress progress);

struct survey_options {
    int64_t rejected_max;         /* more bad rows end the survey */
    struct rejects *rejects;      /* NULL: not written */
    survey_progress_fn *progress; /* NULL: not told */
    void *owner;                  /* of `progress` */
};

struct survey_symbol {
    int64_t first; /* the earliest time, in microseconds; rows need not be in order */
    int64_t last;  /* the latest */
    int64_t rows;
};

struct survey_reason {
    char text[SURVEY_REASON_BYTES];
    int64_t line; /* the first one */
    int64_t rows;
};

struct survey {
    int64_t rows; /* good ones */
    int64_t rejected;
    int64_t first; /* over all symbols; valid if rows > 0 */
    int64_t last;
    uint8_t sha256[FILE_SHA256_BYTES]; /* of the unpacked content */
    struct survey_symbol *symbols;     /* by symbol id: intake_symbol has the names */
    uint32_t symbol_count;
    uint32_t symbol_capacity;
    struct survey_reason reasons[SURVEY_REASONS_MAX];
    uint32_t reason_count;
};

/*
 * Reads `intake` from its first row to its end. STATUS_LIMIT when more than `rejected_max` rows are
 * bad (the survey then tells what was seen so far, without the SHA-256), or a final error of
 * intake_next or rejects_add. `survey` is to be given to survey_deinit in any case.
 */
enum status survey_run(struct intake *intake, const struct survey_options *options,
                       struct survey *survey, struct error *error) MUST_CHECK;
void survey_deinit(struct survey *survey);

#endif
