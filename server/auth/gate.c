#include "auth/gate.h"

#include "auth/attempts.h"
#include "auth/verifier.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "base/mem.h"

#include <pthread.h>

struct gate {
    enum role open_role;       /* ROLE_NONE: not open */
    pthread_mutex_t lock;      /* of the next two */
    struct verifier *verifier; /* NULL: open */
    struct attempts attempts;
    struct log_limit refused_log;
    struct log_limit admitted_log;
};

static struct gate *create(enum role open_role, struct verifier *verifier)
{
    struct gate *gate = MEM_NEW(struct gate);
    gate->open_role = open_role;
    gate->verifier = verifier;
    pthread_mutex_init(&gate->lock, NULL);
    return gate;
}

struct gate *gate_create_open(enum role role)
{
    ASSERT(role > ROLE_NONE);
    return create(role, NULL);
}

struct gate *gate_create(struct verifier *verifier)
{
    ASSERT(verifier != NULL);
    return create(ROLE_NONE, verifier);
}

void gate_destroy(struct gate **gate)
{
    struct gate *gone = *gate;
    *gate = NULL;
    if (gone == NULL)
        return;
    verifier_unpin(&gone->verifier);
    pthread_mutex_destroy(&gone->lock);
    mem_free(gone);
}

bool gate_is_open(const struct gate *gate)
{
    return gate->open_role > ROLE_NONE;
}

enum role gate_role_unproven(const struct gate *gate)
{
    return gate->open_role;
}

void gate_change(struct gate *gate, struct verifier *verifier)
{
    ASSERT(!gate_is_open(gate));
    ASSERT(verifier != NULL);
    pthread_mutex_lock(&gate->lock);
    struct verifier *before = gate->verifier;
    gate->verifier = verifier;
    pthread_mutex_unlock(&gate->lock);
    verifier_unpin(&before);
}

static struct verifier *pin_verifier(struct gate *gate)
{
    ASSERT(!gate_is_open(gate));
    pthread_mutex_lock(&gate->lock);
    struct verifier *verifier = gate->verifier;
    verifier_pin(verifier);
    pthread_mutex_unlock(&gate->lock);
    return verifier;
}

static bool may_try(struct gate *gate, const struct address *address, int64_t now_us)
{
    pthread_mutex_lock(&gate->lock);
    bool may = attempts_may_try(&gate->attempts, address, now_us);
    pthread_mutex_unlock(&gate->lock);
    return may;
}

static void note_failure(struct gate *gate, const struct address *address, int64_t now_us)
{
    pthread_mutex_lock(&gate->lock);
    attempts_note_failure(&gate->attempts, address, now_us);
    pthread_mutex_unlock(&gate->lock);
}

static void log_refused(struct gate *gate, const struct address *address, const char *why,
                        int64_t now_us)
{
    unsigned swallowed;
    if (log_limit_pass(&gate->refused_log, now_us, &swallowed))
        log_warn("auth.refuse", "address=%s swallowed=%u reason=%s", address_format(address).text,
                 swallowed, LOG_QUOTE(why));
}

static void log_admitted(struct gate *gate, const struct address *address,
                         const struct identity *identity, int64_t now_us)
{
    unsigned swallowed;
    if (log_limit_pass(&gate->admitted_log, now_us, &swallowed))
        log_info("auth.admit", "address=%s name=%s role=%s swallowed=%u",
                 address_format(address).text, LOG_QUOTE(identity->name), role_name(identity->role),
                 swallowed);
}

enum status gate_check(struct gate *gate, const struct address *address, const char *token,
                       struct now now, struct identity *identity, struct error *error)
{
    struct error why = {.text = ""};
    if (!may_try(gate, address, now.monotonic_us)) {
        log_refused(gate, address, "too many failures", now.monotonic_us);
        return error_set(error, STATUS_LIMIT,
                         "too many wrong tokens have come from your address: wait some seconds "
                         "(%d at once, %d a second)",
                         ATTEMPTS_AT_ONCE, ATTEMPTS_PER_SECOND);
    }
    struct verifier *verifier = pin_verifier(gate);
    enum status status = verifier_check(verifier, token, now.wall_us, identity, &why);
    verifier_unpin(&verifier);
    if (status == STATUS_OK) {
        log_admitted(gate, address, identity, now.monotonic_us);
        return STATUS_OK;
    }
    note_failure(gate, address, now.monotonic_us);
    log_refused(gate, address, why.text, now.monotonic_us);
    return error_set(error, status, "%s", why.text);
}

enum status gate_renew(struct gate *gate, int64_t wall_us, struct identity *identity,
                       struct error *error)
{
    struct verifier *verifier = pin_verifier(gate);
    enum status status = verifier_renew(verifier, wall_us, identity, error);
    verifier_unpin(&verifier);
    return status;
}
