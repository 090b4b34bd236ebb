-- How much room the data takes.

-- Their columns have changed before a release: a function keeps those it was made with.
drop function if exists tapedeck.storage_tables();
drop function if exists tapedeck.storage_compression();

create or replace function tapedeck.storage_tables()
returns table (table_name text, row_count bigint, exact boolean, size_bytes bigint, is_hypertable boolean)
language sql
stable
as $$
    with candles as materialized (
        select 'candle_' || i.name as view, tapedeck.candle_rows(i.name)::regclass::oid as relation
          from unnest(tapedeck.stored_intervals()) as i (name)
    )
    select t.table_name, t.row_count, t.exact, t.size_bytes, false
      from (select 'tick_data', true,
                   (select coalesce(sum(s.ticks), 0)::bigint from tapedeck.symbols s),
                   (select coalesce(bool_and(s.exact), true) from tapedeck.symbols s),
                   (select coalesce(sum(pg_catalog.pg_total_relation_size(p.relid)), 0)::bigint
                      from tapedeck.partition_tree('public.tick_data'::regclass) p)
            union all
            select c.view, true, r.row_count, r.exact, pg_catalog.pg_total_relation_size(c.relation)
              from candles c
             cross join lateral tapedeck.rows_of(c.relation) r
            union all
            select p.table_name, p.is_own, p.row_count, p.exact, p.size_bytes
              from tapedeck.storage_plain_tables(array(select c.relation from candles c)
                                                 || 'public.tick_data'::regclass::oid) p)
            as t (table_name, is_own, row_count, exact, size_bytes)
     order by pg_catalog.array_position('tick_data'::text || tapedeck.candle_views(), t.table_name),
              t.is_own desc, t.table_name collate "C"
$$;

comment on function tapedeck.storage_tables() is
    'Rows and bytes of every table, partitions counted with what they are part of. Rows of tick_data are those of tapedeck.symbols, those of small tables are counted; where exact is false they are an estimate.';

create or replace function tapedeck.storage_compression()
returns table (table_name text, total_chunks bigint, compressed_chunks bigint,
               compressed_size bigint, uncompressed_size bigint, compression_ratio double precision,
               overdue_chunks bigint)
language sql
as $$ select null::text, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::double precision, 0::bigint where false $$;

comment on function tapedeck.storage_compression() is 'No row: this engine does not compress.';
