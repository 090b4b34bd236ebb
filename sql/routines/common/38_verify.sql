-- Are the stored candles those of their ticks? Computed anew here, on a way of its own: sorted arrays instead of
-- first() and last(), and every interval from the ticks.
--
--   candles_pieces(from, to)        what can be compared, a day at a time, and what cannot, and why
--   candles_differences(… a day)    every field that differs, every candle that lacks or should not be there
--
-- One call is one snapshot: a writer's ticks appear in it together with their row in pending_refresh.

create or replace function tapedeck.candles_bounds(p_intervals text[])
returns table (first_time timestamptz, stored_to timestamptz)
language sql
stable
as $$
    select least((select min(c.range_start) from tapedeck.tick_chunks() c),
                 tapedeck.candle_first('-infinity', 'infinity')),
           (select max(a.watermark)
              from tapedeck.aggregates_list() a
             where a.view in (select 'candle_' || i from pg_catalog.unnest(p_intervals) i))
$$;

comment on function tapedeck.candles_bounds(text[]) is
    'Where ticks or candles begin, and up to where candles of one of these intervals are stored; null: there are none.';

create or replace function tapedeck.candles_pieces(p_intervals text[], p_from timestamptz, p_to timestamptz)
returns table (kind text, range_from timestamptz, range_to timestamptz)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
    v_widest interval := (select max(tapedeck.interval_width(i)) from unnest(p_intervals) i);
    c_day constant interval := interval '24 hours';
    v_bounds record;
    v_from timestamptz;
    v_to timestamptz;
    v_covered tstzmultirange;
    v_dropped tstzmultirange;
begin
    select * into v_bounds from tapedeck.candles_bounds(p_intervals);
    v_from := tapedeck.bucket_floor(v_widest, greatest(p_from, v_bounds.first_time));
    v_to := least(tapedeck.bucket_ceil(v_widest, p_to), tapedeck.bucket_ceil(v_widest, v_bounds.stored_to));
    if v_bounds.first_time is not null and v_bounds.stored_to is not null and v_from < v_to then
        v_dropped := tapedeck.dropped_chunks(v_from, v_to) * tstzmultirange(tstzrange(v_from, v_to));
        select coalesce(range_agg(tstzrange(c.range_start, c.range_end)), '{}') * tstzmultirange(tstzrange(v_from, v_to))
          into v_covered
          from tapedeck.tick_chunks() c
         where c.range_start < v_to and c.range_end > v_from;
        return query
        select 'compare', greatest(d, lower(r)), least(d + c_day, upper(r))
          from unnest(v_covered) r
         cross join lateral generate_series(tapedeck.bucket_floor(c_day, lower(r)),
                                            upper(r) - interval '1 microsecond', c_day) d;
        return query
        select 'dropped', lower(r), upper(r) from unnest(v_dropped) r;
        return query
        select 'pending', greatest(lower(r), v_from), least(upper(r), v_to)
          from unnest((select range_agg(tstzrange(p.range_from, p.range_to)) from tapedeck.pending_refresh p)) r
         where lower(r) < v_to and upper(r) > v_from;
    end if;
end
$$;

comment on function tapedeck.candles_pieces(text[], timestamptz, timestamptz) is
    'What there is to compare in the range, widened to whole candles of the widest of these intervals and cut to what is stored: kind is compare (a day at most, for candles_differences), dropped (candles outlived their ticks) or pending (queued for refresh).';

create or replace function tapedeck.candles_differences(
    p_intervals text[], p_symbol text, p_from timestamptz, p_to timestamptz)
returns table (
    kind text, candle_interval text, bucket timestamptz, symbol text, field text, stored text, recomputed text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set jit = off
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
    return query
    with width as materialized (
        select i.name, tapedeck.interval_width(i.name) as width, a.watermark
          from unnest(p_intervals) as i (name)
          join tapedeck.aggregates_list() a on a.view = 'candle_' || i.name
    ), minute as materialized (
        select tapedeck.bucket_floor('1 minute', t.time) as bucket,
               t.symbol,
               (array_agg(t.last_price order by t.time, t.seq))[1] as open,
               max(t.last_price) as high,
               min(t.last_price) as low,
               (array_agg(t.last_price order by t.time desc, t.seq desc))[1] as close,
               sum(t.volume) as volume,
               count(*) as trades
          from public.tick_data t
         where t.time >= p_from and t.time < p_to
           and t.last_price is not null
           and (p_symbol is null or t.symbol = p_symbol)
         group by 1, 2
    ), fresh as (
        select w.name, tapedeck.bucket_floor(w.width, m.bucket) as bucket, m.symbol,
               (array_agg(m.open order by m.bucket))[1] as open,
               max(m.high) as high,
               min(m.low) as low,
               (array_agg(m.close order by m.bucket desc))[1] as close,
               sum(m.volume) as volume,
               sum(m.trades)::bigint as trades
          from minute m
         cross join width w
         group by 1, 2, 3
    ), kept as (
        select w.name, c.*
          from width w
         cross join lateral tapedeck.candles_kept(w.name, p_symbol, p_from, p_to) c
    )
    select case when k.name is null then 'missing' when f.name is null then 'superfluous' else 'differs' end,
           w.name, b.bucket, b.symbol, d.field, d.stored, d.recomputed
      from fresh f
      full join kept k on k.name = f.name and k.bucket = f.bucket and k.symbol = f.symbol
     cross join lateral (select coalesce(f.name, k.name), coalesce(f.bucket, k.bucket), coalesce(f.symbol, k.symbol))
                        as b (name, bucket, symbol)
      join width w on w.name = b.name
     cross join lateral (
            values (1, null::text, null::text, null::text, f.name is null or k.name is null),
                   (2, 'open', k.open::text, f.open::text, k.open is distinct from f.open),
                   (3, 'high', k.high::text, f.high::text, k.high is distinct from f.high),
                   (4, 'low', k.low::text, f.low::text, k.low is distinct from f.low),
                   (5, 'close', k.close::text, f.close::text, k.close is distinct from f.close),
                   (6, 'volume', k.volume::text, f.volume::text, k.volume is distinct from f.volume),
                   (7, 'trades', k.trades::text, f.trades::text, k.trades is distinct from f.trades))
                        as d (place, field, stored, recomputed, differs)
     where d.differs
       and (d.place = 1) = (f.name is null or k.name is null)
       -- Above the watermark nothing is stored; what is queued is known to be out of date.
       and b.bucket < w.watermark
       -- Of the rest of a bucket that reaches beyond this piece nothing is known here.
       and b.bucket >= p_from and b.bucket + w.width <= p_to
       and not exists (select
                         from tapedeck.pending_refresh p
                        where p.range_from < b.bucket + w.width and p.range_to > b.bucket)
     order by w.width, b.bucket, b.symbol, d.place;
end
$$;

comment on function tapedeck.candles_differences(text[], text, timestamptz, timestamptz) is
    'How the stored candles of [p_from, p_to), a piece with ticks, differ from these: kind is missing, superfluous (both without field and values) or differs. A null symbol means all. Buckets that are queued for refresh, not stored yet, or only in part within the range are left out.';
