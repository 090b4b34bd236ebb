-- Drops every stored candle. Those whose ticks retention has already dropped are lost for good.

drop view public.candle_1h;
drop view public.candle_15m;
drop view public.candle_5m;
drop view public.candle_1m;
drop table tapedeck.candle_state;
drop table tapedeck.candle_1m_stored;
