-- Takes the triggers off, and forgets what they told beside the ranges; these stay queued.

drop trigger if exists tapedeck_inserted on public.tick_data;
drop trigger if exists tapedeck_updated on public.tick_data;
drop trigger if exists tapedeck_deleted on public.tick_data;
drop trigger if exists tapedeck_deleted_row on public.tick_data;
drop trigger if exists tapedeck_truncated on public.tick_data;

drop function if exists tapedeck.foreign_queue(tstzmultirange, text);
drop function if exists tapedeck.symbols_search(boolean, boolean, bigint);

alter table tapedeck.pending_refresh
    drop column kind,
    drop column symbol,
    drop column ticks,
    drop column has_bid,
    drop column has_ask,
    drop column has_last,
    drop column forced;
