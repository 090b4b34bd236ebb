/*
 * What the database does by itself.
 *
 *   policies.subscribe {id} → policies.snapshot {id, timestamp, policies, aggregates}, then
 *     policies.event {id, job_id, status, error?} as runs end, and pushes of the snapshot
 *   policies.unsubscribe {id} → ok {id}
 *   policies.run|pause|resume {job_id} → ok {job_id}
 */
#ifndef TAPEDECK_WIRE_POLICIES_H
#define TAPEDECK_WIRE_POLICIES_H

#include "market/operations.h"
#include "wire/request.h"
#include "wire/storage.h"
#include "wire/writer.h"

#define POLICIES_MAX 1000 /* in a message */

enum status policies_job_read(const struct request *request, int32_t *job_id,
                              struct error *error) MUST_CHECK;

/* `request` NULL: a push. A policy's config is read by `decoder`, and nil where it cannot be. */
void policies_snapshot_write(struct writer *writer, const struct request *request, uint64_t id,
                             const struct policies_report *report, struct decoder *decoder);

struct policies_event {
    uint64_t id;
    int32_t job_id;
    enum policy_status status;
    const char *error; /* NULL: none */
};
void policies_event_write(struct writer *writer, const struct policies_event *event);
void policies_ok_write(struct writer *writer, const struct request *request, int32_t job_id);

/* ---- shared with HTTP ---- */

#define POLICIES_PAIRS 3
/* All pairs of a snapshot but ev, re and id. */
void policies_write_pairs(struct writer *writer, const struct policies_report *report,
                          struct decoder *decoder, enum wire_times times);

#endif
