#include "intake/csv.h"
#include "intake/names.h"
#include "intake/uuid.h"

#include "intake_support.h"
#include "market/symbol.h"

static struct csv csv;

static const struct {
    const char *line;
    size_t count;
    const char *fields[5];
} csv_cases[] = {
    {"", 1, {""}},
    {"a", 1, {"a"}},
    {",", 2, {"", ""}},
    {"a,b,c", 3, {"a", "b", "c"}},
    {"a,,c,", 4, {"a", "", "c", ""}},
    {" a , b", 2, {" a ", " b"}},
    {"\"a\"", 1, {"a"}},
    {"\"\"", 1, {""}},
    {"\"a,b\",c", 2, {"a,b", "c"}},
    {"a,\"b\"\"c\",\"\"\"\",d", 4, {"a", "b\"c", "\"", "d"}},
    {"\"a\",\"b\",", 3, {"a", "b", ""}},
    {"a;b", 1, {"a;b"}},
};

Test(intake_csv, cuts_fields_by_rfc_4180)
{
    for (size_t i = 0; i < sizeof csv_cases / sizeof *csv_cases; i++) {
        const char *line = csv_cases[i].line;
        cr_assert(csv_split(&csv, line, strlen(line), NULL) == STATUS_OK, "%s", line);
        cr_assert(csv.count == csv_cases[i].count, "%s: %zu", line, csv.count);
        for (size_t j = 0; j < csv.count; j++)
            cr_assert(csv_field_is(&csv.fields[j], csv_cases[i].fields[j]), "%s: %zu", line, j);
    }
}

static const char *const no_csv[] = {
    "\"", "\"a", "a,\"b", "\"a\"\"", "\"a\"b", "\"a\" ,b", "a\"b", "a\"", "\"a\",b\"", " \"a\"",
};

Test(intake_csv, rejects_quotes_that_are_open_or_out_of_place)
{
    for (size_t i = 0; i < sizeof no_csv / sizeof *no_csv; i++) {
        struct error error = {0};
        cr_assert(csv_split(&csv, no_csv[i], strlen(no_csv[i]), &error) == STATUS_INVALID, "%s",
                  no_csv[i]);
        cr_assert(strstr(error.text, "quot") != NULL, "%s", error.text);
    }
}

Test(intake_csv, takes_as_many_fields_as_there_is_room_for_and_no_more)
{
    char line[2 * CSV_FIELDS_MAX + 8];
    for (int quoted = 0; quoted < 2; quoted++) {
        size_t count = (size_t)sprintf(line, "%s", quoted ? "\"\"" : "");
        for (size_t i = 1; i < CSV_FIELDS_MAX; i++)
            line[count++] = ',';
        cr_assert(csv_split(&csv, line, count, NULL) == STATUS_OK);
        cr_assert(csv.count == CSV_FIELDS_MAX);
        line[count++] = ',';
        cr_assert(csv_split(&csv, line, count, NULL) == STATUS_INVALID);
    }
}

static const struct {
    const char *text;
    const char *uuid; /* hexadecimal; NULL: no number */
} numbers[] = {
    {"0", "00000000000000000000000000000000"},
    {"1", "00000000000000000000000000000001"},
    {"255", "000000000000000000000000000000ff"},
    {"5266583935", "00000000000000000000000139e9b17f"},
    {"18446744073709551615", "0000000000000000ffffffffffffffff"},
    {"18446744073709551616", "00000000000000010000000000000000"},
    {"340282366920938463463374607431768211455", "ffffffffffffffffffffffffffffffff"},
    {"340282366920938463463374607431768211456", NULL},
    {"999999999999999999999999999999999999999", NULL},
    {"1000000000000000000000000000000000000000", NULL},
    {"", NULL},
    {"00", NULL},
    {"01", NULL},
    {"-1", NULL},
    {"+1", NULL},
    {"1.0", NULL},
    {"1e3", NULL},
    {" 1", NULL},
    {"0x10", NULL},
};

static void hex_of(const uint8_t uuid[UUID_BYTES], char hex[2 * UUID_BYTES + 1])
{
    for (size_t i = 0; i < UUID_BYTES; i++)
        (void)sprintf(hex + 2 * i, "%02x", uuid[i]);
}

Test(intake_uuid, a_number_becomes_the_uuid_of_that_value)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uint8_t uuid[UUID_BYTES];
        bool is_number = uuid_from_number(numbers[i].text, strlen(numbers[i].text), uuid);
        cr_assert(is_number == (numbers[i].uuid != NULL), "%s", numbers[i].text);
        if (!is_number)
            continue;
        char hex[2 * UUID_BYTES + 1];
        hex_of(uuid, hex);
        cr_assert_str_eq(hex, numbers[i].uuid);
    }
}

Test(intake_uuid, a_uuid_stays_what_it_is)
{
    uint8_t uuid[UUID_BYTES];
    char hex[2 * UUID_BYTES + 1];
    const char *text = "CCC3c1fa-212c-e8b0-1706-9b9c4f3d5ecf";
    cr_assert(uuid_from_text(text, strlen(text), uuid));
    hex_of(uuid, hex);
    cr_assert_str_eq(hex, "ccc3c1fa212ce8b017069b9c4f3d5ecf");
}

static const char *const no_uuids[] = {
    "",
    "ccc3c1fa-212c-e8b0-1706-9b9c4f3d5ec",
    "ccc3c1fa-212c-e8b0-1706-9b9c4f3d5ecf0",
    "ccc3c1fa-212c-e8b0-1706-9b9c4f3d5ecg",
    "ccc3c1fa0212c-e8b0-1706-9b9c4f3d5ecf",
    "ccc3c1f-a212c-e8b0-1706-9b9c4f3d5ecf",
    "ccc3c1fa212ce8b017069b9c4f3d5ecf",
    "{cc3c1fa-212c-e8b0-1706-9b9c4f3d5ec}",
};

Test(intake_uuid, other_texts_are_no_uuids)
{
    for (size_t i = 0; i < sizeof no_uuids / sizeof *no_uuids; i++) {
        uint8_t uuid[UUID_BYTES];
        cr_assert(!uuid_from_text(no_uuids[i], strlen(no_uuids[i]), uuid), "%s", no_uuids[i]);
    }
}

Test(intake_names, numbers_names_in_order_of_appearance_and_remembers_them)
{
    struct names *names = names_create("V:");
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < 5000; i++) {
            char name[16];
            uint32_t id = UINT32_MAX;
            size_t bytes = (size_t)sprintf(name, "N%u", i);
            cr_assert(names_intern(names, name, bytes, &id, NULL) == STATUS_OK);
            cr_assert(id == i);
            cr_assert(strncmp(names_text(names, id), "V:N", 3) == 0);
            cr_assert_str_eq(names_text(names, id) + 2, name);
        }
        cr_assert(names_count(names) == 5000);
    }
    names_destroy(&names);
    cr_assert(names == NULL);
}

Test(intake_names, refuses_bad_names_and_one_too_many)
{
    struct names *names = names_create("");
    struct error error = {0};
    uint32_t id = 7;
    char long_name[SYMBOL_BYTES_MAX + 1];
    memset(long_name, 'x', sizeof long_name);
    cr_assert(names_intern(names, "", 0, &id, &error) == STATUS_INVALID);
    cr_assert(names_intern(names, "a\tb", 3, &id, &error) == STATUS_INVALID);
    cr_assert(names_intern(names, "\xff", 1, &id, &error) == STATUS_INVALID);
    cr_assert(names_intern(names, long_name, sizeof long_name, &id, &error) == STATUS_INVALID);
    cr_assert(id == 7);
    cr_assert(names_intern(names, long_name, SYMBOL_BYTES_MAX, &id, &error) == STATUS_OK);
    for (uint32_t i = 1; i < NAMES_MAX; i++) {
        char name[16];
        cr_assert(names_intern(names, name, (size_t)sprintf(name, "%u", i), &id, &error) ==
                  STATUS_OK);
    }
    cr_assert(names_intern(names, "straw", 5, &id, &error) == STATUS_LIMIT);
    cr_assert(names_intern(names, "1", 1, &id, &error) == STATUS_OK);
    cr_assert(id == 1);
    names_destroy(&names);
}
