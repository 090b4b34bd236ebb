#include "store/data_folder.h"

#include "base/mem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

void data_folder_measure(const char *path, struct storage_disk *disk)
{
    struct statvfs of;
    *disk = (struct storage_disk){.path = NULL};
    if (statvfs(path, &of) != 0)
        return;
    disk->path = mem_copy_text(path);
    disk->total_bytes = (int64_t)(of.f_blocks * of.f_frsize);
    disk->free_bytes = (int64_t)(of.f_bavail * of.f_frsize);
}

/* ---- is it here? ---- */

static bool is_loopback(const char *address)
{
    return strcmp(address, "localhost") == 0 || strcmp(address, "::1") == 0 ||
           strncmp(address, "127.", 4) == 0;
}

/* By how this process reaches it. */
static bool is_reached_locally(PGconn *pg)
{
    const char *host = PQhost(pg);
    const char *address = PQhostaddr(pg);
    if (host != NULL && (*host == '/' || *host == '@'))
        return true;
    if (address != NULL && *address != '\0')
        return is_loopback(address);
    return host != NULL && is_loopback(host);
}

static bool join(char path[PATH_MAX], const char *folder, const char *name)
{
    int bytes = snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return bytes > 0 && bytes < PATH_MAX;
}

/* The first field of the control file, in the machine's byte order. */
static bool read_identifier(const char *folder, uint64_t *identifier)
{
    char path[PATH_MAX];
    int file = join(path, folder, "global/pg_control") ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return false;
    ssize_t bytes = read(file, identifier, sizeof *identifier);
    (void)close(file);
    return bytes == (ssize_t)sizeof *identifier;
}

bool data_folder_is_of(const char *folder, const char *identifier)
{
    char path[PATH_MAX];
    char text[24];
    uint64_t found;
    if (!join(path, folder, "postmaster.pid") || access(path, F_OK) != 0 ||
        !read_identifier(folder, &found))
        return false;
    /* SQL has it as a signed number. */
    (void)snprintf(text, sizeof text, "%" PRId64, (int64_t)found);
    return strcmp(text, identifier) == 0;
}

/* ---- asking ---- */

static const char where_sql[] =
    "select case when pg_catalog.pg_has_role('pg_read_all_settings', 'usage')"
    "            then pg_catalog.current_setting('data_directory') end,"
    "       c.system_identifier::text"
    "  from pg_catalog.pg_control_system() c";

enum status data_folder_find(struct connection *connection, struct storage_disk *disk,
                             struct error *error)
{
    *disk = (struct storage_disk){.path = NULL};
    if (!is_reached_locally(connection_raw(connection)))
        return STATUS_OK;
    PGresult *row;
    enum status status = connection_query_row(connection, where_sql, 0, NULL, &row, error);
    if (status != STATUS_OK)
        return status;
    const char *folder = result_text(row, 0, 0);
    const char *identifier = result_text(row, 0, 1);
    if (folder != NULL && identifier != NULL && data_folder_is_of(folder, identifier))
        data_folder_measure(folder, disk);
    PQclear(row);
    return STATUS_OK;
}
