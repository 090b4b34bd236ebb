-- How far behind what is stored may be.

create or replace function tapedeck.aggregate_lag(p_width interval, p_watermark timestamptz)
returns double precision
language sql
stable strict
as $$
    select extract(epoch from case when p_watermark > n.over then n.over - p_watermark
                                   else greatest(least(n.over, coalesce(l.ends, p_watermark)) - p_watermark,
                                                 interval '0') end)::double precision
      from (select tapedeck.bucket_floor(p_width, pg_catalog.clock_timestamp())) as n (over)
     cross join (select tapedeck.bucket_floor(p_width, max(s.last_time)) + p_width from tapedeck.symbols s) as l (ends)
$$;

comment on function tapedeck.aggregate_lag(interval, timestamptz) is
    'Seconds from the watermark to the end of the newest bucket that is over and may hold ticks: 0, all is stored. Negative: the watermark lies beyond the start of the bucket that is forming, so in the future.';
