/*
 * Small files that decide who gets in: keys, secrets, certificates. One that others can tamper
 * with is refused, and one that holds a secret also when others can read it. Main thread.
 */
#ifndef TAPEDECK_AUTH_SECRET_FILE_H
#define TAPEDECK_AUTH_SECRET_FILE_H

#include "base/bytes.h"
#include "base/status.h"

#include <stdbool.h>

#define SECRET_FILE_BYTES_MAX ((size_t)256 << 10)

enum secret_kind {
    SECRET_FILE_PUBLIC, /* anybody may read it: hashes, public keys, certificates */
    SECRET_FILE_SECRET,
};

/*
 * The whole file, into a `content` that is not initialised yet; nothing to deinit on failure.
 * STATUS_NOT_FOUND; STATUS_FORBIDDEN when it belongs to neither us nor root, when its group or
 * others can write it, or when it is a secret that others can read; STATUS_LIMIT when it is too
 * long; STATUS_INVALID when it is no file.
 */
enum status secret_file_read(const char *path, enum secret_kind kind, struct buffer *content,
                             struct error *error) MUST_CHECK;

/* Overwrites what it held, so that it does not lie about in freed memory, and frees it. */
void secret_wipe(struct buffer *content);

#endif
