#include "support/wire_message.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

static json_t *tree_of(const msgpack_object *object);

/* msgpack-c points nowhere for no bytes, which jansson takes for a fault. */
static const char *bytes_of(const char *bytes)
{
    return bytes != NULL ? bytes : "";
}

static json_t *array_of(const msgpack_object_array *array)
{
    json_t *tree = json_array();
    for (uint32_t i = 0; i < array->size; i++) {
        if (json_array_append_new(tree, tree_of(&array->ptr[i])) != 0) {
            json_decref(tree);
            return NULL;
        }
    }
    return tree;
}

/* Sets one pair; false for a key that is no text, or is there already. */
static bool set_pair(json_t *map, const msgpack_object_kv *pair)
{
    if (pair->key.type != MSGPACK_OBJECT_STR)
        return false;
    const msgpack_object_str *str = &pair->key.via.str;
    char *key = strndup(bytes_of(str->ptr), str->size);
    bool is_new = strlen(key) == str->size && json_object_get(map, key) == NULL;
    bool is_set = is_new && json_object_set_new(map, key, tree_of(&pair->val)) == 0;
    free(key);
    return is_set;
}

static json_t *map_of(const msgpack_object_map *map)
{
    json_t *tree = json_object();
    for (uint32_t i = 0; i < map->size; i++) {
        if (!set_pair(tree, &map->ptr[i])) {
            json_decref(tree);
            return NULL;
        }
    }
    return tree;
}

static json_t *bin_of(const msgpack_object_bin *bin)
{
    json_t *tree = json_object();
    json_object_set_new(tree, "bin", json_stringn_nocheck(bytes_of(bin->ptr), bin->size));
    return tree;
}

/* NULL for what no message of ours holds; the callers above pass it on. */
static json_t *tree_of(const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        return json_null();
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(object->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return object->via.u64 <= INT64_MAX ? json_integer((json_int_t)object->via.u64) : NULL;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return json_integer(object->via.i64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return json_real(object->via.f64);
    case MSGPACK_OBJECT_STR:
        return json_stringn(bytes_of(object->via.str.ptr), object->via.str.size);
    case MSGPACK_OBJECT_BIN:
        return bin_of(&object->via.bin);
    case MSGPACK_OBJECT_ARRAY:
        return array_of(&object->via.array);
    case MSGPACK_OBJECT_MAP:
        return map_of(&object->via.map);
    case MSGPACK_OBJECT_EXT:
        break;
    }
    return NULL;
}

json_t *wire_message_read(const void *bytes, size_t count, bool is_msgpack)
{
    if (!is_msgpack)
        return json_loadb(bytes, count, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t used = 0;
    json_t *tree = NULL;
    if (msgpack_unpack_next(&unpacked, bytes, count, &used) == MSGPACK_UNPACK_SUCCESS &&
        used == count)
        tree = tree_of(&unpacked.data);
    msgpack_unpacked_destroy(&unpacked);
    return tree;
}

static void pack_text(msgpack_packer *packer, const char *text, size_t count)
{
    msgpack_pack_str(packer, count);
    msgpack_pack_str_body(packer, text, count);
}

static void pack_tree(msgpack_packer *packer, const json_t *tree)
{
    const char *key;
    json_t *item;
    size_t index;
    switch (json_typeof(tree)) {
    case JSON_OBJECT:
        msgpack_pack_map(packer, json_object_size(tree));
        json_object_foreach((json_t *)(uintptr_t)tree, key, item)
        {
            pack_text(packer, key, strlen(key));
            pack_tree(packer, item);
        }
        return;
    case JSON_ARRAY:
        msgpack_pack_array(packer, json_array_size(tree));
        json_array_foreach(tree, index, item) pack_tree(packer, item);
        return;
    case JSON_STRING:
        pack_text(packer, json_string_value(tree), json_string_length(tree));
        return;
    case JSON_INTEGER:
        msgpack_pack_int64(packer, json_integer_value(tree));
        return;
    case JSON_REAL:
        msgpack_pack_double(packer, json_real_value(tree));
        return;
    case JSON_TRUE:
        msgpack_pack_true(packer);
        return;
    case JSON_FALSE:
        msgpack_pack_false(packer);
        return;
    case JSON_NULL:
        msgpack_pack_nil(packer);
        return;
    }
}

char *wire_message_write(const json_t *tree, bool is_msgpack, size_t *count)
{
    if (!is_msgpack) {
        char *text = json_dumps(tree, JSON_COMPACT | JSON_ENCODE_ANY);
        *count = text != NULL ? strlen(text) : 0;
        return text;
    }
    msgpack_sbuffer buffer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer packer;
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    pack_tree(&packer, tree);
    *count = buffer.size;
    return msgpack_sbuffer_release(&buffer);
}

/* What the head of a column says. */
struct column_head {
    size_t payload_at; /* which item is the payload; 0: none, every row is `base` */
    size_t row_bytes;
    bool is_signed; /* its smallest raw number is null */
    int64_t base;
    bool all_null;
    int64_t mul;
    int64_t exp;
};

static bool read_integer(const json_t *item, int64_t *value)
{
    if (!json_is_integer(item))
        return false;
    *value = json_integer_value(item);
    return true;
}

static bool read_head(const json_t *column, struct column_head *head)
{
    const char *name = json_string_value(json_array_get(column, 0));
    size_t items = json_array_size(column);
    const json_t *second = json_array_get(column, 1);
    const json_t *third = json_array_get(column, 2);
    *head = (struct column_head){.payload_at = 3, .mul = 1, .is_signed = true};
    if (name == NULL)
        return false;
    if (strcmp(name, "u32") == 0) {
        head->row_bytes = 4;
        head->is_signed = false;
        return items == 4 && read_integer(second, &head->base) && read_integer(third, &head->mul);
    }
    if (strcmp(name, "i16") == 0 || strcmp(name, "i32") == 0) {
        head->row_bytes = name[1] == '1' ? 2 : 4;
        return items == 4 && read_integer(second, &head->base) && read_integer(third, &head->exp);
    }
    if (strcmp(name, "i64") == 0) {
        head->row_bytes = 8;
        head->payload_at = 2;
        return items == 3 && read_integer(second, &head->exp);
    }
    head->payload_at = 0;
    head->all_null = json_is_null(second);
    return strcmp(name, "const") == 0 && items == 3 &&
           (head->all_null || read_integer(second, &head->base)) && read_integer(third, &head->exp);
}

/* The raw number of one row of a bin: little-endian, whatever this machine is. */
static int64_t raw_of_bin(const uint8_t *bytes, const struct column_head *head)
{
    uint64_t bits = 0;
    for (size_t i = head->row_bytes; i-- > 0;)
        bits = bits << 8 | bytes[i];
    if (!head->is_signed || head->row_bytes == 8)
        return (int64_t)bits;
    uint64_t sign = UINT64_C(1) << (8 * head->row_bytes - 1);
    return (int64_t)((bits ^ sign) - sign);
}

static int64_t raw_least(const struct column_head *head)
{
    return head->row_bytes == 2 ? INT16_MIN : head->row_bytes == 4 ? INT32_MIN : INT64_MIN;
}

static bool bin_rows(const json_t *payload, const struct column_head *head, size_t rows,
                     int64_t *raw)
{
    const json_t *bin = json_object_get(payload, "bin");
    if (!json_is_string(bin) || json_string_length(bin) != rows * head->row_bytes)
        return false;
    const uint8_t *bytes = (const uint8_t *)json_string_value(bin);
    for (size_t i = 0; i < rows; i++) {
        raw[i] = raw_of_bin(bytes + i * head->row_bytes, head);
        if (head->is_signed && raw[i] == raw_least(head))
            raw[i] = INT64_MIN;
    }
    return true;
}

static bool array_rows(const json_t *payload, const struct column_head *head, size_t rows,
                       int64_t *raw)
{
    if (!json_is_array(payload) || json_array_size(payload) != rows)
        return false;
    int64_t least = head->is_signed ? raw_least(head) + 1 : 0;
    int64_t most = head->is_signed ? -(raw_least(head) + 1) : UINT32_MAX;
    for (size_t i = 0; i < rows; i++) {
        const json_t *item = json_array_get(payload, i);
        bool is_null = json_is_null(item);
        if (is_null ? !head->is_signed : !read_integer(item, &raw[i]))
            return false;
        if (!is_null && (raw[i] < least || raw[i] > most))
            return false;
        if (is_null)
            raw[i] = INT64_MIN;
    }
    return true;
}

/* Raw numbers, nulls as INT64_MIN. */
static bool payload_rows(const json_t *column, const struct column_head *head, size_t rows,
                         int64_t *raw)
{
    const json_t *payload = json_array_get(column, head->payload_at);
    return json_is_object(payload) ? bin_rows(payload, head, rows, raw)
                                   : array_rows(payload, head, rows, raw);
}

__extension__ typedef __int128 wide;

/* Mantissas times `scale`; false when one does not fit. */
static bool column_rows(const json_t *column, const struct column_head *head, size_t rows,
                        int64_t scale, int64_t *values)
{
    if (head->payload_at > 0 && !payload_rows(column, head, rows, values))
        return false;
    for (size_t i = 0; i < rows; i++) {
        int64_t raw = head->payload_at > 0 ? values[i] : head->all_null ? INT64_MIN : 0;
        values[i] = INT64_MIN;
        if (raw == INT64_MIN)
            continue;
        wide value = ((wide)head->base + (wide)head->mul * raw) * scale;
        if (value > INT64_MAX || value < -INT64_MAX)
            return false;
        values[i] = (int64_t)value;
    }
    return true;
}

static int64_t power_of_ten(int64_t n)
{
    int64_t power = 1;
    for (; n > 0; n--)
        power *= 10;
    return power;
}

bool wire_column_decimals(const json_t *column, size_t rows, int64_t *values)
{
    struct column_head head;
    return read_head(column, &head) && head.exp >= 0 && head.exp <= 8 &&
           column_rows(column, &head, rows, power_of_ten(8 - head.exp), values);
}

bool wire_column_times(const json_t *column, size_t rows, int64_t *values)
{
    struct column_head head;
    return read_head(column, &head) && head.exp == 0 && column_rows(column, &head, rows, 1, values);
}

bool wire_decimal(const json_t *decimal, int64_t *value)
{
    *value = INT64_MIN;
    if (json_is_null(decimal))
        return true;
    int64_t mantissa = 0;
    int64_t exp = 0;
    if (json_array_size(decimal) != 2 || !read_integer(json_array_get(decimal, 0), &mantissa) ||
        !read_integer(json_array_get(decimal, 1), &exp) || exp < 0 || exp > 8)
        return false;
    wide scaled = (wide)mantissa * power_of_ten(8 - exp);
    if (scaled > INT64_MAX || scaled < -INT64_MAX)
        return false;
    *value = (int64_t)scaled;
    return true;
}

/* A column's bin as an array; NULL when the array is no column with a bin of whole rows. */
static json_t *spelled_column(const json_t *array)
{
    struct column_head head;
    if (!read_head(array, &head) || head.payload_at == 0)
        return NULL;
    const json_t *bin = json_object_get(json_array_get(array, head.payload_at), "bin");
    size_t rows = json_string_length(bin) / head.row_bytes;
    int64_t *raw = calloc(rows + 1, sizeof *raw);
    json_t *column = NULL;
    if (bin != NULL && payload_rows(array, &head, rows, raw)) {
        json_t *numbers = json_array();
        for (size_t i = 0; i < rows; i++)
            json_array_append_new(numbers,
                                  raw[i] == INT64_MIN ? json_null() : json_integer(raw[i]));
        column = json_copy((json_t *)(uintptr_t)array);
        json_array_set_new(column, head.payload_at, numbers);
    }
    free(raw);
    return column;
}

json_t *wire_columns_spelled(const json_t *message)
{
    json_t *copy = json_is_array(message) ? spelled_column(message) : NULL;
    if (copy != NULL)
        return copy;
    const char *key;
    json_t *item;
    size_t index;
    copy = json_copy((json_t *)(uintptr_t)message);
    json_array_foreach(message, index, item)
    {
        json_array_set_new(copy, index, wire_columns_spelled(item));
    }
    json_object_foreach((json_t *)(uintptr_t)message, key, item)
    {
        json_object_set_new(copy, key, wire_columns_spelled(item));
    }
    return copy;
}
