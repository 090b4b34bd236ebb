-- Policies as they are declared, compared with those in force, and put in force.
--
--   declared (jsonb) ──► policies_compared() ──► policies_refusals()    what must not be, by the rules alone
--   policies_state() ──►        │
--                               ├─► policies_plan()     shows: differences, notices, and what policies_check()
--                               │                       says after a trial that is rolled back
--                               └─► policies_apply()    puts all of them, then policies_check() or nothing
--
-- Declared is an array of {target, setting, value, source}: value in PostgreSQL's words for a length of time
-- ("60 days"), "HH:MM UTC" for sample_at, null for never; source says where it was declared ("tapedeck.yaml
-- line 3", "default"). A setting that is not in it stays as it is.

create or replace function tapedeck.policy_kind(p_setting text)
returns text
language sql
immutable strict
as $$
    select case
               when p_setting = 'chunk' then 'chunk'
               when p_setting in ('compress_after', 'compress_every') then 'compression'
               when p_setting in ('drop_after', 'drop_every') then 'retention'
               when p_setting in ('start_offset', 'end_offset', 'refresh_every', 'refresh_order') then 'refresh'
               when p_setting = 'sample_at' then 'sample'
           end
$$;

comment on function tapedeck.policy_kind(text) is 'The kind of policy that a setting belongs to; null: there is no such setting.';

create or replace function tapedeck.policy_words(p_setting text, p_value text)
returns text
language sql
stable
as $$
    select case
               when p_value is null then null
               when p_setting in ('sample_at', 'refresh_order') then p_value
               else tapedeck.interval_words(p_value::interval)
           end
$$;

comment on function tapedeck.policy_words(text, text) is 'A declared value in the words of policies_state().';

create or replace function tapedeck.policies_compared(p_declared jsonb)
returns table (
    place integer, target text, kind text, setting text, was text, becomes text, source text, unsupported text,
    job_id integer, enabled boolean, next_run_at timestamptz)
language sql
stable
as $$
    with declared as (
        select d.target, d.setting, tapedeck.policy_words(d.setting, d.value) as value, d.source
          from pg_catalog.jsonb_to_recordset(p_declared)
               as d (target text, setting text, value text, source text)
        union all
        select c.target, 'refresh_order', 'oldest first', 'always'
          from pg_catalog.unnest(tapedeck.candle_views()) as c (target)
         where tapedeck.policy_unsupported(c.target, 'refresh_order') is null
    )
    select (10 * coalesce(pg_catalog.array_position('tick_data'::text || tapedeck.candle_views() || 'database'::text, e.target), 9)
            + coalesce(pg_catalog.array_position(array['chunk', 'compression', 'retention', 'refresh', 'sample'],
                                                 e.kind), 9))::integer,
           e.target, e.kind, e.setting, s.value,
           case when e.unsupported is not null or d.setting is null then s.value else d.value end,
           d.source,
           -- Said only of what somebody asked for, and does not have already.
           case when d.value is distinct from s.value and d.source <> 'default' then e.unsupported end,
           s.job_id, s.enabled, s.next_run_at
      from declared d
      full join tapedeck.policies_state() s on s.target = d.target and s.setting = d.setting
     cross join lateral (
            select coalesce(d.target, s.target), coalesce(d.setting, s.setting),
                   coalesce(s.kind, tapedeck.policy_kind(d.setting)),
                   tapedeck.policy_unsupported(coalesce(d.target, s.target), coalesce(d.setting, s.setting))
           ) as e (target, setting, kind, unsupported)
$$;

comment on function tapedeck.policies_compared(jsonb) is
    'Every setting: what it is, and what it is to become; the same where nothing is declared or the engine cannot.';

create or replace function tapedeck.policies_differences(p_declared jsonb)
returns table (
    place integer, action text, target text, kind text, setting text, job_id integer, was text, becomes text,
    source text)
language sql
stable
as $$
    with compared as materialized (
        select * from tapedeck.policies_compared(p_declared)
    ),
    -- Policies that are there only while this has a value.
    main as (
        select c.target, c.kind, c.becomes is null as goes
          from compared c
         where c.setting in ('compress_after', 'drop_after')
    )
    select c.place,
           case when m.goes then 'remove' when c.job_id is null and c.kind <> 'chunk' then 'add' else 'change' end,
           c.target, c.kind, c.setting, c.job_id, c.was, c.becomes, c.source
      from compared c
      left join main m on m.target = c.target and m.kind = c.kind
     where c.was is distinct from c.becomes
       and not (coalesce(m.goes, false) and c.setting not in ('compress_after', 'drop_after'))
     order by c.place, c.setting
$$;

comment on function tapedeck.policies_differences(jsonb) is
    'What would be changed so that the policies are as declared. Only reads, and does not ask whether that is wise.';

create or replace function tapedeck.policies_refusals(p_declared jsonb)
returns table (target text, setting text, source text, reason text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_value jsonb;  -- "target.setting": what it is to become
    v_source jsonb; -- "target.setting": who says so; missing: nobody
    v_said jsonb;   -- "target.setting": both as words
    v_was jsonb;    -- "target.setting": what it is; missing: there is no such policy
    v_gone timestamptz;
    v_name text;
    v_width interval;
    v_start interval;
    v_end interval;
    v_every interval;
    v_from text;
    v_bound interval;
    v_ticks interval;
    v_chunk interval;
    v_compress interval;
    v_drop interval;
begin
    -- Settings that do not exist.
    return query
        select d.target, d.setting, d.source, 'there is no such policy'::text
          from jsonb_to_recordset(p_declared) as d (target text, setting text, value text, source text)
         where tapedeck.policy_kind(d.setting) is null
            or (tapedeck.policy_unsupported(d.target, d.setting) is null
                and not exists (select from tapedeck.policies_state() s
                                 where s.target = d.target and s.setting = d.setting));

    select jsonb_object_agg(c.target || '.' || c.setting, c.becomes),
           coalesce(jsonb_object_agg(c.target || '.' || c.setting, c.source) filter (where c.source is not null), '{}'),
           jsonb_object_agg(c.target || '.' || c.setting,
                            format('%s of %s = %s (%s)', c.setting, c.target, coalesce(c.becomes, 'never'),
                                   coalesce(c.source, 'in the database'))),
           coalesce(jsonb_object_agg(c.target || '.' || c.setting, c.was) filter (where c.was is not null), '{}')
      into v_value, v_source, v_said, v_was
      from tapedeck.policies_compared(p_declared) c
     where c.setting is not null;

    v_ticks := tapedeck.words_interval(v_value ->> 'tick_data.drop_after');
    v_chunk := tapedeck.words_interval(v_value ->> 'tick_data.chunk');
    v_compress := tapedeck.words_interval(v_value ->> 'tick_data.compress_after');

    if v_compress is not null and v_compress < v_chunk + tapedeck.policy_margin() then
        return query select r.* from tapedeck.policy_refusal(v_source, 'tick_data.compress_after', 'tick_data.chunk',
            format('ticks that come a little late would be written into compressed chunks; at least %s is right (a chunk + %s), but %s and %s',
                   tapedeck.interval_words(v_chunk + tapedeck.policy_margin()),
                   tapedeck.interval_words(tapedeck.policy_margin()),
                   v_said ->> 'tick_data.compress_after', v_said ->> 'tick_data.chunk')) r;
    end if;
    if v_compress is not null and v_compress >= v_ticks then
        return query select r.* from tapedeck.policy_refusal(v_source, 'tick_data.compress_after', 'tick_data.drop_after',
            format('nothing would ever be compressed, because it is dropped before: %s, %s; say compress_after: never, or keep the ticks longer',
                   v_said ->> 'tick_data.compress_after', v_said ->> 'tick_data.drop_after')) r;
    end if;

    foreach v_name in array tapedeck.candle_views() loop
        continue when tapedeck.policy_unsupported(v_name, 'start_offset') is not null;
        v_width := tapedeck.interval_width(substr(v_name, 8));
        v_start := tapedeck.words_interval(v_value ->> (v_name || '.start_offset'));
        v_end := tapedeck.words_interval(v_value ->> (v_name || '.end_offset'));
        v_every := tapedeck.words_interval(v_value ->> (v_name || '.refresh_every'));

        if v_value ? (v_name || '.start_offset') and v_start is null and v_source ? (v_name || '.start_offset') then
            return query select r.* from tapedeck.policy_refusal(v_source, v_name || '.start_offset', null,
                'a refresh without a start deletes the candles of ticks that were dropped; say how far back it looks') r;
        end if;
        if v_value ? (v_name || '.end_offset') and v_end is null and v_source ? (v_name || '.end_offset') then
            return query select r.* from tapedeck.policy_refusal(v_source, v_name || '.end_offset', null,
                'a refresh without an end lets one tick in the future hide live candles for good; say how far from now it stops') r;
        end if;
        if v_end < v_width then
            return query select r.* from tapedeck.policy_refusal(v_source, v_name || '.end_offset', null,
                format('a refresh that reaches into the forming candle hides the ticks that follow; at least %s is right',
                       tapedeck.interval_words(v_width))) r;
        end if;
        if v_start < v_end + 2 * v_width then
            return query select r.* from tapedeck.policy_refusal(
                v_source, v_name || '.start_offset', v_name || '.end_offset',
                format('a refresh must look at two candles at least, so start_offset must be %s or more: %s, %s',
                       tapedeck.interval_words(v_end + 2 * v_width), v_said ->> (v_name || '.start_offset'),
                       v_said ->> (v_name || '.end_offset'))) r;
        elsif v_every > v_start - v_end then
            return query select r.* from tapedeck.policy_refusal(
                v_source, v_name || '.refresh_every', v_name || '.start_offset',
                format('what changes between two runs would never be looked at; at most %s is right (start_offset - end_offset): %s, %s',
                       tapedeck.interval_words(v_start - v_end), v_said ->> (v_name || '.refresh_every'),
                       v_said ->> (v_name || '.start_offset'))) r;
        end if;
        if v_start > tapedeck.policy_start_offset_max() then
            return query select r.* from tapedeck.policy_refusal(v_source, v_name || '.start_offset', null,
                format('on this engine every run stores all of it once more; at most %s is right',
                       tapedeck.interval_words(tapedeck.policy_start_offset_max()))) r;
        end if;

        -- What is gone already stays gone, whatever the policies will be.
        if v_source ? (v_name || '.start_offset')
           and coalesce(v_start > tapedeck.words_interval(v_was ->> (v_name || '.start_offset')),
                        not v_was ? (v_name || '.start_offset')) then
            v_gone := tapedeck.candles_alone(substr(v_name, 8), now() - v_start, now());
            if v_gone is not null then
                return query select r.* from tapedeck.policy_refusal(v_source, v_name || '.start_offset', null,
                    format('what these candles were made of is dropped already up to %s, and a refresh that looks there deletes them; less than %s is right today',
                           to_char(v_gone at time zone 'UTC', 'YYYY-MM-DD HH24:MI UTC'),
                           tapedeck.interval_words(date_trunc('minute', now() - v_gone)))) r;
            end if;
        end if;

        -- The wider candles are made from narrower ones.
        v_from := coalesce('candle_' || tapedeck.interval_source(substr(v_name, 8)), 'tick_data');
        v_drop := tapedeck.words_interval(v_value ->> (v_from || '.drop_after'));
        v_bound := tapedeck.policy_drop_after_bound(
            v_start, tapedeck.words_interval(v_value ->> (v_from || '.chunk')), v_width);
        if v_drop <= v_bound then
            return query select r.* from tapedeck.policy_refusal(
                v_source, v_from || '.drop_after', v_name || '.start_offset',
                format('it drops what the refresh of %s still looks at, which deletes candles; more than %s is right (start_offset + chunk + bucket + %s): %s, %s',
                       v_name, tapedeck.interval_words(v_bound), tapedeck.interval_words(tapedeck.policy_margin()),
                       v_said ->> (v_from || '.drop_after'), v_said ->> (v_name || '.start_offset'))) r;
        end if;

        v_drop := tapedeck.words_interval(v_value ->> (v_name || '.drop_after'));
        if v_drop is not null and coalesce(v_drop <= v_ticks, true) then
            return query select r.* from tapedeck.policy_refusal(
                v_source, v_name || '.drop_after', 'tick_data.drop_after',
                format('candles must outlive their ticks: %s, %s', v_said ->> (v_name || '.drop_after'),
                       v_said ->> 'tick_data.drop_after')) r;
        end if;
    end loop;

    return query
        select c.target, c.setting, c.source, 'that is no schedule'::text
          from tapedeck.policies_compared(p_declared) c
         where c.setting in ('compress_every', 'drop_every', 'refresh_every', 'chunk')
           and c.source is not null and c.unsupported is null
           and (c.becomes is null or tapedeck.words_interval(c.becomes) <= interval '0');
end
$$;

comment on function tapedeck.policies_refusals(jsonb) is
    'What is declared and must not be, by the rules alone; reason is a sentence without its subject. The rules look at paused policies too.';

create or replace function tapedeck.candles_alone(p_interval text, p_from timestamptz, p_to timestamptz)
returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    v_width interval := tapedeck.interval_width(p_interval);
    v_from timestamptz := tapedeck.bucket_ceil(v_width, p_from);
    v_first timestamptz;
    v_last timestamptz;
begin
    -- Candles of a minute: where ticks were dropped.
    if p_interval = '1m' then
        return upper(tapedeck.dropped_chunks(v_from, p_to));
    end if;
    -- The others: before the first candle that is left of what they are made of.
    execute format('select min(c.bucket) from %s c where c.bucket >= $1 and c.bucket < $2',
                   tapedeck.candle_rows(tapedeck.interval_source(p_interval)))
       into v_first
      using v_from, p_to;
    v_first := tapedeck.bucket_floor(v_width, coalesce(v_first, p_to));
    -- Stored ones only: those above the watermark are made of what is there.
    execute format('select max(c.bucket) from public.%I c where c.bucket >= $1 and c.bucket < least($2, $3)',
                   'candle_' || p_interval)
       into v_last
      using v_from, v_first,
            (select coalesce(a.watermark, '-infinity') from tapedeck.aggregates_list() a
              where a.view = 'candle_' || p_interval);
    return v_last + v_width;
end
$$;

comment on function tapedeck.candles_alone(text, timestamptz, timestamptz) is
    'Where the newest candle of the range ends that has outlived what it was made of; null: there is none.';

create or replace function tapedeck.policy_refusal(p_source jsonb, p_name text, p_other text, p_reason text)
returns table (target text, setting text, source text, reason text)
language sql
stable
as $$
    -- Whoever was declared is named, rather than a default.
    select pg_catalog.split_part(n.name, '.', 1), pg_catalog.split_part(n.name, '.', 2), p_source ->> n.name, p_reason
      from (select case when p_other is not null and coalesce(p_source ->> p_name, 'default') = 'default'
                             and coalesce(p_source ->> p_other, 'default') <> 'default'
                        then p_other else p_name end as name) n
$$;

comment on function tapedeck.policy_refusal(jsonb, text, text, text) is
    'A row of policies_refusals(): of the two settings that do not go together, the one that somebody declared.';

create or replace function tapedeck.policy_due(p_action text, p_setting text, p_was text, p_becomes text)
returns text
language sql
stable
as $$
    select case
               when d.chunks > 0 then
                   pg_catalog.format('%s (%s) %s due for %s', d.chunks || case when d.chunks = 1 then ' chunk' else ' chunks' end,
                                     pg_catalog.pg_size_pretty(d.size_bytes),
                                     case when d.chunks = 1 then 'becomes' else 'become' end,
                                     case p_setting when 'drop_after' then 'dropping' else 'compression' end)
               else pg_catalog.format('no chunk becomes due for %s',
                                      case p_setting when 'drop_after' then 'dropping' else 'compression' end)
           end
      from (select count(*) as chunks, sum(s.size_bytes) as size_bytes
              from tapedeck.tick_chunks() c
              join tapedeck.tick_chunk_sizes() s on s.chunk = c.chunk
             where c.range_end <= pg_catalog.now() - tapedeck.words_interval(p_becomes)
               and coalesce(c.range_end > pg_catalog.now() - tapedeck.words_interval(p_was), true)
               and not (p_setting = 'compress_after' and coalesce(c.compressed, false))) d
     where p_action <> 'remove'
       and coalesce(tapedeck.words_interval(p_becomes) < tapedeck.words_interval(p_was), true)
$$;

comment on function tapedeck.policy_due(text, text, text, text) is
    'Which chunks of tick_data a shorter compress_after or drop_after catches; no row for a longer one.';

create or replace function tapedeck.policy_consequence(
    p_action text, p_target text, p_setting text, p_was text, p_becomes text)
returns text
language sql
stable
as $$
    select case
               when p_target = 'tick_data' and p_setting in ('drop_after', 'compress_after') then
                   coalesce(tapedeck.policy_due(p_action, p_setting, p_was, p_becomes),
                            case when p_setting = 'drop_after' then 'what was dropped does not come back'
                                 else 'what is compressed stays compressed' end)
               when p_setting = 'chunk' then 'only for chunks to come; those that are there stay as they are'
               when p_setting = 'drop_after' and p_action = 'remove' then 'candles are kept for good'
               when p_setting = 'drop_after' then 'older candles are dropped, as their ticks were before'
               when p_setting = 'refresh_order' then
                   'newest first, the watermark would jump over candles that are not stored yet'
           end
$$;

comment on function tapedeck.policy_consequence(text, text, text, text, text) is
    'What a change means for the data; null: nothing that is worth a word.';

create or replace function tapedeck.policies_put(p_declared jsonb, p_for_good boolean)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_policy record;
begin
    for v_policy in
        select c.target, c.kind, min(c.job_id) as job_id,
               -- What is no length of time is none for the engine either.
               jsonb_object_agg(c.setting, nullif(nullif(c.becomes, 'open'), 'age of chunks')) as settings
          from tapedeck.policies_compared(p_declared) c
         where (c.target, c.kind) in (select d.target, d.kind from tapedeck.policies_differences(p_declared) d)
         group by c.target, c.kind
         order by min(c.place)
    loop
        perform tapedeck.policy_put(v_policy.target, v_policy.kind, v_policy.job_id, v_policy.settings, p_for_good);
    end loop;
end
$$;

comment on function tapedeck.policies_put(jsonb, boolean) is
    'Puts every difference in force, a policy at a time. See policy_put() about what is not for good.';

create or replace function tapedeck.policies_trial(p_declared jsonb)
returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '10s'
as $$
declare
    v_findings text[];
begin
    begin
        perform tapedeck.policies_put(p_declared, false);
        v_findings := array(select f from tapedeck.policies_check() f);
        raise exception using errcode = 'TD000';
    exception
        when sqlstate 'TD000' then
            null;
    end;
    return v_findings;
end
$$;

comment on function tapedeck.policies_trial(jsonb) is
    'What policies_check() would say if the declared policies were in force. Puts them, looks, and rolls that back.';

create or replace function tapedeck.policies_plan(p_declared jsonb)
returns table (
    action text, target text, setting text, job_id integer, was text, becomes text, source text, detail text)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
begin
    return query
        select 'refusal', r.target, r.setting, null::integer, null::text, c.becomes, r.source, r.reason
          from tapedeck.policies_refusals(p_declared) r
          left join tapedeck.policies_compared(p_declared) c on c.target = r.target and c.setting = r.setting
         order by c.place, r.setting, r.reason;
    if found then
        return;
    end if;
    return query
        select 'finding', null::text, null::text, null::integer, null::text, null::text, null::text, f
          from unnest(tapedeck.policies_trial(p_declared)) f;
    return query
        select d.action, d.target, d.setting, d.job_id,
               coalesce(d.was, case when d.setting in ('drop_after', 'compress_after') then 'never' else 'none' end),
               coalesce(d.becomes, 'never'), d.source,
               nullif(concat_ws(
                   '; ',
                   q.consequence || case when q.consequence like '%) becom% due for%' and d.action <> 'add'
                                         then coalesce(' at the next run' || to_char(r.next_run_at, ' (YYYY-MM-DD HH24:MI UTC)'),
                                                       '') else '' end,
                   case when not r.enabled and d.action <> 'remove'
                        then format('policy %s is paused, and stays paused', d.job_id) end), '')
          from tapedeck.policies_differences(p_declared) d
         cross join lateral (
                select tapedeck.policy_consequence(d.action, d.target, d.setting, d.was, d.becomes)) as q (consequence)
          left join lateral (
                select s.enabled, case when s.enabled then s.next_run_at end as next_run_at
                  from tapedeck.policies_state() s
                 where s.job_id = d.job_id
                 limit 1) r on true
         order by d.place, d.setting;
    return query
        select 'unsupported', c.target, c.setting, null::integer, c.was, null::text, c.source, c.unsupported
          from tapedeck.policies_compared(p_declared) c
         where c.unsupported is not null
         order by c.place, c.setting;
    return query
        select distinct 'paused', c.target, c.kind, c.job_id, null::text, null::text, null::text,
               'it does nothing until it is resumed'::text
          from tapedeck.policies_compared(p_declared) c
         where not c.enabled
           and not exists (select from tapedeck.policies_differences(p_declared) d where d.job_id = c.job_id)
         order by 4;
end
$$;

comment on function tapedeck.policies_plan(jsonb) is
    'What policies_apply() would do. action is add, change or remove (a change), unsupported or paused (a notice), refusal (not allowed by the rules) or finding (of policies_check(), after it). Changes nothing, but needs to be able to.';

create or replace function tapedeck.policies_apply(p_declared jsonb)
returns table (action text, target text, setting text, job_id integer, was text, becomes text)
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '10s'
as $$
declare
    v_refusal record;
    v_finding text;
begin
    -- One at a time: what is compared here is what is put.
    perform pg_advisory_xact_lock(1413742611, 0);
    select r.target, r.setting, r.source, r.reason into v_refusal from tapedeck.policies_refusals(p_declared) r limit 1;
    if found then
        raise exception using
            errcode = 'TD012',
            message = format('%s of %s (%s) is refused', v_refusal.setting, v_refusal.target, v_refusal.source),
            detail = v_refusal.reason;
    end if;
    return query
        select d.action, d.target, d.setting, d.job_id,
               coalesce(d.was, case when d.setting in ('drop_after', 'compress_after') then 'never' else 'none' end),
               coalesce(d.becomes, 'never')
          from tapedeck.policies_differences(p_declared) d
         order by d.place, d.setting;
    perform tapedeck.policies_put(p_declared, true);
    select f into v_finding from tapedeck.policies_check() f limit 1;
    if found then
        raise exception using
            errcode = 'TD012',
            message = 'these policies would endanger candles',
            detail = v_finding;
    end if;
    perform tapedeck.policy_notify(null, 'changed');
end
$$;

comment on function tapedeck.policies_apply(jsonb) is
    'Puts the declared policies in force, all or none, and returns what was changed; paused ones stay paused. Raises TD012 when the rules or policies_check() are against it.';
