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
           public.hypertable_approximate_size('public.tick_data'),
           true
    union all
    (select a.view_name::text, public.approximate_row_count(h.oid), false, public.hypertable_approximate_size(h.oid), true
      from timescaledb_information.continuous_aggregates a
     cross join lateral (select pg_catalog.format('%I.%I', a.materialization_hypertable_schema,
                                                  a.materialization_hypertable_name)::regclass) as h (oid)
     where a.view_schema = 'public'
       and a.view_name in ('candle_1m', 'candle_5m', 'candle_15m', 'candle_1h')
     order by pg_catalog.array_position(array['candle_1m', 'candle_5m', 'candle_15m', 'candle_1h'], a.view_name::text))
$$;

comment on function tapedeck.storage_tables() is
    'Rows and bytes of tick_data and of the stored candles. Rows of tick_data are those of tapedeck.symbols, the others are estimates.';

-- The statistics of compression are named after the columnstore since 2.18; the older name may go.
do $do$
begin
    execute pg_catalog.format($sql$
create or replace function tapedeck.storage_compression()
returns table (table_name text, total_chunks bigint, compressed_chunks bigint,
               compressed_size bigint, uncompressed_size bigint, compression_ratio double precision,
               overdue_chunks bigint)
language sql
as $$
    select 'tick_data', c.total_chunks, c.number_compressed_chunks,
           coalesce(c.after_compression_total_bytes, 0)::bigint,
           coalesce(c.before_compression_total_bytes, 0)::bigint,
           c.before_compression_total_bytes::double precision / nullif(c.after_compression_total_bytes, 0),
           0::bigint
      from public.%I('public.tick_data') c
$$
    $sql$, case when pg_catalog.to_regprocedure('public.hypertable_columnstore_stats(regclass)') is not null
                then 'hypertable_columnstore_stats' else 'hypertable_compression_stats' end);
end
$do$;

comment on function tapedeck.storage_compression() is
    'Chunks of tick_data, how many are compressed, and their bytes before and after; a null ratio: none yet.';
