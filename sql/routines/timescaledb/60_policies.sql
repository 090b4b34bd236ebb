-- TimescaleDB's own jobs, as tapedeck shows and watches them.

create or replace function tapedeck.retention_horizon()
returns interval
language sql
stable
as $$
    select min((j.config ->> 'drop_after')::interval)
      from timescaledb_information.jobs j
     where j.proc_name = 'policy_retention'
       and j.hypertable_schema = 'public'
       and j.hypertable_name = 'tick_data'
       and j.scheduled
$$;

comment on function tapedeck.retention_horizon() is
    'Ticks older than this are dropped; null while no retention policy of tick_data is enabled.';

create or replace function tapedeck.retention_disable()
returns boolean
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_job_id integer;
    v_changed boolean := false;
begin
    for v_job_id in
        select j.job_id
          from timescaledb_information.jobs j
         where j.proc_name = 'policy_retention'
           and j.hypertable_schema = 'public'
           and j.hypertable_name = 'tick_data'
           and j.scheduled
    loop
        perform public.alter_job(v_job_id, scheduled => false);
        v_changed := true;
    end loop;
    return v_changed;
end
$$;

comment on function tapedeck.retention_disable() is
    'Switches the retention of tick_data off; it stays listed. False when it was not on.';

create or replace function tapedeck.policies_list()
returns table (
    job_id integer, kind text, target text, config jsonb, schedule_interval_s double precision, enabled boolean,
    last_run_at timestamptz, last_status text, last_duration_ms double precision, last_error text,
    next_run_at timestamptz, total_runs bigint, total_failures bigint)
language sql
stable
as $$
    select j.job_id,
           case
               when j.proc_name in ('policy_compression', 'policy_columnstore') then 'compression'
               when j.proc_name = 'policy_retention' then 'retention'
               when j.proc_name = 'policy_refresh_continuous_aggregate' then 'refresh'
               when j.proc_schema = 'tapedeck' and j.proc_name = 'storage_sample_job' then 'sample'
               else 'other'
           end,
           coalesce(j.hypertable_name::text,
                    case when j.proc_schema = 'tapedeck' and j.proc_name = 'storage_sample_job' then 'database' end,
                    pg_catalog.format('%s.%s', j.proc_schema, j.proc_name)),
           coalesce(j.config, '{}'),
           extract(epoch from j.schedule_interval)::double precision,
           j.scheduled,
           case when pg_catalog.isfinite(t.last_run_started_at) then t.last_run_started_at end,
           s.status,
           extract(epoch from t.last_run_duration)::double precision * 1000,
           case when s.status = 'failed' then coalesce(e.err_message, 'the run was interrupted') end,
           case when j.scheduled and pg_catalog.isfinite(j.next_start) then j.next_start end,
           coalesce(t.total_runs, 0),
           coalesce(t.total_failures, 0)
      from timescaledb_information.jobs j
      left join (
            -- No row before the first run; more than one when two backends carry the name of the job.
            select distinct on (t.job_id)
                   t.job_id, t.last_run_started_at, t.last_run_duration, t.total_runs, t.total_failures,
                   t.last_run_status, t.job_status
              from timescaledb_information.job_stats t
             order by t.job_id, t.job_status = 'Running' desc) t on t.job_id = j.job_id
      left join lateral (
            select e.err_message
              from timescaledb_information.job_errors e
             where e.job_id = j.job_id
               and e.start_time >= t.last_run_started_at
             order by e.start_time desc
             limit 1) e on t.last_run_status = 'Failed'
     cross join lateral (
            select case
                       when t.job_status = 'Running' then 'running'
                       when t.last_run_status = 'Success' then 'ok'
                       -- TimescaleDB 2.24 on PostgreSQL 15.20: the job has committed, then its background
                       -- worker cannot put its own portal away. The work is done; only the count of
                       -- failures and a later next run tell of it.
                       when e.err_message = 'cannot drop portal "" while it is being set up' then 'ok'
                       when t.last_run_status = 'Failed' then 'failed'
                       -- Begun, and no end: its worker is just being started, or has died.
                       when t.total_runs > 0 and t.last_run_started_at > pg_catalog.now() - interval '10 seconds'
                           then 'running'
                       when t.total_runs > 0 then 'failed'
                   end) as s (status)
     where j.job_id >= 1000
     order by j.job_id
$$;

comment on function tapedeck.policies_list() is
    'Every job but TimescaleDB''s own housekeeping, and how its last run went. last_error is null unless that run failed.';

create or replace function tapedeck.policies_check()
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_margin constant interval := tapedeck.policy_margin();
    v_view record;
    v_policy record;
    v_retention record;
    -- Batches oldest first, where the version has them: see the migration.
    v_batches text := (select ', buckets_per_batch => 1440, refresh_newest_first => false'
                         from pg_proc p
                        where p.pronamespace = 'public'::regnamespace
                          and p.proname = 'add_continuous_aggregate_policy'
                          and array['buckets_per_batch', 'refresh_newest_first']::text[] <@ p.proargnames
                        limit 1);
begin
    for v_view in
        select 'candle_' || w.name as name, tapedeck.interval_width(w.name) as width,
               a.user_view_name is not null as is_there, a.materialized_only, a.mat_hypertable_id,
               -- The hypertable it is computed from: tick_data, or the stored rows of a narrower view.
               coalesce(p.user_view_name, h.table_name) as source,
               d.interval_length * interval '1 microsecond' as source_chunk
          from unnest(tapedeck.stored_intervals()) with ordinality as w (name, place)
          left join _timescaledb_catalog.continuous_agg a
            on a.user_view_schema = 'public' and a.user_view_name = 'candle_' || w.name
          left join _timescaledb_catalog.hypertable h on h.id = a.raw_hypertable_id
          left join _timescaledb_catalog.continuous_agg p on p.mat_hypertable_id = a.raw_hypertable_id
          left join _timescaledb_catalog.dimension d on d.hypertable_id = a.raw_hypertable_id
         order by w.place
    loop
        if not v_view.is_there then
            return next format('public.%s is no continuous aggregate; restore the database from a backup', v_view.name);
            continue;
        end if;
        if v_view.materialized_only then
            return next format('public.%s hides candles that are not stored yet; run: alter materialized view public.%s set (timescaledb.materialized_only = false)',
                               v_view.name, v_view.name);
        end if;
        if not exists (select
                         from timescaledb_information.jobs j
                        where j.proc_name = 'policy_refresh_continuous_aggregate'
                          and j.hypertable_schema = 'public' and j.hypertable_name = v_view.name) then
            return next format('public.%s has no refresh policy; run: select public.add_continuous_aggregate_policy(''public.%s'', start_offset => interval ''60 days'', end_offset => interval ''%s'', schedule_interval => interval ''%s''%s)',
                               v_view.name, v_view.name, v_view.width, v_view.width, v_batches);
        end if;

        for v_policy in
            select j.job_id,
                   (j.config ->> 'start_offset')::interval as start_offset,
                   (j.config ->> 'end_offset')::interval as end_offset
              from timescaledb_information.jobs j
             where j.proc_name = 'policy_refresh_continuous_aggregate'
               and j.hypertable_schema = 'public' and j.hypertable_name = v_view.name
             order by j.job_id
        loop
            if v_policy.end_offset is null or v_policy.end_offset < interval '0' then
                return next format('refresh policy %s of public.%s has no end before now, so one future tick would hide live candles for good; run: select public.alter_job(j.job_id, config => j.config || ''{"end_offset": "%s"}'') from timescaledb_information.jobs j where j.job_id = %s',
                                   v_policy.job_id, v_view.name, v_view.width, v_policy.job_id);
            end if;
            if v_policy.start_offset is null then
                return next format('refresh policy %s of public.%s has no start, so it deletes candles whose ticks were dropped; run: select public.alter_job(j.job_id, config => j.config || ''{"start_offset": "60 days"}'') from timescaledb_information.jobs j where j.job_id = %s',
                                   v_policy.job_id, v_view.name, v_policy.job_id);
                continue;
            end if;
            for v_retention in
                select j.job_id, (j.config ->> 'drop_after')::interval as drop_after
                  from timescaledb_information.jobs j
                 where j.proc_name = 'policy_retention' and j.scheduled
                   and j.hypertable_schema = 'public' and j.hypertable_name = v_view.source
                 order by j.job_id
            loop
                if v_retention.drop_after
                   <= tapedeck.policy_drop_after_bound(v_policy.start_offset, v_view.source_chunk, v_view.width) then
                    return next format('retention policy %s of public.%s drops after %s what refresh policy %s of public.%s still looks at (start_offset %s + chunk %s + bucket %s + margin %s), which deletes candles; run: select public.alter_job(j.job_id, config => j.config || jsonb_build_object(''start_offset'', %L)) from timescaledb_information.jobs j where j.job_id = %s, or keep the data longer',
                                       v_retention.job_id, v_view.source, v_retention.drop_after,
                                       v_policy.job_id, v_view.name, v_policy.start_offset, v_view.source_chunk,
                                       v_view.width, c_margin,
                                       justify_hours(greatest(
                                           v_retention.drop_after - v_view.source_chunk - v_view.width - c_margin
                                               - interval '24 hours',
                                           2 * v_view.width + coalesce(v_policy.end_offset, v_view.width))),
                                       v_policy.job_id);
                end if;
            end loop;
        end loop;

        -- Candles outlive their ticks.
        for v_retention in
            select j.job_id, (j.config ->> 'drop_after')::interval as drop_after
              from timescaledb_information.jobs j
             where j.proc_name = 'policy_retention' and j.scheduled
               and j.hypertable_schema = 'public' and j.hypertable_name = v_view.name
             order by j.job_id
        loop
            if v_retention.drop_after is not null
               and coalesce(v_retention.drop_after <= tapedeck.retention_horizon(), true) then
                return next format('retention policy %s drops candles of public.%s after %s, before their ticks; run: select public.alter_job(%s, scheduled => false)',
                                   v_retention.job_id, v_view.name, v_retention.drop_after, v_retention.job_id);
            end if;
        end loop;
    end loop;

    for v_retention in
        select j.job_id, j.hypertable_name
          from timescaledb_information.jobs j
         where j.proc_name = 'policy_retention' and j.scheduled
           and j.hypertable_schema = 'public'
           and j.hypertable_name = any ('tick_data'::text || tapedeck.candle_views())
           and j.config ->> 'drop_after' is null
         order by j.job_id
    loop
        return next format('retention policy %s of public.%s goes by the age of chunks, not of ticks, so nothing tells which candles are safe; run: select public.remove_retention_policy(''public.%s'')',
                           v_retention.job_id, v_retention.hypertable_name, v_retention.hypertable_name);
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
    select l.enabled into v_enabled from tapedeck.policies_list() l where l.job_id = p_job_id;
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
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_finding text;
begin
    perform tapedeck.policy_find(p_job_id);
    perform public.alter_job(p_job_id, scheduled => p_enabled);
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
set search_path = pg_catalog, public, pg_temp
as $$
declare
    c_tries_max constant integer := 10;
begin
    if not tapedeck.policy_find(p_job_id) then
        raise exception using
            errcode = 'TD007',
            message = format('policy %s is paused', p_job_id),
            hint = 'Resume it first.';
    end if;
    -- The scheduler may be writing the same row.
    for v_try in 1 .. c_tries_max loop
        begin
            perform public.alter_job(p_job_id, next_start => now());
            perform tapedeck.policy_notify(p_job_id, 'due');
            return;
        exception
            when internal_error then
                if v_try = c_tries_max then
                    raise;
                end if;
                perform pg_sleep(0.05);
        end;
    end loop;
end
$$;

comment on function tapedeck.policy_run(integer) is
    'Lets a policy run as soon as a background worker is free. Raises TD004 (no such policy), TD007 (it is paused).';

create or replace function tapedeck.policy_wake()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- TimescaleDB's scheduler looks every five seconds, and whenever it is signalled. Reading its configuration
    -- anew changes nothing in a cluster whose configuration is ours; in somebody's it might.
    if current_setting('tapedeck.embedded', true) = 'on' and has_function_privilege('pg_reload_conf()', 'execute') then
        perform pg_reload_conf();
    end if;
end
$$;

comment on function tapedeck.policy_wake() is
    'After the commit of policy_run(): lets the scheduler look at once, where that is possible.';
