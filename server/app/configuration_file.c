#include "app/configuration_file.h"

#include "app/configuration_policies.h"
#include "app/option_value.h"
#include "app/setting.h"
#include "base/mem.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 3 /* of keys in keys */
#define KEY_BYTES 64

/* What libcyaml fills in: a text or a list of texts for each setting, and the policies. */
struct loaded {
    char *texts[CONFIGURATION_SETTINGS_MAX];
    char **lists[CONFIGURATION_SETTINGS_MAX];
    uint32_t counts[CONFIGURATION_SETTINGS_MAX];
    struct loaded_policies *policies;
};

/* The first complaint of libcyaml, and the place its backtrace names. */
struct complaint {
    char text[256];
    char keys[DEPTH_MAX][KEY_BYTES]; /* the innermost first */
    size_t depth;
    unsigned line; /* the innermost */
};

static const cyaml_schema_value_t list_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED),
};

static cyaml_schema_field_t field_of(const struct setting *setting, size_t index)
{
    cyaml_schema_field_t field = {
        .key = setting->key,
        .value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL, char *, 0,
                                     CYAML_UNLIMITED)},
        .data_offset = (uint32_t)(offsetof(struct loaded, texts) + index * sizeof(char *)),
    };
    if (setting->type != SETTING_LIST)
        return field;
    field.value = (cyaml_schema_value_t){
        CYAML_VALUE_SEQUENCE(CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL, char *, &list_entry,
                             0, CYAML_UNLIMITED)};
    field.data_offset = (uint32_t)(offsetof(struct loaded, lists) + index * sizeof(char **));
    field.count_offset = (uint32_t)(offsetof(struct loaded, counts) + index * sizeof(uint32_t));
    field.count_size = sizeof(uint32_t);
    return field;
}

static void note_complaint(cyaml_log_t level, void *owner, const char *format, va_list arguments)
    PRINTF_LIKE(3, 0);

static void note_complaint(cyaml_log_t level, void *owner, const char *format, va_list arguments)
{
    struct complaint *complaint = owner;
    char line[256];
    (void)level;
    (void)vsnprintf(line, sizeof line, format, arguments);
    char *text = strncmp(line, "Load: ", 6) == 0 ? line + 6 : line;
    text[strcspn(text, "\n")] = '\0';
    if (complaint->text[0] == '\0') {
        (void)snprintf(complaint->text, sizeof complaint->text, "%s", text);
        return;
    }
    char key[KEY_BYTES];
    unsigned place = 0;
    bool is_field = sscanf(text, "  in mapping field '%63[^']' (line: %u", key, &place) == 2;
    if (is_field && complaint->depth < DEPTH_MAX)
        memcpy(complaint->keys[complaint->depth++], key, sizeof key);
    else if (!is_field)
        (void)sscanf(text, "  in mapping (line: %u", &place);
    if (complaint->line == 0)
        complaint->line = place;
}

/* The line on which a key stands, after line `above`: at the beginning of a line, before a colon.
 */
static unsigned line_below(const char *text, const char *key, unsigned above)
{
    size_t bytes = strlen(key);
    unsigned line = 1;
    for (const char *at = text; at != NULL; line++) {
        const char *name = at + strspn(at, " {\"'");
        if (strncmp(name, key, bytes) == 0) {
            name += bytes;
            name += strspn(name, "\"' ");
            if (*name == ':' && line > above)
                return line;
        }
        at = strchr(at, '\n');
        at = at != NULL ? at + 1 : NULL;
    }
    return 0;
}

static unsigned line_of(const char *text, const char *key)
{
    return line_below(text, key, 0);
}

static enum status refuse_key(const char *path, const char *text, const char *key,
                              struct error *error)
{
    const char *keys[CONFIGURATION_SETTINGS_MAX + 1] = {DECLARED_SECTION};
    size_t count;
    const struct setting *all = settings(&count);
    for (size_t i = 0; i < count; i++)
        keys[i + 1] = all[i].key;
    const char *closest = value_closest(key, keys, count + 1);
    return error_set(error, STATUS_INVALID, "%s line %u: there is no setting %s%s%s%s", path,
                     line_of(text, key), key, closest != NULL ? ": did you mean " : "",
                     closest != NULL ? closest : ": `tapedeck help settings` lists them all",
                     closest != NULL ? "?" : "");
}

static enum status explain_policies(const char *path, const char *text,
                                    const struct complaint *complaint, const char *stranger,
                                    bool is_twice, struct error *error)
{
    struct policies_place place = {
        .path = path, .text = text, .depth = complaint->depth, .line = complaint->line};
    for (size_t i = 0; i < complaint->depth; i++)
        place.names[i] = complaint->keys[complaint->depth - 1 - i];
    return policies_explain(&place, stranger, is_twice, error);
}

static enum status explain(const char *path, const char *text, cyaml_err_t reason,
                           const struct complaint *complaint, struct error *error)
{
    static const char unknown[] = "Unexpected key: ";
    const char *outermost = complaint->depth > 0 ? complaint->keys[complaint->depth - 1] : "";
    const struct setting *setting = setting_find(outermost, strlen(outermost));
    bool is_stranger = reason == CYAML_ERR_INVALID_KEY &&
                       strncmp(complaint->text, unknown, sizeof unknown - 1) == 0;
    const char *stranger = is_stranger ? complaint->text + sizeof unknown - 1 : NULL;
    if (reason == CYAML_ERR_LIBYAML_PARSER)
        return error_set(error, STATUS_INVALID, "%s is no YAML, near line %u: %s", path,
                         complaint->line > 0 ? complaint->line : 1,
                         complaint->text + (strncmp(complaint->text, "libyaml: ", 9) == 0 ? 9 : 0));
    if (strcmp(outermost, DECLARED_SECTION) == 0)
        return explain_policies(path, text, complaint, stranger,
                                reason == CYAML_ERR_UNEXPECTED_EVENT, error);
    if (is_stranger)
        return refuse_key(path, text, stranger, error);
    if (setting == NULL)
        return error_set(error, STATUS_INVALID, "%s: expected lines such as `port: 8080`", path);
    if (reason == CYAML_ERR_UNEXPECTED_EVENT) {
        unsigned first = line_of(text, setting->key);
        return error_set(error, STATUS_INVALID, "%s line %u: %s is there twice, first in line %u",
                         path, line_below(text, setting->key, first), setting->key, first);
    }
    return error_set(error, STATUS_INVALID, "%s line %u: %s takes %s", path, complaint->line,
                     setting->key,
                     setting->type == SETTING_LIST ? "a list, such as [https://desk.example]"
                                                   : "one value, not a list or a map");
}

static char *join(char *const *items, size_t count)
{
    struct buffer joined;
    buffer_init(&joined, CONFIGURATION_FILE_BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        buffer_append_format(&joined, "%s%s", i > 0 ? "," : "", items[i]);
    char *text = mem_copy_text(buffer_text(&joined));
    buffer_deinit(&joined);
    return text;
}

static void take(const struct loaded *loaded, const char *text, struct configuration_file *file)
{
    size_t count;
    const struct setting *all = settings(&count);
    *file = (struct configuration_file){.texts = {NULL}};
    for (size_t i = 0; loaded != NULL && i < count; i++) {
        if (loaded->texts[i] != NULL)
            file->texts[i] = mem_copy_text(loaded->texts[i]);
        else if (loaded->lists[i] != NULL)
            file->texts[i] = join(loaded->lists[i], loaded->counts[i]);
        if (file->texts[i] != NULL)
            file->lines[i] = line_of(text, all[i].key);
    }
    if (loaded != NULL)
        policies_take(loaded->policies, text, file);
}

/* The line that begins another document, which libcyaml would leave unread; 0: there is none. */
static unsigned second_document(const char *text)
{
    bool has_content = false;
    unsigned line = 1;
    for (const char *at = text; at != NULL; line++) {
        bool is_marker = strncmp(at, "---", 3) == 0 && strchr(" \t\r\n", at[3]) != NULL;
        if (is_marker && has_content)
            return line;
        has_content = has_content || (!is_marker && strchr("#%\r\n", at[0]) == NULL);
        at = strchr(at, '\n');
        at = at != NULL ? at + 1 : NULL;
    }
    return 0;
}

static enum status parse(const char *path, const char *text, struct configuration_file *file,
                         struct error *error)
{
    unsigned second = second_document(text);
    if (second > 0)
        return error_set(error, STATUS_INVALID,
                         "%s line %u: another YAML document begins here: only one is read", path,
                         second);
    size_t count;
    const struct setting *all = settings(&count);
    cyaml_schema_field_t fields[CONFIGURATION_SETTINGS_MAX + 2];
    struct policies_schema policies;
    for (size_t i = 0; i < count; i++)
        fields[i] = field_of(&all[i], i);
    policies_schema_init(&policies);
    fields[count] = policies_schema_field(&policies, offsetof(struct loaded, policies));
    fields[count + 1] = (cyaml_schema_field_t)CYAML_FIELD_END;
    const cyaml_schema_value_t schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct loaded, fields),
    };
    struct complaint complaint = {.text = ""};
    cyaml_config_t config = {.log_fn = note_complaint,
                             .log_ctx = &complaint,
                             .mem_fn = cyaml_mem,
                             .log_level = CYAML_LOG_ERROR};
    cyaml_data_t *data = NULL;
    cyaml_err_t reason =
        cyaml_load_data((const uint8_t *)text, strlen(text), &config, &schema, &data, NULL);
    if (reason != CYAML_OK)
        return explain(path, text, reason, &complaint, error);
    take((const struct loaded *)data, text, file);
    (void)cyaml_free(&config, &schema, data, 0);
    return STATUS_OK;
}

static enum status read_text(const char *path, struct buffer *text, struct error *error)
{
    FILE *stream = fopen(path, "re");
    if (stream == NULL)
        return error_set(error, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_INVALID,
                         "cannot read %s: %s", path, strerror(errno));
    char piece[4096];
    size_t count;
    while ((count = fread(piece, 1, sizeof piece, stream)) > 0)
        buffer_append(text, piece, count);
    bool is_broken = ferror(stream) != 0;
    (void)fclose(stream);
    if (is_broken)
        return error_set(error, STATUS_INVALID, "cannot read %s: %s", path, strerror(errno));
    if (text->failed || memchr(text->bytes != NULL ? (char *)text->bytes : "", '\0', text->count))
        return error_set(error, STATUS_INVALID, "%s is no configuration: %s", path,
                         text->failed ? "it is larger than 1 MiB" : "it is not a text");
    return STATUS_OK;
}

enum status configuration_file_read(const char *path, struct configuration_file *file,
                                    struct error *error)
{
    struct buffer text;
    buffer_init(&text, CONFIGURATION_FILE_BYTES_MAX);
    enum status status = read_text(path, &text, error);
    if (status == STATUS_OK)
        status = parse(path, buffer_text(&text), file, error);
    buffer_deinit(&text);
    return status;
}

void configuration_file_deinit(struct configuration_file *file)
{
    for (size_t i = 0; i < CONFIGURATION_SETTINGS_MAX; i++)
        mem_free(file->texts[i]);
    for (size_t i = 0; i < DECLARED_SETTINGS_MAX; i++)
        mem_free(file->policies[i]);
    *file = (struct configuration_file){.texts = {NULL}};
}
