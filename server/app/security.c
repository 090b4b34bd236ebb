#include "app/security.h"

#include "app/terminal.h"
#include "auth/gate.h"
#include "auth/verifier.h"
#include "base/log.h"
#include "net/server.h"
#include "net/tls.h"

static struct verifier_sources sources_of(const struct configuration *configuration)
{
    return (struct verifier_sources){
        .keys_file = configuration->auth_keys_file,
        .jwt_secret_file = configuration->jwt_secret_file,
        .jwt_public_key_file = configuration->jwt_public_key_file,
        .jwt_audience = configuration->jwt_audience,
        .jwt_issuer = configuration->jwt_issuer,
    };
}

static enum status open_gate(const struct configuration *configuration, struct gate **gate,
                             struct error *error)
{
    struct verifier_sources sources = sources_of(configuration);
    struct verifier *verifier;
    if (!verifier_is_wanted(&sources)) {
        /* Who can reach only this machine's own address works on this machine. */
        bool is_private = configuration_is_loopback(configuration->host);
        *gate = gate_create_open(is_private ? ROLE_OPERATOR : ROLE_VIEWER);
        return STATUS_OK;
    }
    enum status status = verifier_load(&sources, &verifier, error);
    if (status == STATUS_OK)
        *gate = gate_create(verifier);
    return status;
}

static enum status load_tls(const struct configuration *configuration, struct tls **tls,
                            struct error *error)
{
    *tls = NULL;
    if (configuration->tls_certificate_file[0] == '\0')
        return STATUS_OK;
    return tls_load(configuration->tls_certificate_file, configuration->tls_key_file, tls, error);
}

enum status security_open(const struct configuration *configuration, struct security *security,
                          struct error *error)
{
    struct security made = {.gate = NULL};
    enum status status = load_tls(configuration, &made.tls, error);
    if (status == STATUS_OK)
        status = open_gate(configuration, &made.gate, error);
    if (status != STATUS_OK) {
        security_close(&made);
        return status;
    }
    if (made.tls != NULL)
        log_info("net.tls", "certificate=%s", LOG_QUOTE(tls_describe(made.tls)));
    *security = made;
    return STATUS_OK;
}

void security_close(struct security *security)
{
    if (security->gate != NULL)
        gate_destroy(&security->gate);
    tls_unpin(&security->tls);
}

/* ---- SIGHUP ---- */

static void reload_keys(const struct configuration *configuration, struct gate *gate)
{
    struct verifier_sources sources = sources_of(configuration);
    struct verifier *verifier;
    struct error error = {.text = ""};
    if (gate_is_open(gate))
        return;
    if (verifier_load(&sources, &verifier, &error) != STATUS_OK) {
        log_error("auth.reload", "kept=old error=%s", LOG_QUOTE(error.text));
        return;
    }
    log_info("auth.reload", "keys=%zu", verifier_key_count(verifier));
    gate_change(gate, verifier);
}

static void reload_certificate(const struct configuration *configuration, struct tls **tls)
{
    struct tls *loaded;
    struct error error = {.text = ""};
    if (*tls == NULL)
        return;
    if (load_tls(configuration, &loaded, &error) != STATUS_OK) {
        log_error("net.tls", "kept=old error=%s", LOG_QUOTE(error.text));
        return;
    }
    log_info("net.tls", "certificate=%s", LOG_QUOTE(tls_describe(loaded)));
    tls_unpin(tls);
    *tls = loaded;
}

void security_reload(const struct configuration *configuration, struct security *security,
                     struct server *server)
{
    reload_keys(configuration, security->gate);
    reload_certificate(configuration, &security->tls);
    server_renew(server, security->tls);
}

void security_warn(const struct configuration *configuration, const struct security *security)
{
    bool is_private = configuration_is_loopback(configuration->host);
    if (is_private)
        return;
    if (gate_is_open(security->gate))
        terminal_warning("nobody has to say who they are: everybody who can reach this machine is "
                         "a viewer (--insecure)");
    else if (security->tls == NULL)
        terminal_warning("tokens travel in clear, and whoever listens has them: use TLS "
                         "(tls_certificate_file, tls_key_file), or a proxy that does");
}
