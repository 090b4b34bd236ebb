/*
 * The file of API keys as a text: a line more, or one less, and everything else byte for byte as it
 * was, because people write comments there. Whether it is a right file is for key_list_parse() to
 * say, beforehand. Pure; any thread.
 */
#ifndef TAPEDECK_AUTH_KEY_TEXT_H
#define TAPEDECK_AUTH_KEY_TEXT_H

#include "auth/key_list.h"

/* Appends the text to `out`, and behind it the line of the entry, which ends as the text's last
 * line does, with LF or CRLF; so does that, if it had no end. An empty text gets a head first. */
void key_text_add(const void *text, size_t bytes, const struct key_entry *entry,
                  struct buffer *out);
/* Appends the text to `out` without the line of the key of this name. STATUS_NOT_FOUND: there is
 * none, and `out` is untouched. */
enum status key_text_remove(const void *text, size_t bytes, const char *name, struct buffer *out,
                            struct error *error) MUST_CHECK;

#endif
