/*
 * Threads that ask a database about itself at random while its connections are killed, and that
 * are still asking when it ends. A plain executable, so that the thread sanitizer can run it:
 *
 *   TAPEDECK_TEST_URL=… operations_threads [seconds [seed]]
 */
#include "base/clock.h"
#include "random.h"
#include "store/connection.h"
#include "store/pg_operations.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLIENTS 8
#define EACH 6 /* requests a client has open */

#define CHECK(condition) ((condition) ? (void)0 : failed(#condition, __LINE__))

static _Noreturn void failed(const char *condition, int line)
{
    (void)fprintf(stderr, "operations_threads: line %d: %s\n", line, condition);
    abort();
}

enum asked { ASKED_STORAGE, ASKED_HISTORY, ASKED_POLICIES, ASKED_ACTION };
#define ASKED_KINDS 4

/* One request of any kind, again and again. */
struct question {
    struct client *client;
    enum asked asked;
    bool is_open;
    struct letter *letter;
    union {
        struct storage_request storage;
        struct storage_history_request history;
        struct policies_request policies;
        struct policy_action_request action;
    } of;
};

struct client {
    pthread_t thread;
    struct random random;
    struct inbox inbox;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool is_woken;
    struct question questions[EACH];
};

static const char *url;
static struct pg_operations *operations;
static struct client clients[CLIENTS];
static atomic_bool stopping;
static atomic_uint_least64_t asked_count;
static atomic_uint_least64_t answered;
static atomic_uint_least64_t well;
static _Thread_local struct client *self;

static struct operations_request *common_of(struct question *question)
{
    switch (question->asked) {
    case ASKED_STORAGE:
        return &question->of.storage.request;
    case ASKED_HISTORY:
        return &question->of.history.request;
    case ASKED_POLICIES:
        return &question->of.policies.request;
    case ASKED_ACTION:
        break;
    }
    return &question->of.action.request;
}

static void free_answer(struct question *question, enum status status)
{
    bool is_well = status == STATUS_OK;
    switch (question->asked) {
    case ASKED_STORAGE:
        CHECK((question->of.storage.report != NULL) == is_well);
        storage_report_free(&question->of.storage.report);
        break;
    case ASKED_HISTORY:
        CHECK((question->of.history.history != NULL) == is_well);
        storage_history_free(&question->of.history.history);
        break;
    case ASKED_POLICIES:
        CHECK((question->of.policies.report != NULL) == is_well);
        policies_report_free(&question->of.policies.report);
        break;
    case ASKED_ACTION:
        break;
    }
}

static void deliver(struct letter *letter)
{
    struct question *question = NULL;
    for (size_t i = 0; i < EACH && question == NULL; i++)
        if (self->questions[i].letter == letter)
            question = &self->questions[i];
    CHECK(question != NULL);
    CHECK(question->is_open);
    enum status status = common_of(question)->status;
    CHECK(status == STATUS_OK || status == STATUS_UNAVAILABLE ||
          (question->asked == ASKED_ACTION && status == STATUS_NOT_FOUND));
    free_answer(question, status);
    question->is_open = false;
    atomic_fetch_add(&answered, 1);
    if (status != STATUS_UNAVAILABLE)
        atomic_fetch_add(&well, 1);
}

static void ask(struct question *question)
{
    struct operations *interface = pg_operations_interface(operations);
    question->asked = (enum asked)random_below(&question->client->random, ASKED_KINDS);
    struct operations_request *common = common_of(question);
    question->letter = &common->letter;
    letter_init(&common->letter, deliver);
    common->inbox = &question->client->inbox;
    question->is_open = true;
    atomic_fetch_add(&asked_count, 1);
    switch (question->asked) {
    case ASKED_STORAGE:
        operations_storage(interface, &question->of.storage);
        break;
    case ASKED_HISTORY:
        question->of.history.limit = 1 + random_below(&question->client->random, 90);
        operations_history(interface, &question->of.history);
        break;
    case ASKED_POLICIES:
        operations_policies(interface, &question->of.policies);
        break;
    case ASKED_ACTION:
        question->of.action.action = POLICY_PAUSE;
        question->of.action.job_id = random_one_in(&question->client->random, 2) ? 1000 : 999999;
        operations_act(interface, &question->of.action);
        break;
    }
}

static void wake(void *owner)
{
    struct client *client = owner;
    pthread_mutex_lock(&client->lock);
    client->is_woken = true;
    pthread_cond_signal(&client->woken);
    pthread_mutex_unlock(&client->lock);
}

static void await_letters(struct client *client)
{
    pthread_mutex_lock(&client->lock);
    while (!client->is_woken)
        pthread_cond_wait(&client->woken, &client->lock);
    client->is_woken = false;
    pthread_mutex_unlock(&client->lock);
    (void)inbox_drain(&client->inbox);
}

static size_t open_count(const struct client *client)
{
    size_t count = 0;
    for (size_t i = 0; i < EACH; i++)
        count += client->questions[i].is_open;
    return count;
}

static void *client_main(void *argument)
{
    struct client *client = argument;
    self = client;
    while (!atomic_load(&stopping)) {
        for (size_t i = 0; i < EACH; i++)
            if (!client->questions[i].is_open)
                ask(&client->questions[i]);
        await_letters(client);
    }
    return NULL;
}

/* Kills a connection now and then, and reads the figures. */
static void disturb(struct connection *connection, struct random *random, int64_t until_us)
{
    struct error error;
    while (clock_monotonic_us() < until_us) {
        (void)usleep((useconds_t)(20000 + random_below(random, 200000)));
        struct pg_operations_statistics now = pg_operations_statistics(operations);
        CHECK(now.queued <= CLIENTS * EACH);
        if (random_one_in(random, 2))
            CHECK(connection_execute(connection,
                                     "select pg_catalog.pg_terminate_backend(pid)"
                                     " from pg_catalog.pg_stat_activity"
                                     " where application_name = 'tapedeck operations'",
                                     &error) == STATUS_OK);
    }
}

static void start(uint64_t seed)
{
    struct error error;
    struct pg_operations_options options = {.url = url};
    CHECK(pg_operations_create(&options, &operations, &error) == STATUS_OK);
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *client = &clients[i];
        client->random.state = seed + i;
        pthread_mutex_init(&client->lock, NULL);
        pthread_cond_init(&client->woken, NULL);
        inbox_init(&client->inbox, wake, client);
        for (size_t k = 0; k < EACH; k++)
            client->questions[k].client = client;
        CHECK(pthread_create(&client->thread, NULL, client_main, client) == 0);
    }
}

/* The clients have asked their last; their questions are still open. */
static void end(void)
{
    atomic_store(&stopping, true);
    for (size_t i = 0; i < CLIENTS; i++)
        CHECK(pthread_join(clients[i].thread, NULL) == 0);
    pg_operations_destroy(&operations);
    for (size_t i = 0; i < CLIENTS; i++) {
        self = &clients[i];
        (void)inbox_drain(&clients[i].inbox);
        CHECK(open_count(&clients[i]) == 0);
        inbox_deinit(&clients[i].inbox);
    }
    CHECK(atomic_load(&asked_count) == atomic_load(&answered));
}

int main(int argc, char **argv)
{
    url = getenv("TAPEDECK_TEST_URL");
    if (url == NULL) {
        (void)fprintf(stderr, "operations_threads: TAPEDECK_TEST_URL is not set\n");
        return 2;
    }
    int64_t seconds = argc > 1 ? atoll(argv[1]) : 5;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct random random;
    struct error error;
    random.state = seed;
    struct connection *connection = connection_open(url, "test", &error);
    CHECK(connection != NULL);
    start(seed);
    disturb(connection, &random, clock_monotonic_us() + seconds * 1000000);
    end();
    connection_close(&connection);
    printf("seed %llu: %llu questions, %llu answered well\n", (unsigned long long)seed,
           (unsigned long long)atomic_load(&answered), (unsigned long long)atomic_load(&well));
    CHECK(atomic_load(&well) > 0);
    return 0;
}
