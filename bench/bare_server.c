/*
 * bare_server FRAME_BYTES: what libwebsockets costs by itself. Serves WebSockets on a free port of
 * 127.0.0.1, and from a client's first message on sends it the same prebuilt frame 60 times a
 * second, until it goes. Prints the port; ends on SIGTERM.
 *
 * It does what tapedeck must do too, and nothing else: one thread, one lws_write per writable
 * callback, connections spread over the frame. As all have the same period, those that send wait in
 * a queue in the order of their time.
 *
 *   tapedeck bench replay --bare --url ws://127.0.0.1:PORT/ --viewers 1000 --duration 10s
 */
#include <libwebsockets.h>

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_US 16667
#define SLOT_US 1000 /* sends are gathered as in tapedeck's wheel */
#define FRAME_BYTES_MAX (1 << 20)

struct peer {
    struct lws *wsi;
    struct peer *next;
    struct peer *previous;
    int64_t due_us;
    bool is_queued;
};

static struct lws_context *context;
static int timer_fd;
static struct peer queue = {.next = &queue, .previous = &queue};
static uint8_t *frame; /* behind LWS_PRE bytes for lws */
static size_t frame_bytes;
static volatile sig_atomic_t is_over;

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void queue_remove(struct peer *peer)
{
    if (!peer->is_queued)
        return;
    peer->previous->next = peer->next;
    peer->next->previous = peer->previous;
    peer->is_queued = false;
}

static void queue_append(struct peer *peer, int64_t due_us)
{
    peer->due_us = due_us;
    peer->next = &queue;
    peer->previous = queue.previous;
    queue.previous->next = peer;
    queue.previous = peer;
    peer->is_queued = true;
}

/* lws's own timers wait in milliseconds and spin below one, so a timerfd it is, as tapedeck has it.
 */
static void set_timer(void)
{
    struct itimerspec at = {.it_value = {.tv_sec = 0}};
    if (queue.next != &queue) {
        int64_t slot_us = (queue.next->due_us / SLOT_US + 1) * SLOT_US;
        at.it_value.tv_sec = slot_us / 1000000;
        at.it_value.tv_nsec = slot_us % 1000000 * 1000;
    }
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void on_timer(void)
{
    uint64_t expiries;
    ssize_t got = read(timer_fd, &expiries, sizeof expiries);
    (void)got;
    int64_t now = now_us();
    while (queue.next != &queue && queue.next->due_us <= now) {
        struct peer *peer = queue.next;
        queue_remove(peer);
        queue_append(peer, peer->due_us + PERIOD_US);
        lws_callback_on_writable(peer->wsi);
    }
    set_timer();
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t count)
{
    struct peer *peer = user;
    (void)in, (void)count;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        *peer = (struct peer){.wsi = wsi};
        break;
    case LWS_CALLBACK_RECEIVE:
        if (!peer->is_queued)
            queue_append(peer, now_us() + PERIOD_US);
        set_timer();
        break;
    case LWS_CALLBACK_RAW_RX_FILE:
        on_timer();
        break;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return lws_write(wsi, frame + LWS_PRE, frame_bytes, LWS_WRITE_BINARY) < 0 ? -1 : 0;
    case LWS_CALLBACK_CLOSED:
        queue_remove(peer);
        break;
    default:
        break;
    }
    return 0;
}

static void on_signal(int number)
{
    (void)number;
    is_over = 1;
    lws_cancel_service(context);
}

static bool start(void)
{
    static const struct lws_protocols protocols[] = {
        {.name = "tapedeck.v1.msgpack",
         .callback = on_event,
         .per_session_data_size = sizeof(struct peer),
         .rx_buffer_size = 1024,
         .tx_packet_size = FRAME_BYTES_MAX},
        {.name = NULL},
    };
    struct lws_context_creation_info info = {
        .port = 0, .iface = "127.0.0.1", .protocols = protocols, .gid = -1, .uid = -1};
    context = lws_create_context(&info);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    if (context == NULL || timer_fd < 0)
        return false;
    lws_sock_file_fd_type file = {.filefd = timer_fd};
    return lws_adopt_descriptor_vhost(lws_get_vhost_by_name(context, "default"),
                                      LWS_ADOPT_RAW_FILE_DESC, file, protocols[0].name,
                                      NULL) != NULL;
}

int main(int argc, char **argv)
{
    struct rlimit files;
    frame_bytes = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    if (frame_bytes == 0 || frame_bytes > FRAME_BYTES_MAX) {
        fprintf(stderr, "usage: bare_server FRAME_BYTES\n");
        return 2;
    }
    frame = calloc(1, LWS_PRE + frame_bytes);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    lws_set_log_level(LLL_ERR, NULL);
    if (frame == NULL || !start())
        return 1;
    signal(SIGTERM, on_signal);
    printf("%d\n", lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "default")));
    fflush(stdout);
    while (!is_over && lws_service(context, 0) >= 0)
        continue;
    lws_context_destroy(context);
    free(frame);
    return 0;
}
