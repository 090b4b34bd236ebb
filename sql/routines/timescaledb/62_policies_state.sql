-- What tapedeck's own policies are set to, and how one of them is set. Policies of other tables are never
-- looked at. See common/63_policies_apply.sql.

create or replace function tapedeck.policy_has_batches()
returns boolean
language sql
stable
as $$
    select exists (select
                     from pg_catalog.pg_proc p
                    where p.pronamespace = 'public'::regnamespace
                      and p.proname = 'add_continuous_aggregate_policy'
                      and array['buckets_per_batch', 'refresh_newest_first']::text[] <@ p.proargnames)
$$;

comment on function tapedeck.policy_has_batches() is
    'Does a refresh policy of this version work in batches, newest first unless told otherwise (2.20)?';

create or replace function tapedeck.policies_state()
returns table (
    target text, kind text, setting text, value text, job_id integer, enabled boolean, next_run_at timestamptz)
language sql
stable
as $$
    with ours (target, kind) as (
        values ('tick_data', 'compression'), ('tick_data', 'retention'),
               ('candle_1m', 'refresh'), ('candle_1m', 'retention'),
               ('candle_5m', 'refresh'), ('candle_5m', 'retention'),
               ('candle_15m', 'refresh'), ('candle_15m', 'retention'),
               ('candle_1h', 'refresh'), ('candle_1h', 'retention'),
               ('candle_1d', 'refresh'), ('candle_1d', 'retention'),
               ('database', 'sample')
    ),
    job as materialized (
        -- A view may have several refresh policies; the oldest is ours.
        select distinct on (k.kind, k.target)
               k.kind, k.target, j.job_id, j.scheduled, j.schedule_interval, coalesce(j.config, '{}') as config,
               case when pg_catalog.isfinite(j.next_start) then j.next_start end as next_start, j.initial_start
          from timescaledb_information.jobs j
         cross join lateral (
                select case
                           when j.proc_name in ('policy_compression', 'policy_columnstore') then 'compression'
                           when j.proc_name = 'policy_retention' then 'retention'
                           when j.proc_name = 'policy_refresh_continuous_aggregate' then 'refresh'
                           when j.proc_schema = 'tapedeck' and j.proc_name = 'storage_sample_job' then 'sample'
                       end,
                       case
                           when j.hypertable_schema = 'public' then j.hypertable_name::text
                           when j.proc_schema = 'tapedeck' and j.proc_name = 'storage_sample_job' then 'database'
                       end) as k (kind, target)
         where k.kind is not null and k.target is not null
         order by k.kind, k.target, j.job_id
    )
    select 'tick_data', 'chunk', 'chunk', tapedeck.interval_words(tapedeck.tick_chunk_width()),
           null::integer, null::boolean, null::timestamptz
    union all
    -- Not ours to set: what the rules need to know of the stored candles.
    select a.view_name::text, 'chunk', 'chunk', tapedeck.interval_words(d.time_interval), null, null, null
      from timescaledb_information.continuous_aggregates a
      join timescaledb_information.dimensions d
        on d.hypertable_schema = a.materialization_hypertable_schema
       and d.hypertable_name = a.materialization_hypertable_name
       and d.dimension_number = 1
     where a.view_schema = 'public'
       and a.view_name = any (tapedeck.candle_views())
    union all
    select o.target, o.kind, s.setting, s.value, j.job_id, j.scheduled, j.next_start
      from ours o
      left join job j on j.kind = o.kind and j.target = o.target
     cross join lateral (
        values
            ('compression', 'compress_after',
             coalesce(tapedeck.interval_words((j.config ->> 'compress_after')::interval), 'age of chunks')),
            ('compression', 'compress_every', tapedeck.interval_words(j.schedule_interval)),
            ('retention', 'drop_after',
             coalesce(tapedeck.interval_words((j.config ->> 'drop_after')::interval), 'age of chunks')),
            ('retention', 'drop_every', tapedeck.interval_words(j.schedule_interval)),
            ('refresh', 'start_offset',
             coalesce(tapedeck.interval_words((j.config ->> 'start_offset')::interval), 'open')),
            ('refresh', 'end_offset',
             coalesce(tapedeck.interval_words((j.config ->> 'end_offset')::interval), 'open')),
            ('refresh', 'refresh_every', tapedeck.interval_words(j.schedule_interval)),
            -- Newest first, the engine's own choice, moves the watermark over buckets that are not stored.
            ('refresh', 'refresh_order',
             case when coalesce((j.config ->> 'refresh_newest_first')::boolean, tapedeck.policy_has_batches())
                  then 'newest first' else 'oldest first' end),
            ('sample', 'sample_at',
             coalesce(pg_catalog.to_char(j.initial_start at time zone 'UTC', 'HH24:MI') || ' UTC', 'open'))
        ) as v (kind, setting, value)
     cross join lateral (select v.setting, case when j.job_id is not null then v.value end) as s (setting, value)
     where v.kind = o.kind
$$;

comment on function tapedeck.policies_state() is
    'Every setting of tapedeck''s own policies as it is in force, in words; a null value and job: there is no such policy.';

create or replace function tapedeck.policy_unsupported(p_target text, p_setting text)
returns text
language sql
immutable
as $$ select null::text $$;

comment on function tapedeck.policy_unsupported(text, text) is
    'Why this engine cannot do what the setting says; null: it can.';

create or replace function tapedeck.policy_start_offset_max()
returns interval
language sql
immutable
as $$ select null::interval $$;

comment on function tapedeck.policy_start_offset_max() is
    'How far back a refresh may begin; null: any time, it looks only at what changed.';

create or replace function tapedeck.tick_chunk_sizes()
returns table (chunk text, size_bytes bigint)
language sql
stable
as $$
    select pg_catalog.format('%I.%I', s.chunk_schema, s.chunk_name), s.total_bytes
      from public.chunks_detailed_size('public.tick_data'::regclass) s
$$;

comment on function tapedeck.tick_chunk_sizes() is 'The size on disk of each chunk of tick_data, indexes included.';

create or replace function tapedeck.policy_alter(
    p_job_id integer, p_every interval, p_config jsonb, p_scheduled boolean, p_at timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    c_tries_max constant integer := 10;
begin
    -- The scheduler may be writing the same row.
    for v_try in 1 .. c_tries_max loop
        begin
            perform public.alter_job(p_job_id, schedule_interval => p_every, config => p_config,
                                     scheduled => p_scheduled);
            if p_at is not null then
                perform public.alter_job(p_job_id, fixed_schedule => true, initial_start => p_at,
                                         next_start => p_at, timezone => 'UTC');
            end if;
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

comment on function tapedeck.policy_alter(integer, interval, jsonb, boolean, timestamptz) is
    'alter_job(), tried again while the scheduler has the job in hand. What is null stays as it is.';

create or replace function tapedeck.policy_put_compression(
    p_job_id integer, p_settings jsonb, p_night timestamptz, p_for_good boolean)
returns void
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_after interval := (p_settings ->> 'compress_after')::interval;
    v_every interval := (p_settings ->> 'compress_every')::interval;
begin
    if v_after is null then
        if not p_for_good then
            perform tapedeck.policy_alter(p_job_id, null, null, false, null);
        elsif to_regprocedure('public.remove_compression_policy(regclass, boolean)') is not null then
            perform public.remove_compression_policy('public.tick_data');
        else
            execute 'call public.remove_columnstore_policy(''public.tick_data'')';
        end if;
    elsif p_job_id is not null then
        perform tapedeck.policy_alter(
            p_job_id, v_every,
            (select (j.config - 'compress_created_before') || jsonb_build_object('compress_after', v_after)
               from timescaledb_information.jobs j where j.job_id = p_job_id),
            null, null);
    -- Named add_columnstore_policy since 2.18; the older name may go.
    elsif to_regprocedure('public.add_compression_policy(regclass, "any", boolean, interval, timestamptz, text, interval)') is not null then
        perform public.add_compression_policy('public.tick_data', v_after, schedule_interval => v_every,
                                              initial_start => p_night, timezone => 'UTC');
    else
        execute $sql$ call public.add_columnstore_policy('public.tick_data', after => $1, schedule_interval => $2,
                                                         initial_start => $3, timezone => 'UTC') $sql$
          using v_after, v_every, p_night;
    end if;
end
$$;

comment on function tapedeck.policy_put_compression(integer, jsonb, timestamptz, boolean) is
    'Makes, changes or removes the compression policy of tick_data.';

create or replace function tapedeck.policy_put_retention(
    p_target text, p_job_id integer, p_settings jsonb, p_night timestamptz, p_for_good boolean)
returns void
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_after interval := (p_settings ->> 'drop_after')::interval;
    v_every interval := coalesce((p_settings ->> 'drop_every')::interval, interval '1 day');
    v_table regclass := format('public.%I', p_target)::regclass;
begin
    if v_after is null then
        if p_for_good then
            perform public.remove_retention_policy(v_table);
        else
            perform tapedeck.policy_alter(p_job_id, null, null, false, null);
        end if;
    elsif p_job_id is not null then
        perform tapedeck.policy_alter(
            p_job_id, v_every,
            (select (j.config - 'drop_created_before') || jsonb_build_object('drop_after', v_after)
               from timescaledb_information.jobs j where j.job_id = p_job_id),
            null, null);
    else
        perform public.add_retention_policy(v_table, v_after, schedule_interval => v_every,
                                            initial_start => p_night, timezone => 'UTC');
    end if;
end
$$;

comment on function tapedeck.policy_put_retention(text, integer, jsonb, timestamptz, boolean) is
    'Makes, changes or removes the retention policy of tick_data or of a candle view.';

create or replace function tapedeck.policy_put_refresh(p_target text, p_job_id integer, p_settings jsonb)
returns void
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_config jsonb := jsonb_build_object('start_offset', (p_settings ->> 'start_offset')::interval,
                                         'end_offset', (p_settings ->> 'end_offset')::interval);
    v_every interval := (p_settings ->> 'refresh_every')::interval;
    -- A day of minutes, a month of anything wider, a year of days.
    v_batch integer := case p_target when 'candle_1m' then 1440 when 'candle_5m' then 8640
                                     when 'candle_15m' then 2880 when 'candle_1h' then 720 else 365 end;
    v_batches jsonb := case when tapedeck.policy_has_batches()
                            then jsonb_build_object('buckets_per_batch', v_batch, 'refresh_newest_first', false)
                            else '{}' end;
begin
    if p_job_id is not null then
        perform tapedeck.policy_alter(
            p_job_id, v_every,
            (select v_batches || j.config || v_config || (v_batches - 'buckets_per_batch')
               from timescaledb_information.jobs j where j.job_id = p_job_id),
            null, null);
        return;
    end if;
    execute format('select public.add_continuous_aggregate_policy(%L, start_offset => $1, end_offset => $2,'
                   ' schedule_interval => $3%s)',
                   format('public.%I', p_target),
                   case when v_batches <> '{}' then
                       format(', buckets_per_batch => %s, refresh_newest_first => false', v_batch)
                   end)
      using (v_config ->> 'start_offset')::interval, (v_config ->> 'end_offset')::interval, v_every;
end
$$;

comment on function tapedeck.policy_put_refresh(text, integer, jsonb) is
    'Makes or changes the refresh policy of a candle view; always oldest first, in large batches.';

create or replace function tapedeck.policy_put(
    p_target text, p_kind text, p_job_id integer, p_settings jsonb, p_for_good boolean)
returns void
language plpgsql
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    v_at interval := coalesce(replace(p_settings ->> 'sample_at', ' UTC', '')::interval, interval '3 hours');
    -- The next 03:00 UTC, or the next time to sample.
    v_night timestamptz := date_bin('24 hours', now(), timestamptz '2000-01-03 00:00:00+00' + v_at)
                           + interval '24 hours';
begin
    case p_kind
        when 'chunk' then
            perform public.set_chunk_time_interval('public.tick_data', (p_settings ->> 'chunk')::interval);
        when 'compression' then
            perform tapedeck.policy_put_compression(p_job_id, p_settings, v_night, p_for_good);
        when 'retention' then
            perform tapedeck.policy_put_retention(p_target, p_job_id, p_settings, v_night, p_for_good);
        when 'refresh' then
            perform tapedeck.policy_put_refresh(p_target, p_job_id, p_settings);
        when 'sample' then
            if p_job_id is not null then
                perform tapedeck.policy_alter(p_job_id, null, null, null, v_night);
            else
                perform public.add_job('tapedeck.storage_sample_job', interval '1 day',
                                       initial_start => v_night, timezone => 'UTC');
            end if;
    end case;
end
$$;

comment on function tapedeck.policy_put(text, text, integer, jsonb, boolean) is
    'Sets one policy. Not for good: a removal only pauses it, because removing ends a run that is under way; the caller rolls back.';
