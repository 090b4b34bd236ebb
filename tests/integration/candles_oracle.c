#include "candles_oracle.h"

#include "cluster_fixture.h"

#include "market/time.h"

#include <stdio.h>

const char *candles_inexact(struct connection *connection, int64_t width_s, int64_t from)
{
    char sql[2048];
    (void)snprintf(
        sql, sizeof sql,
        "with width (us, w, lo, hi) as (values (%lld, interval '%lld seconds',"
        " timestamptz '%s', timestamptz '2024-08-12Z')),"
        " truth as (select date_bin(w, time, '2000-01-03Z') as bucket, symbol,"
        " (array_agg(last_price order by time, seq))[1] as open, max(last_price) as high,"
        " min(last_price) as low, (array_agg(last_price order by time desc, seq desc))[1]"
        " as close, sum(volume) as volume, count(*) as trades from public.tick_data, width"
        " where last_price is not null and time >= lo group by 1, 2),"
        " exact as (select c.bucket, s.symbol, c.open, c.high, c.low, c.close, c.volume,"
        " c.trades from (select symbol from tapedeck.symbols union select symbol from"
        " public.tick_data) s, width, tapedeck.candles_rolled(us, s.symbol, lo, hi) c)"
        " select coalesce(string_agg(d::text, E'\\n'), '') from (select * from ("
        "(select '<', * from (table truth except all table exact) a) union all"
        " (select '>', * from (table exact except all table truth) b)) c"
        " order by 2, 3 limit 6) d",
        (long long)(width_s * TIME_SECOND_US), (long long)width_s, time_format(from).text);
    return ask_text(connection, sql);
}

int64_t candles_wrong_fields(struct connection *connection, const char *from, const char *to)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql,
                   "select count(*) from unnest(tapedeck.stored_intervals()) as i (name) cross"
                   " join lateral tapedeck.candles_differences(array[i.name], null, '%s', '%s') d",
                   from, to);
    return ask_number(connection, sql);
}
