-- What this engine is, and which partitions hold ticks.

create or replace function tapedeck.engine_info()
returns table (engine text, version text, license text)
language sql
stable
as $$ select 'postgresql', pg_catalog.current_setting('server_version'), 'postgresql' $$;

comment on function tapedeck.engine_info() is 'Name, version and licence of the engine.';

create or replace function tapedeck.tick_chunks()
returns table (chunk text, range_start timestamptz, range_end timestamptz, compressed boolean)
language sql
stable
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
    -- Our own partitions say their day in their name, which reads ten times faster than their bounds.
    select pg_catalog.format('%I.%I', n.nspname, c.relname), r.range_start, r.range_end, false
      from pg_catalog.pg_inherits i
      join pg_catalog.pg_class c on c.oid = i.inhrelid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     cross join lateral (
            select pg_catalog.to_timestamp(pg_catalog."right"(c.relname, 8), 'YYYYMMDD') as range_start,
                   pg_catalog.to_timestamp(pg_catalog."right"(c.relname, 8), 'YYYYMMDD') + interval '24 hours' as range_end
             where n.nspname = 'tapedeck' and c.relname ~ '^tick_data_[0-9]{8}$'
            union all
            select (pg_catalog.regexp_match(b.bound, $re$FROM \('([^']+)'\)$re$))[1]::timestamptz,
                   (pg_catalog.regexp_match(b.bound, $re$TO \('([^']+)'\)$re$))[1]::timestamptz
              from pg_catalog.pg_get_expr(c.relpartbound, c.oid) as b (bound)
             where not (n.nspname = 'tapedeck' and c.relname ~ '^tick_data_[0-9]{8}$')
               and b.bound like 'FOR VALUES FROM%') r
     where i.inhparent = 'public.tick_data'::regclass
$$;

comment on function tapedeck.tick_chunks() is 'The partitions of tick_data, in no order.';

create or replace function tapedeck.tick_chunk_width()
returns interval
language sql
immutable
as $$ select interval '24 hours' $$;

comment on function tapedeck.tick_chunk_width() is 'Width of the partitions to come; they are UTC days.';

create or replace function tapedeck.tick_symbols()
returns setof text
language sql
stable
as $$
    -- Jumps from symbol to symbol: one look into each partition's index per symbol.
    with recursive walk (symbol) as (
        (select t.symbol from public.tick_data t order by t.symbol limit 1)
        union all
        select (select t.symbol from public.tick_data t where t.symbol > w.symbol order by t.symbol limit 1)
          from walk w
         where w.symbol is not null
    )
    select w.symbol from walk w where w.symbol is not null
$$;

comment on function tapedeck.tick_symbols() is 'Every symbol that has a tick.';

create or replace function tapedeck.chunks_cover(p_from timestamptz, p_to timestamptz)
returns boolean
language sql
stable
set timezone = 'UTC'
as $$
    select not exists (
        select
          from pg_catalog.generate_series(tapedeck.bucket_floor('24 hours', p_from),
                                          p_to - interval '1 microsecond', interval '24 hours') d
          left join pg_catalog.pg_class c
            on c.relname = 'tick_data_' || pg_catalog.to_char(d, 'YYYYMMDD')
           and c.relnamespace = 'tapedeck'::regnamespace
           and c.relispartition
         where c.oid is null)
$$;

comment on function tapedeck.chunks_cover(timestamptz, timestamptz) is
    'Has every day of this range its partition? Looks them up one by one, so it is fast for the short ranges of live writers.';

create or replace function tapedeck.chunks_prepare(p_from timestamptz, p_to timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
declare
    c_days_max constant integer := 3660;
    v_covered tstzmultirange;
    v_missing tstzmultirange;
    v_day timestamptz;
    v_name text;
begin
    v_missing := tstzmultirange(tstzrange(tapedeck.bucket_floor('24 hours', p_from),
                                          tapedeck.bucket_ceil('24 hours', p_to)));
    select range_agg(tstzrange(c.range_start, c.range_end)) into v_covered from tapedeck.tick_chunks() c;
    if v_covered @> v_missing then
        return;
    end if;

    -- One maker of partitions at a time; what others made meanwhile is seen afterwards.
    perform pg_advisory_xact_lock(1413742594, 0);
    select range_agg(tstzrange(c.range_start, c.range_end)) into v_covered from tapedeck.tick_chunks() c;
    v_missing := v_missing - coalesce(v_covered, '{}'::tstzmultirange);
    if (select coalesce(sum(extract(epoch from upper(r) - lower(r))), 0) / 86400 > c_days_max
          from unnest(v_missing) r) then
        raise exception using
            errcode = 'TD003',
            message = format('[%s, %s) would need more than %s new partitions', p_from, p_to, c_days_max),
            hint = 'Look for a tick with a wrong time, or write the range in parts.';
    end if;

    for v_day in
        select d
          from unnest(v_missing) r
         cross join lateral generate_series(tapedeck.bucket_floor('24 hours', lower(r)),
                                            upper(r) - interval '1 microsecond', interval '24 hours') d
         order by d
    loop
        -- Attaching locks readers and writers of tick_data out far less than "create table ... partition of".
        v_name := 'tick_data_' || to_char(v_day, 'YYYYMMDD');
        execute format('create table tapedeck.%I (like public.tick_data'
                       ' including defaults including constraints including indexes including storage)', v_name);
        execute format('alter table public.tick_data attach partition tapedeck.%I for values from (%L) to (%L)',
                       v_name, v_day, v_day + interval '24 hours');
    end loop;
end
$$;

comment on function tapedeck.chunks_prepare(timestamptz, timestamptz) is
    'Makes the missing daily partitions of this range; at most 3660 at once (TD003).';
