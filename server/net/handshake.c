#include "net/handshake.h"

#include <string.h>
#include <strings.h>

#define KEY_BYTES 24 /* 16 bytes in base64 */

static const struct refusal not_get = {405, "bad_argument", "a WebSocket is asked for with GET",
                                       "Allow: GET, HEAD\r\n"};
static const struct refusal not_websocket = {
    400, "bad_argument",
    "this server speaks HTTP/1.1 and WebSocket: ask without Upgrade, or for \"websocket\"", NULL};
static const struct refusal wrong_path = {404, "not_found", "the WebSocket is at " HANDSHAKE_PATH,
                                          NULL};
static const struct refusal wrong_version = {
    426, "bad_argument", "Sec-WebSocket-Version must be 13", "Sec-WebSocket-Version: 13\r\n"};
static const struct refusal wrong_key = {
    400, "bad_argument", "Sec-WebSocket-Key must be 16 bytes in base64 (24 characters)", NULL};
static const struct refusal no_host = {400, "bad_argument", "the Host header is missing", NULL};
static const struct refusal not_upgrading = {
    400, "bad_argument", "the Connection header must contain \"Upgrade\"", NULL};
static const struct refusal foreign_origin = {
    403, "forbidden",
    "this Origin may not connect: list it in allowed_origins, or open the page from this server",
    NULL};
static const struct refusal unknown_protocol = {
    400, "bad_argument",
    "Sec-WebSocket-Protocol must offer " HANDSHAKE_MSGPACK " or " HANDSHAKE_JSON " (or be absent)",
    NULL};

/* One item of a comma-separated list, blanks around it trimmed. False at the end of the list. */
static bool next_item(const char **list, const char **item, size_t *bytes)
{
    const char *at = *list + strspn(*list, " \t,");
    if (*at == '\0')
        return false;
    size_t length = strcspn(at, ",");
    *list = at + length;
    while (length > 0 && (at[length - 1] == ' ' || at[length - 1] == '\t'))
        length--;
    *item = at;
    *bytes = length;
    return true;
}

static bool item_is(const char *item, size_t bytes, const char *name)
{
    return bytes == strlen(name) && strncasecmp(item, name, bytes) == 0;
}

static bool list_has(const char *list, const char *name)
{
    const char *item;
    size_t bytes;
    while (next_item(&list, &item, &bytes)) {
        if (item_is(item, bytes, name))
            return true;
    }
    return false;
}

/* What may stand before ours in the list: a name that libwebsockets can read as one token and
 * that cannot be one of its own internal protocols, which it would pick first. */
static bool is_foreign_name(const char *item, size_t bytes)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] = "0123456789.-";
    if (strchr(letters, item[0]) == NULL || strncasecmp(item, "lws", 3) == 0)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        if (strchr(letters, item[i]) == NULL && strchr(others, item[i]) == NULL)
            return false;
    }
    return true;
}

bool handshake_choose_encoding(const char *protocols, enum wire_encoding *encoding)
{
    if (protocols == NULL || protocols[0] == '\0') {
        *encoding = WIRE_JSON;
        return true;
    }
    if (strlen(protocols) >= HANDSHAKE_LIST_BYTES)
        return false;
    const char *item;
    size_t bytes;
    while (next_item(&protocols, &item, &bytes)) {
        /* libwebsockets compares with case. */
        bool is_json = bytes == strlen(HANDSHAKE_JSON) && memcmp(item, HANDSHAKE_JSON, bytes) == 0;
        bool is_msgpack =
            bytes == strlen(HANDSHAKE_MSGPACK) && memcmp(item, HANDSHAKE_MSGPACK, bytes) == 0;
        if (is_json || is_msgpack) {
            *encoding = is_json ? WIRE_JSON : WIRE_MSGPACK;
            return true;
        }
        if (!is_foreign_name(item, bytes))
            return false;
    }
    return false;
}

/* host[:port] without the port that its scheme implies. */
static size_t authority_bytes(const char *authority, const char *default_port)
{
    size_t bytes = strlen(authority);
    size_t port_bytes = strlen(default_port);
    if (bytes > port_bytes && strcmp(authority + bytes - port_bytes, default_port) == 0)
        return bytes - port_bytes;
    return bytes;
}

/* "http://" or "https://" stripped; NULL for anything else. */
static const char *origin_authority(const char *origin, const char **default_port)
{
    if (strncasecmp(origin, "http://", 7) == 0) {
        *default_port = ":80";
        return origin + 7;
    }
    if (strncasecmp(origin, "https://", 8) == 0) {
        *default_port = ":443";
        return origin + 8;
    }
    return NULL;
}

static bool same_authority(const char *a, const char *b, const char *default_port)
{
    size_t bytes = authority_bytes(a, default_port);
    return bytes > 0 && bytes == authority_bytes(b, default_port) && strncasecmp(a, b, bytes) == 0;
}

static bool same_origin(const char *a, const char *b)
{
    const char *port_a;
    const char *port_b;
    const char *authority_a = origin_authority(a, &port_a);
    const char *authority_b = origin_authority(b, &port_b);
    if (authority_a == NULL || authority_b == NULL)
        return strcasecmp(a, b) == 0;
    return strcmp(port_a, port_b) == 0 && same_authority(authority_a, authority_b, port_a);
}

bool handshake_origin_is_welcome(const char *origin, const char *host,
                                 const struct origins *allowed)
{
    if (origin == NULL)
        return true;
    if (strlen(origin) >= HANDSHAKE_NAME_BYTES)
        return false;
    const char *default_port;
    const char *authority = origin_authority(origin, &default_port);
    if (authority != NULL && host != NULL && same_authority(authority, host, default_port))
        return true;
    for (size_t i = 0; i < allowed->count; i++) {
        if (strcmp(allowed->names[i], "*") == 0 || same_origin(origin, allowed->names[i]))
            return true;
    }
    return false;
}

static const struct refusal *check_protocol(const struct handshake *asked)
{
    if (asked->version == NULL || strcmp(asked->version, "13") != 0)
        return &wrong_version;
    if (asked->host == NULL || asked->host[0] == '\0')
        return &no_host;
    if (asked->connection == NULL || strlen(asked->connection) >= HANDSHAKE_LIST_BYTES ||
        !list_has(asked->connection, "upgrade"))
        return &not_upgrading;
    if (asked->key == NULL || strlen(asked->key) != KEY_BYTES)
        return &wrong_key;
    return NULL;
}

const struct refusal *handshake_check(const struct handshake *asked, const struct hosts *hosts,
                                      const struct origins *allowed, enum wire_encoding *encoding)
{
    if (asked->upgrade == NULL || strcasecmp(asked->upgrade, "websocket") != 0)
        return &not_websocket;
    if (!asked->is_get)
        return &not_get;
    if (asked->path == NULL || strcmp(asked->path, HANDSHAKE_PATH) != 0)
        return &wrong_path;
    const struct refusal *refusal = check_protocol(asked);
    if (refusal != NULL)
        return refusal;
    if (!host_is_welcome(asked->host, hosts))
        return &host_refusal;
    if (!handshake_origin_is_welcome(asked->origin, asked->host, allowed))
        return &foreign_origin;
    return handshake_choose_encoding(asked->protocols, encoding) ? NULL : &unknown_protocol;
}
