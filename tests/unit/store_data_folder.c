#include "store/data_folder.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/tapedeck-test-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const void *bytes, size_t count)
{
    FILE *file = fopen(in_folder(name), "we");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, count, file), count);
    cr_assert_eq(fclose(file), 0);
}

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(mkdir(in_folder("global"), 0700), 0);
}

static void remove_folder(void)
{
    (void)unlink(in_folder("global/pg_control"));
    (void)unlink(in_folder("postmaster.pid"));
    (void)rmdir(in_folder("global"));
    (void)rmdir(folder);
}

TestSuite(store_data_folder, .init = make_folder, .fini = remove_folder);

Test(store_data_folder, a_folder_is_of_the_server_that_runs_in_it_with_its_identifier)
{
    uint64_t identifier = UINT64_C(7412345678901234567);
    cr_expect_not(data_folder_is_of(folder, "7412345678901234567"), "it is empty");
    write_file("global/pg_control", &identifier, sizeof identifier);
    cr_expect_not(data_folder_is_of(folder, "7412345678901234567"), "nobody runs in it");
    write_file("postmaster.pid", "1\n", 2);
    cr_expect(data_folder_is_of(folder, "7412345678901234567"));
    cr_expect_not(data_folder_is_of(folder, "7412345678901234568"), "it is another's");
    cr_expect_not(data_folder_is_of(folder, ""));
    cr_expect_not(data_folder_is_of("/nowhere/at/all", "7412345678901234567"));
    write_file("global/pg_control", &identifier, 7);
    cr_expect_not(data_folder_is_of(folder, "7412345678901234567"), "it is cut");
    identifier = UINT64_MAX;
    write_file("global/pg_control", &identifier, sizeof identifier);
    cr_expect(data_folder_is_of(folder, "-1"), "SQL has signed numbers only");
}

Test(store_data_folder, a_disk_that_is_not_there_is_told_as_nothing)
{
    struct storage_disk disk = {.total_bytes = 1};
    data_folder_measure("/nowhere/at/all", &disk);
    cr_expect_null(disk.path);
    cr_expect_eq(disk.total_bytes, 0);
}
