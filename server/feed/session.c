#include "base/assert.h"
#include "feed/client.h"

static const char expired_reason[] = "the token is no longer valid";

/* Not an answer, but the last thing that is said. */
static void say_unauthorized(struct feed *feed, const char *sentence)
{
    if (feed->closing)
        return;
    feed->session.role = ROLE_NONE;
    struct writer writer = feed_answer(feed);
    error_write(&writer, NULL, NULL, STATUS_UNAUTHORIZED, sentence);
    feed_answer_end(feed);
    feed_close(feed, CLOSE_UNAUTHORIZED, expired_reason);
}

static void deadline_fire(struct timer *timer, int64_t now_us)
{
    (void)now_us;
    struct session *session = CONTAINER_OF(timer, struct session, deadline);
    struct feed *feed = CONTAINER_OF(session, struct feed, session);
    say_unauthorized(feed, session->role == ROLE_NONE
                               ? "nobody has said who this is (auth), and it is not waited longer"
                               : "the token has expired: connect again with a new one");
}

static bool is_asked(const struct feed *feed)
{
    return feed->lane->gate != NULL && !gate_is_open(feed->lane->gate);
}

static void take_identity(struct feed *feed, const struct identity *identity, struct now now)
{
    struct session *session = &feed->session;
    ASSERT(identity->role > ROLE_NONE);
    session->identity = *identity;
    session->role = identity->role;
    wheel_cancel(feed->lane->wheel, &session->deadline);
    if (identity->expires_us == IDENTITY_NEVER)
        return;
    int64_t left_us = identity->expires_us - now.wall_us;
    wheel_arm(feed->lane->wheel, &session->deadline, now.monotonic_us + left_us);
}

void feed_session_begin(struct feed *feed, const struct feed_peer *peer, struct now now)
{
    struct session *session = &feed->session;
    *session = (struct session){.role = ROLE_NONE, .address = peer->address};
    timer_init(&session->deadline, deadline_fire);
    if (!is_asked(feed)) {
        const struct gate *gate = feed->lane->gate;
        session->role = gate != NULL ? gate_role_unproven(gate) : ROLE_OPERATOR;
    } else if (peer->identity != NULL) {
        take_identity(feed, peer->identity, now);
    } else {
        wheel_arm(feed->lane->wheel, &session->deadline, now.monotonic_us + FEED_UNPROVEN_US);
    }
}

void feed_session_end(struct feed *feed)
{
    wheel_cancel(feed->lane->wheel, &feed->session.deadline);
}

bool feed_is_unproven(const struct feed *feed)
{
    return feed->session.role == ROLE_NONE;
}

bool feed_has_expired(struct feed *feed, struct now now)
{
    const struct session *session = &feed->session;
    if (session->identity.role == ROLE_NONE || now.wall_us < session->identity.expires_us)
        return false;
    say_unauthorized(feed, "the token has expired: connect again with a new one");
    return true;
}

void feed_renew(struct feed *feed, struct now now)
{
    struct error error = {.text = ""};
    struct identity identity = feed->session.identity;
    if (feed->closing || !is_asked(feed) || identity.role == ROLE_NONE)
        return;
    if (gate_renew(feed->lane->gate, now.wall_us, &identity, &error) == STATUS_OK)
        take_identity(feed, &identity, now);
    else
        say_unauthorized(feed, error.text);
}

static void answer_ok(struct feed *feed, const struct request *request)
{
    const struct session *session = &feed->session;
    bool ends =
        session->identity.role > ROLE_NONE && session->identity.expires_us != IDENTITY_NEVER;
    struct writer writer = feed_answer(feed);
    auth_ok_write(&writer, request, role_name(session->role),
                  ends ? &session->identity.expires_us : NULL);
    feed_answer_end(feed);
}

/* A wrong one changes nothing: who was in stays in, as long as what was proven before lasts. */
void feed_auth(struct feed *feed, const struct request *request, struct now now)
{
    const char *token = NULL;
    struct identity identity;
    struct error error = {.text = ""};
    enum status status = request_text(request, "token", TOKEN_BYTES_MAX, &token, NULL);
    if (status != STATUS_OK || token == NULL) /* a sentence that does not quote it */
        status = error_set(&error, STATUS_INVALID,
                           "token must be a text of 1 to %d bytes: an API key or a JSON Web Token",
                           TOKEN_BYTES_MAX);
    if (status == STATUS_OK && is_asked(feed)) {
        status =
            gate_check(feed->lane->gate, &feed->session.address, token, now, &identity, &error);
        if (status == STATUS_OK)
            take_identity(feed, &identity, now);
    }
    if (status == STATUS_OK)
        answer_ok(feed, request); /* an open server takes any token for what everybody is */
    else
        feed_answer_error(feed, request, NULL, &error);
}
