#include "wire/request.h"

#include "market/column.h"
#include "market/time.h"
#include "wire/codes.h"
#include "wire/symbols.h"
#include "wire_fixture.h"

#define BOTH(encoding)                                                                             \
    enum wire_encoding encoding = WIRE_JSON;                                                       \
    encoding <= WIRE_MSGPACK;                                                                      \
    encoding = (enum wire_encoding)(encoding + 1)

/* ---- The head ---- */

static enum status head_of(const char *json, struct request *request, struct error *error)
{
    struct outcome outcome = decode_json_text(json);
    cr_assert_eq(outcome.status, STATUS_OK, "%s", json);
    return request_read(outcome.root, request, error);
}

Test(wire_request, the_head_is_op_and_perhaps_req)
{
    struct request request;
    cr_assert_eq(head_of("{'op':'ping'}", &request, NULL), STATUS_OK);
    cr_assert_str_eq(request.op, "ping");
    cr_assert_not(request.has_req);
    cr_assert_eq(head_of("{'req':9007199254740991,'op':''}", &request, NULL), STATUS_OK);
    cr_assert_str_eq(request.op, "");
    cr_assert(request.has_req);
    cr_assert_eq(request.req, 9007199254740991);
    cr_assert_eq(head_of("{'op':'ping','req':null}", &request, NULL), STATUS_OK);
    cr_assert_not(request.has_req);
    cr_assert_eq(head_of("{'op':'ping','req':0}", &request, NULL), STATUS_OK);
    cr_assert(request.has_req);
}

Test(wire_request, an_op_that_is_no_text_is_a_bad_message_and_still_has_its_req)
{
    static const struct {
        const char *json;
        const char *sentence;
    } wrong[] = {
        {"{'req':7}", "op is missing; it must be a text, the name of the request"},
        {"{'req':7,'op':null}", "op is missing; it must be a text, the name of the request"},
        {"{'req':7,'op':3}", "op is 3; it must be a text, the name of the request"},
        {"{'req':7,'op':{}}", "op is a map; it must be a text, the name of the request"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct request request;
        struct error error;
        cr_assert_eq(head_of(wrong[i].json, &request, &error), STATUS_BAD_MESSAGE);
        cr_assert_str_eq(error.text, wrong[i].sentence);
        cr_assert_eq(error.status, STATUS_BAD_MESSAGE);
        cr_assert(request.has_req);
        cr_assert_eq(request.req, 7);
        cr_assert_null(request.op);
    }
}

Test(wire_request, a_req_that_is_no_unsigned_integer_up_to_2_to_the_53_is_invalid)
{
    static const char *const wrong[] = {
        "-1", "9007199254740992", "0.5", "'7'", "true", "[7]", "1e300", "{}"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char json[64];
        snprintf(json, sizeof json, "{'op':'ping','req':%s}", wrong[i]);
        struct request request;
        struct error error;
        cr_assert_eq(head_of(json, &request, &error), STATUS_INVALID, "%s", json);
        cr_assert_eq(strncmp(error.text, "req is ", 7), 0, "%s", error.text);
        cr_assert_not(request.has_req);
        cr_assert_str_eq(request.op, "ping", "the op is known all the same");
    }
}

/* ---- Fields: each reader in a table of what it takes and what it says ---- */

/* One field "f" of a request, read by the reader that `kind` names. */
enum field_reader {
    READ_ID,
    READ_INTEGER,
    READ_BOOL,
    READ_TEXT,
    READ_TIME,
    READ_CHOICE,
    READ_ENCODINGS
};

#define UNTOUCHED INT64_C(-4711)

static enum status read_field(enum field_reader reader, const struct request *request,
                              int64_t *value, struct error *error)
{
    static const char *const choices[] = {"tcp", "ack"};
    uint64_t id = (uint64_t)UNTOUCHED;
    bool boolean = false;
    const char *text = NULL;
    size_t choice = 99;
    unsigned encodings = 77;
    enum status status = STATUS_INTERNAL;
    *value = UNTOUCHED;
    switch (reader) {
    case READ_ID:
        status = request_id(request, &id, error);
        *value = (int64_t)id;
        return status;
    case READ_INTEGER:
        return request_integer(request, "f", -5, 240, value, error);
    case READ_BOOL:
        status = request_bool(request, "f", &boolean, error);
        *value = boolean ? 1 : UNTOUCHED;
        return status;
    case READ_TEXT:
        status = request_text(request, "f", 8, &text, error);
        *value = text != NULL ? (int64_t)strlen(text) : UNTOUCHED;
        return status;
    case READ_TIME:
        return request_time(request, "f", value, error);
    case READ_CHOICE:
        status = request_choice(request, "f", choices, 2, &choice, error);
        *value = choice != 99 ? (int64_t)choice : UNTOUCHED;
        return status;
    case READ_ENCODINGS:
        status = request_encodings(request, &encodings, error);
        *value = encodings != 77 ? (int64_t)encodings : UNTOUCHED;
        return status;
    }
    return status;
}

#define ONLY_I64 COLUMN_ENCODING_BIT(COLUMN_I64)

Test(wire_request, every_reader_takes_what_is_right)
{
    static const struct {
        enum field_reader reader;
        const char *field;
        int64_t value;
    } right[] = {
        {READ_ID, "'id':0", 0},
        {READ_ID, "'id':9007199254740991", 9007199254740991},
        {READ_ID, "'id':3.0", 3},
        {READ_INTEGER, "'f':-5", -5},
        {READ_INTEGER, "'f':240", 240},
        {READ_INTEGER, "'f':60.0", 60},
        {READ_INTEGER, "'g':7", UNTOUCHED},
        {READ_INTEGER, "'f':null", UNTOUCHED},
        {READ_BOOL, "'f':true", 1},
        {READ_BOOL, "'f':null", UNTOUCHED},
        {READ_BOOL, "'g':true", UNTOUCHED},
        {READ_TEXT, "'f':'x'", 1},
        {READ_TEXT, "'f':'éééé'", 8},
        {READ_TEXT, "'f':null", UNTOUCHED},
        {READ_TIME, "'f':0", 0},
        {READ_TIME, "'f':-62135596800000000", TIME_MIN},
        {READ_TIME, "'f':253402300799999999", TIME_MAX},
        {READ_TIME, "'f':1.723161255088169e15", 1723161255088169},
        {READ_TIME, "'f':'2024-08-08T23:54:15.088169Z'", 1723161255088169},
        {READ_TIME, "'f':'2024-08-09T01:54:15.088169+02:00'", 1723161255088169},
        {READ_TIME, "'f':null", UNTOUCHED},
        {READ_CHOICE, "'f':'tcp'", 0},
        {READ_CHOICE, "'f':'ack'", 1},
        {READ_CHOICE, "'f':null", UNTOUCHED},
        {READ_ENCODINGS, "'encodings':[]", ONLY_I64},
        {READ_ENCODINGS, "'encodings':['i64','i64']", ONLY_I64},
        {READ_ENCODINGS, "'encodings':['zstd','']", ONLY_I64},
        {READ_ENCODINGS, "'encodings':['u32']", ONLY_I64 | COLUMN_ENCODING_BIT(COLUMN_U32)},
        {READ_ENCODINGS, "'encodings':['u32','i16','i32','const','x']", COLUMN_ENCODINGS_ALL},
        {READ_ENCODINGS, "'encodings':null", UNTOUCHED},
    };
    for (size_t i = 0; i < COUNT_OF(right); i++) {
        for (BOTH(encoding)) {
            char json[128];
            snprintf(json, sizeof json, "{'op':'x',%s}", right[i].field);
            struct request request = request_from(encoding, json);
            struct error error = {.text = ""};
            int64_t value = 0;
            cr_assert_eq(read_field(right[i].reader, &request, &value, &error), STATUS_OK, "%s: %s",
                         json, error.text);
            cr_assert_eq(value, right[i].value, "%s gives %lld", json, (long long)value);
        }
    }
}

#define UNSIGNED_WANTED "it must be an unsigned integer up to 9007199254740991 (2^53-1)"
#define TIME_WANTED                                                                                \
    "it must be a time of the years 1 to 9999: integer microseconds since the Unix epoch, or an "  \
    "RFC 3339 text"
#define ENCODINGS_WANTED "it must be an array of names of column encodings, such as \"u32\""

Test(wire_request, every_reader_says_what_is_wrong_and_what_would_be_right)
{
    static const struct {
        enum field_reader reader;
        const char *field;
        const char *sentence;
    } wrong[] = {
        {READ_ID, "'g':1", "id is missing; " UNSIGNED_WANTED},
        {READ_ID, "'id':null", "id is missing; " UNSIGNED_WANTED},
        {READ_ID, "'id':-1", "id is -1; " UNSIGNED_WANTED},
        {READ_ID, "'id':'a'", "id is \"a\"; " UNSIGNED_WANTED},
        {READ_ID, "'id':0.5", "id is 0.5; " UNSIGNED_WANTED},
        {READ_ID, "'id':9007199254740992", "id is 9007199254740992; " UNSIGNED_WANTED},
        {READ_INTEGER, "'f':241", "f is 241; it must be an integer from -5 to 240"},
        {READ_INTEGER, "'f':-6", "f is -6; it must be an integer from -5 to 240"},
        {READ_INTEGER, "'f':1.5", "f is 1.5; it must be an integer from -5 to 240"},
        {READ_INTEGER, "'f':1e300", "f is 1e300; it must be an integer from -5 to 240"},
        {READ_INTEGER, "'f':'60'", "f is \"60\"; it must be an integer from -5 to 240"},
        {READ_INTEGER, "'f':true", "f is true; it must be an integer from -5 to 240"},
        {READ_INTEGER, "'f':[1]", "f is an array; it must be an integer from -5 to 240"},
        {READ_BOOL, "'f':1", "f is 1; it must be true or false"},
        {READ_BOOL, "'f':'true'", "f is \"true\"; it must be true or false"},
        {READ_BOOL, "'f':{}", "f is a map; it must be true or false"},
        {READ_TEXT, "'f':''", "f is \"\"; it must be a text of 1 to 8 bytes"},
        {READ_TEXT, "'f':'123456789'", "f is \"123456789\"; it must be a text of 1 to 8 bytes"},
        {READ_TEXT, "'f':5", "f is 5; it must be a text of 1 to 8 bytes"},
        {READ_TEXT, "'f':false", "f is false; it must be a text of 1 to 8 bytes"},
        {READ_TIME, "'f':'yesterday'", "f is \"yesterday\"; " TIME_WANTED},
        {READ_TIME, "'f':''", "f is \"\"; " TIME_WANTED},
        {READ_TIME, "'f':253402300800000000", "f is 253402300800000000; " TIME_WANTED},
        {READ_TIME, "'f':-62135596800000001", "f is -62135596800000001; " TIME_WANTED},
        {READ_TIME, "'f':0.5", "f is 0.5; " TIME_WANTED},
        {READ_TIME, "'f':true", "f is true; " TIME_WANTED},
        {READ_CHOICE, "'f':'udp'", "f is \"udp\"; it must be \"tcp\" or \"ack\""},
        {READ_CHOICE, "'f':'TCP'", "f is \"TCP\"; it must be \"tcp\" or \"ack\""},
        {READ_CHOICE, "'f':0", "f is 0; it must be \"tcp\" or \"ack\""},
        {READ_ENCODINGS, "'encodings':'u32'", "encodings is \"u32\"; " ENCODINGS_WANTED},
        {READ_ENCODINGS, "'encodings':[1]", "encodings is an array; " ENCODINGS_WANTED},
        {READ_ENCODINGS, "'encodings':{}", "encodings is a map; " ENCODINGS_WANTED},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        for (BOTH(encoding)) {
            char json[128];
            snprintf(json, sizeof json, "{'op':'x',%s}", wrong[i].field);
            struct request request = request_from(encoding, json);
            struct error error = {.text = ""};
            int64_t value = 0;
            cr_assert_eq(read_field(wrong[i].reader, &request, &value, &error), STATUS_INVALID,
                         "%s", json);
            cr_assert_eq(error.status, STATUS_INVALID, "%s", json);
            cr_assert_str_eq(error.text, wrong[i].sentence);
            cr_assert_eq(value, UNTOUCHED, "%s", json);
        }
    }
}

Test(wire_request, a_sentence_quotes_only_the_beginning_of_a_long_text)
{
    struct request request = request_from(
        WIRE_JSON, "{'op':'x','f':'ééééééééééééééééééééééééééééééééééééééééééééééééééé'}");
    struct error error;
    int64_t value = 0;
    cr_assert_eq(request_integer(&request, "f", 0, 1, &value, &error), STATUS_INVALID);
    cr_assert_str_eq(error.text, "f is \"éééééééééééééééééééééééé…\"; "
                                 "it must be an integer from 0 to 1");
}

Test(wire_request, readers_may_go_without_a_sentence)
{
    struct request request = request_from(WIRE_MSGPACK, "{'op':'x','f':'y'}");
    int64_t value = 3;
    cr_assert_eq(request_integer(&request, "f", 0, 1, &value, NULL), STATUS_INVALID);
    cr_assert_eq(value, 3);
}

/* ---- symbols ---- */

Test(wire_request, a_query_of_symbols_has_defaults_and_bounds)
{
    static const struct {
        const char *json;
        enum status status;
        const char *prefix;
        size_t limit;
    } queries[] = {
        {"{'op':'symbols'}", STATUS_OK, "", WIRE_SYMBOLS_LIMIT},
        {"{'op':'symbols','prefix':'','limit':1}", STATUS_OK, "", 1},
        {"{'op':'symbols','prefix':'BINANCE:','limit':10000}", STATUS_OK, "BINANCE:", 10000},
        {"{'op':'symbols','limit':0}", STATUS_INVALID, NULL, 0},
        {"{'op':'symbols','limit':10001}", STATUS_INVALID, NULL, 0},
        {"{'op':'symbols','prefix':1}", STATUS_INVALID, NULL, 0},
        {"{'op':'symbols','prefix':[]}", STATUS_INVALID, NULL, 0},
    };
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        struct request request = request_from(WIRE_JSON, queries[i].json);
        struct symbols_query query = {.prefix = NULL, .limit = 0};
        struct error error;
        cr_assert_eq(symbols_query_read(&request, &query, &error), queries[i].status, "%s",
                     queries[i].json);
        cr_assert_eq(query.limit, queries[i].limit, "%s", queries[i].json);
        if (queries[i].status == STATUS_OK)
            cr_assert_str_eq(query.prefix, queries[i].prefix);
        else
            cr_assert_null(query.prefix);
    }
}

/* ---- codes ---- */

Test(wire_request, every_status_has_its_code)
{
    static const struct {
        enum status status;
        const char *code;
    } codes[] = {
        {STATUS_BAD_MESSAGE, "bad_message"},
        {STATUS_INVALID, "bad_argument"},
        {STATUS_NOT_FOUND, "not_found"},
        {STATUS_CONFLICT, "conflict"},
        {STATUS_LIMIT, "limit"},
        {STATUS_UNAUTHORIZED, "unauthorized"},
        {STATUS_FORBIDDEN, "forbidden"},
        {STATUS_UNAVAILABLE, "unavailable"},
        {STATUS_INTERNAL, "internal"},
        {STATUS_OK, "internal"},
        {STATUS_WAIT, "internal"},
        {STATUS_END, "internal"},
    };
    for (size_t i = 0; i < COUNT_OF(codes); i++)
        cr_assert_str_eq(wire_error_code(codes[i].status), codes[i].code);
}
