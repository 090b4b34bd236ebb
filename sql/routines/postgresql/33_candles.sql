-- Stored candles: written here, read here.

create or replace function tapedeck.candle_first(p_from timestamptz, p_to timestamptz)
returns timestamptz
language sql
stable
as $$
    select c.bucket
      from tapedeck.candle_1m_stored c
     where c.bucket >= p_from and c.bucket < p_to
     order by c.bucket
     limit 1
$$;

comment on function tapedeck.candle_first(timestamptz, timestamptz) is
    'Start of the oldest stored minute candle, of any symbol, in [p_from, p_to).';

create or replace function tapedeck.candle_rows(p_interval text)
returns text
language plpgsql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    perform tapedeck.interval_width(p_interval);
    return format('tapedeck.%I', 'candle_' || p_interval || '_stored');
end
$$;

comment on function tapedeck.candle_rows(text) is 'Name of the table that holds the stored candles of an interval.';

create or replace function tapedeck.candles_stored(
    p_interval text, p_symbol text, p_from timestamptz, p_to timestamptz, p_limit integer)
returns table (bucket timestamptz, open numeric, high numeric, low numeric, close numeric, volume numeric, trades bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    v_watermark timestamptz := (select tapedeck.bucket_floor(tapedeck.interval_width(p_interval), s.watermark)
                                  from tapedeck.candle_state s
                                 where isfinite(s.watermark));
begin
    return query execute format($sql$
        select c.bucket, c.open, c.high, c.low, c.close, c.volume, c.trades
          from %s c
         where c.symbol = $1 and c.bucket >= $2 and c.bucket < least($3, $4)
         order by c.bucket desc
         limit $5$sql$, tapedeck.candle_rows(p_interval))
    using p_symbol, p_from, p_to, coalesce(v_watermark, '-infinity'), p_limit;
end
$$;

comment on function tapedeck.candles_stored(text, text, timestamptz, timestamptz, integer) is
    'The newest p_limit stored candles of a symbol with p_from <= bucket < p_to, newest first. What lies above the watermark (aggregates_list) is not stored: fold it from ticks.';

-- Which stored rows can be believed. Nothing here notices what others write below the watermark before
-- symbols_reconcile() has queued it, or the refresh job has looked at those minutes once more.
create or replace function tapedeck.candles_owed(p_interval text, p_from timestamptz, p_to timestamptz)
returns tstzmultirange
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_width interval := tapedeck.interval_width(p_interval);
    v_owed tstzmultirange;
begin
    select range_agg(tstzrange(tapedeck.bucket_floor(v_width, greatest(b.lowest, p_from)),
                               tapedeck.bucket_ceil(v_width, least(b.highest, p_to))))
      into v_owed
      from (select p.range_from, p.range_to
              from tapedeck.pending_refresh p
             where p.range_from < p_to and p.range_to > p_from
             union all
            select greatest(s.watermark, p_from), p_to
              from tapedeck.candle_state s
             where s.watermark < p_to) as b (lowest, highest);
    return coalesce(v_owed, '{}'::tstzmultirange);
end
$$;

comment on function tapedeck.candles_owed(text, timestamptz, timestamptz) is
    'Buckets of [p_from, p_to) whose stored candles cannot be believed: above the watermark, or queued in pending_refresh.';

create or replace function tapedeck.tick_cover(p_from timestamptz, p_to timestamptz)
returns tstzmultirange
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Today, nearly always: looked up by name, instead of reading all partitions.
    if tapedeck.chunks_cover(p_from, p_to) then
        return tstzmultirange(tstzrange(p_from, p_to));
    end if;
    return (select coalesce(range_agg(tstzrange(greatest(c.range_start, p_from), least(c.range_end, p_to))),
                            '{}'::tstzmultirange)
              from tapedeck.tick_chunks() c
             where c.range_start < p_to and c.range_end > p_from);
end
$$;

comment on function tapedeck.tick_cover(timestamptz, timestamptz) is
    'The parts of [p_from, p_to) that have a partition: where there is none, ticks never were or were dropped.';

create or replace function tapedeck.aggregates_list()
returns table (view text, watermark timestamptz, lag_s double precision)
language sql
stable
as $$
    select v.view, w.at, tapedeck.aggregate_lag(v.width, w.at)
      from (select i.place, 'candle_' || i.name, tapedeck.interval_width(i.name)
              from pg_catalog.unnest(tapedeck.stored_intervals()) with ordinality as i (name, place))
                as v (place, view, width)
      left join lateral (select tapedeck.bucket_floor(v.width, s.watermark)
                           from tapedeck.candle_state s
                          where pg_catalog.isfinite(s.watermark)) as w (at) on true
     order by v.place
$$;

comment on function tapedeck.aggregates_list() is
    'Watermark of each candle view, null before the first refresh: buckets before it are stored; and how far it is behind (aggregate_lag).';

create or replace function tapedeck.refresh_wider(p_from timestamptz, p_to timestamptz, p_watermark timestamptz)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set jit = off
as $$
declare
    v_source text := tapedeck.candle_rows('1m');
    v_interval text;
    v_width interval;
    v_from timestamptz;
    v_to timestamptz;
    v_rows bigint;
    v_changed bigint := 0;
begin
    -- Each out of the one before it. Only whole buckets: what the watermark has not passed is not stored.
    foreach v_interval in array array_remove(tapedeck.stored_intervals(), '1m') loop
        v_width := tapedeck.interval_width(v_interval);
        v_from := tapedeck.bucket_floor(v_width, p_from);
        v_to := least(tapedeck.bucket_ceil(v_width, p_to), tapedeck.bucket_floor(v_width, p_watermark));
        if v_from < v_to then
            execute format($sql$
                with fresh as materialized (
                    select date_bin(%1$L, c.bucket, timestamptz '2000-01-03 00:00:00+00') as bucket,
                           c.symbol,
                           (array_agg(c.open order by c.bucket))[1] as open,
                           max(c.high) as high,
                           min(c.low) as low,
                           (array_agg(c.close order by c.bucket))[count(*)] as close,
                           sum(c.volume) as volume,
                           sum(c.trades)::bigint as trades
                      from %2$s c
                     where c.bucket >= %3$L and c.bucket < %4$L
                     group by 1, 2
                ), removed as (
                    delete from %5$s c
                     where c.bucket >= %3$L and c.bucket < %4$L
                       and not exists (select from fresh f where f.symbol = c.symbol and f.bucket = c.bucket)
                    returning 1
                ), written as (
                    insert into %5$s as c (bucket, symbol, open, high, low, close, volume, trades)
                    select f.bucket, f.symbol, f.open, f.high, f.low, f.close, f.volume, f.trades from fresh f
                        on conflict (symbol, bucket) do update
                       set open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
                           volume = excluded.volume, trades = excluded.trades
                     where (c.open, c.high, c.low, c.close, c.volume, c.trades)
                           is distinct from
                           (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume, excluded.trades)
                    returning 1
                )
                select (select count(*) from removed) + (select count(*) from written)$sql$,
                           v_width, v_source, v_from, v_to, tapedeck.candle_rows(v_interval))
               into v_rows;
            v_changed := v_changed + v_rows;
        end if;
        v_source := tapedeck.candle_rows(v_interval);
    end loop;
    return v_changed;
end
$$;

comment on function tapedeck.refresh_wider(timestamptz, timestamptz, timestamptz) is
    'Folds the stored minutes of [p_from, p_to) into the wider stored candles, as far as these end at or below the watermark. Returns the number of candles changed.';

create or replace function tapedeck.refresh_candles(p_from timestamptz, p_to timestamptz)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set jit = off
as $$
declare
    v_from timestamptz := tapedeck.bucket_floor('1 minute', p_from);
    v_to timestamptz := least(tapedeck.bucket_ceil('1 minute', p_to),
                              tapedeck.bucket_floor('1 minute', clock_timestamp()));
    v_watermark timestamptz;
    v_day record;
    v_rows bigint;
    v_changed bigint := 0;
begin
    -- One refresh at a time. Each statement below sees what others committed before it began.
    perform pg_advisory_xact_lock(1413742595, 0);
    select s.watermark into v_watermark from tapedeck.candle_state s;
    if v_from >= v_to then
        return 0;
    end if;
    -- Everything below the watermark is stored, so what lies between it and this range comes along.
    if v_to > v_watermark then
        v_from := least(v_from, v_watermark);
    end if;

    -- Only where partitions are: where they were dropped, the candles stay as they are.
    for v_day in
        select greatest(c.range_start, v_from) as lo, least(c.range_end, v_to) as hi
          from tapedeck.tick_chunks() c
         where c.range_start < v_to and c.range_end > v_from
         order by 1
    loop
        with fresh as materialized (
            select date_bin('1 minute', t.time, timestamptz '2000-01-03 00:00:00+00') as bucket,
                   t.symbol,
                   (array_agg(t.last_price order by t.time, t.seq) filter (where t.last_price is not null))[1] as open,
                   max(t.last_price) as high,
                   min(t.last_price) as low,
                   (array_agg(t.last_price order by t.time, t.seq) filter (where t.last_price is not null))[count(t.last_price)] as close,
                   sum(t.volume) filter (where t.last_price is not null) as volume,
                   count(t.last_price) as trades
              from public.tick_data t
             where t.time >= v_day.lo and t.time < v_day.hi
             group by 1, 2
            having count(t.last_price) > 0
        ), removed as (
            delete from tapedeck.candle_1m_stored c
             where c.bucket >= v_day.lo and c.bucket < v_day.hi
               and not exists (select from fresh f where f.symbol = c.symbol and f.bucket = c.bucket)
            returning 1
        ), written as (
            insert into tapedeck.candle_1m_stored as c (bucket, symbol, open, high, low, close, volume, trades)
            select f.bucket, f.symbol, f.open, f.high, f.low, f.close, f.volume, f.trades from fresh f
                on conflict (symbol, bucket) do update
               set open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
                   volume = excluded.volume, trades = excluded.trades
             where (c.open, c.high, c.low, c.close, c.volume, c.trades)
                   is distinct from
                   (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume, excluded.trades)
            returning 1
        )
        select (select count(*) from removed) + (select count(*) from written) into v_rows;
        v_changed := v_changed + v_rows
                     + tapedeck.refresh_wider(v_day.lo, v_day.hi, greatest(v_watermark, v_to));
    end loop;

    update tapedeck.candle_state s set watermark = v_to where s.watermark < v_to;
    return v_changed;
end
$$;

comment on function tapedeck.refresh_candles(timestamptz, timestamptz) is
    'Makes the stored candles of [p_from, p_to), of all intervals, equal to their ticks, finished minutes only, and moves the watermark. Returns the number of candles changed.';

create or replace function tapedeck.refresh_steps(p_from timestamptz, p_to timestamptz, p_now timestamptz)
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
begin
    perform tapedeck.range_check(p_from, p_to);
    -- Partition by partition, so that no transaction is long. The wider candles come along.
    return query
    select format('select tapedeck.refresh_candles(%L::timestamptz, %L::timestamptz)', s.lo, s.hi)
      from (select greatest(tapedeck.bucket_floor('1 minute', p_from), c.range_start),
                   least(tapedeck.bucket_ceil('1 minute', p_to), c.range_end,
                         tapedeck.bucket_floor('1 minute', p_now))
              from tapedeck.tick_chunks() c
             where c.range_start < p_to and c.range_end > p_from) as s (lo, hi)
     where s.lo < s.hi
     order by s.lo;
end
$$;

comment on function tapedeck.refresh_steps(timestamptz, timestamptz, timestamptz) is
    'Statements that make the candles of [p_from, p_to) fresh, to be run in this order, each outside a transaction; when one fails, release the row and begin again later. p_now bounds them to finished buckets; none when nothing is finished.';

create or replace function tapedeck.refresh_plan(
    p_from timestamptz, p_to timestamptz, p_now timestamptz, p_force boolean)
returns setof text
language sql
stable
as $$ select tapedeck.refresh_steps(p_from, p_to, p_now) $$;

comment on function tapedeck.refresh_plan(timestamptz, timestamptz, timestamptz, boolean) is
    'As refresh_steps, which computes every candle of its range anew anyway.';
