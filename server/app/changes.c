#include "app/changes.h"

#include "base/log.h"
#include "market/time.h"

/* Foreign writers do not say what they wrote. They append, mostly: what is known of the end of
 * each symbol, and a little before it for late ticks, is forgotten. */
#define FOREIGN_LATE_US TIME_HOUR_US

static void forget_named(struct changes *changes, const struct change *change)
{
    if (change->symbol_count == 0)
        tape_invalidate(changes->tape, NULL, change->range);
    for (size_t i = 0; i < change->symbol_count; i++)
        tape_invalidate(changes->tape, change->symbols[i], change->range);
}

static void forget_ends(struct changes *changes)
{
    struct symbol_list *list = live_symbols_pin(changes->symbols);
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        struct time_range end = {.from = list->symbols[i].to - FOREIGN_LATE_US, .to = INT64_MAX};
        tape_invalidate(changes->tape, list->symbols[i].name, end);
    }
    symbol_list_unpin(&list);
}

void changes_apply(void *owner, const struct change *change)
{
    struct changes *changes = owner;
    if (change->kind != CHANGE_CANDLES && change->kind != CHANGE_OTHER)
        scheduler_notice(changes->scheduler);
    switch (change->kind) {
    case CHANGE_TICKS:
        log_info("change.ticks", "symbols=%zu from=%s to=%s", change->symbol_count,
                 time_format(change->range.from).text, time_format(change->range.to).text);
        forget_named(changes, change);
        live_symbols_refresh(changes->symbols);
        break;
    case CHANGE_FOREIGN:
        forget_ends(changes);
        live_symbols_refresh(changes->symbols);
        break;
    case CHANGE_UNKNOWN:
        forget_named(changes, change);
        live_symbols_refresh(changes->symbols);
        break;
    case CHANGE_CANDLES:
    case CHANGE_OTHER:
        break;
    }
}
