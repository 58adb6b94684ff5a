-- How far two followers of the changes have come.
-- indexed: the keys and values of rows up to this one are in uniq, term and gram,
-- but for those of the rows in pending; of the rows above it none are.
-- relayed: events up to this one were handed to the relay; those of them that
-- are still on their way are in outbox.
CREATE TABLE mark (name TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO mark VALUES
  ('indexed', (SELECT coalesce(max(row), 0) FROM resource)),
  ('relayed', (SELECT coalesce(max(seq), 0) FROM audit));
