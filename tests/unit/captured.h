/*
 * What a function writes to stderr, as text: for tests of logs. A child process writes, so that the
 * test's own stderr stays what it is; the child may abort.
 */
#ifndef TAPEDECK_TESTS_CAPTURED_H
#define TAPEDECK_TESTS_CAPTURED_H

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

struct captured {
    char text[16384];
    size_t count;
    int wait_status;
};

static inline struct captured capture_stderr(void (*run)(void))
{
    struct captured captured = {.count = 0};
    int ends[2];
    cr_assert(pipe(ends) == 0);
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        run();
        _exit(0);
    }
    close(ends[1]);
    ssize_t more;
    while ((more = read(ends[0], captured.text + captured.count,
                        sizeof captured.text - 1 - captured.count)) > 0)
        captured.count += (size_t)more;
    captured.text[captured.count] = '\0';
    close(ends[0]);
    cr_assert(waitpid(child, &captured.wait_status, 0) == child);
    return captured;
}

#endif
