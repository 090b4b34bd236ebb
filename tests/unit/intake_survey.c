#include "intake/survey.h"

#include "intake_support.h"

#include <inttypes.h>
#include <sys/stat.h>

#define LAST "time,symbol,last_price\n"
static const char mixed[] = LAST "2024-08-08,A,1\n"
                                 "2024-08-10,B,1\n"
                                 "2024-08-07,A,x\n"
                                 "2024-08-06,A,1\n"
                                 "2024-08-09,\"B,1\n"
                                 "2024-08-09,A,y\n"
                                 "2024-08-09,A,1\n";

static int64_t day(const char *date)
{
    int64_t time = 0;
    cr_assert(time_parse(date, strlen(date), &time) == STATUS_OK);
    return time;
}

Test(intake_survey, counts_rows_symbols_times_and_reasons)
{
    struct intake_options options = any_format();
    struct intake *intake = intake_over(mixed, "f", &options);
    struct survey survey;
    struct error error = {0};
    for (int pass = 0; pass < 2; pass++) {
        cr_assert(survey_run(intake, &(struct survey_options){.rejected_max = 3}, &survey,
                             &error) == STATUS_OK,
                  "%s", error.text);
        cr_assert(survey.rows == 4);
        cr_assert(survey.rejected == 3);
        cr_assert(survey.first == day("2024-08-06"));
        cr_assert(survey.last == day("2024-08-10"));
        cr_assert(survey.symbol_count == 2);
        cr_assert(survey.symbols[0].rows == 3);
        cr_assert(survey.symbols[0].first == day("2024-08-06"));
        cr_assert(survey.symbols[0].last == day("2024-08-09"));
        cr_assert(survey.symbols[1].rows == 1);
        cr_assert(survey.symbols[1].first == day("2024-08-10"));
        cr_assert(survey.reason_count == 2);
        cr_assert_str_eq(survey.reasons[0].text, "last_price is no number");
        cr_assert(survey.reasons[0].rows == 2);
        cr_assert(survey.reasons[0].line == 4);
        cr_assert(survey.reasons[1].rows == 1);
        survey_deinit(&survey);
    }
    intake_destroy(&intake);
}

Test(intake_survey, stops_at_one_bad_row_too_many)
{
    struct intake_options options = any_format();
    struct intake *intake = intake_over(mixed, "f", &options);
    struct survey survey;
    struct error error = {0};
    cr_assert(survey_run(intake, &(struct survey_options){.rejected_max = 1}, &survey, &error) ==
              STATUS_LIMIT);
    cr_assert_str_eq(error.text,
                     "more than 1 bad rows, the first in line 4: last_price is no number");
    cr_assert(survey.rejected == 2);
    survey_deinit(&survey);
    cr_assert(survey_run(intake, &(struct survey_options){.rejected_max = 0}, &survey, &error) ==
              STATUS_LIMIT);
    cr_assert_str_eq(error.text, "line 4: last_price is no number");
    survey_deinit(&survey);
    intake_destroy(&intake);
}

Test(intake_survey, a_file_without_rows_has_none)
{
    struct intake_options options = any_format();
    struct intake *intake = intake_over(LAST, "f", &options);
    struct survey survey;
    struct error error = {0};
    cr_assert(survey_run(intake, &(struct survey_options){0}, &survey, &error) == STATUS_OK);
    cr_assert(survey.rows == 0);
    cr_assert(survey.symbol_count == 0);
    survey_deinit(&survey);
    intake_destroy(&intake);
}

static struct bytes many_rows(int rows, int symbols)
{
    struct bytes text = {mem_alloc((size_t)rows * 40 + 64), 0};
    text.count = (size_t)sprintf((char *)text.at, LAST);
    for (int i = 0; i < rows; i++)
        text.count += (size_t)sprintf((char *)text.at + text.count, "%lld,S%d,%d.5\n",
                                      1723161255088169LL + i, i % symbols, i);
    return text;
}

Test(intake_survey, the_same_content_has_the_same_sha256_however_it_is_compressed)
{
    struct bytes text = many_rows(5000, 3);
    const char *chars = (const char *)text.at;
    struct bytes forms[] = {bytes_plain(chars, text.count), bytes_gzip(chars, text.count),
                            bytes_zstd(chars, text.count)};
    uint8_t sha256[3][FILE_SHA256_BYTES];
    for (size_t i = 0; i < 3; i++) {
        struct temporary made = temporary_create("ticks", forms[i].at, forms[i].count);
        struct intake_options options = any_format();
        struct intake *intake = NULL;
        struct error error = {0};
        cr_assert(intake_open(made.path, &options, &intake, &error) == STATUS_OK, "%s", error.text);
        struct survey survey;
        cr_assert(survey_run(intake, &(struct survey_options){0}, &survey, &error) == STATUS_OK);
        cr_assert(survey.rows == 5000);
        memcpy(sha256[i], survey.sha256, FILE_SHA256_BYTES);
        cr_assert(memcmp(sha256[i], sha256[0], FILE_SHA256_BYTES) == 0);
        survey_deinit(&survey);
        intake_destroy(&intake);
        temporary_remove(&made);
        bytes_free(&forms[i]);
    }
    bytes_free(&text);
}

struct watch {
    int calls;
    int calls_max;
    struct file_progress last;
};

static bool watch_progress(void *owner, struct file_progress progress)
{
    struct watch *watch = owner;
    cr_assert(progress.read_bytes >= watch->last.read_bytes);
    cr_assert(progress.read_bytes <= progress.total_bytes);
    watch->last = progress;
    return ++watch->calls <= watch->calls_max;
}

Test(intake_survey, tells_progress_and_can_be_interrupted)
{
    struct bytes text = many_rows(3 * SURVEY_PROGRESS_ROWS, 1000);
    struct intake_options options = any_format();
    struct intake *intake = NULL;
    struct error error = {0};
    cr_assert(intake_open_memory(text.at, text.count, "f", &options, &intake, &error) == STATUS_OK);
    struct watch watch = {.calls_max = 100};
    struct survey survey;
    struct survey_options with_watch = {.progress = watch_progress, .owner = &watch};
    cr_assert(survey_run(intake, &with_watch, &survey, &error) == STATUS_OK);
    cr_assert(watch.calls == 4);
    cr_assert(watch.last.read_bytes == text.count);
    cr_assert(survey.symbol_count == 1000);
    survey_deinit(&survey);
    watch = (struct watch){.calls_max = 1};
    cr_assert(survey_run(intake, &with_watch, &survey, &error) == STATUS_UNAVAILABLE);
    cr_assert(watch.calls == 2);
    survey_deinit(&survey);
    intake_destroy(&intake);
    bytes_free(&text);
}

Test(intake_survey, keeps_a_bounded_number_of_reasons)
{
    struct bytes text = {mem_alloc(1 << 20), 0};
    text.count = (size_t)sprintf((char *)text.at, LAST);
    for (size_t fields = 4; fields < 60; fields++) { /* each number of fields is a reason */
        memset(text.at + text.count, ',', fields - 1);
        text.count += fields - 1;
        text.at[text.count++] = '\n';
    }
    struct intake_options options = any_format();
    struct intake *intake = NULL;
    struct error error = {0};
    cr_assert(intake_open_memory(text.at, text.count, "f", &options, &intake, &error) == STATUS_OK);
    struct survey survey;
    cr_assert(survey_run(intake, &(struct survey_options){.rejected_max = 1000}, &survey, &error) ==
              STATUS_OK);
    cr_assert(survey.reason_count == SURVEY_REASONS_MAX);
    cr_assert_str_eq(survey.reasons[SURVEY_REASONS_MAX - 1].text, "other reasons");
    int64_t sum = 0;
    for (uint32_t i = 0; i < survey.reason_count; i++)
        sum += survey.reasons[i].rows;
    cr_assert(sum == 56);
    cr_assert(survey.rejected == 56);
    survey_deinit(&survey);
    intake_destroy(&intake);
    bytes_free(&text);
}

Test(intake_survey, writes_bad_rows_to_the_rejects_file)
{
    struct temporary made = temporary_create("ticks.csv", mixed, strlen(mixed));
    struct intake_options options = any_format();
    struct intake *intake = NULL;
    struct error error = {0};
    cr_assert(intake_open(made.path, &options, &intake, &error) == STATUS_OK);
    struct rejects *rejects = rejects_create(made.path, NULL);
    struct survey survey;
    struct survey_options with_rejects = {.rejected_max = 10, .rejects = rejects};
    cr_assert(survey_run(intake, &with_rejects, &survey, &error) == STATUS_OK, "%s", error.text);
    cr_assert(rejects_finish(rejects, &error) == STATUS_OK);
    cr_assert(rejects_count(rejects) == 3);
    char *text = file_text(rejects_path(rejects));
    cr_assert_str_eq(text, "line,reason,row\n"
                           "4,\"last_price is no number\",\"2024-08-07,A,x\"\n"
                           "6,\"a quoted field is not closed on its line\",\"2024-08-09,\"\"B,1\"\n"
                           "7,\"last_price is no number\",\"2024-08-09,A,y\"\n");
    mem_free(text);
    (void)unlink(rejects_path(rejects));
    rejects_destroy(&rejects);
    survey_deinit(&survey);
    intake_destroy(&intake);
    temporary_remove(&made);
}

Test(intake_rejects, creates_no_file_before_the_first_reject)
{
    struct temporary made = temporary_create("ticks.csv", "a", 1);
    struct rejects *rejects = rejects_create(made.path, NULL);
    struct error error = {0};
    size_t bytes = strlen(made.path);
    cr_assert(strncmp(rejects_path(rejects), made.path, bytes) == 0);
    cr_assert_str_eq(rejects_path(rejects) + bytes, ".rejects.csv");
    cr_assert(rejects_finish(rejects, &error) == STATUS_OK);
    cr_assert(access(rejects_path(rejects), F_OK) != 0);
    cr_assert(rejects_add(rejects, 3, "why", "a\0b\"\n", 5, &error) == STATUS_OK);
    cr_assert(rejects_finish(rejects, &error) == STATUS_OK);
    char *text = file_text(rejects_path(rejects));
    cr_assert_str_eq(text, "line,reason,row\n3,\"why\",\"a\xef\xbf\xbd"
                           "b\"\"\n\"\n");
    mem_free(text);
    (void)unlink(rejects_path(rejects));
    rejects_destroy(&rejects);
    cr_assert(rejects == NULL);
    temporary_remove(&made);
}

Test(intake_rejects, replaces_what_an_earlier_import_left)
{
    struct temporary made = temporary_create("old.csv", "a long text of an earlier import", 32);
    struct rejects *rejects = rejects_create("/nowhere/ticks.csv", made.path);
    struct error error = {0};
    cr_assert_str_eq(rejects_path(rejects), made.path);
    cr_assert(rejects_add(rejects, 1, "r", "x", 1, &error) == STATUS_OK, "%s", error.text);
    cr_assert(rejects_finish(rejects, &error) == STATUS_OK);
    char *text = file_text(made.path);
    cr_assert_str_eq(text, "line,reason,row\n1,\"r\",\"x\"\n");
    mem_free(text);
    rejects_destroy(&rejects);
    temporary_remove(&made);
}

Test(intake_rejects, never_writes_over_the_input_even_under_another_name)
{
    struct temporary made = temporary_create("ticks.csv", "precious", 8);
    char link_path[sizeof made.path + 8];
    (void)snprintf(link_path, sizeof link_path, "%s.link", made.path);
    cr_assert(symlink(made.path, link_path) == 0);
    const char *paths[] = {made.path, link_path};
    for (size_t i = 0; i < 2; i++) {
        struct rejects *rejects = rejects_create(made.path, paths[i]);
        struct error error = {0};
        cr_assert(rejects_add(rejects, 1, "r", "x", 1, &error) == STATUS_CONFLICT);
        rejects_destroy(&rejects);
        char *text = file_text(made.path);
        cr_assert_str_eq(text, "precious");
        mem_free(text);
    }
    (void)unlink(link_path);
    temporary_remove(&made);
}

Test(intake_rejects, failing_to_write_is_an_error)
{
    struct error error = {0};
    struct rejects *rejects = rejects_create("ticks.csv", "/nowhere/at/all/rejects.csv");
    cr_assert(rejects_add(rejects, 1, "r", "x", 1, &error) == STATUS_UNAVAILABLE);
    cr_assert(strstr(error.text, "/nowhere/at/all/rejects.csv") != NULL, "%s", error.text);
    cr_assert(rejects_count(rejects) == 0);
    rejects_destroy(&rejects);
    if (access("/dev/full", W_OK) != 0)
        return;
    rejects = rejects_create("ticks.csv", "/dev/full");
    enum status status = rejects_add(rejects, 1, "r", "x", 1, &error);
    if (status == STATUS_OK)
        status = rejects_finish(rejects, &error);
    cr_assert(status == STATUS_UNAVAILABLE);
    rejects_destroy(&rejects);
}
