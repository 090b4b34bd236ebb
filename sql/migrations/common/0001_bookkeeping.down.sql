-- Drops tapedeck's books with what is in them: symbol counts, the list of imports, storage history.
-- The routines go too; the next migrate up brings them back. tapedeck.migrations stays.

do $$
declare
    v_routine regprocedure;
begin
    for v_routine in
        select p.oid
          from pg_catalog.pg_proc p
         where p.pronamespace = 'tapedeck'::regnamespace
    loop
        execute pg_catalog.format('drop routine %s', v_routine);
    end loop;
end
$$;

drop table tapedeck.storage_samples;
drop table tapedeck.pending_refresh;
drop table tapedeck.imports;
drop table tapedeck.symbols_state;
drop table tapedeck.symbols;
