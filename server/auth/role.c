#include "auth/role.h"

#include <string.h>

static const char *const names[] = {
    [ROLE_NONE] = "none",
    [ROLE_VIEWER] = "viewer",
    [ROLE_WRITER] = "writer",
    [ROLE_OPERATOR] = "operator",
};

const char *role_name(enum role role)
{
    return names[role];
}

bool role_parse(const char *name, enum role *role)
{
    for (enum role known = ROLE_VIEWER; known <= ROLE_OPERATOR; known++) {
        if (strcmp(name, names[known]) == 0) {
            *role = known;
            return true;
        }
    }
    return false;
}
