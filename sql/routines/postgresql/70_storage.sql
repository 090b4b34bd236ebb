-- How much room the data takes.

-- Their columns have changed before a release: a function keeps those it was made with.
drop function if exists tapedeck.storage_tables();
drop function if exists tapedeck.storage_compression();

create or replace function tapedeck.storage_tables()
returns table (table_name text, row_count bigint, exact boolean, size_bytes bigint, is_hypertable boolean)
language sql
as $$
    select 'tick_data',
           (select coalesce(sum(s.ticks), 0)::bigint from tapedeck.symbols s),
           (select coalesce(bool_and(s.exact), true) from tapedeck.symbols s),
           (select coalesce(sum(pg_catalog.pg_total_relation_size(t.relid)), 0)::bigint
              from pg_catalog.pg_partition_tree('public.tick_data') t),
           false
    union all
    (select 'candle_' || i.name, greatest(c.reltuples, 0)::bigint, false, pg_catalog.pg_total_relation_size(c.oid), false
       from unnest(array['1m', '5m', '15m', '1h']) with ordinality as i (name, place)
       join pg_catalog.pg_class c on c.oid = tapedeck.candle_rows(i.name)::regclass
      order by i.place)
$$;

comment on function tapedeck.storage_tables() is
    'Rows and bytes of tick_data and of the stored candles. Rows of tick_data are those of tapedeck.symbols, the others are estimates.';

create or replace function tapedeck.storage_compression()
returns table (table_name text, total_chunks bigint, compressed_chunks bigint,
               compressed_size bigint, uncompressed_size bigint, compression_ratio double precision,
               overdue_chunks bigint)
language sql
as $$ select null::text, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::double precision, 0::bigint where false $$;

comment on function tapedeck.storage_compression() is 'No row: this engine does not compress.';
