/*
 * tapedeck.yaml: one level of "key: value", the keys being those of the settings' table, and the
 * section "policies" (declared_policies.h). Read with libcyaml, whose schema is made from the
 * tables; values stay texts, so that a file, a variable and a flag are read by the same rules.
 * Main thread.
 */
#ifndef TAPEDECK_APP_CONFIGURATION_FILE_H
#define TAPEDECK_APP_CONFIGURATION_FILE_H

#include "app/configuration.h"

#define CONFIGURATION_FILE_BYTES_MAX (1 << 20)

struct configuration_file {
    char *texts[CONFIGURATION_SETTINGS_MAX];    /* in the table's order; NULL: not in the file */
    unsigned lines[CONFIGURATION_SETTINGS_MAX]; /* from 1; 0: not known */
    char *policies[DECLARED_SETTINGS_MAX];      /* in that table's order; NULL: not in the file */
    unsigned policy_lines[DECLARED_SETTINGS_MAX];
};

/* STATUS_NOT_FOUND: there is no such file. STATUS_INVALID: the sentence names the line. */
enum status configuration_file_read(const char *path, struct configuration_file *file,
                                    struct error *error) MUST_CHECK;
void configuration_file_deinit(struct configuration_file *file);

#endif
