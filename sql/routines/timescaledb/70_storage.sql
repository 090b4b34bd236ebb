-- How much room the data takes.

-- Their columns have changed before a release: a function keeps those it was made with.
drop function if exists tapedeck.storage_tables();
drop function if exists tapedeck.storage_compression();

create or replace function tapedeck.storage_hypertables()
returns table (hypertable_id integer, relation oid, table_name text, is_own boolean)
language sql
stable
as $$
    select h.id, c.oid,
           pg_catalog.format(case when v.nspname = 'public' then '%2$I' else '%1$I.%2$I' end, v.nspname, v.relname),
           v.nspname = 'public'
           and v.relname = any ('tick_data'::text || tapedeck.candle_views())
      from _timescaledb_catalog.hypertable h
      join pg_catalog.pg_namespace n on n.nspname = h.schema_name
      join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = h.table_name
      left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = h.id
     cross join lateral (select coalesce(a.user_view_schema, h.schema_name),
                                coalesce(a.user_view_name, h.table_name)) as v (nspname, relname)
     where h.compression_state <> 2 -- 2: holds the compressed chunks of another
$$;

comment on function tapedeck.storage_hypertables() is
    'Every hypertable; those of continuous aggregates under the names of their views.';

create or replace function tapedeck.storage_hypertable_sizes()
returns table (hypertable_id integer, row_count bigint, size_bytes bigint)
language sql
stable
set jit = off
as $$
    -- What hypertable_size() says, for all of them at once. A chunk that was compressed leaves an empty table
    -- behind, whose indexes are as large as they were when it became empty, and that stands in pg_class: of the
    -- nine relations of such a chunk six need not be looked at, which for years of chunks is most of the work.
    with index_pages as materialized (
        select x.indrelid, sum(greatest(i.relpages, 1))::bigint as pages
          from pg_catalog.pg_index x
          join pg_catalog.pg_class i on i.oid = x.indexrelid
         group by x.indrelid
    ),
    chunk as materialized (
        select k.hypertable_id, k.id, k.compressed_chunk_id, c.oid, c.reltoastrelid, c.reltuples
          from _timescaledb_catalog.chunk k
          join pg_catalog.pg_namespace n on n.nspname = k.schema_name
          join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = k.table_name
    ),
    measured as materialized (
        select k.hypertable_id, k.id,
               case when k.compressed_chunk_id is not null
                         and pg_catalog.pg_relation_size(k.oid) = 0
                         and (k.reltoastrelid = 0 or pg_catalog.pg_relation_size(k.reltoastrelid) = 0)
                    then (coalesce(i.pages, 0) + coalesce(t.pages, 0))
                         * pg_catalog.current_setting('block_size')::bigint
                    else pg_catalog.pg_total_relation_size(k.oid) end as bytes
          from chunk k
          left join index_pages i on i.indrelid = k.oid
          left join index_pages t on t.indrelid = k.reltoastrelid
    )
    select h.id,
           (select coalesce(sum(case when k.reltuples >= 0 then k.reltuples::bigint
                                     else tapedeck.rows_guess(k.oid) end
                                + coalesce(z.numrows_pre_compression, 0)), 0)::bigint
              from chunk k
              left join _timescaledb_catalog.compression_chunk_size z on z.chunk_id = k.id
             where k.hypertable_id = h.id),
           (select coalesce(sum(m.bytes), 0)::bigint
              from measured m
             where m.hypertable_id in (h.id, h.compressed_hypertable_id))
           + (select coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::bigint
                from _timescaledb_catalog.hypertable r
                join pg_catalog.pg_namespace n on n.nspname = r.schema_name
                join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = r.table_name
               where r.id in (h.id, h.compressed_hypertable_id))
      from _timescaledb_catalog.hypertable h
     where h.compression_state <> 2
$$;

comment on function tapedeck.storage_hypertable_sizes() is
    'About how many rows each hypertable has, and the bytes of all its chunks, compressed ones included.';

create or replace function tapedeck.storage_tables()
returns table (table_name text, row_count bigint, exact boolean, size_bytes bigint, is_hypertable boolean)
language sql
stable
as $$
    with hypertable as materialized (select * from tapedeck.storage_hypertables()),
    ticks as (select coalesce(sum(s.ticks), 0)::bigint as row_count, coalesce(bool_and(s.exact), true) as exact
                from tapedeck.symbols s)
    select t.table_name, t.row_count, t.exact, t.size_bytes, t.is_hypertable
      from (select h.table_name, h.is_own,
                   case when h.relation = 'public.tick_data'::regclass then (select k.row_count from ticks k)
                        else s.row_count end,
                   h.relation = 'public.tick_data'::regclass and (select k.exact from ticks k),
                   s.size_bytes, true
              from hypertable h
              join tapedeck.storage_hypertable_sizes() s using (hypertable_id)
            union all
            select p.table_name, p.is_own, p.row_count, p.exact, p.size_bytes, false
              from tapedeck.storage_plain_tables(array(select h.relation from hypertable h)) p)
            as t (table_name, is_own, row_count, exact, size_bytes, is_hypertable)
     order by pg_catalog.array_position('tick_data'::text || tapedeck.candle_views(), t.table_name),
              t.is_own desc, t.table_name collate "C"
$$;

comment on function tapedeck.storage_tables() is
    'Rows and bytes of every table, partitions and chunks counted with what they are part of. Rows of tick_data are those of tapedeck.symbols, those of small tables are counted; where exact is false they are an estimate.';

create or replace function tapedeck.storage_overdue()
returns table (hypertable_id integer, chunks bigint)
language sql
stable
as $$
    -- A run finds what became due since the last one, so a chunk may be late by one interval; two are a fault.
    select k.hypertable_id, count(distinct k.id)
      from timescaledb_information.jobs j
      join _timescaledb_config.bgw_job b on b.id = j.job_id
      join _timescaledb_catalog.chunk k on k.hypertable_id = b.hypertable_id and k.compressed_chunk_id is null
      join _timescaledb_catalog.dimension d on d.hypertable_id = k.hypertable_id
                                           and d.interval_length is not null
                                           and d.column_type in ('timestamptz'::regtype, 'timestamp'::regtype,
                                                                 'date'::regtype)
      join _timescaledb_catalog.dimension_slice s on s.dimension_id = d.id
      join _timescaledb_catalog.chunk_constraint c on c.chunk_id = k.id and c.dimension_slice_id = s.id
     where j.proc_name in ('policy_compression', 'policy_columnstore')
       and pg_catalog.jsonb_typeof(j.config -> 'compress_after') = 'string'
       -- The catalog may remember chunks that were dropped.
       and pg_catalog.to_regclass(pg_catalog.format('%I.%I', k.schema_name, k.table_name)) is not null
       and s.range_end < tapedeck.time_us(pg_catalog.now() - (j.config ->> 'compress_after')::interval
                                          - 2 * j.schedule_interval)
     group by k.hypertable_id
$$;

comment on function tapedeck.storage_overdue() is
    'Chunks that are not compressed, though the age of their compression policy is past by two of its intervals. Policies that are paused count too.';

-- The statistics of compression are named after the columnstore since 2.18; the older name may go.
do $do$
begin
    execute pg_catalog.format($sql$
create or replace function tapedeck.storage_compression()
returns table (table_name text, total_chunks bigint, compressed_chunks bigint,
               compressed_size bigint, uncompressed_size bigint, compression_ratio double precision,
               overdue_chunks bigint)
language sql
stable
as $$
    select h.table_name,
           coalesce(c.total_chunks, (select count(*)
                                       from pg_catalog.pg_inherits i
                                      where i.inhparent = h.relation)),
           coalesce(c.number_compressed_chunks, 0),
           coalesce(c.after_compression_total_bytes, 0)::bigint,
           coalesce(c.before_compression_total_bytes, 0)::bigint,
           c.before_compression_total_bytes::double precision / nullif(c.after_compression_total_bytes, 0),
           coalesce(o.chunks, 0)
      from tapedeck.storage_hypertables() h
      left join lateral public.%I(h.relation::regclass) c on true
      left join tapedeck.storage_overdue() o on o.hypertable_id = h.hypertable_id
     order by pg_catalog.array_position('tick_data'::text || tapedeck.candle_views(), h.table_name), h.table_name collate "C"
$$
    $sql$, case when pg_catalog.to_regprocedure('public.hypertable_columnstore_stats(regclass)') is not null
                then 'hypertable_columnstore_stats' else 'hypertable_compression_stats' end);
end
$do$;

comment on function tapedeck.storage_compression() is
    'Of every hypertable: its chunks, how many are compressed, their bytes before and after, and how many should be compressed and are not. A null ratio: none yet.';

create or replace procedure tapedeck.storage_sample_job(p_job_id integer, p_config jsonb)
language plpgsql
as $$
begin
    perform tapedeck.storage_sample_nightly();
end
$$;

comment on procedure tapedeck.storage_sample_job(integer, jsonb) is
    'The daily job that measures the size of the database.';
