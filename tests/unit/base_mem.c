#include "base/mem.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

Test(mem, zeroed_memory_is_zero)
{
    unsigned char *bytes = mem_alloc_zeroed(1000);
    for (size_t i = 0; i < 1000; i++)
        cr_assert(bytes[i] == 0);
    mem_free(bytes);
}

Test(mem, resizing_keeps_what_was_there)
{
    char *text = mem_copy_text("tick");
    text = mem_resize(text, 100000);
    cr_assert_str_eq(text, "tick");
    mem_free(text);
    mem_free(NULL);
}

Test(mem, block_memory_is_aligned_and_counted)
{
    size_t before = mem_block_bytes();
    void *blocks[3];
    const size_t bytes[3] = {1, 64, 100001};
    for (size_t i = 0; i < 3; i++) {
        blocks[i] = mem_block_alloc(bytes[i]);
        cr_assert((uintptr_t)blocks[i] % 64 == 0, "%zu", i);
        memset(blocks[i], 0xFF, bytes[i]);
    }
    cr_assert(mem_block_bytes() == before + 1 + 64 + 100001);
    for (size_t i = 0; i < 3; i++)
        mem_block_free(blocks[i], bytes[i]);
    mem_block_free(NULL, 1000);
    cr_assert(mem_block_bytes() == before);
}

/* The address sanitizer would end the process in its own way. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

Test(mem, running_out_aborts, .signal = SIGABRT)
{
    mem_free(mem_alloc(SIZE_MAX / 4));
}
