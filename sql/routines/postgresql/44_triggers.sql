-- Deleted ticks, and which triggers this engine has.

create or replace function tapedeck.ticks_deleted()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_told record;
begin
    if current_setting('tapedeck.announces', true) = 'on' then
        return null;
    end if;
    with told as (
        insert into tapedeck.pending_refresh as p (range_from, range_to, reason, kind, symbol, ticks)
        select min(o.time), max(o.time) + interval '1 microsecond', 'trigger', 'delete', o.symbol, -count(*)
          from old_rows o
         group by o.symbol
        returning p.range_from, p.range_to, p.symbol
    )
    select min(t.range_from) as range_from, max(t.range_to) as range_to, array_agg(t.symbol) as symbols
      into v_told
      from told t;
    if v_told.range_from is not null then
        perform tapedeck.change_notify('written', v_told.range_from, v_told.range_to, v_told.symbols);
    end if;
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
           ('tapedeck_deleted',
            'after delete on public.tick_data referencing old table as old_rows for each statement',
            'tapedeck.ticks_deleted()'),
           ('tapedeck_truncated',
            'before truncate on public.tick_data for each statement',
            'tapedeck.ticks_truncated()')
$$;

comment on function tapedeck.triggers_wanted() is 'The triggers that tell of foreign writers.';

create or replace function tapedeck.chunks_outlived(p_from timestamptz, p_to timestamptz)
returns tstzmultirange
language sql
immutable
as $$ select '{}'::tstzmultirange $$;

comment on function tapedeck.chunks_outlived(timestamptz, timestamptz) is
    'Chunks that a foreign tick brought back where candles had outlived their ticks: none, because a tick without a partition is refused.';

create or replace function tapedeck.truncate_steps(p_from timestamptz, p_to timestamptz, p_now timestamptz)
returns setof text
language sql
stable
as $$ select tapedeck.refresh_steps(p_from, p_to, p_now) $$;

comment on function tapedeck.truncate_steps(timestamptz, timestamptz, timestamptz) is
    'As refresh_steps, for a range whose ticks were truncated; the partitions are still there.';

create or replace function tapedeck.copy_is_unnoticed()
returns boolean
language sql
immutable
as $$ select false $$;

comment on function tapedeck.copy_is_unnoticed() is
    'Whether the engine does not note what a COPY has changed. This one never does, and refreshes what it is told to.';
