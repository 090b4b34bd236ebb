/*
 * What the cluster_*.c files share. Never included by others.
 */
#ifndef TAPEDECK_STORE_CLUSTER_INNER_H
#define TAPEDECK_STORE_CLUSTER_INNER_H

#include "store/cluster.h"

#include <sys/types.h>

#define CLUSTER_PATH_BYTES 1024
#define CLUSTER_CONF_BYTES 4096
#define CLUSTER_GROUPS_MAX 64
#define CLUSTER_LOG_BYTES_MAX (10 << 20)
#define CLUSTER_POSTGRES_MAJOR_MIN 15
#define CLUSTER_PORT "5432"
#define CLUSTER_NAME "tapedeck" /* the superuser, and the database */

struct path {
    char text[CLUSTER_PATH_BYTES];
};

/* "folder/name"; STATUS_LIMIT when it is too long. */
enum status path_join(const char *folder, const char *name, struct path *path,
                      struct error *error) MUST_CHECK;

/* ---- cluster_owner.c: who the cluster runs as ---- */

struct cluster_owner {
    uid_t uid;
    gid_t gid;
    gid_t groups[CLUSTER_GROUPS_MAX];
    int group_count;
    bool is_other; /* we are root, and become it */
    char name[64];
};

/* Us, unless we are root: then whoever owns `folder` (uid 0 or missing: the user postgres). */
enum status owner_choose(const char *folder, struct cluster_owner *owner,
                         struct error *error) MUST_CHECK;
/* In a process of its own that is about to run the cluster: no way back. */
bool owner_become(const struct cluster_owner *owner);
/* Whether the owner can reach the folder: tried, in a process of its own. */
bool owner_can_enter(const struct cluster_owner *owner, const char *folder);

/* ---- cluster_home.c: where things lie ---- */

struct cluster_place {
    struct path home;   /* resolved */
    struct path folder; /* <home>/postgres, resolved */
    struct path socket; /* short enough for a socket in it */
    struct cluster_owner owner;
};

/* Makes the folders, or finds them. */
enum status place_prepare(const char *home, struct cluster_place *place,
                          struct error *error) MUST_CHECK;
/* <home>/lock. -1 and `error` when another server has it. */
int place_lock_home(const struct cluster_place *place, struct error *error);
/* <home>/postgres/NAME for locking; -1 and `error`. */
int place_open_lock(const struct cluster_place *place, const char *name, struct error *error);
/* The pid of the keeper; 0: there is none. */
pid_t place_find_keeper(const struct cluster_place *place);
/* The major version of <home>/postgres/data; 0: there is none yet. */
int place_major(const struct cluster_place *place);

/* ---- cluster_binaries.c: which PostgreSQL ---- */

struct cluster_binaries {
    struct path postgres; /* the program, links resolved: what /proc/PID/exe tells */
    struct path folder;
    int major;
    bool has_timescaledb;
};

/* `major` 0: any, best with TimescaleDB, then the newest. */
enum status binaries_find(const char *postgres_bin, int major, struct cluster_binaries *binaries,
                          struct error *error) MUST_CHECK;

/* ---- cluster_conf.c: tapedeck.conf ---- */

enum status conf_write(const struct cluster_options *options,
                       const struct cluster_binaries *binaries, char text[CLUSTER_CONF_BYTES],
                       struct error *error) MUST_CHECK;

/* ---- cluster_keeper.c: the process that keeps postgres running ---- */

/* All that the keeper needs, put together before the fork: it allocates nothing. */
struct keeper_plan {
    struct cluster_place place;
    struct cluster_binaries binaries;
    char conf[CLUSTER_CONF_BYTES];
    bool logs_to_stderr; /* else to postgres.log */
};

enum keeper_report_kind {
    KEEPER_FAILED, /* with an error */
    KEEPER_BUSY,   /* somebody else's keeper was quicker */
};

struct keeper_report {
    enum keeper_report_kind kind;
    struct error error;
};

/* Forks. `report_fd` delivers at most one keeper_report; its end without one: the keeper died. */
enum status keeper_launch(const struct keeper_plan *plan, pid_t *keeper, int *report_fd,
                          struct error *error) MUST_CHECK;
/* SIGTERM asks a keeper to stop postgres and end. */

/* ---- cluster_data.c: the keeper's work in the data folder; the working directory is
 * <home>/postgres, the user the owner. No allocation. ---- */

/* A complete cluster in data/, made if need be, with our settings in it. */
enum status data_prepare(const struct keeper_plan *plan, int log_fd,
                         struct error *error) MUST_CHECK;
/* Deals with the postmaster.pid of a postgres that has gone, or is going. */
enum status data_clear_postmaster(struct error *error) MUST_CHECK;
/* Ends what a killed postmaster left running: it would hold the shared memory until its query is
 * done. Only when no postmaster runs. */
void data_end_orphans(const struct keeper_plan *plan);
/* postgres.log, at most CLUSTER_LOG_BYTES_MAX long at this moment. -1 when it cannot be opened. */
int data_open_log(void);
/* Moves a grown log to postgres.log.old; whoever writes to it goes on at the start. */
void data_bound_log(int log_fd);
off_t data_log_end(int log_fd);
/* "…: its last complaint" after a sentence, out of what the log got since `from`. */
void data_tell_log(int log_fd, off_t from, struct error *error);
/* Whether that complaint is one that goes away by itself. */
bool data_log_says_wait(int log_fd, off_t from);

/* ---- cluster_process.c ---- */

/* Forks and executes argv[0] with a small environment and default signals; standard output and
 * error go to `output_fd`, standard input is empty. `death_signal` (0: none) is what it gets when
 * the calling thread ends. -1: the fork failed. */
pid_t process_spawn(const char *const argv[], int output_fd, int death_signal);
/* Waits for it: 0 when it ended well. */
int process_wait(pid_t pid);

#endif
