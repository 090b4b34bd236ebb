-- tapedeck.symbols: who writes it, and how it stays true when others write ticks.
--
-- Writers of tapedeck count in write_finish(). Others only leave a trace in the identity sequence of tick_data:
--
--   values the sequence gave out = rows of our writers + rows of others that we found + the unexplained
--
-- While the unexplained does not grow nobody else has written, and nothing needs to be searched. When it does,
-- ticks beyond both ends of the known symbols and unknown symbols are looked for and counted. What still
-- remains, once no writer is in flight, was rolled back or lies between known ticks: then no count is known, and
-- nobody knows any more that a symbol lacks a field.
--
-- Where triggers tell of others (45_triggers.sql), symbols_digest() books what they tell, ticks between known ones
-- too. Then only what went round them is left to be searched for, and it is searched for among rows that must
-- have been told by now: those of transactions that have ended.

create or replace function tapedeck.symbols_list(p_prefix text, p_limit integer)
returns table (
    symbol text, first_time timestamptz, last_time timestamptz, ticks bigint, exact boolean,
    has_bid boolean, has_ask boolean, has_last boolean)
language sql
stable
as $$
    select s.symbol, s.first_time, s.last_time, s.ticks, s.exact, s.has_bid, s.has_ask, s.has_last
      from tapedeck.symbols s
     where s.first_time is not null
       and pg_catalog.starts_with(s.symbol, coalesce(p_prefix, ''))
     order by s.symbol collate "C"
     limit p_limit
$$;

comment on function tapedeck.symbols_list(text, integer) is
    'Symbols that have ticks and begin with the prefix, in byte order. A null prefix or limit means all.';

create or replace function tapedeck.writers_in_flight()
returns boolean
language sql
as $$
    -- Whoever writes holds this lock until the transaction ends. A prepared transaction has no pid.
    select exists (select
                     from pg_catalog.pg_locks l
                    where l.locktype = 'relation'
                      and l.database = (select d.oid
                                          from pg_catalog.pg_database d
                                         where d.datname = pg_catalog.current_database())
                      and l.relation = 'public.tick_data'::regclass
                      and l.mode = 'RowExclusiveLock'
                      and l.pid is distinct from pg_catalog.pg_backend_pid())
$$;

comment on function tapedeck.writers_in_flight() is 'Is another transaction writing ticks that are not visible yet?';

create or replace function tapedeck.symbols_lock()
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_was text := current_setting('lock_timeout');
begin
    -- Shorter than deadlock_timeout.
    perform set_config('lock_timeout', '250ms', true);
    lock table tapedeck.symbols in exclusive mode;
    perform set_config('lock_timeout', v_was, true);
    return true;
exception
    when lock_not_available then
        return false;
end
$$;

comment on function tapedeck.symbols_lock() is
    'Before rows of several symbols are changed in whatever order: writers change theirs in the order of the names, and would wait for us in a circle; a long import would be what is ended. False: somebody is at them, try again later.';

create or replace function tapedeck.symbols_trim(p_oldest timestamptz)
returns integer
language plpgsql
set search_path = pg_catalog, public, pg_temp
set jit = off
as $$
declare
    v_rows integer;
begin
    if not exists (select from tapedeck.symbols s where s.first_time < coalesce(p_oldest, 'infinity')) then
        return 0;
    elsif not tapedeck.symbols_lock() then
        return null;
    end if;
    update tapedeck.symbols s
       set first_time = f.first_time,
           last_time = case when f.first_time is not null then s.last_time end,
           ticks = case when f.first_time is not null then s.ticks else 0 end,
           exact = f.first_time is null,
           updated_at = clock_timestamp()
      from (select o.symbol, o.first_time as was,
                   (select t.time
                      from public.tick_data t
                     where t.symbol = o.symbol and t.time >= p_oldest
                     order by t.time, t.seq
                     limit 1) as first_time
              from tapedeck.symbols o
             where o.first_time < coalesce(p_oldest, 'infinity')) f
     where s.symbol = f.symbol
       and s.first_time = f.was;
    get diagnostics v_rows = row_count;
    return v_rows;
end
$$;

comment on function tapedeck.symbols_trim(timestamptz) is
    'Forgets ticks before p_oldest, where the oldest chunk begins: retention dropped them, uncounted. Null: no chunk is left. Returns null when somebody is at the books.';

create or replace function tapedeck.symbols_search(p_new boolean, p_exact boolean, p_seq bigint)
returns table (symbol text, ticks bigint, ranges tstzmultirange)
language plpgsql
set search_path = pg_catalog, public, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    -- Counting stops here; beyond it a count is an estimate.
    c_count_max constant bigint := 1000000;
    v_found jsonb;
begin
    with known as (
        select s.symbol, s.first_time, s.last_time from tapedeck.symbols s where not p_new
        union all
        select n.symbol, null, null
          from tapedeck.tick_symbols() as n (symbol)
         where p_new
           and not exists (select from tapedeck.symbols s where s.symbol = n.symbol)
    ), ends as materialized (
        select k.symbol, k.first_time, k.last_time,
               (select t.time
                  from public.tick_data t
                 where t.symbol = k.symbol and t.time > coalesce(k.last_time, '-infinity') and t.seq <= p_seq
                 order by t.time desc, t.seq desc
                 limit 1) as newest,
               (select t.time
                  from public.tick_data t
                 where t.symbol = k.symbol and t.time < coalesce(k.first_time, 'infinity') and t.seq <= p_seq
                 order by t.time, t.seq
                 limit 1) as oldest
          from known k
    ), found as materialized (
        select e.symbol, e.first_time, e.last_time, e.oldest, e.newest,
               -- The other ends of what is new: later than the last known tick, earlier than the first.
               case when e.newest is not null then
                   (select t.time
                      from public.tick_data t
                     where t.symbol = e.symbol and t.time > coalesce(e.last_time, '-infinity') and t.seq <= p_seq
                     order by t.time, t.seq
                     limit 1) end as later,
               case when e.oldest is not null and e.first_time is not null then
                   (select t.time
                      from public.tick_data t
                     where t.symbol = e.symbol and t.time < e.first_time and t.seq <= p_seq
                     order by t.time desc, t.seq desc
                     limit 1) end as earlier,
               late.ticks + early.ticks as ticks,
               -- Where counting stopped, a field that was not seen may still be there.
               late.has_bid or early.has_bid or c.unseen as has_bid,
               late.has_ask or early.has_ask or c.unseen as has_ask,
               late.has_last or early.has_last or c.unseen as has_last
          from ends e
         cross join lateral (
                select count(*) as ticks,
                       coalesce(bool_or(n.bid_price is not null), false) as has_bid,
                       coalesce(bool_or(n.ask_price is not null), false) as has_ask,
                       coalesce(bool_or(n.last_price is not null), false) as has_last
                  from (select t.bid_price, t.ask_price, t.last_price
                          from public.tick_data t
                         where e.newest is not null
                           and t.symbol = e.symbol and t.time > coalesce(e.last_time, '-infinity') and t.seq <= p_seq
                         limit c_count_max) as n) as late
         cross join lateral (
                select count(*) as ticks,
                       coalesce(bool_or(n.bid_price is not null), false) as has_bid,
                       coalesce(bool_or(n.ask_price is not null), false) as has_ask,
                       coalesce(bool_or(n.last_price is not null), false) as has_last
                  from (select t.bid_price, t.ask_price, t.last_price
                          from public.tick_data t
                         where e.oldest is not null and e.first_time is not null
                           and t.symbol = e.symbol and t.time < e.first_time and t.seq <= p_seq
                         limit c_count_max) as n) as early
         cross join lateral (
                select nullif(late.ticks >= c_count_max or early.ticks >= c_count_max, true) as unseen) as c
         where e.oldest is not null or e.newest is not null
    )
    select jsonb_agg(to_jsonb(f)) into v_found from found f;
    if v_found is null then
        return;
    elsif not tapedeck.symbols_lock() then
        return query select null::text, null::bigint, null::tstzmultirange;
        return;
    end if;

    return query
    with found as materialized (
        select f.*
          from jsonb_to_recordset(v_found)
               as f (symbol text, first_time timestamptz, last_time timestamptz, oldest timestamptz, newest timestamptz,
                     later timestamptz, earlier timestamptz, ticks bigint, has_bid boolean, has_ask boolean,
                     has_last boolean)
    ), made as (
        insert into tapedeck.symbols as s (symbol, first_time, last_time, ticks, exact, has_bid, has_ask, has_last)
        select f.symbol, f.oldest, f.newest, f.ticks, p_exact and f.ticks < c_count_max,
               f.has_bid, f.has_ask, f.has_last
          from found f
         where not exists (select from tapedeck.symbols s where s.symbol = f.symbol)
         order by f.symbol
            on conflict (symbol) do nothing
        returning s.symbol
    ), mended as (
        -- Only rows that no writer has moved meanwhile; the others are seen again next time.
        update tapedeck.symbols s
           set first_time = least(f.oldest, s.first_time),
               last_time = greatest(f.newest, s.last_time),
               ticks = s.ticks + f.ticks,
               exact = s.exact and p_exact and f.ticks < c_count_max,
               has_bid = s.has_bid or f.has_bid,
               has_ask = s.has_ask or f.has_ask,
               has_last = s.has_last or f.has_last,
               updated_at = clock_timestamp()
          from found f
         where s.symbol = f.symbol
           and s.first_time is not distinct from f.first_time
           and s.last_time is not distinct from f.last_time
        returning s.symbol
    )
    select f.symbol, f.ticks,
           case when f.later is not null
                then tstzmultirange(tstzrange(f.later, f.newest + interval '1 microsecond')) else '{}' end
           + case when f.earlier is not null
                  then tstzmultirange(tstzrange(f.oldest, f.earlier + interval '1 microsecond')) else '{}' end
      from found f
     where f.symbol in (select m.symbol from made m union all select m.symbol from mended m);
end
$$;

comment on function tapedeck.symbols_search(boolean, boolean, bigint) is
    'Looks for ticks with seq <= p_seq beyond both ends of every known symbol, or with p_new for unknown symbols, counts them and sees which fields they have. Returns the symbols that changed, the ticks found and where they are; one row of nulls when there are some and somebody is at the books.';

create or replace function tapedeck.symbols_seek(p_symbols text[])
returns void
language plpgsql
set search_path = pg_catalog, public, pg_temp
set jit = off
as $$
begin
    -- Locked first, in the order of the names: the next statement sees every tick of the writers before us.
    perform from tapedeck.symbols s where s.symbol = any (p_symbols) order by s.symbol for update;
    update tapedeck.symbols s
       set ticks = case when e.oldest is null then 0 else s.ticks end,
           exact = s.exact or e.oldest is null,
           first_time = e.oldest,
           last_time = e.newest,
           has_bid = s.has_bid and e.oldest is not null,
           has_ask = s.has_ask and e.oldest is not null,
           has_last = s.has_last and e.oldest is not null,
           updated_at = clock_timestamp()
      from unnest(p_symbols) as g (symbol)
     cross join lateral (
            select (select t.time from public.tick_data t
                     where t.symbol = g.symbol order by t.time, t.seq limit 1),
                   (select t.time from public.tick_data t
                     where t.symbol = g.symbol order by t.time desc, t.seq desc limit 1)) as e (oldest, newest)
     where s.symbol = g.symbol;
end
$$;

comment on function tapedeck.symbols_seek(text[]) is 'Looks where the ticks of these symbols begin and end now.';

create or replace function tapedeck.symbols_digest()
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    c_rows_max constant integer := 100000;
    v_told tapedeck.pending_refresh[];
    v_symbol record;
    v_known record;
    v_sought text[] := '{}';
    v_symbols integer := 0;
begin
    if not exists (select from tapedeck.pending_refresh p where p.kind is not null) then
        return 0;
    end if;
    -- One server at a time, and never while another reconciles: a row must not be searched for and told as well.
    perform from tapedeck.symbols_state for update skip locked;
    if not found or not tapedeck.symbols_lock() then
        return 0;
    end if;
    with told as (
        delete from tapedeck.pending_refresh p
         where p.id in (select o.id from tapedeck.pending_refresh o where o.kind is not null order by o.id limit c_rows_max)
        returning p as line
    )
    select array_agg(t.line) into v_told from told t;
    if v_told is null then
        return 0;
    end if;

    for v_symbol in
        select t.symbol,
               coalesce(sum(t.ticks), 0) as ticks,
               bool_and(t.ticks is not null) as is_counted,
               min(t.range_from) filter (where t.kind = 'insert') as first_time,
               max(t.range_to) filter (where t.kind = 'insert') - interval '1 microsecond' as last_time,
               min(t.range_from) filter (where t.kind <> 'insert') as changed_from,
               max(t.range_to) filter (where t.kind <> 'insert') as changed_to,
               coalesce(bool_or(t.has_bid), false) as has_bid,
               coalesce(bool_or(t.has_ask), false) as has_ask,
               coalesce(bool_or(t.has_last), false) as has_last
          from unnest(v_told) t
         where t.symbol is not null
         group by t.symbol
         order by t.symbol
    loop
        insert into tapedeck.symbols as s (symbol, first_time, last_time, ticks, exact, has_bid, has_ask, has_last)
        values (v_symbol.symbol, v_symbol.first_time, v_symbol.last_time, greatest(v_symbol.ticks, 0),
                v_symbol.is_counted,
                -- Of a symbol that nobody knew before nobody knows what it lacks, unless it begins here.
                v_symbol.has_bid or nullif(v_symbol.first_time is null, true),
                v_symbol.has_ask or nullif(v_symbol.first_time is null, true),
                v_symbol.has_last or nullif(v_symbol.first_time is null, true))
            on conflict (symbol) do update
           set first_time = least(s.first_time, excluded.first_time),
               last_time = greatest(s.last_time, excluded.last_time),
               ticks = greatest(s.ticks + v_symbol.ticks, 0),
               exact = s.exact and excluded.exact,
               has_bid = s.has_bid or v_symbol.has_bid,
               has_ask = s.has_ask or v_symbol.has_ask,
               has_last = s.has_last or v_symbol.has_last,
               updated_at = clock_timestamp()
        returning s.first_time, s.last_time into v_known;
        -- What was changed in between moves no end.
        if v_known.first_time is null
           or v_symbol.changed_from <= v_known.first_time
           or v_symbol.changed_to > v_known.last_time then
            v_sought := v_sought || v_symbol.symbol;
        end if;
        v_symbols := v_symbols + 1;
    end loop;

    -- Of any symbol: the table was emptied, or a statement deleted ticks of very many.
    if exists (select from unnest(v_told) t where t.symbol is null) then
        update tapedeck.symbols s set exact = false where s.exact and s.first_time is not null;
        select array_agg(s.symbol) into v_sought from tapedeck.symbols s where s.first_time is not null or s.symbol = any (v_sought);
        v_symbols := greatest(v_symbols, 1);
    end if;
    perform tapedeck.symbols_seek(v_sought);

    perform tapedeck.foreign_queue((select range_agg(tstzrange(t.range_from, t.range_to))
                                      from unnest(v_told) t
                                     where t.kind <> 'truncate'), 'trigger');
    update tapedeck.symbols_state s
       set foreign_rows = s.foreign_rows
                          + (select coalesce(sum(t.ticks), 0) from unnest(v_told) t where t.kind = 'insert');
    perform tapedeck.change_notify('symbols', null, null, null);
    return v_symbols;
end
$$;

comment on function tapedeck.symbols_digest() is
    'Books what triggers told of other programs'' statements, and queues their ranges, merged; announces that symbols have changed. Returns how many; 0 also when somebody else is at it.';

create or replace function tapedeck.symbols_reconcile()
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    c_search_every constant interval := '10 seconds';
    c_rounds_max constant integer := 10;
    c_seq_max constant bigint := 9223372036854775807;
    v_told boolean := tapedeck.triggers_tell();
    v_state tapedeck.symbols_state;
    v_marker bigint;
    v_busy boolean;
    v_oldest timestamptz;
    v_written bigint;
    v_found record;
    v_new boolean;
    v_unexplained bigint;
    v_digested integer;
    v_changes integer := 0;
begin
    -- One server at a time; the others have nothing to add.
    perform from tapedeck.symbols_state for update skip locked;
    if not found then
        return 0;
    end if;
    v_marker := tapedeck.change_marker();
    v_busy := tapedeck.writers_in_flight();
    -- After the marker and the writers: all rows up to the marker are booked then, unless somebody writes.
    for v_round in 1 .. c_rounds_max loop
        v_digested := tapedeck.symbols_digest();
        v_changes := v_changes + v_digested;
        exit when v_digested = 0;
        v_busy := v_busy or v_round = c_rounds_max;
    end loop;
    -- Or a writer is at the books.
    v_busy := v_busy or exists (select from tapedeck.pending_refresh p where p.kind is not null);
    select * into v_state from tapedeck.symbols_state;
    select min(c.range_start) into v_oldest from tapedeck.tick_chunks() c;
    if v_state.marker = v_marker and v_state.settled and v_state.oldest is not distinct from v_oldest then
        return v_changes;
    end if;

    if v_state.oldest is distinct from v_oldest and tapedeck.symbols_trim(v_oldest) is not null then
        v_state.oldest := v_oldest;
    end if;

    select coalesce(sum(s.written), 0) into v_written from tapedeck.symbols s;
    foreach v_new in array array[false, true] loop
        v_unexplained := v_marker - v_written - v_state.foreign_rows;
        exit when v_unexplained = v_state.unexplained;
        -- Less is known of than was told: of somebody who came after the marker was read.
        exit when v_told and (v_busy or v_unexplained < v_state.unexplained);
        if v_new then
            -- This looks into every chunk; while writers come and go, only now and then.
            exit when v_busy and v_state.searched_at + c_search_every > clock_timestamp();
            v_state.searched_at := clock_timestamp();
        end if;
        select count(f.symbol) as symbols, coalesce(sum(f.ticks), 0) as ticks,
               range_agg(f.ranges) as ranges, array_agg(f.symbol) as names, count(*) as found
          into v_found
          from tapedeck.symbols_search(v_new, not v_busy, case when v_told then v_marker else c_seq_max end) f;
        v_busy := v_busy or v_found.found > v_found.symbols;
        if v_found.symbols > 0 then
            v_changes := v_changes + v_found.symbols;
            v_state.foreign_rows := v_state.foreign_rows + v_found.ticks;
            perform tapedeck.foreign_queue(v_found.ranges, 'foreign');
            perform tapedeck.change_notify('ticks', lower(v_found.ranges), upper(v_found.ranges), v_found.names);
        end if;
        select coalesce(sum(s.written), 0) into v_written from tapedeck.symbols s;
    end loop;

    -- Nobody was writing and nobody began to: what was to be found has been found.
    v_state.settled := not v_busy and tapedeck.change_marker() = v_marker;
    if v_state.settled and v_marker - v_written - v_state.foreign_rows <> v_state.unexplained then
        v_state.settled := tapedeck.symbols_lock();
    end if;
    if v_state.settled and v_marker - v_written - v_state.foreign_rows <> v_state.unexplained then
        v_state.unexplained := v_marker - v_written - v_state.foreign_rows;
        update tapedeck.symbols s
           set exact = s.exact and s.first_time is null,
               has_bid = nullif(s.has_bid, false),
               has_ask = nullif(s.has_ask, false),
               has_last = nullif(s.has_last, false),
               updated_at = clock_timestamp()
         where s.exact and s.first_time is not null
            or not (s.has_bid and s.has_ask and s.has_last);
        -- Whose ticks and where nobody knows; the announcements of others at the same time must not hide it.
        perform tapedeck.change_notify('foreign', null, null, null);
    end if;

    update tapedeck.symbols_state s
       set marker = v_marker,
           settled = v_state.settled,
           oldest = v_state.oldest,
           unexplained = v_state.unexplained,
           foreign_rows = v_state.foreign_rows,
           searched_at = v_state.searched_at;
    return v_changes;
end
$$;

comment on function tapedeck.symbols_reconcile() is
    'Brings tapedeck.symbols in line with ticks that others wrote or retention dropped; returns the number of symbols whose ticks it found or was told of. What it finds it announces, and queues for refresh where candles are stored already. Cheap when nothing happened, so it can be called every second.';

create or replace function tapedeck.symbols_forget(p_ticks jsonb)
returns void
language plpgsql
set search_path = pg_catalog, public, pg_temp
set jit = off
as $$
begin
    -- Locked first, in the order of the names: the next statement sees every tick of the writers before us.
    perform
       from tapedeck.symbols s
      where s.symbol in (select k from jsonb_object_keys(p_ticks) k)
      order by s.symbol
        for update;
    update tapedeck.symbols s
       set ticks = case when e.oldest is null then 0 else greatest(s.ticks - g.ticks::bigint, 0) end,
           exact = s.exact or e.oldest is null,
           first_time = e.oldest,
           last_time = e.newest,
           has_bid = s.has_bid and e.oldest is not null,
           has_ask = s.has_ask and e.oldest is not null,
           has_last = s.has_last and e.oldest is not null,
           updated_at = clock_timestamp()
      from jsonb_each_text(p_ticks) as g (symbol, ticks)
     cross join lateral (
            select (select t.time from public.tick_data t
                     where t.symbol = g.symbol order by t.time, t.seq limit 1),
                   (select t.time from public.tick_data t
                     where t.symbol = g.symbol order by t.time desc, t.seq desc limit 1)) as e (oldest, newest)
     where s.symbol = g.symbol
       and g.ticks::bigint > 0;
end
$$;

comment on function tapedeck.symbols_forget(jsonb) is
    'Corrects the books after ticks were deleted; the argument is {SYMBOL: number of ticks deleted, ...}.';

create or replace function tapedeck.symbols_recount(p_limit integer)
returns integer
language plpgsql
set search_path = pg_catalog, public, pg_temp
set jit = off
as $$
declare
    v_marker bigint := tapedeck.change_marker();
    v_symbol text;
    v_done integer := 0;
begin
    -- Not while a row may be on its way: it would be counted and then doubted again, and imports shall not wait.
    if tapedeck.writers_in_flight()
       or exists (select from tapedeck.pending_refresh p where p.kind is not null)
       or not exists (select from tapedeck.symbols_state s where s.settled and s.marker = v_marker) then
        return 0;
    end if;
    for v_symbol in
        select s.symbol
          from tapedeck.symbols s
         where not s.exact
            or s.has_bid is null
            or s.has_ask is null
            or s.has_last is null
         order by s.updated_at
         limit p_limit
    loop
        begin
            -- Our own writers wait here and add theirs afterwards; the next statement sees all before.
            perform from tapedeck.symbols s where s.symbol = v_symbol for update;
            update tapedeck.symbols s
               set ticks = n.ticks,
                   first_time = n.first_time,
                   last_time = n.last_time,
                   exact = true,
                   has_bid = coalesce(n.has_bid, false),
                   has_ask = coalesce(n.has_ask, false),
                   has_last = coalesce(n.has_last, false),
                   updated_at = clock_timestamp()
              from (select count(*) as ticks, min(t.time) as first_time, max(t.time) as last_time,
                           bool_or(t.bid_price is not null) as has_bid,
                           bool_or(t.ask_price is not null) as has_ask,
                           bool_or(t.last_price is not null) as has_last
                      from public.tick_data t
                     where t.symbol = v_symbol) n
             where s.symbol = v_symbol;
            -- Ticks that came meanwhile may have been counted, and will be told by a trigger yet.
            if tapedeck.change_marker() <> v_marker then
                update tapedeck.symbols s set exact = false where s.symbol = v_symbol;
            end if;
        exception
            when query_canceled then
                -- Too many ticks for the time the caller allows: next time the others come first.
                update tapedeck.symbols s set updated_at = clock_timestamp() where s.symbol = v_symbol;
                return v_done;
        end;
        v_done := v_done + 1;
    end loop;
    return v_done;
end
$$;

comment on function tapedeck.symbols_recount(integer) is
    'Counts up to p_limit symbols that are not exact or of which not every field is known, the longest neglected first; returns how many. Reads all their ticks: for idle times, under a statement_timeout. Returns early when that ends it.';
