/*
 * Several threads post letters to one inbox, whose owner sleeps until it is woken: every letter
 * arrives once, each thread's in order, and no wake-up is lost. Meant for the thread sanitizer.
 */
#include "base/assert.h"
#include "base/inbox.h"
#include "base/mem.h"

#include <semaphore.h>

#define THREADS 4
#define LETTERS 20000

struct note {
    struct letter letter;
    int thread;
    int number;
};

static struct inbox inbox;
static sem_t wakes;
static int next_number[THREADS];

static void wake(void *owner)
{
    sem_post(owner);
}

static void deliver(struct letter *letter)
{
    struct note *note = CONTAINER_OF(letter, struct note, letter);
    ASSERT(note->number == next_number[note->thread]);
    next_number[note->thread]++;
    mem_free(note);
}

static void *post_letters(void *argument)
{
    int thread = *(int *)argument;
    for (int number = 0; number < LETTERS; number++) {
        struct note *note = MEM_NEW(struct note);
        letter_init(&note->letter, deliver);
        note->thread = thread;
        note->number = number;
        inbox_post(&inbox, &note->letter);
    }
    return NULL;
}

int main(void)
{
    sem_init(&wakes, 0, 0);
    inbox_init(&inbox, wake, &wakes);
    pthread_t threads[THREADS];
    int names[THREADS];
    for (int i = 0; i < THREADS; i++) {
        names[i] = i;
        int failed = pthread_create(&threads[i], NULL, post_letters, &names[i]);
        ASSERT(failed == 0);
    }
    size_t received = 0;
    while (received < (size_t)THREADS * LETTERS) {
        sem_wait(&wakes);
        received += inbox_drain(&inbox);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ASSERT(received == (size_t)THREADS * LETTERS);
    ASSERT(inbox_drain(&inbox) == 0);
    inbox_deinit(&inbox);
    sem_destroy(&wakes);
    return 0;
}
