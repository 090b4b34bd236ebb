#include "auth/attempts.h"

static struct allowance *find(struct attempts *attempts, const struct address *address)
{
    size_t place = address_place(address, ATTEMPTS_PLACES);
    for (size_t i = 0; i < ATTEMPTS_ENTRIES; i++) {
        if (attempts->entries[place][i].is_taken &&
            address_equals(&attempts->entries[place][i].address, address))
            return &attempts->entries[place][i].left;
    }
    return NULL;
}

static struct allowance *replace(struct attempts *attempts, const struct address *address,
                                 int64_t now_us)
{
    size_t place = address_place(address, ATTEMPTS_PLACES);
    size_t oldest = 0;
    for (size_t i = 0; i < ATTEMPTS_ENTRIES; i++) {
        if (!attempts->entries[place][i].is_taken) {
            oldest = i;
            break;
        }
        if (attempts->entries[place][i].left.at_us < attempts->entries[place][oldest].left.at_us)
            oldest = i;
    }
    attempts->entries[place][oldest].is_taken = true;
    attempts->entries[place][oldest].address = *address;
    struct allowance *left = &attempts->entries[place][oldest].left;
    allowance_init(left, ATTEMPTS_PER_SECOND, ATTEMPTS_AT_ONCE, now_us);
    return left;
}

bool attempts_may_try(struct attempts *attempts, const struct address *address, int64_t now_us)
{
    struct allowance *left = find(attempts, address);
    return left == NULL || allowance_has(left, 1, now_us);
}

void attempts_note_failure(struct attempts *attempts, const struct address *address, int64_t now_us)
{
    struct allowance *left = find(attempts, address);
    if (left == NULL)
        left = replace(attempts, address, now_us);
    (void)allowance_take(left, 1, now_us);
}
