#include "market/alert.h"

#include <string.h>

static const char *const kind_names[ALERT_KINDS] = {
    [ALERT_DISK] = "disk",
    [ALERT_POLICY_FAILED] = "policy_failed",
    [ALERT_POLICY_OVERDUE] = "policy_overdue",
    [ALERT_LAG] = "aggregate_lag",
    [ALERT_FUTURE] = "aggregate_future",
    [ALERT_FINDING] = "finding",
    [ALERT_UNCOMPRESSED] = "uncompressed",
};

const char *alert_kind_name(enum alert_kind kind)
{
    return kind_names[kind];
}

const char *alert_severity_name(enum alert_severity severity)
{
    return severity == ALERT_CRITICAL ? "critical" : "warning";
}

bool alert_is_same(const struct alert *one, const struct alert *other)
{
    if (one->kind != other->kind)
        return false;
    if (one->kind == ALERT_FINDING)
        return strcmp(one->message, other->message) == 0;
    return strcmp(one->subject, other->subject) == 0;
}
