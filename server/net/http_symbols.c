/*
 * GET /api/v1/symbols, and finding the symbol of a request. Lane's thread.
 */
#include "wire/http_symbols.h"

#include "net/http_answer.h"
#include "net/http_routes.h"
#include "wire/symbols.h"

#include <string.h>

const char *const http_symbols_parameters[] = {"prefix", "limit", NULL};

enum status http_pin_symbols(const struct http_exchange *exchange, struct symbol_list **list,
                             struct error *error)
{
    *list = live_symbols_pin(exchange->lane->symbols);
    if (*list != NULL)
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE,
                     "the database has not been reached yet: ask again in a moment");
}

enum status http_find_symbol(const struct http_exchange *exchange, const struct query *query,
                             struct symbol *symbol, struct error *error)
{
    struct symbol_list *list;
    const char *name = query_text(query, "symbol");
    if (name == NULL || symbol_check(name, strlen(name), NULL) != STATUS_OK)
        return query_refuse(query, "symbol", "the name of a symbol, such as SIM:BTCUSD", error);
    enum status status = http_pin_symbols(exchange, &list, error);
    if (status != STATUS_OK)
        return status;
    const struct symbol *found = symbol_list_find(list, name);
    if (found != NULL)
        *symbol = *found;
    else
        status = error_set(error, STATUS_NOT_FOUND,
                           "there is no symbol \"%s\"; /api/v1/symbols lists them", name);
    symbol_list_unpin(&list);
    return status;
}

enum status http_read_range(const struct query *query, struct time_range *range,
                            struct error *error)
{
    struct time_range read = *range;
    enum status status = query_time(query, "from", &read.from, error);
    if (status == STATUS_OK)
        status = query_time(query, "to", &read.to, error);
    if (status != STATUS_OK)
        return status;
    bool has_both = query_text(query, "from") != NULL && query_text(query, "to") != NULL;
    if (has_both && read.from >= read.to)
        return error_set(error, STATUS_INVALID, "from must be before to");
    *range = read;
    return STATUS_OK;
}

static size_t count_matches(const struct symbol_list *list, size_t first, const char *prefix,
                            size_t limit)
{
    size_t bytes = strlen(prefix);
    size_t count = 0;
    while (count < limit && first + count < list->count &&
           strncmp(list->symbols[first + count].name, prefix, bytes) == 0)
        count++;
    return count;
}

int http_serve_symbols(struct http_exchange *exchange, const struct query *query)
{
    struct error error = {.text = ""};
    struct symbol_list *list;
    size_t limit = WIRE_SYMBOLS_LIMIT;
    enum status status =
        query_count(query, "limit", WIRE_SYMBOLS_LIMIT_MAX, "symbols", &limit, &error);
    if (status == STATUS_OK)
        status = http_pin_symbols(exchange, &list, &error);
    if (status != STATUS_OK)
        return http_answer_error(exchange, &error);
    const char *text = query_text(query, "prefix");
    const char *prefix = text != NULL ? text : "";
    size_t first = symbol_list_first(list, prefix);
    struct buffer body;
    buffer_init(&body, HTTP_ANSWER_BYTES_MAX);
    http_symbols_write(&body, list->symbols + first, count_matches(list, first, prefix, limit));
    symbol_list_unpin(&list);
    struct http_answer answer = {.status = 200, .content_type = HTTP_TYPE_JSON};
    return http_answer_take(exchange, &answer, &body);
}
