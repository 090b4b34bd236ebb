/*
 * Starting a thread of store/: with every signal blocked, because signals are the main thread's.
 * Any thread.
 */
#ifndef TAPEDECK_STORE_THREAD_H
#define TAPEDECK_STORE_THREAD_H

#include <pthread.h>
#include <signal.h>

/* 0, or an errno. */
static inline int thread_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

#endif
