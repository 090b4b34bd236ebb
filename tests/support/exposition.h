/*
 * A strict reader of Prometheus' text exposition format 0.0.4: an oracle, so it shares no code with
 * the server, and refuses what Prometheus itself would put up with: samples apart from their
 * family, families without HELP and TYPE, escapes that are none, histograms whose buckets do not
 * add up.
 */
#ifndef TAPEDECK_TESTS_SUPPORT_EXPOSITION_H
#define TAPEDECK_TESTS_SUPPORT_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>

#define EXPOSITION_LABELS_MAX 8
#define EXPOSITION_NAME_BYTES 96
#define EXPOSITION_VALUE_BYTES 256

struct exposition_label {
    char name[EXPOSITION_NAME_BYTES];
    char value[EXPOSITION_VALUE_BYTES]; /* without escapes */
};

struct exposition_sample {
    char name[EXPOSITION_NAME_BYTES]; /* with _bucket, _sum, _count */
    size_t family;
    size_t label_count;
    struct exposition_label labels[EXPOSITION_LABELS_MAX];
    double value;
};

struct exposition_family {
    char name[EXPOSITION_NAME_BYTES];
    char type[16]; /* "counter", "gauge", "histogram" */
    char help[EXPOSITION_VALUE_BYTES];
};

struct exposition {
    struct exposition_family *families;
    size_t family_count;
    struct exposition_sample *samples;
    size_t sample_count;
    char problem[512]; /* of a text that was refused: the line and what is wrong */
};

/* False: see `problem`. exposition_deinit in both cases. */
bool exposition_read(struct exposition *exposition, const char *text);
void exposition_deinit(struct exposition *exposition);

/* NULL: no family has this name. */
const struct exposition_family *exposition_family(const struct exposition *exposition,
                                                  const char *name);
/* The value of a label; NULL: it has none of this name. */
const char *exposition_label(const struct exposition_sample *sample, const char *name);
/* Of all samples of this name (of those where `label` is `value`; NULL: all) the sum; NaN: there is
 * none. */
double exposition_sum(const struct exposition *exposition, const char *name, const char *label,
                      const char *value);
/* The sample of `other` with this one's name and labels; NULL: there is none. */
const struct exposition_sample *exposition_same(const struct exposition *other,
                                                const struct exposition_sample *sample);

#endif
