-- Stored candles, read from under their views.
--
-- A real-time view computes its whole unrefreshed tail for "the newest 500". Below the watermark everything is
-- in the materialisation hypertables, whose names are put into these functions here.

do $do$
declare
    v_interval text;
    v_rows text;
    v_branches text := '';
begin
    foreach v_interval in array tapedeck.stored_intervals() loop
        select pg_catalog.format('%I.%I', a.materialization_hypertable_schema, a.materialization_hypertable_name)
          into strict v_rows
          from timescaledb_information.continuous_aggregates a
         where a.view_schema = 'public'
           and a.view_name = 'candle_' || v_interval;

        v_branches := v_branches || pg_catalog.format($sql$
        when %L then
            return query
            select c.bucket, c.open, c.high, c.low, c.close, c.volume, c.trades
              from %s c
             where c.symbol = p_symbol and c.bucket >= p_from and c.bucket < p_to
             order by c.bucket desc
             limit p_limit;$sql$, v_interval, v_rows);

        if v_interval = '1m' then
            execute pg_catalog.format($sql$
create or replace function tapedeck.candle_first(p_from timestamptz, p_to timestamptz)
returns timestamptz
language sql
stable
as $$ select c.bucket from %s c where c.bucket >= p_from and c.bucket < p_to order by c.bucket limit 1 $$
            $sql$, v_rows);
        end if;
    end loop;

    execute pg_catalog.format($sql$
create or replace function tapedeck.candles_stored(
    p_interval text, p_symbol text, p_from timestamptz, p_to timestamptz, p_limit integer)
returns table (bucket timestamptz, open numeric, high numeric, low numeric, close numeric, volume numeric, trades bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
#variable_conflict use_column
begin
    case p_interval %s
        else
            perform tapedeck.interval_width(p_interval);
    end case;
end
$$
    $sql$, v_branches);
end
$do$;

comment on function tapedeck.candle_first(timestamptz, timestamptz) is
    'Start of the oldest stored minute candle, of any symbol, in [p_from, p_to).';
comment on function tapedeck.candles_stored(text, text, timestamptz, timestamptz, integer) is
    'The newest p_limit stored candles of a symbol with p_from <= bucket < p_to, newest first. What lies above the watermark (aggregates_list) is not stored: fold it from ticks.';

-- Which stored rows can be believed. TimescaleDB keeps books of what it owes, and keeps them in the transactions of
-- the writers, so a snapshot shows them as of the ticks it shows:
--
--   hypertable log        ranges that a transaction wrote, deleted or dropped below the threshold of all refreshes
--       ▼ a refresh begins
--   materialisation log   ... and what this view has not refreshed since, or ever
--       ▼ takes its window, in a transaction of its own
--   ranges                ... and is about to store
--       ▼ stores, in another one
--   watermark             above it nothing is stored
--
-- A range moves from one book to the next within one transaction. Everything is in microseconds, ends inclusive.
do $do$
declare
    -- Of the stored rows, by interval; and of these with those that they are made from, the narrowest first.
    v_ids jsonb := '{}';
    v_made integer[];
    v_interval text;
    v_source text;
    v_names text := '';
    v_books text := '';
    v_branches text := '';
    v_ticks integer;
    v_time integer;
begin
    select h.id, d.id into strict v_ticks, v_time
      from _timescaledb_catalog.hypertable h
      join _timescaledb_catalog.dimension d on d.hypertable_id = h.id and d.column_name = 'time'
     where h.schema_name = 'public' and h.table_name = 'tick_data';

    foreach v_interval in array tapedeck.stored_intervals() loop
        v_names := v_names || (
            select pg_catalog.format(E'\n        when %L then return %L;', v_interval,
                                     pg_catalog.format('%I.%I', a.materialization_hypertable_schema,
                                                       a.materialization_hypertable_name))
              from timescaledb_information.continuous_aggregates a
             where a.view_schema = 'public' and a.view_name = 'candle_' || v_interval);
        v_ids := v_ids || pg_catalog.jsonb_build_object(v_interval, (
            select a.mat_hypertable_id
              from _timescaledb_catalog.continuous_agg a
             where a.user_view_schema = 'public' and a.user_view_name = 'candle_' || v_interval));
        v_made := array[(v_ids ->> v_interval)::integer];
        v_source := tapedeck.interval_source(v_interval);
        while v_source is not null loop
            v_made := (v_ids ->> v_source)::integer || v_made;
            v_source := tapedeck.interval_source(v_source);
        end loop;
        v_branches := v_branches || pg_catalog.format(E'\n        when %L then v_made := %L;', v_interval, v_made);
    end loop;

    execute pg_catalog.format($sql$
create or replace function tapedeck.candle_rows(p_interval text)
returns text
language plpgsql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    case p_interval %s
        else
            perform tapedeck.interval_width(p_interval);
    end case;
end
$$
    $sql$, v_names);

    -- Ranges that are being stored are in a table of their own since 2.22.
    if pg_catalog.to_regclass('_timescaledb_catalog.continuous_aggs_materialization_ranges') is not null then
        v_books := $sql$
             union all
            select r.lowest_modified_value, r.greatest_modified_value
              from _timescaledb_catalog.continuous_aggs_materialization_ranges r
             where r.materialization_id = any (v_made)
               and r.lowest_modified_value < v_to_us and r.greatest_modified_value >= v_from_us$sql$;
    end if;

    execute pg_catalog.format($sql$
create or replace function tapedeck.candles_owed(p_interval text, p_from timestamptz, p_to timestamptz)
returns tstzmultirange
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_width interval := tapedeck.interval_width(p_interval);
    v_made integer[];
    v_from_us bigint := tapedeck.time_us(p_from);
    v_to_us bigint := tapedeck.time_us(p_to);
    v_owed tstzmultirange;
begin
    case p_interval %s
    end case;
    -- An hour follows from its minutes, a day from its hours: it is owed what they are, and what has been stored
    -- of them since.
    select range_agg(tstzrange(tapedeck.bucket_floor(v_width, _timescaledb_functions.to_timestamp(greatest(b.lowest, v_from_us))),
                               tapedeck.bucket_ceil(v_width, _timescaledb_functions.to_timestamp(least(b.greatest, v_to_us - 1) + 1))))
      into v_owed
      from (select l.lowest_modified_value, l.greatest_modified_value
              from _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l
             where (l.hypertable_id = %s or l.hypertable_id = any (v_made[:cardinality(v_made) - 1]))
               and l.lowest_modified_value < v_to_us and l.greatest_modified_value >= v_from_us
             union all
            select l.lowest_modified_value, l.greatest_modified_value
              from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
             where l.materialization_id = any (v_made)
               and l.lowest_modified_value < v_to_us and l.greatest_modified_value >= v_from_us%s
             union all
            select w.watermark, v_to_us - 1
              from _timescaledb_catalog.continuous_aggs_watermark w
             where w.mat_hypertable_id = any (v_made)
               and w.watermark < v_to_us
             union all
            select tapedeck.time_us(p.range_from), tapedeck.time_us(p.range_to) - 1
              from tapedeck.pending_refresh p
             where p.range_from < p_to and p.range_to > p_from) as b (lowest, greatest);
    return coalesce(v_owed, '{}'::tstzmultirange);
end
$$
    $sql$, v_branches, v_ticks, v_books);

    execute pg_catalog.format($sql$
create or replace function tapedeck.tick_cover(p_from timestamptz, p_to timestamptz)
returns tstzmultirange
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_from_us bigint := tapedeck.time_us(p_from);
    v_to_us bigint := tapedeck.time_us(p_to);
begin
    -- Not in language sql: there it would be planned at every call, which takes longer than to run it. What is read
    -- below takes longer the more chunks there are anywhere; before the first of them there is nothing to read.
    if not exists (select
                     from _timescaledb_catalog.dimension_slice s
                    where s.dimension_id = %s and s.range_start < v_to_us and s.range_end > v_from_us)
       and not exists (select from tapedeck.pending_refresh p where p.reason = 'truncate') then
        return '{}';
    end if;
    return (
        select coalesce(range_agg(tstzrange(greatest(k.range_start, p_from), least(k.range_end, p_to))),
                        '{}'::tstzmultirange)
          from (select _timescaledb_functions.to_timestamp(s.range_start),
                       _timescaledb_functions.to_timestamp(s.range_end)
                  from _timescaledb_catalog.dimension_slice s
                 where s.dimension_id = %s
                   and s.range_start < v_to_us and s.range_end > v_from_us
                   and exists (select
                                 from _timescaledb_catalog.chunk_constraint o
                                 join _timescaledb_catalog.chunk c on c.id = o.chunk_id
                                where o.dimension_slice_id = s.id and c.hypertable_id = %s and not c.dropped)
                 union all
                -- Somebody has truncated the table: there are no ticks, and that is all of them.
                select p.range_from, p.range_to
                  from tapedeck.pending_refresh p
                 where p.reason = 'truncate' and p.range_from < p_to and p.range_to > p_from)
                as k (range_start, range_end));
end
$$
    $sql$, v_time, v_time, v_ticks);
end
$do$;

comment on function tapedeck.candle_rows(text) is 'Name of the table that holds the stored candles of an interval.';
comment on function tapedeck.candles_owed(text, timestamptz, timestamptz) is
    'Buckets of [p_from, p_to) whose stored candles cannot be believed: above the watermark of this view or of the minutes, queued in pending_refresh, or noted by TimescaleDB as changed and not refreshed.';
comment on function tapedeck.tick_cover(timestamptz, timestamptz) is
    'The parts of [p_from, p_to) that have a chunk, or lost it just now to a TRUNCATE: elsewhere ticks never were or were dropped.';

create or replace function tapedeck.aggregates_list()
returns table (view text, watermark timestamptz, lag_s double precision)
language sql
stable
as $$
    select w.view, w.watermark,
           tapedeck.aggregate_lag(tapedeck.interval_width(pg_catalog.substr(w.view, 8)), w.watermark)
      from (select a.user_view_name::text,
                   case when pg_catalog.isfinite(t.at) and t.at > timestamptz '0001-01-01 00:00:00+00' then t.at end
              from _timescaledb_catalog.continuous_agg a
             cross join lateral (select _timescaledb_functions.to_timestamp(
                                            _timescaledb_functions.cagg_watermark(a.mat_hypertable_id))) as t (at)
             where a.user_view_schema = 'public'
               and a.user_view_name = any (tapedeck.candle_views())) as w (view, watermark)
     order by pg_catalog.array_position(tapedeck.candle_views(), w.view)
$$;

comment on function tapedeck.aggregates_list() is
    'Watermark of each candle view, null before the first refresh: buckets before it are stored; and how far it is behind (aggregate_lag).';

create or replace function tapedeck.refresh_verify(p_view text, p_from timestamptz, p_to timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    c_wait_max constant interval := interval '3 seconds';
    v_started timestamptz := clock_timestamp();
    v_storing boolean;
begin
    if to_regclass('_timescaledb_catalog.continuous_aggs_materialization_ranges') is null then
        return;
    end if;
    loop
        execute 'select exists (select'
                '  from _timescaledb_catalog.continuous_aggs_materialization_ranges r'
                '  join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = r.materialization_id'
                ' where a.user_view_schema = ''public'' and a.user_view_name = $1'
                '   and r.lowest_modified_value < $3 and r.greatest_modified_value > $2)'
           into v_storing
          using p_view, tapedeck.time_us(p_from), tapedeck.time_us(p_to);
        exit when not v_storing;
        if clock_timestamp() > v_started + c_wait_max then
            raise exception using
                errcode = 'TD010',
                message = format('another refresh of %s is not finished', p_view),
                hint = 'Try again later.';
        end if;
        perform pg_sleep(0.1);
    end loop;
end
$$;

comment on function tapedeck.refresh_verify(text, timestamptz, timestamptz) is
    'Makes sure that nobody is still storing this range of a view: since TimescaleDB 2.22 a refresh returns at once where another, such as a policy, has taken the work. Waits three seconds, then raises TD010.';

-- A refresh that failed half way leaves a note of what it took on: its whole window, which a refresh of a part
-- does not finish. Who comes next finishes it, where that deletes no candle that outlived its ticks.
create or replace function tapedeck.refresh_leftovers(
    p_view text, p_width interval, p_from timestamptz, p_to timestamptz, p_now timestamptz)
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
declare
    c_first constant timestamptz := '0001-01-01 00:00+00';
    c_least constant bigint := tapedeck.time_us(c_first);
    c_most constant bigint := tapedeck.time_us('9999-12-31 00:00+00');
    v_left record;
begin
    if to_regclass('_timescaledb_catalog.continuous_aggs_materialization_ranges') is null then
        return;
    end if;
    for v_left in
        execute 'select tapedeck.bucket_floor($4, timestamptz ''epoch'' + min(r.lowest_modified_value) * interval ''1 microsecond'') as lo,'
                '       least(tapedeck.bucket_ceil($4, timestamptz ''epoch'' + (max(r.greatest_modified_value) + 1) * interval ''1 microsecond''),'
                '             tapedeck.bucket_floor($4, $5)) as hi'
                '  from _timescaledb_catalog.continuous_aggs_materialization_ranges r'
                '  join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = r.materialization_id'
                ' where a.user_view_schema = ''public'' and a.user_view_name = $1'
                '   and r.lowest_modified_value < $3 and r.greatest_modified_value > $2'
                '   and r.lowest_modified_value > $6 and r.greatest_modified_value < $7'
          using p_view, tapedeck.time_us(greatest(p_from, c_first)), tapedeck.time_us(p_to), p_width, p_now, c_least, c_most
    loop
        if v_left.lo < v_left.hi and isempty(tapedeck.dropped_chunks(v_left.lo, v_left.hi)) then
            return next format('call public.refresh_continuous_aggregate(%L, %L::timestamptz, %L::timestamptz)',
                               'public.' || p_view, v_left.lo, v_left.hi);
        end if;
    end loop;
end
$$;

comment on function tapedeck.refresh_leftovers(text, interval, timestamptz, timestamptz, timestamptz) is
    'Statements that finish what failed refreshes of a view left unfinished in the range.';

create or replace function tapedeck.refresh_plan(
    p_from timestamptz, p_to timestamptz, p_now timestamptz, p_force boolean)
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
declare
    v_view text;
    v_width interval;
    v_queued_to timestamptz := (select max(least(p.range_to, p_from))
                                  from tapedeck.pending_refresh p
                                 where p.range_from < p_from);
    v_begin timestamptz;
    v_seqscan boolean;
    v_step record;
    v_from timestamptz;
    v_to timestamptz;
    -- Without force TimescaleDB stores only what it knows to have changed; older versions have no other way.
    v_can_force boolean := exists (select
                                     from pg_proc p
                                    where p.pronamespace = 'public'::regnamespace
                                      and p.proname = 'refresh_continuous_aggregate'
                                      and 'force' = any (p.proargnames));
begin
    perform tapedeck.range_check(p_from, p_to);
    foreach v_view in array tapedeck.stored_intervals() loop
        v_width := tapedeck.interval_width(v_view);
        -- A refresh moves the watermark to its end, and what lies below the watermark is read from what is
        -- stored: so whatever lies between the two comes along, as far as no other row of the queue has it.
        v_begin := least(p_from, greatest(tapedeck.tail_from('candle_' || v_view), v_queued_to));
        -- As far as any step below may reach: it would wait for what nobody finishes.
        return query select tapedeck.refresh_leftovers('candle_' || v_view, v_width,
                                                       tapedeck.bucket_floor(v_width, v_begin) - v_width,
                                                       tapedeck.bucket_ceil(v_width, p_to) + v_width, p_now);
        for v_step in
            -- Only where chunks are: where they were dropped, a refresh would delete the candles. Minutes go
            -- chunk by chunk, so that no transaction is long; the others read few rows.
            with piece as (
                select c.range_start, c.range_end,
                       greatest(tapedeck.bucket_floor(v_width, v_begin), c.range_start) as lo,
                       least(tapedeck.bucket_ceil(v_width, p_to), c.range_end,
                             tapedeck.bucket_floor(v_width, p_now)) as hi
                  from tapedeck.tick_chunks() c
                 where c.range_start < p_to and c.range_end > v_begin
            ), whole as (
                -- Whole buckets, should a chunk end within one: the narrower candles outlive their ticks.
                select lower(r) as range_start, upper(r) as range_end,
                       greatest(tapedeck.bucket_floor(v_width, v_begin), lower(r)) as lo,
                       least(tapedeck.bucket_ceil(v_width, p_to), upper(r),
                             tapedeck.bucket_floor(v_width, p_now)) as hi
                  from unnest((select range_agg(tstzrange(tapedeck.bucket_floor(v_width, piece.range_start),
                                                          tapedeck.bucket_ceil(v_width, piece.range_end)))
                                 from piece)) r
            )
            select * from piece where v_view = '1m' and lo < hi
            union all
            select * from whole where v_view <> '1m' and lo < hi
             order by 1
        loop
            -- In a refresh of the wider views TimescaleDB 2.24 asks for the watermark of candle_1m at every tick
            -- of a chunk that does not lie below it as a whole: 13 us each. As an index condition it is asked for
            -- once. The minutes themselves are read faster without.
            if v_seqscan is distinct from (v_view = '1m') then
                v_seqscan := v_view = '1m';
                return next format('set enable_seqscan = %s', case when v_seqscan then 'on' else 'off' end);
            end if;
            v_from := v_step.lo;
            v_to := v_step.hi;
            -- Two buckets at least, that are over and whose candles did not outlive their ticks. Just after
            -- midnight the bucket before lies in the chunk of yesterday.
            if v_to - v_from < 2 * v_width then
                if v_to + v_width <= least(v_step.range_end, tapedeck.bucket_floor(v_width, p_now)) then
                    v_to := v_to + v_width;
                elsif v_from - v_width >= v_step.range_start
                      or isempty(tapedeck.dropped_chunks(v_from - v_width, v_from)) then
                    v_from := v_from - v_width;
                end if;
            end if;
            if p_force and v_can_force then
                return next format('call public.refresh_continuous_aggregate(%L, %L::timestamptz, %L::timestamptz, force => true)',
                                   'public.candle_' || v_view, v_from, v_to);
            end if;
            -- After one with force too: only one without takes what it has stored out of TimescaleDB's books.
            return next format('call public.refresh_continuous_aggregate(%L, %L::timestamptz, %L::timestamptz)',
                               'public.candle_' || v_view, v_from, v_to);
            return next format('select tapedeck.refresh_verify(%L, %L::timestamptz, %L::timestamptz)',
                               'candle_' || v_view, v_from, v_to);
        end loop;
    end loop;
    if v_seqscan is false then
        return next 'reset enable_seqscan';
    end if;
end
$$;

comment on function tapedeck.refresh_plan(timestamptz, timestamptz, timestamptz, boolean) is
    'As refresh_steps; with p_force candles are stored anew that are thought to be fresh.';

create or replace function tapedeck.refresh_steps(p_from timestamptz, p_to timestamptz, p_now timestamptz)
returns setof text
language sql
stable
as $$ select tapedeck.refresh_plan(p_from, p_to, p_now, false) $$;

comment on function tapedeck.refresh_steps(timestamptz, timestamptz, timestamptz) is
    'Statements that make the candles of [p_from, p_to) fresh, to be run in this order, each outside a transaction; when one fails, release the row and begin again later. p_now bounds them to finished buckets; none when nothing is finished.';
