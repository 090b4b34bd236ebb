/*
 * A file as lines: what unpack.h yields, cut at line ends, with bounded memory whatever the file
 * holds.
 *
 *   storage: [ consumed │ line │ line │ part of a line │ free ]
 *                        ↑ at                          ↑ end
 *
 * LF and CRLF end a line, the last one needs neither; a UTF-8 byte order mark at the start is
 * skipped. A line over FILE_LINE_BYTES_MAX or with a NUL byte is handed out as a fault, so that one
 * bad line costs one row. The SHA-256 is of the unpacked content: compressing a file does not
 * change it. One owner thread.
 */
#ifndef TAPEDECK_INTAKE_FILE_H
#define TAPEDECK_INTAKE_FILE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define FILE_LINE_BYTES_MAX 65536
#define FILE_LINE_SHOWN_BYTES 1024 /* of a longer line, for the rejects file */
#define FILE_SHA256_BYTES 32

enum line_fault { LINE_FINE, LINE_TOO_LONG, LINE_HAS_NUL };

/* `text` is borrowed until the next call, without its line end, not NUL-terminated. */
struct line {
    const char *text;
    size_t bytes;
    int64_t number; /* from 1 */
    enum line_fault fault;
};

struct file_progress {
    uint64_t read_bytes; /* as stored, so compressed if the file is */
    uint64_t total_bytes;
};

struct file;

/* Errors as unpack_open. */
enum status file_open(const char *path, struct file **file, struct error *error) MUST_CHECK;
/* The same over memory, which may be compressed too and is borrowed until file_destroy. */
enum status file_open_memory(const void *bytes, size_t count, struct file **file,
                             struct error *error) MUST_CHECK;
void file_destroy(struct file **file);

/* STATUS_END after the last line. STATUS_BAD_MESSAGE (damaged) and STATUS_UNAVAILABLE (reading
 * failed) end the reading; only file_rewind and file_destroy may follow. */
enum status file_next_line(struct file *file, struct line *line, struct error *error) MUST_CHECK;
enum status file_rewind(struct file *file, struct error *error) MUST_CHECK;

struct file_progress file_progress(const struct file *file);
/* Only after file_next_line gave STATUS_END: STATUS_CONFLICT before. */
enum status file_sha256(const struct file *file, uint8_t sha256[FILE_SHA256_BYTES],
                        struct error *error) MUST_CHECK;

#endif
