-- Drops every tick, and what the books say about them: symbols, imports, pending refreshes.

drop table public.tick_data;

truncate tapedeck.symbols, tapedeck.imports, tapedeck.pending_refresh;

update tapedeck.symbols_state
   set marker = 0, settled = false, oldest = null, unexplained = 0, foreign_rows = 0, searched_at = null;
