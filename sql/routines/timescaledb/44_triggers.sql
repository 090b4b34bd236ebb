-- Deleted ticks, and which triggers this engine has. TimescaleDB 2.24 knows no transition table for DELETE on a
-- hypertable, so every deleted row is looked at: it only widens what this transaction remembers of its symbol,
-- and the end of the statement tells. A trigger for each row also keeps TimescaleDB from deleting whole batches
-- of a compressed chunk without looking into them.
--
--   tapedeck.deleted, a setting of the transaction: {"SYMBOL": [oldest, newest], …}, µs; "": of any symbol

create or replace function tapedeck.tick_deleted()
returns trigger
language plpgsql
as $$
declare
    -- The setting is read and written as a whole; beyond this it would get slow.
    c_symbols_max constant integer := 64;
    v_all jsonb;
    v_symbol text := old.symbol;
    v_at bigint;
    v_range jsonb;
begin
    if pg_catalog.current_setting('tapedeck.announces', true) = 'on' then
        return null;
    end if;
    v_all := coalesce(nullif(pg_catalog.current_setting('tapedeck.deleted', true), ''), '{}')::pg_catalog.jsonb;
    v_at := (extract(epoch from old.time) * 1000000)::bigint;
    if not v_all ? v_symbol
       and (select count(*) from pg_catalog.jsonb_object_keys(v_all)) >= c_symbols_max then
        v_symbol := '';
    end if;
    v_range := v_all -> v_symbol;
    if v_range is null
       or v_at < (v_range ->> 0)::bigint
       or v_at > (v_range ->> 1)::bigint then
        v_all := v_all || pg_catalog.jsonb_build_object(v_symbol, pg_catalog.jsonb_build_array(
                     least(v_at, (v_range ->> 0)::bigint),
                     greatest(v_at, (v_range ->> 1)::bigint)));
        perform pg_catalog.set_config('tapedeck.deleted', v_all::text, true);
    end if;
    return null;
end
$$;

comment on function tapedeck.tick_deleted() is 'Trigger: notes a tick that another program deleted, until the statement ends.';

create or replace function tapedeck.ticks_deleted()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_all jsonb := nullif(current_setting('tapedeck.deleted', true), '');
    v_told record;
begin
    if v_all is null then
        return null;
    end if;
    perform set_config('tapedeck.deleted', '', true);
    with told as (
        insert into tapedeck.pending_refresh as p (range_from, range_to, reason, kind, symbol)
        select _timescaledb_functions.to_timestamp((d.value ->> 0)::bigint),
               _timescaledb_functions.to_timestamp((d.value ->> 1)::bigint + 1),
               'trigger', 'delete', nullif(d.key, '')
          from jsonb_each(v_all) d
        returning p.range_from, p.range_to, p.symbol
    )
    select min(t.range_from) as range_from, max(t.range_to) as range_to,
           case when bool_and(t.symbol is not null) then array_agg(t.symbol) end as symbols
      into v_told
      from told t;
    perform tapedeck.change_notify('written', v_told.range_from, v_told.range_to, v_told.symbols);
    return null;
end
$$;

comment on function tapedeck.ticks_deleted() is 'Trigger: tells which ticks another program deleted.';

create or replace function tapedeck.triggers_wanted()
returns table (name text, definition text, routine text)
language sql
immutable
as $$
    values ('tapedeck_inserted',
            'after insert on public.tick_data referencing new table as new_rows for each statement',
            'tapedeck.ticks_inserted()'),
           ('tapedeck_updated',
            'after update on public.tick_data referencing old table as old_rows new table as new_rows for each statement',
            'tapedeck.ticks_updated()'),
           ('tapedeck_deleted_row',
            'after delete on public.tick_data for each row',
            'tapedeck.tick_deleted()'),
           ('tapedeck_deleted',
            'after delete on public.tick_data for each statement',
            'tapedeck.ticks_deleted()'),
           ('tapedeck_truncated',
            'before truncate on public.tick_data for each statement',
            'tapedeck.ticks_truncated()')
$$;

comment on function tapedeck.triggers_wanted() is 'The triggers that tell of foreign writers.';

create or replace function tapedeck.chunks_outlived(p_from timestamptz, p_to timestamptz)
returns tstzmultirange
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outlived tstzmultirange := '{}';
    v_chunk record;
    v_candle record;
begin
    for v_chunk in
        select c.range_start, c.range_end from tapedeck.tick_chunks() c where c.range_start < p_to and c.range_end > p_from
    loop
        -- The oldest and the newest of its candles that are not queued: were their ticks dropped?
        for v_candle in
            execute format($sql$
                (select c.bucket, c.symbol from %1$s c
                  where c.bucket >= %2$L and c.bucket < %3$L
                    and not exists (select from tapedeck.pending_refresh p
                                     where p.range_from < c.bucket + interval '1 minute' and p.range_to > c.bucket)
                  order by c.bucket limit 1)
                union all
                (select c.bucket, c.symbol from %1$s c
                  where c.bucket >= %2$L and c.bucket < %3$L
                    and not exists (select from tapedeck.pending_refresh p
                                     where p.range_from < c.bucket + interval '1 minute' and p.range_to > c.bucket)
                  order by c.bucket desc limit 1)$sql$,
                tapedeck.candle_rows('1m'), v_chunk.range_start, v_chunk.range_end)
        loop
            if not exists (select
                             from public.tick_data t
                            where t.symbol = v_candle.symbol
                              and t.time >= v_candle.bucket
                              and t.time < v_candle.bucket + interval '1 minute'
                              and t.last_price is not null) then
                v_outlived := v_outlived + tstzmultirange(tstzrange(v_chunk.range_start, v_chunk.range_end));
            end if;
        end loop;
    end loop;
    return v_outlived;
end
$$;

comment on function tapedeck.chunks_outlived(timestamptz, timestamptz) is
    'Chunks that a foreign tick brought back where candles had outlived their ticks: these candles stay as they are.';

create or replace function tapedeck.truncate_steps(p_from timestamptz, p_to timestamptz, p_now timestamptz)
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
declare
    v_view record;
    v_from timestamptz;
    v_to timestamptz;
begin
    for v_view in
        select a.view, tapedeck.interval_width(i.name) as width, a.watermark
          from unnest(tapedeck.stored_intervals()) with ordinality as i (name, place)
          join tapedeck.aggregates_list() a on a.view = 'candle_' || i.name
         order by i.place
    loop
        -- Whole buckets, because chunks are whole days. Above the watermark nothing is stored.
        v_from := p_from;
        v_to := least(p_to, v_view.watermark, tapedeck.bucket_floor(v_view.width, p_now));
        continue when v_to is null or v_from >= v_to;
        if v_to - v_from < 2 * v_view.width then
            continue when not isempty(tapedeck.dropped_chunks(v_from - v_view.width, v_from));
            v_from := v_from - v_view.width;
        end if;
        return next format('call public.refresh_continuous_aggregate(%L, %L::timestamptz, %L::timestamptz)',
                           'public.' || v_view.view, v_from, v_to);
        return next format('select tapedeck.refresh_verify(%L, %L::timestamptz, %L::timestamptz)',
                           v_view.view, v_from, v_to);
    end loop;
end
$$;

comment on function tapedeck.truncate_steps(timestamptz, timestamptz, timestamptz) is
    'As refresh_steps, for a range whose ticks were truncated: its chunks went with them, and so shall its candles.';

create or replace function tapedeck.copy_is_unnoticed()
returns boolean
language sql
stable
as $$
    select exists (select
                     from pg_catalog.pg_trigger t
                    where t.tgrelid = 'public.tick_data'::regclass and t.tgname = 'tapedeck_inserted')
$$;

comment on function tapedeck.copy_is_unnoticed() is
    'While a trigger with a transition table is there, TimescaleDB 2.24 does not note what a COPY has changed: nobody refreshes that without force.';
