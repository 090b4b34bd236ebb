#include "live/symbols.h"

#include "base/mem.h"
#include "fake_source.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>

static struct fake_source fake;
static struct live_symbols *live;

static void set_up(void)
{
    fake_source_init(&fake);
    live = live_symbols_create(&fake.source);
}

static struct symbols_request *next_question(void)
{
    struct symbols_request *request;
    while ((request = atomic_exchange(&fake.symbols, NULL)) == NULL)
        sched_yield();
    return request;
}

/* Answers the next question with names parted by blanks. */
static void answer(const char *names)
{
    struct symbols_request *request = next_question();
    request->symbols = mem_alloc_zeroed(8 * sizeof *request->symbols);
    request->symbol_count = 0;
    for (const char *at = names; *at != '\0'; at += *at == ' ') {
        size_t length = strcspn(at, " ");
        memcpy(request->symbols[request->symbol_count++].name, at, length);
        at += length;
    }
    request->status = STATUS_OK;
    inbox_post(request->inbox, &request->letter);
}

static void fail(void)
{
    struct symbols_request *request = next_question();
    request->status = error_set(&request->error, STATUS_UNAVAILABLE, "away");
    inbox_post(request->inbox, &request->letter);
}

/* The list once it holds so many. */
static struct symbol_list *wait_for(size_t count)
{
    for (;;) {
        struct symbol_list *list = live_symbols_pin(live);
        if (list != NULL && list->count == count)
            return list;
        symbol_list_unpin(&list);
        sched_yield();
    }
}

static void tear_down(void)
{
    live_symbols_destroy(&live);
}

TestSuite(live_symbols, .init = set_up, .fini = tear_down, .timeout = 60);

Test(live_symbols, has_no_list_before_the_first_answer)
{
    cr_assert_null(live_symbols_pin(live));
    answer("A");
    struct symbol_list *list = wait_for(1);
    symbol_list_unpin(&list);
    cr_assert_null(list);
    symbol_list_unpin(&list); /* harmless */
}

Test(live_symbols, finds_names_in_the_order_of_bytes)
{
    answer("b AB a A");
    struct symbol_list *list = wait_for(4);
    static const char *const order[] = {"A", "AB", "a", "b"};
    for (size_t i = 0; i < 4; i++)
        cr_assert_str_eq(list->symbols[i].name, order[i]);
    cr_assert(symbol_list_find(list, "AB") == &list->symbols[1]);
    cr_assert_null(symbol_list_find(list, "AC"));
    cr_assert_null(symbol_list_find(list, ""));
    cr_assert(symbol_list_first(list, "") == 0);
    cr_assert(symbol_list_first(list, "AA") == 1);
    cr_assert(symbol_list_first(list, "c") == 4);
    symbol_list_unpin(&list);
}

Test(live_symbols, publishes_a_new_list_and_leaves_the_old_one_to_who_has_it)
{
    answer("A");
    struct symbol_list *old = wait_for(1);
    live_symbols_refresh(live);
    answer("A B");
    struct symbol_list *list = wait_for(2);
    cr_assert(old->count == 1);
    cr_assert_str_eq(old->symbols[0].name, "A");
    symbol_list_unpin(&old);
    symbol_list_unpin(&list);
}

Test(live_symbols, asks_once_more_for_all_refreshes_that_came_meanwhile)
{
    struct symbols_request *first = next_question();
    for (int i = 0; i < 10; i++)
        live_symbols_refresh(live);
    first->status = STATUS_OK;
    inbox_post(first->inbox, &first->letter);
    answer("A");
    struct symbol_list *list = wait_for(1);
    symbol_list_unpin(&list);
    cr_assert(atomic_load(&fake.symbols) == NULL);
}

Test(live_symbols, keeps_its_list_and_asks_again_after_a_failure)
{
    answer("A");
    struct symbol_list *list = wait_for(1);
    live_symbols_refresh(live);
    fail();
    symbol_list_unpin(&list);
    list = wait_for(1);
    symbol_list_unpin(&list);
    answer("A B");
    list = wait_for(2);
    symbol_list_unpin(&list);
}

Test(live_symbols, asks_nothing_after_it_was_stopped)
{
    answer("A");
    struct symbol_list *list = wait_for(1);
    symbol_list_unpin(&list);
    live_symbols_stop(live);
    live_symbols_refresh(live);
    cr_assert(atomic_load(&fake.symbols) == NULL);
}

Test(live_symbols, waits_at_its_end_for_the_answer_that_is_owed)
{
    struct symbols_request *first = next_question();
    live_symbols_stop(live);
    first->status = error_set(&first->error, STATUS_UNAVAILABLE, "shutting down");
    inbox_post(first->inbox, &first->letter);
}

static struct {
    atomic_ulong calls;
    uint64_t refresh[2];
    size_t before[2]; /* symbols; 99: there was no list */
    size_t now[2];
} listed;

static void note_listed(void *owner, uint64_t refresh, const struct symbol_list *before,
                        const struct symbol_list *list)
{
    cr_assert(owner == &listed);
    size_t call = atomic_load(&listed.calls);
    cr_assert_lt(call, 2);
    listed.refresh[call] = refresh;
    listed.before[call] = before != NULL ? before->count : 99;
    listed.now[call] = list->count;
    atomic_fetch_add(&listed.calls, 1);
}

/* A list that was read before somebody asked for a new one does not answer him. */
Test(live_symbols, tells_which_refresh_a_list_answers)
{
    live_symbols_on_list(live, note_listed, &listed);
    struct symbols_request *first = next_question();
    cr_assert_eq(live_symbols_refresh(live), 1);
    cr_assert_eq(live_symbols_refresh(live), 2);
    first->symbols = mem_alloc_zeroed(sizeof *first->symbols);
    first->symbols[0].name[0] = 'A';
    first->symbol_count = 1;
    first->status = STATUS_OK;
    inbox_post(first->inbox, &first->letter);
    answer("A B");
    while (atomic_load(&listed.calls) < 2)
        sched_yield();
    cr_assert_eq(listed.refresh[0], 0);
    cr_assert_eq(listed.before[0], 99);
    cr_assert_eq(listed.now[0], 1);
    cr_assert_eq(listed.refresh[1], 2);
    cr_assert_eq(listed.before[1], 1);
    cr_assert_eq(listed.now[1], 2);
}
