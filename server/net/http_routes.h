/*
 * What answers each path: one function a route, a file for each group of them. They are called with
 * the parameters read and their names checked; they answer, or begin a work. Lane's thread.
 */
#ifndef TAPEDECK_NET_HTTP_ROUTES_H
#define TAPEDECK_NET_HTTP_ROUTES_H

#include "live/symbols.h"
#include "net/http.h"
#include "net/query.h"

typedef int http_route_fn(struct http_exchange *exchange, const struct query *query);

http_route_fn http_serve_metrics;
http_route_fn http_serve_symbols;
http_route_fn http_serve_candles;
http_route_fn http_serve_ticks;
http_route_fn http_serve_udf_config;
http_route_fn http_serve_udf_symbols;
http_route_fn http_serve_udf_search;
http_route_fn http_serve_udf_history;
http_route_fn http_serve_udf_time;
http_route_fn http_serve_storage;
http_route_fn http_serve_storage_tables;
http_route_fn http_serve_storage_sizes;
http_route_fn http_serve_storage_history;
http_route_fn http_serve_policies;

/* The names of their parameters, NULL at the end. */
extern const char *const http_symbols_parameters[];
extern const char *const http_candles_parameters[];
extern const char *const http_ticks_parameters[];
extern const char *const http_storage_history_parameters[];
extern const char *const http_no_parameters[];

/* The list of symbols, pinned; STATUS_UNAVAILABLE before there is one. */
enum status http_pin_symbols(const struct http_exchange *exchange, struct symbol_list **list,
                             struct error *error) MUST_CHECK;
/* What is known of the symbol that the parameter `symbol` names, copied. */
enum status http_find_symbol(const struct http_exchange *exchange, const struct query *query,
                             struct symbol *symbol, struct error *error) MUST_CHECK;
/* The parameters `from` and `to`, which stay when they are absent. STATUS_INVALID when `from` is
 * not before `to`. */
enum status http_read_range(const struct query *query, struct time_range *range,
                            struct error *error) MUST_CHECK;

#endif
