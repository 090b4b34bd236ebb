/*
 * What each file format looks like: how a first line is recognised and which column means what.
 * One file per family (tapedeck.c, truefx.c, histdata.c, tardis.c, binance.c) holds nothing but
 * that; row.c reads the rows of all of them. Pure; any thread.
 */
#ifndef TAPEDECK_INTAKE_FORMAT_H
#define TAPEDECK_INTAKE_FORMAT_H

#include "base/status.h"
#include "intake/csv.h"
#include "intake/intake.h"
#include "intake/stamp.h"

#include <stdbool.h>
#include <stddef.h>

/* What a column says of a tick. */
enum role {
    ROLE_TIME,
    ROLE_SYMBOL,
    ROLE_BID,
    ROLE_ASK,
    ROLE_LAST,
    ROLE_VOLUME,
    ROLE_SOURCE,
    ROLE_TRADE_ID,
    ROLE_ACCOUNT_ID,
    ROLE_VENUE_TRADE_ID,
    ROLE_NONE, /* a column that is there and not used */
};
#define ROLES ROLE_NONE
#define ROLE_BIT(role) (1U << (role))
#define NO_COLUMN (-1)

/* How the rows of one file are to be read. */
struct layout {
    bool has_header;   /* the first line with text is no row */
    size_t fields_min; /* of a row */
    size_t fields_max;
    int at[ROLES];       /* the role's column, or NO_COLUMN */
    unsigned required;   /* ROLE_BITs whose field must not be empty */
    bool zero_volume_ok; /* false: a volume of 0 says nothing and is null */
    const struct stamp *stamp;
};

struct format {
    enum intake_format id;
    const char *name;
    const char *example; /* a header or a first row */
    const char *source;  /* for rows that name none; NULL: null */
    enum intake_last_from last_from;
    /*
     * Recognises one line, the first one with text if `is_first` (only that may be a header).
     * STATUS_OK and the layout; STATUS_NOT_FOUND: a line of something else; STATUS_INVALID with a
     * sentence: of this format, but wrong.
     */
    enum status (*lay_out)(const struct csv *line, bool is_first, struct layout *layout,
                           struct error *error);
    /* The part of a file's name that is the symbol; NULL: this format's names hold none. */
    bool (*symbol_in_name)(const char *name, const char **symbol, size_t *bytes);
};

extern const struct format FORMAT_TAPEDECK;
extern const struct format FORMAT_TRUEFX;
extern const struct format FORMAT_HISTDATA;
extern const struct format FORMAT_TARDIS_TRADES;
extern const struct format FORMAT_TARDIS_QUOTES;
extern const struct format FORMAT_BINANCE_TRADES;
extern const struct format FORMAT_BINANCE_AGGTRADES;

/* NULL for INTAKE_DETECT. */
const struct format *format_of(enum intake_format id);

/*
 * Which format has a line like this: `named`, or any if it is NULL. STATUS_NOT_FOUND when none has,
 * STATUS_INVALID when the line is wrong in a way that can be told or several formats have it.
 */
enum status format_recognise(const struct format *named, const struct csv *line, bool is_first,
                             const struct format **format, struct layout *layout,
                             struct error *error) MUST_CHECK;

/* "tapedeck, truefx, …" */
const char *format_list(void);

/* For the families. */
struct column_name {
    const char *name;
    enum role role;
};

struct layout layout_empty(const struct stamp *stamp);

struct header_match {
    unsigned found;                  /* bit i: names[i] is a column */
    const struct csv_field *unknown; /* the first column that is none of the names */
    const struct csv_field *twice;   /* the first that repeats another */
};
/* Looks the columns of a header up in `names` (at most 32) and fills layout->at and the counts. */
struct header_match layout_from_header(const struct csv *header, const struct column_name *names,
                                       size_t name_count, struct layout *layout);

#endif
