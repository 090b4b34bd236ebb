-- The jobs themselves. The server's scheduler calls tapedeck.run_due_jobs() every few seconds, outside any
-- transaction; several servers may.
--
--   due -- lock, mark running, commit --> lock, work in a subtransaction, write the outcome, commit
--
-- The mark moves next_run_at on, so no other server takes the job up between the two transactions; while it
-- works the lock keeps the others off. Both locks end with their transactions, so nothing is left by a crash.

create or replace function tapedeck.job_partition(p_config jsonb)
returns void
language sql
as $$
    select tapedeck.chunks_prepare(pg_catalog.now() - interval '24 hours',
                                   pg_catalog.now() + (p_config ->> 'ahead')::interval)
$$;

comment on function tapedeck.job_partition(jsonb) is
    'Makes the partitions of yesterday to "ahead" from now, so that live writers hardly ever have to.';

create or replace function tapedeck.job_refresh(p_config jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    c_partitions_max constant integer := 7;
    v_watermark timestamptz := (select s.watermark from tapedeck.candle_state s);
    v_to timestamptz := tapedeck.bucket_floor('1 minute', now() - (p_config ->> 'end_offset')::interval);
    v_from timestamptz := v_to - (p_config ->> 'start_offset')::interval;
    v_bound timestamptz;
begin
    -- Far behind, as after a long load: some partitions now, the others at the next runs.
    select c.range_end
      into v_bound
      from tapedeck.tick_chunks() c
     where c.range_end > v_watermark and c.range_start < v_to
     order by c.range_end
    offset c_partitions_max - 1
     limit 1;
    if v_bound < v_to then
        v_to := v_bound;
        v_from := v_bound - interval '1 minute';
    end if;
    v_from := least(v_from, v_watermark);
    -- What is mended below the watermark was shown wrong until now; what lies above it was read from its ticks.
    if v_from < v_watermark then
        v_bound := least(v_watermark, v_to);
        if tapedeck.refresh_candles(v_from, v_bound) > 0 then
            perform tapedeck.change_notify('candles', v_from, v_bound, null);
        end if;
        v_from := v_bound;
    end if;
    if v_from < v_to then
        perform tapedeck.refresh_candles(v_from, v_to);
    end if;
end
$$;

comment on function tapedeck.job_refresh(jsonb) is
    'Stores finished minutes up to "end_offset" before now, and once more those of the last "start_offset" for ticks that came late; where that changed any, it announces them.';

-- An earlier form of the next returned nothing.
drop function if exists tapedeck.job_retention(jsonb);

create function tapedeck.job_retention(p_config jsonb)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    v_table text := coalesce(p_config ->> 'table', 'public.tick_data');
    v_before timestamptz := now() - (p_config ->> 'drop_after')::interval;
begin
    if v_before is null then
        raise exception using errcode = 'TD002', message = 'retention needs {"drop_after": INTERVAL}';
    end if;
    perform tapedeck.table_drop_chunks(v_table, v_before);
    return exists (select from tapedeck.table_drop_list(v_table, v_before) l where l.kept is not null);
end
$$;

comment on function tapedeck.job_retention(jsonb) is
    'Drops whole partitions older than "drop_after" of "table", of tick_data without; of that only those whose candles are stored, after a last look. Returns whether it had to keep any, because their candles are owed.';

-- An earlier form of the next.
drop function if exists tapedeck.job_next_run(interval, timestamptz);

create or replace function tapedeck.job_next_run(p_every interval, p_after timestamptz, p_config jsonb)
returns timestamptz
language sql
stable
as $$
    select pg_catalog.date_bin(p_every, p_after, timestamptz '2000-01-03 00:00:00+00'
                                                 + coalesce(tapedeck.interval_read(p_config ->> 'at'),
                                                            interval '3 hours'))
           + extract(epoch from p_every) * interval '1 second'
$$;

comment on function tapedeck.job_next_run(interval, timestamptz, jsonb) is
    'The next planned run: the grids of all jobs meet at 03:00 UTC, or at the time "at" of its config, where that can be read: one job must not keep the others from running.';

create or replace procedure tapedeck.run_due_jobs()
language plpgsql
as $$
declare
    c_retry_after constant interval := interval '5 minutes';
    v_job tapedeck.jobs;
    v_id integer := 0;
    v_started timestamptz;
    v_error text;
    v_again boolean;
    v_canceled boolean := false;
begin
    while not v_canceled loop
        select j.job_id
          into v_id
          from tapedeck.jobs j
         where j.job_id > v_id
           and j.enabled
           and j.next_run_at <= pg_catalog.clock_timestamp()
         order by j.job_id
         limit 1;
        exit when v_id is null;
        continue when not pg_catalog.pg_try_advisory_xact_lock(1413742596, v_id);

        -- Looked at again under the lock: another server may just have run it.
        v_started := pg_catalog.clock_timestamp();
        update tapedeck.jobs j
           set last_status = 'running',
               last_run_at = v_started,
               last_duration = null,
               last_error = 'the run was interrupted',
               total_runs = j.total_runs + 1,
               total_failures = j.total_failures + case when j.last_status = 'running' then 1 else 0 end,
               next_run_at = tapedeck.job_next_run(j.schedule_interval, v_started, j.config)
         where j.job_id = v_id
           and j.enabled
           and j.next_run_at <= v_started
        returning j.* into v_job;
        if v_job.job_id is not null then
            perform tapedeck.policy_notify(v_id, 'running');
        end if;
        commit;
        continue when v_job.job_id is null;
        -- Waited for: another server may be having the look that we had above, and finds that the job is taken up.
        perform pg_catalog.pg_advisory_xact_lock(1413742596, v_id);
        -- Unless it has become due again meanwhile, and that server runs it.
        continue when not exists (select from tapedeck.jobs j where j.job_id = v_id and j.last_run_at = v_started);

        v_error := null;
        v_again := false;
        begin
            case v_job.kind
                when 'partition' then perform tapedeck.job_partition(v_job.config);
                when 'refresh' then perform tapedeck.job_refresh(v_job.config);
                when 'retention' then v_again := tapedeck.job_retention(v_job.config);
                when 'sample' then perform tapedeck.storage_sample_nightly();
            end case;
        exception
            when query_canceled then
                v_canceled := true;
                v_error := sqlerrm;
            when others then
                v_error := sqlerrm;
        end;

        update tapedeck.jobs j
           set last_status = case when v_error is null then 'ok' else 'failed' end,
               last_duration = pg_catalog.clock_timestamp() - v_started,
               last_error = v_error,
               total_failures = j.total_failures + case when v_error is null then 0 else 1 end,
               next_run_at = case when v_again or v_error is not null
                                  then least(j.next_run_at, pg_catalog.clock_timestamp() + c_retry_after)
                                  else j.next_run_at end
         where j.job_id = v_id;
        perform tapedeck.policy_notify(v_id, case when v_error is null then 'ok' else 'failed' end);
        commit;
    end loop;
end
$$;

comment on procedure tapedeck.run_due_jobs() is
    'Runs every job that is due, one after the other. A failing one records its error, is tried again after five minutes, as is one that had to leave something for later, and the next still runs. Beginnings and ends are announced. Call it outside a transaction; it commits by itself.';
