#include "app/setting.h"

#include "app/option_value.h"
#include "base/allowance.h"
#include "base/assert.h"
#include "base/mem.h"
#include "feed/feed.h"
#include "live/alerts.h"
#include "net/http_rate.h"
#include "store/pool.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SECONDS INT64_C(1000000)
#define MIB (INT64_C(1) << 20)
#define STRINGIFY(number) #number
#define TEXT_OF(number) STRINGIFY(number)

#define FIELD(name) .offset = offsetof(struct configuration, name)
#define DATABASE SETTING_OF_DATABASE
#define SERVER SETTING_OF_SERVER
#define WRITERS SETTING_OF_WRITERS
#define ALL SETTING_OF_ALL
#define KEYS SETTING_OF_KEYS

/* clang-format off: a row is a setting */
static const struct setting table[] = {
    {"database_url", SETTING_TEXT, FIELD(database_url), "", 0, 0, .has_secret = true,
     .variable = "TIMESCALE_DATABASE_URL", .value = "URL", .uses = DATABASE,
     .help = "database to use, as postgresql://USER:PASSWORD@HOST/NAME or a libpq connection "
             "string; without it the embedded database in the home folder is used, and started"},
    {"use_timescaledb", SETTING_BOOL, FIELD(use_timescaledb), "true", 0, 0,
     .variable = "USE_TIMESCALEDB", .uses = DATABASE,
     .help = "use TimescaleDB where it is installed; false: plain PostgreSQL, without compression "
             "(refused on a database that was made with TimescaleDB)"},
    {"home", SETTING_TEXT, FIELD(home), "./data", 0, 0, .value = "FOLDER", .uses = DATABASE,
     .help = "folder of the embedded database; tapedeck.yaml is looked for there too"},

    {"host", SETTING_TEXT, FIELD(host), "127.0.0.1", 0, 0, .value = "ADDRESS", .uses = SERVER,
     .help = "address to listen at: 127.0.0.1 is this machine only, 0.0.0.0 or :: every network "
             "(needs keys, or --insecure)"},
    {"port", SETTING_PORT, FIELD(port), "8080", 0, 65535, .uses = SERVER,
     .help = "port to listen at; 0: any free one"},
    {"insecure", SETTING_BOOL, FIELD(insecure), "false", 0, 0, .uses = SERVER,
     .help = "let others than this machine connect, although nobody has to say who they are: "
             "everybody is a viewer then"},
    {"auth_keys_file", SETTING_TEXT, FIELD(auth_keys_file), "", 0, 0, .value = "FILE",
     .uses = SERVER | KEYS,
     .help =
         "API keys of which clients must have one, written by `tapedeck keys add`; this and the "
         "next four files are read anew on SIGHUP"},
    {"jwt_secret_file", SETTING_TEXT, FIELD(jwt_secret_file), "", 0, 0, .value = "FILE",
     .uses = SERVER,
     .help = "secret, of 32 bytes or more, that verifies JSON Web Tokens signed with HS256"},
    {"jwt_public_key_file", SETTING_TEXT, FIELD(jwt_public_key_file), "", 0, 0, .value = "FILE",
     .uses = SERVER, .help = "RSA public key in PEM that verifies tokens signed with RS256"},
    {"jwt_audience", SETTING_TEXT, FIELD(jwt_audience), "", 0, 0, .uses = SERVER,
     .help = "what the claim aud of such tokens must name"},
    {"jwt_issuer", SETTING_TEXT, FIELD(jwt_issuer), "", 0, 0, .uses = SERVER,
     .help = "what the claim iss of such tokens must be"},
    {"tls_certificate_file", SETTING_TEXT, FIELD(tls_certificate_file), "", 0, 0, .value = "FILE",
     .uses = SERVER,
     .help = "certificate and its chain in PEM, to speak https and wss; read anew on SIGHUP"},
    {"tls_key_file", SETTING_TEXT, FIELD(tls_key_file), "", 0, 0, .value = "FILE", .uses = SERVER,
     .help = "private key of that certificate, in PEM without a passphrase"},
    {"web_root", SETTING_TEXT, FIELD(web_root), "", 0, 0, .value = "FOLDER", .uses = SERVER,
     .help = "folder of the built web app; empty: none is served"},
    {"allowed_origins", SETTING_LIST, FIELD(allowed_origins), "", 0, 0, .value = "ORIGIN,…",
     .uses = SERVER,
     .help = "where web pages may come from that connect, besides this server itself, as "
             "https://desk.example; *: from anywhere"},
    {"allowed_hosts", SETTING_LIST, FIELD(allowed_hosts), "", 0, 0, .value = "NAME,…",
     .uses = SERVER,
     .help = "names under which this server is reached, as desk.example, .example for all under "
             "it, *: all; others are refused when the list is not empty or only this machine can "
             "connect (localhost and addresses are always known)"},
    {"lanes", SETTING_COUNT, FIELD(lanes), "0", 0, 256, .uses = SERVER,
     .help = "threads that serve clients; 0: one less than there are cores"},
    {"connections_max", SETTING_COUNT, FIELD(connections_max), "10000", 1, 1000000, .uses = SERVER,
     .help = "clients that may be connected at once"},
    {"connections_per_address_max", SETTING_COUNT, FIELD(connections_per_address_max), "256", 0,
     1000000, .uses = SERVER,
     .help = "clients that may be connected at once from one IPv4 address, or one IPv6 /64; 0: no "
             "cap, as behind a proxy"},
    {"replays_per_connection", SETTING_COUNT, FIELD(replays_per_connection),
     TEXT_OF(FEED_REPLAYS_MAX), 1, 1000, .uses = SERVER,
     .help = "replays that one client may have open"},
    {"requests_per_second", SETTING_COUNT, FIELD(requests_per_second),
     TEXT_OF(FEED_REQUESTS_PER_SECOND), 1, ALLOWANCE_MAX, .uses = SERVER,
     .help =
         "requests that one client may send in a second, wrong ones included; more are refused, "
         "and then not read for a while"},
    {"requests_burst", SETTING_COUNT, FIELD(requests_burst), TEXT_OF(FEED_REQUESTS_BURST), 1,
     ALLOWANCE_MAX, .uses = SERVER,
     .help = "requests that a client may send at once after it has been quiet"},
    {"acks_per_second", SETTING_COUNT, FIELD(acks_per_second), TEXT_OF(FEED_ACKS_PER_SECOND), 1,
     ALLOWANCE_MAX, .uses = SERVER,
     .help = "acknowledgements of frames that one client may send in a second; more are not read "
             "for a while"},
    {"http_requests_per_second", SETTING_COUNT, FIELD(http_requests_per_second),
     TEXT_OF(HTTP_REQUESTS_PER_SECOND), 0, ALLOWANCE_MAX, .uses = SERVER,
     .help = "HTTP requests from one IPv4 address or IPv6 /64 in a second, but for /healthz and "
             "/readyz; 0: no bound, as behind a proxy"},
    {"http_requests_burst", SETTING_COUNT, FIELD(http_requests_burst), TEXT_OF(HTTP_REQUESTS_BURST),
     1, ALLOWANCE_MAX, .uses = SERVER, .help = "of these at once, after it has been quiet"},
    {"unsent_bytes_max", SETTING_BYTES, FIELD(unsent_bytes_max), "256MiB", 16 * MIB,
     INT64_C(1) << 40, .uses = SERVER,
     .help = "memory for messages that clients have not taken yet; beyond it, those who have been "
             "stuck for the longest time are hung up"},

    {"cache_bytes", SETTING_BYTES, FIELD(cache_bytes), "256MiB", 16 * MIB, INT64_C(1) << 44,
     .uses = SERVER,
     .help =
         "memory that keeps ticks and candles once they were read from the database, for whoever "
         "wants them next"},
    {"store_connections_min", SETTING_COUNT, FIELD(store_connections_min), "2", 1, POOL_THREADS_MAX,
     .uses = SERVER, .help = "connections to the database that stay open while nobody needs them"},
    {"store_connections_max", SETTING_COUNT, FIELD(store_connections_max), "20", 1,
     POOL_THREADS_MAX, .uses = SERVER,
     .help = "connections to the database that may be open at once"},
    {"statement_timeout", SETTING_DURATION, FIELD(statement_timeout_us), "30s", SECONDS,
     3600 * SECONDS, .uses = SERVER,
     .help = "a query that brings nothing for so long is cancelled and asked again"},
    {"disk_alert_percent", SETTING_COUNT, FIELD(disk_alert_percent), TEXT_OF(ALERT_DISK_PERCENT), 1,
     100, .value = "PERCENT", .uses = SERVER,
     .help = "how full the disk of the embedded database may be before an alert is raised"},
    {"future_tolerance", SETTING_DURATION, FIELD(future_tolerance_us), "1m", 0, 86400 * SECONDS,
     .uses = WRITERS, .help = "ticks whose time is further in the future than this are refused"},

    {"log_level", SETTING_LEVEL, FIELD(log_level), "info", 0, 0, .value = "LEVEL", .uses = ALL,
     .help = "least important log lines to write: debug, info, warn or error"},
};
/* clang-format on */

#define TABLE_COUNT (sizeof table / sizeof table[0])
static_assert(TABLE_COUNT <= CONFIGURATION_SETTINGS_MAX, "more settings than sources");

/* The list's count lies right behind it. */
static_assert(offsetof(struct configuration, allowed_origin_count) ==
                  offsetof(struct configuration, allowed_origins) + sizeof(char **),
              "SETTING_LIST");
static_assert(offsetof(struct configuration, allowed_host_count) ==
                  offsetof(struct configuration, allowed_hosts) + sizeof(char **),
              "SETTING_LIST");

const struct setting *settings(size_t *count)
{
    *count = TABLE_COUNT;
    return table;
}

static bool same_name(const char *key, const char *name, size_t bytes)
{
    if (strlen(key) != bytes)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        if (key[i] != (name[i] == '-' ? '_' : name[i]))
            return false;
    }
    return true;
}

const struct setting *setting_find(const char *name, size_t bytes)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (same_name(table[i].key, name, bytes))
            return &table[i];
    }
    return NULL;
}

struct setting_name setting_flag_name(const struct setting *setting)
{
    struct setting_name name;
    (void)snprintf(name.text, sizeof name.text, "--%s", setting->key);
    for (char *c = name.text; *c != '\0'; c++)
        *c = *c == '_' ? '-' : *c;
    return name;
}

struct setting_name setting_variable(const struct setting *setting)
{
    struct setting_name name;
    (void)snprintf(name.text, sizeof name.text, "TAPEDECK_%s", setting->key);
    for (char *c = name.text; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    return name;
}

const char *setting_value_name(const struct setting *setting)
{
    if (setting->value != NULL)
        return setting->value;
    switch (setting->type) {
    case SETTING_BOOL:
        return "true|false";
    case SETTING_PORT:
    case SETTING_COUNT:
        return "N";
    case SETTING_BYTES:
        return "SIZE";
    case SETTING_DURATION:
        return "DURATION";
    case SETTING_TEXT:
    case SETTING_LIST:
    case SETTING_LEVEL:
        break;
    }
    return "TEXT";
}

/* ---- values ---- */

static void *field_of(const struct setting *setting, struct configuration *configuration)
{
    return (char *)configuration + setting->offset;
}

static const void *read_field(const struct setting *setting,
                              const struct configuration *configuration)
{
    return (const char *)configuration + setting->offset;
}

struct text_list {
    char **items;
    size_t count;
};

static void list_free(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        mem_free(list->items[i]);
    mem_free(list->items);
    *list = (struct text_list){NULL, 0};
}

/* "a, b" → a and b; blanks around them do not count, nor do empty ones. */
static struct text_list list_parse(const char *text)
{
    struct text_list list = {mem_alloc_zeroed((strlen(text) / 2 + 1) * sizeof(char *)), 0};
    while (*(text += strspn(text, ", ")) != '\0') {
        size_t bytes = strcspn(text, ",");
        size_t trimmed = bytes;
        while (trimmed > 0 && text[trimmed - 1] == ' ')
            trimmed--;
        char *item = mem_alloc_zeroed(trimmed + 1);
        memcpy(item, text, trimmed);
        list.items[list.count++] = item;
        text += bytes;
    }
    return list;
}

static enum status store_level(const char *text, enum log_level *level, struct error *error)
{
    if (log_level_parse(text, level))
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "expected debug, info, warn or error");
}

static enum status store_number(const struct setting *setting, void *field, const char *text,
                                struct error *error)
{
    int64_t number;
    enum status status;
    if (setting->type == SETTING_BYTES)
        status = value_parse_bytes(text, setting->min, setting->max, &number, error);
    else if (setting->type == SETTING_DURATION)
        status = value_parse_duration(text, setting->min, setting->max, &number, error);
    else
        status = value_parse_integer(text, setting->min, setting->max, &number, error);
    if (status != STATUS_OK)
        return status;
    if (setting->type == SETTING_BYTES)
        *(size_t *)field = (size_t)number;
    else if (setting->type == SETTING_DURATION)
        *(int64_t *)field = number;
    else if (setting->type == SETTING_PORT)
        *(uint16_t *)field = (uint16_t)number;
    else
        *(unsigned *)field = (unsigned)number;
    return STATUS_OK;
}

enum status setting_store(const struct setting *setting, struct configuration *configuration,
                          const char *text, struct error *error)
{
    void *field = field_of(setting, configuration);
    switch (setting->type) {
    case SETTING_TEXT:
        setting_clear(setting, configuration);
        *(char **)field = mem_copy_text(text);
        return STATUS_OK;
    case SETTING_LIST:
        setting_clear(setting, configuration);
        *(struct text_list *)field = list_parse(text);
        return STATUS_OK;
    case SETTING_BOOL:
        return value_parse_bool(text, field, error);
    case SETTING_LEVEL:
        return store_level(text, field, error);
    case SETTING_PORT:
    case SETTING_COUNT:
    case SETTING_BYTES:
    case SETTING_DURATION:
        break;
    }
    return store_number(setting, field, text, error);
}

void setting_clear(const struct setting *setting, struct configuration *configuration)
{
    void *field = field_of(setting, configuration);
    if (setting->type == SETTING_LIST)
        list_free(field);
    if (setting->type != SETTING_TEXT)
        return;
    mem_free(*(char **)field);
    *(char **)field = NULL;
}

const char *const *setting_list(const struct setting *setting,
                                const struct configuration *configuration, size_t *count)
{
    ASSERT(setting->type == SETTING_LIST);
    const struct text_list *list = read_field(setting, configuration);
    *count = list->count;
    return (const char *const *)list->items;
}

static void append_list(const struct text_list *list, struct buffer *out)
{
    for (size_t i = 0; i < list->count; i++)
        buffer_append_format(out, "%s%s", i > 0 ? ", " : "", list->items[i]);
}

void setting_append(const struct setting *setting, const struct configuration *configuration,
                    struct buffer *out)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    const void *field = read_field(setting, configuration);
    switch (setting->type) {
    case SETTING_TEXT:
        if (setting->has_secret)
            value_append_masked(out, *(char *const *)field);
        else
            buffer_append_text(out, *(char *const *)field);
        break;
    case SETTING_BOOL:
        buffer_append_text(out, *(const bool *)field ? "true" : "false");
        break;
    case SETTING_PORT:
        buffer_append_format(out, "%u", *(const uint16_t *)field);
        break;
    case SETTING_COUNT:
        buffer_append_format(out, "%u", *(const unsigned *)field);
        break;
    case SETTING_BYTES:
        buffer_append_text(out, value_format_bytes((int64_t) * (const size_t *)field).text);
        break;
    case SETTING_DURATION:
        buffer_append_text(out, value_format_duration(*(const int64_t *)field).text);
        break;
    case SETTING_LIST:
        append_list(field, out);
        break;
    case SETTING_LEVEL:
        buffer_append_text(out, levels[*(const enum log_level *)field]);
        break;
    }
}
