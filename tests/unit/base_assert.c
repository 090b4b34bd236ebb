#include "base/assert.h"

#include "captured.h"

#include <signal.h>
#include <string.h>

static void assert_the_truth(void)
{
    ASSERT(1 + 1 == 2);
}

static void assert_a_lie(void)
{
    ASSERT(strlen("a b") == 4);
}

Test(ASSERT, of_what_is_true_does_nothing)
{
    struct captured captured = capture_stderr(assert_the_truth);
    cr_assert(WIFEXITED(captured.wait_status));
    cr_assert_str_eq(captured.text, "");
}

Test(ASSERT, of_what_is_false_logs_the_condition_and_aborts)
{
    struct captured captured = capture_stderr(assert_a_lie);
    cr_assert(WIFSIGNALED(captured.wait_status));
    cr_assert(WTERMSIG(captured.wait_status) == SIGABRT);
    cr_assert(strstr(captured.text, "level=error event=assert ") != NULL, "%s", captured.text);
    cr_assert(strstr(captured.text, "function=assert_a_lie\n") != NULL, "%s", captured.text);
}

Test(ASSERT, quotes_the_condition_as_logfmt_asks)
{
    struct captured captured = capture_stderr(assert_a_lie);
    cr_assert(strstr(captured.text, " condition=\"strlen(\\\"a b\\\") == 4\" at=") != NULL, "%s",
              captured.text);
}
