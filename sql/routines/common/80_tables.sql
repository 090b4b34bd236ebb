-- Any table of the database: from what a person wrote to a table, a column, a piece of a statement.
--
-- The routines of 80 … 85 build statements. Into these goes nothing that a person wrote, only what came out of
-- the catalog, quoted (%I), literals (%L), and words of closed grammars.

create or replace function tapedeck.table_is_system(p_schema text)
returns boolean
language sql
immutable parallel safe
as $$
    select p_schema ~ '^(pg_|_timescaledb_)'
        or p_schema in ('information_schema', 'timescaledb_information', 'timescaledb_experimental')
$$;

comment on function tapedeck.table_is_system(text) is 'Does a schema of this name belong to PostgreSQL or to an extension?';

create or replace function tapedeck.table_name(p_table regclass)
returns text
language sql
stable strict
as $$
    select pg_catalog.format('%I.%I', n.nspname, c.relname)
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.oid = p_table
$$;

comment on function tapedeck.table_name(regclass) is 'Name of a table with its schema, quoted where needed, whatever the search_path is.';

create or replace function tapedeck.table_readings(p_name text)
returns table (place integer, schema_name text, table_name text)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_parts text[];
begin
    begin
        v_parts := parse_ident(p_name);
        if cardinality(v_parts) = 1 then
            return query select 1, 'public', v_parts[1];
        elsif cardinality(v_parts) = 2 then
            return query select 1, v_parts[1], v_parts[2];
        end if;
    exception
        when invalid_parameter_value then
            null; -- no name as SQL reads it, but one may have been created with quotes
    end;
    return query select 2, 'public', p_name;
    if p_name ~ '^[^".]+[.][^".]+$' then
        return query select 3, split_part(p_name, '.', 1), split_part(p_name, '.', 2);
    end if;
end
$$;

comment on function tapedeck.table_readings(text) is
    'What a written name may mean, best first: as SQL reads it (unquoted letters become small, no schema means public), then exactly as it stands.';

create or replace function tapedeck.table_find(p_name text)
returns regclass
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_found regclass;
    v_schema text;
    v_near text;
begin
    select to_regclass(format('%I.%I', n.nspname, c.relname)), n.nspname
      into v_found, v_schema
      from tapedeck.table_readings(p_name) r
      join pg_namespace n on n.nspname = r.schema_name
      join pg_class c on c.relnamespace = n.oid and c.relname = r.table_name
     where c.relkind in ('r', 'p', 'v', 'm', 'f')
     order by r.place
     limit 1;
    if v_found is not null and tapedeck.table_is_system(v_schema) then
        raise exception using
            errcode = 'TD020',
            message = format('%s is a table of the system', tapedeck.table_name(v_found));
    elsif v_found is not null then
        return v_found;
    end if;

    select string_agg(s.name, ', ')
      into v_near
      from (select distinct on (m.rank, length(c.relname), n.nspname, c.relname)
                   format('%I.%I', n.nspname, c.relname) as name
              from tapedeck.table_readings(p_name) r
             cross join pg_class c
              join pg_namespace n on n.oid = c.relnamespace
             cross join lateral (
                    select case
                               when lower(c.relname) = lower(r.table_name) then 1
                               when strpos(lower(c.relname), lower(r.table_name)) > 0 then 2
                               when strpos(lower(r.table_name), lower(c.relname)) > 0 then 3
                               when "left"(lower(c.relname), 3) = "left"(lower(r.table_name), 3) then 4
                           end as rank) m
             where c.relkind in ('r', 'p', 'v', 'm', 'f')
               and not c.relispartition
               and not tapedeck.table_is_system(n.nspname)
               and length(r.table_name) >= 2
               and m.rank is not null
             order by m.rank, length(c.relname), n.nspname, c.relname
             limit 5) s;
    raise exception using
        errcode = 'TD020',
        message = format('there is no table %s', coalesce(p_name, '(null)')),
        hint = coalesce('Is it one of these: ' || v_near || '?',
                        'A name without a schema is looked for in public; quote a name as in SQL, "My Table".');
end
$$;

comment on function tapedeck.table_find(text) is
    'The table, view or continuous aggregate of this name; without a schema, in public. Raises TD020 when there is none, or when it is the system''s.';

create or replace function tapedeck.table_find_own(p_name text)
returns regclass
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table regclass := tapedeck.table_find(p_name);
    v_class record;
begin
    select c.relkind, n.nspname, c.relispartition or exists (select from pg_inherits i where i.inhrelid = c.oid) as is_part
      into v_class
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where c.oid = v_table;
    if v_class.relkind not in ('r', 'p') then
        raise exception using
            errcode = 'TD021',
            message = format('%s is not a table but a %s', tapedeck.table_name(v_table),
                             case v_class.relkind when 'v' then 'view or continuous aggregate'
                                                  when 'm' then 'materialized view' else 'foreign table' end),
            hint = 'Only tables can be changed like this.';
    elsif v_class.nspname = 'tapedeck' then
        raise exception using
            errcode = 'TD021',
            message = format('%s is in tapedeck''s own schema', tapedeck.table_name(v_table)),
            hint = format('What is there can be looked at, but not changed like this. If it is yours: alter table %s set schema public',
                          tapedeck.table_name(v_table));
    elsif v_class.is_part then
        raise exception using
            errcode = 'TD021',
            message = format('%s is a part of another table', tapedeck.table_name(v_table)),
            hint = 'Name the whole table.';
    end if;
    return v_table;
end
$$;

comment on function tapedeck.table_find_own(text) is
    'As table_find, for tables that may be changed: neither views nor partitions nor what is in schema tapedeck. Raises TD020, TD021.';

create or replace function tapedeck.table_column(
    p_table regclass, p_column text, p_kind text,
    out name text, out quoted text, out type regtype)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_base oid;
    v_next oid;
    v_unquoted text := case when p_column ~ '^".+"$' then replace(substr(p_column, 2, length(p_column) - 2), '""', '"') end;
begin
    select a.attname, format('%I', a.attname), a.atttypid
      into name, quoted, v_base
      from pg_attribute a
     cross join lateral (
            select case a.attname when p_column then 1 when v_unquoted then 2 when lower(p_column) then 3 end as place) r
     where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped and r.place is not null
     order by r.place
     limit 1;
    if not found then
        raise exception using
            errcode = 'TD020',
            message = format('%s has no column %s', tapedeck.table_name(p_table), coalesce(p_column, '(null)')),
            hint = (select 'Its columns: ' || string_agg(format('%I', c.attname), ', ' order by c.attnum)
                      from (select a.attname, a.attnum from pg_attribute a
                             where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped
                             order by a.attnum
                             limit 20) c);
    end if;

    loop -- through domains
        select t.typbasetype into v_next from pg_type t where t.oid = v_base and t.typtype = 'd';
        exit when not found;
        v_base := v_next;
    end loop;
    type := v_base::regtype;
    if p_kind = 'time' and v_base not in ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) then
        raise exception using
            errcode = 'TD021',
            message = format('column %s of %s is of type %s', quoted, tapedeck.table_name(p_table), type),
            hint = 'A column of times must be a timestamptz, a timestamp or a date.';
    elsif p_kind = 'number'
          and v_base not in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'float4'::regtype, 'float8'::regtype,
                             'numeric'::regtype) then
        raise exception using
            errcode = 'TD021',
            message = format('column %s of %s is of type %s', quoted, tapedeck.table_name(p_table), type),
            hint = 'A column of values must be a number.';
    elsif p_kind = 'whole' and v_base not in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) then
        raise exception using
            errcode = 'TD021',
            message = format('column %s of %s is of type %s', quoted, tapedeck.table_name(p_table), type),
            hint = 'This column must be a whole number.';
    end if;
end
$$;

comment on function tapedeck.table_column(regclass, text, text) is
    'A column by its name, exactly, or quoted as in SQL, or in small letters: its name, that name quoted, its type under all domains. p_kind: any, time, number, whole. Raises TD020 (there is none), TD021 (of another kind).';

create or replace function tapedeck.table_words(p_text text)
returns text[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_words_max constant integer := 32;
    v_rest text := p_text;
    v_match text[];
    v_words text[] := '{}';
begin
    -- Each up to the next comma outside of quotes.
    loop
        v_match := regexp_match(v_rest, '^((?:[^",]|"(?:[^"]|"")*")+)(,|$)');
        if v_match is null or btrim(v_match[1]) = '' or cardinality(v_words) = c_words_max then
            raise exception using
                errcode = 'TD002',
                message = format('"%s" is no list', p_text),
                hint = format('Up to %s items with commas between them; what has a comma in it is quoted as in SQL.', c_words_max);
        end if;
        v_words := v_words || btrim(v_match[1]);
        exit when v_match[2] = '';
        v_rest := substr(v_rest, length(v_match[1]) + 2);
    end loop;
    return v_words;
end
$$;

comment on function tapedeck.table_words(text) is 'A list taken apart at its commas, but for those within double quotes. Raises TD002.';

create or replace function tapedeck.table_instant(p_type regtype, p_time timestamptz)
returns text
language sql
stable strict
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
    select case when p_type = 'timestamptz'::regtype then pg_catalog.format('timestamptz %L', p_time)
                -- Times without a zone are UTC. A date compares with a timestamp, in an index too.
                else pg_catalog.format('timestamp %L', p_time at time zone 'UTC') end
$$;

comment on function tapedeck.table_instant(regtype, timestamptz) is 'An instant as a literal that compares with a column of times of this type.';

create or replace function tapedeck.table_bucket(p_column text, p_type regtype, p_width interval)
returns text
language sql
immutable
as $$
    select case when p_type = 'timestamptz'::regtype
                then pg_catalog.format('pg_catalog.date_bin(%L::interval, t.%s, timestamptz ''2000-01-03 00:00:00+00'')',
                                       p_width, p_column)
                else pg_catalog.format('pg_catalog.date_bin(%L::interval, t.%s::timestamp, timestamp ''2000-01-03 00:00:00'') at time zone ''UTC''',
                                       p_width, p_column) end
$$;

comment on function tapedeck.table_bucket(text, regtype, interval) is 'The expression of the bucket of t''s column (quoted).';

create or replace function tapedeck.table_range(p_column text, p_type regtype, p_from timestamptz, p_to timestamptz)
returns text
language sql
stable
as $$
    select pg_catalog.format('pg_catalog.isfinite(t.%s)', p_column)
           || coalesce(' and t.' || p_column || ' >= ' || tapedeck.table_instant(p_type, p_from), '')
           || coalesce(' and t.' || p_column || ' < ' || tapedeck.table_instant(p_type, p_to), '')
$$;

comment on function tapedeck.table_range(text, regtype, timestamptz, timestamptz) is
    'The condition that t''s column (quoted) lies in [p_from, p_to); a null bound is none. Infinite times and nulls are never in it.';

create or replace function tapedeck.table_rows(p_table regclass, p_bytes bigint)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    c_counted_bytes_max constant bigint := 1048576;
    v_name text := tapedeck.table_name(p_table);
    v_plan json;
    v_rows bigint;
begin
    if v_name is null then
        return null;
    elsif p_bytes <= c_counted_bytes_max then
        execute format('select count(*) from %s', v_name) into v_rows;
        return v_rows;
    end if;
    execute format('explain (format json) select from %s', v_name) into v_plan;
    return (v_plan -> 0 -> 'Plan' ->> 'Plan Rows')::numeric::bigint;
exception
    when undefined_table then
        return null;
end
$$;

comment on function tapedeck.table_rows(regclass, bigint) is
    'About how many rows a table of so many bytes has: counted when it is small, otherwise what the planner believes. Null: it was dropped just now.';

create or replace function tapedeck.table_size(
    p_table regclass, out table_bytes bigint, out index_bytes bigint, out toast_bytes bigint, out total_bytes bigint)
language sql
as $$
    select coalesce(sum(pg_catalog.pg_table_size(o.oid) - s.toast), 0)::bigint,
           coalesce(sum(pg_catalog.pg_indexes_size(o.oid)), 0)::bigint,
           coalesce(sum(s.toast), 0)::bigint,
           coalesce(sum(pg_catalog.pg_total_relation_size(o.oid)), 0)::bigint
      from (select t.relid as oid from tapedeck.partition_tree(p_table) t) o
      join pg_catalog.pg_class c on c.oid = o.oid
     cross join lateral (
            select case when c.reltoastrelid <> 0 then pg_catalog.pg_total_relation_size(c.reltoastrelid) else 0 end) as s (toast)
$$;

comment on function tapedeck.table_size(regclass) is 'Bytes of a table with its partitions: rows, indexes, values stored out of line, all of it.';

create or replace function tapedeck.table_time_text(p_time timestamptz)
returns text
language sql
stable strict
as $$
    select case when pg_catalog.isfinite(p_time)
                then pg_catalog.regexp_replace(
                         pg_catalog.to_char(p_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '[.]000000Z$', 'Z')
                else p_time::text end
$$;

comment on function tapedeck.table_time_text(timestamptz) is 'An instant as 2024-08-08T23:54:15Z, with microseconds where there are some; infinity as that word.';
