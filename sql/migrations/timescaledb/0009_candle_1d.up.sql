-- Candles of a day, stored too, from those of an hour: half a year of days is read as 190 rows instead of 4 600.
--
--   tick_data -> candle_1m -> candle_1h -> candle_1d
--
-- Days are those of UTC, which are whole buckets from 2000-01-03 00:00 UTC on.

create materialized view public.candle_1d
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select public.time_bucket('1 day', bucket) as bucket,
       symbol,
       public.first(open, bucket) as open,
       max(high) as high,
       min(low) as low,
       public.last(close, bucket) as close,
       sum(volume) as volume,
       sum(trades)::bigint as trades
  from public.candle_1h
 group by 1, 2
with no data;

do $$
declare
    v_days text;
    v_hours text;
    v_has_batches boolean;
begin
    select pg_catalog.format('%I.%I', a.materialization_hypertable_schema, a.materialization_hypertable_name)
      into strict v_days
      from timescaledb_information.continuous_aggregates a
     where a.view_schema = 'public' and a.view_name = 'candle_1d';
    select pg_catalog.format('%I.%I', a.materialization_hypertable_schema, a.materialization_hypertable_name)
      into strict v_hours
      from timescaledb_information.continuous_aggregates a
     where a.view_schema = 'public' and a.view_name = 'candle_1h';

    -- Ten days, as the other candles have them, would be ten rows a symbol, and every chunk costs its planning.
    perform public.set_chunk_time_interval(v_days::regclass, interval '365 days');

    -- One row per symbol and bucket: see 0003.
    execute pg_catalog.format('create unique index on %s (symbol, bucket desc)', v_days);

    -- Hours may have outlived their ticks, and where there are no ticks nothing is ever refreshed. All stored hours
    -- of the days before the newest stored one are final.
    execute pg_catalog.format(
        'insert into %s (bucket, symbol, open, high, low, close, volume, trades)'
        ' select public.time_bucket(''1 day'', c.bucket), c.symbol, public.first(c.open, c.bucket), max(c.high),'
        '        min(c.low), public.last(c.close, c.bucket), sum(c.volume), sum(c.trades)::bigint'
        '   from %s c'
        '  where c.bucket < public.time_bucket(''1 day'', (select max(h.bucket) from %s h))'
        '  group by 1, 2', v_days, v_hours, v_hours);

    -- Batches, oldest first: see 0004.
    select exists (select
                     from pg_catalog.pg_proc p
                    where p.pronamespace = 'public'::regnamespace
                      and p.proname = 'add_continuous_aggregate_policy'
                      and array['buckets_per_batch', 'refresh_newest_first']::text[] <@ p.proargnames)
      into v_has_batches;
    execute pg_catalog.format(
        'select public.add_continuous_aggregate_policy(''public.candle_1d'', start_offset => interval ''60 days'','
        ' end_offset => interval ''1 day'', schedule_interval => interval ''1 day''%s)',
        case when v_has_batches then ', buckets_per_batch => 365, refresh_newest_first => false' end);
end
$$;

comment on view public.candle_1d is 'Candles of one day (UTC), from those of one hour.';
comment on column public.candle_1d.bucket is 'Start of the candle, UTC.';
comment on column public.candle_1d.symbol is 'Symbol of its ticks.';
comment on column public.candle_1d.open is 'First last price by (time, seq).';
comment on column public.candle_1d.high is 'Highest last price.';
comment on column public.candle_1d.low is 'Lowest last price.';
comment on column public.candle_1d.close is 'Last last price by (time, seq).';
comment on column public.candle_1d.volume is 'Sum of the volumes of the ticks with a last price; null when none had one.';
comment on column public.candle_1d.trades is 'Number of ticks with a last price; at least one.';

insert into tapedeck.candle_tails (view) values ('candle_1d');

comment on column tapedeck.candle_tails.view is 'candle_1m, candle_5m, candle_15m, candle_1h or candle_1d.';

-- A refresh begins at the old watermark of each view, so the newest tick is enough: the days before it come along,
-- and meanwhile whatever is stored of the other views can be believed.
insert into tapedeck.pending_refresh (range_from, range_to, reason)
select r.newest, r.newest + interval '1 microsecond', 'migration'
  from (select max(t.time) from public.tick_data t) as r (newest)
 where r.newest is not null;
