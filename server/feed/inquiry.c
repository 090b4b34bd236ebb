#include "feed/inquiry.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>

struct inquiry {
    struct inquiries *lane;
    struct inquiry_asker asker; /* without `answered`: nobody's any more */
    bool is_answered;
    bool is_action;
    char who[INQUIRY_WHO_BYTES];
    union {
        struct operations_request request; /* first in both */
        struct storage_history_request history;
        struct policy_action_request action;
    } as;
};

const char *policy_action_name(enum policy_action action)
{
    static const char *const names[] = {
        [POLICY_RUN] = "run", [POLICY_PAUSE] = "pause", [POLICY_RESUME] = "resume"};
    return names[action];
}

static void inquiry_free(struct inquiry *inquiry)
{
    if (!inquiry->is_action)
        storage_history_free(&inquiry->as.history.history);
    mem_free(inquiry);
}

static void note_action(const struct inquiry *inquiry)
{
    const struct policy_action_request *action = &inquiry->as.action;
    enum status status = action->request.status;
    log_info("policy.action", "action=%s job_id=%d by=%s status=%s error=%s",
             policy_action_name(action->action), (int)action->job_id, LOG_QUOTE(inquiry->who),
             status_name(status), LOG_QUOTE(status != STATUS_OK ? action->request.error.text : ""));
    /* Also after a failure: a connection that broke does not tell whether it was done. */
    (void)live_operations_look(inquiry->lane->live);
}

static void deliver(struct letter *letter)
{
    struct operations_request *request = CONTAINER_OF(letter, struct operations_request, letter);
    struct inquiry *inquiry = CONTAINER_OF(request, struct inquiry, as.request);
    ASSERT(inquiry->lane->count > 0);
    inquiry->lane->count--;
    inquiry->is_answered = true;
    if (inquiry->is_action)
        note_action(inquiry);
    if (inquiry->asker.answered != NULL)
        inquiry->asker.answered(inquiry->asker.owner);
    else
        inquiry_free(inquiry);
}

static enum status begin(struct inquiries *inquiries, struct inquiry_asker asker,
                         struct inquiry **inquiry, struct error *error)
{
    if (inquiries->operations == NULL)
        return error_set(error, STATUS_UNAVAILABLE, "this server does not watch its database");
    if (inquiries->count >= INQUIRIES_MAX)
        return error_set(error, STATUS_UNAVAILABLE,
                         "too many questions to the database are under way, try again");
    struct inquiry *begun = MEM_NEW(struct inquiry);
    inquiries->count++;
    begun->lane = inquiries;
    begun->asker = asker;
    letter_init(&begun->as.request.letter, deliver);
    list_init(&begun->as.request.node);
    begun->as.request.inbox = inquiries->inbox;
    *inquiry = begun;
    return STATUS_OK;
}

enum status inquiry_ask_history(struct inquiries *inquiries, size_t limit,
                                struct inquiry_asker asker, struct inquiry **inquiry,
                                struct error *error)
{
    enum status status = begin(inquiries, asker, inquiry, error);
    if (status != STATUS_OK)
        return status;
    (*inquiry)->as.history.limit = limit;
    operations_history(inquiries->operations, &(*inquiry)->as.history);
    return STATUS_OK;
}

enum status inquiry_act(struct inquiries *inquiries, enum policy_action action, int32_t job_id,
                        const char *who, struct inquiry_asker asker, struct inquiry **inquiry,
                        struct error *error)
{
    enum status status = begin(inquiries, asker, inquiry, error);
    if (status != STATUS_OK)
        return status;
    (*inquiry)->is_action = true;
    (*inquiry)->as.action.action = action;
    (*inquiry)->as.action.job_id = job_id;
    (void)snprintf((*inquiry)->who, sizeof(*inquiry)->who, "%s", who);
    operations_act(inquiries->operations, &(*inquiry)->as.action);
    return STATUS_OK;
}

enum status inquiry_result(const struct inquiry *inquiry, struct error *error)
{
    if (!inquiry->is_answered)
        return STATUS_WAIT;
    *error = inquiry->as.request.error;
    return inquiry->as.request.status;
}

const struct storage_history *inquiry_history(const struct inquiry *inquiry)
{
    ASSERT(inquiry->is_answered);
    ASSERT(!inquiry->is_action);
    return inquiry->as.history.history;
}

void inquiry_drop(struct inquiry **inquiry)
{
    struct inquiry *mine = *inquiry;
    *inquiry = NULL;
    if (mine == NULL)
        return;
    mine->asker = (struct inquiry_asker){.answered = NULL};
    if (mine->is_answered)
        inquiry_free(mine);
}
