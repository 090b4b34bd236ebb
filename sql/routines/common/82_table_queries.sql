-- Questions to any table: figures per bucket of time, and OHLCV.

create or replace function tapedeck.table_exact(p_type regtype)
returns text
language sql
immutable
as $$
    -- A cast of a float to numeric keeps 15 digits; its text has all that tell it from its neighbours.
    select case when p_type in ('float4'::regtype, 'float8'::regtype) then '::text::numeric' else '::numeric' end
$$;

comment on function tapedeck.table_exact(regtype) is 'The cast that makes a numeric of a number of this type without loss.';

create or replace function tapedeck.table_limit_check(p_limit integer)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_limit < 1 then
        raise exception using
            errcode = 'TD002',
            message = format('%s is no number of rows', p_limit);
    end if;
end
$$;

comment on function tapedeck.table_limit_check(integer) is 'Raises TD002 for less than one row; null is no limit.';

create or replace function tapedeck.table_buckets(
    p_table text, p_bucket_us bigint, p_time text, p_value text, p_group text default null,
    p_from timestamptz default null, p_to timestamptz default null,
    p_percentiles double precision[] default null, p_limit integer default null)
returns table (
    bucket timestamptz, grouped text, count bigint, avg numeric, min numeric, max numeric, sum numeric,
    percentiles double precision[])
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set jit = off
set extra_float_digits = 1
as $$
declare
    c_percentiles_max constant integer := 16;
    v_table regclass := tapedeck.table_find(p_table);
    v_width interval := tapedeck.interval_any(p_bucket_us);
    v_time record;
    v_value record;
    v_group text := 'null::text';
    v_real text;
begin
    v_time := tapedeck.table_column(v_table, p_time, 'time');
    v_value := tapedeck.table_column(v_table, p_value, 'number');
    if p_group is not null then
        v_group := format('t.%s::text', (tapedeck.table_column(v_table, p_group, 'any')).quoted);
    end if;
    perform tapedeck.table_limit_check(p_limit);
    if p_from is not null and p_to is not null then
        perform tapedeck.range_check(p_from, p_to);
    end if;
    if cardinality(p_percentiles) > c_percentiles_max
       or exists (select from unnest(p_percentiles) p where p is null or not p between 0 and 100) then
        raise exception using
            errcode = 'TD002',
            message = 'percentiles are numbers from 0 to 100',
            hint = format('At most %s of them.', c_percentiles_max);
    end if;
    -- Sums of float4 in float8.
    v_real := case when v_value.type = 'float4'::regtype then '::float8' else '' end;
    return query execute format($sql$
        select n.*
          from (select %1$s as bucket,
                       %2$s as grouped,
                       count(t.%3$s) as count,
                       trim_scale(avg(t.%3$s%4$s)%5$s),
                       min(t.%3$s)%5$s,
                       max(t.%3$s)%5$s,
                       sum(t.%3$s%4$s)%5$s,
                       %6$s
                  from %7$s t
                 where %8$s
                 group by 1, 2
                 order by 1 desc, 2 desc
                 limit $1) n
         order by n.bucket, n.grouped$sql$,
        tapedeck.table_bucket(v_time.quoted, v_time.type, v_width), v_group, v_value.quoted, v_real,
        tapedeck.table_exact(v_value.type),
        case when cardinality(p_percentiles) > 0
             then format('percentile_cont($2) within group (order by t.%s::float8)', v_value.quoted)
             else 'null::float8[]' end,
        tapedeck.table_name(v_table), tapedeck.table_range(v_time.quoted, v_time.type, p_from, p_to))
    using p_limit, (select array_agg(p / 100 order by o) from unnest(p_percentiles) with ordinality as u (p, o));
end
$$;

comment on function tapedeck.table_buckets(
    text, bigint, text, text, text, timestamptz, timestamptz, double precision[], integer) is
    'Figures of a column per bucket of time (whole seconds to 366 days, aligned to 2000-01-03 UTC), and per value of p_group: of the newest p_limit rows of the answer, oldest first. Rows with p_from <= time < p_to; times without a zone are UTC; nulls count nowhere. Percentiles are interpolated, in floats.';

create or replace function tapedeck.table_ohlcv(
    p_table text, p_bucket_us bigint, p_time text, p_price text, p_volume text default null,
    p_symbol_column text default null, p_symbol text default null, p_order text default null,
    p_from timestamptz default null, p_to timestamptz default null, p_limit integer default null)
returns table (
    bucket timestamptz, symbol text, open numeric, high numeric, low numeric, close numeric, volume numeric, trades bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set jit = off
set extra_float_digits = 1
as $$
declare
    v_table regclass := tapedeck.table_find(p_table);
    v_width interval := tapedeck.interval_any(p_bucket_us);
    v_time record;
    v_price record;
    v_volume text := 'null::numeric';
    v_volume_exact text := '';
    v_symbol text;
    v_order text;
    v_bucket text;
    v_exact text;
begin
    v_time := tapedeck.table_column(v_table, p_time, 'time');
    v_price := tapedeck.table_column(v_table, p_price, 'number');
    v_exact := tapedeck.table_exact(v_price.type);
    if p_volume is not null then
        select format(case when c.type = 'float4'::regtype then 't.%s::float8' else 't.%s' end, c.quoted),
               tapedeck.table_exact(c.type)
          into v_volume, v_volume_exact
          from tapedeck.table_column(v_table, p_volume, 'number') c;
    end if;
    if p_symbol_column is not null then
        v_symbol := 't.' || (tapedeck.table_column(v_table, p_symbol_column, 'any')).quoted;
    elsif p_symbol is not null then
        raise exception using
            errcode = 'TD002',
            message = 'a symbol needs the column that it is in';
    end if;
    -- Without a tie-breaker the price is one: any order is as good, but it must be the same every time.
    v_order := case when p_order is not null
                    then 't.' || (tapedeck.table_column(v_table, p_order, 'any')).quoted
                    else 't.' || v_price.quoted end;
    perform tapedeck.table_limit_check(p_limit);
    if p_from is not null and p_to is not null then
        perform tapedeck.range_check(p_from, p_to);
    end if;
    v_bucket := tapedeck.table_bucket(v_time.quoted, v_time.type, v_width);
    -- The first and the last of a window instead of an array of all of them: a sort may spill, an array may not.
    return query execute format($sql$
        select n.*
          from (select s.bucket,
                       s.symbol,
                       (max(s.price) filter (where s.is_first))%1$s,
                       max(s.price)%1$s,
                       min(s.price)%1$s,
                       (max(s.price) filter (where s.is_last))%1$s,
                       sum(s.volume)%2$s,
                       count(*)
                  from (select %3$s as bucket,
                               %4$s::text as symbol,
                               t.%5$s as price,
                               %6$s as volume,
                               row_number() over w = 1 as is_first,
                               lead(true) over w is null as is_last
                          from %7$s t
                         where %8$s
                           and t.%5$s is not null%9$s
                        window w as (partition by %3$s, %4$s order by t.%10$s, %11$s)) s
                 group by 1, 2
                 order by 1 desc, 2 desc
                 limit $1) n
         order by n.bucket, n.symbol$sql$,
        v_exact, v_volume_exact,
        v_bucket, coalesce(v_symbol, 'null::text'), v_price.quoted,
        v_volume,
        tapedeck.table_name(v_table), tapedeck.table_range(v_time.quoted, v_time.type, p_from, p_to),
        case when p_symbol is not null then format(' and %s = %L', v_symbol, p_symbol) else '' end,
        v_time.quoted, v_order)
    using p_limit;
end
$$;

comment on function tapedeck.table_ohlcv(
    text, bigint, text, text, text, text, text, text, timestamptz, timestamptz, integer) is
    'Open, high, low, close, volume and number of prices per bucket of time and per value of p_symbol_column: the newest p_limit, oldest first. Open and close are exact by (time, p_order); rows without a price count nowhere.';
