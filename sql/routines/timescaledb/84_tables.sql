-- Any table on TimescaleDB: hypertables, their chunks and their sizes.

create or replace function tapedeck.table_hypertable_of(
    p_table regclass, out id integer, out name regclass, out column_name text, out column_type regtype, out chunk_width interval)
language sql
stable
as $$
    -- The rows of a continuous aggregate are in a hypertable of its own.
    select h.id, h.name, d.column_name::text, d.column_type, d.interval_length * interval '1 microsecond'
      from (select coalesce(a.mat_hypertable_id, o.id) as id
              from pg_catalog.pg_class c
              join pg_catalog.pg_namespace n on n.oid = c.relnamespace
              left join _timescaledb_catalog.hypertable o on o.schema_name = n.nspname and o.table_name = c.relname
              left join _timescaledb_catalog.continuous_agg a
                on a.user_view_schema = n.nspname and a.user_view_name = c.relname
             where c.oid = p_table) f
      join lateral (select h.id, pg_catalog.to_regclass(pg_catalog.format('%I.%I', h.schema_name, h.table_name)) as name
                      from _timescaledb_catalog.hypertable h
                     where h.id = f.id) h on true
      join lateral (select d.column_name, d.column_type, d.interval_length
                      from _timescaledb_catalog.dimension d
                     where d.hypertable_id = h.id and d.interval_length is not null
                     order by d.id
                     limit 1) d on true
$$;

comment on function tapedeck.table_hypertable_of(regclass) is
    'The hypertable that a table is, or that holds the rows of a continuous aggregate, and what its chunks go by; nulls: none.';

create or replace function tapedeck.table_hypertable_own(
    p_table regclass, out id integer, out name regclass, out column_name text, out column_type regtype, out chunk_width interval)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    select h.id, h.name, h.column_name, h.column_type, h.chunk_width
      into id, name, column_name, column_type, chunk_width
      from tapedeck.table_hypertable_of(p_table) h;
    if id is null then
        raise exception using
            errcode = 'TD021',
            message = format('%s is no hypertable', tapedeck.table_name(p_table)),
            hint = '`tapedeck table hypertable` makes one of it.';
    elsif column_type not in ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) then
        raise exception using
            errcode = 'TD021',
            message = format('the chunks of %s go by %s, a %s', tapedeck.table_name(p_table), column_name, column_type),
            hint = 'Only chunks of time have an age.';
    end if;
end
$$;

comment on function tapedeck.table_hypertable_own(regclass) is 'As table_hypertable_of. Raises TD021 when it is no hypertable by time.';

create or replace function tapedeck.table_chunks(p_table text, p_from timestamptz default null, p_to timestamptz default null)
returns table (
    chunk text, range_start timestamptz, range_end timestamptz, row_estimate bigint, bytes bigint,
    compressed boolean, before_bytes bigint, after_bytes bigint)
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_table regclass := tapedeck.table_find(p_table);
    v_hypertable regclass := (tapedeck.table_hypertable_of(v_table)).name;
begin
    if v_hypertable is null then
        return query select * from tapedeck.table_partition_chunks(v_table, p_from, p_to);
        return;
    end if;
    perform tapedeck.table_hypertable_own(v_table);
    return query
    select format('%I.%I', c.chunk_schema, c.chunk_name), c.range_start, c.range_end,
           -- What the planner believes of compressed rows is worse than what was counted at that time.
           case when d.total_bytes > 1048576 and z.numrows_pre_compression > 0 then z.numrows_pre_compression
                else tapedeck.table_rows(to_regclass(format('%I.%I', c.chunk_schema, c.chunk_name)), d.total_bytes) end,
           d.total_bytes, c.is_compressed,
           z.uncompressed_heap_size + z.uncompressed_index_size + z.uncompressed_toast_size,
           z.compressed_heap_size + z.compressed_index_size + z.compressed_toast_size
      from timescaledb_information.chunks c
      join pg_class r on r.oid = v_hypertable
      join pg_namespace n on n.oid = r.relnamespace
      left join public.chunks_detailed_size(v_hypertable) d
        on d.chunk_schema = c.chunk_schema and d.chunk_name = c.chunk_name
      left join _timescaledb_catalog.chunk k on k.schema_name = c.chunk_schema and k.table_name = c.chunk_name
      left join _timescaledb_catalog.compression_chunk_size z on z.chunk_id = k.id
     where c.hypertable_schema = n.nspname
       and c.hypertable_name = r.relname
       and (p_to is null or c.range_start < p_to)
       and (p_from is null or c.range_end > p_from)
     order by c.range_start, c.chunk_name;
end
$$;

comment on function tapedeck.table_chunks(text, timestamptz, timestamptz) is
    'The chunks of a hypertable or continuous aggregate, or the partitions of a table, that touch [p_from, p_to), by time; the rows are about so many; bytes before and after compression, where there was one. Raises TD020, TD021.';

create or replace function tapedeck.table_aggregates(p_hypertable integer)
returns table (
    name text, mat_hypertable_id integer, width interval, watermark_us bigint, job_id integer, start_offset interval,
    end_offset interval)
language sql
stable
as $$
    select pg_catalog.format('%I.%I', a.user_view_schema, a.user_view_name), a.mat_hypertable_id, b.bucket_width::interval,
           _timescaledb_functions.cagg_watermark(a.mat_hypertable_id), j.id,
           (j.config ->> 'start_offset')::interval, (j.config ->> 'end_offset')::interval
      from _timescaledb_catalog.continuous_agg a
      left join _timescaledb_catalog.continuous_aggs_bucket_function b on b.mat_hypertable_id = a.mat_hypertable_id
      left join _timescaledb_config.bgw_job j
        on j.proc_name = 'policy_refresh_continuous_aggregate'
       and (j.config ->> 'mat_hypertable_id')::integer = a.mat_hypertable_id
     where a.raw_hypertable_id = p_hypertable
     order by 1, j.id
$$;

comment on function tapedeck.table_aggregates(integer) is
    'The continuous aggregates directly over a hypertable, a row for each of their refresh policies, or one with a null job_id.';

create or replace function tapedeck.table_ranges(p_table regclass)
returns table (range_start timestamptz, range_end timestamptz)
language sql
stable
as $$
    select c.range_start, c.range_end
      from timescaledb_information.chunks c
      join pg_catalog.pg_class r on r.relname = c.hypertable_name
      join pg_catalog.pg_namespace n on n.oid = r.relnamespace and n.nspname = c.hypertable_schema
     where r.oid = p_table
$$;

comment on function tapedeck.table_ranges(regclass) is 'Where the chunks of a hypertable are.';

create or replace function tapedeck.table_owed_rows(
    p_table regclass, p_aggregate integer, p_width interval, p_from timestamptz, p_to timestamptz)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_hypertable record;
    v_from_us bigint := tapedeck.time_us(p_from);
    v_to_us bigint := tapedeck.time_us(p_to);
    c_least_us constant bigint := tapedeck.time_us('0001-01-01 00:00:00+00');
    -- A drop notes its chunk up to and with the first instant of the next one, and so that one's first bucket,
    -- in which nothing has changed. Where nothing lies before, a note that came from there is such a note.
    v_dropped_to_us bigint;
    v_owed int8multirange;
    v_stored int8multirange;
    v_found boolean;
begin
    select * into v_hypertable from tapedeck.table_hypertable_of(p_table);
    if not exists (select
                     from _timescaledb_catalog.dimension d
                     join _timescaledb_catalog.dimension_slice s on s.dimension_id = d.id
                     join _timescaledb_catalog.chunk_constraint o on o.dimension_slice_id = s.id
                     join _timescaledb_catalog.chunk c on c.id = o.chunk_id and not c.dropped
                    where d.hypertable_id = v_hypertable.id and d.column_name = v_hypertable.column_name
                      and s.range_start < v_from_us and s.range_end >= v_from_us) then
        v_dropped_to_us := tapedeck.time_us(p_from + coalesce(p_width, '0'));
    end if;
    -- The books that candles_owed() reads, of any aggregate.
    select range_agg(int8range(greatest(b.lowest, v_from_us), least(b.greatest, v_to_us - 1), '[]'))
      into v_owed
      from (select l.lowest_modified_value, l.greatest_modified_value
              from _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l
             where l.hypertable_id = v_hypertable.id
             union all
            select l.lowest_modified_value, l.greatest_modified_value
              from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
             where l.materialization_id = p_aggregate
             union all
            select _timescaledb_functions.cagg_watermark(p_aggregate), v_to_us - 1) as b (lowest, greatest)
     where b.lowest < v_to_us and b.greatest >= v_from_us and b.lowest <= b.greatest
       and not (b.lowest >= c_least_us and b.lowest < v_from_us and coalesce(b.greatest < v_dropped_to_us, false));
    if to_regclass('_timescaledb_catalog.continuous_aggs_materialization_ranges') is not null then
        execute 'select range_agg(int8range(greatest(r.lowest_modified_value, $1), least(r.greatest_modified_value, $2 - 1), ''[]''))'
                '  from _timescaledb_catalog.continuous_aggs_materialization_ranges r'
                ' where r.materialization_id = $3'
                '   and r.lowest_modified_value < $2 and r.greatest_modified_value >= $1'
           into v_stored
          using v_from_us, v_to_us, p_aggregate;
    end if;
    v_owed := coalesce(v_owed, '{}') + coalesce(v_stored, '{}');

    -- They also name time in which nothing ever was: is there a row? Quotes make no candle.
    select bool_or(f.found) into v_found
      from unnest(v_owed) o
     cross join lateral tapedeck.table_has_rows(
                p_table,
                timestamptz 'epoch' + lower(o) * interval '1 microsecond',
                timestamptz 'epoch' + upper(o) * interval '1 microsecond') as f (found);
    return coalesce(v_found, false);
end
$$;

comment on function tapedeck.table_owed_rows(regclass, integer, interval, timestamptz, timestamptz) is
    'Does a hypertable have rows in [p_from, p_to) that a continuous aggregate over it has not stored, or not since they changed?';

create or replace function tapedeck.table_has_rows(p_table regclass, p_from timestamptz, p_to timestamptz)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    v_hypertable record;
    v_found boolean;
begin
    select * into v_hypertable from tapedeck.table_hypertable_of(p_table);
    execute format('select exists (select from %s t where %s%s)', tapedeck.table_name(v_hypertable.name),
                   tapedeck.table_range(format('%I', v_hypertable.column_name), v_hypertable.column_type, p_from, p_to),
                   case when p_table = 'public.tick_data'::regclass then ' and t.last_price is not null' else '' end)
       into v_found;
    return v_found;
end
$$;

comment on function tapedeck.table_has_rows(regclass, timestamptz, timestamptz) is
    'Is there a row in the range? Of tick_data: one that makes a candle.';

create or replace function tapedeck.table_hold(p_table regclass, p_from timestamptz, p_to timestamptz)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
declare
    c_margin constant interval := interval '24 hours';
    v_hypertable integer := (tapedeck.table_hypertable_of(p_table)).id;
    v_aggregate record;
    v_queued text;
begin
    if p_table = 'public.tick_data'::regclass then
        v_queued := tapedeck.table_owed_ticks(p_from, p_to);
        if v_queued is not null then
            return v_queued;
        end if;
    end if;
    for v_aggregate in select * from tapedeck.table_aggregates(v_hypertable) loop
        if v_aggregate.job_id is not null and v_aggregate.start_offset is null then
            return format('policy %s of %s refreshes all time: it would delete what was stored of these rows',
                          v_aggregate.job_id, v_aggregate.name);
        elsif p_to > clock_timestamp() - v_aggregate.start_offset - v_aggregate.width - c_margin then
            return format('policy %s of %s refreshes the last %s: it would delete what was stored of these rows',
                          v_aggregate.job_id, v_aggregate.name, v_aggregate.start_offset);
        elsif tapedeck.table_owed_rows(p_table, v_aggregate.mat_hypertable_id, v_aggregate.width, p_from, p_to) then
            return format('%s has not stored all of it', v_aggregate.name);
        end if;
    end loop;
    return null;
end
$$;

comment on function tapedeck.table_hold(regclass, timestamptz, timestamptz) is
    'Why a chunk may not go yet: a continuous aggregate owes what follows from it, or a refresh policy still looks at it, which would delete what was stored. Null: it may.';

create or replace function tapedeck.table_drop_one(p_table regclass, p_chunk text, p_from timestamptz, p_to timestamptz)
returns boolean
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_hypertable record;
    v_ticks jsonb;
begin
    select * into v_hypertable from tapedeck.table_hypertable_of(p_table);
    -- No more writers; then is anything owed, once more. Chunks of one range go together: this one may have gone
    -- with another.
    if not tapedeck.table_lock_chunk(p_table, p_chunk, v_hypertable.id is null) then
        return true;
    end if;
    if tapedeck.table_hold(p_table, p_from, p_to) is not null then
        return false;
    end if;
    if p_table = 'public.tick_data'::regclass then
        v_ticks := tapedeck.table_ticks_of(p_from, p_to);
    end if;
    if v_hypertable.id is null then
        execute format('drop table %s', p_chunk);
    else
        execute format('select public.drop_chunks(%L::regclass, older_than => (%s)::%s, newer_than => (%s)::%s)',
                       tapedeck.table_name(p_table),
                       tapedeck.table_instant(v_hypertable.column_type, p_to), v_hypertable.column_type,
                       tapedeck.table_instant(v_hypertable.column_type, p_from), v_hypertable.column_type);
        if to_regclass(p_chunk) is not null then
            raise exception using
                errcode = 'TD009',
                message = format('%s is still there after dropping it', p_chunk),
                detail = 'Nothing was changed.';
        end if;
    end if;
    perform tapedeck.table_ticks_dropped(v_ticks, p_from, p_to);
    return true;
end
$$;

comment on function tapedeck.table_drop_one(regclass, text, timestamptz, timestamptz) is
    'Drops a chunk or partition, unless something is owed for it by now (false). Of tick_data: the symbols are counted after.';

create or replace function tapedeck.table_info(p_table text default null)
returns table (
    table_name text, kind text, row_estimate bigint, total_bytes bigint, table_bytes bigint, index_bytes bigint,
    toast_bytes bigint, chunks bigint, compressed_chunks bigint, before_bytes bigint, after_bytes bigint,
    compression_ratio double precision, policies jsonb)
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_only regclass := case when p_table is not null then tapedeck.table_find(p_table) end;
begin
    return query
    select tapedeck.table_name(c.oid),
           case when c.relkind = 'v' and h.id is not null then 'continuous aggregate'
                when h.id is not null then 'hypertable'
                else case c.relkind when 'p' then 'partitioned table' when 'v' then 'view' when 'm' then 'materialized view'
                                    when 'f' then 'foreign table' when 'r' then 'table' end end,
           case when h.id is not null or c.relkind in ('r', 'p', 'm') then tapedeck.table_rows(coalesce(h.name, c.oid), s.total_bytes) end,
           case when h.id is not null or c.relkind in ('r', 'p', 'm') then s.total_bytes end,
           case when h.id is not null or c.relkind in ('r', 'p', 'm') then s.table_bytes end,
           case when h.id is not null or c.relkind in ('r', 'p', 'm') then s.index_bytes end,
           case when h.id is not null or c.relkind in ('r', 'p', 'm') then s.toast_bytes end,
           case when h.id is not null then k.chunks
                when c.relkind = 'p' then (select count(*) from pg_inherits i where i.inhparent = c.oid) end,
           k.compressed, k.before_bytes, k.after_bytes,
           k.before_bytes::double precision / nullif(k.after_bytes, 0),
           (select coalesce(jsonb_agg(jsonb_build_object(
                       'job_id', j.job_id,
                       'kind', case when j.proc_name in ('policy_compression', 'policy_columnstore') then 'compression'
                                    when j.proc_name = 'policy_retention' then 'retention'
                                    when j.proc_name = 'policy_refresh_continuous_aggregate' then 'refresh'
                                    else j.proc_name::text end,
                       'enabled', j.scheduled,
                       'config', coalesce(j.config, '{}')) order by j.job_id), '[]')
              from timescaledb_information.jobs j
             where j.hypertable_schema = n.nspname and j.hypertable_name = c.relname)
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     cross join lateral tapedeck.table_hypertable_of(c.oid) h
     cross join lateral (
            select z.table_bytes, z.index_bytes, z.toast_bytes, z.total_bytes
              from tapedeck.table_size(c.oid) z where h.id is null
             union all
            select sum(z.table_bytes)::bigint, sum(z.index_bytes)::bigint, sum(z.toast_bytes)::bigint, sum(z.total_bytes)::bigint
              from public.hypertable_detailed_size(h.name) z where h.id is not null
            having h.id is not null) s
      left join lateral (
            select count(*) as chunks, count(z.chunk_id) as compressed,
                   sum(z.uncompressed_heap_size + z.uncompressed_index_size + z.uncompressed_toast_size)::bigint as before_bytes,
                   sum(z.compressed_heap_size + z.compressed_index_size + z.compressed_toast_size)::bigint as after_bytes
              from _timescaledb_catalog.chunk k
              left join _timescaledb_catalog.compression_chunk_size z on z.chunk_id = k.id
             where k.hypertable_id = h.id and not k.dropped) k on h.id is not null
     where case when v_only is not null then c.oid = v_only
                else not c.relispartition and not tapedeck.table_is_system(n.nspname)
                     and (c.relkind in ('r', 'p', 'm') or h.id is not null) end
     order by 1;
end
$$;

comment on function tapedeck.table_info(text) is
    'What a table or continuous aggregate holds, how large it is, and which policies work on it; null: every table. Rows are about so many. Raises TD020.';
