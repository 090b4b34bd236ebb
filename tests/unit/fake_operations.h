/*
 * A database that tells of itself, in memory: what a test says it holds is what is answered, at
 * once, or when the test lets it. Any thread; what the test changes it changes under the lock.
 */
#ifndef TAPEDECK_TESTS_FAKE_OPERATIONS_H
#define TAPEDECK_TESTS_FAKE_OPERATIONS_H

#include "market/operations.h"

#include <stdatomic.h>

#define FAKE_POLICIES_MAX 8
#define FAKE_NOW INT64_C(1723161255088169)

enum fake_mood {
    FAKE_ANSWERS,
    FAKE_HOLDS, /* requests wait for fake_operations_release */
    FAKE_FAILS, /* with STATUS_UNAVAILABLE */
};

struct fake_operations {
    struct operations operations;
    pthread_mutex_t lock;
    enum fake_mood mood;
    struct list held[4]; /* of each kind of request */
    /* What is answered; texts are the test's. */
    int64_t now;
    int64_t database_bytes;
    struct storage_disk disk; /* path NULL: none */
    int64_t overdue_chunks;
    struct policy policies[FAKE_POLICIES_MAX]; /* by job_id */
    size_t policy_count;
    struct aggregate aggregate; /* view NULL: none */
    const char *finding;        /* NULL: none */
    enum status act_status;
    /* What was asked. */
    atomic_uint storage_asked;
    atomic_uint policies_asked;
    atomic_uint history_asked;
    atomic_uint acted;
    size_t history_limit;
    struct policy_action_request last_action; /* only action and job_id */
};

/* 100 MiB in tick_data and candle_1m, and no policy. */
void fake_operations_init(struct fake_operations *fake);
/* What is held is answered with STATUS_UNAVAILABLE. */
void fake_operations_deinit(struct fake_operations *fake);

void fake_operations_be(struct fake_operations *fake, enum fake_mood mood);
/* Answers what is held as its mood is now. */
void fake_operations_release(struct fake_operations *fake);

/* A policy that has never run; job_ids must grow. */
struct policy *fake_operations_policy(struct fake_operations *fake, int32_t job_id,
                                      enum policy_kind kind, char *target);
/* The same by its number. */
struct policy *fake_operations_find(struct fake_operations *fake, int32_t job_id);
/* A run of it, begun and ended now; `error` NULL: it went well. Takes the lock. */
void fake_operations_run(struct fake_operations *fake, int32_t job_id, char *error);

/* Reports as the fake gives them; the caller's. */
struct storage_report *fake_operations_storage(struct fake_operations *fake);
struct policies_report *fake_operations_policies(struct fake_operations *fake);

#endif
