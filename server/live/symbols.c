#include "live/symbols.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_US 1000000 /* after an answer that was a failure */

struct live_symbols {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;   /* for the thread */
    pthread_cond_t published; /* for those who await the first list */
    struct source *source;
    struct inbox inbox;
    struct symbols_request request;
    bool stopping;
    bool wanted;     /* a refresh was asked for */
    bool answered;   /* the letter is in the inbox */
    uint64_t asked;  /* refreshes, ever */
    uint64_t asking; /* how many of them the request under way answers */
    live_symbols_listed_fn *listed;
    void *owner;
    struct symbol_list *list;
};

static int compare_symbols(const void *left, const void *right)
{
    const struct symbol *a = left;
    const struct symbol *b = right;
    return strcmp(a->name, b->name);
}

static struct symbol_list *list_create(struct symbol *symbols, size_t count)
{
    struct symbol_list *list = MEM_NEW(struct symbol_list);
    atomic_init(&list->references, 1);
    list->symbols = symbols;
    list->count = count;
    /* Ours is the order of bytes, whatever the database's collation is. */
    if (count > 1)
        qsort(symbols, count, sizeof *symbols, compare_symbols);
    return list;
}

void symbol_list_unpin(struct symbol_list **list)
{
    struct symbol_list *mine = *list;
    *list = NULL;
    if (mine == NULL || atomic_fetch_sub(&mine->references, 1) > 1)
        return;
    mem_free(mine->symbols);
    mem_free(mine);
}

static void publish(struct live_symbols *live, struct symbol_list *list)
{
    pthread_mutex_lock(&live->lock);
    struct symbol_list *old = live->list;
    live->list = list;
    live_symbols_listed_fn *listed = live->listed;
    void *owner = live->owner;
    pthread_cond_broadcast(&live->published);
    pthread_mutex_unlock(&live->lock);
    /* Only this thread replaces lists: the new one stays until the next is published. */
    if (listed != NULL)
        listed(owner, live->asking, old, list);
    symbol_list_unpin(&old);
}

/* The source has answered; on its thread. */
static void wake(void *owner)
{
    struct live_symbols *live = owner;
    pthread_mutex_lock(&live->lock);
    live->answered = true;
    pthread_cond_signal(&live->changed);
    pthread_mutex_unlock(&live->lock);
}

static void deliver(struct letter *letter)
{
    struct symbols_request *request = CONTAINER_OF(letter, struct symbols_request, letter);
    struct live_symbols *live = CONTAINER_OF(request, struct live_symbols, request);
    if (request->status == STATUS_OK) {
        publish(live, list_create(request->symbols, request->symbol_count));
        return;
    }
    if (request->status != STATUS_UNAVAILABLE)
        log_error("symbols.refresh", "status=%s error=%s", status_name(request->status),
                  LOG_QUOTE(request->error.text));
}

/* Waits until there is something to ask, or it is time to stop: false. */
static bool wait_wanted(struct live_symbols *live)
{
    pthread_mutex_lock(&live->lock);
    while (!live->wanted && !live->stopping)
        pthread_cond_wait(&live->changed, &live->lock);
    bool go_on = !live->stopping;
    live->wanted = false;
    live->answered = false;
    if (go_on) {
        /* Under the lock: after live_symbols_stop has returned the source is not asked. */
        live->asking = live->asked;
        live->request.symbols = NULL;
        live->request.symbol_count = 0;
        source_symbols(live->source, &live->request);
    }
    pthread_mutex_unlock(&live->lock);
    return go_on;
}

static void wait_answer(struct live_symbols *live)
{
    pthread_mutex_lock(&live->lock);
    while (!live->answered)
        pthread_cond_wait(&live->changed, &live->lock);
    pthread_mutex_unlock(&live->lock);
    size_t delivered = inbox_drain(&live->inbox);
    ASSERT(delivered == 1);
}

static struct timespec after_us(int64_t wait_us)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + wait_us % 1000000 * 1000;
    until.tv_sec += wait_us / 1000000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    return until;
}

static void wait_retry(struct live_symbols *live)
{
    struct timespec until = after_us(RETRY_US);
    pthread_mutex_lock(&live->lock);
    live->wanted = true;
    int waited = 0;
    while (!live->stopping && waited == 0)
        waited = pthread_cond_timedwait(&live->changed, &live->lock, &until);
    pthread_mutex_unlock(&live->lock);
}

static void *run(void *argument)
{
    struct live_symbols *live = argument;
    while (wait_wanted(live)) {
        wait_answer(live);
        if (live->request.status != STATUS_OK)
            wait_retry(live);
    }
    return NULL;
}

struct live_symbols *live_symbols_create(struct source *source)
{
    struct live_symbols *live = MEM_NEW(struct live_symbols);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&live->lock, NULL);
    pthread_cond_init(&live->changed, &monotonic);
    pthread_cond_init(&live->published, &monotonic);
    pthread_condattr_destroy(&monotonic);
    inbox_init(&live->inbox, wake, live);
    letter_init(&live->request.letter, deliver);
    list_init(&live->request.node);
    live->request.inbox = &live->inbox;
    live->source = source;
    live->wanted = true;
    int failed = pthread_create(&live->thread, NULL, run, live);
    ASSERT(failed == 0);
    return live;
}

void live_symbols_stop(struct live_symbols *live)
{
    pthread_mutex_lock(&live->lock);
    live->stopping = true;
    pthread_cond_signal(&live->changed);
    pthread_mutex_unlock(&live->lock);
}

void live_symbols_destroy(struct live_symbols **live)
{
    struct live_symbols *gone = *live;
    live_symbols_stop(gone);
    pthread_join(gone->thread, NULL);
    symbol_list_unpin(&gone->list);
    inbox_deinit(&gone->inbox);
    pthread_cond_destroy(&gone->changed);
    pthread_cond_destroy(&gone->published);
    pthread_mutex_destroy(&gone->lock);
    mem_free(gone);
    *live = NULL;
}

uint64_t live_symbols_refresh(struct live_symbols *live)
{
    pthread_mutex_lock(&live->lock);
    uint64_t number = ++live->asked;
    live->wanted = true;
    pthread_cond_signal(&live->changed);
    pthread_mutex_unlock(&live->lock);
    return number;
}

void live_symbols_on_list(struct live_symbols *live, live_symbols_listed_fn *listed, void *owner)
{
    pthread_mutex_lock(&live->lock);
    live->listed = listed;
    live->owner = owner;
    pthread_mutex_unlock(&live->lock);
}

bool live_symbols_await(struct live_symbols *live, int64_t timeout_us)
{
    struct timespec until = after_us(timeout_us);
    pthread_mutex_lock(&live->lock);
    int waited = 0;
    while (live->list == NULL && waited == 0)
        waited = pthread_cond_timedwait(&live->published, &live->lock, &until);
    bool known = live->list != NULL;
    pthread_mutex_unlock(&live->lock);
    return known;
}

struct symbol_list *live_symbols_pin(struct live_symbols *live)
{
    pthread_mutex_lock(&live->lock);
    struct symbol_list *list = live->list;
    if (list != NULL)
        atomic_fetch_add(&list->references, 1);
    pthread_mutex_unlock(&live->lock);
    return list;
}

size_t symbol_list_first(const struct symbol_list *list, const char *prefix)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(list->symbols[middle].name, prefix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct symbol *symbol_list_find(const struct symbol_list *list, const char *name)
{
    size_t index = symbol_list_first(list, name);
    if (index == list->count || strcmp(list->symbols[index].name, name) != 0)
        return NULL;
    return &list->symbols[index];
}
