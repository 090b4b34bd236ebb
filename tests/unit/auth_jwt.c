#include "auth/jwt_check.h"

#include "auth/secret_file.h"
#include "support/token_maker.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S INT64_C(1000000)
#define NOW (1700000000 * S)
#define SECRET "0123456789abcdef0123456789abcdef-secret"
#define GOOD "{'sub':'ann','role':'writer','exp':1700000600}"

static struct jwt_keys keys;
static struct identity identity;
static struct error error;
static token_rsa *rsa; /* made once a process: it takes a while */

static void set_up(void)
{
    jwt_keys_init(&keys);
    identity = (struct identity){.role = ROLE_NONE};
    cr_assert(jwt_keys_set_secret(&keys, SECRET "\n", sizeof SECRET, &error) == STATUS_OK);
}

static void tear_down(void)
{
    jwt_keys_deinit(&keys);
    token_rsa_free(rsa);
    rsa = NULL;
}

TestSuite(jwt, .init = set_up, .fini = tear_down, .timeout = 60);

static void use_rsa(void)
{
    rsa = token_rsa_make(2048);
    char *pem = token_rsa_public_pem(rsa);
    cr_assert(jwt_keys_set_public(&keys, pem, strlen(pem), &error) == STATUS_OK, "%s", error.text);
    free(pem);
}

/* Frees the token. */
static enum status check(char *token)
{
    error.text[0] = '\0';
    enum status status = jwt_check(&keys, token, NOW, &identity, &error);
    free(token);
    return status;
}

/* Whatever it says, it says nothing of the secret. */
static void check_refused(char *token, const char *says)
{
    enum status status = check(token);
    cr_assert_eq(status, STATUS_UNAUTHORIZED, "wanted: %s", says);
    cr_assert_not_null(strstr(error.text, says), "\"%s\" does not say \"%s\"", error.text, says);
    cr_assert_null(strstr(error.text, "0123456789"));
    cr_assert_eq(identity.role, ROLE_NONE, "untouched");
}

static char *hs256(const char *claims)
{
    return token_with_mac(TOKEN_HS256, claims, SECRET, sizeof SECRET - 1);
}

Test(jwt, with_the_right_mac_says_who_and_what_and_until_when)
{
    cr_assert(check(hs256(GOOD)) == STATUS_OK, "%s", error.text);
    cr_assert_eq(identity.role, ROLE_WRITER);
    cr_assert_str_eq(identity.name, "ann");
    cr_assert_eq(identity.expires_us, 1700000600 * S);
    cr_assert(jwt_keys_hold(&keys, identity.proof));
}

Test(jwt, with_the_right_signature_is_as_good)
{
    use_rsa();
    cr_assert(check(token_with_signature(TOKEN_RS256, GOOD, rsa)) == STATUS_OK, "%s", error.text);
    cr_assert_eq(identity.role, ROLE_WRITER);
    cr_assert(jwt_keys_hold(&keys, identity.proof));
}

Test(jwt, claims_are_each_needed_and_checked)
{
    static const struct {
        const char *claims;
        const char *says;
    } table[] = {
        {"{'role':'viewer','exp':1700000000}", "has expired"},
        {"{'role':'viewer','exp':1}", "has expired"},
        {"{'role':'viewer'}", "no claim exp"},
        {"{'role':'viewer','exp':'1700000600'}", "no claim exp"},
        {"{'role':'viewer','exp':-1}", "no claim exp"},
        {"{'role':'viewer','exp':1e300}", "no claim exp"},
        {"{'role':'viewer','exp':null}", "no claim exp"},
        {"{'role':'viewer','exp':1700000600,'nbf':1700000011}", "not valid yet"},
        {"{'role':'viewer','exp':1700000600,'nbf':'soon'}", "nbf is no time"},
        {"{'exp':1700000600}", "no claim role"},
        {"{'role':7,'exp':1700000600}", "no claim role"},
        {"{'role':'root','exp':1700000600}", "none of viewer"},
        {"{'role':'none','exp':1700000600}", "none of viewer"},
        {"{'role':'Viewer','exp':1700000600}", "none of viewer"},
        {"{'role':'viewer','exp':99999999999999999999}", "cannot be read"},
        {"['viewer']", "no JSON object"},
        {"7", "cannot be read"},
        {"{", "cannot be read"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        check_refused(hs256(table[i].claims), table[i].says);
    cr_assert(check(hs256("{'role':'viewer','exp':1700000000.5}")) == STATUS_OK, "half a second");
    cr_assert(check(hs256("{'role':'viewer','exp':1700000600,'nbf':1700000010}")) == STATUS_OK,
              "another clock may be ahead");
    cr_assert_str_eq(identity.name, "", "a subject is not needed");
}

Test(jwt, audience_and_issuer_are_checked_where_they_are_set)
{
    keys.audience = strdup("tapedeck");
    keys.issuer = strdup("https://id.example");
    static const struct {
        const char *claims;
        const char *says; /* NULL: it is good */
    } table[] = {
        {"{'role':'viewer','exp':1700000600}", "issuer"},
        {"{'role':'viewer','exp':1700000600,'iss':'https://id.example'}", "somebody else"},
        {"{'role':'viewer','exp':1700000600,'iss':'https://evil.example','aud':'tapedeck'}",
         "issuer"},
        {"{'role':'viewer','exp':1700000600,'iss':'https://id.example','aud':'tape'}",
         "somebody else"},
        {"{'role':'viewer','exp':1700000600,'iss':'https://id.example','aud':['a','b']}",
         "somebody else"},
        {"{'role':'viewer','exp':1700000600,'iss':'https://id.example','aud':[7,'tapedeck']}",
         NULL},
        {"{'role':'viewer','exp':1700000600,'iss':'https://id.example','aud':'tapedeck'}", NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].says != NULL)
            check_refused(hs256(table[i].claims), table[i].says);
        else
            cr_assert(check(hs256(table[i].claims)) == STATUS_OK, "%s: %s", table[i].claims,
                      error.text);
        identity.role = ROLE_NONE;
    }
}

Test(jwt, that_is_not_signed_is_refused)
{
    static const char *const names[] = {"none", "None", "NONE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char header[64];
        (void)snprintf(header, sizeof header, "{\"alg\":\"%s\"}", names[i]);
        check_refused(token_unsigned(header, GOOD), "not signed");
        check_refused(token_with_mac(header, GOOD, SECRET, sizeof SECRET - 1), "not signed");
        check_refused(token_with_mac(header, GOOD, "", 0), "not signed");
    }
    check_refused(token_with_mac("{}", GOOD, SECRET, sizeof SECRET - 1), "cannot be read");
    check_refused(token_with_mac("{\"alg\":7}", GOOD, SECRET, sizeof SECRET - 1), "cannot be read");
}

Test(jwt, that_is_signed_with_the_text_of_the_public_key_is_refused)
{
    jwt_keys_deinit(&keys);
    jwt_keys_init(&keys);
    use_rsa();
    char *pem = token_rsa_public_pem(rsa);
    check_refused(token_with_mac(TOKEN_HS256, GOOD, pem, strlen(pem)), "no secret");
    check_refused(token_with_mac(TOKEN_RS256, GOOD, pem, strlen(pem)), "signature is wrong");
    /* Also when there is a secret: it is that one, and not the key, that counts. */
    cr_assert(jwt_keys_set_secret(&keys, SECRET, sizeof SECRET - 1, &error) == STATUS_OK);
    check_refused(token_with_mac(TOKEN_HS256, GOOD, pem, strlen(pem)), "signature is wrong");
    free(pem);
}

Test(jwt, of_another_key_or_another_algorithm_is_refused)
{
    check_refused(token_with_mac(TOKEN_HS256, GOOD, "another secret of some length......", 35),
                  "signature is wrong");
    check_refused(token_with_mac(TOKEN_RS256, GOOD, SECRET, sizeof SECRET - 1), "no public key");
    check_refused(token_with_mac("{\"alg\":\"hs256\"}", GOOD, SECRET, sizeof SECRET - 1),
                  "does not know");
    check_refused(token_with_mac("{\"alg\":\"HS512\"}", GOOD, SECRET, sizeof SECRET - 1),
                  "does not know");
    check_refused(
        token_with_mac("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", GOOD, SECRET, sizeof SECRET - 1),
        "does not know");
    check_refused(
        token_with_mac("{\"alg\":\"HS256\",\"typ\":\"JWE\"}", GOOD, SECRET, sizeof SECRET - 1), "");
    use_rsa();
    token_rsa *other = token_rsa_make(2048);
    check_refused(token_with_signature(TOKEN_RS256, GOOD, other), "signature is wrong");
    check_refused(token_with_signature(TOKEN_HS256, GOOD, rsa), "signature is wrong");
    token_rsa_free(other);
}

/* Every single character of it counts. */
Test(jwt, that_was_tampered_with_is_refused)
{
    char *good = hs256(GOOD);
    size_t bytes = strlen(good);
    for (size_t i = 0; i < bytes; i++) {
        char *bad = strdup(good);
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        bool is_same = bad[i] == good[i];
        /* The last character carries two bits that belong to no byte: changing only them gives
         * the same MAC, but not the same text. */
        cr_assert(is_same || check(strdup(bad)) == STATUS_UNAUTHORIZED, "%zu: %s", i, bad);
        free(bad);
    }
    for (size_t i = 0; i < bytes; i++)
        cr_assert(check(strndup(good, i)) == STATUS_UNAUTHORIZED, "cut at %zu", i);
    free(good);
}

Test(jwt, shapes_that_are_no_token_are_refused_before_they_are_parsed)
{
    static const char *const table[] = {
        "",
        ".",

        "...",
        "a.b.c",
        "aaaa..aaaa",
        ".aaaa.aaaa",
        "aaaa.",
        "aaaa",
        "a a",
        "aaaa.aa",

        "aaaa.aaaa.aaaa.aaaa",
        "\xff\xfe.\xff\xff.\xff\xff",
        "aaaa.bb==.cccc",
        "aaaa.bb+/.cccc",
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        check_refused(strdup(table[i]), "no token");
    char *huge = calloc(1, TOKEN_BYTES_MAX + 2);
    memset(huge, 'a', TOKEN_BYTES_MAX + 1);
    huge[100] = huge[200] = '.';
    check_refused(huge, "no token");
}

Test(jwt, deep_and_odd_json_is_refused_without_harm)
{
    char deep[2800];
    memset(deep, '[', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    check_refused(hs256(deep), "cannot be read");
    check_refused(hs256("{'role':'\\u0000','exp':1700000600}"), "");
    check_refused(token_with_mac("[]", GOOD, SECRET, sizeof SECRET - 1), "cannot be read");
}

Test(jwt, names_are_cut_and_made_printable_for_the_log)
{
    cr_assert(check(hs256("{'role':'viewer','exp':1700000600,'sub':'a b\\nlevel=error\\u00e9'}")) ==
              STATUS_OK);
    cr_assert_str_eq(identity.name, "a?b?level=error??");
    char claims[512] = "{'role':'viewer','exp':1700000600,'sub':'";
    memset(claims + strlen(claims), 'x', 300);
    strcat(claims, "'}");
    cr_assert(check(hs256(claims)) == STATUS_OK, "%s", error.text);
    cr_assert_eq(strlen(identity.name), IDENTITY_NAME_BYTES_MAX);
}

Test(jwt, keys_that_are_too_weak_or_of_the_wrong_kind_are_refused)
{
    struct jwt_keys other;
    jwt_keys_init(&other);
    cr_assert(jwt_keys_set_secret(&other, "short", 5, &error) == STATUS_INVALID);
    cr_assert(jwt_keys_set_secret(&other, "0123456789abcdef0123456789abcde\n", 32, &error) ==
                  STATUS_INVALID,
              "the line feed does not count");
    cr_assert(jwt_keys_set_public(&other, "nonsense", 8, &error) == STATUS_INVALID);
    cr_assert(jwt_keys_set_public(&other, "", 0, &error) == STATUS_INVALID);
    token_rsa *weak = token_rsa_make(1024);
    char *pem = token_rsa_public_pem(weak);
    cr_assert(jwt_keys_set_public(&other, pem, strlen(pem), &error) == STATUS_INVALID);
    cr_assert_not_null(strstr(error.text, "1024 bits"), "%s", error.text);
    free(pem);
    pem = token_rsa_private_pem(weak);
    cr_assert(jwt_keys_set_public(&other, pem, strlen(pem), &error) == STATUS_INVALID,
              "the private one must not lie on the server");
    free(pem);
    token_rsa_free(weak);
    cr_assert_not(jwt_keys_are_there(&other));
    jwt_keys_deinit(&other);
}
