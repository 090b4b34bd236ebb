-- Healing candles. tapedeck.pending_refresh lists what is out of date; the loop of a healer is
--
--   id := pending_take(0)
--     while id: run each of pending_steps(id); pending_done(id), or pending_release(id) on error; id := pending_take(id)
--
-- Refreshing runs outside any transaction, so no row lock can hold a row. A session-level advisory lock does:
-- it lasts across transactions and ends with the session, however that dies. Two healers never refresh the
-- same buckets at the same time, and a row disappears only after its refresh.

create or replace function tapedeck.pending_list()
returns table (id bigint, range_from timestamptz, range_to timestamptz, reason text, created_at timestamptz)
language sql
stable
as $$
    select p.id, p.range_from, p.range_to, p.reason, p.created_at
      from tapedeck.pending_refresh p
     order by p.id
$$;

comment on function tapedeck.pending_list() is
    'Ranges whose candles are out of date, oldest first: fold their minutes from ticks instead.';

create or replace function tapedeck.pending_take(p_after bigint)
returns table (id bigint, range_from timestamptz, range_to timestamptz)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Two refreshes must not touch the same bucket; the widest is a day, and a refresh may take one more.
    c_apart constant interval := interval '48 hours';
    v_id bigint := coalesce(p_after, 0);
begin
    -- What triggers have told of others goes into the books first, and from there, merged, into the queue.
    if v_id = 0 then
        perform tapedeck.symbols_digest();
    end if;
    -- One taker at a time, for the moment of taking.
    perform pg_advisory_xact_lock(1413742597, 0);
    loop
        select min(p.id) into v_id from tapedeck.pending_refresh p where p.id > v_id and p.kind is null;
        if v_id is null then
            return;
        end if;
        if pg_try_advisory_lock(1413742593, (v_id % 2147483647)::integer) then
            return query
            select p.id, p.range_from, p.range_to
              from tapedeck.pending_refresh p
             where p.id = v_id
               and not exists (select
                                 from tapedeck.pending_refresh o
                                 join pg_locks l
                                   on l.locktype = 'advisory'
                                  and l.database = (select d.oid from pg_database d where d.datname = current_database())
                                  and l.classid = 1413742593
                                  and l.objid = (o.id % 2147483647)::integer::oid
                                  and l.objsubid = 2
                                  and l.pid <> pg_backend_pid()
                                where o.range_from - c_apart < p.range_to
                                  and o.range_to + c_apart > p.range_from);
            if found then
                return;
            end if;
            -- Done by another healer between our look and our lock, or too near to what one is at.
            perform pg_advisory_unlock(1413742593, (v_id % 2147483647)::integer);
        end if;
    end loop;
end
$$;

comment on function tapedeck.pending_take(bigint) is
    'Takes the oldest row with a greater id that no other session holds or works near to; no row: nothing to take. The session holds it until pending_done, pending_release or its end.';

create or replace function tapedeck.pending_steps(p_id bigint, p_now timestamptz)
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_row tapedeck.pending_refresh;
begin
    select * into v_row from tapedeck.pending_refresh p where p.id = p_id;
    if not found then
        return;
    end if;
    if v_row.reason = 'truncate' then
        return query select tapedeck.truncate_steps(v_row.range_from, v_row.range_to, p_now);
    elsif v_row.reason in ('trigger', 'foreign') then
        -- Nobody kept others from writing where candles have outlived their ticks.
        return query
        select s
          from unnest(tstzmultirange(tstzrange(v_row.range_from, v_row.range_to))
                      - tapedeck.chunks_outlived(v_row.range_from, v_row.range_to)) r
         cross join lateral tapedeck.refresh_plan(lower(r), upper(r), p_now, v_row.forced) s;
    else
        return query
        select tapedeck.refresh_plan(v_row.range_from, v_row.range_to, p_now, v_row.forced or v_row.reason = 'repair');
    end if;
end
$$;

comment on function tapedeck.pending_steps(bigint, timestamptz) is
    'The refresh_steps() of a taken row. Where somebody asked for a repair, candles are stored anew that are thought to be fresh.';

create or replace function tapedeck.pending_add(p_from timestamptz, p_to timestamptz, p_reason text)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id bigint;
begin
    perform tapedeck.range_check(p_from, p_to);
    insert into tapedeck.pending_refresh (range_from, range_to, reason)
    values (p_from, p_to, p_reason)
    returning id into v_id;
    return v_id;
end
$$;

comment on function tapedeck.pending_add(timestamptz, timestamptz, text) is
    'Queues a range and returns the number of its row. With reason repair its candles are stored anew whatever the engine knows of changes.';

create or replace function tapedeck.pending_held(p_id bigint)
returns boolean
language sql
as $$
    select exists (select
                     from pg_catalog.pg_locks l
                    where l.locktype = 'advisory'
                      and l.database = (select d.oid
                                          from pg_catalog.pg_database d
                                         where d.datname = pg_catalog.current_database())
                      and l.classid = 1413742593
                      and l.objid = (p_id % 2147483647)::integer::oid
                      and l.objsubid = 2
                      and l.pid = pg_catalog.pg_backend_pid())
$$;

comment on function tapedeck.pending_held(bigint) is 'Does this session hold the row?';

create or replace function tapedeck.pending_release(p_id bigint)
returns boolean
language sql
as $$
    -- Asked first, because giving back what is not held warns.
    select case when tapedeck.pending_held(p_id)
                then pg_catalog.pg_advisory_unlock(1413742593, (p_id % 2147483647)::integer)
                else false end
$$;

comment on function tapedeck.pending_release(bigint) is
    'Gives a taken row back undone; it stays for the next healer. False when this session did not hold it.';

create or replace function tapedeck.pending_done(p_id bigint)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_held boolean := tapedeck.pending_held(p_id);
    v_row tapedeck.pending_refresh;
begin
    -- Until the commit a lock of this transaction stands in for that of the session.
    perform pg_advisory_xact_lock(1413742593, (p_id % 2147483647)::integer);
    if v_held then
        perform pg_advisory_unlock(1413742593, (p_id % 2147483647)::integer);
    end if;
    delete from tapedeck.pending_refresh p where p.id = p_id returning p.* into v_row;
    if not found then
        return false;
    end if;
    -- Nothing later than now has been stored, and a range that ends in the future would say that ticks are there.
    perform tapedeck.change_notify('candles', v_row.range_from,
                                   greatest(least(v_row.range_to, clock_timestamp()),
                                            v_row.range_from + interval '1 microsecond'), null);
    return true;
end
$$;

comment on function tapedeck.pending_done(bigint) is
    'The candles of a taken row are fresh: deletes it, announces them, gives the hold back. False when it was gone already.';
