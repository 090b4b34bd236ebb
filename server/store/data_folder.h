/*
 * Where the database keeps its files, and how full that disk is, when it is on this machine.
 *
 * A connection over a unix socket or a loopback address proves nothing: it may lead into a
 * container. So the folder that the server names must exist here, be in use (postmaster.pid) and
 * carry the server's own system identifier (global/pg_control). What this user may not read counts
 * as somewhere else. On the thread that owns the connection.
 */
#ifndef TAPEDECK_STORE_DATA_FOLDER_H
#define TAPEDECK_STORE_DATA_FOLDER_H

#include "market/operations.h"
#include "store/connection.h"

/* Fills in the size of the disk under `path`, and copies `path`; leaves everything zero when there
 * is no such folder. */
void data_folder_measure(const char *path, struct storage_disk *disk);
/* Whether a server runs in the folder, and is the one with this system identifier (a signed
 * decimal number, as SQL has it). */
bool data_folder_is_of(const char *folder, const char *identifier);
/* Asks the server where it is. Zero when it is elsewhere, or does not say. */
enum status data_folder_find(struct connection *connection, struct storage_disk *disk,
                             struct error *error) MUST_CHECK;

#endif
