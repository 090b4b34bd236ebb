/*
 * What the lanes share of their server. Only for net/. Constant while lanes run, but for
 * `admission`, `http_rate` and the log limits, which lock themselves, and `tls`, which has a lock.
 */
#ifndef TAPEDECK_NET_SERVER_INNER_H
#define TAPEDECK_NET_SERVER_INNER_H

#include "base/log_limit.h"
#include "net/admission.h"
#include "net/handshake.h"
#include "net/http.h"
#include "net/http_rate.h"
#include "net/lane.h"

struct tls;

struct server {
    struct http_site site;
    struct origins origins;
    struct admission admission;
    struct http_rate http_rate;
    struct log_limit refused_log;
    struct log_limit exhausted_log;
    struct log_limit overloaded_log;
    struct log_limit http_failed_log;
    pthread_mutex_t tls_lock;
    struct tls *tls; /* of the moment; NULL: in clear */
    uint16_t port;
    bool is_stopped;
    char *web_root;
    char **origin_names; /* NULL-terminated, as host_names */
    char **host_names;
    size_t unsent_bytes_max; /* of one lane */
    unsigned lane_count;     /* those that were made */
    struct lane *lanes;
};

/* What lanes are to use now, pinned; NULL: in clear. Any thread. */
struct tls *server_pin_tls(struct server *server);

#endif
