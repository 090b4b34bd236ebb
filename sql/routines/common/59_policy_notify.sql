-- Telling others about background jobs.

create or replace function tapedeck.policy_notify(p_job_id integer, p_event text)
returns void
language sql
as $$
    select pg_catalog.pg_notify('tapedeck_change',
                                pg_catalog.json_build_object('kind', 'policy', 'job_id', p_job_id, 'event', p_event)::text)
$$;

comment on function tapedeck.policy_notify(integer, text) is
    'Announces, with the commit, what became of a job: due (asked to run), paused, resumed; on plain PostgreSQL also running, ok, failed; changed, without a job: any of them may be another.';
