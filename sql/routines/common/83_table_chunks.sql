-- Dropping old chunks of any table. Engines say what holds a chunk back (table_hold) and drop it (table_drop_one).

create or replace function tapedeck.table_owed_ticks(p_from timestamptz, p_to timestamptz)
returns text
language sql
stable
as $$
    select pg_catalog.format('its candles are queued for refresh (%s, by %s)', p.reason, p.created_at)
      from tapedeck.pending_refresh p
     where p.range_from < p_to and p.range_to > p_from
     order by p.id
     limit 1
$$;

comment on function tapedeck.table_owed_ticks(timestamptz, timestamptz) is
    'Why ticks of the range may not go yet: the row of the queue that needs them. Null: no row does.';

create or replace function tapedeck.table_lock_chunk(p_table regclass, p_chunk text, p_is_partition boolean)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A writer locks the table before its partition, and so does who drops one; a chunk goes by itself.
    if p_is_partition then
        execute format('lock table only %s in share row exclusive mode', tapedeck.table_name(p_table));
    end if;
    execute format('lock table %s in share mode', p_chunk);
    return true;
exception
    when undefined_table then
        return false;
end
$$;

comment on function tapedeck.table_lock_chunk(regclass, text, boolean) is
    'Keeps writers, but no readers, from a chunk until this transaction ends. False: it is gone.';

create or replace function tapedeck.table_drop_list(p_table text, p_before timestamptz)
returns table (
    chunk text, range_start timestamptz, range_end timestamptz, row_estimate bigint, bytes bigint,
    compressed boolean, kept text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table regclass := tapedeck.table_find_own(p_table);
begin
    if p_before is null or not isfinite(p_before) or p_before > clock_timestamp() then
        raise exception using
            errcode = 'TD002',
            message = format('%s is not in the past', coalesce(tapedeck.table_time_text(p_before), 'null'));
    end if;
    return query
    select c.chunk, c.range_start, c.range_end, c.row_estimate, c.bytes, c.compressed,
           tapedeck.table_hold(v_table, c.range_start, c.range_end)
      from tapedeck.table_chunks(tapedeck.table_name(v_table), null, p_before) c
     where c.range_end <= p_before
     order by c.range_end, c.chunk;
end
$$;

comment on function tapedeck.table_drop_list(text, timestamptz) is
    'The chunks or partitions that end at or before an instant, and what keeps each from being dropped; null: nothing. Raises TD002, TD020, TD021.';

create or replace function tapedeck.table_drop_chunks(p_table text, p_before timestamptz, p_chunks text[] default null)
returns setof text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table regclass := tapedeck.table_find_own(p_table);
    v_chunk record;
begin
    -- A drop locks the table for a moment; rather fail than queue all readers behind it.
    perform set_config('lock_timeout', '5s', true);
    -- One at a time: two who look at the same chunks, which locks them a little, cannot both lock them further.
    perform pg_advisory_xact_lock(1413742612, v_table::oid::bigint::bit(32)::integer);
    for v_chunk in
        select l.chunk, l.range_start, l.range_end
          from tapedeck.table_drop_list(tapedeck.table_name(v_table), p_before) l
         where l.kept is null
           and (p_chunks is null or l.chunk = any (p_chunks))
    loop
        if tapedeck.table_drop_one(v_table, v_chunk.chunk, v_chunk.range_start, v_chunk.range_end) then
            return next v_chunk.chunk;
        end if;
    end loop;
end
$$;

comment on function tapedeck.table_drop_chunks(text, timestamptz, text[]) is
    'Drops what table_drop_list() lists and nothing keeps; with p_chunks only those of them. All in one transaction. Returns the names of what is gone; what somebody wrote into meanwhile stays.';

create or replace function tapedeck.table_ticks_of(p_from timestamptz, p_to timestamptz)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    v_ticks jsonb;
begin
    -- Planned every time: a plan that is kept still knows the chunks that this transaction has dropped.
    execute format('select coalesce(jsonb_object_agg(g.symbol, g.ticks), ''{}'')'
                   '  from (select t.symbol, count(*) as ticks'
                   '          from public.tick_data t'
                   '         where %s'
                   '         group by t.symbol) g',
                   tapedeck.table_range('time', 'timestamptz', p_from, p_to))
       into v_ticks;
    return v_ticks;
end
$$;

comment on function tapedeck.table_ticks_of(timestamptz, timestamptz) is 'Number of ticks of each symbol in the range, as symbols_forget() wants it.';

create or replace function tapedeck.table_ticks_dropped(p_ticks jsonb, p_from timestamptz, p_to timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_ticks <> '{}' then
        perform tapedeck.symbols_forget(p_ticks);
        perform tapedeck.change_notify('ticks', p_from, p_to, (select array_agg(k) from jsonb_object_keys(p_ticks) k));
    end if;
end
$$;

comment on function tapedeck.table_ticks_dropped(jsonb, timestamptz, timestamptz) is
    'Corrects the books after the ticks of a chunk were dropped, and announces it.';

create or replace function tapedeck.table_window_text(p_window interval)
returns text
language sql
immutable
as $$ select pg_catalog.justify_hours(p_window)::text $$;

comment on function tapedeck.table_window_text(interval) is 'A window of a policy as people write it: 90 days.';

create or replace function tapedeck.table_window(p_us bigint)
returns interval
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_us is null or p_us < 1000000 or p_us > 36525::bigint * 86400 * 1000000 then
        raise exception using
            errcode = 'TD002',
            message = format('%s microseconds are no window of time', coalesce(p_us::text, 'null')),
            hint = 'From a second to a hundred years.';
    end if;
    return justify_hours(p_us * interval '1 microsecond');
end
$$;

comment on function tapedeck.table_window(bigint) is 'Microseconds as an interval of days and hours. Raises TD002.';
