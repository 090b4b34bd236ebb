/*
 * Who may come, out of the configuration: the gate with its keys, and the certificate. Loaded at
 * start, where anything wrong ends the start; and anew on SIGHUP, where it leaves what was there.
 * Main thread; the gate and the certificate are shared with the lanes.
 */
#ifndef TAPEDECK_APP_SECURITY_H
#define TAPEDECK_APP_SECURITY_H

#include "app/configuration.h"

struct gate;
struct server;
struct tls;

struct security {
    struct gate *gate;
    struct tls *tls; /* NULL: in clear */
};

/* On failure there is nothing to close. */
enum status security_open(const struct configuration *configuration, struct security *security,
                          struct error *error) MUST_CHECK;
/* After the server is destroyed. */
void security_close(struct security *security);
/* Reads all files again and gives them to the server. Each part that is wrong stays as it was, and
 * the log says why. */
void security_reload(const struct configuration *configuration, struct security *security,
                     struct server *server);
/* What an operator should know: tokens in clear, no keys. */
void security_warn(const struct configuration *configuration, const struct security *security);

#endif
