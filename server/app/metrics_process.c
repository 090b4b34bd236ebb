/*
 * What the kernel and the allocator say about this process. What they do not say is left out.
 */
#include "app/metrics.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX 2048
/* Listing descriptors takes a µs each; more than these are not counted. */
#define LISTED_FDS_MAX 256

/* The beginning of a small file of /proc; "" when it cannot be read. */
static void read_text(const char *path, char text[FILE_BYTES_MAX])
{
    text[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t bytes = read(fd, text, FILE_BYTES_MAX - 1);
    text[bytes > 0 ? bytes : 0] = '\0';
    (void)close(fd);
}

/* ---- time and memory ---- */

/* Of /proc/self/stat, man proc(5); in clock ticks and pages. */
struct process_stat {
    unsigned long user_ticks;
    unsigned long system_ticks;
    unsigned long long start_ticks; /* after boot */
    unsigned long virtual_bytes;
    long resident_pages;
};

static bool read_stat(struct process_stat *stat)
{
    char text[FILE_BYTES_MAX];
    read_text("/proc/self/stat", text);
    const char *after_name = strrchr(text, ')'); /* which may hold blanks and brackets */
    return after_name != NULL &&
           sscanf(after_name + 1,
                  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d "
                  "%llu %lu %ld",
                  &stat->user_ticks, &stat->system_ticks, &stat->start_ticks, &stat->virtual_bytes,
                  &stat->resident_pages) == 5;
}

/* Unix seconds; 0: not known. /proc/stat is long on machines with many interrupts, and constant
 * where it matters; so it is read once. */
static double boot_time(void)
{
    static _Thread_local double known;
    if (known > 0)
        return known;
    char line[256];
    FILE *file = fopen("/proc/stat", "re");
    while (file != NULL && known == 0 && fgets(line, sizeof line, file) != NULL)
        (void)sscanf(line, "btime %lf", &known);
    if (file != NULL)
        (void)fclose(file);
    return known;
}

static void write_stat(struct metrics_text *text)
{
    struct process_stat stat;
    double hertz = (double)sysconf(_SC_CLK_TCK);
    if (!read_stat(&stat))
        return;
    metrics_text_family(text, METRICS_COUNTER, "process_cpu_seconds_total",
                        "Total user and system CPU time spent in seconds.");
    metrics_text_number(text, NULL, (double)(stat.user_ticks + stat.system_ticks) / hertz);
    metrics_text_gauge(text, "process_resident_memory_bytes", "Resident memory size in bytes.",
                       (double)stat.resident_pages * (double)sysconf(_SC_PAGESIZE));
    metrics_text_gauge(text, "process_virtual_memory_bytes", "Virtual memory size in bytes.",
                       (double)stat.virtual_bytes);
    if (boot_time() > 0)
        metrics_text_gauge(text, "process_start_time_seconds",
                           "Start time of the process since unix epoch in seconds.",
                           boot_time() + (double)stat.start_ticks / hertz);
}

/* ---- descriptors ---- */

/* −1: more than are worth counting. */
static int list_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return -1;
    int count = -1; /* its own */
    const struct dirent *entry;
    while (count <= LISTED_FDS_MAX && (entry = readdir(folder)) != NULL)
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count <= LISTED_FDS_MAX ? count : -1;
}

static void write_fds(struct metrics_text *text)
{
    struct stat folder;
    struct rlimit limit;
    int count = -1;
    /* The size of this folder is how many there are, from Linux 6.2 on; before, it is 0. */
    if (stat("/proc/self/fd", &folder) == 0 && folder.st_size > 0)
        count = (int)folder.st_size;
    else
        count = list_fds();
    if (count >= 0)
        metrics_text_gauge(text, "process_open_fds", "Number of open file descriptors.", count);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        metrics_text_gauge(text, "process_max_fds", "Maximum number of open file descriptors.",
                           (double)limit.rlim_cur);
}

void metrics_process(struct metrics_text *text)
{
    write_stat(text);
    write_fds(text);
}

/* ---- the allocator ---- */

void metrics_memory(struct metrics_text *text)
{
    struct mem_statistics memory;
    metrics_text_gauge(text, "tapedeck_block_bytes", "Memory of blocks of ticks and candles.",
                       (double)mem_block_bytes());
    if (!mem_statistics(&memory))
        return;
    metrics_text_gauge(text, "tapedeck_jemalloc_allocated_bytes", "Allocated by the program.",
                       (double)memory.allocated);
    metrics_text_gauge(text, "tapedeck_jemalloc_active_bytes", "In pages that are in use.",
                       (double)memory.active);
    metrics_text_gauge(text, "tapedeck_jemalloc_metadata_bytes", "The allocator's own.",
                       (double)memory.metadata);
    metrics_text_gauge(text, "tapedeck_jemalloc_resident_bytes", "In physical memory, at most.",
                       (double)memory.resident);
    metrics_text_gauge(text, "tapedeck_jemalloc_mapped_bytes", "Of address space, in use.",
                       (double)memory.mapped);
    metrics_text_gauge(text, "tapedeck_jemalloc_retained_bytes",
                       "Of address space, given back to the machine.", (double)memory.retained);
}
