-- How far two followers of the changes have come.
-- indexed: rows up to this one are in the search index, but for those in pending
-- and in memory; rows above it are all in memory.
-- relayed: events up to this one were handed to the relay; those of them that
-- are still on their way are in outbox.
CREATE TABLE mark (name TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO mark VALUES
  ('indexed', (SELECT coalesce(max(row), 0) FROM resource)),
  ('relayed', (SELECT coalesce(max(seq), 0) FROM audit));
