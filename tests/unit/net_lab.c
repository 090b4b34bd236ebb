#include "net_lab.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Not Criterion's assertions: the thread sanitizer does not understand its processes. */
#define REQUIRE(condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: " #condition ": ", __FILE__, __LINE__);                        \
            fprintf(stderr, "" __VA_ARGS__);                                                       \
            fputc('\n', stderr);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (false)

#define SAMPLE_US 20000
#define QUIET_SAMPLES 15
#define NARROW_BYTES 4096
#define FILES_LOOKED_AT 1024

/* Where a sanitizer counts. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

/* ---- the source ---- */

static struct {
    struct source source;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct list loads;
    struct symbols_request *symbols;
    bool is_stopping;
    enum lab_source_mood mood;
    pthread_t thread;
} lab_source;

static void load_ticks(struct source *source, struct tick_load *load)
{
    (void)source;
    pthread_mutex_lock(&lab_source.lock);
    list_append(&lab_source.loads, &load->node);
    pthread_cond_signal(&lab_source.work);
    pthread_mutex_unlock(&lab_source.lock);
}

static void cancel_ticks(struct source *source, struct tick_load *load)
{
    (void)source;
    atomic_store(&load->cancelled, true);
}

static void urge_ticks(struct source *source, struct tick_load *load)
{
    (void)source; /* it is quick enough */
    (void)load;
}

static void answer_last_values(struct source *source, struct last_values_request *request)
{
    (void)source;
    request->status = STATUS_OK;
    for (size_t i = 0; i < request->symbol_count; i++)
        request->values[i] = (struct last_values){.time = INT64_MIN};
    inbox_post(request->inbox, &request->letter);
}

static void answer_symbols(struct symbols_request *request)
{
    request->symbols = MEM_NEW(struct symbol);
    *request->symbols = (struct symbol){
        .name = LAB_SYMBOL, .from = 0, .to = LAB_END, .ticks = LAB_TICKS, .exact = true};
    request->symbol_count = 1;
    request->status = STATUS_OK;
    inbox_post(request->inbox, &request->letter);
}

/* Its asker holds a lock that the answer needs, so the answer comes from our own thread. */
static void take_symbols(struct source *source, struct symbols_request *request)
{
    (void)source;
    pthread_mutex_lock(&lab_source.lock);
    lab_source.symbols = request;
    pthread_cond_signal(&lab_source.work);
    pthread_mutex_unlock(&lab_source.lock);
}

int64_t lab_price(int64_t time)
{
    return time * 7919 % 1000003 * 1000; /* does not compress to nothing */
}

static int64_t first_tick(int64_t from)
{
    return from < 0 ? 0 : (from + LAB_TICK_US - 1) / LAB_TICK_US * LAB_TICK_US;
}

static struct block *build_ticks(struct time_range range)
{
    struct block_builder builder;
    block_builder_init(&builder);
    for (int64_t time = first_tick(range.from); time < range.to && time < LAB_END;
         time += LAB_TICK_US) {
        int64_t price = lab_price(time);
        struct tick tick = {.time = time, .fields = {price, price + 1000, price, price}};
        REQUIRE(block_builder_add(&builder, &tick) == STATUS_OK, "it is not so");
    }
    struct block *block = builder.rows > 0 ? block_builder_seal(&builder, range) : NULL;
    block_builder_deinit(&builder);
    return block;
}

/* The range begins and ends at buckets; LAB_END does, too. */
static struct block *build_candles(struct time_range range, int64_t interval_us)
{
    int64_t from = range.from < 0 ? 0 : range.from;
    int64_t to = range.to < LAB_END ? range.to : LAB_END;
    if (from >= to)
        return NULL;
    size_t count = (size_t)((to - from) / interval_us);
    struct candle *candles = mem_alloc(count * sizeof *candles);
    for (size_t i = 0; i < count; i++) {
        candles[i] = candle_at(from + (int64_t)i * interval_us);
        for (int64_t time = candles[i].time; time < candles[i].time + interval_us;
             time += LAB_TICK_US)
            candle_add_trade(&candles[i], lab_price(time), lab_price(time));
    }
    struct block *block = block_of_candles(candles, count, range);
    mem_free(candles);
    return block;
}

static struct block *build(struct time_range range, int64_t interval_us)
{
    return interval_us > 0 ? build_candles(range, interval_us) : build_ticks(range);
}

/* To the end of a grain, or of emptiness, of which there are decades before and after the ticks. */
static int64_t end_of_stretch(int64_t from, int64_t grain_us)
{
    if (from >= LAB_END)
        return INT64_MAX;
    return from < -grain_us ? -grain_us : time_floor(from, grain_us) + grain_us;
}

static int64_t start_of_stretch(int64_t to, int64_t grain_us)
{
    int64_t after = time_ceil(LAB_END, grain_us);
    if (to <= 0)
        return INT64_MIN;
    return to > after ? after : time_floor(to - 1, grain_us);
}

static void serve(struct tick_load *load, bool fails)
{
    struct error error = {.text = ""};
    if (fails) {
        load->done(load, error_set(&error, STATUS_UNAVAILABLE, "the lab has no data now"), &error);
        return;
    }
    struct time_range left = load->range;
    while (left.from < left.to && !atomic_load(&load->cancelled)) {
        struct time_range range = left;
        if (load->backward) {
            int64_t start = start_of_stretch(left.to, load->grain_us);
            range.from = start > left.from ? start : left.from;
            left.to = range.from;
        } else {
            int64_t end = end_of_stretch(left.from, load->grain_us);
            range.to = end < left.to ? end : left.to;
            left.from = range.to;
        }
        load->publish(load, range, build(range, load->interval_us));
    }
    load->done(load, left.from < left.to ? STATUS_END : STATUS_OK, &error);
}

static void *serve_all(void *argument)
{
    for (;;) {
        pthread_mutex_lock(&lab_source.lock);
        while ((list_is_empty(&lab_source.loads) || lab_source.mood == LAB_HOLDS) &&
               lab_source.symbols == NULL && !lab_source.is_stopping)
            pthread_cond_wait(&lab_source.work, &lab_source.lock);
        struct symbols_request *symbols = lab_source.symbols;
        lab_source.symbols = NULL;
        struct list *node = list_take_first(&lab_source.loads);
        bool fails = lab_source.mood == LAB_FAILS;
        pthread_mutex_unlock(&lab_source.lock);
        if (node == NULL && symbols == NULL)
            return argument;
        if (symbols != NULL)
            answer_symbols(symbols);
        if (node != NULL)
            serve(CONTAINER_OF(node, struct tick_load, node), fails);
    }
}

void lab_source_be(enum lab_source_mood mood)
{
    pthread_mutex_lock(&lab_source.lock);
    lab_source.mood = mood;
    pthread_cond_signal(&lab_source.work);
    pthread_mutex_unlock(&lab_source.lock);
}

static void source_start(void)
{
    static const struct source_ops ops = {.load_ticks = load_ticks,
                                          .cancel_ticks = cancel_ticks,
                                          .urge_ticks = urge_ticks,
                                          .last_values = answer_last_values,
                                          .symbols = take_symbols};
    lab_source.source.ops = &ops;
    lab_source.is_stopping = false;
    lab_source.mood = LAB_ANSWERS;
    pthread_mutex_init(&lab_source.lock, NULL);
    pthread_cond_init(&lab_source.work, NULL);
    list_init(&lab_source.loads);
    REQUIRE(pthread_create(&lab_source.thread, NULL, serve_all, NULL) == 0, "it is not so");
}

static void source_stop(void)
{
    pthread_mutex_lock(&lab_source.lock);
    lab_source.is_stopping = true;
    pthread_cond_signal(&lab_source.work);
    pthread_mutex_unlock(&lab_source.lock);
    pthread_join(lab_source.thread, NULL);
}

/* ---- the server ---- */

void lab_init(struct lab *lab)
{
    source_start();
    *lab = (struct lab){
        .options = {.host = "127.0.0.1",
                    .lane_count = 1,
                    .connections_max = 200,
                    .unsent_bytes_max = (size_t)256 << 20,
                    .checks_host = true},
        .shared = {.source = &lab_source.source,
                   .server = "tapedeck/lab",
                   .engine = "postgresql",
                   .engine_version = "15",
                   .replays_max = FEED_REPLAYS_MAX,
                   .rates = {.requests_per_second = FEED_REQUESTS_PER_SECOND,
                             .requests_burst = FEED_REQUESTS_BURST,
                             .acks_per_second = FEED_ACKS_PER_SECOND}},
    };
    lab->shared.tape = tape_create(&lab_source.source, (size_t)256 << 20);
    lab->shared.symbols = live_symbols_create(&lab_source.source);
}

void lab_start(struct lab *lab)
{
    struct error error = {.text = ""};
    REQUIRE(live_symbols_await(lab->shared.symbols, LAB_DEADLINE_MS * 1000), "it is not so");
    REQUIRE(server_start(&lab->options, &lab->shared, &lab->server, &error) == STATUS_OK, "%s",
            error.text);
    lab->port = server_port(lab->server);
}

void lab_deinit(struct lab *lab)
{
    if (lab->server != NULL)
        server_stop(lab->server, 0);
    live_symbols_stop(lab->shared.symbols);
    source_stop();
    live_symbols_destroy(&lab->shared.symbols);
    server_destroy(&lab->server);
    tape_destroy(&lab->shared.tape);
    REQUIRE(mem_block_bytes() == 0, "it is not so");
}

/* ---- clients ---- */

/* The server's end of the connection, which is in this process too. */
static int server_side(int socket)
{
    struct sockaddr_in mine = {.sin_port = 0};
    socklen_t bytes = sizeof mine;
    REQUIRE(getsockname(socket, (struct sockaddr *)&mine, &bytes) == 0, "it is not so");
    for (int fd = 3; fd < FILES_LOOKED_AT; fd++) {
        struct sockaddr_in peer = {.sin_port = 0};
        bytes = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &bytes) == 0 && peer.sin_family == AF_INET &&
            peer.sin_port == mine.sin_port)
            return fd;
    }
    REQUIRE(false, "the server's socket is not there");
    return -1;
}

static struct wire_client *connect_with(const struct lab *lab, const char *subprotocol,
                                        int receive_buffer_bytes)
{
    struct wire_client_options options = {.port = lab->port,
                                          .subprotocol = subprotocol,
                                          .receive_buffer_bytes = receive_buffer_bytes};
    int http_status = 0;
    struct wire_client *client = wire_client_open(&options, &http_status);
    REQUIRE(client != NULL, "the handshake was answered with %d", http_status);
    json_decref(lab_await(client, "welcome"));
    return client;
}

struct wire_client *lab_connect(const struct lab *lab, const char *subprotocol)
{
    return connect_with(lab, subprotocol, 0);
}

struct wire_client *lab_connect_narrowly(const struct lab *lab, const char *subprotocol)
{
    struct wire_client *client = connect_with(lab, subprotocol, NARROW_BYTES);
    lab_narrow(client->socket);
    return client;
}

void lab_narrow(int socket)
{
    int bytes = NARROW_BYTES;
    int result = setsockopt(server_side(socket), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    REQUIRE(result == 0, "it is not so");
}

json_t *lab_await(struct wire_client *client, const char *ev)
{
    json_t *tree = wire_client_await(client, ev, LAB_DEADLINE_MS);
    REQUIRE(tree != NULL, "%s did not come", ev);
    return tree;
}

void lab_exchange(const struct lab *lab, const char *request, char *response, size_t bytes)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(lab->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0, "it is not so");
    REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "it is not so");
    ssize_t sent = send(fd, request, strlen(request), MSG_NOSIGNAL);
    (void)sent; /* it may have hung up already, which its answer says */
    size_t used = 0;
    ssize_t got;
    while (used < bytes - 1 && (got = recv(fd, response + used, bytes - 1 - used, 0)) > 0)
        used += (size_t)got;
    response[used] = '\0';
    close(fd);
}

/* ---- looking at it ---- */

bool lab_until(struct lab *lab, bool (*are_so)(const struct server_figures *figures))
{
    for (int64_t waited_us = 0; waited_us < LAB_DEADLINE_MS * INT64_C(1000);
         waited_us += SAMPLE_US) {
        struct server_figures figures = server_figures(lab->server);
        if (are_so(&figures))
            return true;
        usleep(SAMPLE_US);
    }
    return false;
}

void lab_settle(struct lab *lab)
{
    uint64_t before = UINT64_MAX;
    int64_t waited_us = 0;
    for (int quiet = 0; quiet < QUIET_SAMPLES; waited_us += SAMPLE_US) {
        struct server_figures figures = server_figures(lab->server);
        uint64_t now = figures.messages_in + figures.messages_out;
        quiet = now == before ? quiet + 1 : 0;
        before = now;
        REQUIRE(waited_us < LAB_DEADLINE_MS * INT64_C(1000), "it never comes to rest");
        usleep(SAMPLE_US);
    }
}

size_t lab_heap_bytes(void)
{
    size_t bytes;
    if (__sanitizer_get_current_allocated_bytes != NULL) {
        bytes = __sanitizer_get_current_allocated_bytes();
    } else {
        struct mallinfo2 figures = mallinfo2();
        bytes = figures.uordblks + figures.hblkhd;
    }
    return bytes - mem_block_bytes();
}
