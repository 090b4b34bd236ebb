#include "intake/row.h"

#include "base/assert.h"
#include "market/decimal.h"
#include "market/time.h"

#include <string.h>

static const char *const role_names[ROLES] = {
    "time",   "symbol", "bid_price", "ask_price",  "last_price",
    "volume", "source", "trade_id",  "account_id", "venue_trade_id",
};

/* The role's field, or NULL where the file has no such column or nothing in it. */
static const struct csv_field *field_of(const struct row_rules *rules, const struct csv *csv,
                                        enum role role)
{
    int at = rules->layout.at[role];
    if (at == NO_COLUMN)
        return NULL;
    ASSERT((size_t)at < csv->count);
    return csv->fields[at].bytes > 0 ? &csv->fields[at] : NULL;
}

static bool is_required(const struct row_rules *rules, enum role role)
{
    return (rules->layout.required & ROLE_BIT(role)) != 0;
}

static enum status empty(enum role role, struct error *error)
{
    return error_set(error, STATUS_INVALID, "%s is empty", role_names[role]);
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* Why decimal_parse refused a field: no number, too fine, or too large. */
static const char *number_fault(const struct csv_field *field)
{
    const char *end = field->text + field->bytes;
    const char *whole = field->text + (*field->text == '-' || *field->text == '+');
    const char *point = skip_digits(whole, end);
    const char *rest = point;
    if (point < end && *point == '.')
        rest = skip_digits(point + 1, end);
    bool has_digits = point > whole && (rest == point || rest > point + 1);
    if (has_digits && rest < end && (*rest == 'e' || *rest == 'E'))
        return "is no number, has more than 8 decimals, or is out of bounds";
    if (!has_digits || rest < end)
        return "is no number";
    int64_t mantissa;
    size_t exact_bytes = rest - point > DECIMAL_EXP_MAX + 1
                             ? (size_t)(point - field->text) + DECIMAL_EXP_MAX + 1
                             : field->bytes;
    if (decimal_parse(field->text, exact_bytes, &mantissa) == STATUS_OK)
        return "has more than 8 decimals";
    return "is out of bounds (±92233720368.54775807)";
}

static enum status read_number(const struct row_rules *rules, const struct csv *csv, enum role role,
                               int64_t *mantissa, struct error *error)
{
    const struct csv_field *field = field_of(rules, csv, role);
    if (field == NULL) {
        *mantissa = DECIMAL_NULL;
        return is_required(rules, role) ? empty(role, error) : STATUS_OK;
    }
    if (decimal_parse(field->text, field->bytes, mantissa) != STATUS_OK)
        return error_set(error, STATUS_INVALID, "%s %s", role_names[role], number_fault(field));
    return STATUS_OK;
}

static enum status read_numbers(const struct row_rules *rules, const struct csv *csv,
                                int64_t fields[TICK_FIELDS], struct error *error)
{
    static const enum role roles[TICK_FIELDS] = {
        [TICK_BID] = ROLE_BID,
        [TICK_ASK] = ROLE_ASK,
        [TICK_LAST] = ROLE_LAST,
        [TICK_VOLUME] = ROLE_VOLUME,
    };
    for (size_t i = 0; i < TICK_FIELDS; i++) {
        enum status status = read_number(rules, csv, roles[i], &fields[i], error);
        if (status != STATUS_OK)
            return status;
    }
    if (fields[TICK_BID] == DECIMAL_NULL && fields[TICK_ASK] == DECIMAL_NULL &&
        fields[TICK_LAST] == DECIMAL_NULL)
        return error_set(error, STATUS_INVALID, "neither bid, ask nor last price");
    if (fields[TICK_VOLUME] < 0 && fields[TICK_VOLUME] != DECIMAL_NULL)
        return error_set(error, STATUS_INVALID, "volume is negative");
    if (fields[TICK_VOLUME] == 0 && !rules->layout.zero_volume_ok)
        fields[TICK_VOLUME] = DECIMAL_NULL;
    return STATUS_OK;
}

/* (bid + ask) / 2 rounded half up, without the overflow of the sum: the halves' floors, and one
 * more if either had a remainder (right shifts of negatives floor, in gcc and clang alike). */
static int64_t mid_of(int64_t bid, int64_t ask)
{
    return (bid >> 1) + (ask >> 1) + ((bid | ask) & 1);
}

static void fill_last(enum intake_last_from last_from, int64_t fields[TICK_FIELDS])
{
    int64_t bid = fields[TICK_BID];
    int64_t ask = fields[TICK_ASK];
    if (fields[TICK_LAST] != DECIMAL_NULL)
        return;
    if (last_from == INTAKE_LAST_FROM_BID)
        fields[TICK_LAST] = bid;
    if (last_from == INTAKE_LAST_FROM_ASK)
        fields[TICK_LAST] = ask;
    if (last_from == INTAKE_LAST_FROM_MID && bid != DECIMAL_NULL && ask != DECIMAL_NULL)
        fields[TICK_LAST] = mid_of(bid, ask);
}

static enum status read_time(const struct row_rules *rules, const struct csv *csv, int64_t *time,
                             struct error *error)
{
    const struct csv_field *field = field_of(rules, csv, ROLE_TIME);
    if (field == NULL)
        return empty(ROLE_TIME, error);
    const struct stamp *stamp = rules->layout.stamp;
    if (stamp->parse(field->text, field->bytes, time) != STATUS_OK)
        return error_set(error, STATUS_INVALID, "time is not %s", stamp->wanted);
    if (*time < TIME_MIN || *time > TIME_MAX)
        return error_set(error, STATUS_INVALID, "time is not in the years 1 to 9999");
    if (*time > rules->latest)
        return error_set(error, STATUS_INVALID, "time is in the future");
    return STATUS_OK;
}

static enum status read_source(struct row_rules *rules, const struct csv *csv, const char **source,
                               struct error *error)
{
    const struct csv_field *field = field_of(rules, csv, ROLE_SOURCE);
    *source = field != NULL ? rules->row_source : rules->source;
    if (field == NULL || csv_field_is(field, rules->row_source))
        return STATUS_OK;
    if (symbol_check(field->text, field->bytes, NULL) != STATUS_OK)
        return error_set(error, STATUS_INVALID,
                         "source is not 1 to %d bytes of UTF-8 without control characters",
                         SYMBOL_BYTES_MAX);
    memcpy(rules->row_source, field->text, field->bytes);
    rules->row_source[field->bytes] = '\0';
    return STATUS_OK;
}

static enum status read_uuid(const struct row_rules *rules, const struct csv *csv, enum role role,
                             uint8_t uuid[UUID_BYTES], bool *has_uuid, struct error *error)
{
    const struct csv_field *field = field_of(rules, csv, role);
    *has_uuid = field != NULL;
    if (field != NULL && !uuid_from_text(field->text, field->bytes, uuid))
        return error_set(error, STATUS_INVALID, "%s is no UUID", role_names[role]);
    return STATUS_OK;
}

static enum status read_ids(const struct row_rules *rules, const struct csv *csv,
                            struct intake_row *row, struct error *error)
{
    enum status status =
        read_uuid(rules, csv, ROLE_ACCOUNT_ID, row->account_id, &row->has_account_id, error);
    if (status == STATUS_OK)
        status = read_uuid(rules, csv, ROLE_TRADE_ID, row->trade_id, &row->has_trade_id, error);
    if (status != STATUS_OK || row->has_trade_id)
        return status;
    const struct csv_field *field = field_of(rules, csv, ROLE_VENUE_TRADE_ID);
    if (field != NULL)
        row->has_trade_id = uuid_from_number(field->text, field->bytes, row->trade_id) ||
                            uuid_from_text(field->text, field->bytes, row->trade_id);
    return STATUS_OK;
}

static enum status read_symbol(const struct row_rules *rules, const struct csv *csv,
                               struct intake_row *row, struct error *error)
{
    const struct csv_field *field = field_of(rules, csv, ROLE_SYMBOL);
    if (field == NULL && is_required(rules, ROLE_SYMBOL))
        return empty(ROLE_SYMBOL, error);
    row->symbol_id = rules->symbol_id;
    enum status status = STATUS_OK;
    if (field != NULL)
        status = names_intern(rules->names, field->text, field->bytes, &row->symbol_id, error);
    if (status == STATUS_INVALID)
        return error_set(error, STATUS_INVALID,
                         "symbol is not 1 to %d bytes of UTF-8 without control characters",
                         SYMBOL_BYTES_MAX);
    if (status == STATUS_OK)
        row->symbol = names_text(rules->names, row->symbol_id);
    return status;
}

static enum status field_count_fault(const struct layout *layout, size_t count, struct error *error)
{
    return error_set(error, STATUS_INVALID, "%zu fields instead of %zu", count,
                     count < layout->fields_min ? layout->fields_min : layout->fields_max);
}

enum status row_read(struct row_rules *rules, const struct csv *csv, struct intake_row *row,
                     struct error *error)
{
    if (csv->count < rules->layout.fields_min || csv->count > rules->layout.fields_max)
        return field_count_fault(&rules->layout, csv->count, error);
    enum status status = read_time(rules, csv, &row->time, error);
    if (status == STATUS_OK)
        status = read_numbers(rules, csv, row->fields, error);
    if (status == STATUS_OK)
        status = read_source(rules, csv, &row->source, error);
    if (status == STATUS_OK)
        status = read_ids(rules, csv, row, error);
    if (status == STATUS_OK) /* last: a rejected row must not leave a symbol behind */
        status = read_symbol(rules, csv, row, error);
    if (status == STATUS_OK)
        fill_last(rules->last_from, row->fields);
    return status;
}
