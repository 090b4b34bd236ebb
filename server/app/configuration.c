#include "app/configuration.h"

#include "app/configuration_file.h"
#include "app/option_value.h"
#include "app/setting.h"
#include "app/terminal.h"
#include "base/assert.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PRINT_BYTES_MAX (1 << 20)
#define PRINT_COMMENT_COLUMN 48

/* ---- one value ---- */

static enum status set(struct configuration *configuration, size_t index, const char *text,
                       const char *source, struct error *error)
{
    size_t count;
    const struct setting *setting = &settings(&count)[index];
    if (setting_store(setting, configuration, text, error) == STATUS_OK) {
        (void)snprintf(configuration->sources[index], sizeof configuration->sources[index], "%s",
                       source);
        return STATUS_OK;
    }
    struct buffer shown;
    buffer_init(&shown, ERROR_TEXT_BYTES);
    value_append_masked(&shown, text);
    (void)error_prefix(error, "%s = %s (%s)", setting->key, buffer_text(&shown), source);
    buffer_deinit(&shown);
    return STATUS_INVALID;
}

static void set_defaults(struct configuration *configuration)
{
    size_t count;
    const struct setting *all = settings(&count);
    *configuration = (struct configuration){.file = NULL};
    for (size_t i = 0; i < count; i++) {
        enum status status = set(configuration, i, all[i].standard, "default", NULL);
        ASSERT(status == STATUS_OK);
    }
}

/* ---- environment ---- */

/* NULL: not set, or empty, which is what compose files make of a variable that is not set. */
static const char *variable(const struct configuration_inputs *inputs, const char *name)
{
    size_t bytes = strlen(name);
    for (const char *const *at = inputs->environment; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, name, bytes) == 0 && (*at)[bytes] == '=')
            return (*at)[bytes + 1] != '\0' ? *at + bytes + 1 : NULL;
    }
    return NULL;
}

static enum status apply_variable(const struct configuration_inputs *inputs, size_t index,
                                  const char *name, struct configuration *configuration,
                                  struct error *error)
{
    const char *value = variable(inputs, name);
    return value != NULL ? set(configuration, index, value, name, error) : STATUS_OK;
}

static enum status apply_environment(const struct configuration_inputs *inputs,
                                     struct configuration *configuration, struct error *error)
{
    size_t count;
    const struct setting *all = settings(&count);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (all[i].variable != NULL)
            status = apply_variable(inputs, i, all[i].variable, configuration, error);
        if (status == STATUS_OK)
            status =
                apply_variable(inputs, i, setting_variable(&all[i]).text, configuration, error);
    }
    return status;
}

/* A variable that looks like a setting's with a typing mistake would be ignored in silence. */
static void warn_of_strangers(const struct configuration_inputs *inputs)
{
    static const char prefix[] = "TAPEDECK_";
    const char *keys[CONFIGURATION_SETTINGS_MAX];
    size_t count;
    const struct setting *all = settings(&count);
    for (size_t i = 0; i < count; i++)
        keys[i] = all[i].key;
    for (const char *const *at = inputs->environment; at != NULL && *at != NULL; at++) {
        char name[64];
        size_t bytes = strcspn(*at, "=");
        if (strncmp(*at, prefix, sizeof prefix - 1) != 0 || bytes >= sizeof name)
            continue;
        (void)snprintf(name, sizeof name, "%.*s", (int)bytes, *at);
        const char *closest = value_closest(name + sizeof prefix - 1, keys, count);
        if (closest == NULL || strcasecmp(closest, name + sizeof prefix - 1) == 0)
            continue;
        const struct setting *meant = setting_find(closest, strlen(closest));
        terminal_warning("%s is no setting and is ignored: did you mean %s?", name,
                         setting_variable(meant).text);
    }
}

/* ---- file ---- */

static enum status apply_policies(const char *path, const struct configuration_file *file,
                                  struct declared_policies *policies, struct error *error)
{
    size_t count;
    const struct declared_setting *all = declared_settings(&count);
    for (size_t i = 0; i < count; i++) {
        if (file->policies[i] == NULL)
            continue;
        if (declared_value_read(&all[i], file->policies[i], &policies->of[i], error) != STATUS_OK)
            return error_prefix(error, "%s of %s = %s (%s line %u)", all[i].key, all[i].target,
                                file->policies[i], path, file->policy_lines[i]);
        policies->of[i].line = file->policy_lines[i];
    }
    return STATUS_OK;
}

static enum status apply_file(const char *path, struct configuration *configuration,
                              struct error *error)
{
    struct configuration_file file;
    enum status status = configuration_file_read(path, &file, error);
    if (status != STATUS_OK)
        return status;
    size_t count;
    (void)settings(&count);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        char source[CONFIGURATION_SOURCE_BYTES];
        if (file.texts[i] == NULL)
            continue;
        (void)snprintf(source, sizeof source, "%s line %u", path, file.lines[i]);
        status = set(configuration, i, file.texts[i], source, error);
    }
    if (status == STATUS_OK)
        status = apply_policies(path, &file, &configuration->policies, error);
    configuration_file_deinit(&file);
    if (status == STATUS_OK)
        configuration->file = mem_copy_text(path);
    return status;
}

/* The home folder as far as it is known before the file is read. */
static const char *early_home(const struct configuration_inputs *inputs,
                              const struct configuration *configuration)
{
    for (size_t i = inputs->flag_count; i-- > 0;) {
        if (strcmp(inputs->flags[i].setting->key, "home") == 0)
            return inputs->flags[i].value;
    }
    const char *home = variable(inputs, "TAPEDECK_HOME");
    return home != NULL ? home : configuration->home;
}

static enum status find_file(const struct configuration_inputs *inputs,
                             struct configuration *configuration, struct error *error)
{
    const char *named = inputs->file != NULL ? inputs->file : variable(inputs, "TAPEDECK_CONFIG");
    if (named != NULL) {
        enum status status = apply_file(named, configuration, error);
        return status == STATUS_OK ? STATUS_OK : STATUS_INVALID;
    }
    char at_home[4096];
    (void)snprintf(at_home, sizeof at_home, "%s/" CONFIGURATION_FILE,
                   early_home(inputs, configuration));
    enum status status = apply_file(CONFIGURATION_FILE, configuration, error);
    if (status == STATUS_NOT_FOUND)
        status = apply_file(at_home, configuration, error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- flags ---- */

static enum status apply_flags(const struct configuration_inputs *inputs,
                               struct configuration *configuration, struct error *error)
{
    size_t count;
    const struct setting *all = settings(&count);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < inputs->flag_count && status == STATUS_OK; i++) {
        const struct setting_flag *flag = &inputs->flags[i];
        size_t index = (size_t)(flag->setting - all);
        ASSERT(index < count);
        status =
            set(configuration, index, flag->value, setting_flag_name(flag->setting).text, error);
    }
    return status;
}

/* ---- the whole ---- */

bool configuration_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcasecmp(host, "localhost") == 0;
}

static const char *source_of(const struct configuration *configuration, const char *key)
{
    size_t count;
    const struct setting *all = settings(&count);
    return configuration->sources[setting_find(key, strlen(key)) - all];
}

bool configuration_asks_who(const struct configuration *configuration)
{
    return configuration->auth_keys_file[0] != '\0' || configuration->jwt_secret_file[0] != '\0' ||
           configuration->jwt_public_key_file[0] != '\0';
}

static enum status check_access(const struct configuration *configuration, struct error *error)
{
    bool has_certificate = configuration->tls_certificate_file[0] != '\0';
    bool has_key = configuration->tls_key_file[0] != '\0';
    bool has_jwt =
        configuration->jwt_secret_file[0] != '\0' || configuration->jwt_public_key_file[0] != '\0';
    const char *claim = configuration->jwt_audience[0] != '\0' ? "jwt_audience" : "jwt_issuer";
    if (!configuration_is_loopback(configuration->host) && !configuration->insecure &&
        !configuration_asks_who(configuration))
        return error_set(error, STATUS_INVALID,
                         "host = %s (%s) lets others than this machine connect, and nobody has to "
                         "say who they are: use 127.0.0.1, or auth_keys_file, jwt_secret_file or "
                         "jwt_public_key_file, or --insecure if that is meant",
                         configuration->host, source_of(configuration, "host"));
    if (has_certificate != has_key)
        return error_set(error, STATUS_INVALID,
                         "tls_certificate_file and tls_key_file go together: %s is missing",
                         has_key ? "tls_certificate_file" : "tls_key_file");
    if (!has_jwt &&
        (configuration->jwt_audience[0] != '\0' || configuration->jwt_issuer[0] != '\0'))
        return error_set(error, STATUS_INVALID,
                         "%s (%s) is for tokens, and there is neither jwt_secret_file nor "
                         "jwt_public_key_file to verify them with",
                         claim, source_of(configuration, claim));
    return STATUS_OK;
}

static enum status check(const struct configuration *configuration, struct error *error)
{
    if (configuration->host[0] == '\0')
        return error_set(error, STATUS_INVALID, "host is empty (%s): expected an address",
                         source_of(configuration, "host"));
    enum status status = check_access(configuration, error);
    if (status != STATUS_OK)
        return status;
    if (configuration->store_connections_min > configuration->store_connections_max)
        return error_set(error, STATUS_INVALID,
                         "store_connections_min = %u (%s) is more than store_connections_max = %u "
                         "(%s)",
                         configuration->store_connections_min,
                         source_of(configuration, "store_connections_min"),
                         configuration->store_connections_max,
                         source_of(configuration, "store_connections_max"));
    if (configuration->home[0] == '\0')
        return error_set(error, STATUS_INVALID, "home is empty (%s): expected a folder",
                         source_of(configuration, "home"));
    return STATUS_OK;
}

static unsigned lanes_for_this_machine(void)
{
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) != 0)
        return 1;
    int count = CPU_COUNT(&cores);
    return count > 1 ? (unsigned)count - 1 : 1;
}

enum status configuration_load(const struct configuration_inputs *inputs,
                               struct configuration *configuration, struct error *error)
{
    struct configuration loaded;
    set_defaults(&loaded);
    warn_of_strangers(inputs);
    enum status status = find_file(inputs, &loaded, error);
    if (status == STATUS_OK)
        status = apply_environment(inputs, &loaded, error);
    if (status == STATUS_OK)
        status = apply_flags(inputs, &loaded, error);
    if (status == STATUS_OK)
        status = check(&loaded, error);
    if (status != STATUS_OK) {
        configuration_deinit(&loaded);
        return status;
    }
    if (loaded.lanes == 0)
        loaded.lanes = lanes_for_this_machine();
    *configuration = loaded;
    return STATUS_OK;
}

void configuration_deinit(struct configuration *configuration)
{
    size_t count;
    const struct setting *all = settings(&count);
    for (size_t i = 0; i < count; i++)
        setting_clear(&all[i], configuration);
    mem_free(configuration->file);
    configuration->file = NULL;
}

/* ---- tapedeck config ---- */

/* Plain where YAML reads it back as the same text, in quotes elsewhere. */
static void append_yaml(struct buffer *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "./_-+";
    if (text[0] != '\0' && text[strspn(text, plain)] == '\0') {
        buffer_append_text(out, text);
        return;
    }
    buffer_append_text(out, "\"");
    for (; *text != '\0'; text++)
        buffer_append_format(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
    buffer_append_text(out, "\"");
}

static void append_yaml_list(struct buffer *out, const struct setting *setting,
                             const struct configuration *configuration)
{
    size_t count;
    const char *const *items = setting_list(setting, configuration, &count);
    buffer_append_text(out, "[");
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(out, i > 0 ? ", " : "");
        append_yaml(out, items[i]);
    }
    buffer_append_text(out, "]");
}

static void append_value(const struct setting *setting, const struct configuration *configuration,
                         struct buffer *out)
{
    if (setting->type == SETTING_LIST) {
        append_yaml_list(out, setting, configuration);
        return;
    }
    struct buffer value;
    buffer_init(&value, PRINT_BYTES_MAX);
    setting_append(setting, configuration, &value);
    append_yaml(out, buffer_text(&value));
    buffer_deinit(&value);
}

void configuration_print(const struct configuration *configuration, struct buffer *out)
{
    size_t count;
    const struct setting *all = settings(&count);
    buffer_append_format(out, "# file: %s\n",
                         configuration->file != NULL ? configuration->file : "none");
    for (size_t i = 0; i < count; i++) {
        size_t start = out->count;
        buffer_append_format(out, "%s: ", all[i].key);
        append_value(&all[i], configuration, out);
        size_t used = out->count - start;
        buffer_append_format(out, "%*s# %s\n",
                             used + 2 < PRINT_COMMENT_COLUMN ? (int)(PRINT_COMMENT_COLUMN - used)
                                                             : 2,
                             "", configuration->sources[i]);
    }
    declared_policies_print(&configuration->policies, configuration->file, PRINT_COMMENT_COLUMN,
                            out);
}

int configuration_run(const struct configuration *configuration)
{
    struct buffer out;
    buffer_init(&out, PRINT_BYTES_MAX);
    configuration_print(configuration, &out);
    bool failed = fwrite(out.bytes, 1, out.count, stdout) != out.count || fflush(stdout) != 0;
    buffer_deinit(&out);
    return failed ? 1 : 0;
}
