/*
 * A change replaces the file as a whole, under a lock on its folder, so that two of them at once do
 * not lose one, and a server that reads it meanwhile sees the old one or the new one. In it one
 * line is changed: the others, the mode and the owner are somebody's work.
 */
#include "app/keys.h"

#include "app/option_value.h"
#include "app/terminal.h"
#include "auth/key_text.h"
#include "auth/secret_file.h"
#include "base/clock.h"
#include "base/mem.h"
#include "market/time.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define EXPIRES_DAYS_MAX INT64_C(36500)

/* ---- options ---- */

static const char *const roles[] = {"viewer", "writer", "operator", NULL};

const struct keys_values keys_defaults = {.role = -1};
const struct option keys_options[KEYS_OPTION_COUNT] = {
    {.name = "role",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct keys_values, role),
     .choices = roles,
     .help = "what its holder may do: viewers read, writers also bring data in, operators also run "
             "the database's policies (required)"},
    {.name = "expires",
     .type = OPTION_TEXT,
     .offset = offsetof(struct keys_values, expires),
     .value = "WHEN",
     .help = "how long it is good, as 90d, or until when, as 2027-01-01 (default: until revoked)"},
};

/* ---- the file ---- */

struct key_file {
    const char *path;
    char place[PATH_BYTES]; /* where it really is: the path may be a link */
    char folder[PATH_BYTES];
    int lock; /* the folder's descriptor; −1: none */
    bool is_new;
    struct buffer text; /* as it was read */
    struct key_list list;
};

/* A link to the file stays one: what it leads to is replaced. */
static enum status find_place(struct key_file *file, struct error *error)
{
    struct stat found;
    if (strlen(file->path) >= PATH_BYTES)
        return error_set(error, STATUS_INVALID, "the path of the keys is too long");
    if (realpath(file->path, file->place) != NULL)
        return STATUS_OK;
    if (errno != ENOENT || lstat(file->path, &found) == 0)
        return error_set(error, STATUS_UNAVAILABLE, "cannot follow %s: %s", file->path,
                         strerror(errno));
    (void)snprintf(file->place, sizeof file->place, "%s", file->path);
    return STATUS_OK;
}

static enum status lock_folder(struct key_file *file, struct error *error)
{
    char copy[PATH_BYTES];
    (void)snprintf(copy, sizeof copy, "%s", file->place);
    (void)snprintf(file->folder, sizeof file->folder, "%s", dirname(copy));
    file->lock = open(file->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file->lock < 0 || flock(file->lock, LOCK_EX) != 0)
        return error_set(error, STATUS_UNAVAILABLE, "cannot use the folder %s: %s", file->folder,
                         strerror(errno));
    return STATUS_OK;
}

static enum status read_list(struct key_file *file, struct error *error)
{
    enum status status = secret_file_read(file->path, SECRET_FILE_PUBLIC, &file->text, error);
    file->is_new = status == STATUS_NOT_FOUND;
    if (status != STATUS_OK)
        return status;
    status = key_list_parse(file->text.bytes, file->text.count, &file->list, error);
    return status == STATUS_OK ? STATUS_OK : error_prefix(error, "%s", file->path);
}

/* `may_be_new`: there need not be one yet. */
static enum status key_file_open(const struct configuration *configuration, bool may_be_new,
                                 struct key_file *file, struct error *error)
{
    *file = (struct key_file){.path = configuration->auth_keys_file, .lock = -1};
    if (file->path[0] == '\0')
        return error_set(error, STATUS_INVALID,
                         "which file? Name it with --auth-keys-file FILE, or as auth_keys_file in "
                         "tapedeck.yaml, where the server finds it too");
    enum status status = find_place(file, error);
    if (status == STATUS_OK)
        status = lock_folder(file, error);
    if (status == STATUS_OK)
        status = read_list(file, error);
    return status == STATUS_NOT_FOUND && may_be_new ? STATUS_OK : status;
}

static void key_file_close(struct key_file *file)
{
    key_list_deinit(&file->list);
    buffer_deinit(&file->text);
    if (file->lock >= 0)
        (void)close(file->lock); /* and with it the lock */
}

static bool write_all(int fd, const struct buffer *content)
{
    for (size_t at = 0; at < content->count;) {
        ssize_t written = write(fd, content->bytes + at, content->count - at);
        if (written < 0 && errno != EINTR)
            return false;
        at += written > 0 ? (size_t)written : 0;
    }
    return fsync(fd) == 0;
}

/* Whoever owned and could read it goes on doing so: root may change the keys of a server that is
 * not root, and a server may read them as one of a group. */
static bool keep_owner_and_mode(const struct key_file *file, int fd)
{
    struct stat before;
    if (file->is_new)
        return true;
    return stat(file->place, &before) == 0 && fchown(fd, before.st_uid, before.st_gid) == 0 &&
           fchmod(fd, before.st_mode & 07777) == 0;
}

static enum status replace(struct key_file *file, const struct buffer *content, struct error *error)
{
    char fresh[PATH_BYTES + 16];
    (void)snprintf(fresh, sizeof fresh, "%s.XXXXXX", file->place);
    int fd = mkostemp(fresh, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return error_set(error, STATUS_UNAVAILABLE, "cannot write to the folder %s: %s",
                         file->folder, strerror(errno));
    bool is_written = keep_owner_and_mode(file, fd) && write_all(fd, content);
    is_written = close(fd) == 0 && is_written;
    if (is_written && rename(fresh, file->place) == 0 && fsync(file->lock) == 0)
        return STATUS_OK;
    int reason = errno;
    (void)unlink(fresh);
    return error_set(error, STATUS_UNAVAILABLE, "cannot write %s: %s", file->path,
                     strerror(reason));
}

/* `content` is the whole text; it is deinitialised. */
static enum status key_file_save(struct key_file *file, struct buffer *content, struct error *error)
{
    enum status status = content->failed
                             ? error_set(error, STATUS_LIMIT, "%s would have more than %zu bytes",
                                         file->path, SECRET_FILE_BYTES_MAX)
                             : replace(file, content, error);
    buffer_deinit(content);
    return status;
}

static enum status key_file_add(struct key_file *file, const struct key_entry *entry,
                                struct error *error)
{
    struct buffer content;
    enum status status = key_list_add(&file->list, entry, error);
    if (status != STATUS_OK)
        return status;
    buffer_init(&content, SECRET_FILE_BYTES_MAX);
    key_text_add(file->text.bytes, file->text.count, entry, &content);
    return key_file_save(file, &content, error);
}

static enum status key_file_remove(struct key_file *file, const char *name, struct error *error)
{
    struct buffer content;
    buffer_init(&content, SECRET_FILE_BYTES_MAX);
    enum status status = key_text_remove(file->text.bytes, file->text.count, name, &content, error);
    if (status == STATUS_OK)
        return key_file_save(file, &content, error);
    buffer_deinit(&content);
    return status;
}

/* ---- subcommands ---- */

/* A time, or a duration from now. */
static enum status read_expires(const char *text, int64_t *expires_us, struct error *error)
{
    int64_t now_us = clock_wall_us();
    int64_t left_us;
    *expires_us = IDENTITY_NEVER;
    if (text == NULL)
        return STATUS_OK;
    if (value_parse_duration(text, 1, EXPIRES_DAYS_MAX * TIME_DAY_US, &left_us, NULL) == STATUS_OK)
        *expires_us = now_us + left_us;
    else if (value_parse_time(text, expires_us, NULL) != STATUS_OK)
        return error_set(error, STATUS_INVALID,
                         "--expires = %s: expected a duration such as 90d, or a time such as "
                         "2027-01-01T00:00:00Z",
                         text);
    if (*expires_us <= now_us)
        return error_set(error, STATUS_INVALID, "--expires = %s lies in the past", text);
    return STATUS_OK;
}

static enum status add(struct key_file *file, const char *name, const struct keys_values *values,
                       struct error *error)
{
    struct key_entry entry = {.role = ROLE_NONE};
    char key[KEY_BYTES + 1];
    if (values->role < 0 || !role_parse(roles[values->role], &entry.role))
        return error_set(error, STATUS_INVALID, "which role? --role " ROLE_NAMES);
    enum status status = read_expires(values->expires, &entry.expires_us, error);
    if (status != STATUS_OK)
        return status;
    if ((size_t)snprintf(entry.name, sizeof entry.name, "%s", name) >= sizeof entry.name)
        return error_set(error, STATUS_INVALID, "a name has at most %d characters",
                         IDENTITY_NAME_BYTES_MAX);
    status = key_make(key, error);
    if (status != STATUS_OK)
        return status;
    key_digest(key, KEY_BYTES, entry.digest);
    status = key_file_add(file, &entry, error);
    if (status == STATUS_OK) {
        /* The key alone goes to stdout, so that a script can take it. */
        (void)fprintf(stderr, "%s is a %s. This is the key; it is shown this once:\n", name,
                      role_name(entry.role));
        if (printf("%s\n", key) < 0 || fflush(stdout) != 0)
            status =
                error_set(error, STATUS_UNAVAILABLE,
                          "nobody could read the key of %s: revoke it, and make another", name);
    }
    OPENSSL_cleanse(key, sizeof key);
    return status;
}

static void print_list(const struct key_list *list)
{
    int64_t now_us = clock_wall_us();
    (void)printf("%-32s  %-8s  %s\n", "name", "role", "expires (UTC)");
    for (size_t i = 0; i < list->count; i++) {
        const struct key_entry *entry = &list->entries[i];
        bool never = entry->expires_us == IDENTITY_NEVER;
        (void)printf("%-32s  %-8s  %.19s%s\n", entry->name, role_name(entry->role),
                     never ? "never" : time_format(entry->expires_us).text,
                     entry->expires_us <= now_us ? "  (expired)" : "");
    }
}

static void say_how_to_tell_the_server(void)
{
    (void)fprintf(stderr, "A running server reads the file on SIGHUP.\n");
}

static int finish(struct key_file *file, enum status status, const struct error *error)
{
    key_file_close(file);
    if (status == STATUS_OK)
        return EXIT_DONE;
    terminal_error("%s", error->text);
    return status == STATUS_INVALID ? EXIT_USAGE : EXIT_FAILED;
}

int keys_add_run(const struct configuration *configuration, const struct invocation *invocation)
{
    struct key_file file;
    struct error error = {.text = ""};
    enum status status = key_file_open(configuration, true, &file, &error);
    if (status == STATUS_OK)
        status = add(&file, invocation->arguments[0], invocation->values, &error);
    if (status == STATUS_OK)
        say_how_to_tell_the_server();
    return finish(&file, status, &error);
}

int keys_list_run(const struct configuration *configuration, const struct invocation *invocation)
{
    struct key_file file;
    struct error error = {.text = ""};
    (void)invocation;
    enum status status = key_file_open(configuration, false, &file, &error);
    if (status == STATUS_OK)
        print_list(&file.list);
    return finish(&file, status, &error);
}

int keys_revoke_run(const struct configuration *configuration, const struct invocation *invocation)
{
    struct key_file file;
    struct error error = {.text = ""};
    const char *name = invocation->arguments[0];
    enum status status = key_file_open(configuration, false, &file, &error);
    if (status == STATUS_OK)
        status = key_file_remove(&file, name, &error);
    if (status == STATUS_OK) {
        terminal_step("the key of %s is revoked", name);
        say_how_to_tell_the_server();
    }
    return finish(&file, status, &error);
}
