/*
 * What store/pg_operations reports of a database: its sizes, its history and its policies, against
 * what PostgreSQL and TimescaleDB themselves say.
 */
#include "operations_support.h"

TestSuite(operations, .timeout = 240);

ON_BOTH_ENGINES(operations, every_request_is_answered)
{
    struct error error;
    struct pg_operations *operations = operations_start(database, 0);
    struct storage_report *storage;
    MUST(storage_of(operations, &storage, &error));
    cr_assert_not_null(table_named(storage, "tick_data"));
    cr_assert_not_null(table_named(storage, "candle_1h"));
    cr_assert_gt(storage->database_bytes, 0);
    cr_assert_not_null(storage->disk.path);
    cr_assert_gt(storage->disk.total_bytes, storage->disk.free_bytes);
    storage_report_free(&storage);

    struct policies_report *policies;
    MUST(policies_of(operations, &policies, &error));
    cr_assert_geq(policies->policy_count, 4);
    cr_assert_eq(policies->aggregate_count, 4);
    cr_assert_eq(policies->finding_count, 0);
    policies_report_free(&policies);

    struct storage_history *history;
    MUST(history_of(operations, 30, &history, &error));
    cr_assert_eq(history->sample_count, 0);
    storage_history_free(&history);
    MUST_FAIL(history_of(operations, 0, &history, &error), STATUS_INVALID);

    MUST_FAIL(act(operations, POLICY_RUN, 999999, &error), STATUS_NOT_FOUND);
    MUST_SAY("there is no policy 999999");
    struct pg_operations_statistics statistics = pg_operations_statistics(operations);
    cr_assert_eq(statistics.requests[PG_OPERATIONS_HISTORY], 2);
    cr_assert_eq(statistics.failures[PG_OPERATIONS_HISTORY], 1);
    cr_assert_eq(statistics.latencies[PG_OPERATIONS_ACTION].count, 1);
    cr_assert_eq(statistics.connects, 1);
    pg_operations_destroy(&operations);
}
