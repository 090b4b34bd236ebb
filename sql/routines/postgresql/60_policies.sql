-- tapedeck.jobs as policies: the same contract as on TimescaleDB.

create or replace function tapedeck.retention_horizon()
returns interval
language sql
stable
as $$
    -- One that cannot be read drops nothing: its job fails.
    select min(tapedeck.interval_read(j.config ->> 'drop_after'))
      from tapedeck.jobs j
     where j.kind = 'retention' and j.target = 'tick_data' and j.enabled
$$;

comment on function tapedeck.retention_horizon() is
    'Ticks older than this are dropped; null while no retention policy of tick_data is enabled.';

create or replace function tapedeck.retention_disable()
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update tapedeck.jobs j set enabled = false
     where j.kind = 'retention' and j.target = 'tick_data' and j.enabled;
    return found;
end
$$;

comment on function tapedeck.retention_disable() is
    'Switches the retention of tick_data off; it stays listed. False when it was not on.';

create or replace function tapedeck.job_is_running(p_job_id integer)
returns boolean
language sql
as $$
    select exists (select
                     from pg_catalog.pg_locks l
                    where l.locktype = 'advisory'
                      and l.database = (select d.oid
                                          from pg_catalog.pg_database d
                                         where d.datname = pg_catalog.current_database())
                      and l.classid = 1413742596
                      and l.objid = p_job_id::oid
                      and l.objsubid = 2)
$$;

comment on function tapedeck.job_is_running(integer) is 'Does a session hold the lock of this job?';

create or replace function tapedeck.policies_list()
returns table (
    job_id integer, kind text, target text, config jsonb, schedule_interval_s double precision, enabled boolean,
    last_run_at timestamptz, last_status text, last_duration_ms double precision, last_error text,
    next_run_at timestamptz, total_runs bigint, total_failures bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- From "running" being visible to the lock of the run.
    c_begins constant interval := interval '10 seconds';
    -- First who holds a lock, then, in a later snapshot, who says he is running: a run that ends in between is not taken
    -- for one that has died.
    v_held integer[] := array(select j.job_id from tapedeck.jobs j where tapedeck.job_is_running(j.job_id));
    v_held_at timestamptz := clock_timestamp();
begin
    return query
    select j.job_id,
           case when j.kind = 'partition' then 'other' else j.kind end,
           j.target,
           j.config,
           extract(epoch from j.schedule_interval)::double precision,
           j.enabled,
           j.last_run_at,
           s.status,
           extract(epoch from j.last_duration)::double precision * 1000,
           case when s.status = 'failed' then j.last_error end,
           case when j.enabled then j.next_run_at end,
           j.total_runs,
           j.total_failures + case when s.status <> j.last_status then 1 else 0 end
      from tapedeck.jobs j
     cross join lateral (
            -- A run whose session died left "running" behind, but no lock.
            select case when j.last_status = 'running' and j.last_run_at < v_held_at - c_begins
                         and j.job_id <> all (v_held) then 'failed'
                        else j.last_status end) as s (status)
     order by j.job_id;
end
$$;

comment on function tapedeck.policies_list() is
    'Every job, and how its last run went. last_error is null unless that run failed.';

create or replace function tapedeck.policies_check()
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_margin constant interval := tapedeck.policy_margin();
    c_text_max constant integer := 60;
    v_unreadable record;
    v_refresh record;
    v_horizon interval := tapedeck.retention_horizon();
begin
    for v_unreadable in
        select j.job_id, j.kind, k.name, j.config ->> k.name as said, k.mended
          from tapedeck.jobs j
         cross join (values ('ahead', '7 days'), ('at', '03:00'), ('drop_after', null),
                            ('end_offset', '1 minute'), ('start_offset', '10 minutes')) as k (name, mended)
         where (j.enabled or j.kind = 'refresh')
           and j.config ->> k.name is not null
           and tapedeck.interval_read(j.config ->> k.name) is null
         order by j.job_id, k.name
    loop
        -- As JSON, whatever somebody wrote stays on one line. How long ticks were to be kept is nobody's to guess.
        return next format('%s of %s job %s is no length of time: %s; run: %s', v_unreadable.name, v_unreadable.kind,
                           v_unreadable.job_id, to_jsonb(left(v_unreadable.said, c_text_max)),
                           case when v_unreadable.mended is null
                                then format('select tapedeck.policy_set(%s, false)', v_unreadable.job_id)
                                else format('update tapedeck.jobs set config = config || %L where job_id = %s',
                                            jsonb_build_object(v_unreadable.name, v_unreadable.mended),
                                            v_unreadable.job_id) end);
    end loop;
    if not exists (select from tapedeck.jobs j where j.kind = 'refresh') then
        return next 'candle_1m has no refresh job; run: insert into tapedeck.jobs (kind, target, config, schedule_interval, next_run_at) values (''refresh'', ''candle_1m'', ''{"start_offset": "10 minutes", "end_offset": "1 minute"}'', ''1 minute'', now())';
    end if;
    for v_refresh in
        select j.job_id,
               j.config ->> 'start_offset' as start_text,
               j.config ->> 'end_offset' as end_text,
               tapedeck.interval_read(j.config ->> 'start_offset') as start_offset,
               tapedeck.interval_read(j.config ->> 'end_offset') as end_offset
          from tapedeck.jobs j
         where j.kind = 'refresh'
         order by j.job_id
    loop
        if v_refresh.end_text is null or v_refresh.end_offset < interval '0' then
            return next format('refresh job %s has no end before now; run: update tapedeck.jobs set config = config || ''{"end_offset": "1 minute"}'' where job_id = %s',
                               v_refresh.job_id, v_refresh.job_id);
        end if;
        if v_refresh.start_text is null then
            return next format('refresh job %s has no start; run: update tapedeck.jobs set config = config || ''{"start_offset": "10 minutes"}'' where job_id = %s',
                               v_refresh.job_id, v_refresh.job_id);
        elsif v_horizon <= tapedeck.policy_drop_after_bound(v_refresh.start_offset, tapedeck.tick_chunk_width(),
                                                            interval '1 minute') then
            return next format('the retention of tick_data drops after %s what refresh job %s still looks at (start_offset %s + partition %s + bucket 00:01:00 + margin %s); run: update tapedeck.jobs set config = config || ''{"start_offset": "10 minutes"}'' where job_id = %s, or keep the ticks for more than three days',
                               v_horizon, v_refresh.job_id, v_refresh.start_offset, tapedeck.tick_chunk_width(),
                               c_margin, v_refresh.job_id);
        end if;
    end loop;
end
$$;

comment on function tapedeck.policies_check() is
    'What is wrong with the policies, and the command that mends it; no row: nothing. Go no further while there is one: candles would be lost.';

create or replace function tapedeck.policy_find(p_job_id integer)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_enabled boolean;
begin
    select j.enabled into v_enabled from tapedeck.jobs j where j.job_id = p_job_id;
    if not found then
        raise exception using
            errcode = 'TD004',
            message = format('there is no policy %s', p_job_id);
    end if;
    return v_enabled;
end
$$;

comment on function tapedeck.policy_find(integer) is 'Is the policy enabled? Raises TD004 when there is none.';

create or replace function tapedeck.policy_set(p_job_id integer, p_enabled boolean)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_finding text;
begin
    perform tapedeck.policy_find(p_job_id);
    update tapedeck.jobs j set enabled = p_enabled where j.job_id = p_job_id;
    perform tapedeck.policy_notify(p_job_id, case when p_enabled then 'resumed' else 'paused' end);
    if p_enabled then
        select f into v_finding from tapedeck.policies_check() f limit 1;
        if found then
            raise exception using
                errcode = 'TD008',
                message = format('policy %s cannot be resumed', p_job_id),
                detail = v_finding;
        end if;
    end if;
end
$$;

comment on function tapedeck.policy_set(integer, boolean) is
    'Resumes or pauses a policy. Raises TD004 (no such policy), TD008 (resuming it would endanger candles).';

create or replace function tapedeck.policy_run(p_job_id integer)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if not tapedeck.policy_find(p_job_id) then
        raise exception using
            errcode = 'TD007',
            message = format('policy %s is paused', p_job_id),
            hint = 'Resume it first.';
    end if;
    update tapedeck.jobs j set next_run_at = now() where j.job_id = p_job_id;
    perform tapedeck.policy_notify(p_job_id, 'due');
end
$$;

comment on function tapedeck.policy_run(integer) is
    'Lets a policy run the next time tapedeck.run_due_jobs() is called, and wakes the servers that call it. Raises TD004 (no such policy), TD007 (it is paused).';

create or replace function tapedeck.policy_wake()
returns void
language sql
as $$ $$;

comment on function tapedeck.policy_wake() is 'Nothing to do: policy_run() has woken the servers by its announcement.';
