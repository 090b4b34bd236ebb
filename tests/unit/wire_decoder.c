#include "wire/value.h"

#include "random.h"
#include "wire/codes.h"
#include "wire_fixture.h"

#include <math.h>

/* ---- What is accepted ---- */

Test(wire_decoder, every_kind_of_value_is_the_same_tree_in_both_encodings)
{
    const struct value *root =
        decode_json_text("{'nil':null,'yes':true,'no':false,'int':-7,'float':0.5,'text':'é\\n',"
                         "'array':[1,[],{}],'map':{'a':{'b':'c'}}}")
            .root;
    cr_assert_not_null(root);
    json_t *tree =
        json_pack("{s:n,s:b,s:b,s:i,s:f,s:s,s:[i[]{}],s:{s:{s:s}}}", "nil", "yes", 1, "no", 0,
                  "int", -7, "float", 0.5, "text", "é\n", "array", 1, "map", "a", "b", "c");
    cr_assert(value_is(root, tree));
    const struct value *packed = decode_tree(WIRE_MSGPACK, json_incref(tree)).root;
    cr_assert_not_null(packed);
    cr_assert(value_is(packed, tree));
    json_decref(tree);
}

Test(wire_decoder, every_msgpack_form_of_an_integer_is_the_same_integer)
{
    static const struct {
        const char *hex;
        int64_t integer;
    } forms[] = {
        {"00", 0},
        {"7f", 127},
        {"ff", -1},
        {"e0", -32},
        {"cc ff", 255},
        {"cc 01", 1},
        {"cd ff ff", 65535},
        {"ce ff ff ff ff", 4294967295},
        {"cf 7f ff ff ff ff ff ff ff", INT64_MAX},
        {"cf 00 00 00 00 00 00 00 05", 5},
        {"d0 80", -128},
        {"d0 7f", 127},
        {"d1 80 00", -32768},
        {"d2 80 00 00 00", -2147483648},
        {"d3 80 00 00 00 00 00 00 00", INT64_MIN},
        {"d3 ff ff ff ff ff ff ff ff", -1},
        {"ca 3f 80 00 00", 1},                           /* 1.0f */
        {"cb c0 45 00 00 00 00 00 00", -42},             /* −42.0 */
        {"cb 80 00 00 00 00 00 00 00", 0},               /* −0.0 */
        {"cb 43 40 00 00 00 00 00 01", 9007199254740994} /* 2^53 + 2 */
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        char hex[64];
        snprintf(hex, sizeof hex, "81 a1 76 %s", forms[i].hex);
        const struct value *root = decode_hex(hex).root;
        cr_assert_not_null(root, "%s", hex);
        const struct value *value = value_of(root, "v");
        cr_assert_eq(value->kind, VALUE_INTEGER, "%s", hex);
        cr_assert_eq(value->as.integer, forms[i].integer, "%s", hex);
    }
}

Test(wire_decoder, floats_with_a_fraction_and_integers_beyond_64_bits_are_floats)
{
    static const struct {
        const char *hex;
        const char *json;
        double number;
    } forms[] = {
        {"ca 3f 00 00 00", "0.5", 0.5},
        {"cb 3f b9 99 99 99 99 99 9a", "0.1", 0.1},
        {"cb 7f ef ff ff ff ff ff ff", "1.7976931348623157e308", 1.7976931348623157e308},
        {"cb 00 00 00 00 00 00 00 01", "5e-324", 5e-324},
        {"cf 80 00 00 00 00 00 00 00", "9223372036854775808", 9223372036854775808.0},
        {"cf ff ff ff ff ff ff ff ff", "18446744073709551615", 18446744073709551616.0},
        {"cb c3 e0 00 00 00 00 00 01", "-9223372036854777856", -9223372036854777856.0},
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        char text[96];
        snprintf(text, sizeof text, "81 a1 76 %s", forms[i].hex);
        const struct value *packed = decode_hex(text).root;
        cr_assert_not_null(packed, "%s", text);
        cr_assert_eq(value_of(packed, "v")->kind, VALUE_FLOAT, "%s", text);
        cr_assert_eq(value_of(packed, "v")->as.number, forms[i].number, "%s", text);
        snprintf(text, sizeof text, "{'v':%s}", forms[i].json);
        const struct value *spelled = decode_json_text(text).root;
        cr_assert_not_null(spelled, "%s", text);
        cr_assert_eq(value_of(spelled, "v")->kind, VALUE_FLOAT, "%s", text);
        cr_assert_eq(value_of(spelled, "v")->as.number, forms[i].number, "%s", text);
    }
}

Test(wire_decoder, json_floats_without_a_fraction_are_integers)
{
    const struct value *root = decode_json_text("{'a':60.0,'b':1e3,'c':-0.0}").root;
    cr_assert_not_null(root);
    cr_assert_eq(value_of(root, "a")->kind, VALUE_INTEGER);
    cr_assert_eq(value_of(root, "a")->as.integer, 60);
    cr_assert_eq(value_of(root, "b")->as.integer, 1000);
    cr_assert_eq(value_of(root, "c")->kind, VALUE_INTEGER);
    cr_assert_eq(value_of(root, "c")->as.integer, 0);
}

Test(wire_decoder, other_integers_beside_one_beyond_64_bits_stay_exact_to_2_to_the_53)
{
    const struct value *root =
        decode_json_text("{'req':9007199254740991,'t':-62135596800000000,'x':1e3,"
                         "'big':123456789012345678901234567890}")
            .root;
    cr_assert_not_null(root);
    cr_assert_eq(value_of(root, "req")->as.integer, 9007199254740991);
    cr_assert_eq(value_of(root, "t")->as.integer, INT64_C(-62135596800000000));
    cr_assert_eq(value_of(root, "big")->as.number, 123456789012345678901234567890.0);
}

Test(wire_decoder, msgpack_bytes_are_bytes_with_a_nul_after_them)
{
    const struct value *bytes = value_of(decode_hex("81 a1 76 c4 03 00 ff 01").root, "v");
    cr_assert_eq(bytes->kind, VALUE_BYTES);
    cr_assert_eq(bytes->count, 3);
    cr_assert_eq(memcmp(bytes->as.text, "\x00\xff\x01", 4), 0);
    cr_assert_eq(value_of(decode_hex("81 a1 76 c5 00 00").root, "v")->count, 0);
    cr_assert_eq(value_of(decode_hex("81 a1 76 c6 00 00 00 01 09").root, "v")->count, 1);
}

Test(wire_decoder, every_msgpack_form_of_texts_arrays_and_maps_is_read)
{
    static const char *const forms[] = {
        "81 a1 76 a1 78",       "81 a1 76 d9 01 78",
        "81 a1 76 da 00 01 78", "81 a1 76 db 00 00 00 01 78",
        "de 00 01 a1 76 a1 78", "df 00 00 00 01 a1 76 a1 78",
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        const struct value *root = decode_hex(forms[i]).root;
        cr_assert_not_null(root, "%s", forms[i]);
        cr_assert_str_eq(value_of(root, "v")->as.text, "x", "%s", forms[i]);
    }
    cr_assert_eq(value_of(decode_hex("81 a1 76 dc 00 02 01 02").root, "v")->count, 2);
    cr_assert_eq(value_of(decode_hex("81 a1 76 dd 00 00 00 01 01").root, "v")->count, 1);
}

Test(wire_decoder, an_empty_map_is_a_message)
{
    cr_assert_eq(decode_hex("80").root->count, 0);
    cr_assert_eq(decode_json_text(" { } ").root->count, 0);
}

Test(wire_decoder, value_of_finds_a_key_and_takes_nil_for_absent)
{
    const struct value *root = decode_json_text("{'a':null,'ab':1,'':2,'b':false}").root;
    cr_assert_null(value_of(root, "a"));
    cr_assert_null(value_of(root, "c"));
    cr_assert_null(value_of(root, "abc"));
    cr_assert_eq(value_of(root, "ab")->as.integer, 1);
    cr_assert_eq(value_of(root, "")->as.integer, 2);
    cr_assert_eq(value_of(root, "b")->kind, VALUE_BOOL);
}

/* ---- What is refused ---- */

static void assert_refused(struct outcome outcome, uint16_t close_code, const char *part,
                           const char *what)
{
    cr_assert_eq(outcome.status, STATUS_BAD_MESSAGE, "%s was not refused", what);
    cr_assert_eq(outcome.error.status, STATUS_BAD_MESSAGE, "%s", what);
    cr_assert_null(outcome.root, "%s", what);
    cr_assert_eq(outcome.close_code, close_code, "%s closes with %d", what, outcome.close_code);
    cr_assert_not_null(strstr(outcome.error.text, part), "%s: %s", what, outcome.error.text);
}

Test(wire_decoder, msgpack_that_is_no_message_is_refused_with_a_sentence)
{
    static const struct {
        const char *hex;
        uint16_t close_code;
        const char *part;
    } bad[] = {
        {"", CLOSE_PROTOCOL, "empty"},
        {"c0", CLOSE_PROTOCOL, "is nil; it must be one map"},
        {"90", CLOSE_PROTOCOL, "is an array; it must be one map"},
        {"a2 6f 70", CLOSE_PROTOCOL, "is a text"},
        {"81", CLOSE_PROTOCOL, "announces more"},
        {"81 a1 76", CLOSE_PROTOCOL, "ends in the middle"},
        {"81 a2 76 01", CLOSE_PROTOCOL, "ends in the middle"},
        {"80 c0", CLOSE_PROTOCOL, "1 bytes follow"},
        {"80 80", CLOSE_PROTOCOL, "1 bytes follow"},
        {"81 01 02", CLOSE_PROTOCOL, "keys must be texts"},
        {"81 c4 01 61 02", CLOSE_PROTOCOL, "keys must be texts"},
        {"81 c0 02", CLOSE_PROTOCOL, "keys must be texts"},
        {"82 a1 61 01 a1 61 02", CLOSE_PROTOCOL, "the key \"a\" twice"},
        {"81 a1 76 82 a1 61 01 a1 61 01", CLOSE_PROTOCOL, "the key \"a\" twice"},
        {"82 a1 61 01 d9 01 61 02", CLOSE_PROTOCOL, "the key \"a\" twice"},
        {"81 a1 76 c1", CLOSE_PROTOCOL, "0xc1"},
        {"81 a1 76 d4 01 00", CLOSE_PROTOCOL, "extension"},
        {"81 a1 76 d6 ff 00 00 00 00", CLOSE_PROTOCOL, "extension"},
        {"81 a1 76 d8 01", CLOSE_PROTOCOL, "extension"},
        {"81 a1 76 c7 00 01", CLOSE_PROTOCOL, "extension"},
        {"81 a1 76 c9 ff ff ff ff 01", CLOSE_PROTOCOL, "extension"},
        {"81 a1 76 ca 7f c0 00 00", CLOSE_PROTOCOL, "not finite"},
        {"81 a1 76 ca ff 80 00 00", CLOSE_PROTOCOL, "not finite"},
        {"81 a1 76 cb 7f f8 00 00 00 00 00 00", CLOSE_PROTOCOL, "not finite"},
        {"81 a1 76 cb 7f f0 00 00 00 00 00 00", CLOSE_PROTOCOL, "not finite"},
        {"81 a1 76 cb 7f f0", CLOSE_PROTOCOL, "ends in the middle"},
        {"81 a1 76 cf 00", CLOSE_PROTOCOL, "ends in the middle"},
        {"81 a1 76 d9", CLOSE_PROTOCOL, "ends in the middle"},
        {"81 a1 76 db ff ff ff ff 61", CLOSE_PROTOCOL, "ends in the middle"},
        {"81 a1 76 c6 ff ff ff ff 61", CLOSE_PROTOCOL, "ends in the middle"},
        {"81 a1 76 dd ff ff ff ff 61", CLOSE_PROTOCOL, "announces more"},
        {"81 a1 76 df 80 00 00 00 61", CLOSE_PROTOCOL, "announces more"},
        {"df ff ff ff ff", CLOSE_PROTOCOL, "announces more"},
        {"81 a1 76 a2 61 00", CLOSE_PROTOCOL, "U+0000"},
        {"81 a1 00 01", CLOSE_PROTOCOL, "U+0000"},
        {"81 a1 76 a1 ff", CLOSE_NOT_UTF8, "not UTF-8"},
        {"81 a1 76 a2 c0 80", CLOSE_NOT_UTF8, "not UTF-8"},
        {"81 a1 76 a3 ed a0 80", CLOSE_NOT_UTF8, "not UTF-8"},
        {"81 a1 76 a4 f4 90 80 80", CLOSE_NOT_UTF8, "not UTF-8"},
        {"81 a1 76 a2 e2 82", CLOSE_NOT_UTF8, "not UTF-8"},
        {"81 a1 80 01", CLOSE_NOT_UTF8, "not UTF-8"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_refused(decode_hex(bad[i].hex), bad[i].close_code, bad[i].part, bad[i].hex);
}

Test(wire_decoder, json_that_is_no_message_is_refused_with_a_sentence)
{
    static const struct {
        const char *json;
        uint16_t close_code;
        const char *part;
    } bad[] = {
        {"", CLOSE_PROTOCOL, "empty"},
        {" ", CLOSE_PROTOCOL, "ends too early"},
        {"null", CLOSE_PROTOCOL, "is nil; it must be one map"},
        {"[]", CLOSE_PROTOCOL, "is an array; it must be one map"},
        {"12", CLOSE_PROTOCOL, "is an integer; it must be one map"},
        {"'op'", CLOSE_PROTOCOL, "is a text; it must be one map"},
        {"{'op'", CLOSE_PROTOCOL, "no JSON"},
        {"{'op':1", CLOSE_PROTOCOL, "no JSON"},
        {"{'op':1,}", CLOSE_PROTOCOL, "no JSON"},
        {"{op:1}", CLOSE_PROTOCOL, "no JSON"},
        {"{}{}", CLOSE_PROTOCOL, "bytes follow"},
        {"{} x", CLOSE_PROTOCOL, "bytes follow"},
        {"{'a':1,'a':2}", CLOSE_PROTOCOL, "same key twice"},
        {"{'a':1,'\\u0061':2}", CLOSE_PROTOCOL, "same key twice"},
        {"{'m':{'a':1,'a':1}}", CLOSE_PROTOCOL, "same key twice"},
        {"{'a':'\\u0000'}", CLOSE_PROTOCOL, "U+0000"},
        {"{'\\u0000':1}", CLOSE_PROTOCOL, "U+0000"},
        {"{'a':'\\ud800'}", CLOSE_PROTOCOL, "no JSON"},
        {"{'a':NaN}", CLOSE_PROTOCOL, "no JSON"},
        {"{'a':01}", CLOSE_PROTOCOL, "no JSON"},
        {"{'a':1e999}", CLOSE_PROTOCOL, "range of a double"},
        {"{'a':-1e999}", CLOSE_PROTOCOL, "range of a double"},
        {"{'a':'\xff'}", CLOSE_NOT_UTF8, "not UTF-8"},
        {"{'a':'\xc0\x80'}", CLOSE_NOT_UTF8, "not UTF-8"},
        {"{'a':'\xed\xa0\x80'}", CLOSE_NOT_UTF8, "not UTF-8"},
        {"{'a':1}\xe2\x82", CLOSE_NOT_UTF8, "byte 7"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_refused(decode_json_text(bad[i].json), bad[i].close_code, bad[i].part, bad[i].json);
}

Test(wire_decoder, a_message_of_16_kib_is_read_and_one_byte_more_is_too_big)
{
    static char json[WIRE_MESSAGE_BYTES_MAX + 2];
    memset(json, ' ', sizeof json);
    memcpy(json, "{\"a\":1", 6);
    json[WIRE_MESSAGE_BYTES_MAX - 1] = '}';
    cr_assert_eq(decode(WIRE_JSON, json, WIRE_MESSAGE_BYTES_MAX).status, STATUS_OK);
    assert_refused(decode(WIRE_JSON, json, WIRE_MESSAGE_BYTES_MAX + 1), CLOSE_TOO_BIG, "16385",
                   "one byte more");

    static uint8_t packed[WIRE_MESSAGE_BYTES_MAX + 1] = {0x81, 0xa1, 'a', 0xda};
    packed[4] = (WIRE_MESSAGE_BYTES_MAX - 6) >> 8;
    packed[5] = (WIRE_MESSAGE_BYTES_MAX - 6) & 0xff;
    memset(packed + 6, 'x', sizeof packed - 6);
    cr_assert_eq(decode(WIRE_MSGPACK, packed, WIRE_MESSAGE_BYTES_MAX).status, STATUS_OK);
    assert_refused(decode(WIRE_MSGPACK, packed, WIRE_MESSAGE_BYTES_MAX + 1), CLOSE_TOO_BIG, "16385",
                   "one byte more");
}

/* A map, and in it arrays down to `depth`. */
static struct outcome decode_depth(enum wire_encoding encoding, int depth)
{
    json_t *inner = json_array();
    for (int i = 3; i <= depth; i++)
        inner = json_pack("[o]", inner);
    return decode_tree(encoding, json_pack("{s:o}", "a", inner));
}

Test(wire_decoder, eight_levels_are_read_and_nine_are_too_deep)
{
    for (int encoding = WIRE_JSON; encoding <= WIRE_MSGPACK; encoding++) {
        cr_assert_eq(decode_depth((enum wire_encoding)encoding, 8).status, STATUS_OK);
        assert_refused(decode_depth((enum wire_encoding)encoding, 9), CLOSE_TOO_BIG,
                       "deeper than 8", "nine levels");
        assert_refused(decode_depth((enum wire_encoding)encoding, 2000), CLOSE_TOO_BIG,
                       "deeper than 8", "2000 levels");
    }
}

Test(wire_decoder, brackets_inside_json_texts_have_no_depth)
{
    cr_assert_eq(decode_json_text("{'a':'[[[[[[[[[[[[','b\\\\':'{{{{{{{{{{\\\\'}").status,
                 STATUS_OK);
    cr_assert_eq(decode_json_text("{'a':[[],[],[],[],[],[],[],[],[],[]]}").status, STATUS_OK);
}

Test(wire_decoder, bytes_that_announce_gigabytes_are_refused_before_anything_is_reserved)
{
    /* 155 bytes: 31 arrays inside each other, each of 2^32 − 1 items (62 GiB in msgpack-c). */
    uint8_t bytes[155];
    for (size_t i = 0; i < sizeof bytes; i += 5)
        memcpy(bytes + i, "\xdd\xff\xff\xff\xff", 5);
    assert_refused(decode(WIRE_MSGPACK, bytes, sizeof bytes), CLOSE_PROTOCOL, "announces more",
                   "155 bytes");
    for (size_t i = 0; i < sizeof bytes; i += 5)
        memcpy(bytes + i, "\xdf\x7f\xff\xff\xff", 5);
    assert_refused(decode(WIRE_MSGPACK, bytes, sizeof bytes), CLOSE_PROTOCOL, "announces more",
                   "155 bytes of maps");
}

Test(wire_decoder, counts_that_together_exceed_the_message_are_refused)
{
    /* Each array alone could be true; the second one leaves nothing for the first. */
    static uint8_t bytes[16000];
    memcpy(bytes, "\x81\xa1\x61\xdc\x3e\x00\xdc\x00\xf0", 9);
    assert_refused(decode(WIRE_MSGPACK, bytes, sizeof bytes), CLOSE_PROTOCOL, "announces more",
                   "two arrays");
    bytes[8] = 0x10; /* 15872 and 16 items fit into what is left, and the rest is too much */
    assert_refused(decode(WIRE_MSGPACK, bytes, sizeof bytes), CLOSE_PROTOCOL, "bytes follow",
                   "two arrays");
}

Test(wire_decoder, a_message_may_be_as_many_values_as_it_has_bytes)
{
    static uint8_t bytes[WIRE_MESSAGE_BYTES_MAX] = {0x81, 0xa1, 'a', 0xdc};
    size_t items = WIRE_MESSAGE_BYTES_MAX - 6;
    bytes[4] = (uint8_t)(items >> 8);
    bytes[5] = (uint8_t)items;
    struct outcome outcome = decode(WIRE_MSGPACK, bytes, sizeof bytes);
    cr_assert_eq(outcome.status, STATUS_OK, "%s", outcome.error.text);
    cr_assert_eq(value_of(outcome.root, "a")->count, items);

    static char json[WIRE_MESSAGE_BYTES_MAX];
    size_t used = (size_t)snprintf(json, sizeof json, "{\"a\":[0");
    while (used + 4 < sizeof json) {
        memcpy(json + used, ",0", 2);
        used += 2;
    }
    memcpy(json + used, "]}", 2);
    cr_assert_eq(decode(WIRE_JSON, json, used + 2).status, STATUS_OK);
}

Test(wire_decoder, thousands_of_keys_are_read_and_a_pair_among_them_is_found)
{
    enum { KEYS = 3000 };
    static uint8_t bytes[4 + 4 * KEYS] = {0xde, KEYS >> 8, KEYS & 0xff};
    size_t used = 3;
    for (size_t i = 0; i < KEYS; i++) {
        size_t key = (i * 1237) % KEYS; /* in no order */
        bytes[used++] = 0xa2;
        bytes[used++] = (uint8_t)('0' + key / 64);
        bytes[used++] = (uint8_t)('0' + key % 64);
        bytes[used++] = 0x01;
    }
    cr_assert_eq(decode(WIRE_MSGPACK, bytes, used).status, STATUS_OK);
    memcpy(bytes + 3 + 4 * 2345, bytes + 3 + 4 * 17, 4);
    assert_refused(decode(WIRE_MSGPACK, bytes, used), CLOSE_PROTOCOL, "twice", "a key of 3000");
}

/* ---- Properties ---- */

static json_t *random_text(struct random *random)
{
    static const char *const parts[] = {"a", "op", "é", "€", "😀", "\n", "\"", "\\", "\x7f", "x/y"};
    char text[128] = "";
    for (size_t left = random_below(random, 12); left > 0; left--)
        strcat(text, parts[random_below(random, COUNT_OF(parts))]);
    return json_string(text);
}

static json_t *random_number(struct random *random)
{
    if (random_one_in(random, 2))
        return json_integer(random_mantissa(random));
    double number = (double)random_mantissa(random) / 3.0;
    return number == floor(number) ? json_real(0.25) : json_real(number);
}

static json_t *random_tree(struct random *random, int depth)
{
    switch (random_below(random, depth < WIRE_DEPTH_MAX ? 7 : 5)) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(random_one_in(random, 2));
    case 2:
    case 3:
        return random_number(random);
    case 4:
        return random_text(random);
    case 5: {
        json_t *array = json_array();
        for (size_t left = random_below(random, 5); left > 0; left--)
            json_array_append_new(array, random_tree(random, depth + 1));
        return array;
    }
    default: {
        json_t *map = json_object();
        for (size_t left = random_below(random, 5); left > 0; left--) {
            json_t *key = random_text(random);
            json_object_set_new(map, json_string_value(key), random_tree(random, depth + 1));
            json_decref(key);
        }
        return map;
    }
    }
}

static json_t *random_message(struct random *random)
{
    json_t *message = json_object();
    json_object_set_new(message, "op", random_text(random));
    for (int i = 0; i < 4; i++) {
        char key[16];
        snprintf(key, sizeof key, "f%d", i);
        json_object_set_new(message, key, random_tree(random, 1));
    }
    return message;
}

#define RUNS 2000

Test(wire_decoder, random_messages_are_the_same_tree_in_both_encodings)
{
    struct random random = {1};
    for (int run = 0; run < RUNS; run++) {
        json_t *message = random_message(&random);
        for (int encoding = WIRE_JSON; encoding <= WIRE_MSGPACK; encoding++) {
            struct outcome outcome =
                decode_tree((enum wire_encoding)encoding, json_incref(message));
            cr_assert(outcome.status == STATUS_OK || outcome.close_code == CLOSE_TOO_BIG,
                      "run %d: %s", run, outcome.error.text);
            if (outcome.status == STATUS_OK)
                cr_assert(value_is(outcome.root, message), "run %d", run);
        }
        json_decref(message);
    }
}

Test(wire_decoder, what_writer_value_writes_decodes_to_the_same_tree)
{
    struct random random = {2};
    for (int run = 0; run < RUNS; run++) {
        json_t *message = random_message(&random);
        for (int encoding = WIRE_JSON; encoding <= WIRE_MSGPACK; encoding++) {
            struct outcome outcome = decode_tree(WIRE_MSGPACK, json_incref(message));
            if (outcome.status != STATUS_OK)
                continue;
            struct buffer *out;
            struct writer writer = writer_on(&out, (enum wire_encoding)encoding);
            writer_value(&writer, outcome.root);
            outcome = decode((enum wire_encoding)encoding, out->bytes, out->count);
            cr_assert_eq(outcome.status, STATUS_OK, "run %d: %s", run, outcome.error.text);
            cr_assert(value_is(outcome.root, message), "run %d", run);
        }
        json_decref(message);
    }
}

Test(wire_decoder, every_shorter_part_of_a_message_is_refused)
{
    struct random random = {3};
    for (int run = 0; run < 20; run++) {
        json_t *message = random_message(&random);
        for (int encoding = WIRE_JSON; encoding <= WIRE_MSGPACK; encoding++) {
            size_t count = 0;
            char *bytes = wire_message_write(message, encoding == WIRE_MSGPACK, &count);
            for (size_t part = 0; part < count && count <= WIRE_MESSAGE_BYTES_MAX; part++) {
                /* A copy of exactly this length, so that a sanitizer sees a read behind it. */
                void *copy = memcpy(malloc(part + 1), bytes, part);
                struct outcome outcome = decode((enum wire_encoding)encoding, copy, part);
                cr_assert_eq(outcome.status, STATUS_BAD_MESSAGE, "run %d, %zu bytes", run, part);
                free(copy);
            }
            free(bytes);
        }
        json_decref(message);
    }
}

Test(wire_decoder, damaged_messages_are_either_maps_or_refused_with_a_close_code)
{
    struct random random = {4};
    for (int run = 0; run < RUNS; run++) {
        enum wire_encoding encoding = run % 2 == 0 ? WIRE_JSON : WIRE_MSGPACK;
        json_t *message = random_message(&random);
        size_t count = 0;
        char *bytes = wire_message_write(message, encoding == WIRE_MSGPACK, &count);
        for (size_t hits = 1 + random_below(&random, 4); hits > 0; hits--)
            bytes[random_below(&random, count)] = (char)random_next(&random);
        struct outcome outcome = decode(encoding, bytes, count);
        if (outcome.status == STATUS_OK) {
            cr_assert_eq(outcome.root->kind, VALUE_MAP);
        } else {
            cr_assert_eq(outcome.status, STATUS_BAD_MESSAGE);
            cr_assert(outcome.close_code == CLOSE_PROTOCOL ||
                      outcome.close_code == CLOSE_NOT_UTF8 || outcome.close_code == CLOSE_TOO_BIG);
        }
        free(bytes);
        json_decref(message);
    }
}
