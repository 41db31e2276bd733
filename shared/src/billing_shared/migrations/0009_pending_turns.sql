-- A relay deletes what it sent only if nobody has put it back meanwhile. Without the turn, one that
-- stood still between the ack and the delete would take out what a replay has put in since, and the
-- log that had acknowledged it may be lost.
alter table outbox_pending add column turn integer not null default 0;
select let_worker('outbox_pending', 'update');
