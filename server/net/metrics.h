/*
 * The metrics of the parts that net/ knows: every figure of theirs is named here, once.
 *
 * Bounded, whatever clients and the database do: labels are lanes, ops, kinds, codes and states,
 * of which there are as many as the program has; what a database names (tables, jobs) is cut at
 * METRICS_NAMED_MAX. There is no label for a client or a symbol. Figures are read without a lock,
 * or behind one that is held for a copy. Any thread.
 */
#ifndef TAPEDECK_NET_METRICS_H
#define TAPEDECK_NET_METRICS_H

#include "market/operations.h"
#include "net/metrics_text.h"

struct live_operations;
struct live_symbols;
struct server;
struct tape;

#define METRICS_NAMED_MAX 100 /* tables, policies, aggregates: of each */

void metrics_server(struct metrics_text *text, const struct server *server);
void metrics_tape(struct metrics_text *text, struct tape *tape);
void metrics_symbols(struct metrics_text *text, struct live_symbols *symbols);
void metrics_operations(struct metrics_text *text, struct live_operations *live);
/* The two parts of these; reports are borrowed, and NULL before the first one. */
void metrics_storage(struct metrics_text *text, const struct storage_report *report);
void metrics_policies(struct metrics_text *text, const struct policies_report *report);

#endif
