#include "app/bench_server.h"

#include "app/terminal.h"
#include "auth/identity.h"
#include "auth/secret_file.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Visible ASCII and nothing else, or it would not stay within its header. */
static bool is_token(const struct buffer *token)
{
    for (size_t i = 0; i < token->count; i++) {
        if (token->bytes[i] <= ' ' || token->bytes[i] > '~')
            return false;
    }
    return token->count > 0 && token->count <= TOKEN_BYTES_MAX;
}

static void trim(struct buffer *text)
{
    size_t from = 0;
    while (text->count > 0 && is_blank(text->bytes[text->count - 1]))
        text->count--;
    while (from < text->count && is_blank(text->bytes[from]))
        from++;
    text->count -= from;
    if (text->count > 0)
        memmove(text->bytes, text->bytes + from, text->count);
}

static enum status read_token(const char *path, struct bench_target *target, struct error *error)
{
    enum status status = secret_file_read(path, SECRET_FILE_SECRET, &target->token, error);
    if (status != STATUS_OK)
        return error_prefix(error, "--token-file");
    trim(&target->token);
    /* Not a byte of it is quoted: it may be a secret all the same. */
    if (!is_token(&target->token))
        return error_set(error, STATUS_INVALID,
                         "--token-file: %s must hold a token and nothing else: 1 to %d visible "
                         "characters",
                         path, TOKEN_BYTES_MAX);
    target->channel.token = buffer_text(&target->token);
    return STATUS_OK;
}

/* Over plain ws:// to another machine; what is no URL at all is refused later. */
static bool travels_in_clear(const char *url)
{
    static const char scheme[] = "ws://";
    char host[CHANNEL_HOST_BYTES];
    if (strncmp(url, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *name = url + sizeof scheme - 1;
    bool is_bracketed = name[0] == '[';
    name += is_bracketed;
    (void)snprintf(host, sizeof host, "%.*s", (int)strcspn(name, is_bracketed ? "]" : ":/"), name);
    return !configuration_is_loopback(host);
}

enum status bench_target_open(const struct configuration *configuration,
                              const struct bench_server *server, struct bench_target *target,
                              struct error *error)
{
    *target = (struct bench_target){.channel = {.url = server->url, .ca_file = server->ca_file}};
    (void)snprintf(target->url, sizeof target->url, "ws://127.0.0.1:%u/ws", configuration->port);
    if (server->url == NULL)
        target->channel.url = target->url;
    (void)signal(SIGPIPE, SIG_IGN); /* bench/tls_client wants it */
    if (server->token_file == NULL)
        return STATUS_OK;
    enum status status = read_token(server->token_file, target, error);
    if (status == STATUS_OK && travels_in_clear(target->channel.url))
        terminal_warning("the token travels in clear to %s, and whoever listens has it: use wss://",
                         target->channel.url);
    return status;
}

void bench_target_close(struct bench_target *target)
{
    target->channel.token = NULL;
    secret_wipe(&target->token);
}
