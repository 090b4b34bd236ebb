#include "replay/snapshot.h"

#include "base/assert.h"
#include "base/mem.h"
#include "replay/look_back.h"

#include <assert.h>

struct snapshot_request {
    struct last_values_request request;
    struct source *source;
    struct tape *tape;
    struct track *tracks[REPLAY_SYMBOLS_MAX];
    struct snapshot *snapshot; /* NULL: the replay has gone, the answer is nobody's */
    snapshot_ready_fn *ready;
    void *owner;
    int64_t wanted_at;
    bool under_way;
    char names[]; /* symbol_count × (SYMBOL_BYTES_MAX + 1): outlive the replay with the request */
};

static void deliver(struct letter *letter)
{
    struct last_values_request *values = CONTAINER_OF(letter, struct last_values_request, letter);
    struct snapshot_request *request = CONTAINER_OF(values, struct snapshot_request, request);
    request->under_way = false;
    struct snapshot *snapshot = request->snapshot;
    if (snapshot == NULL) {
        mem_free(request);
        return;
    }
    if (snapshot->state == SNAPSHOT_ASKED) {
        snapshot->state = SNAPSHOT_READY;
        snapshot->status = values->status;
        snapshot->error = values->error;
    }
    if (snapshot->state != SNAPSHOT_NONE) /* dropped */
        request->ready(request->owner);   /* WANTED: the playhead has moved since */
}

static void keep_name(struct snapshot_request *request, size_t index, const char *symbol)
{
    char *name = request->names + index * (SYMBOL_BYTES_MAX + 1);
    for (size_t c = 0; c < SYMBOL_BYTES_MAX && symbol[c] != '\0'; c++)
        name[c] = symbol[c];
    request->request.symbols[index] = name;
}

void snapshot_init(struct snapshot *snapshot, const struct snapshot_options *options)
{
    static_assert(REPLAY_SYMBOLS_MAX <= SOURCE_SYMBOLS_PER_REQUEST, "one request asks for all");
    ASSERT(options->symbol_count <= REPLAY_SYMBOLS_MAX);
    struct snapshot_request *request =
        mem_alloc_zeroed(sizeof *request + options->symbol_count * (SYMBOL_BYTES_MAX + 1));
    letter_init(&request->request.letter, deliver);
    list_init(&request->request.node);
    request->request.inbox = options->inbox;
    request->request.symbol_count = options->symbol_count;
    for (size_t i = 0; i < options->symbol_count; i++) {
        keep_name(request, i, options->symbols[i]);
        request->tracks[i] = options->tracks[i];
    }
    request->source = options->source;
    request->tape = options->tape;
    request->snapshot = snapshot;
    request->ready = options->ready;
    request->owner = options->owner;
    *snapshot = (struct snapshot){.request = request};
}

void snapshot_deinit(struct snapshot *snapshot)
{
    struct snapshot_request *request = snapshot->request;
    snapshot->request = NULL;
    request->snapshot = NULL;
    if (!request->under_way)
        mem_free(request);
}

void snapshot_want(struct snapshot *snapshot, int64_t at)
{
    snapshot->request->wanted_at = at;
    snapshot->state = SNAPSHOT_WANTED;
}

static bool look_into_tape(struct snapshot_request *request)
{
    size_t rows_left = LOOK_BACK_ROWS_MAX;
    for (size_t i = 0; i < request->request.symbol_count; i++) {
        if (!look_back(request->tape, request->tracks[i], request->wanted_at, &rows_left,
                       &request->request.values[i]))
            return false;
    }
    return true;
}

void snapshot_look(struct snapshot *snapshot)
{
    struct snapshot_request *request = snapshot->request;
    if (snapshot->state != SNAPSHOT_WANTED || request->under_way || !look_into_tape(request))
        return;
    snapshot->state = SNAPSHOT_READY;
    snapshot->status = STATUS_OK;
}

void snapshot_ask(struct snapshot *snapshot)
{
    struct snapshot_request *request = snapshot->request;
    if (snapshot->state != SNAPSHOT_WANTED || request->under_way)
        return;
    snapshot->state = SNAPSHOT_ASKED;
    request->under_way = true;
    request->request.at = request->wanted_at;
    source_last_values(request->source, &request->request);
}

void snapshot_fail(struct snapshot *snapshot, const struct error *error)
{
    snapshot->state = SNAPSHOT_READY;
    snapshot->status = error->status;
    snapshot->error = *error;
}

void snapshot_drop(struct snapshot *snapshot)
{
    snapshot->state = SNAPSHOT_NONE;
}

const struct last_values *snapshot_take(struct snapshot *snapshot)
{
    ASSERT(snapshot->state == SNAPSHOT_READY);
    snapshot->state = SNAPSHOT_NONE;
    return snapshot->request->request.values;
}
