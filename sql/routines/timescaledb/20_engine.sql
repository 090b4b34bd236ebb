-- What this engine is, and which chunks hold ticks.

create or replace function tapedeck.engine_info()
returns table (engine text, version text, license text)
language sql
stable
as $$
    select 'timescaledb', e.extversion::text, pg_catalog.current_setting('timescaledb.license', true)
      from pg_catalog.pg_extension e
     where e.extname = 'timescaledb'
$$;

comment on function tapedeck.engine_info() is
    'Name, version and licence of the engine. With an apache licence compressed chunks read as empty: refuse it.';

create or replace function tapedeck.tick_chunks()
returns table (chunk text, range_start timestamptz, range_end timestamptz, compressed boolean)
language sql
stable
as $$
    select pg_catalog.format('%I.%I', c.chunk_schema, c.chunk_name), c.range_start, c.range_end, c.is_compressed
      from timescaledb_information.chunks c
     where c.hypertable_schema = 'public'
       and c.hypertable_name = 'tick_data'
$$;

comment on function tapedeck.tick_chunks() is 'The chunks of tick_data, in no order.';

create or replace function tapedeck.tick_chunk_width()
returns interval
language sql
stable
as $$
    select d.time_interval
      from timescaledb_information.dimensions d
     where d.hypertable_schema = 'public'
       and d.hypertable_name = 'tick_data'
       and d.dimension_number = 1
$$;

comment on function tapedeck.tick_chunk_width() is 'Width of the chunks to come; they are aligned to the Unix epoch.';

create or replace function tapedeck.tick_symbols()
returns setof text
language sql
stable
as $$
    -- TimescaleDB jumps from symbol to symbol in each chunk, compressed ones included (SkipScan).
    select distinct t.symbol from public.tick_data t
$$;

comment on function tapedeck.tick_symbols() is 'Every symbol that has a tick.';

create or replace function tapedeck.chunks_cover(p_from timestamptz, p_to timestamptz)
returns boolean
language sql
stable
as $$
    select coalesce(pg_catalog.range_agg(pg_catalog.tstzrange(c.range_start, c.range_end))
                    @> pg_catalog.tstzrange(p_from, p_to), false)
      from tapedeck.tick_chunks() c
     where c.range_start < p_to
       and c.range_end > p_from
$$;

comment on function tapedeck.chunks_cover(timestamptz, timestamptz) is 'Is every instant of this range in a chunk?';

create or replace function tapedeck.chunks_prepare(p_from timestamptz, p_to timestamptz)
returns void
language sql
as $$ $$;

comment on function tapedeck.chunks_prepare(timestamptz, timestamptz) is
    'Makes room for ticks of this range. Nothing to do: TimescaleDB makes its chunks by itself.';
