#include "replay/look_back.h"

/* Bid, ask and last: what a picture shows. */
#define PICTURE_FIELDS 3

static const enum tick_field picture_fields[PICTURE_FIELDS] = {TICK_BID, TICK_ASK, TICK_LAST};

/* Nothing more can be found further back. */
static bool is_complete(const struct last_values *values, unsigned lacks)
{
    bool complete = values->time != INT64_MIN;
    for (size_t i = 0; i < PICTURE_FIELDS; i++) {
        enum tick_field field = picture_fields[i];
        complete = complete &&
                   (values->fields[field] != DECIMAL_NULL || (lacks & TICK_FIELD_BIT(field)) != 0);
    }
    return complete;
}

/* What rows [first, end) of a block add to values that are newer. */
static void add_rows(const struct block *block, size_t first, size_t end,
                     struct last_values *values)
{
    if (values->time == INT64_MIN)
        values->time = block_time(block, end - 1);
    for (size_t i = 0; i < PICTURE_FIELDS; i++) {
        enum tick_field field = picture_fields[i];
        if (values->fields[field] == DECIMAL_NULL)
            values->fields[field] = block_newest(block, field, first, end);
    }
}

bool look_back(struct tape *tape, struct track *track, int64_t at, size_t *rows_left,
               struct last_values *values)
{
    *values = (struct last_values){.time = INT64_MIN};
    for (size_t field = 0; field < TICK_FIELDS; field++)
        values->fields[field] = DECIMAL_NULL;
    int64_t from = at - LOOK_BACK_US;
    if (from < TIME_MIN)
        from = TIME_MIN;
    unsigned lacks = track_lacks(track);
    while (at > from && !is_complete(values, lacks)) {
        struct tape_stretch stretch;
        if (!tape_peek(tape, track, at - 1, &stretch))
            return false;
        size_t first = 0;
        size_t end = 0;
        if (stretch.block != NULL) {
            first = block_find(stretch.block, from);
            end = block_find(stretch.block, at);
        }
        bool enough = end - first <= *rows_left;
        if (enough && end > first) {
            *rows_left -= end - first;
            add_rows(stretch.block, first, end, values);
        }
        at = stretch.range.from;
        tape_unpin(&stretch);
        if (!enough)
            return false;
    }
    return true;
}
