-- Tables that are partitioned by ranges of time: the chunks of plain PostgreSQL.

create or replace function tapedeck.table_partition_key(p_table regclass, out name text, out quoted text, out type regtype)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_column text;
begin
    select a.attname
      into v_column
      from pg_partitioned_table p
      join pg_attribute a on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
     where p.partrelid = p_table and p.partstrat = 'r' and p.partnatts = 1;
    if not found then
        raise exception using
            errcode = 'TD021',
            message = format('%s is not divided by time', tapedeck.table_name(p_table)),
            hint = 'Chunks are those of a hypertable, or the partitions of a table that is partitioned by range of one column of times.';
    end if;
    select c.name, c.quoted, c.type into name, quoted, type from tapedeck.table_column(p_table, v_column, 'time') c;
end
$$;

comment on function tapedeck.table_partition_key(regclass) is 'The column of times by whose ranges a table is partitioned. Raises TD021 when it is not.';

create or replace function tapedeck.table_partitions(p_table regclass)
returns table (chunk regclass, range_start timestamptz, range_end timestamptz)
language sql
stable
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
    select i.inhrelid::regclass,
           case when m.bounds[1] = 'MINVALUE' then '-infinity' else pg_catalog.btrim(m.bounds[1], '''')::timestamptz end,
           case when m.bounds[2] = 'MAXVALUE' then 'infinity' else pg_catalog.btrim(m.bounds[2], '''')::timestamptz end
      from pg_catalog.pg_inherits i
      join pg_catalog.pg_class c on c.oid = i.inhrelid
     cross join lateral pg_catalog.regexp_match(
                pg_catalog.pg_get_expr(c.relpartbound, c.oid),
                $re$^FOR VALUES FROM \(('[^']+'|MINVALUE)\) TO \(('[^']+'|MAXVALUE)\)\Z$re$) as m (bounds)
     where i.inhparent = p_table
       and not i.inhdetachpending
$$;

comment on function tapedeck.table_partitions(regclass) is
    'The partitions of a table that is partitioned by time; a default partition has no range.';

create or replace function tapedeck.table_partition_chunks(p_table regclass, p_from timestamptz, p_to timestamptz)
returns table (
    chunk text, range_start timestamptz, range_end timestamptz, row_estimate bigint, bytes bigint,
    compressed boolean, before_bytes bigint, after_bytes bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform tapedeck.table_partition_key(p_table);
    return query
    select tapedeck.table_name(p.chunk), p.range_start, p.range_end, tapedeck.table_rows(p.chunk, s.total_bytes), s.total_bytes,
           false, null::bigint, null::bigint
      from tapedeck.table_partitions(p_table) p
     cross join lateral tapedeck.table_size(p.chunk) s
     where (p_to is null or p.range_start is null or p.range_start < p_to)
       and (p_from is null or p.range_end is null or p.range_end > p_from)
     order by p.range_start nulls last;
end
$$;

comment on function tapedeck.table_partition_chunks(regclass, timestamptz, timestamptz) is 'What table_chunks() is for a partitioned table.';
