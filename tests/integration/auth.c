/*
 * Keys, tokens and certificates from outside: made with the binary, used over real sockets, changed
 * under a running server.
 */
#include "player.h"

#include "support/http_client.h"
#include "support/tls_tunnel.h"
#include "support/token_maker.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define DEADLINE_S 30
#define UNAUTHORIZED 4401

static struct deck deck;
static char keys_file[160];
static char secret_file[160];
static char certificate_file[160];
static char key_file[160];

static void name_file(char path[160], const char *name)
{
    (void)snprintf(path, 160, "%s/%s", deck.home, name);
}

static void start(void)
{
    if (!deck_engine_is_here(deck_engine()))
        cr_skip_test("%s is not installed", deck_engine());
    deck_init(&deck, deck_engine());
    name_file(keys_file, "keys");
    name_file(secret_file, "secret");
    name_file(certificate_file, "cert.pem");
    name_file(key_file, "key.pem");
}

static void stop(void)
{
    if (deck.home[0] != '\0')
        deck_deinit(&deck);
}

TestSuite(auth, .init = start, .fini = stop, .timeout = 300);

static void write_text(const char *path, const char *text, mode_t mode)
{
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* A new key; static, until the next one. */
static const char *add_key(const char *name, const char *role)
{
    static char key[64];
    char output[4096];
    cr_assert_eq(
        DECK_RUN(&deck, output, "keys", "add", name, "--role", role, "--auth-keys-file", keys_file),
        0, "%s", output);
    const char *found = strstr(output, "tdk_");
    cr_assert_not_null(found, "%s", output);
    (void)snprintf(key, sizeof key, "%.*s", (int)strcspn(found, "\n"), found);
    return key;
}

static int status_of(uint16_t port, const char *token)
{
    char headers[2048];
    struct http_response response;
    (void)snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n",
                   token != NULL ? token : "");
    http_request(port, "GET", "/api/v1/symbols", token != NULL ? headers : NULL, &response);
    int status = response.status;
    http_response_deinit(&response);
    return status;
}

static struct wire_client *connect_with(uint16_t port, const char *token)
{
    char headers[2048];
    struct wire_client_options options = {.port = port, .headers = headers};
    (void)snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", token);
    int status = 0;
    struct wire_client *client = wire_client_open(&options, &status);
    cr_assert_not_null(client, "%d", status);
    json_t *welcome = wire_client_await(client, "welcome", PLAYER_DEADLINE_MS);
    cr_assert_not_null(welcome);
    json_decref(welcome);
    return client;
}

Test(auth, of_keys_that_are_made_and_revoked_under_a_running_server)
{
    char first[64];
    char output[4096];
    struct stat file;
    strcpy(first, add_key("desk", "viewer"));
    cr_assert_eq(stat(keys_file, &file), 0);
    cr_assert_eq(file.st_mode & 07777, 0600);
    cr_assert_neq(DECK_RUN(&deck, output, "keys", "add", "desk", "--role", "viewer",
                           "--auth-keys-file", keys_file),
                  0, "a name is taken once");
    const char *arguments[] = {"--auth-keys-file", keys_file, NULL};
    deck_serve(&deck, arguments);
    cr_assert_eq(status_of(deck.port, NULL), 401);
    cr_assert_eq(status_of(deck.port, first), 200);
    struct wire_client *client = connect_with(deck.port, first);
    cr_assert_eq(DECK_RUN(&deck, output, "keys", "revoke", "desk", "--auth-keys-file", keys_file),
                 0, "%s", output);
    const char *second = add_key("other", "operator");
    cr_assert_eq(status_of(deck.port, second), 401, "not before it is told");
    kill(deck.server, SIGHUP);
    cr_assert_eq(wire_client_await_close(client, PLAYER_DEADLINE_MS), UNAUTHORIZED);
    cr_assert_eq(status_of(deck.port, first), 401);
    cr_assert_eq(status_of(deck.port, second), 200);
    wire_client_close(&client);
    cr_assert_eq(DECK_RUN(&deck, output, "keys", "list", "--auth-keys-file", keys_file), 0);
    cr_assert_not_null(strstr(output, "other"));
    cr_assert_null(strstr(output, "tdk_"));
    cr_assert_eq(deck_stop(&deck), 0);
}

/* The keys file as it is; static, until the next call. */
static const char *read_keys(size_t *bytes)
{
    static char text[8192];
    FILE *file = fopen(keys_file, "rb");
    cr_assert_not_null(file);
    *bytes = fread(text, 1, sizeof text - 1, file);
    text[*bytes] = '\0';
    (void)fclose(file);
    return text;
}

static struct stat expect_mode_and_group(mode_t mode, gid_t group)
{
    struct stat file;
    cr_assert_eq(stat(keys_file, &file), 0);
    cr_assert_eq(file.st_mode & 07777, mode, "%o", file.st_mode);
    cr_assert_eq(file.st_gid, group);
    return file;
}

static void change_keys(const char *what, const char *name, const char *role)
{
    char output[4096];
    cr_assert_eq(DECK_RUN(&deck, output, "keys", what, name, "--auth-keys-file", keys_file,
                          role != NULL ? "--role" : NULL, role),
                 0, "%s", output);
}

static void expect_only_keys_in_home(void)
{
    DIR *folder = opendir(deck.home);
    cr_assert_not_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        cr_assert(strncmp(entry->d_name, "keys", 4) != 0 || strcmp(entry->d_name, "keys") == 0,
                  "%s is left", entry->d_name);
    closedir(folder);
}

#define HASH_OF_A "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
#define HASH_OF_B "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"

Test(auth, of_a_keys_file_that_people_write_comments_in_stays_theirs)
{
    static const char head[] = "# the desks; ask Ann\r\n\r\n";
    static const char desk[] = "  desk\tviewer " HASH_OF_A " # until the move\r\n";
    static const char tail[] = "# old: desk-0\r\n\r\nnight writer " HASH_OF_B; /* and no end */
    char before[1024];
    size_t bytes;
    (void)snprintf(before, sizeof before, "%s%s%s", head, desk, tail);
    write_text(keys_file, before, 0640);
    gid_t group = geteuid() == 0 ? 12345 : getegid();
    cr_assert_eq(chown(keys_file, (uid_t)-1, group), 0);
    ino_t first = expect_mode_and_group(0640, group).st_ino;

    change_keys("add", "new", "viewer");
    const char *after = read_keys(&bytes);
    cr_assert_eq(strncmp(after, before, strlen(before)), 0, "%s", after);
    const char *line = after + strlen(before);
    cr_assert_eq(strncmp(line, "\r\nnew viewer ", 13), 0, "%s", after);
    cr_assert_eq(strlen(line), strlen("\r\nnew viewer ") + 64 + 2);
    cr_assert_str_eq(line + strlen(line) - 2, "\r\n");
    cr_assert_neq(expect_mode_and_group(0640, group).st_ino, first, "it is replaced as a whole");

    change_keys("revoke", "new", NULL);
    change_keys("revoke", "desk", NULL);
    (void)snprintf(before, sizeof before, "%s%s\r\n", head, tail);
    cr_assert_str_eq(read_keys(&bytes), before);
    cr_assert_eq(bytes, strlen(before));
    (void)expect_mode_and_group(0640, group);
    expect_only_keys_in_home();

    char output[4096];
    cr_assert_eq(DECK_RUN(&deck, output, "keys", "revoke", "desk", "--auth-keys-file", keys_file),
                 1, "%s", output);
    cr_assert_not_null(strstr(output, "no key of the name desk"), "%s", output);
    cr_assert_str_eq(read_keys(&bytes), before);
}

/* As a secret is mounted: the path is a link, in a folder of its own. */
Test(auth, of_a_keys_file_that_is_a_link_the_link_stays)
{
    char output[4096];
    char link[160];
    struct stat file;
    name_file(link, "link");
    cr_assert_eq(symlink("keys", link), 0);
    cr_assert_neq(DECK_RUN(&deck, output, "keys", "add", "desk", "--role", "viewer",
                           "--auth-keys-file", link),
                  0, "a link that leads nowhere is not followed: %s", output);
    cr_assert_not_null(strstr(output, link), "%s", output);
    (void)add_key("desk", "viewer");
    cr_assert_eq(DECK_RUN(&deck, output, "keys", "add", "night", "--role", "viewer",
                          "--auth-keys-file", link),
                 0, "%s", output);
    cr_assert_eq(DECK_RUN(&deck, output, "keys", "revoke", "desk", "--auth-keys-file", link), 0,
                 "%s", output);
    cr_assert_eq(lstat(link, &file), 0);
    cr_assert(S_ISLNK(file.st_mode));
    cr_assert_eq(lstat(keys_file, &file), 0);
    cr_assert(S_ISREG(file.st_mode));
    size_t bytes;
    const char *text = read_keys(&bytes);
    cr_assert_not_null(strstr(text, "night viewer "), "%s", text);
    cr_assert_null(strstr(text, "desk viewer "), "%s", text);
    expect_only_keys_in_home();
}

/* What is wrong with it is in the log; who was let in before still is. */
Test(auth, of_a_keys_file_that_goes_wrong_stays_as_it_was)
{
    char key[64];
    strcpy(key, add_key("desk", "viewer"));
    const char *arguments[] = {"--auth-keys-file", keys_file, NULL};
    deck_serve(&deck, arguments);
    struct wire_client *client = connect_with(deck.port, key);
    write_text(keys_file, "nonsense\n", 0600);
    kill(deck.server, SIGHUP);
    wire_client_request(client, "{'op':'symbols'}");
    json_t *symbols = wire_client_await(client, "symbols", PLAYER_DEADLINE_MS);
    cr_assert_not_null(symbols);
    json_decref(symbols);
    cr_assert_eq(status_of(deck.port, key), 200);
    wire_client_close(&client);
    cr_assert_eq(deck_stop(&deck), 0, "SIGHUP does not end it");
}

Test(auth, of_tokens_with_a_secret_that_is_changed)
{
    char *token = token_with_mac(TOKEN_HS256, "{'role':'viewer','exp':9999999999}", SECRET,
                                 sizeof SECRET - 1);
    char *wrong = token_with_mac(TOKEN_HS256, "{'role':'viewer','exp':9999999999}",
                                 "another secret of the right size", 32);
    char *unsigned_one = token_unsigned(TOKEN_NONE, "{'role':'viewer','exp':9999999999}");
    write_text(secret_file, SECRET "\n", 0600);
    const char *arguments[] = {"--jwt-secret-file", secret_file, NULL};
    deck_serve(&deck, arguments);
    cr_assert_eq(status_of(deck.port, token), 200);
    cr_assert_eq(status_of(deck.port, wrong), 401);
    cr_assert_eq(status_of(deck.port, unsigned_one), 401);
    struct wire_client *client = connect_with(deck.port, token);
    write_text(secret_file, "another secret of the right size\n", 0600);
    kill(deck.server, SIGHUP);
    cr_assert_eq(wire_client_await_close(client, PLAYER_DEADLINE_MS), UNAUTHORIZED,
                 "its key is one no more");
    cr_assert_eq(status_of(deck.port, wrong), 200, "which is the right one now");
    cr_assert_eq(status_of(deck.port, token), 401);
    wire_client_close(&client);
    free(token);
    free(wrong);
    free(unsigned_one);
}

static bool shows(const char *common_name)
{
    time_t end = time(NULL) + DEADLINE_S;
    while (time(NULL) < end) {
        if (strcmp(tls_look(deck.port, 0, NULL).common_name, common_name) == 0)
            return true;
    }
    return false;
}

Test(auth, of_a_certificate_that_is_changed_under_who_is_connected)
{
    char key[64];
    strcpy(key, add_key("desk", "viewer"));
    cr_assert(tls_certificate_make(certificate_file, key_file, TLS_KEY_EC, "first.example", 30));
    const char *arguments[] = {
        "--auth-keys-file", keys_file, "--tls-certificate-file", certificate_file, "--tls-key-file",
        key_file,           NULL};
    deck_serve(&deck, arguments);
    cr_assert(shows("first.example"));
    struct tls_tunnel *tunnel = tls_tunnel_open(deck.port);
    struct wire_client *client = connect_with(tls_tunnel_port(tunnel), key);
    cr_assert(tls_certificate_make(certificate_file, key_file, TLS_KEY_RSA, "second.example", 30));
    kill(deck.server, SIGHUP);
    cr_assert(shows("second.example"));
    write_text(certificate_file, "nonsense", 0600);
    kill(deck.server, SIGHUP);
    wire_client_request(client, "{'op':'symbols'}");
    json_t *symbols = wire_client_await(client, "symbols", PLAYER_DEADLINE_MS);
    cr_assert_not_null(symbols, "the one that connected under the first");
    json_decref(symbols);
    cr_assert(shows("second.example"), "a bad one is not taken");
    cr_assert_eq(status_of(tls_tunnel_port(tunnel), key), 200);
    wire_client_close(&client);
    tls_tunnel_close(&tunnel);
    cr_assert_eq(deck_stop(&deck), 0);
}

/* Each of them must say what would be right, and nothing may have been started. */
Test(auth, of_what_does_not_fit_is_refused_at_start)
{
    char output[8192];
    write_text(secret_file, "short\n", 0600);
    cr_assert_neq(DECK_RUN(&deck, output, "serve", "--jwt-secret-file", secret_file), 0);
    cr_assert_not_null(strstr(output, "at least 32 bytes"), "%s", output);
    write_text(secret_file, SECRET "\n", 0644);
    cr_assert_neq(DECK_RUN(&deck, output, "serve", "--jwt-secret-file", secret_file), 0);
    cr_assert_not_null(strstr(output, "chmod 600"), "%s", output);
    cr_assert_neq(DECK_RUN(&deck, output, "serve", "--auth-keys-file", keys_file), 0);
    cr_assert_not_null(strstr(output, "cannot open"), "%s", output);
    cr_assert_neq(DECK_RUN(&deck, output, "serve", "--host", "0.0.0.0"), 0);
    cr_assert_not_null(strstr(output, "auth_keys_file"), "%s", output);
    cr_assert_neq(DECK_RUN(&deck, output, "serve", "--tls-key-file", key_file), 0);
    cr_assert_not_null(strstr(output, "tls_certificate_file is missing"), "%s", output);
    cr_assert_null(strstr(output, SECRET));
    cr_assert_eq(deck_postmaster(&deck), 0);
}
