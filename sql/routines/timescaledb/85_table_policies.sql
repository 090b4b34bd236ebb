-- Any table on TimescaleDB: hypertables, retention, compression and continuous aggregates made by name.

create or replace function tapedeck.table_hypertable(p_table text, p_time text, p_chunk_us bigint, p_migrate boolean)
returns text
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_table regclass := tapedeck.table_find_own(p_table);
    v_name text := tapedeck.table_name(v_table);
    v_chunk interval := tapedeck.table_window(p_chunk_us);
    v_time record;
    v_index record;
    v_has_rows boolean;
begin
    if (tapedeck.table_hypertable_of(v_table)).id is not null then
        raise exception using
            errcode = 'TD021',
            message = format('%s is a hypertable already', v_name);
    elsif exists (select from pg_class c where c.oid = v_table and c.relkind = 'p') then
        raise exception using
            errcode = 'TD021',
            message = format('%s is partitioned already', v_name),
            hint = 'Create an empty table like it, make that one a hypertable, and copy the rows.';
    end if;
    v_time := tapedeck.table_column(v_table, p_time, 'time');

    -- LIKE ... INCLUDING ALL copies PRIMARY KEY (id) too.
    select i.indexrelid::regclass as name, i.indisprimary, o.conname,
           (select string_agg(format('%I', a.attname), ', ' order by k.place)
              from unnest(i.indkey) with ordinality as k (number, place)
              join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
             where k.place <= i.indnkeyatts) as columns
      into v_index
      from pg_index i
      left join pg_constraint o on o.conindid = i.indexrelid and o.conrelid = i.indrelid and o.contype in ('p', 'u', 'x')
     where i.indrelid = v_table
       and (i.indisunique or i.indisexclusion)
       and not exists (select from unnest(i.indkey) with ordinality as k (number, place)
                         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
                        where a.attname = v_time.name and k.place <= i.indnkeyatts)
     order by i.indisprimary desc, i.indexrelid
     limit 1;
    if found then
        raise exception using
            errcode = 'TD021',
            message = format('%s of %s is unique without %s', tapedeck.table_name(v_index.name), v_name, v_time.quoted),
            detail = 'In a hypertable every primary key and unique index must contain the column of times.',
            hint = case
                       when v_index.indisprimary
                       then format('Run: alter table %s drop constraint %I, add primary key (%s, %s)',
                                   v_name, v_index.conname, v_index.columns, v_time.quoted)
                       when v_index.conname is not null
                       then format('Run: alter table %s drop constraint %I, add unique (%s, %s)',
                                   v_name, v_index.conname, v_index.columns, v_time.quoted)
                       else format('Run: drop index %s; create unique index on %s (%s, %s)',
                                   tapedeck.table_name(v_index.name), v_name, v_index.columns, v_time.quoted)
                   end;
    end if;
    execute format('select exists (select from only %s)', v_name) into v_has_rows;
    if v_has_rows and not coalesce(p_migrate, false) then
        raise exception using
            errcode = 'TD021',
            message = format('%s has rows', v_name),
            hint = 'With --migrate-data they are moved into chunks; that locks the table while it lasts.';
    end if;
    execute format('select public.create_hypertable(%L::regclass, public.by_range(%L, %L::interval), migrate_data => %L)',
                   v_name, v_time.name, v_chunk, v_has_rows);
    return format('%s is a hypertable with chunks of %s of %s', v_name, v_chunk, v_time.quoted);
end
$$;

comment on function tapedeck.table_hypertable(text, text, bigint, boolean) is
    'Makes a hypertable of a table. Returns what is so now. Raises TD002, TD020, TD021 (the sentence says what to change).';

create or replace function tapedeck.table_window_check(
    p_hypertable integer, p_drop_after interval, p_chunk interval, p_aggregate integer default null)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_margin constant interval := interval '24 hours';
    v_one record;
begin
    for v_one in
        select * from tapedeck.table_aggregates(p_hypertable) a
         where p_aggregate is null or a.mat_hypertable_id = p_aggregate
    loop
        if v_one.job_id is null then
            raise exception using
                errcode = 'TD023',
                message = format('%s has no refresh policy: rows would be dropped that it never stored', v_one.name),
                hint = 'Add one with public.add_continuous_aggregate_policy(), or keep the rows.';
        elsif v_one.start_offset is null then
            raise exception using
                errcode = 'TD023',
                message = format('policy %s of %s refreshes all time: it would delete what was stored of dropped rows',
                                 v_one.job_id, v_one.name),
                hint = 'Give the policy a start_offset.';
        elsif p_drop_after <= v_one.start_offset + p_chunk + v_one.width + c_margin then
            raise exception using
                errcode = 'TD023',
                message = format('policy %s of %s refreshes the last %s: retention after %s would delete what it stored',
                                 v_one.job_id, v_one.name, v_one.start_offset, tapedeck.table_window_text(p_drop_after)),
                hint = format('Keep rows longer than %s: start_offset %s + chunk %s + bucket %s + margin %s.',
                              tapedeck.table_window_text(v_one.start_offset + p_chunk + v_one.width + c_margin),
                              v_one.start_offset, tapedeck.table_window_text(p_chunk), v_one.width,
                              tapedeck.table_window_text(c_margin));
        end if;
    end loop;
end
$$;

comment on function tapedeck.table_window_check(integer, interval, interval, integer) is
    'Raises TD023 when retention after p_drop_after would reach into what a continuous aggregate over the hypertable (or only p_aggregate) still refreshes.';

create or replace function tapedeck.table_findings_check(p_table text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_finding text;
begin
    select f into v_finding from tapedeck.policies_check() f limit 1;
    if found then
        raise exception using
            errcode = 'TD023',
            message = format('this policy of %s would endanger candles', p_table),
            detail = v_finding;
    end if;
end
$$;

comment on function tapedeck.table_findings_check(text) is 'Raises TD023 when policies_check() finds something.';

create or replace function tapedeck.table_retention(p_table text, p_drop_after_us bigint)
returns text
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_table regclass := tapedeck.table_find_own(p_table);
    v_name text := tapedeck.table_name(v_table);
    v_hypertable record := tapedeck.table_hypertable_own(v_table);
    v_job integer := (select min(j.id) from _timescaledb_config.bgw_job j
                       where j.proc_name = 'policy_retention' and j.hypertable_id = v_hypertable.id);
    v_after interval;
    v_held record;
begin
    if p_drop_after_us is null then
        if v_job is null then
            return format('%s had no retention', v_name);
        elsif v_table = 'public.tick_data'::regclass then
            perform tapedeck.retention_disable();
        else
            perform public.remove_retention_policy(v_table);
        end if;
        return format('nothing is dropped from %s any more', v_name);
    end if;

    v_after := tapedeck.table_window(p_drop_after_us);
    perform tapedeck.table_window_check(v_hypertable.id, v_after, v_hypertable.chunk_width);
    -- What goes at the first run already.
    select r.range_start, k.kept
      into v_held
      from tapedeck.table_ranges(v_table) r
     cross join lateral tapedeck.table_hold(v_table, r.range_start, r.range_end) as k (kept)
     where r.range_end <= now() - v_after
       and k.kept is not null
     order by r.range_start
     limit 1;
    if found then
        raise exception using
            errcode = 'TD023',
            message = format('the chunk of %s from %s is older than %s already, but %s', v_name,
                             tapedeck.table_time_text(v_held.range_start), tapedeck.table_window_text(v_after), v_held.kept),
            hint = 'Refresh it first, or keep the rows longer.';
    end if;

    if v_job is null then
        execute format('select public.add_retention_policy(%L::regclass, drop_after => %L::interval, timezone => ''UTC'')',
                       v_name, v_after);
    else
        perform public.alter_job(j.id, scheduled => true,
                                 config => j.config || jsonb_build_object('drop_after', v_after::text))
           from _timescaledb_config.bgw_job j
          where j.id = v_job;
    end if;
    perform tapedeck.table_findings_check(v_name);
    return format('chunks of %s are dropped %s after their end; %s are as old already', v_name,
                  tapedeck.table_window_text(v_after),
                  (select count(*) from tapedeck.table_ranges(v_table) r where r.range_end <= now() - v_after));
end
$$;

comment on function tapedeck.table_retention(text, bigint) is
    'Lets TimescaleDB drop chunks so long after they end; null: no more. Returns what is so now. Raises TD002, TD020, TD021, TD023 (an aggregate would lose what it stored, or never stores it).';

create or replace function tapedeck.table_order_by(p_table regclass, p_text text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_word text;
    v_match text[];
    v_nulls text;
    v_out text;
begin
    foreach v_word in array tapedeck.table_words(p_text) loop
        v_match := regexp_match(v_word, '^(.*\S)(\s+nulls\s+(?:first|last))$', 'i');
        v_nulls := coalesce(v_match[2], '');
        v_word := coalesce(v_match[1], v_word);
        v_match := regexp_match(v_word, '^(.*\S)(\s+(?:asc|desc))$', 'i');
        v_out := concat_ws(', ', v_out,
                           (tapedeck.table_column(p_table, coalesce(v_match[1], v_word), 'any')).quoted
                               || lower(coalesce(v_match[2], '') || v_nulls));
    end loop;
    return v_out;
end
$$;

comment on function tapedeck.table_order_by(regclass, text) is
    'An order written by a person ("time desc, seq nulls first") with its columns looked up and quoted. Raises TD002, TD020.';

create or replace function tapedeck.table_compression(p_table text, p_after_us bigint, p_segment_by text, p_order_by text)
returns text
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_table regclass := tapedeck.table_find_own(p_table);
    v_name text := tapedeck.table_name(v_table);
    v_hypertable record := tapedeck.table_hypertable_own(v_table);
    v_job integer := (select min(j.id) from _timescaledb_config.bgw_job j
                       where j.proc_name in ('policy_compression', 'policy_columnstore')
                         and j.hypertable_id = v_hypertable.id);
    v_after interval;
    v_segment text;
    v_order text;
begin
    if p_after_us is null then
        if v_job is null then
            return format('%s had no compression policy', v_name);
        end if;
        perform public.remove_compression_policy(v_table);
        return format('no more chunks of %s are compressed; those that are stay so', v_name);
    end if;
    v_after := tapedeck.table_window(p_after_us);
    if v_table = 'public.tick_data'::regclass and (p_segment_by is not null or p_order_by is not null) then
        raise exception using
            errcode = 'TD021',
            message = 'tick_data is compressed by symbol in the order of time and seq, because it is read like that',
            hint = 'Only the age can be chosen.';
    end if;
    if p_segment_by is not null then
        v_segment := (select string_agg((tapedeck.table_column(v_table, w, 'any')).quoted, ', ' order by place)
                        from unnest(tapedeck.table_words(p_segment_by)) with ordinality as u (w, place));
    end if;
    if p_order_by is not null then
        v_order := tapedeck.table_order_by(v_table, p_order_by);
    end if;
    -- Without options again, what was chosen before stays.
    if v_segment is not null or v_order is not null
       or not exists (select from _timescaledb_catalog.hypertable h
                       where h.id = v_hypertable.id and h.compression_state = 1) then
        execute format('alter table %s set (timescaledb.compress%s%s)', v_name,
                       case when v_segment is not null then format(', timescaledb.compress_segmentby = %L', v_segment) else '' end,
                       format(', timescaledb.compress_orderby = %L',
                              coalesce(v_order, format('%I desc', v_hypertable.column_name))));
    end if;
    if v_job is null then
        execute format('select public.add_compression_policy(%L::regclass, compress_after => %L::interval, timezone => ''UTC'')',
                       v_name, v_after);
    else
        perform public.alter_job(j.id, scheduled => true,
                                 config => j.config || jsonb_build_object('compress_after', v_after::text))
           from _timescaledb_config.bgw_job j
          where j.id = v_job;
    end if;
    return format('chunks of %s are compressed %s after their end', v_name, tapedeck.table_window_text(v_after));
end
$$;

comment on function tapedeck.table_compression(text, bigint, text, text) is
    'Lets TimescaleDB compress chunks so long after they end, with columns to segment and to order by; null: no more. Returns what is so now. Raises TD002, TD020, TD021.';

create or replace function tapedeck.table_aggregate_columns(
    p_table regclass, p_time_quoted text, p_time_type regtype, p_select text, p_order text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_word text;
    v_match text[];
    v_column record;
    v_function text;
    v_key text := p_time_quoted;
    v_call text;
    v_name text;
    v_out text;
begin
    if p_order is not null then
        -- (time, order) as bytes, which compare like the two numbers; the sign bit turned, so that
        -- negative numbers come first.
        v_key := format('pg_catalog.%s(%s) operator(pg_catalog.||) pg_catalog.int8send(%s::bigint operator(pg_catalog.#) %L::bigint)',
                        case p_time_type when 'timestamptz'::regtype then 'timestamptz_send'
                                         when 'timestamp'::regtype then 'timestamp_send' else 'date_send' end,
                        p_time_quoted, (tapedeck.table_column(p_table, p_order, 'whole')).quoted, '-9223372036854775808');
    end if;
    foreach v_word in array tapedeck.table_words(p_select) loop
        v_match := regexp_match(
            v_word, '^(avg|min|max|sum|count|first|last)\s*\(\s*(\*|"(?:[^"]|"")+"|[^"()*]+)\s*\)(?:\s+as\s+("(?:[^"]|"")+"|\w+))?$', 'i');
        v_match[2] := btrim(v_match[2]);
        if v_match[1] is null or (v_match[2] = '*' and lower(v_match[1]) <> 'count') then
            raise exception using
                errcode = 'TD002',
                message = format('"%s" is nothing that can be aggregated', v_word),
                hint = 'avg(COLUMN), min, max, sum, count, first and last of a column, or count(*); each may be followed by: as NAME.';
        end if;
        v_function := lower(v_match[1]);
        if v_match[2] = '*' then
            v_call := 'pg_catalog.count(*)';
            v_name := 'count';
        else
            v_column := tapedeck.table_column(p_table, v_match[2], case when v_function in ('avg', 'sum') then 'number' else 'any' end);
            v_call := case when v_function in ('first', 'last')
                           then format('public.%s(%s, %s) filter (where %s is not null)', v_function, v_column.quoted, v_key,
                                       v_column.quoted)
                           else format('pg_catalog.%s(%s)', v_function, v_column.quoted) end;
            v_name := v_function || '_' || v_column.name;
        end if;
        if v_match[3] is not null then
            v_name := case when v_match[3] like '"%' then replace(substr(v_match[3], 2, length(v_match[3]) - 2), '""', '"')
                           else lower(v_match[3]) end;
        end if;
        v_out := concat_ws(', ', v_out, format('%s as %I', v_call, v_name));
    end loop;
    return v_out;
end
$$;

comment on function tapedeck.table_aggregate_columns(regclass, text, regtype, text, text) is
    'The closed grammar of aggregates, "avg(x), last(y) as z, count(*)", as a list of SELECT with its columns looked up and quoted. Raises TD002, TD020, TD021.';

create or replace function tapedeck.table_aggregate(
    p_name text, p_table text, p_bucket_us bigint, p_time text, p_group_by text, p_select text, p_order text,
    p_refresh_us bigint)
returns text
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    c_name_bytes_max constant integer := 63;
    v_table regclass := tapedeck.table_find(p_table);
    v_hypertable record := tapedeck.table_hypertable_own(v_table);
    v_width interval := tapedeck.interval_any(p_bucket_us);
    v_time record;
    v_schema text;
    v_view text;
    v_name text;
    v_groups text;
    v_places text;
    v_start interval;
    v_id integer;
    v_retention record;
begin
    select r.schema_name, r.table_name into v_schema, v_view
      from tapedeck.table_readings(p_name) r order by r.place limit 1;
    if v_view is null or octet_length(v_view) not between 1 and c_name_bytes_max or v_schema = 'tapedeck' or tapedeck.table_is_system(v_schema) then
        raise exception using
            errcode = 'TD002',
            message = format('%s is no name for an aggregate', coalesce(p_name, '(null)')),
            hint = 'A name of up to 63 bytes, in public or in a schema of yours.';
    elsif not exists (select from pg_namespace n where n.nspname = v_schema) then
        raise exception using
            errcode = 'TD020',
            message = format('there is no schema %s', v_schema);
    end if;
    v_name := format('%I.%I', v_schema, v_view);
    if to_regclass(v_name) is not null then
        raise exception using
            errcode = 'TD021',
            message = format('there is a %s already', v_name);
    end if;
    v_time := tapedeck.table_column(v_table, p_time, 'time');
    if v_time.name <> v_hypertable.column_name then
        raise exception using
            errcode = 'TD021',
            message = format('the chunks of %s go by %I, not by %s', tapedeck.table_name(v_table), v_hypertable.column_name, v_time.quoted),
            hint = 'A continuous aggregate has buckets of that column.';
    end if;
    if p_group_by is not null then
        select string_agg(', ' || (tapedeck.table_column(v_table, w, 'any')).quoted, '' order by place),
               string_agg(', ' || (place + 1), '' order by place)
          into v_groups, v_places
          from unnest(tapedeck.table_words(p_group_by)) with ordinality as u (w, place);
    end if;
    execute format('create materialized view %s with (timescaledb.continuous, timescaledb.materialized_only = false) as'
                   ' select public.time_bucket(%L::interval, %s) as bucket%s, %s from %s group by 1%s with no data',
                   v_name, v_width, v_time.quoted, coalesce(v_groups, ''),
                   tapedeck.table_aggregate_columns(v_table, v_time.quoted, v_time.type, p_select, p_order),
                   tapedeck.table_name(v_table), coalesce(v_places, ''));
    if p_refresh_us is null then
        return format('%s has buckets of %s of %s, computed when they are read: without a refresh policy nothing is stored',
                      v_name, v_width, tapedeck.table_name(v_table));
    end if;

    v_start := tapedeck.table_window(p_refresh_us);
    if v_start < 3 * v_width then
        raise exception using
            errcode = 'TD023',
            message = format('a refresh of the last %s sees less than two whole buckets of %s', tapedeck.table_window_text(v_start), v_width),
            hint = 'Three buckets at least: the one that forms, and two before it.';
    end if;
    perform tapedeck.table_aggregate_policy(v_name, v_start, v_width);
    v_id := (tapedeck.table_hypertable_of(v_name::regclass)).id;
    for v_retention in
        select (j.config ->> 'drop_after')::interval as drop_after
          from _timescaledb_config.bgw_job j
         where j.proc_name = 'policy_retention' and j.hypertable_id = v_hypertable.id and j.config ->> 'drop_after' is not null
    loop
        perform tapedeck.table_window_check(v_hypertable.id, v_retention.drop_after, v_hypertable.chunk_width, v_id);
    end loop;
    return format('%s has buckets of %s of %s; those of the last %s are stored and kept up to date', v_name, v_width,
                  tapedeck.table_name(v_table), tapedeck.table_window_text(v_start));
end
$$;

comment on function tapedeck.table_aggregate(text, text, bigint, text, text, text, text, bigint) is
    'Makes a real-time continuous aggregate of the grammar of table_aggregate_columns(), with p_refresh_us also a policy that stores the buckets so far back. Returns what is so now. Raises TD002, TD020, TD021, TD023 (retention would drop what the policy still refreshes).';

create or replace function tapedeck.table_aggregate_policy(p_name text, p_start interval, p_width interval)
returns void
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    c_batch constant interval := interval '1 day';
    v_every interval := greatest(least(p_width, interval '1 day'), interval '1 minute');
begin
    -- Batches oldest first, where the version has them: newest first would move the watermark beyond buckets
    -- that are not stored yet.
    execute format('select public.add_continuous_aggregate_policy(%L::regclass, start_offset => %L::interval,'
                   ' end_offset => %L::interval, schedule_interval => %L::interval%s)',
                   p_name, p_start, p_width, v_every,
                   case when exists (select
                                       from pg_proc p
                                      where p.pronamespace = 'public'::regnamespace
                                        and p.proname = 'add_continuous_aggregate_policy'
                                        and array['buckets_per_batch', 'refresh_newest_first']::text[] <@ p.proargnames)
                        then format(', buckets_per_batch => %s, refresh_newest_first => false',
                                    greatest(1, floor(extract(epoch from c_batch) / extract(epoch from p_width)))::integer)
                        else '' end);
end
$$;

comment on function tapedeck.table_aggregate_policy(text, interval, interval) is
    'The refresh policy of a continuous aggregate: from p_start ago to the bucket that forms.';
