/*
 * The embedded PostgreSQL cluster of a home folder: made, started, watched and stopped by tapedeck.
 *
 *   <home>/lock                  held by the one server that runs this home; its pid
 *   <home>/postgres/             belongs to the cluster's owner, mode 0700; or a link to a folder
 *       data/                    under /var/lib/tapedeck where the owner cannot reach the home
 *       data.new/                an initdb under way; renamed when it is complete
 *       socket/                  no TCP; or a link to a short path where this one is too long
 *       postgres.log, .old       at most 10 MiB each
 *       users                    locked (shared) by every process that uses the cluster
 *       keeper                   locked by the keeper
 *
 *   server, import, …  ──forks──►  keeper  ──►  postgres          watches it, restarts it
 *     each holds `users`             └──────►  waiter             waits until nobody holds `users`
 *
 * The first process that needs the cluster starts it, the last one that leaves stops it, in
 * whatever way they leave: `kill -9` lets go of the lock too. The keeper runs as the cluster's
 * owner and dies with nobody: when it is killed, postgres shuts down and the server starts both
 * again. Root runs the cluster as the user `postgres`, because initdb and postgres refuse root.
 *
 * Any thread, one at a time; best before other threads exist, because the keeper is a fork. A
 * server has one thread more, which watches the keeper.
 */
#ifndef TAPEDECK_STORE_CLUSTER_H
#define TAPEDECK_STORE_CLUSTER_H

#include "base/status.h"

#include <stdbool.h>

struct cluster;

#define CLUSTER_CONNECTIONS 64
/* Crash recovery included. */
#define CLUSTER_READY_SECONDS_MAX 300
/* A fast shutdown writes a checkpoint; then it is ended the hard way, which costs a recovery. */
#define CLUSTER_STOP_SECONDS_MAX 60

struct cluster_options {
    const char *home;         /* made when missing */
    const char *postgres_bin; /* folder with initdb and postgres; NULL: $TAPEDECK_PG_BIN, then the
                                 newest of /usr/lib/postgresql/N/bin, then PATH */
    int connections;          /* max_connections; 0: CLUSTER_CONNECTIONS */
    size_t memory_bytes; /* what PostgreSQL may count on; 0: half of the machine's (cgroup's) */
};

/*
 * For the server: one server per home (STATUS_CONFLICT names the other), and the cluster is kept
 * running until cluster_close. Returns when the database `tapedeck` takes connections.
 * STATUS_CONFLICT: the cluster is of another PostgreSQL version, or a stranger's. STATUS_NOT_FOUND:
 * PostgreSQL is not installed. STATUS_UNAVAILABLE: it does not start; the sentence ends with its
 * last words.
 */
enum status cluster_start(const struct cluster_options *options, struct cluster **cluster,
                          struct error *error) MUST_CHECK;
/* For the other subcommands: joins the running cluster of the home, or starts it until the last
 * one has left. */
enum status cluster_attach(const struct cluster_options *options, struct cluster **cluster,
                           struct error *error) MUST_CHECK;
/* Lets go, and stops the cluster if nobody else uses it: returns when it has stopped. Clears; NULL
 * is fine. */
void cluster_close(struct cluster **cluster);

/* A conninfo string for connection_open: the superuser and database `tapedeck`. */
const char *cluster_url(const struct cluster *cluster);
/* <home>/postgres/data with links resolved: whose disk fills up. */
const char *cluster_data_path(const struct cluster *cluster);

#endif
