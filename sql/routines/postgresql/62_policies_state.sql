-- What the rows of tapedeck.jobs are set to, and how one of them is set: the same contract as on TimescaleDB.
-- See common/63_policies_apply.sql.

create or replace function tapedeck.policies_state()
returns table (
    target text, kind text, setting text, value text, job_id integer, enabled boolean, next_run_at timestamptz)
language sql
stable
as $$
    select 'tick_data', 'chunk', 'chunk', tapedeck.interval_words(tapedeck.tick_chunk_width()),
           null::integer, null::boolean, null::timestamptz
    union all
    select o.target, o.kind, s.setting, s.value, j.job_id, j.enabled, j.next_run_at
      from (values ('tick_data', 'retention'), ('candle_1m', 'refresh'), ('database', 'sample')) as o (target, kind)
      left join lateral (
            select j.job_id, j.enabled, j.next_run_at, j.config, j.schedule_interval
              from tapedeck.jobs j
             where j.kind = o.kind and j.target = o.target
             order by j.job_id
             limit 1) j on true
     -- What cannot be read is told as it is written.
     cross join lateral (
        values
            ('retention', 'drop_after',
             coalesce(tapedeck.interval_words(tapedeck.interval_read(j.config ->> 'drop_after')),
                      j.config ->> 'drop_after', 'open')),
            ('retention', 'drop_every', tapedeck.interval_words(j.schedule_interval)),
            ('refresh', 'start_offset',
             coalesce(tapedeck.interval_words(tapedeck.interval_read(j.config ->> 'start_offset')),
                      j.config ->> 'start_offset', 'open')),
            ('refresh', 'end_offset',
             coalesce(tapedeck.interval_words(tapedeck.interval_read(j.config ->> 'end_offset')),
                      j.config ->> 'end_offset', 'open')),
            ('refresh', 'refresh_every', tapedeck.interval_words(j.schedule_interval)),
            ('sample', 'sample_at', coalesce(j.config ->> 'at', '03:00') || ' UTC')
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
as $$
    select case
               when p_setting in ('compress_after', 'compress_every') then 'plain PostgreSQL does not compress'
               when p_setting = 'chunk' then 'on plain PostgreSQL a partition is one UTC day'
               when p_target = any (tapedeck.candle_views()) and p_target <> 'candle_1m' and p_setting <> 'drop_after'
                   then 'plain PostgreSQL stores these candles together with those of candle_1m'
               when p_target like 'candle\_%' and p_setting = 'drop_after' then 'plain PostgreSQL keeps all candles'
               when p_setting = 'refresh_order' then 'plain PostgreSQL always goes oldest first'
           end
$$;

comment on function tapedeck.policy_unsupported(text, text) is
    'Why this engine cannot do what the setting says; null: it can.';

create or replace function tapedeck.policy_start_offset_max()
returns interval
language sql
immutable
as $$ select interval '24 hours' $$;

comment on function tapedeck.policy_start_offset_max() is
    'How far back a refresh may begin: every run stores all of it once more.';

create or replace function tapedeck.tick_chunk_sizes()
returns table (chunk text, size_bytes bigint)
language sql
stable
as $$
    select c.chunk, pg_catalog.pg_total_relation_size(c.chunk::regclass) from tapedeck.tick_chunks() c
$$;

comment on function tapedeck.tick_chunk_sizes() is 'The size on disk of each partition of tick_data, indexes included.';

create or replace function tapedeck.policy_put(
    p_target text, p_kind text, p_job_id integer, p_settings jsonb, p_for_good boolean)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    v_config jsonb;
    v_every interval := interval '24 hours';
begin
    case p_kind
        when 'retention' then
            if p_settings ->> 'drop_after' is null then
                delete from tapedeck.jobs j where j.job_id = p_job_id;
                return;
            end if;
            v_config := jsonb_build_object('drop_after', p_settings ->> 'drop_after');
            v_every := coalesce((p_settings ->> 'drop_every')::interval, v_every);
        when 'refresh' then
            v_config := jsonb_build_object('start_offset', p_settings ->> 'start_offset',
                                           'end_offset', p_settings ->> 'end_offset');
            v_every := coalesce((p_settings ->> 'refresh_every')::interval, interval '1 minute');
        when 'sample' then
            v_config := jsonb_build_object('at', replace(p_settings ->> 'sample_at', ' UTC', ''));
    end case;
    if p_job_id is not null then
        update tapedeck.jobs j
           set config = j.config || v_config,
               schedule_interval = v_every,
               next_run_at = case when j.schedule_interval = v_every and p_kind <> 'sample' then j.next_run_at
                                  else tapedeck.job_next_run(v_every, now(), j.config || v_config) end
         where j.job_id = p_job_id;
    else
        insert into tapedeck.jobs (kind, target, config, schedule_interval, next_run_at)
        values (p_kind, p_target, v_config, v_every, tapedeck.job_next_run(v_every, now(), v_config));
    end if;
end
$$;

comment on function tapedeck.policy_put(text, text, integer, jsonb, boolean) is
    'Sets one policy. For good or not makes no difference here.';
