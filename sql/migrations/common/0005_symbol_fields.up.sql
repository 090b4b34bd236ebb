-- Which fields a symbol has at all: a walk back for the newest bid of a symbol that never had one takes its whole day.

alter table tapedeck.symbols
    add column has_bid boolean,
    add column has_ask boolean,
    add column has_last boolean;

comment on column tapedeck.symbols.has_bid is
    'False: certainly no tick has a bid. True: some tick has, or had before ticks were deleted. Null: not known.';
comment on column tapedeck.symbols.has_ask is
    'False: certainly no tick has an ask. True: some tick has, or had before ticks were deleted. Null: not known.';
comment on column tapedeck.symbols.has_last is
    'False: certainly no tick has a last price. True: some tick has, or had before ticks were deleted. Null: not known.';

-- Their columns and arguments grow, which replacing cannot do; the routines are applied right after this.
drop function if exists tapedeck.symbols_list(text, integer);
drop function if exists tapedeck.write_finish(text[], timestamptz[], timestamptz[], bigint[], text);
