#include "base/address_allowances.h"

static struct address_allowance *place_of(struct address_allowances *table,
                                          const struct address *address)
{
    return table->entries[address_place(address, ADDRESS_ALLOWANCES_PLACES)];
}

struct allowance *address_allowances_find(struct address_allowances *table,
                                          const struct address *address)
{
    struct address_allowance *place = place_of(table, address);
    for (size_t i = 0; i < ADDRESS_ALLOWANCES_EACH; i++) {
        if (place[i].is_taken && address_equals(&place[i].address, address))
            return &place[i].allowance;
    }
    return NULL;
}

/* One that nobody has, or else the one that was used longest ago. */
static struct address_allowance *vacate(struct address_allowance *place)
{
    struct address_allowance *oldest = place;
    for (size_t i = 0; i < ADDRESS_ALLOWANCES_EACH; i++) {
        if (!place[i].is_taken)
            return &place[i];
        if (place[i].allowance.at_us < oldest->allowance.at_us)
            oldest = &place[i];
    }
    return oldest;
}

struct allowance *address_allowances_enter(struct address_allowances *table,
                                           const struct address *address, int64_t per_second,
                                           int64_t burst, int64_t now_us)
{
    struct allowance *own = address_allowances_find(table, address);
    if (own != NULL)
        return own;
    struct address_allowance *entry = vacate(place_of(table, address));
    entry->address = *address;
    entry->is_taken = true;
    allowance_init(&entry->allowance, per_second, burst, now_us);
    return &entry->allowance;
}
