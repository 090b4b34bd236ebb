#include "replay/snapshot.h"

#include "base/assert.h"
#include "base/mem.h"

struct snapshot_request {
    struct last_values_request request;
    struct source *source;
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
    if (snapshot->state == SNAPSHOT_WANTED) {
        snapshot_ask(snapshot); /* stale: the playhead has moved since */
        return;
    }
    snapshot->state = SNAPSHOT_READY;
    snapshot->status = values->status;
    snapshot->error = values->error;
    request->ready(request->owner);
}

void snapshot_init(struct snapshot *snapshot, struct source *source, struct inbox *inbox,
                   const char *const *symbols, size_t symbol_count, snapshot_ready_fn *ready,
                   void *owner)
{
    ASSERT(symbol_count <= SOURCE_SYMBOLS_PER_REQUEST);
    size_t name_bytes = SYMBOL_BYTES_MAX + 1;
    struct snapshot_request *request =
        mem_alloc_zeroed(sizeof *request + symbol_count * name_bytes);
    letter_init(&request->request.letter, deliver);
    list_init(&request->request.node);
    request->request.inbox = inbox;
    request->request.symbol_count = symbol_count;
    for (size_t i = 0; i < symbol_count; i++) {
        char *name = request->names + i * name_bytes;
        for (size_t c = 0; c < SYMBOL_BYTES_MAX && symbols[i][c] != '\0'; c++)
            name[c] = symbols[i][c];
        request->request.symbols[i] = name;
    }
    request->source = source;
    request->snapshot = snapshot;
    request->ready = ready;
    request->owner = owner;
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

const struct last_values *snapshot_take(struct snapshot *snapshot)
{
    ASSERT(snapshot->state == SNAPSHOT_READY);
    snapshot->state = SNAPSHOT_NONE;
    return snapshot->request->request.values;
}
