-- Forgets which fields symbols have, and drops what cannot be replaced by its former self.

drop function if exists tapedeck.symbols_list(text, integer);
drop function if exists tapedeck.write_finish(
    text[], timestamptz[], timestamptz[], bigint[], text, boolean[], boolean[], boolean[]);

alter table tapedeck.symbols
    drop column has_bid,
    drop column has_ask,
    drop column has_last;
