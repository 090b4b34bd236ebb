-- So that ticks of today can be written as soon as this is applied, before any job has run.

select tapedeck.job_partition(j.config) from tapedeck.jobs j where j.kind = 'partition' order by j.job_id limit 1;
