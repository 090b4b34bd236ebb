/*
 * What can be configured, and where each value came from.
 *
 *   defaults  <  tapedeck.yaml  <  environment  <  flags            the later one wins
 *
 * One table in setting.c names every setting once; its key in the file, its variable and its flag
 * follow from the name. Policies are declared in the file alone. A wrong value is refused wherever
 * it stands, also under one that wins. Main thread; constant once it is loaded.
 */
#ifndef TAPEDECK_APP_CONFIGURATION_H
#define TAPEDECK_APP_CONFIGURATION_H

#include "app/declared_policies.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIGURATION_FILE "tapedeck.yaml"
#define CONFIGURATION_SETTINGS_MAX 64
#define CONFIGURATION_SOURCE_BYTES 160

/* Texts are never NULL. */
struct configuration {
    const char *database_url; /* "": the embedded database of `home` */
    bool use_timescaledb;
    const char *home;

    const char *host;
    uint16_t port; /* 0: any free one */
    bool insecure;
    const char *auth_keys_file; /* "": none, as with the next ones */
    const char *jwt_secret_file;
    const char *jwt_public_key_file;
    const char *jwt_audience;
    const char *jwt_issuer;
    const char *tls_certificate_file;
    const char *tls_key_file;
    const char *web_root; /* "": none */
    const char *const *allowed_origins;
    size_t allowed_origin_count;
    const char *const *allowed_hosts;
    size_t allowed_host_count;
    unsigned lanes; /* already resolved: at least 1 */
    unsigned connections_max;
    unsigned connections_per_address_max; /* 0: no cap */
    unsigned replays_per_connection;
    unsigned disk_alert_percent;
    unsigned requests_per_second; /* per connection, as the next two */
    unsigned requests_burst;
    unsigned acks_per_second;
    unsigned http_requests_per_second; /* per address; 0: no bound */
    unsigned http_requests_burst;
    size_t unsent_bytes_max;

    size_t cache_bytes;
    unsigned store_connections_min;
    unsigned store_connections_max;
    int64_t statement_timeout_us;
    int64_t future_tolerance_us;

    enum log_level log_level;

    struct declared_policies policies; /* given ones are from `file` */

    /* "default", "tapedeck.yaml line 3", "TAPEDECK_PORT", "--port": in the table's order. */
    char sources[CONFIGURATION_SETTINGS_MAX][CONFIGURATION_SOURCE_BYTES];
    char *file; /* that was read; NULL: none */
};

struct setting;

/* A flag that names a setting; its value is borrowed. */
struct setting_flag {
    const struct setting *setting;
    const char *value;
};

struct configuration_inputs {
    const char *file; /* that must be there; NULL: $TAPEDECK_CONFIG, ./tapedeck.yaml, home's */
    const char *const *environment; /* "NAME=value" each, ended by NULL; NULL: empty */
    const struct setting_flag *flags;
    size_t flag_count;
};

/* STATUS_INVALID with a sentence that names the setting, its value, where it came from and what
 * would be right. On failure there is nothing to deinit. */
enum status configuration_load(const struct configuration_inputs *inputs,
                               struct configuration *configuration, struct error *error) MUST_CHECK;
void configuration_deinit(struct configuration *configuration);

/* Every setting and policy as a line of YAML with its source in a comment, secrets masked. */
void configuration_print(const struct configuration *configuration, struct buffer *out);

/* tapedeck config: returns the exit status. */
int configuration_run(const struct configuration *configuration);

/* Whether clients have to say who they are. */
bool configuration_asks_who(const struct configuration *configuration);
/* Whether only this machine can reach an address: localhost, 127.x.x.x, ::1. */
bool configuration_is_loopback(const char *host);

#endif
