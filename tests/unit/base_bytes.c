#include "base/bytes.h"

#include "random.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(reader, reads_big_endian_numbers)
{
    const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
                             0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0xFF};
    struct reader reader = reader_of(bytes, sizeof bytes);
    cr_assert(reader_u16_be(&reader) == 0x0102);
    cr_assert(reader_u32_be(&reader) == 0x03040506);
    cr_assert(reader_u64_be(&reader) == UINT64_C(0x0708090A0B0C0D0E));
    cr_assert(reader_left(&reader) == 1);
    cr_assert(reader_u8(&reader) == 0xFF);
    cr_assert(reader_left(&reader) == 0);
    cr_assert(!reader.failed);
}

Test(reader, gives_zeros_past_the_end_and_stays_failed)
{
    const uint8_t bytes[] = {0xFF, 0xFF, 0xFF};
    struct reader reader = reader_of(bytes, sizeof bytes);
    cr_assert(reader_u32_be(&reader) == 0, "not even the bytes that are there");
    cr_assert(reader.failed);
    cr_assert(reader_u8(&reader) == 0, "a failed reader reads nothing any more");
    cr_assert(reader_take(&reader, 1) == NULL);
    cr_assert(reader_take(&reader, 0) == NULL);
}

Test(reader, takes_exactly_what_is_there)
{
    const uint8_t bytes[] = {1, 2, 3};
    struct reader reader = reader_of(bytes, sizeof bytes);
    cr_assert(reader_take(&reader, 0) == bytes);
    cr_assert(reader_take(&reader, 3) == bytes);
    cr_assert(reader_take(&reader, 0) != NULL);
    cr_assert(!reader.failed);
    cr_assert(reader_take(&reader, 1) == NULL);
    cr_assert(reader.failed);
}

Test(reader, refuses_a_count_near_the_end_of_all_numbers)
{
    const uint8_t bytes[] = {1, 2, 3};
    struct reader reader = reader_of(bytes, sizeof bytes);
    cr_assert(reader_take(&reader, SIZE_MAX) == NULL);
    cr_assert(reader.failed);
}

Test(reader, of_nothing_fails_at_the_first_read)
{
    struct reader reader = reader_of(NULL, 0);
    cr_assert(reader_left(&reader) == 0);
    cr_assert(!reader.failed);
    cr_assert(reader_u8(&reader) == 0);
    cr_assert(reader.failed);
}

Test(reader, reads_back_what_a_buffer_wrote_and_never_past_it)
{
    struct random random = {.state = 1};
    for (size_t run = 0; run < 5000; run++) {
        struct buffer buffer;
        buffer_init(&buffer, 1000);
        size_t kinds[20];
        uint64_t values[20];
        size_t count = random_below(&random, 21);
        for (size_t i = 0; i < count; i++) {
            kinds[i] = random_below(&random, 4);
            values[i] = random_next(&random);
            if (kinds[i] == 0)
                buffer_append_u8(&buffer, (uint8_t)values[i]);
            else if (kinds[i] == 1)
                buffer_append_u16_be(&buffer, (uint16_t)values[i]);
            else if (kinds[i] == 2)
                buffer_append_u32_be(&buffer, (uint32_t)values[i]);
            else
                buffer_append_u64_be(&buffer, values[i]);
        }
        size_t cut = random_one_in(&random, 2) ? 0 : random_below(&random, buffer.count + 1);
        size_t bytes = buffer.count - cut;
        uint8_t *exact = malloc(bytes + (bytes == 0)); /* so that the sanitizer sees the end */
        if (bytes > 0)
            memcpy(exact, buffer.bytes, bytes);
        struct reader reader = reader_of(exact, bytes);
        size_t at = 0;
        for (size_t i = 0; i < count; i++) {
            size_t width = (size_t)1 << kinds[i];
            uint64_t value = kinds[i] == 0   ? reader_u8(&reader)
                             : kinds[i] == 1 ? reader_u16_be(&reader)
                             : kinds[i] == 2 ? reader_u32_be(&reader)
                                             : reader_u64_be(&reader);
            uint64_t written =
                width == 8 ? values[i] : values[i] & ((UINT64_C(1) << 8 * width) - 1);
            at += width;
            cr_assert(value == (at <= bytes ? written : 0), "run %zu, number %zu", run, i);
            cr_assert(reader.failed == (at > bytes), "run %zu, number %zu", run, i);
        }
        free(exact);
        buffer_deinit(&buffer);
    }
}

Test(buffer, holds_as_much_as_its_limit_and_no_byte_more)
{
    struct buffer buffer;
    buffer_init(&buffer, 4);
    buffer_append(&buffer, "abcd", 4);
    cr_assert(!buffer.failed);
    buffer_append(&buffer, "", 0);
    cr_assert(!buffer.failed);
    buffer_append_u8(&buffer, 'e');
    cr_assert(buffer.failed);
    cr_assert(buffer.count == 4);
    cr_assert(memcmp(buffer.bytes, "abcd", 4) == 0);
    buffer_deinit(&buffer);
}

Test(buffer, writes_nothing_of_what_does_not_fit_nor_of_what_follows)
{
    struct buffer buffer;
    buffer_init(&buffer, 4);
    buffer_append(&buffer, "abc", 3);
    buffer_append_u16_be(&buffer, 1);
    cr_assert(buffer.failed);
    cr_assert(buffer.count == 3);
    buffer_append_u8(&buffer, 'd');
    cr_assert(buffer.count == 3, "a message with a hole would be worse than none");
    cr_assert(buffer_extend(&buffer, 1) == NULL);
    cr_assert(buffer_extend(&buffer, SIZE_MAX) == NULL);

    buffer_clear(&buffer);
    cr_assert(!buffer.failed);
    buffer_append(&buffer, "abcd", 4);
    cr_assert(!buffer.failed);
    buffer_deinit(&buffer);
}

Test(buffer, without_room_takes_nothing)
{
    struct buffer buffer;
    buffer_init(&buffer, 0);
    buffer_append(&buffer, NULL, 0);
    cr_assert(!buffer.failed);
    buffer_append_text(&buffer, "");
    cr_assert(!buffer.failed);
    buffer_append_u8(&buffer, 1);
    cr_assert(buffer.failed);
    cr_assert_str_eq(buffer_text(&buffer), "");
    buffer_deinit(&buffer);
}

Test(buffer, keeps_its_bytes_while_it_grows)
{
    struct random random = {.state = 2};
    static char expected[100000];
    struct buffer buffer;
    buffer_init(&buffer, sizeof expected);
    for (size_t i = 0; i < sizeof expected; i++)
        expected[i] = (char)random_next(&random);
    for (size_t at = 0; at < sizeof expected;) {
        size_t count = 1 + random_below(&random, 3000);
        if (count > sizeof expected - at)
            count = sizeof expected - at;
        buffer_append(&buffer, expected + at, count);
        at += count;
    }
    cr_assert(!buffer.failed);
    cr_assert(buffer.count == sizeof expected);
    cr_assert(memcmp(buffer.bytes, expected, sizeof expected) == 0);
    buffer_deinit(&buffer);
}

Test(buffer, formats_short_and_long_texts)
{
    char filler[2000];
    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    for (int length = 0; length < 2000; length += length < 505 || length > 520 ? 101 : 1) {
        struct buffer buffer;
        buffer_init(&buffer, 4000);
        buffer_append_format(&buffer, "%d:%.*s;", length, length, filler);
        const char *text = buffer_text(&buffer);
        cr_assert(strlen(text) == buffer.count, "%d", length);
        cr_assert(atoi(text) == length, "%d", length);
        cr_assert(strlen(strchr(text, ':')) == (size_t)length + 2, "%d", length);
        cr_assert(text[buffer.count - 1] == ';', "%d", length);
        buffer_deinit(&buffer);
    }
}

Test(buffer, ends_as_text_also_when_it_is_full)
{
    struct buffer buffer;
    buffer_init(&buffer, 256);
    for (int i = 0; i < 256; i++)
        buffer_append_u8(&buffer, 'x');
    cr_assert(!buffer.failed);
    cr_assert(strlen(buffer_text(&buffer)) == 256);
    cr_assert(buffer.count == 256);
    buffer_deinit(&buffer);
}
