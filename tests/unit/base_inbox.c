#include "base/inbox.h"

#include <criterion/criterion.h>
#include <signal.h>

#define LETTERS 8

static struct inbox inbox;
static size_t wakes;
static int delivered[64];
static size_t delivered_count;

struct note {
    struct letter letter;
    int number;
    struct note *posts;    /* when it is delivered */
    struct note *retracts; /* when it is delivered */
};

static struct note notes[LETTERS];

static void wake(void *owner)
{
    cr_assert(owner == &wakes);
    wakes++;
}

static void deliver(struct letter *letter)
{
    struct note *note = CONTAINER_OF(letter, struct note, letter);
    delivered[delivered_count++] = note->number;
    if (note->retracts != NULL)
        inbox_retract(&inbox, &note->retracts->letter);
    if (note->posts != NULL)
        inbox_post(&inbox, &note->posts->letter);
}

static void set_up(void)
{
    inbox_init(&inbox, wake, &wakes);
    for (int i = 0; i < LETTERS; i++) {
        notes[i] = (struct note){.number = i};
        letter_init(&notes[i].letter, deliver);
    }
}

static void tear_down(void)
{
    inbox_deinit(&inbox);
}

static void check_delivered(size_t count, const int *numbers)
{
    cr_assert(delivered_count == count, "%zu instead of %zu", delivered_count, count);
    for (size_t i = 0; i < count; i++)
        cr_assert(delivered[i] == numbers[i], "letter %zu was %d", i, delivered[i]);
}

TestSuite(inbox, .init = set_up, .fini = tear_down);

Test(inbox, delivers_letters_in_the_order_they_were_posted)
{
    inbox_post(&inbox, &notes[2].letter);
    inbox_post(&inbox, &notes[0].letter);
    inbox_post(&inbox, &notes[1].letter);
    cr_assert(delivered_count == 0, "only the owner's thread delivers");
    cr_assert(inbox_drain(&inbox) == 3);
    check_delivered(3, (const int[]){2, 0, 1});
    cr_assert(inbox_drain(&inbox) == 0);
}

Test(inbox, wakes_its_owner_when_it_stops_being_empty_and_only_then)
{
    cr_assert(wakes == 0);
    inbox_post(&inbox, &notes[0].letter);
    cr_assert(wakes == 1);
    inbox_post(&inbox, &notes[1].letter);
    cr_assert(wakes == 1);
    cr_assert(inbox_drain(&inbox) == 2);
    cr_assert(wakes == 1);
    inbox_post(&inbox, &notes[2].letter);
    cr_assert(wakes == 2);
    cr_assert(inbox_drain(&inbox) == 1);
}

Test(inbox, leaves_what_a_delivery_posts_for_the_next_turn)
{
    notes[0].posts = &notes[0]; /* itself, again and again */
    notes[1].posts = &notes[2];
    inbox_post(&inbox, &notes[0].letter);
    inbox_post(&inbox, &notes[1].letter);
    cr_assert(inbox_drain(&inbox) == 2);
    check_delivered(2, (const int[]){0, 1});
    cr_assert(wakes == 2);
    notes[0].posts = NULL;
    cr_assert(inbox_drain(&inbox) == 2);
    check_delivered(4, (const int[]){0, 1, 0, 2});
}

Test(inbox, does_not_deliver_a_letter_that_was_retracted)
{
    for (int i = 0; i < 3; i++)
        inbox_post(&inbox, &notes[i].letter);
    inbox_retract(&inbox, &notes[1].letter);
    inbox_retract(&inbox, &notes[3].letter); /* was never posted */
    cr_assert(inbox_drain(&inbox) == 2);
    check_delivered(2, (const int[]){0, 2});
    inbox_retract(&inbox, &notes[0].letter); /* has been delivered */
    inbox_post(&inbox, &notes[1].letter);    /* may be used again */
    cr_assert(inbox_drain(&inbox) == 1);
    check_delivered(3, (const int[]){0, 2, 1});
}

Test(inbox, lets_a_delivery_retract_a_letter_of_the_same_turn)
{
    notes[0].retracts = &notes[2];
    for (int i = 0; i < 4; i++)
        inbox_post(&inbox, &notes[i].letter);
    cr_assert(inbox_drain(&inbox) == 3);
    check_delivered(3, (const int[]){0, 1, 3});
}

Test(inbox, must_be_empty_at_its_end, .signal = SIGABRT)
{
    inbox_post(&inbox, &notes[0].letter);
    inbox_deinit(&inbox);
}
