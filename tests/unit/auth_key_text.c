/*
 * The file of API keys with a line more or less: every other byte stays.
 */
#include "auth/key_text.h"
#include "auth/secret_file.h"

#include <criterion/criterion.h>
#include <string.h>

/* sha256("a"), sha256("b"), sha256("c") */
#define DIGEST_A "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
#define DIGEST_B "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"
#define DIGEST_C "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6"
#define DESK "desk viewer " DIGEST_A
#define DESK_1 "desk-1 viewer " DIGEST_B
#define NEW "new operator " DIGEST_C " 2027-01-15T08:00:00.000000Z"

static struct error error;
static struct buffer out;

static void start(void)
{
    buffer_init(&out, SECRET_FILE_BYTES_MAX);
}

static void stop(void)
{
    buffer_deinit(&out);
}

TestSuite(key_text, .init = start, .fini = stop);

static struct key_entry new_entry(void)
{
    struct key_entry entry = {
        .name = "new", .role = ROLE_OPERATOR, .expires_us = INT64_C(1800000000000000)};
    key_digest("c", 1, entry.digest);
    return entry;
}

static void expect(const char *text, size_t bytes, const char *what)
{
    cr_assert_eq(out.count, bytes, "%s: %.*s", what, (int)out.count, (const char *)out.bytes);
    cr_assert_eq(memcmp(out.bytes, text, bytes), 0, "%s: %.*s", what, (int)out.count,
                 (const char *)out.bytes);
}

Test(key_text, a_line_more_leaves_the_others_as_they_are)
{
    static const struct {
        const char *before;
        const char *after;
    } table[] = {
        {DESK "\n", DESK "\n" NEW "\n"},
        {"# ours\n\n  " DESK "  # of the night\n\n\n",
         "# ours\n\n  " DESK "  # of the night\n\n\n" NEW "\n"},
        {DESK, DESK "\n" NEW "\n"},
        {"# only this", "# only this\n" NEW "\n"},
        {"\n", "\n" NEW "\n"},
        {DESK "\r\n# of ours\r\n", DESK "\r\n# of ours\r\n" NEW "\r\n"},
        {"# of ours\r\n" DESK, "# of ours\r\n" DESK "\r\n" NEW "\r\n"},
        {DESK "\r\n\n", DESK "\r\n\n" NEW "\n"},
        {"\r\n", "\r\n" NEW "\r\n"},
    };
    struct key_entry entry = new_entry();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct key_list list;
        buffer_clear(&out);
        key_text_add(table[i].before, strlen(table[i].before), &entry, &out);
        expect(table[i].after, strlen(table[i].after), table[i].before);
        cr_assert(key_list_parse(out.bytes, out.count, &list, &error) == STATUS_OK, "%s",
                  error.text);
        const struct key_entry *found = key_list_find(&list, entry.digest);
        cr_assert_not_null(found);
        cr_assert_str_eq(found->name, "new");
        cr_assert_eq(found->role, ROLE_OPERATOR);
        cr_assert_eq(found->expires_us, entry.expires_us);
        key_list_deinit(&list);
    }
}

Test(key_text, an_empty_one_gets_a_head_and_a_key_for_ever_no_time)
{
    struct key_entry entry = new_entry();
    entry.expires_us = IDENTITY_NEVER;
    key_text_add(NULL, 0, &entry, &out);
    cr_assert_eq(out.bytes[0], '#');
    static const char line[] = "\nnew operator " DIGEST_C "\n";
    cr_assert_geq(out.count, sizeof line);
    cr_assert_eq(memcmp(out.bytes + out.count - (sizeof line - 1), line, sizeof line - 1), 0);
}

Test(key_text, a_line_less_leaves_the_others_as_they_are)
{
    static const struct {
        const char *before;
        const char *after;
    } table[] = {
        {DESK "\n", ""},
        {DESK, ""},
        {"# desk viewer\n" DESK "\n# desk\n", "# desk viewer\n# desk\n"},
        {DESK_1 "\n" DESK, DESK_1 "\n"},
        {DESK "\n" DESK_1, DESK_1},
        {"\n\n\t " DESK " # desk, at night\n\n" DESK_1 "\n", "\n\n\n" DESK_1 "\n"},
        {DESK_1 "\r\n" DESK "\r\n\r\n#\r\n", DESK_1 "\r\n\r\n#\r\n"},
        {"\r" DESK "\r\n" DESK_1, DESK_1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        buffer_clear(&out);
        cr_assert(key_text_remove(table[i].before, strlen(table[i].before), "desk", &out, &error) ==
                  STATUS_OK);
        expect(table[i].after, strlen(table[i].after), table[i].before);
    }
}

Test(key_text, a_name_that_is_not_there_removes_nothing)
{
    static const char *const names[] = {"des", "desk-2", "viewer", "#", "", DIGEST_A, "Desk"};
    static const char text[] = "# desk-2\n" DESK "\n" DESK_1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cr_assert(key_text_remove(text, strlen(text), names[i], &out, &error) == STATUS_NOT_FOUND,
                  "%s", names[i]);
        cr_assert_eq(out.count, 0);
    }
    cr_assert(key_text_remove(NULL, 0, "desk", &out, &error) == STATUS_NOT_FOUND);
}

/* A comment may hold any byte but the end of a line. */
Test(key_text, bytes_that_are_no_text_stay_too)
{
    static const char before[] = "#\0\xff\x80\n" DESK "\n#\0";
    static const char after[] = "#\0\xff\x80\n#\0";
    cr_assert(key_text_remove(before, sizeof before - 1, "desk", &out, &error) == STATUS_OK);
    expect(after, sizeof after - 1, "removed");
    struct key_entry entry = new_entry();
    buffer_clear(&out);
    key_text_add(after, sizeof after - 1, &entry, &out);
    cr_assert_eq(memcmp(out.bytes, after, sizeof after - 1), 0);
    cr_assert_eq(out.count, sizeof after - 1 + strlen("\n" NEW "\n"));
}
