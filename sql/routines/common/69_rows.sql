-- How many rows a table has, and how many bytes: what both engines need of ordinary tables.

create or replace function tapedeck.rows_guess(p_table oid)
returns bigint
language sql
stable
as $$
    -- As the planner does: as many rows a page as when it was last analyzed. Before that, by the widths of its
    -- columns, a variable one being taken for 32 bytes, and 28 for what stands around a row.
    select case
               when b.bytes = 0 then 0
               when c.reltuples >= 0 and c.relpages > 0
                   then pg_catalog.round(c.reltuples::numeric * b.bytes
                                         / (c.relpages * pg_catalog.current_setting('block_size')::numeric))
               else b.bytes / (28 + (select sum(case when a.attlen > 0 then a.attlen else 32 end)
                                       from pg_catalog.pg_attribute a
                                      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))
           end::bigint
      from pg_catalog.pg_class c
     cross join lateral (select pg_catalog.pg_relation_size(c.oid)) as b (bytes)
     where c.oid = p_table
$$;

comment on function tapedeck.rows_guess(oid) is
    'About how many rows a table has, from its statistics and its size now. Null when it is gone.';

create or replace function tapedeck.partition_tree(p_table oid)
returns table (relid oid, is_leaf boolean)
language sql
stable
as $$
    -- Not pg_partition_tree(): that locks the partitions, and not the table. Who then wants the table too waits
    -- for whoever drops a partition, which locks the table first, and is waited for by him.
    with recursive tree as (
        select c.oid, c.relkind
          from pg_catalog.pg_class c
         where c.oid = p_table
         union all
        select c.oid, c.relkind
          from tree t
          join pg_catalog.pg_inherits i on i.inhparent = t.oid
          join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relispartition
    )
    select t.oid, t.relkind <> 'p' from tree t
$$;

comment on function tapedeck.partition_tree(oid) is
    'A table and, if it is partitioned, its partitions of all levels. Locks none of them.';

create or replace function tapedeck.rows_of(p_table oid, out row_count bigint, out exact boolean)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_counted_bytes_max constant bigint := 131072;
    v_table record;
begin
    exact := false;
    select n.nspname, c.relname into v_table
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where c.oid = p_table
       and c.relkind in ('r', 'm')
       and c.relispopulated
       and pg_relation_size(c.oid) <= c_counted_bytes_max
       and has_schema_privilege(n.oid, 'usage')
       and has_table_privilege(c.oid, 'select');
    if found then
        begin
            execute format('select count(*) from only %I.%I', v_table.nspname, v_table.relname) into row_count;
            exact := true;
        exception
            when undefined_table then null; -- dropped just now
        end;
    end if;
    if not exact then
        row_count := coalesce(tapedeck.rows_guess(p_table), 0);
    end if;
end
$$;

comment on function tapedeck.rows_of(oid) is
    'Rows of an ordinary table: counted while it is no larger than 128 kB, guessed beyond that.';

create or replace function tapedeck.storage_plain_tables(p_without oid[])
returns table (table_name text, row_count bigint, exact boolean, size_bytes bigint, is_own boolean)
language sql
stable
as $$
    select pg_catalog.format(case when l.nspname = 'public' then '%2$I' else '%1$I.%2$I' end, l.nspname, l.relname),
           r.row_count, r.exact, l.bytes, l.nspname = 'tapedeck'
      from (select c.oid, n.nspname, c.relname, c.relkind, b.bytes
              from pg_catalog.pg_class c
              join pg_catalog.pg_namespace n on n.oid = c.relnamespace
             cross join lateral (
                    select case when c.relkind = 'p'
                                then (select sum(pg_catalog.pg_total_relation_size(t.relid))::bigint
                                        from tapedeck.partition_tree(c.oid) t)
                                else pg_catalog.pg_total_relation_size(c.oid) end) as b (bytes)
             where c.relkind in ('r', 'p', 'm')
               and c.relpersistence <> 't'
               and not c.relispartition
               and n.nspname <> 'information_schema'
               and n.nspname !~ '^(pg_|_?timescaledb_)'
               and c.oid <> all (p_without)
               and not exists (select
                                 from pg_catalog.pg_inherits i
                                where i.inhrelid = c.oid and i.inhparent = any (p_without))
             order by n.nspname = 'tapedeck' desc, b.bytes desc nulls last
             limit 250) l
     cross join lateral (
            select p.row_count, p.exact
              from tapedeck.rows_of(l.oid) p
             where l.relkind <> 'p'
             union all
            select sum(tapedeck.rows_guess(t.relid))::bigint, false
              from tapedeck.partition_tree(l.oid) t
             where l.relkind = 'p' and t.is_leaf
            having l.relkind = 'p') r
     where l.bytes is not null
$$;

comment on function tapedeck.storage_plain_tables(oid[]) is
    'Ordinary tables, stored views and partitioned tables of all schemas but the system''s, without those given and their children: tapedeck''s, and the largest of the others, 250 in all.';
