-- Who was to be forgotten, and as of when. It holds no name: visitors are keyed hashes, sessions hashes, and events ids.
-- What was received before forgotten_at must not be readable, by whatever way it comes back: late, by a replay, or
-- read again into an empty table. Whoever comes back afterwards is new.
CREATE TABLE IF NOT EXISTS sluice.forgotten$on_cluster
(
    project      LowCardinality(String)   COMMENT 'project that was to forget',
    visitor_id   UInt64                   COMMENT 'visitor whose events are forgotten; else 0',
    session_key  UInt64                   COMMENT 'session whose events without a visitor are forgotten, as in sessions; else 0',
    event_id     UUID                     COMMENT 'event that was rejected before it had a visitor, and is forgotten; else 0',
    forgotten_at DateTime64(3, 'UTC')     COMMENT 'what was received before this is forgotten',
    person       UUID                     COMMENT 'what one person was known by has the same; it tells nothing else'
)
ENGINE = ${replicated}ReplacingMergeTree(forgotten_at)
ORDER BY (project, visitor_id, session_key, event_id)
COMMENT 'who was to be forgotten, without any name: what sluice users forget has written';
