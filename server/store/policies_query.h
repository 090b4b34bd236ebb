/*
 * What a database says about its background jobs, and asking them to run, pause and resume.
 *
 * On the thread that owns the connection. A report is the caller's (policies_report_free).
 */
#ifndef TAPEDECK_STORE_POLICIES_QUERY_H
#define TAPEDECK_STORE_POLICIES_QUERY_H

#include "market/operations.h"
#include "store/connection.h"

enum status policies_query_report(struct connection *connection, struct policies_report **report,
                                  struct error *error) MUST_CHECK;
/* As struct policy_action_request. After the commit of POLICY_RUN: policies_query_wake. */
enum status policies_query_act(struct connection *connection, enum policy_action action,
                               int32_t job_id, struct error *error) MUST_CHECK;

/* Lets the engine look at once for jobs that are due. */
enum status policies_query_wake(struct connection *connection, struct error *error) MUST_CHECK;

#endif
