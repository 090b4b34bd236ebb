/*
 * The text of tapedeck.conf: PostgreSQL's settings for this machine and this work: bulk loads, long
 * ordered reads, one database.
 *
 * Any thread. Owns nothing. Never holds what makes the cluster ours (the socket, no TCP): that is
 * on postgres's command line, where no file can change it.
 */
#include "store/cluster_inner.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)
/* Where neither the machine nor the cgroup tells. */
#define MEMORY_DEFAULT (1024 * MIB)
/* A container's /dev/shm is 64 MiB by default: too little for parallel queries. */
#define SHM_BYTES_MIN (512 * MIB)

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    if (value < low)
        return low;
    return value > high ? high : value;
}

/* UINT64_MAX when there is no such limit. */
static uint64_t read_limit(const char *path)
{
    FILE *file = fopen(path, "re");
    uint64_t limit;
    if (file == NULL)
        return UINT64_MAX;
    if (fscanf(file, "%" SCNu64, &limit) != 1) /* "max" */
        limit = UINT64_MAX;
    (void)fclose(file);
    return limit;
}

static uint64_t machine_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_bytes = sysconf(_SC_PAGESIZE);
    uint64_t bytes =
        pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : MEMORY_DEFAULT;
    bytes = clamp(bytes, 0, read_limit("/sys/fs/cgroup/memory.max"));
    return clamp(bytes, 0, read_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
}

static const char *shared_memory_type(void)
{
    struct statvfs shm;
    bool roomy = statvfs("/dev/shm", &shm) == 0 &&
                 (uint64_t)shm.f_blocks * (uint64_t)shm.f_frsize >= SHM_BYTES_MIN;
    return roomy ? "posix" : "sysv";
}

static const char conf_common[] =
    "# Written by tapedeck at every start: changes here are lost. ALTER SYSTEM overrides it.\n"
    "max_connections = %d\n"
    "max_worker_processes = 32\n"
    "max_parallel_workers = %ld\n"
    "max_parallel_workers_per_gather = 2\n"
    "# A query over years of daily chunks locks every one of them.\n"
    "max_locks_per_transaction = 1024\n"
    "shared_buffers = %" PRIu64 "MB\n"
    "effective_cache_size = %" PRIu64 "MB\n"
    "maintenance_work_mem = %" PRIu64 "MB\n"
    "work_mem = %" PRIu64 "MB\n"
    "dynamic_shared_memory_type = %s\n"
    "# Bulk loads: few, spread-out checkpoints; a commit is still on the disk when it returns.\n"
    "synchronous_commit = on\n"
    "max_wal_size = 2GB\n"
    "min_wal_size = 256MB\n"
    "checkpoint_timeout = 15min\n"
    "wal_compression = on\n"
    "# Compiling a query takes longer than running ours.\n"
    "jit = off\n"
    "timezone = 'UTC'\n"
    "log_timezone = 'UTC'\n"
    "datestyle = 'ISO, MDY'\n"
    "lc_messages = 'C'\n"
    "log_destination = 'stderr'\n"
    "logging_collector = off\n"
    "log_checkpoints = off\n"
    "log_line_prefix = '%%m [%%p] '\n"
    "cluster_name = 'tapedeck'\n"
    "# Routines may ask for its configuration to be read anew: nobody edits it.\n"
    "tapedeck.embedded = on\n";

static const char conf_timescaledb[] = "shared_preload_libraries = 'timescaledb'\n"
                                       "timescaledb.telemetry_level = off\n"
                                       "timescaledb.max_background_workers = 16\n";

enum status conf_write(const struct cluster_options *options,
                       const struct cluster_binaries *binaries, char text[CLUSTER_CONF_BYTES],
                       struct error *error)
{
    int connections = options->connections > 0 ? options->connections : CLUSTER_CONNECTIONS;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t memory = options->memory_bytes > 0 ? options->memory_bytes : machine_bytes();
    int count = snprintf(text, CLUSTER_CONF_BYTES, conf_common, connections,
                         cores < 2 ? 2 : (cores > 8 ? 8 : cores),
                         clamp(memory / 8, 64 * MIB, 2048 * MIB) / MIB,
                         clamp(memory / 2, 128 * MIB, UINT64_MAX) / MIB,
                         clamp(memory / 32, 64 * MIB, 1024 * MIB) / MIB,
                         clamp(memory / 512, 8 * MIB, 64 * MIB) / MIB, shared_memory_type());
    size_t used = (size_t)count;
    if (count < 0 || used + sizeof conf_timescaledb > CLUSTER_CONF_BYTES)
        return error_set(error, STATUS_INTERNAL, "tapedeck.conf is too long");
    if (binaries->has_timescaledb)
        (void)snprintf(text + used, CLUSTER_CONF_BYTES - used, "%s", conf_timescaledb);
    return STATUS_OK;
}
