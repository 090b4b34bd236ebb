/*
 * What each subcommand does, once its options have been read. All return the exit status of the
 * process: 0 done, 1 failed (and said why). Main thread.
 */
#ifndef TAPEDECK_APP_COMMANDS_H
#define TAPEDECK_APP_COMMANDS_H

#include "app/configuration.h"
#include "app/load.h"
#include "intake/generate.h"
#include "intake/intake.h"

int serve_run(const struct configuration *configuration);

enum migrate_action { MIGRATE_UP, MIGRATE_DOWN, MIGRATE_STATUS };
int migrate_run(const struct configuration *configuration, enum migrate_action action,
                int64_t steps);

struct import_options {
    const char *const *files;
    size_t file_count;
    struct intake_options intake;
    const char *rejects_path; /* NULL: beside each file */
    int64_t errors_max;
    bool partial;
    struct load_options load;
};
int import_run(const struct configuration *configuration, const struct import_options *options);
int imports_list_run(const struct configuration *configuration);
int imports_undo_run(const struct configuration *configuration, int64_t id);

struct generate_command {
    struct generate_options generate;
    bool if_empty;
    int64_t latest; /* ticks may not be later, µs */
    struct load_options load;
};
int generate_run(const struct configuration *configuration, const struct generate_command *command);

struct candles_options {
    const char *symbol;      /* NULL: all */
    const char *interval;    /* of verify; NULL: every stored one */
    struct time_range range; /* TIME_MIN, TIME_MAX + 1: all there is */
    bool json;
};

/* 0 done, 1 failed. */
int candles_refresh_run(const struct configuration *configuration,
                        const struct candles_options *options);
/* 0 equal, 1 differences, 2 failed. */
int candles_verify_run(const struct configuration *configuration,
                       const struct candles_options *options);

enum triggers_action { TRIGGERS_ON, TRIGGERS_OFF, TRIGGERS_STATUS };
/* 0 done, or (status) they are on; 1 failed; 2 (status) they are off, or some of them are. */
int triggers_run(const struct configuration *configuration, enum triggers_action action);

#endif
