-- The list of imports, and taking one back.

create or replace function tapedeck.import_record(
    p_sha256 bytea, p_file_name text, p_format text, p_symbols text[], p_time_from timestamptz, p_time_to timestamptz,
    p_seq_from bigint, p_seq_to bigint, p_rows bigint, p_rejected bigint, p_options jsonb)
returns bigint
language sql
as $$
    insert into tapedeck.imports
           (sha256, file_name, format, symbols, time_from, time_to, seq_from, seq_to, rows, rejected, options)
    values (p_sha256, p_file_name, p_format, p_symbols, p_time_from, p_time_to,
            p_seq_from, p_seq_to, p_rows, p_rejected, coalesce(p_options, '{}'))
    returning id
$$;

comment on function tapedeck.import_record(bytea, text, text, text[], timestamptz, timestamptz, bigint, bigint, bigint, bigint, jsonb) is
    'Notes an import in the transaction that writes its ticks, and returns its number. [p_time_from, p_time_to) and [p_seq_from, p_seq_to] must enclose its ticks; the sequence as it stood before and after the COPY will do.';

create or replace function tapedeck.import_find(p_sha256 bytea)
returns table (id bigint, file_name text, imported_at timestamptz, rows bigint)
language sql
stable
as $$
    select i.id, i.file_name, i.imported_at, i.rows
      from tapedeck.imports i
     where i.sha256 = p_sha256 and i.undone_at is null
     order by i.id desc
$$;

comment on function tapedeck.import_find(bytea) is 'Imports of the file with this SHA-256 that were not undone, newest first.';

create or replace function tapedeck.imports_list()
returns table (
    id bigint, sha256 bytea, file_name text, format text, symbols text[], time_from timestamptz, time_to timestamptz,
    seq_from bigint, seq_to bigint, rows bigint, rejected bigint, options jsonb,
    imported_at timestamptz, undone_at timestamptz)
language sql
stable
as $$
    select i.id, i.sha256, i.file_name, i.format, i.symbols, i.time_from, i.time_to,
           i.seq_from, i.seq_to, i.rows, i.rejected, i.options, i.imported_at, i.undone_at
      from tapedeck.imports i
     order by i.id desc
$$;

comment on function tapedeck.imports_list() is 'Every import, undone ones too, newest first.';

create or replace function tapedeck.import_undo(p_id bigint)
returns bigint
language plpgsql
set search_path = pg_catalog, public, pg_temp
set jit = off
set enable_bitmapscan = off
as $$
declare
    v_import tapedeck.imports;
    v_symbol text;
    v_rows bigint;
    v_gone jsonb := '{}';
    v_total bigint := 0;
begin
    select * into v_import from tapedeck.imports i where i.id = p_id for update;
    if not found then
        raise exception using
            errcode = 'TD004',
            message = format('there is no import %s', p_id);
    end if;
    if v_import.undone_at is not null then
        raise exception using
            errcode = 'TD005',
            message = format('import %s was undone already, at %s', p_id, v_import.undone_at);
    end if;

    -- What is deleted here is told below.
    perform set_config('tapedeck.announces', 'on', true);
    -- TimescaleDB stops at 100 000 rows unpacked from compressed chunks; here as many as the import has.
    perform set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true)
      from tapedeck.engine_info() e
     where e.engine = 'timescaledb';

    -- Symbol by symbol: a compressed chunk then unpacks only the batches of this symbol. Without bitmap scans:
    -- in TimescaleDB 2.24 they do not see what their own statement has just unpacked, and delete nothing.
    for v_symbol in select distinct u.symbol from unnest(v_import.symbols) as u (symbol) order by 1 loop
        delete from public.tick_data t
         where t.symbol = v_symbol
           and t.time >= v_import.time_from
           and t.time < v_import.time_to
           and t.seq between v_import.seq_from and v_import.seq_to;
        get diagnostics v_rows = row_count;
        if exists (select
                     from public.tick_data t
                    where t.symbol = v_symbol
                      and t.time >= v_import.time_from
                      and t.time < v_import.time_to
                      and t.seq between v_import.seq_from and v_import.seq_to) then
            raise exception using
                errcode = 'TD009',
                message = format('ticks of import %s are still there after deleting them', p_id),
                detail = 'Nothing was changed.';
        end if;
        v_total := v_total + v_rows;
        v_gone := v_gone || jsonb_build_object(v_symbol, v_rows);
    end loop;

    -- Fewer is right when retention took some. More means that another writer put ticks of these symbols
    -- into this range at the same time, and nothing tells them apart.
    if v_total > v_import.rows then
        raise exception using
            errcode = 'TD006',
            message = format('import %s wrote %s ticks, but %s lie in its range', p_id, v_import.rows, v_total),
            detail = 'Another writer wrote ticks of the same symbols and times while it ran. Nothing was deleted.';
    end if;

    perform tapedeck.symbols_forget(v_gone);
    insert into tapedeck.pending_refresh (range_from, range_to, reason)
    values (v_import.time_from, v_import.time_to, 'undo');
    update tapedeck.imports i set undone_at = clock_timestamp() where i.id = p_id;
    perform tapedeck.change_notify('ticks', v_import.time_from, v_import.time_to, v_import.symbols);
    return v_total;
end
$$;

comment on function tapedeck.import_undo(bigint) is
    'Deletes exactly the ticks of an import that are still there and returns their number; queues the candles, announces the change. Raises TD004 (no such import), TD005 (undone before), TD006 (its ticks cannot be told from others), TD009 (the engine did not delete them all).';
