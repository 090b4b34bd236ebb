/*
 * Where the stretches of a load end.
 *
 * The thread that reads the load. Owns the builder. Never holds a row back longer than until the
 * next one shows that its stretch is over.
 */
#include "store/stretch_cutter.h"

#include "base/assert.h"

void stretch_cutter_init(struct stretch_cutter *cutter)
{
    *cutter = (struct stretch_cutter){.load = NULL};
    block_builder_init(&cutter->builder);
}

void stretch_cutter_deinit(struct stretch_cutter *cutter)
{
    block_builder_deinit(&cutter->builder);
}

void stretch_cutter_begin(struct stretch_cutter *cutter, struct tick_load *load,
                          struct load_progress *progress)
{
    load_progress_check(progress, load);
    cutter->load = load;
    cutter->progress = progress;
    block_builder_clear(&cutter->builder, load->backward);
}

/* ---- publishing ---- */

/* The `rows` rows that came first, as the stretch that ends at `end`. */
static void publish_rows(struct stretch_cutter *cutter, size_t rows, int64_t end)
{
    struct load_progress *progress = cutter->progress;
    struct time_range range = load_progress_until(progress, cutter->load, end);
    struct block *block = block_builder_seal_first(&cutter->builder, rows, range);
    if (progress->step_us < cutter->load->grain_us)
        progress->step_us *= 2;
    cutter->last_instant_row = 0;
    load_progress_publish(progress, cutter->load, range, block);
}

/* ---- where stretches end ---- */

static int64_t step_floor(int64_t time, int64_t step_us)
{
    int64_t rest = time % step_us;
    return time - (rest < 0 ? rest + step_us : rest);
}

/* The step that holds `time`, as far as it is left. */
static struct time_range step_around(const struct load_progress *progress, int64_t time)
{
    const struct time_range *left = &progress->left;
    int64_t from = step_floor(time, progress->step_us);
    bool ends_before = left->to - from > progress->step_us;
    return (struct time_range){
        .from = from > left->from ? from : left->from,
        .to = ends_before ? from + progress->step_us : left->to,
    };
}

/* The builder is empty: closes the emptiness before `time` and opens the stretch that holds it. */
static void open_stretch(struct stretch_cutter *cutter, int64_t time)
{
    struct load_progress *progress = cutter->progress;
    struct time_range step = step_around(progress, time);
    bool backward = cutter->load->backward;
    struct time_range empty =
        load_progress_until(progress, cutter->load, backward ? step.to : step.from);
    if (empty.from < empty.to)
        load_progress_publish(progress, cutter->load, empty, NULL);
    cutter->stretch_end = backward ? step.from : step.to;
    cutter->last_instant_row = 0;
}

static bool is_past_stretch(const struct stretch_cutter *cutter, int64_t time)
{
    return cutter->load->backward ? time < cutter->stretch_end : time >= cutter->stretch_end;
}

/* The builder is full: all of it goes when `time` begins a new instant, else what came before the
 * instant; a builder that holds nothing but this instant grows. */
static enum status make_room(struct stretch_cutter *cutter, int64_t time, struct error *error)
{
    struct block_builder *builder = &cutter->builder;
    bool is_new = time != block_builder_last_time(builder);
    size_t rows = is_new ? builder->rows : cutter->last_instant_row;
    if (rows > 0) {
        publish_rows(cutter, rows, cutter->load->backward ? time + 1 : time);
        return STATUS_OK;
    }
    if (builder->rows < STRETCH_INSTANT_ROWS_MAX)
        return STATUS_OK;
    return error_set(error, STATUS_LIMIT, "%s: more than %zu ticks at %s", cutter->load->symbol,
                     STRETCH_INSTANT_ROWS_MAX, time_format(time).text);
}

/* ---- rows ---- */

enum status stretch_cutter_add(struct stretch_cutter *cutter, const struct tick *tick,
                               struct error *error)
{
    struct block_builder *builder = &cutter->builder;
    const struct time_range *left = &cutter->progress->left;
    if (tick->time < left->from || tick->time >= left->to)
        return error_set(error, STATUS_INTERNAL, "%s: a tick at %s lies outside of what was read",
                         cutter->load->symbol, time_format(tick->time).text);
    if (builder->rows > 0 && is_past_stretch(cutter, tick->time))
        publish_rows(cutter, builder->rows, cutter->stretch_end);
    if (builder->rows >= BLOCK_ROWS_MAX) {
        enum status status = make_room(cutter, tick->time, error);
        if (status != STATUS_OK)
            return status;
    }
    if (builder->rows == 0)
        open_stretch(cutter, tick->time);
    else if (tick->time != block_builder_last_time(builder))
        cutter->last_instant_row = builder->rows;
    if (block_builder_add(builder, tick) != STATUS_OK)
        return error_set(error, STATUS_INTERNAL, "%s: ticks out of order at %s",
                         cutter->load->symbol, time_format(tick->time).text);
    return STATUS_OK;
}

void stretch_cutter_finish(struct stretch_cutter *cutter)
{
    const struct time_range *left = &cutter->progress->left;
    if (cutter->builder.rows > 0)
        publish_rows(cutter, cutter->builder.rows, cutter->stretch_end);
    if (left->from < left->to)
        load_progress_publish(cutter->progress, cutter->load, *left, NULL);
}
