/*
 * The web app's files: which request path may name a file, where that file is, and the headers
 * that go with it. No sockets. Any thread.
 */
#ifndef TAPEDECK_NET_WEB_FILE_H
#define TAPEDECK_NET_WEB_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_PATH_BYTES_MAX 255   /* of a request path that can name a file */
#define WEB_FILE_PATH_BYTES 4096 /* folder and path together, and their NUL */

struct web_file {
    int fd; /* open for reading, at its start */
    uint64_t bytes;
    const char *content_type;
    const char *cache_control;
    char etag[48]; /* in its quotes; changes with the file's size or time */
};

/* Whether a decoded request path stays inside the folder: absolute, printable, no empty part, no
 * part that begins with a dot (dot-files, "." and ".."), no backslash. */
bool web_path_is_safe(const char *path, size_t bytes);

/* By the name's ending; "application/octet-stream" for what is not known. */
const char *web_content_type(const char *path);

/* Files under /assets/ carry a hash in their names and never change; everything else is asked for
 * again. */
const char *web_cache_control(const char *path);

/* Opens the file of `path` ("/" is index.html) in the folder `root`; the descriptor is the
 * caller's. STATUS_NOT_FOUND: there is no such regular file, or the path is not safe.
 * STATUS_UNAVAILABLE: there may be, ask later. */
enum status web_file_open(const char *root, const char *path, size_t bytes,
                          struct web_file *file) MUST_CHECK;

/* Whether an If-None-Match header names this ETag ("*", a list, weak ones too). */
bool web_etag_matches(const char *if_none_match, const char *etag);

#endif
