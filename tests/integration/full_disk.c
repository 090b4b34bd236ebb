/*
 * A disk that fills up while ticks come in: what is said of it, and that nothing is half there.
 */
#include "deck.h"
#include "homes.h"
#include "template.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB ((off_t)1 << 20)
/* Room for the rows of a moment, but not for another segment of PostgreSQL's log. */
#define LEFT_BYTES (12 * MIB)

static struct deck deck;
static bool is_mounted;
static char output[16384];

/* Seen by this test and its children alone, so that it ends with them. */
static bool mount_small(const char *path)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tapedeck", path, "tmpfs", 0, "size=400m,mode=755") == 0;
}

static void start(void)
{
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    deck_init_empty(&deck, deck_engine());
    is_mounted = mount_small(deck.home);
    if (!is_mounted) {
        (void)rmdir(deck.home);
        cr_skip_test("cannot mount a small disk here");
    }
    template_copy(deck_engine(), deck.home);
}

static void stop(void)
{
    if (is_mounted)
        (void)umount2(deck.home, MNT_DETACH);
    if (deck.home[0] != '\0')
        deck_deinit(&deck);
}

TestSuite(full_disk, .init = start, .fini = stop, .timeout = 300);

static const char *filler(void)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/filler", deck.home);
    return path;
}

static void fill(void)
{
    struct statvfs disk;
    cr_assert_eq(statvfs(deck.home, &disk), 0);
    off_t available = (off_t)(disk.f_bavail * disk.f_frsize);
    cr_assert_gt(available, LEFT_BYTES, "the copy of the database leaves no room");
    int fd = open(filler(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(posix_fallocate(fd, 0, available - LEFT_BYTES), 0);
    cr_assert_eq(close(fd), 0);
}

static int generate(void)
{
    return DECK_RUN(&deck, output, "generate", "--from", "2024-08-07", "--to", "2024-08-08",
                    "--every", "500ms", "--keep");
}

Test(full_disk, is_named_and_what_did_not_fit_is_written_whole_when_there_is_room)
{
    fill();
    cr_assert_eq(generate(), 1, "%s", output);
    bool is_named =
        strstr(output, "No space left on device") != NULL ||
        (strstr(output, "; the disk of ") != NULL && strstr(output, " is full (") != NULL);
    cr_assert(is_named, "%s", output);
    cr_assert_eq(unlink(filler()), 0);

    cr_assert_eq(generate(), 0, "%s", output);
    cr_assert_eq(DECK_RUN(&deck, output, "candles", "verify"), 0, "%s", output);
    deck_serve(&deck, NULL);
    cr_assert_eq(deck_number(&deck, "select count(*) from tick_data"), 2 * 86400);
    cr_assert_eq(deck_number(&deck, "select ticks from tapedeck.symbols"), 2 * 86400);
}
