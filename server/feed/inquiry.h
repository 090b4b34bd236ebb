/*
 * A question to the database about itself, or an operator's action, on its way. Whoever asked may
 * go away before the answer comes: then it is nobody's, but an action is logged all the same, and
 * the policies are looked at once it is done.
 *
 * At most INQUIRIES_MAX of a lane are on their way, those of nobody included: asking and hanging
 * up leaves no queue behind. Lane's thread.
 */
#ifndef TAPEDECK_FEED_INQUIRY_H
#define TAPEDECK_FEED_INQUIRY_H

#include "live/operations.h"

#define INQUIRIES_MAX 64
#define INQUIRY_WHO_BYTES 128

/* Those of one lane. */
struct inquiries {
    struct operations *operations; /* NULL: there is no database to ask */
    struct live_operations *live;  /* where `operations` is */
    struct inbox *inbox;
    size_t count; /* on their way */
};

struct inquiry;

/* The answer is there. It may drop the inquiry. */
typedef void inquiry_answered_fn(void *owner);

struct inquiry_asker {
    inquiry_answered_fn *answered;
    void *owner;
};

/* `limit`: 1 … STORAGE_HISTORY_MAX. STATUS_UNAVAILABLE: nobody to ask, or too many on their way. */
enum status inquiry_ask_history(struct inquiries *inquiries, size_t limit,
                                struct inquiry_asker asker, struct inquiry **inquiry,
                                struct error *error) MUST_CHECK;
/* `who` asks for it, for the log; copied, at most INQUIRY_WHO_BYTES. */
enum status inquiry_act(struct inquiries *inquiries, enum policy_action action, int32_t job_id,
                        const char *who, struct inquiry_asker asker, struct inquiry **inquiry,
                        struct error *error) MUST_CHECK;

/* STATUS_WAIT until the answer is there, then what it is. */
enum status inquiry_result(const struct inquiry *inquiry, struct error *error) MUST_CHECK;
/* Once the result of inquiry_ask_history is STATUS_OK; the inquiry's. */
const struct storage_history *inquiry_history(const struct inquiry *inquiry);
/* May be NULL, and is NULL afterwards. */
void inquiry_drop(struct inquiry **inquiry);

/* "run", "pause", "resume". */
const char *policy_action_name(enum policy_action action);

#endif
