/*
 * What somebody may do, least to most: each role may do everything that the one before it may.
 * Pure, any thread.
 */
#ifndef TAPEDECK_AUTH_ROLE_H
#define TAPEDECK_AUTH_ROLE_H

#include <stdbool.h>

enum role {
    ROLE_NONE,     /* nobody has said yet who this is */
    ROLE_VIEWER,   /* reads: replays, candles, figures */
    ROLE_WRITER,   /* brings data in */
    ROLE_OPERATOR, /* runs the database's policies */
};

/* "viewer", "writer", "operator"; ROLE_NONE has the name "none", which no token can ask for. */
const char *role_name(enum role role);
/* False, and `role` untouched, when it is none of the three names. */
bool role_parse(const char *name, enum role *role);

#define ROLE_NAMES "viewer, writer or operator" /* for sentences */

#endif
