/*
 * libFuzzer target: any bytes as the parameters of a request over HTTP, one a line, and every value
 * through every reader of them.
 */
#include "base/assert.h"
#include "market/interval.h"
#include "market/time.h"
#include "net/query.h"
#include "net/web_file.h"
#include "wire/http_ticks.h"
#include "wire/http_udf.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void read_value(const struct query *query, const char *name)
{
    struct error error = {.text = ""};
    const char *text = query_text(query, name);
    enum http_ticks_format format;
    int64_t value = 0;
    size_t things = 0;
    if (query_integer(query, name, -10, 10, &value, &error) == STATUS_OK)
        ASSERT(value >= -10 && value <= 10);
    if (query_count(query, name, 5000, "candles", &things, &error) == STATUS_OK)
        ASSERT(things >= 1 && things <= 5000);
    if (query_time(query, name, &value, &error) == STATUS_OK)
        ASSERT(value >= TIME_MIN && value <= TIME_MAX);
    if (http_udf_resolution_read(text, &value) == STATUS_OK)
        ASSERT(value >= TIME_SECOND_US && value <= INTERVAL_MAX_US);
    (void)!http_ticks_format_read(text, &format);
    (void)web_etag_matches(text, "\"1-2\"");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static const char *const names[] = {"symbol", "limit", NULL};
    struct query query;
    struct error error = {.text = ""};
    query_init(&query);
    while (count > 0) {
        const uint8_t *end = memchr(bytes, '\n', count);
        size_t line = end != NULL ? (size_t)(end - bytes) : count;
        (void)!query_add(&query, (const char *)bytes, line, &error);
        line += end != NULL;
        bytes += line;
        count -= line;
    }
    ASSERT(query.count <= QUERY_PARAMETERS_MAX);
    (void)!query_check_names(&query, names, &error);
    for (size_t i = 0; i < query.count; i++)
        read_value(&query, query.parameters[i].name);
    return 0;
}
