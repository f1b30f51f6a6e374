-- What an event changes about its user, the users that follow from all changes, and what is needed to send a rejected
-- event in again.
ALTER TABLE sluice.event_log$on_cluster
    ADD COLUMN IF NOT EXISTS raw_line String CODEC(ZSTD(1))
        COMMENT 'raw line without its event, where the event can be sent in again; else empty' AFTER payload,
    ADD COLUMN IF NOT EXISTS changes_user Bool
        COMMENT 'whether it created its user, or changed one' AFTER replay,
    ADD COLUMN IF NOT EXISTS user_email String CODEC(ZSTD(1))
        COMMENT 'address of the user that it changed; empty where none is known' AFTER changes_user,
    ADD COLUMN IF NOT EXISTS user_set Map(String, String) CODEC(ZSTD(1))
        COMMENT 'attributes of the user that it set; nested values as JSON text' AFTER user_email,
    ADD COLUMN IF NOT EXISTS user_unset Array(String) CODEC(ZSTD(1))
        COMMENT 'attributes of the user that it removed' AFTER user_set;

-- Few events change a user, and they stand side by side, since the table is sorted by type: whole granules are skipped.
-- A single event is looked for by an id, which no sorting helps to find. Its index is 1 to 2 bytes a row, and of a
-- hundred granules 99 need not be read. Parts from before have these indexes once they are merged.
ALTER TABLE sluice.event_log$on_cluster
    ADD INDEX IF NOT EXISTS by_changes_user changes_user TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_event_id event_id TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_request_id request_id TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_order_id order_id TYPE bloom_filter(0.01) GRANULARITY 1;

-- A view keeps the columns that * meant when it was made.
CREATE OR REPLACE VIEW sluice.events$on_cluster AS
SELECT * EXCEPT
(
    raw_line, outcome, stage, reason, duplicate_of, changes_user, user_email, user_set, user_unset, block_first
)
FROM sluice.event_log
WHERE outcome = 'stored'
COMMENT 'stored events: what analysts query';

CREATE OR REPLACE VIEW sluice.rejected_events$on_cluster AS
SELECT * EXCEPT (changes_user, user_email, user_set, user_unset, block_first)
FROM sluice.event_log
WHERE outcome != 'stored'
COMMENT 'accepted events that were not stored, each with its reason';

-- Of all changes of an attribute the latest holds: by when the gateway took the event, then by where its raw line
-- stood. Every attribute keeps (when, whether it was set, its value); those that were removed last are left out.
CREATE OR REPLACE VIEW sluice.users$on_cluster
(
    project    LowCardinality(String)  COMMENT 'project that knows the user',
    user_id    String                  COMMENT 'id, else address, by which the user was first saved',
    email      String                  COMMENT 'latest known address; empty where anonymous',
    attributes Map(String, String)     COMMENT 'present attributes; nested values as JSON text',
    first_seen DateTime64(3, 'UTC')    COMMENT 'when the gateway took the first event that changed the user',
    updated_at DateTime64(3, 'UTC')    COMMENT 'when it took the latest one'
)
AS
WITH
    (received_at, source_offset, source_line) AS at,
    mapFromArrays(user_unset, arrayMap(name -> (at, false, ''), user_unset)) AS removed,
    mapApply((name, value) -> (name, (at, true, value)), user_set) AS given,
    maxMap(mapUpdate(removed, given)) AS latest
SELECT
    project,
    user_id,
    argMaxIf(user_email, at, user_email != '') AS email,
    mapApply((name, change) -> (name, change.3), mapFilter((name, change) -> change.2, latest)) AS attributes,
    min(received_at) AS first_seen,
    max(received_at) AS updated_at
FROM sluice.event_log
WHERE changes_user
GROUP BY project, user_id
COMMENT 'known users as they are now, one row each: what all events that changed a user add up to';
