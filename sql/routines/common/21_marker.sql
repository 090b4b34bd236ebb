-- Has anything been written?

create or replace function tapedeck.change_marker()
returns bigint
language sql
as $$
    select coalesce(pg_catalog.pg_sequence_last_value(
               pg_catalog.pg_get_serial_sequence('public.tick_data', 'seq')::regclass), 0)
$$;

comment on function tapedeck.change_marker() is
    'Where the sequence of tick_data stands. It moves with every row written by anyone, before the commit and also when there is none; 0 before the first row.';
