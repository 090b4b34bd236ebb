#include "app/changes.h"

#include "base/log.h"
#include "market/time.h"

#include <string.h>

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

void changes_init(struct changes *changes, struct tape *tape, struct live_symbols *symbols,
                  struct live_changes *live, struct scheduler *scheduler)
{
    *changes =
        (struct changes){.tape = tape, .symbols = symbols, .live = live, .scheduler = scheduler};
    pthread_mutex_init(&changes->lock, NULL);
}

void changes_deinit(struct changes *changes)
{
    pthread_mutex_destroy(&changes->lock);
}

/* Anything may have changed: the lanes are told when the list has been read. */
static void tell_later(struct changes *changes)
{
    pthread_mutex_lock(&changes->lock);
    changes->awaited = live_symbols_refresh(changes->symbols);
    pthread_mutex_unlock(&changes->lock);
}

static void tell_now(struct changes *changes, const struct change *change)
{
    live_changes_publish(changes->live, change->symbols, change->symbol_count, change->range);
    (void)live_symbols_refresh(changes->symbols);
}

static bool take_awaited(struct changes *changes, uint64_t refresh)
{
    pthread_mutex_lock(&changes->lock);
    bool is_due = changes->awaited > 0 && refresh >= changes->awaited;
    if (is_due)
        changes->awaited = 0;
    pthread_mutex_unlock(&changes->lock);
    return is_due;
}

/* Both lists are sorted by name. */
static void tell_ends(struct changes *changes, const struct symbol_list *before,
                      const struct symbol_list *list)
{
    size_t old = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct symbol *symbol = &list->symbols[i];
        while (old < before->count && strcmp(before->symbols[old].name, symbol->name) < 0)
            old++;
        bool is_known = old < before->count && strcmp(before->symbols[old].name, symbol->name) == 0;
        if (!is_known || before->symbols[old].to >= symbol->to)
            continue;
        struct time_range news = {.from = before->symbols[old].to, .to = symbol->to};
        live_changes_publish_listed(changes->live, symbol->name, news);
    }
}

void changes_listed(void *owner, uint64_t refresh, const struct symbol_list *before,
                    const struct symbol_list *list)
{
    struct changes *changes = owner;
    static const struct time_range all = {.from = TIME_MIN, .to = TIME_MAX + 1};
    if (take_awaited(changes, refresh))
        live_changes_publish(changes->live, NULL, 0, all);
    else if (before != NULL)
        tell_ends(changes, before, list);
}

/* A range to the end of time was not known, or could not be read. */
static bool has_range(const struct change *change)
{
    return change->range.to < TIME_MAX;
}

/* Where others have written late ticks and nobody knew, this is the first that is heard of them. */
static void forget_candles(struct changes *changes, const struct change *change)
{
    tape_invalidate_candles(changes->tape, change->range);
    if (has_range(change))
        live_changes_publish(changes->live, NULL, 0, change->range);
    else
        tell_later(changes);
}

static void apply_policy(struct changes *changes, bool is_due)
{
    if (is_due)
        scheduler_notice_job(changes->scheduler);
    if (changes->policies_changed != NULL)
        changes->policies_changed(changes->policies_owner);
}

static bool may_be_ticks(enum change_kind kind)
{
    return kind == CHANGE_TICKS || kind == CHANGE_FOREIGN || kind == CHANGE_UNKNOWN;
}

void changes_apply(void *owner, const struct change *change)
{
    struct changes *changes = owner;
    if (may_be_ticks(change->kind))
        scheduler_notice(changes->scheduler);
    switch (change->kind) {
    case CHANGE_TICKS:
    case CHANGE_WRITTEN:
        log_info("change.ticks", "by=%s symbols=%zu from=%s to=%s",
                 change->kind == CHANGE_WRITTEN ? "others" : "us", change->symbol_count,
                 time_format(change->range.from).text, time_format(change->range.to).text);
        forget_named(changes, change);
        if (has_range(change))
            tell_now(changes, change);
        else
            tell_later(changes);
        break;
    case CHANGE_FOREIGN:
        forget_ends(changes);
        tell_later(changes);
        break;
    case CHANGE_UNKNOWN:
        forget_named(changes, change);
        tell_later(changes);
        apply_policy(changes, true);
        break;
    case CHANGE_POLICY:
        apply_policy(changes, change->is_due);
        break;
    case CHANGE_SYMBOLS:
        (void)live_symbols_refresh(changes->symbols);
        break;
    case CHANGE_CANDLES:
        if (changes->heals)
            forget_candles(changes, change);
        break;
    case CHANGE_OTHER:
        break;
    }
}
