#include "net/web_file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_safe(const char *path)
{
    return web_path_is_safe(path, strlen(path));
}

Test(web_file, ordinary_paths_are_safe)
{
    static const char *const paths[] = {
        "/", "/index.html", "/assets/index-4f2a.js", "/a.b/c..d", "/icons/a b.svg", "/%41", "/a/",
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        cr_expect(is_safe(paths[i]), "%s", paths[i]);
}

Test(web_file, paths_that_leave_the_folder_or_name_hidden_files_are_not_safe)
{
    static const char *const paths[] = {
        "",          "index.html", "../x",  "/..",     "/../x", "/a/../../x", "/a/..",
        "/.",        "/./a",       "/.env", "/a/.git", "//x",   "/a//b",      "/...",
        "/a\\..\\b", "\\a",        "/a\nb", "/a\x7f",  "/\x01",
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        cr_expect_not(is_safe(paths[i]), "%s", paths[i]);
    cr_assert_not(web_path_is_safe("/a\0b", 4), "a NUL inside");
}

Test(web_file, a_path_may_have_255_bytes_and_not_256)
{
    char path[WEB_PATH_BYTES_MAX + 1];
    memset(path, 'a', sizeof path);
    path[0] = '/';
    cr_assert(web_path_is_safe(path, WEB_PATH_BYTES_MAX));
    cr_assert_not(web_path_is_safe(path, WEB_PATH_BYTES_MAX + 1));
}

Test(web_file, the_ending_decides_the_content_type)
{
    cr_assert_str_eq(web_content_type("/index.html"), "text/html; charset=utf-8");
    cr_assert_str_eq(web_content_type("/assets/a.JS"), "text/javascript; charset=utf-8");
    cr_assert_str_eq(web_content_type("/assets/a.woff2"), "font/woff2");
    cr_assert_str_eq(web_content_type("/icon.svg"), "image/svg+xml");
    cr_assert_str_eq(web_content_type("/html"), "application/octet-stream");
    cr_assert_str_eq(web_content_type(".html"), "application/octet-stream");
    cr_assert_str_eq(web_content_type("/a.html.exe"), "application/octet-stream");
}

Test(web_file, only_files_with_a_hash_in_their_names_are_kept_by_browsers)
{
    cr_assert_not_null(strstr(web_cache_control("/assets/index-4f2a.js"), "immutable"));
    cr_assert_str_eq(web_cache_control("/index.html"), "no-cache");
    cr_assert_str_eq(web_cache_control("/other/assets/x.js"), "no-cache");
}

Test(web_file, an_etag_matches_itself_in_a_list_weakly_and_under_a_star)
{
    cr_assert(web_etag_matches("\"a-1\"", "\"a-1\""));
    cr_assert(web_etag_matches("\"b\", W/\"a-1\"", "\"a-1\""));
    cr_assert(web_etag_matches("*", "\"a-1\""));
    cr_assert_not(web_etag_matches("\"a-10\"", "\"a-1\""));
    cr_assert_not(web_etag_matches("a-1", "\"a-1\""));
    cr_assert_not(web_etag_matches("", "\"a-1\""));
    cr_assert_not(web_etag_matches(" , ", "\"a-1\""));
    cr_assert_not(web_etag_matches("W/", "\"a-1\""));
}

/* A folder with a web app in it, and a secret beside it. */
static char folder[64];

static void write_file(const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/net_web_file.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    char web[128];
    (void)snprintf(web, sizeof web, "%s/web", folder);
    cr_assert_eq(mkdir(web, 0700), 0);
    write_file("secret.txt", "secret");
    write_file("web/index.html", "<html>");
    write_file("web/.env", "secret");
    (void)strcat(folder, "/web");
}

static void remove_folder(void)
{
    char command[128];
    folder[strlen(folder) - 4] = '\0';
    (void)snprintf(command, sizeof command, "rm -r '%s'", folder);
    cr_assert_eq(system(command), 0);
}

static enum status open_path(const char *path, struct web_file *file)
{
    return web_file_open(folder, path, strlen(path), file);
}

Test(web_file, the_root_is_index_html, .init = make_folder, .fini = remove_folder)
{
    struct web_file file;
    char text[16] = "";
    cr_assert_eq(open_path("/", &file), STATUS_OK);
    cr_assert_eq(file.bytes, 6);
    cr_assert_eq(read(file.fd, text, sizeof text), 6);
    cr_assert_str_eq(text, "<html>");
    cr_assert_str_eq(file.content_type, "text/html; charset=utf-8");
    cr_assert_str_eq(file.cache_control, "no-cache");
    (void)close(file.fd);
}

Test(web_file, an_etag_stays_while_the_file_stays_and_changes_with_it, .init = make_folder,
     .fini = remove_folder)
{
    struct web_file before;
    struct web_file same;
    struct web_file after;
    cr_assert_eq(open_path("/index.html", &before), STATUS_OK);
    cr_assert_eq(open_path("/", &same), STATUS_OK);
    write_file("index.html", "<html>longer");
    cr_assert_eq(open_path("/index.html", &after), STATUS_OK);
    cr_assert_str_eq(before.etag, same.etag);
    cr_assert_str_neq(before.etag, after.etag);
    (void)close(before.fd);
    (void)close(same.fd);
    (void)close(after.fd);
}

Test(web_file, what_is_not_there_hidden_outside_or_no_file_is_not_found, .init = make_folder,
     .fini = remove_folder)
{
    static const char *const paths[] = {"/none.html", "/.env", "/../secret.txt", "/fifo", "/dir"};
    char path[128];
    (void)snprintf(path, sizeof path, "%s/fifo", folder);
    cr_assert_eq(mkfifo(path, 0600), 0);
    (void)snprintf(path, sizeof path, "%s/dir", folder);
    cr_assert_eq(mkdir(path, 0700), 0);
    struct web_file file = {.fd = -7};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        cr_expect_eq(open_path(paths[i], &file), STATUS_NOT_FOUND, "%s", paths[i]);
    cr_assert_eq(file.fd, -7, "untouched on failure");
}
