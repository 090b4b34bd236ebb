/*
 * Who gets in, and as what: one for all lanes. Holds the verifier of the moment and who has failed
 * too often, behind a lock that is held for a few instructions; and writes the log lines, in which
 * names stand only when they were proven, and tokens never.
 *
 * A server that knows no key asks nobody: everybody has the open role. Any thread, but for
 * create and destroy.
 */
#ifndef TAPEDECK_AUTH_GATE_H
#define TAPEDECK_AUTH_GATE_H

#include "auth/identity.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/status.h"

#include <stdbool.h>

struct gate;
struct verifier;

/* Open: everybody has this role. */
struct gate *gate_create_open(enum role role);
/* Everybody must prove who they are. Takes the pin. */
struct gate *gate_create(struct verifier *verifier);
/* Nobody may be in it any more. */
void gate_destroy(struct gate **gate);

bool gate_is_open(const struct gate *gate);
/* Of somebody who has proven nothing: the open role, or ROLE_NONE. */
enum role gate_role_unproven(const struct gate *gate);

/* From now on these keys. Takes the pin. Not of an open gate. */
void gate_change(struct gate *gate, struct verifier *verifier);

/* Not of an open gate. STATUS_UNAUTHORIZED; STATUS_LIMIT when this address has failed too often,
 * then the token has not been looked at. `identity` is untouched unless STATUS_OK. */
enum status gate_check(struct gate *gate, const struct address *address, const char *token,
                       struct now now, struct identity *identity, struct error *error) MUST_CHECK;
/* Likewise, of somebody who is in, after the keys have changed: STATUS_UNAUTHORIZED when what was
 * proven does not count any more. */
enum status gate_renew(struct gate *gate, int64_t wall_us, struct identity *identity,
                       struct error *error) MUST_CHECK;

#endif
