-- Drops every tick: the partitions go with their parent.

drop table public.tick_data;
