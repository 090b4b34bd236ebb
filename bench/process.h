/*
 * The server's process, seen from outside: which one listens at a port, the CPU time it used, the
 * memory it holds. Linux's /proc; only processes of this user (or of all, for root) can be found.
 * Any thread.
 */
#ifndef TAPEDECK_BENCH_PROCESS_H
#define TAPEDECK_BENCH_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* The process on this machine that listens at a TCP port; 0: none that can be seen. */
pid_t process_find(uint16_t port);
/* User and system time of all its threads, µs; −1: it cannot be told. */
int64_t process_cpu_us(pid_t pid);
/* Resident memory, bytes; −1: it cannot be told. */
int64_t process_rss_bytes(pid_t pid);

#endif
