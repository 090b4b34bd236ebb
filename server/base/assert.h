/*
 * ASSERT for what we can prove, in release builds too. Input from peers, database, files and
 * configuration never asserts: that is what `enum status` is for.
 */
#ifndef TAPEDECK_BASE_ASSERT_H
#define TAPEDECK_BASE_ASSERT_H

#define ASSERT(condition)                                                                          \
    ((condition) ? (void)0 : assert_failed(#condition, __FILE__, __LINE__, __func__))

/* Logs the condition and its place, then aborts. Any thread. */
_Noreturn void assert_failed(const char *condition, const char *file, int line,
                             const char *function);

#endif
