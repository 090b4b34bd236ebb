#include "auth/attempts.h"

bool attempts_may_try(struct attempts *attempts, const struct address *address, int64_t now_us)
{
    struct allowance *left = address_allowances_find(&attempts->left, address);
    return left == NULL || allowance_has(left, 1, now_us);
}

void attempts_note_failure(struct attempts *attempts, const struct address *address, int64_t now_us)
{
    struct allowance *left = address_allowances_enter(&attempts->left, address, ATTEMPTS_PER_SECOND,
                                                      ATTEMPTS_AT_ONCE, now_us);
    (void)allowance_take(left, 1, now_us);
}
