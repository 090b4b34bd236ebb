-- Drops every tick.

drop table public.tick_data;
