/*
 * libFuzzer target: any bytes as a file, in any format. The first two bytes choose the format and
 * where the last price comes from; the rest is the file, compressed or not. Reads it twice, as an
 * import does, and checks what intake.h promises of every row.
 */
#include "base/assert.h"
#include "intake/intake.h"
#include "intake/survey.h"
#include "market/symbol.h"
#include "market/time.h"

#include <string.h>

#define LATEST INT64_C(4102444800000000) /* 2100-01-01 */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void check_row(const struct intake *intake, const struct intake_row *row)
{
    ASSERT(row->line >= 1);
    ASSERT(row->raw_bytes <= FILE_LINE_BYTES_MAX);
    ASSERT(row->time >= TIME_MIN);
    ASSERT(row->time <= LATEST);
    ASSERT(row->symbol_id < intake_symbol_count(intake));
    ASSERT(symbol_check(row->symbol, strlen(row->symbol), NULL) == STATUS_OK);
    ASSERT(row->source == NULL ||
           symbol_check(row->source, strlen(row->source), NULL) == STATUS_OK);
    bool has_price = false;
    for (int i = 0; i < TICK_VOLUME; i++)
        has_price = has_price || row->fields[i] != DECIMAL_NULL;
    ASSERT(has_price);
}

static void read_rows(struct intake *intake, const struct survey *survey, enum status end)
{
    struct error error = {.text = ""};
    int64_t rows = 0;
    int64_t rejected = 0;
    enum status status;
    ASSERT(intake_rewind(intake, &error) == STATUS_OK);
    for (;;) {
        struct intake_row row;
        status = intake_next(intake, &row, &error);
        if (status == STATUS_OK)
            check_row(intake, &row);
        else if (status != STATUS_INVALID)
            break;
        rows += status == STATUS_OK;
        rejected += status == STATUS_INVALID;
    }
    ASSERT(rows == survey->rows);
    ASSERT(rejected == survey->rejected);
    ASSERT(status == (end == STATUS_OK ? STATUS_END : end));
    uint8_t sha256[FILE_SHA256_BYTES];
    if (end == STATUS_OK) {
        ASSERT(intake_sha256(intake, sha256, &error) == STATUS_OK);
        ASSERT(memcmp(sha256, survey->sha256, sizeof sha256) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count < 2)
        return 0;
    struct intake_options options = {.format = (enum intake_format)(bytes[0] % 8),
                                     .last_from = (enum intake_last_from)(bytes[1] % 5),
                                     .symbol = (bytes[1] & 0x80) != 0 ? "SYMBOL" : NULL,
                                     .venue = (bytes[1] & 0x40) != 0 ? "VENUE" : NULL,
                                     .latest = LATEST};
    struct intake *intake = NULL;
    struct error error = {.text = ""};
    enum status status = intake_open_memory(bytes + 2, count - 2, "BTCUSDT-trades-2024-08-08.csv",
                                            &options, &intake, &error);
    if (status != STATUS_OK) {
        ASSERT(error.text[0] != '\0');
        return 0;
    }
    struct survey survey;
    struct survey_options all = {.rejected_max = INT64_MAX};
    status = survey_run(intake, &all, &survey, &error);
    read_rows(intake, &survey, status);
    survey_deinit(&survey);
    intake_destroy(&intake);
    return 0;
}
