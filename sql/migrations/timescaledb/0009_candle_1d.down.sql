-- The hours, of which these were made, stay. Their policies go with them.

delete from tapedeck.candle_tails where view = 'candle_1d';

comment on column tapedeck.candle_tails.view is 'candle_1m, candle_5m, candle_15m or candle_1h.';

drop materialized view public.candle_1d;
