/*
 * A way to a TLS server for clients that speak in clear: a listening socket on the loopback device;
 * what connects there is carried over TLS to the server by a thread, both ways. Tells what it saw
 * of the server's certificate. And certificates, made when a test runs: no key is ever kept.
 */
#ifndef TAPEDECK_TESTS_SUPPORT_TLS_TUNNEL_H
#define TAPEDECK_TESTS_SUPPORT_TLS_TUNNEL_H

#include <stdbool.h>
#include <stdint.h>

/* What one handshake showed. */
struct tls_sight {
    bool is_done;          /* else the server refused it */
    char common_name[128]; /* of its certificate */
    char version[16];      /* "TLSv1.3" */
    char protocol[32];     /* by ALPN; "" */
};

struct tls_tunnel;

/* NULL: it could not be made. */
struct tls_tunnel *tls_tunnel_open(uint16_t server_port);
/* Where to connect to. */
uint16_t tls_tunnel_port(const struct tls_tunnel *tunnel);
void tls_tunnel_close(struct tls_tunnel **tunnel);

/* One handshake. `version_max`: the newest version to offer (TLS1_1_VERSION …), 0: any; `offered`
 * by ALPN in its wire form, NULL: nothing. */
struct tls_sight tls_look(uint16_t server_port, int version_max, const char *offered);

enum tls_key_kind { TLS_KEY_RSA, TLS_KEY_EC };
/* A certificate of this name and of 127.0.0.1, signed by its own key, good from now for `days`
 * (negative: it was), as two files in PEM; the key's has mode 0600. */
bool tls_certificate_make(const char *certificate_file, const char *key_file,
                          enum tls_key_kind kind, const char *common_name, int days);

#endif
