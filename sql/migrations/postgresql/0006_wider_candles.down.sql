-- The minutes, of which these were folded, stay.

drop table tapedeck.candle_1h_stored;
drop table tapedeck.candle_15m_stored;
drop table tapedeck.candle_5m_stored;
