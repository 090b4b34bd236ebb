#include "auth/key_text.h"

#include "market/time.h"

#include <string.h>

static const char head[] = "# API keys of tapedeck: NAME ROLE SHA-256-OF-THE-KEY [EXPIRES]\n"
                           "# Written by `tapedeck keys add` and `tapedeck keys revoke`; a "
                           "running server reads it anew on SIGHUP.\n";

static bool ends_with_line(const char *text, size_t bytes)
{
    return bytes == 0 || text[bytes - 1] == '\n';
}

/* "\r\n" where the last line that has an end ends so. */
static const char *line_end_of(const char *text, size_t bytes)
{
    const char *end = bytes > 0 ? memrchr(text, '\n', bytes) : NULL;
    return end != NULL && end > text && end[-1] == '\r' ? "\r\n" : "\n";
}

static void append_entry(const struct key_entry *entry, struct buffer *out)
{
    buffer_append_format(out, "%s %s ", entry->name, role_name(entry->role));
    for (size_t i = 0; i < IDENTITY_PROOF_BYTES; i++)
        buffer_append_format(out, "%02x", entry->digest[i]);
    if (entry->expires_us != IDENTITY_NEVER)
        buffer_append_format(out, " %s", time_format(entry->expires_us).text);
}

void key_text_add(const void *text, size_t bytes, const struct key_entry *entry, struct buffer *out)
{
    const char *line_end = line_end_of(text, bytes);
    if (bytes == 0)
        buffer_append_text(out, head);
    buffer_append(out, text, bytes);
    if (!ends_with_line(text, bytes))
        buffer_append_text(out, line_end);
    append_entry(entry, out);
    buffer_append_text(out, line_end);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Whether its first word is the name. Of a comment, or of nothing, it is nobody's. */
static bool is_line_of(const char *name, const char *line, size_t bytes)
{
    size_t from = 0;
    while (from < bytes && is_blank(line[from]))
        from++;
    if (from == bytes || line[from] == '#')
        return false;
    size_t to = from;
    while (to < bytes && !is_blank(line[to]))
        to++;
    return to - from == strlen(name) && memcmp(line + from, name, to - from) == 0;
}

enum status key_text_remove(const void *text, size_t bytes, const char *name, struct buffer *out,
                            struct error *error)
{
    const char *at = text;
    for (size_t left = bytes; left > 0;) {
        const char *end = memchr(at, '\n', left);
        size_t line_bytes = end != NULL ? (size_t)(end - at) + 1 : left;
        left -= line_bytes;
        if (is_line_of(name, at, line_bytes)) {
            buffer_append(out, text, (size_t)(at - (const char *)text));
            buffer_append(out, at + line_bytes, left);
            return STATUS_OK;
        }
        at += line_bytes;
    }
    return error_set(error, STATUS_NOT_FOUND, "there is no key of the name %s", name);
}
