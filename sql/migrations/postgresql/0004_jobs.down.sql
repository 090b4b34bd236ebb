-- Drops the list of jobs and with it how their last runs went. No data is dropped.

drop table tapedeck.jobs;
