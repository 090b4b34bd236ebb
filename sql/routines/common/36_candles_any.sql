-- Candles and average prices of any interval: an oracle for tests, and for whoever sits at psql.

create or replace function tapedeck.interval_any(p_interval_us bigint)
returns interval
language plpgsql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    c_second_us constant bigint := 1000000;
    c_most_us constant bigint := 366 * 24 * 3600 * c_second_us;
begin
    if p_interval_us is null or p_interval_us < c_second_us or p_interval_us > c_most_us
       or p_interval_us % c_second_us <> 0 then
        raise exception using
            errcode = 'TD002',
            message = format('%s microseconds are no interval of candles', p_interval_us),
            hint = 'Intervals are whole seconds, from one to 366 days.';
    end if;
    return p_interval_us * interval '1 microsecond';
end
$$;

comment on function tapedeck.interval_any(bigint) is
    'Width of any interval that candles may have: 1 s to 366 d in whole seconds, without days in it. TD002 otherwise.';

create or replace function tapedeck.candles_rolled(
    p_interval_us bigint, p_symbol text, p_from timestamptz, p_to timestamptz)
returns table (bucket timestamptz, open numeric, high numeric, low numeric, close numeric, volume numeric, trades bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    v_width interval := tapedeck.interval_any(p_interval_us);
    v_stored text := (select w.name
                        from unnest(tapedeck.stored_intervals()) with ordinality as w (name, place)
                       where p_interval_us % (extract(epoch from tapedeck.interval_width(w.name)) * 1000000)::bigint = 0
                       order by w.place desc
                       limit 1);
begin
    if v_stored is null then
        return query select * from tapedeck.candles_of_ticks(v_width, p_symbol, p_from, p_to);
        return;
    end if;
    return query
    select tapedeck.bucket_floor(v_width, c.bucket),
           (array_agg(c.open order by c.bucket))[1],
           max(c.high),
           min(c.low),
           (array_agg(c.close order by c.bucket))[count(*)],
           sum(c.volume),
           sum(c.trades)::bigint
      from tapedeck.candles_exact(v_stored, p_symbol, p_from, p_to) c
     group by 1
     order by 1;
end
$$;

comment on function tapedeck.candles_rolled(bigint, text, timestamptz, timestamptz) is
    'Exact candles of any interval with p_from <= bucket < p_to, oldest first, out of those of the largest stored interval that divides it; out of ticks where none does. Both bounds are starts of buckets.';

create or replace function tapedeck.candles_any(
    p_interval_us bigint, p_symbol text, p_from timestamptz, p_to timestamptz, p_limit integer)
returns table (bucket timestamptz, open numeric, high numeric, low numeric, close numeric, volume numeric, trades bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    v_width interval := tapedeck.interval_any(p_interval_us);
    v_oldest timestamptz;
    v_from timestamptz;
    v_to timestamptz;
    v_whole_us bigint;
    v_span_us bigint;
begin
    perform tapedeck.range_check(p_from, p_to);
    v_oldest := tapedeck.bucket_ceil(v_width, p_from);
    v_to := tapedeck.bucket_ceil(v_width, p_to);
    if v_oldest >= v_to or p_limit <= 0 then
        return;
    end if;
    -- Back from the newest, in spans that grow, until they hold enough.
    v_whole_us := tapedeck.time_us(v_to) - tapedeck.time_us(v_oldest);
    v_span_us := p_interval_us * least(p_limit, v_whole_us / p_interval_us);
    loop
        v_from := v_to - v_span_us * interval '1 microsecond';
        exit when v_span_us = v_whole_us;
        exit when (select count(*) from tapedeck.candles_rolled(p_interval_us, p_symbol, v_from, v_to)) >= p_limit;
        v_span_us := least(v_span_us * 4, v_whole_us);
    end loop;
    return query
    select n.*
      from (select c.*
              from tapedeck.candles_rolled(p_interval_us, p_symbol, v_from, v_to) c
             order by c.bucket desc
             limit p_limit) n
     order by n.bucket;
end
$$;

comment on function tapedeck.candles_any(bigint, text, timestamptz, timestamptz, integer) is
    'The newest p_limit (null: all) exact candles of any interval whose buckets start in [p_from, p_to), oldest first. Costs what candles_exact costs over the same time, twice, and more over gaps; intervals that no whole minute divides read the ticks, a microsecond each.';

create or replace function tapedeck.candles_vwap(
    p_interval_us bigint, p_symbol text, p_from timestamptz, p_to timestamptz)
returns table (bucket timestamptz, vwap numeric)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set jit = off
as $$
declare
    v_width interval := tapedeck.interval_any(p_interval_us);
begin
    perform tapedeck.range_check(p_from, p_to);
    perform tapedeck.range_check_aligned(v_width, p_from, p_to);
    -- Rounded once: a quotient that was rounded to some more digits first could cross a half. The sums are exact,
    -- and so is div(): floor(|x| + 1/2) in units of the eighth decimal.
    return query execute format($sql$
        select s.bucket,
               case when s.trades >= coalesce(c.trades, 0) then
                   sign(s.value) * sign(s.volume)
                       * div(2 * abs(s.value) * 100000000 + abs(s.volume), 2 * nullif(abs(s.volume), 0)) * 0.00000001
               end
          from (select date_bin(%L::interval, t.time, timestamptz '2000-01-03 00:00:00+00') as bucket,
                       sum(t.last_price * t.volume) as value,
                       sum(t.volume) as volume,
                       count(*) as trades
                  from public.tick_data t
                 where t.symbol = %L and t.time >= %L::timestamptz and t.time < %L::timestamptz
                   and t.last_price is not null
                 group by 1) s
          -- A candle outlives its ticks: where some of them were dropped, the others have no say.
          left join tapedeck.candles_rolled(%s, %L, %L, %L) c using (bucket)
         order by 1$sql$, v_width, p_symbol, p_from, p_to, p_interval_us, p_symbol, p_from, p_to);
end
$$;

comment on function tapedeck.candles_vwap(bigint, text, timestamptz, timestamptz) is
    'Average price by volume of every bucket with a trade, p_from <= bucket < p_to, oldest first, out of the ticks alone: rounded half away from zero to eight decimals; null where the volumes come to nothing, or where some of the ticks were dropped. Buckets whose ticks were all dropped have no row. Both bounds are starts of buckets.';
