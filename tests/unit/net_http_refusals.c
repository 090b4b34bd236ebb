/*
 * Plain HTTP that is wrong: what is refused, and what the refusal says would be right.
 */
#include "net_http_fixture.h"

#include <stdio.h>
#include <string.h>

HTTP_SUITE(http_refusals);

Test(http_refusals, every_wrong_request_is_told_what_would_be_right)
{
    static const struct {
        const char *target;
        int status;
        const char *code;
        const char *says;
    } table[] = {
        {"/api/v1/nope", 404, "not_found", "/api/v1/candles"},
        {"/api", 404, "not_found", ""},
        {"/udf/marks", 404, "not_found", "/udf/"},
        {"/api/v1/symbols?limit=10001", 400, "limit", "10000"},
        {"/api/v1/symbols?limit=x", 400, "bad_argument", "from 1 to 10000"},
        {"/api/v1/symbols?prefx=a", 400, "bad_argument", "prefix, limit"},
        {CANDLES, 400, "bad_argument", "interval is missing"},
        {CANDLES "&interval=7x", 400, "bad_argument", "such as \"5m\""},
        {CANDLES "&interval=0m", 400, "bad_argument", "such as \"5m\""},
        {CANDLES "&interval=-1m", 400, "bad_argument", "such as \"5m\""},
        {CANDLES "&interval=", 400, "bad_argument", "such as \"5m\""},
        {CANDLES "&interval=111111111111111111m", 400, "bad_argument", "such as \"5m\""},
        {"/api/v1/candles?symbol=NOPE&interval=1m", 404, "not_found", "\"NOPE\""},
        {"/api/v1/candles?symbol=&interval=1m", 400, "bad_argument", "name of a symbol"},
        {"/api/v1/candles?interval=1m", 400, "bad_argument", "symbol is missing"},
        {"/api/v1/candles?symbol=A%26B%3D%2B+C&interval=1m", 404, "not_found", "\"A&B=+ C\""},
        {"/api/v1/candles?symbol=%E2%82%AC//../%2e&interval=1m", 404, "not_found",
         "\"\xE2\x82\xAC//../.\""},
        {"/api/v1/candles?symbol=%E2%82&interval=1m", 400, "bad_argument", "UTF-8"},
        {CANDLES "&interval=1m&limit=5001", 400, "limit", "5000"},
        {CANDLES "&interval=1m&limit=0", 400, "bad_argument", "from 1 to 5000"},
        {CANDLES "&interval=1m&interval=1m", 400, "bad_argument", "twice"},
        {CANDLES "&interval=1m&vwap=1", 400, "bad_argument", "true or false"},
        {CANDLES "&interval=1m&vwap", 400, "bad_argument", "true or false"},
        {CANDLES "&interval=1m&lmit=1", 400, "bad_argument", "there are: symbol"},
        {CANDLES "&interval=1m&from=2&to=2", 400, "bad_argument", "before"},
        {CANDLES "&interval=1m&from=never", 400, "bad_argument", "RFC 3339"},
        {TICKS "&format=xml", 400, "bad_argument", "\"ndjson\" or \"csv\""},
        {TICKS "&from=3&to=1", 400, "bad_argument", "before"},
        {TICKS "&limit=3", 400, "bad_argument", "there are: symbol, from, to, format"},
        {"/api/v1/ticks", 400, "bad_argument", "symbol is missing"},
        {"/api/v1/ticks?symbol=NOPE", 404, "not_found", "\"NOPE\""},
        {"/udf/symbols?symbol=NOPE", 404, "not_found", "\"NOPE\""},
        {"/udf/history?symbol=" LAB_SYMBOL "&resolution=1M&from=1", 400, "bad_argument", "240"},
        {"/udf/history?symbol=" LAB_SYMBOL "&resolution=1", 400, "bad_argument", "countback"},
        {"/udf/history?symbol=" LAB_SYMBOL "&resolution=1&from=x", 400, "bad_argument", "integer"},
        {"/udf/search?limit=-1", 400, "bad_argument", "from 1 to 1000"},
    };
    lab_start(&lab);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        get(table[i].target);
        cr_assert_eq(response.status, table[i].status, "%s: %s", table[i].target, response.text);
        json_t *tree = body_of(table[i].status);
        json_t *error = json_object_get(tree, "error");
        const char *message = json_string_value(json_object_get(error, "message"));
        cr_assert_str_eq(json_string_value(json_object_get(error, "code")), table[i].code, "%s",
                         table[i].target);
        cr_assert_not_null(strstr(message, table[i].says), "%s: %s", table[i].target, message);
        if (strncmp(table[i].target, "/udf/", 5) == 0 && strstr(table[i].target, "marks") == NULL)
            cr_assert_str_eq(json_string_value(json_object_get(tree, "errmsg")), message);
        json_decref(tree);
    }
}

Test(http_refusals, nothing_behind_a_question_mark_or_an_ampersand_is_no_parameter)
{
    static const char *const targets[] = {"/api/v1/symbols?", "/api/v1/symbols?limit=1&",
                                          "/api/v1/symbols?&&limit=1&&", "/api/v1/symbols?&"};
    lab_start(&lab);
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        get(targets[i]);
        cr_assert_eq(response.status, 200, "%s: %s", targets[i], response.text);
    }
    get("/api/v1/symbols?//");
    json_decref(body_of(400));
}

Test(http_refusals, too_many_parameters_and_too_long_ones_are_over_a_limit)
{
    char target[4096] = CANDLES "&interval=1m";
    lab_start(&lab);
    for (int i = 0; i < 15; i++)
        (void)snprintf(target + strlen(target), 16, "&p%d=1", i);
    get(target);
    json_decref(body_of(400));
    cr_assert_not_null(strstr(response.body, "more than 16"));
    strcpy(target, CANDLES "&interval=");
    memset(target + strlen(target), 'x', 2048);
    get(target);
    json_decref(body_of(400));
    cr_assert_not_null(strstr(response.body, "2048"));
}

Test(http_refusals, other_methods_are_told_which_there_are)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
    lab_start(&lab);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        http_response_deinit(&response);
        http_request(lab.port, methods[i], "/api/v1/symbols", NULL, &response);
        json_decref(body_of(405));
        cr_assert_str_eq(header("Allow"), "GET, HEAD", "%s", methods[i]);
    }
}

Test(http_refusals, pages_from_elsewhere_read_nothing_unless_they_are_listed)
{
    static const char *const origins[] = {"https://desk.example"};
    lab.options.allowed_origins = origins;
    lab.options.allowed_origin_count = 1;
    lab_start(&lab);
    get_with("/api/v1/symbols", "Origin: http://evil.example\r\n");
    json_decref(body_of(403));
    cr_assert_str_eq(header("Access-Control-Allow-Origin"), "");
    get_with("/api/v1/symbols", "Origin: https://desk.example\r\n");
    json_decref(body_of(200));
    cr_assert_str_eq(header("Access-Control-Allow-Origin"), "https://desk.example");
    get_with(CANDLES "&interval=1m", "Origin: https://desk.example\r\n");
    json_decref(body_of(200));
    cr_assert_str_eq(header("Access-Control-Allow-Origin"), "https://desk.example");
    get_with("/api/v1/symbols", "Origin: http://localhost\r\n");
    json_decref(body_of(200));
    cr_assert_str_eq(header("Access-Control-Allow-Origin"), "");
    cr_assert_str_eq(header("Vary"), "Origin");
}
