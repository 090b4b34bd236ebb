-- Candles as they follow from the ticks that are committed, whatever has been stored of them.
--
--   [p_from ............................................................ p_to)
--   |== stored ==|-- owed --|==== stored ====|.. ticks dropped: stored ..|-- above the watermark
--        rows      ticks          rows                  rows                     ticks
--
-- Owed 5m, 15m and 1h are folded from exact minutes, 1d from exact hours. Each piece is planned by itself with its
-- bounds as constants, so only the chunks it touches are; and all of them see the snapshot of the calling statement.

create or replace function tapedeck.candles_unsure(p_interval text, p_from timestamptz, p_to timestamptz)
returns tstzmultirange
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_pieces_max constant integer := 32;
    v_width interval := tapedeck.interval_width(p_interval);
    v_grain interval := v_width;
    v_range tstzrange := tstzrange(p_from, p_to);
    v_owed tstzmultirange := tapedeck.candles_owed(p_interval, p_from, p_to);
begin
    if isempty(v_owed) then
        return v_owed;
    end if;
    -- Many small pieces cost more than few that are too large.
    while (select count(*) from unnest(v_owed)) > c_pieces_max loop
        v_grain := v_grain * 4;
        select range_agg(tstzrange(tapedeck.bucket_floor(v_grain, lower(r)), tapedeck.bucket_ceil(v_grain, upper(r))) * v_range)
          into v_owed
          from unnest(v_owed) r;
    end loop;
    v_owed := v_owed * tapedeck.tick_cover(lower(v_owed), upper(v_owed));
    return (select coalesce(range_agg(tstzrange(tapedeck.bucket_floor(v_width, lower(r)), tapedeck.bucket_ceil(v_width, upper(r)))),
                            '{}'::tstzmultirange)
              from unnest(v_owed) r);
end
$$;

comment on function tapedeck.candles_unsure(text, timestamptz, timestamptz) is
    'Buckets of [p_from, p_to) that candles_exact computes: their stored candles cannot be believed, and their ticks are there.';

create or replace function tapedeck.candles_exact(p_interval text, p_symbol text, p_from timestamptz, p_to timestamptz)
returns table (bucket timestamptz, open numeric, high numeric, low numeric, close numeric, volume numeric, trades bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set jit = off
as $$
declare
    v_rows text := tapedeck.candle_rows(p_interval);
    v_width interval := tapedeck.interval_width(p_interval);
    v_unsure tstzmultirange;
    v_piece record;
begin
    perform tapedeck.range_check(p_from, p_to);
    perform tapedeck.range_check_aligned(v_width, p_from, p_to);
    v_unsure := tapedeck.candles_unsure(p_interval, p_from, p_to);
    for v_piece in
        select lower(r) as lo, upper(r) as hi, false as computed
          from unnest(tstzmultirange(tstzrange(p_from, p_to)) - v_unsure) r
         union all
        select lower(r), upper(r), true from unnest(v_unsure) r
         order by 1
    loop
        if not v_piece.computed then
            return query execute format($sql$
                select c.bucket, c.open, c.high, c.low, c.close, c.volume, c.trades
                  from %s c
                 where c.symbol = %L and c.bucket >= %L::timestamptz and c.bucket < %L::timestamptz
                 order by c.bucket$sql$, v_rows, p_symbol, v_piece.lo, v_piece.hi);
        elsif p_interval = '1m' then
            return query select * from tapedeck.candles_of_ticks(v_width, p_symbol, v_piece.lo, v_piece.hi);
        else
            return query
            select tapedeck.bucket_floor(v_width, c.bucket),
                   (array_agg(c.open order by c.bucket))[1],
                   max(c.high),
                   min(c.low),
                   (array_agg(c.close order by c.bucket))[count(*)],
                   sum(c.volume),
                   sum(c.trades)::bigint
              from tapedeck.candles_exact(tapedeck.interval_source(p_interval), p_symbol, v_piece.lo, v_piece.hi) c
             group by 1
             order by 1;
        end if;
    end loop;
end
$$;

comment on function tapedeck.candles_exact(text, text, timestamptz, timestamptz) is
    'The candles of a symbol with p_from <= bucket < p_to, oldest first, exactly as they follow from the committed ticks, stored or not; where ticks were dropped, as they were stored. Both bounds are starts of buckets.';

create or replace function tapedeck.candles_of_ticks(
    p_width interval, p_symbol text, p_from timestamptz, p_to timestamptz)
returns table (bucket timestamptz, open numeric, high numeric, low numeric, close numeric, volume numeric, trades bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set jit = off
as $$
begin
    -- open and close are elements of one and the same array, so the ticks of a bucket are sorted once.
    return query execute format($sql$
        select date_bin(%L::interval, t.time, timestamptz '2000-01-03 00:00:00+00') as bucket,
               (array_agg(t.last_price order by t.time, t.seq))[1],
               max(t.last_price),
               min(t.last_price),
               (array_agg(t.last_price order by t.time, t.seq))[count(*)],
               sum(t.volume),
               count(*)
          from public.tick_data t
         where t.symbol = %L and t.time >= %L::timestamptz and t.time < %L::timestamptz
           and t.last_price is not null
         group by 1
         order by 1$sql$, p_width, p_symbol, p_from, p_to);
end
$$;

comment on function tapedeck.candles_of_ticks(interval, text, timestamptz, timestamptz) is
    'Candles out of the ticks of [p_from, p_to) alone: the definition of candle_1m, for any width.';

create or replace function tapedeck.range_check_aligned(p_width interval, p_from timestamptz, p_to timestamptz)
returns void
language plpgsql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if tapedeck.bucket_floor(p_width, p_from) <> p_from or tapedeck.bucket_floor(p_width, p_to) <> p_to then
        raise exception using
            errcode = 'TD011',
            message = format('[%s, %s) does not begin and end at buckets of %s', p_from, p_to, p_width),
            hint = 'Buckets are aligned to 2000-01-03 00:00 UTC.';
    end if;
end
$$;

comment on function tapedeck.range_check_aligned(interval, timestamptz, timestamptz) is
    'Raises TD011 unless both instants are starts of buckets of this width.';
