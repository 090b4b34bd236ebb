-- Any table on plain PostgreSQL: what partitions can do, and clear words about what they cannot.

create or replace function tapedeck.table_refuse_engine(p_what text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using
        errcode = 'TD022',
        message = format('plain PostgreSQL has no %s', p_what),
        hint = 'This database was set up without TimescaleDB.';
end
$$;

comment on function tapedeck.table_refuse_engine(text) is 'Raises TD022.';

create or replace function tapedeck.table_hypertable(p_table text, p_time text, p_chunk_us bigint, p_migrate boolean)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform tapedeck.table_find_own(p_table);
    perform tapedeck.table_refuse_engine('hypertables');
end
$$;

comment on function tapedeck.table_hypertable(text, text, bigint, boolean) is 'Raises TD022: this engine has no hypertables.';

create or replace function tapedeck.table_compression(p_table text, p_after_us bigint, p_segment_by text, p_order_by text)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform tapedeck.table_find_own(p_table);
    perform tapedeck.table_refuse_engine('compression');
end
$$;

comment on function tapedeck.table_compression(text, bigint, text, text) is 'Raises TD022: this engine does not compress.';

create or replace function tapedeck.table_aggregate(
    p_name text, p_table text, p_bucket_us bigint, p_time text, p_group_by text, p_select text, p_order text,
    p_refresh_us bigint)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform tapedeck.table_find(p_table);
    perform tapedeck.table_refuse_engine('continuous aggregates');
end
$$;

comment on function tapedeck.table_aggregate(text, text, bigint, text, text, text, text, bigint) is
    'Raises TD022: this engine has no continuous aggregates.';

create or replace function tapedeck.table_chunks(p_table text, p_from timestamptz default null, p_to timestamptz default null)
returns table (
    chunk text, range_start timestamptz, range_end timestamptz, row_estimate bigint, bytes bigint,
    compressed boolean, before_bytes bigint, after_bytes bigint)
language sql
as $$ select * from tapedeck.table_partition_chunks(tapedeck.table_find(p_table), p_from, p_to) $$;

comment on function tapedeck.table_chunks(text, timestamptz, timestamptz) is
    'The partitions of a table that touch [p_from, p_to), by time; the rows are about so many. Raises TD020, TD021.';

create or replace function tapedeck.table_hold(p_table regclass, p_from timestamptz, p_to timestamptz)
returns text
language sql
stable
as $$
    select case when p_table = 'public.tick_data'::regclass then
               coalesce((select 'its candles are not stored yet'
                           from tapedeck.candle_state s
                          where s.watermark < p_to),
                        tapedeck.table_owed_ticks(p_from, p_to)) end
$$;

comment on function tapedeck.table_hold(regclass, timestamptz, timestamptz) is
    'Why a partition may not go yet: candles are owed for its ticks. Null: it may.';

create or replace function tapedeck.table_drop_one(p_table regclass, p_chunk text, p_from timestamptz, p_to timestamptz)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ticks jsonb;
begin
    -- No more writers; then is anything owed, once more.
    if not tapedeck.table_lock_chunk(p_table, p_chunk, true) then
        return true;
    end if;
    if tapedeck.table_hold(p_table, p_from, p_to) is not null then
        return false;
    end if;
    if p_table = 'public.tick_data'::regclass then
        -- The candles once more from all its ticks, for those that others wrote.
        perform tapedeck.refresh_candles(p_from, p_to);
        v_ticks := tapedeck.table_ticks_of(p_from, p_to);
    end if;
    execute format('drop table %s', p_chunk);
    perform tapedeck.table_ticks_dropped(v_ticks, p_from, p_to);
    return true;
end
$$;

comment on function tapedeck.table_drop_one(regclass, text, timestamptz, timestamptz) is
    'Drops a partition, unless something is owed for it by now (false). Of tick_data: its candles are stored before, the symbols counted after.';

create or replace function tapedeck.table_retention(p_table text, p_drop_after_us bigint)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table regclass := tapedeck.table_find_own(p_table);
    v_name text := tapedeck.table_name(v_table);
    v_is_ticks boolean := v_table = 'public.tick_data'::regclass;
    v_target text := case when v_is_ticks then 'tick_data' else v_name end;
    v_config jsonb;
    v_finding text;
begin
    perform tapedeck.table_partition_key(v_table);
    if p_drop_after_us is null then
        update tapedeck.jobs j set enabled = false where j.kind = 'retention' and j.target = v_target and j.enabled;
        return format(case when found then 'nothing is dropped from %s any more' else '%s had no retention' end, v_name);
    end if;

    v_config := jsonb_build_object('drop_after', tapedeck.table_window_text(tapedeck.table_window(p_drop_after_us)));
    -- One at a time, so that a table never gets two of these.
    lock table tapedeck.jobs in share row exclusive mode;
    update tapedeck.jobs j
       set enabled = true, config = j.config || v_config
     where j.kind = 'retention' and j.target = v_target;
    if not found then
        insert into tapedeck.jobs (kind, target, config, schedule_interval, next_run_at)
        values ('retention', v_target,
                v_config || case when v_is_ticks then '{}'::jsonb else jsonb_build_object('table', v_name) end,
                '24 hours', tapedeck.job_next_run('24 hours', now(), '{}'));
    end if;
    select f into v_finding from tapedeck.policies_check() f limit 1;
    if found then
        raise exception using
            errcode = 'TD023',
            message = format('%s cannot be dropped after %s', v_name, v_config ->> 'drop_after'),
            detail = v_finding;
    end if;
    return format('partitions of %s are dropped %s after their end, by the server, at 03:00 UTC; %s are as old already', v_name,
                  v_config ->> 'drop_after',
                  (select count(*) from tapedeck.table_partitions(v_table) p
                    where p.range_end <= now() - (v_config ->> 'drop_after')::interval));
end
$$;

comment on function tapedeck.table_retention(text, bigint) is
    'Lets the server drop partitions so long after they end; null: no more. Returns what is so now. Raises TD002, TD020, TD021, TD023 (candles would be endangered).';

create or replace function tapedeck.table_info(p_table text default null)
returns table (
    table_name text, kind text, row_estimate bigint, total_bytes bigint, table_bytes bigint, index_bytes bigint,
    toast_bytes bigint, chunks bigint, compressed_chunks bigint, before_bytes bigint, after_bytes bigint,
    compression_ratio double precision, policies jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_only regclass := case when p_table is not null then tapedeck.table_find(p_table) end;
begin
    return query
    select tapedeck.table_name(c.oid),
           case c.relkind when 'p' then 'partitioned table' when 'v' then 'view' when 'm' then 'materialized view'
                          when 'f' then 'foreign table' when 'r' then 'table' end,
           case when c.relkind in ('r', 'p', 'm') then tapedeck.table_rows(c.oid, s.total_bytes) end,
           case when c.relkind in ('r', 'p', 'm') then s.total_bytes end,
           case when c.relkind in ('r', 'p', 'm') then s.table_bytes end,
           case when c.relkind in ('r', 'p', 'm') then s.index_bytes end,
           case when c.relkind in ('r', 'p', 'm') then s.toast_bytes end,
           case when c.relkind = 'p' then (select count(*) from pg_inherits i where i.inhparent = c.oid) end,
           null::bigint, null::bigint, null::bigint, null::double precision,
           (select coalesce(jsonb_agg(jsonb_build_object('job_id', j.job_id, 'kind', j.kind, 'enabled', j.enabled,
                                                         'config', j.config) order by j.job_id), '[]')
              from tapedeck.jobs j
             where j.target in (tapedeck.table_name(c.oid),
                                case when n.nspname = 'public' and c.relname in ('tick_data', 'candle_1m') then c.relname end))
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     cross join lateral tapedeck.table_size(c.oid) s
     where case when v_only is not null then c.oid = v_only
                else c.relkind in ('r', 'p', 'm') and not c.relispartition
                     and not tapedeck.table_is_system(n.nspname) end
     order by 1;
end
$$;

comment on function tapedeck.table_info(text) is
    'What a table holds and how large it is; null: every table. Rows are about so many. Raises TD020.';
