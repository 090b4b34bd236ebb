/*
 * The client's questions to the database about itself, and what an operator makes it do:
 * storage.history, policies.run, pause and resume. The history is written when the socket can take
 * it; an action's answer is queued as soon as it is known, so that it precedes the events that
 * follow from it. Lane's thread.
 */
#include "feed/client.h"

#include "base/assert.h"
#include "base/mem.h"
#include "wire/policies.h"
#include "wire/storage.h"

#include <stdio.h>

struct client_inquiry {
    struct speaker speaker;
    struct request asked; /* only what an answer needs of it */
    bool is_action;
    int32_t job_id;
    struct inquiry *inquiry;
};

static struct client_inquiry *inquiry_of(struct speaker *speaker)
{
    ASSERT(speaker->kind == SPEAKER_INQUIRY);
    return CONTAINER_OF(speaker, struct client_inquiry, speaker);
}

void feed_inquiry_drop(struct speaker *speaker)
{
    struct client_inquiry *mine = inquiry_of(speaker);
    feed_speaker_leave(speaker);
    inquiry_drop(&mine->inquiry);
    mem_free(mine);
}

static void answer_action(struct client_inquiry *mine)
{
    struct feed *feed = mine->speaker.feed;
    struct error error = {.text = ""};
    if (inquiry_result(mine->inquiry, &error) == STATUS_OK) {
        struct writer writer = feed_answer(feed);
        policies_ok_write(&writer, &mine->asked, mine->job_id);
        feed_answer_end(feed);
    } else {
        feed_answer_error(feed, &mine->asked, NULL, &error);
    }
    feed_inquiry_drop(&mine->speaker);
}

static void answered(void *owner)
{
    struct client_inquiry *mine = owner;
    if (mine->is_action)
        answer_action(mine);
    else
        feed_speaker_wake(&mine->speaker);
}

static enum status check_room(const struct feed *feed, struct error *error)
{
    size_t count = feed->speaker_counts[SPEAKER_INQUIRY];
    if (count >= FEED_INQUIRIES_MAX)
        return error_set(error, STATUS_LIMIT,
                         "%zu requests about the database wait for their answer, the most there "
                         "may be: ask again when one has come",
                         count);
    return STATUS_OK;
}

static struct client_inquiry *create(struct feed *feed, const struct request *request)
{
    struct client_inquiry *mine = MEM_NEW(struct client_inquiry);
    mine->asked = (struct request){.has_req = request->has_req, .req = request->req};
    feed_speaker_join(feed, &mine->speaker, SPEAKER_INQUIRY, 0);
    return mine;
}

void feed_storage_history(struct feed *feed, const struct request *request, struct now now)
{
    (void)now;
    size_t limit = 0;
    struct error error = {.text = ""};
    enum status status = storage_history_limit_read(request, &limit, &error);
    if (status == STATUS_OK)
        status = check_room(feed, &error);
    if (status != STATUS_OK) {
        feed_answer_error(feed, request, NULL, &error);
        return;
    }
    struct client_inquiry *mine = create(feed, request);
    struct inquiry_asker asker = {.answered = answered, .owner = mine};
    if (inquiry_ask_history(&feed->lane->inquiries, limit, asker, &mine->inquiry, &error) ==
        STATUS_OK)
        return;
    feed_answer_error(feed, request, NULL, &error);
    feed_inquiry_drop(&mine->speaker);
}

struct who {
    char text[INQUIRY_WHO_BYTES];
};

/* Who an operator is, as far as the connection knows: "desk (operator) 10.0.0.7". */
static struct who who_asks(const struct feed *feed)
{
    const struct session *session = &feed->session;
    const char *name = session->identity.name;
    struct who who;
    (void)snprintf(who.text, sizeof who.text, "%s%s(%s) %s", name, name[0] != '\0' ? " " : "",
                   role_name(session->role), address_format(&session->address).text);
    return who;
}

static void act(struct feed *feed, const struct request *request, enum policy_action action)
{
    int32_t job_id = 0;
    struct error error = {.text = ""};
    enum status status = policies_job_read(request, &job_id, &error);
    if (status == STATUS_OK)
        status = check_room(feed, &error);
    if (status != STATUS_OK) {
        feed_answer_error(feed, request, NULL, &error);
        return;
    }
    struct client_inquiry *mine = create(feed, request);
    mine->is_action = true;
    mine->job_id = job_id;
    struct inquiry_asker asker = {.answered = answered, .owner = mine};
    if (inquiry_act(&feed->lane->inquiries, action, job_id, who_asks(feed).text, asker,
                    &mine->inquiry, &error) == STATUS_OK)
        return;
    feed_answer_error(feed, request, NULL, &error);
    feed_inquiry_drop(&mine->speaker);
}

void feed_policies_run(struct feed *feed, const struct request *request, struct now now)
{
    (void)now;
    act(feed, request, POLICY_RUN);
}

void feed_policies_pause(struct feed *feed, const struct request *request, struct now now)
{
    (void)now;
    act(feed, request, POLICY_PAUSE);
}

void feed_policies_resume(struct feed *feed, const struct request *request, struct now now)
{
    (void)now;
    act(feed, request, POLICY_RESUME);
}

enum status feed_inquiry_say(struct speaker *speaker, struct now now, struct buffer *out)
{
    struct client_inquiry *mine = inquiry_of(speaker);
    struct feed *feed = speaker->feed;
    struct error error = {.text = ""};
    enum status status = STATUS_WAIT;
    if (!mine->is_action)
        status = inquiry_result(mine->inquiry, &error);
    if (status == STATUS_WAIT)
        return STATUS_WAIT;
    error.status = status;
    size_t before = out->count;
    struct writer writer;
    writer_init(&writer, out, feed->encoding);
    if (status == STATUS_OK)
        storage_history_write(&writer, &mine->asked, inquiry_history(mine->inquiry));
    else
        feed_write_error(feed, &writer, &mine->asked, NULL, &error);
    throttle_charge(&feed->throttle, out->count - before, now.monotonic_us);
    feed_inquiry_drop(speaker);
    return out->failed ? STATUS_LIMIT : STATUS_OK;
}
