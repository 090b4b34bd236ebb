/*
 * Several threads read one block, ask for its turnover, and give their references back in any
 * order: the last one frees it. Meant for the thread sanitizer.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "market/fold.h"

#include <pthread.h>

#define THREADS 4
#define ROUNDS 2000
#define ROWS 1500 /* enough for the sums of a block to be kept */

static void *read_and_release(void *argument)
{
    struct block *block = argument;
    struct turnover turnover = {.trades = 0};
    (void)fold_turnover(&turnover, block, 0, ROWS); /* all of them for the first time, at once */
    ASSERT(turnover.trades == ROWS);
    ASSERT(turnover.low == (vwap_word)6 * ROWS);
    for (size_t row = 0; row < block->rows; row += 7) {
        ASSERT(block_tick(block, row).fields[TICK_BID] == (int64_t)row);
        struct block *again = block_retain(block);
        ASSERT(block_find(again, (int64_t)row * 10) == row);
        block_release(&again);
    }
    block_release(&block);
    return NULL;
}

static struct block *build(struct block_builder *builder)
{
    for (size_t row = 0; row < ROWS; row++) {
        struct tick tick = {.time = (int64_t)row * 10, .fields = {(int64_t)row, 1, 2, 3}};
        enum status status = block_builder_add(builder, &tick);
        ASSERT(status == STATUS_OK);
    }
    return block_builder_seal(builder, (struct time_range){0, ROWS * 10});
}

int main(void)
{
    struct block_builder builder;
    block_builder_init(&builder);
    for (int round = 0; round < ROUNDS; round++) {
        struct block *block = build(&builder);
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) {
            int failed = pthread_create(&threads[i], NULL, read_and_release, block_retain(block));
            ASSERT(failed == 0);
        }
        block_release(&block);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        ASSERT(mem_block_bytes() == 0);
    }
    block_builder_deinit(&builder);
    return 0;
}
