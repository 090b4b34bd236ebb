-- Triggers that tell what other programs do to tick_data. Opt-in: they cost every writer something.
--
--   a statement of others ─► trigger: a row of pending_refresh a symbol, NOTIFY {"kind":"written"}
--        │ commit                        in the writer's transaction, so with its ticks or not at all
--        ▼
--   symbols_digest()                     the rows go into tapedeck.symbols, merged ranges into the queue
--
-- A trigger only adds rows of its own. It locks nothing that another writer could want, so programs that
-- write at the same time do not wait for each other because of it, whatever they write in which order.
--
-- Tapedeck's own writers tell themselves: write_prepare() and import_undo() set tapedeck.announces for their
-- transaction, and the triggers leave it at that. They run with their owner's rights: who may write ticks
-- need not be allowed to write books.

create or replace function tapedeck.ticks_inserted()
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
        insert into tapedeck.pending_refresh as p
               (range_from, range_to, reason, kind, symbol, ticks, has_bid, has_ask, has_last)
        select min(n.time), max(n.time) + interval '1 microsecond', 'trigger', 'insert', n.symbol, count(*),
               count(n.bid_price) > 0, count(n.ask_price) > 0, count(n.last_price) > 0
          from new_rows n
         group by n.symbol
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

comment on function tapedeck.ticks_inserted() is 'Trigger: tells what another program inserted, of which symbols.';

create or replace function tapedeck.ticks_updated()
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
    -- Where the ticks were and where they are now, which may be another symbol and another time.
    with told as (
        insert into tapedeck.pending_refresh as p
               (range_from, range_to, reason, kind, symbol, ticks, has_bid, has_ask, has_last)
        select min(r.first_time), max(r.last_time) + interval '1 microsecond', 'trigger', 'update', r.symbol,
               sum(r.ticks), bool_or(r.has_bid), bool_or(r.has_ask), bool_or(r.has_last)
          from (select o.symbol, min(o.time) as first_time, max(o.time) as last_time, -count(*) as ticks,
                       false as has_bid, false as has_ask, false as has_last
                  from old_rows o
                 group by o.symbol
                 union all
                select n.symbol, min(n.time), max(n.time), count(*),
                       count(n.bid_price) > 0, count(n.ask_price) > 0, count(n.last_price) > 0
                  from new_rows n
                 group by n.symbol) r
         group by r.symbol
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

comment on function tapedeck.ticks_updated() is 'Trigger: tells which ticks another program changed, before and after.';

create or replace function tapedeck.ticks_truncated()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := clock_timestamp();
begin
    if current_setting('tapedeck.announces', true) = 'on' then
        return null;
    end if;
    -- Before it happens: TimescaleDB drops the chunks, and what they covered cannot be asked for afterwards.
    -- Where chunks were dropped earlier, candles have outlived their ticks and stay. Nothing later than now is stored.
    insert into tapedeck.pending_refresh (range_from, range_to, reason)
    select lower(r), upper(r), 'truncate'
      from unnest((select range_agg(tstzrange(c.range_start, least(c.range_end, v_now)))
                     from tapedeck.tick_chunks() c
                    where c.range_start < v_now)) r;
    insert into tapedeck.pending_refresh (range_from, range_to, reason, kind)
    select min(c.range_start), max(c.range_end), 'trigger', 'truncate' from tapedeck.tick_chunks() c having count(*) > 0;
    if found then
        perform tapedeck.change_notify('written', null, null, null);
    end if;
    return null;
end
$$;

comment on function tapedeck.ticks_truncated() is 'Trigger: tells that another program is about to empty tick_data.';

-- ---- on and off ----

create or replace function tapedeck.triggers_status()
returns table (trigger_name text, enabled boolean)
language sql
stable
as $$
    select w.name, coalesce(t.tgenabled in ('O', 'A'), false)
      from tapedeck.triggers_wanted() w
      left join pg_catalog.pg_trigger t on t.tgrelid = 'public.tick_data'::regclass and t.tgname = w.name
     order by w.name
$$;

comment on function tapedeck.triggers_status() is 'The triggers that tell of foreign writers, and whether each is there and fires.';

create or replace function tapedeck.triggers_tell()
returns boolean
language sql
stable
as $$ select bool_and(s.enabled) from tapedeck.triggers_status() s $$;

comment on function tapedeck.triggers_tell() is 'Do triggers tell of all that other programs write through tick_data?';

create or replace function tapedeck.triggers_enable()
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_wanted record;
begin
    if tapedeck.triggers_tell() then
        return false;
    end if;
    -- Waits for the writers that are at it; those who come after it wait too.
    lock table only public.tick_data in share row exclusive mode;
    for v_wanted in select * from tapedeck.triggers_wanted() loop
        execute format('drop trigger if exists %I on public.tick_data', v_wanted.name);
        execute format('create trigger %I %s execute function %s',
                       v_wanted.name, v_wanted.definition, v_wanted.routine);
    end loop;
    -- What was written without them is found as before, while nobody can write.
    perform tapedeck.symbols_reconcile();
    return true;
end
$$;

comment on function tapedeck.triggers_enable() is
    'From its commit on, triggers tell of everything that other programs do to tick_data; false: they did already. Waits for running writers, and holds others up meanwhile: set a lock_timeout.';

create or replace function tapedeck.triggers_disable()
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set client_min_messages = warning
as $$
declare
    v_wanted record;
    v_any boolean := (select bool_or(s.enabled) from tapedeck.triggers_status() s);
begin
    for v_wanted in select * from tapedeck.triggers_wanted() loop
        execute format('drop trigger if exists %I on public.tick_data', v_wanted.name);
    end loop;
    return v_any;
end
$$;

comment on function tapedeck.triggers_disable() is
    'Takes the triggers off; false: there were none. What they have told already is not forgotten.';
