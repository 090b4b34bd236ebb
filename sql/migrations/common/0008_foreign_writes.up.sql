-- What the triggers of routines/common/45_triggers.sql tell of a statement of others, beside its range.

alter table tapedeck.pending_refresh
    add column kind text check (kind in ('insert', 'update', 'delete', 'truncate')),
    add column symbol text,
    add column ticks bigint,
    add column has_bid boolean,
    add column has_ask boolean,
    add column has_last boolean,
    add column forced boolean not null default false;

comment on column tapedeck.pending_refresh.kind is
    'What a statement of another program did there, told by a trigger and not in the books yet: tapedeck.symbols_digest() puts it there. Null: a range and nothing else.';
comment on column tapedeck.pending_refresh.symbol is 'Whose ticks; null where kind is not null: of any symbol.';
comment on column tapedeck.pending_refresh.ticks is
    'By how much the statement changed the number of ticks of this symbol; null where kind is not null: not known.';
comment on column tapedeck.pending_refresh.has_bid is 'Whether any tick it wrote has a bid.';
comment on column tapedeck.pending_refresh.has_ask is 'Whether any tick it wrote has an ask.';
comment on column tapedeck.pending_refresh.has_last is 'Whether any tick it wrote has a last price.';
comment on column tapedeck.pending_refresh.forced is
    'The engine may not know that these candles are out of date: they are stored anew whatever it thinks.';

-- Their arguments grow, which replacing cannot do; the routines are applied right after this.
drop function if exists tapedeck.foreign_queue(tstzmultirange);
drop function if exists tapedeck.symbols_search(boolean, boolean);
