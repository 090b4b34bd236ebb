-- Drops every stored candle. Those whose ticks retention has already dropped are lost for good.

drop materialized view public.candle_1h;
drop materialized view public.candle_15m;
drop materialized view public.candle_5m;
drop materialized view public.candle_1m;
