#include "intake/file.h"
#include "intake/unpack.h"

#include "intake_support.h"

#include <sys/stat.h>

#define TEXT_BYTES ((size_t)700000) /* several fillings of the line storage */

static struct file *file_over(const void *bytes, size_t count)
{
    struct file *file = NULL;
    struct error error = {0};
    cr_assert(file_open_memory(bytes, count, &file, &error) == STATUS_OK, "%s", error.text);
    return file;
}

/* Lines "0", "11", "222" … of changing length, about TEXT_BYTES of them. */
static struct bytes many_lines(int64_t *line_count)
{
    struct bytes text = {mem_alloc(TEXT_BYTES + 1024), 0};
    int64_t line = 0;
    for (; text.count < TEXT_BYTES; line++) {
        size_t length = (size_t)(line * 7 % 300);
        memset(text.at + text.count, 'a' + (int)(line % 26), length);
        text.count += length;
        text.at[text.count++] = '\n';
    }
    *line_count = line;
    return text;
}

static void expect_many_lines(struct file *file, int64_t line_count)
{
    struct line line;
    struct error error = {0};
    for (int64_t i = 0; i < line_count; i++) {
        cr_assert(file_next_line(file, &line, &error) == STATUS_OK, "%s", error.text);
        cr_assert(line.number == i + 1);
        cr_assert(line.fault == LINE_FINE);
        cr_assert(line.bytes == (size_t)(i * 7 % 300));
        for (size_t j = 0; j < line.bytes; j++)
            cr_assert(line.text[j] == 'a' + (int)(i % 26));
    }
    cr_assert(file_next_line(file, &line, &error) == STATUS_END);
}

static const struct {
    const char *text;
    const char *lines[4];
} line_cases[] = {
    {"", {NULL}},
    {"a", {"a"}},
    {"a\n", {"a"}},
    {"a\nb", {"a", "b"}},
    {"a\r\nb\r\n", {"a", "b"}},
    {"a\r\nb\r", {"a", "b"}},
    {"\n\na\n", {"", "", "a"}},
    {"a\rb\n", {"a\rb"}},
    {"\r\r\n", {"\r"}},
    {"\xef\xbb\xbf"
     "a\n",
     {"a"}},
    {"\xef\xbb\xbf", {NULL}},
    {"\xef\xbb", {"\xef\xbb"}},
    {"a\n\xef\xbb\xbf"
     "b\n",
     {"a", "\xef\xbb\xbf"
           "b"}},
};

Test(intake_file, cuts_lines_at_every_kind_of_line_end)
{
    for (size_t i = 0; i < sizeof line_cases / sizeof *line_cases; i++) {
        struct file *file = file_over(line_cases[i].text, strlen(line_cases[i].text));
        struct line line;
        for (size_t j = 0; line_cases[i].lines[j] != NULL; j++) {
            const char *expected = line_cases[i].lines[j];
            cr_assert(file_next_line(file, &line, NULL) == STATUS_OK, "case %zu", i);
            cr_assert(line.bytes == strlen(expected), "case %zu", i);
            cr_assert(memcmp(line.text, expected, line.bytes) == 0, "case %zu", i);
            cr_assert(line.number == (int64_t)j + 1);
        }
        cr_assert(file_next_line(file, &line, NULL) == STATUS_END, "case %zu", i);
        cr_assert(file_next_line(file, &line, NULL) == STATUS_END, "case %zu", i);
        file_destroy(&file);
        cr_assert(file == NULL);
    }
}

Test(intake_file, reads_the_same_lines_and_sha256_plain_gzip_and_zstd)
{
    int64_t line_count;
    struct bytes text = many_lines(&line_count);
    const char *chars = (const char *)text.at;
    size_t half = text.count / 2;
    struct bytes forms[] = {
        bytes_plain(chars, text.count),
        bytes_gzip(chars, text.count),
        bytes_join(bytes_gzip(chars, half), bytes_gzip(chars + half, text.count - half)),
        bytes_join(bytes_gzip(chars, text.count), bytes_gzip("", 0)),
        bytes_join(bytes_gzip(chars, text.count), bytes_plain("\0\0\0\0\0", 5)),
        bytes_zstd(chars, text.count),
        bytes_join(bytes_zstd(chars, half), bytes_zstd(chars + half, text.count - half)),
        bytes_join(bytes_plain("\x50\x2a\x4d\x18\x03\0\0\0abc", 11),
                   bytes_zstd(chars, text.count)), /* a skippable frame first */
    };
    uint8_t expected[FILE_SHA256_BYTES] = {0};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct file *file = file_over(forms[i].at, forms[i].count);
        uint8_t sha256[FILE_SHA256_BYTES];
        for (int pass = 0; pass < 2; pass++) {
            cr_assert(file_sha256(file, sha256, NULL) == STATUS_CONFLICT);
            expect_many_lines(file, line_count);
            cr_assert(file_sha256(file, sha256, NULL) == STATUS_OK);
            if (i == 0 && pass == 0)
                memcpy(expected, sha256, sizeof expected);
            cr_assert(memcmp(sha256, expected, sizeof expected) == 0, "form %zu", i);
            cr_assert(file_progress(file).read_bytes == forms[i].count, "form %zu", i);
            cr_assert(file_progress(file).total_bytes == forms[i].count);
            cr_assert(file_rewind(file, NULL) == STATUS_OK);
        }
        file_destroy(&file);
        bytes_free(&forms[i]);
    }
    bytes_free(&text);
}

Test(intake_file, gives_the_sha256_that_sha256sum_gives)
{
    static const uint8_t of_abc[FILE_SHA256_BYTES] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
        0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
        0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    struct file *file = file_over("abc", 3);
    struct line line;
    uint8_t sha256[FILE_SHA256_BYTES];
    cr_assert(file_next_line(file, &line, NULL) == STATUS_OK);
    cr_assert(file_sha256(file, sha256, NULL) == STATUS_OK);
    cr_assert(memcmp(sha256, of_abc, sizeof of_abc) == 0);
    file_destroy(&file);
}

Test(intake_file, reads_files_on_disk_again_after_rewinding)
{
    int64_t line_count;
    struct bytes text = many_lines(&line_count);
    struct bytes packed = bytes_gzip((const char *)text.at, text.count);
    struct bytes *forms[] = {&text, &packed};
    for (size_t i = 0; i < 2; i++) {
        struct temporary made = temporary_create("lines.txt", forms[i]->at, forms[i]->count);
        struct file *file = NULL;
        cr_assert(file_open(made.path, &file, NULL) == STATUS_OK);
        for (int pass = 0; pass < 3; pass++) {
            expect_many_lines(file, line_count);
            cr_assert(file_progress(file).read_bytes == forms[i]->count);
            cr_assert(file_rewind(file, NULL) == STATUS_OK);
        }
        file_destroy(&file);
        temporary_remove(&made);
    }
    bytes_free(&text);
    bytes_free(&packed);
}

/* A line of `length` x between two short lines. */
static struct bytes long_line(size_t length, const char *line_end)
{
    struct bytes text = {mem_alloc(length + 16), 0};
    memcpy(text.at, "a\n", 2);
    memset(text.at + 2, 'x', length);
    text.count = 2 + length;
    text.count += (size_t)sprintf((char *)text.at + text.count, "%sb", line_end);
    return text;
}

Test(intake_file, hands_out_a_line_of_the_greatest_length_and_flags_longer_ones)
{
    static const struct {
        size_t length;
        const char *line_end;
        enum line_fault fault;
    } cases[] = {
        {FILE_LINE_BYTES_MAX - 1, "\n", LINE_FINE},
        {FILE_LINE_BYTES_MAX, "\n", LINE_FINE},
        {FILE_LINE_BYTES_MAX, "\r\n", LINE_FINE},
        {FILE_LINE_BYTES_MAX + 1, "\n", LINE_TOO_LONG},
        {FILE_LINE_BYTES_MAX + 1, "\r\n", LINE_TOO_LONG},
        {FILE_LINE_BYTES_MAX + 2, "\n", LINE_TOO_LONG},
        {3 * FILE_LINE_BYTES_MAX, "\n", LINE_TOO_LONG},
        {100 * FILE_LINE_BYTES_MAX, "\r\n", LINE_TOO_LONG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes text = long_line(cases[i].length, cases[i].line_end);
        struct file *file = file_over(text.at, text.count);
        struct line line;
        cr_assert(file_next_line(file, &line, NULL) == STATUS_OK);
        cr_assert(file_next_line(file, &line, NULL) == STATUS_OK);
        cr_assert(line.fault == cases[i].fault, "case %zu", i);
        cr_assert(line.number == 2);
        cr_assert(line.bytes ==
                  (line.fault == LINE_FINE ? cases[i].length : FILE_LINE_SHOWN_BYTES));
        cr_assert(line.text[0] == 'x');
        cr_assert(line.text[line.bytes - 1] == 'x');
        cr_assert(file_next_line(file, &line, NULL) == STATUS_OK);
        cr_assert(line.number == 3);
        cr_assert(line.text[0] == 'b');
        cr_assert(file_next_line(file, &line, NULL) == STATUS_END);
        file_destroy(&file);
        bytes_free(&text);
    }
}

Test(intake_file, flags_an_overlong_last_line_without_a_line_end)
{
    for (size_t length = FILE_LINE_BYTES_MAX + 1; length < 20 * FILE_LINE_BYTES_MAX; length *= 3) {
        struct bytes text = {mem_alloc(length), length};
        memset(text.at, 'x', length);
        struct file *file = file_over(text.at, text.count);
        struct line line;
        cr_assert(file_next_line(file, &line, NULL) == STATUS_OK);
        cr_assert(line.fault == LINE_TOO_LONG);
        cr_assert(file_next_line(file, &line, NULL) == STATUS_END);
        file_destroy(&file);
        bytes_free(&text);
    }
}

Test(intake_file, flags_a_nul_byte_and_reads_on)
{
    static const char text[] = "a\nb\0c\nd\n";
    struct file *file = file_over(text, sizeof text - 1);
    struct line line;
    cr_assert(file_next_line(file, &line, NULL) == STATUS_OK);
    cr_assert(line.fault == LINE_FINE);
    cr_assert(file_next_line(file, &line, NULL) == STATUS_OK);
    cr_assert(line.fault == LINE_HAS_NUL);
    cr_assert(line.bytes == 3);
    cr_assert(file_next_line(file, &line, NULL) == STATUS_OK);
    cr_assert(line.fault == LINE_FINE);
    file_destroy(&file);
}

/* Reads to the end or to an error, which must have a sentence. */
static enum status read_all(const void *bytes, size_t count, struct error *error)
{
    struct file *file = NULL;
    *error = (struct error){0};
    enum status status = file_open_memory(bytes, count, &file, error);
    struct line line;
    while (status == STATUS_OK)
        status = file_next_line(file, &line, error);
    cr_assert(status == STATUS_END || error->text[0] != '\0');
    file_destroy(&file);
    return status;
}

Test(intake_file, tells_that_compressed_data_is_cut_short_wherever_it_is)
{
    static const char text[] = "time,symbol\n2024-08-08,A\n2024-08-08,B\n2024-08-08,C\n";
    struct bytes forms[] = {bytes_gzip(text, sizeof text - 1), bytes_zstd(text, sizeof text - 1)};
    for (size_t i = 0; i < 2; i++) {
        for (size_t count = 4; count < forms[i].count; count++) {
            struct error error;
            enum status status = read_all(forms[i].at, count, &error);
            cr_assert(status == STATUS_BAD_MESSAGE, "%zu of %zu bytes: %s", count, forms[i].count,
                      status_name(status));
            cr_assert(strstr(error.text, "cut short") != NULL, "%s", error.text);
        }
        bytes_free(&forms[i]);
    }
}

Test(intake_file, tells_that_gzip_data_is_damaged_wherever_a_byte_was_changed)
{
    int64_t line_count;
    struct bytes text = many_lines(&line_count);
    struct bytes packed = bytes_gzip((const char *)text.at, text.count);
    for (size_t at = 10; at < packed.count; at += 1 + packed.count / 64) {
        packed.at[at] ^= 0xff;
        struct error error;
        cr_assert(read_all(packed.at, packed.count, &error) == STATUS_BAD_MESSAGE, "byte %zu", at);
        packed.at[at] ^= 0xff;
    }
    struct error error;
    cr_assert(read_all(packed.at, packed.count, &error) == STATUS_END);
    bytes_free(&packed);
    bytes_free(&text);
}

Test(intake_file, tells_that_garbage_with_a_magic_number_is_damaged)
{
    static const char *const garbage[] = {
        "\x1f\x8bgarbage that is no gzip member at all",
        "\x28\xb5\x2f\xfdgarbage that is no zstd frame at all",
    };
    for (size_t i = 0; i < 2; i++) {
        struct error error;
        cr_assert(read_all(garbage[i], strlen(garbage[i]), &error) == STATUS_BAD_MESSAGE);
        cr_assert(strstr(error.text, "damaged") != NULL, "%s", error.text);
    }
    struct bytes trailing = bytes_join(bytes_gzip("a\n", 2), bytes_plain("rubbish", 7));
    struct error error;
    cr_assert(read_all(trailing.at, trailing.count, &error) == STATUS_BAD_MESSAGE);
    bytes_free(&trailing);
    trailing = bytes_join(bytes_zstd("a\n", 2), bytes_plain("rubbish", 7));
    cr_assert(read_all(trailing.at, trailing.count, &error) == STATUS_BAD_MESSAGE);
    bytes_free(&trailing);
}

Test(intake_file, can_be_read_again_after_damage)
{
    struct bytes packed = bytes_gzip("a\nb\n", 4);
    struct file *file = NULL;
    packed.at[packed.count - 5] ^= 1; /* of the checksum */
    struct error error = {0};
    enum status status = file_open_memory(packed.at, packed.count, &file, &error);
    struct line line;
    while (status == STATUS_OK)
        status = file_next_line(file, &line, &error);
    cr_assert(status == STATUS_BAD_MESSAGE);
    packed.at[packed.count - 5] ^= 1;
    if (file != NULL) {
        cr_assert(file_rewind(file, &error) == STATUS_OK);
        cr_assert(file_next_line(file, &line, &error) == STATUS_OK);
        cr_assert(line.text[0] == 'a');
    }
    file_destroy(&file);
    bytes_free(&packed);
}

Test(intake_file, refuses_archives_and_other_encodings_by_name)
{
    static const struct {
        const char *begin;
        size_t count;
        const char *word;
    } cases[] = {
        {"PK\x03\x04 and so on", 15, "zip"},
        {"7z\xbc\xaf\x27\x1c and", 10, "7z"},
        {"\xfd"
         "7zXZ\0 and so on",
         17, "xz"},
        {"BZh91AY&SY", 10, "bzip2"},
        {"\xff\xfet\0i\0m\0e\0", 10, "UTF-16"},
        {"\xfe\xff\0t\0i\0m\0e", 10, "UTF-16"},
        {"PAR1 and so on", 14, "Parquet"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error;
        cr_assert(read_all(cases[i].begin, cases[i].count, &error) == STATUS_INVALID, "case %zu",
                  i);
        cr_assert(strstr(error.text, cases[i].word) != NULL, "%s", error.text);
    }
}

Test(intake_file, refuses_what_is_no_readable_regular_file)
{
    struct temporary made = temporary_create("fifo", NULL, 0);
    struct file *file = NULL;
    struct error error = {0};
    cr_assert(file_open(made.path, &file, &error) == STATUS_NOT_FOUND);
    cr_assert(strstr(error.text, made.path) != NULL, "%s", error.text);
    cr_assert(file_open(made.folder, &file, &error) == STATUS_INVALID);
    cr_assert(mkfifo(made.path, 0600) == 0);
    cr_assert(file_open(made.path, &file, &error) == STATUS_INVALID);
    cr_assert(strstr(error.text, "regular") != NULL, "%s", error.text);
    cr_assert(file == NULL);
    temporary_remove(&made);
}
