/*
 * The texts of --help, made from the tables of subcommands, options and settings, so that they
 * cannot disagree with what is understood. Pure. Main thread.
 */
#ifndef TAPEDECK_APP_HELP_H
#define TAPEDECK_APP_HELP_H

#include "app/options.h"
#include "base/bytes.h"

#define HELP_COLUMNS 96
#define HELP_SETTINGS "settings" /* the topic of help_settings */

/* The list of subcommands; of one `group` ("migrate") unless that is NULL. */
void help_program(const struct program *program, const char *group, struct buffer *out);
void help_subcommand(const struct program *program, const struct subcommand *subcommand,
                     struct buffer *out);
/* Every setting: in the file, the environment and on the command line. */
void help_settings(struct buffer *out);

/* What stands for an option's value: "N", "SIZE", "day|flat|storm", …; "" for a switch. */
const char *help_option_value(const struct option *option);

#endif
