-- The tables in which tapedeck keeps its books beside the ticks. The same on both engines; the schema
-- tapedeck itself and tapedeck.migrations are there before the first migration runs.

create table tapedeck.symbols (
    symbol      text        not null primary key,
    first_time  timestamptz,
    last_time   timestamptz,
    ticks       bigint      not null default 0,
    exact       boolean     not null default true,
    written     bigint      not null default 0,
    updated_at  timestamptz not null default pg_catalog.clock_timestamp(),
    check (ticks >= 0),
    check ((first_time is null) = (last_time is null)),
    check (first_time <= last_time)
);

comment on table tapedeck.symbols is
    'One row per symbol: where its ticks begin and end, and how many there are. Maintained by the writers, corrected by tapedeck.symbols_reconcile(); min(time) over a hypertable would take hundreds of milliseconds.';
comment on column tapedeck.symbols.symbol is 'Opaque name, VENUE:NAME by convention.';
comment on column tapedeck.symbols.first_time is 'Time of the oldest tick; null when no tick is left.';
comment on column tapedeck.symbols.last_time is 'Time of the newest tick; null when no tick is left.';
comment on column tapedeck.symbols.ticks is 'Number of ticks; an estimate unless exact.';
comment on column tapedeck.symbols.exact is 'False when ticks were written or dropped without being counted.';
comment on column tapedeck.symbols.written is
    'Rows that tapedeck''s own writers ever committed for this symbol. It never falls: what the identity sequence of tick_data moved beyond the sum of it was written by others, or rolled back.';
comment on column tapedeck.symbols.updated_at is 'When this row last changed.';

create table tapedeck.symbols_state (
    only_row          boolean     not null primary key default true check (only_row),
    marker            bigint      not null default 0,
    settled           boolean     not null default false,
    oldest            timestamptz,
    unexplained       bigint      not null default 0,
    foreign_rows      bigint      not null default 0,
    searched_at       timestamptz
);

comment on table tapedeck.symbols_state is 'What tapedeck.symbols_reconcile() knew when it last looked; one row.';
comment on column tapedeck.symbols_state.only_row is 'Keeps this table at one row.';
comment on column tapedeck.symbols_state.marker is 'tapedeck.change_marker() at that time.';
comment on column tapedeck.symbols_state.settled is 'No writer was in flight, so nothing at or below marker can still appear.';
comment on column tapedeck.symbols_state.oldest is 'Start of the oldest chunk or partition of tick_data at that time; it moves when retention drops one.';
comment on column tapedeck.symbols_state.unexplained is
    'Sequence values that belong to no known row, as of the last settled look: rolled-back writes and foreign rows that were given up on.';
comment on column tapedeck.symbols_state.foreign_rows is 'Rows of foreign writers that were found and counted so far.';
comment on column tapedeck.symbols_state.searched_at is 'When unknown symbols were last searched for.';

insert into tapedeck.symbols_state (only_row) values (true);

create table tapedeck.imports (
    id           bigint      generated always as identity primary key,
    sha256       bytea       not null check (pg_catalog.octet_length(sha256) = 32),
    file_name    text,
    format       text,
    symbols      text[]      not null,
    time_from    timestamptz not null,
    time_to      timestamptz not null,
    seq_from     bigint      not null,
    seq_to       bigint      not null,
    rows         bigint      not null,
    rejected     bigint      not null default 0,
    options      jsonb       not null default '{}',
    imported_at  timestamptz not null default pg_catalog.clock_timestamp(),
    undone_at    timestamptz
);

create index imports_sha256_idx on tapedeck.imports (sha256);

comment on table tapedeck.imports is 'One row per import of a file, so that the same file is noticed and an import can be undone.';
comment on column tapedeck.imports.id is 'Number of the import.';
comment on column tapedeck.imports.sha256 is 'SHA-256 of the file as it was read. Not unique: importing a file again is allowed when asked for.';
comment on column tapedeck.imports.file_name is 'Name of the file, without its directory.';
comment on column tapedeck.imports.format is 'Format the file was read as.';
comment on column tapedeck.imports.symbols is 'Symbols that got ticks.';
comment on column tapedeck.imports.time_from is 'Time of the oldest tick.';
comment on column tapedeck.imports.time_to is 'Just after the newest tick (exclusive).';
comment on column tapedeck.imports.seq_from is 'No tick of this import has a smaller seq (inclusive).';
comment on column tapedeck.imports.seq_to is 'No tick of this import has a greater seq (inclusive).';
comment on column tapedeck.imports.rows is 'Ticks written.';
comment on column tapedeck.imports.rejected is 'Lines refused.';
comment on column tapedeck.imports.options is 'How it was asked for.';
comment on column tapedeck.imports.imported_at is 'When it was recorded.';
comment on column tapedeck.imports.undone_at is 'When its ticks were deleted again; null while they are there.';

create table tapedeck.pending_refresh (
    id          bigint      generated always as identity primary key,
    range_from  timestamptz not null check (pg_catalog.isfinite(range_from)),
    range_to    timestamptz not null check (pg_catalog.isfinite(range_to)),
    reason      text        not null,
    created_at  timestamptz not null default pg_catalog.clock_timestamp(),
    check (range_from < range_to)
);

comment on table tapedeck.pending_refresh is
    'Time ranges whose candles are out of date. A writer adds its range in the transaction that writes the ticks; whoever has refreshed the candles deletes the row. A crash in between leaves it for the next start.';
comment on column tapedeck.pending_refresh.id is 'Number of the row, in order of writing.';
comment on column tapedeck.pending_refresh.range_from is 'Oldest changed instant (inclusive).';
comment on column tapedeck.pending_refresh.range_to is 'Newest changed instant (exclusive).';
comment on column tapedeck.pending_refresh.reason is 'Who asked: import, ingest, undo, rebuild, ...';
comment on column tapedeck.pending_refresh.created_at is 'When it was asked for.';

create table tapedeck.storage_samples (
    sampled_at   timestamptz not null primary key,
    total_bytes  bigint      not null,
    table_sizes  jsonb       not null
);

comment on table tapedeck.storage_samples is 'Size of the database once a day, for the history of its growth.';
comment on column tapedeck.storage_samples.sampled_at is 'When it was measured.';
comment on column tapedeck.storage_samples.total_bytes is 'Size of the whole database.';
comment on column tapedeck.storage_samples.table_sizes is 'Bytes per table: {"tick_data": ..., "candle_1m": ..., ...}.';
