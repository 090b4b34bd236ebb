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

create or replace function tapedeck.candles_stored(
    p_interval text, p_symbol text, p_from timestamptz, p_to timestamptz, p_limit integer)
returns table (bucket timestamptz, open numeric, high numeric, low numeric, close numeric, volume numeric, trades bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
#variable_conflict use_column
declare
    v_width interval := tapedeck.interval_width(p_interval);
    v_watermark timestamptz := (select tapedeck.bucket_floor(v_width, s.watermark)
                                  from tapedeck.candle_state s
                                 where isfinite(s.watermark));
    v_oldest timestamptz := (select min(c.bucket) from tapedeck.candle_1m_stored c where c.symbol = p_symbol);
    v_newest timestamptz := (select max(c.bucket) from tapedeck.candle_1m_stored c where c.symbol = p_symbol);
    v_from timestamptz;
    v_to timestamptz;
    v_span interval := greatest(p_limit, 1) * v_width;
    v_left integer := p_limit;
    v_rows integer;
begin
    if v_watermark is null or v_oldest is null then
        return;
    end if;
    if p_interval = '1m' then
        return query
        select c.bucket, c.open, c.high, c.low, c.close, c.volume, c.trades
          from tapedeck.candle_1m_stored c
         where c.symbol = p_symbol and c.bucket >= p_from and c.bucket < least(p_to, v_watermark)
         order by c.bucket desc
         limit p_limit;
        return;
    end if;

    -- Fold minutes back from the newest, in spans that double, until there are enough.
    v_from := tapedeck.bucket_ceil(v_width, greatest(p_from, tapedeck.bucket_floor(v_width, v_oldest)));
    v_to := tapedeck.bucket_ceil(v_width, least(p_to, v_newest + interval '1 minute', v_watermark));
    while v_left > 0 and v_from < v_to loop
        return query
        select tapedeck.bucket_floor(v_width, c.bucket),
               (array_agg(c.open order by c.bucket))[1],
               max(c.high),
               min(c.low),
               (array_agg(c.close order by c.bucket))[count(*)],
               sum(c.volume),
               sum(c.trades)::bigint
          from tapedeck.candle_1m_stored c
         where c.symbol = p_symbol
           and c.bucket >= greatest(v_from, v_to - v_span)
           and c.bucket < v_to
         group by 1
         order by 1 desc
         limit v_left;
        get diagnostics v_rows = row_count;
        v_left := v_left - v_rows;
        v_to := v_to - v_span;
        v_span := 2 * v_span;
    end loop;
end
$$;

comment on function tapedeck.candles_stored(text, text, timestamptz, timestamptz, integer) is
    'The newest p_limit stored candles of a symbol with p_from <= bucket < p_to, newest first. What lies above the watermark (aggregates_list) is not stored: fold it from ticks.';

create or replace function tapedeck.aggregates_list()
returns table (view text, watermark timestamptz, lag_s double precision)
language sql
stable
as $$
    select v.view, w.at, extract(epoch from pg_catalog.clock_timestamp() - w.at)::double precision
      from (values (1, 'candle_1m', interval '1 minute'), (2, 'candle_5m', interval '5 minutes'),
                   (3, 'candle_15m', interval '15 minutes'), (4, 'candle_1h', interval '1 hour'))
                as v (place, view, width)
      left join lateral (select tapedeck.bucket_floor(v.width, s.watermark)
                           from tapedeck.candle_state s
                          where pg_catalog.isfinite(s.watermark)) as w (at) on true
     order by v.place
$$;

comment on function tapedeck.aggregates_list() is
    'Watermark of each candle view: buckets before it are stored. Null before the first refresh; a negative lag means that it passed now.';

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
        v_changed := v_changed + v_rows;
    end loop;

    update tapedeck.candle_state s set watermark = v_to where s.watermark < v_to;
    return v_changed;
end
$$;

comment on function tapedeck.refresh_candles(timestamptz, timestamptz) is
    'Makes the stored minutes of [p_from, p_to) equal to their ticks, finished minutes only, and moves the watermark. Returns the number of candles changed.';

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
    -- Partition by partition, so that no transaction is long. The wider candles are views.
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
