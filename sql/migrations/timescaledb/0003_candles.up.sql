-- Candles as continuous aggregates: one minute over the ticks, the others over the minutes.
--
--   tick_data -> candle_1m -> candle_5m, candle_15m, candle_1h
--
-- materialized_only = false: below its watermark a view reads stored rows, above it computes from the
-- source. Buckets are aligned to 2000-01-03 00:00 UTC, which is where time_bucket() begins by itself.
--
-- Plain first(last_price, time) is arbitrary among ticks of one microsecond. The key here is (time, seq) as
-- bytes: both are sent in network order, so within one bucket they compare like the two numbers. (The sign
-- bit of time flips at 2000-01-01 00:00 UTC, where a bucket begins.)

create materialized view public.candle_1m
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select public.time_bucket('1 minute', time) as bucket,
       symbol,
       public.first(last_price, pg_catalog.timestamptz_send(time) || pg_catalog.int8send(seq))
           filter (where last_price is not null) as open,
       max(last_price) as high,
       min(last_price) as low,
       public.last(last_price, pg_catalog.timestamptz_send(time) || pg_catalog.int8send(seq))
           filter (where last_price is not null) as close,
       sum(volume) filter (where last_price is not null) as volume,
       count(last_price)::bigint as trades
  from public.tick_data
 group by 1, 2
having count(last_price) > 0
with no data;

create materialized view public.candle_5m
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select public.time_bucket('5 minutes', bucket) as bucket,
       symbol,
       public.first(open, bucket) as open,
       max(high) as high,
       min(low) as low,
       public.last(close, bucket) as close,
       sum(volume) as volume,
       sum(trades)::bigint as trades
  from public.candle_1m
 group by 1, 2
with no data;

create materialized view public.candle_15m
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select public.time_bucket('15 minutes', bucket) as bucket,
       symbol,
       public.first(open, bucket) as open,
       max(high) as high,
       min(low) as low,
       public.last(close, bucket) as close,
       sum(volume) as volume,
       sum(trades)::bigint as trades
  from public.candle_1m
 group by 1, 2
with no data;

create materialized view public.candle_1h
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select public.time_bucket('1 hour', bucket) as bucket,
       symbol,
       public.first(open, bucket) as open,
       max(high) as high,
       min(low) as low,
       public.last(close, bucket) as close,
       sum(volume) as volume,
       sum(trades)::bigint as trades
  from public.candle_1m
 group by 1, 2
with no data;

-- One row per symbol and bucket. Two refreshes of the same buckets at the same time can store them twice (seen
-- in TimescaleDB 2.24); with this index the later one fails instead and is repeated.
do $$
declare
    v_rows text;
begin
    for v_rows in
        select pg_catalog.format('%I.%I', a.materialization_hypertable_schema, a.materialization_hypertable_name)
          from timescaledb_information.continuous_aggregates a
         where a.view_schema = 'public'
           and a.view_name in ('candle_1m', 'candle_5m', 'candle_15m', 'candle_1h')
    loop
        execute pg_catalog.format('create unique index on %s (symbol, bucket desc)', v_rows);
    end loop;
end
$$;

comment on view public.candle_1m is 'Candles of one minute, from the ticks that carry a last price.';
comment on column public.candle_1m.bucket is 'Start of the candle, UTC.';
comment on column public.candle_1m.symbol is 'Symbol of its ticks.';
comment on column public.candle_1m.open is 'First last price by (time, seq).';
comment on column public.candle_1m.high is 'Highest last price.';
comment on column public.candle_1m.low is 'Lowest last price.';
comment on column public.candle_1m.close is 'Last last price by (time, seq).';
comment on column public.candle_1m.volume is 'Sum of the volumes of the ticks with a last price; null when none had one.';
comment on column public.candle_1m.trades is 'Number of ticks with a last price; at least one.';

comment on view public.candle_5m is 'Candles of five minutes, from those of one minute.';
comment on column public.candle_5m.bucket is 'Start of the candle, UTC.';
comment on column public.candle_5m.symbol is 'Symbol of its ticks.';
comment on column public.candle_5m.open is 'First last price by (time, seq).';
comment on column public.candle_5m.high is 'Highest last price.';
comment on column public.candle_5m.low is 'Lowest last price.';
comment on column public.candle_5m.close is 'Last last price by (time, seq).';
comment on column public.candle_5m.volume is 'Sum of the volumes of the ticks with a last price; null when none had one.';
comment on column public.candle_5m.trades is 'Number of ticks with a last price; at least one.';

comment on view public.candle_15m is 'Candles of fifteen minutes, from those of one minute.';
comment on column public.candle_15m.bucket is 'Start of the candle, UTC.';
comment on column public.candle_15m.symbol is 'Symbol of its ticks.';
comment on column public.candle_15m.open is 'First last price by (time, seq).';
comment on column public.candle_15m.high is 'Highest last price.';
comment on column public.candle_15m.low is 'Lowest last price.';
comment on column public.candle_15m.close is 'Last last price by (time, seq).';
comment on column public.candle_15m.volume is 'Sum of the volumes of the ticks with a last price; null when none had one.';
comment on column public.candle_15m.trades is 'Number of ticks with a last price; at least one.';

comment on view public.candle_1h is 'Candles of one hour, from those of one minute.';
comment on column public.candle_1h.bucket is 'Start of the candle, UTC.';
comment on column public.candle_1h.symbol is 'Symbol of its ticks.';
comment on column public.candle_1h.open is 'First last price by (time, seq).';
comment on column public.candle_1h.high is 'Highest last price.';
comment on column public.candle_1h.low is 'Lowest last price.';
comment on column public.candle_1h.close is 'Last last price by (time, seq).';
comment on column public.candle_1h.volume is 'Sum of the volumes of the ticks with a last price; null when none had one.';
comment on column public.candle_1h.trades is 'Number of ticks with a last price; at least one.';

-- Ticks that are there already, after a migration down and up again.
insert into tapedeck.pending_refresh (range_from, range_to, reason)
select r.range_from, r.range_to, 'migration'
  from (select min(time), max(time) + interval '1 microsecond' from public.tick_data) as r (range_from, range_to)
 where r.range_from is not null;
