/*
 * Child processes of the cluster: a small environment, default signals, output into a file.
 *
 * Any thread; between fork and exec only system calls, because other threads may hold locks. Owns
 * nothing. Never uses a shell.
 */
#include "store/cluster_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXEC_FAILED 127

static void reset_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL); /* refused for KILL, STOP and glibc's own */
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void become(const char *const argv[], const char *const environment[],
                             int output_fd)
{
    int empty = open("/dev/null", O_RDONLY);
    bool ready = empty >= 0 && dup2(empty, STDIN_FILENO) >= 0 &&
                 dup2(output_fd, STDOUT_FILENO) >= 0 && dup2(output_fd, STDERR_FILENO) >= 0;
    if (ready) {
        closefrom(STDERR_FILENO + 1);
        (void)execve(argv[0], (char *const *)argv, (char *const *)environment);
    }
    _exit(EXEC_FAILED);
}

pid_t process_spawn(const char *const argv[], int output_fd, int death_signal)
{
    /* Messages in English, whatever the user speaks: they are searched. */
    const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "TZ=UTC",
                                       NULL};
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    /* After the last change of the user, which clears it; and the parent may have gone already. */
    if (death_signal != 0 && (prctl(PR_SET_PDEATHSIG, death_signal) != 0 || getppid() != parent))
        _exit(EXEC_FAILED);
    reset_signals();
    become(argv, environment, output_fd);
}

int process_wait(pid_t pid)
{
    int status;
    pid_t got;
    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
