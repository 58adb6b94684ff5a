CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE organization (num INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, data TEXT NOT NULL) STRICT;
CREATE TABLE connection (id TEXT PRIMARY KEY, org TEXT NOT NULL, data TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE token (id TEXT PRIMARY KEY, connection TEXT NOT NULL, created INTEGER NOT NULL, hash BLOB NOT NULL, data TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Names of resource types and attributes, by the numbers that rows use.
CREATE TABLE kind (num INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE attribute (num INTEGER PRIMARY KEY, kind INTEGER NOT NULL, path TEXT NOT NULL, UNIQUE (kind, path)) STRICT;

-- One row a resource. Rows are numbered in the order of creation, which is the
-- default order of lists; times are milliseconds since 1970.
CREATE TABLE resource (
  row INTEGER PRIMARY KEY,
  org INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  id BLOB NOT NULL,
  version INTEGER NOT NULL,
  created INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX resource_id ON resource (org, id);
CREATE INDEX resource_kind ON resource (org, kind);

-- How many resources lie in each block of 1,024 row numbers: exact totals and
-- deep pages without walking the list.
CREATE TABLE block (org INTEGER NOT NULL, kind INTEGER NOT NULL, block INTEGER NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY (org, kind, block)) STRICT, WITHOUT ROWID;

-- The last judge of uniqueness.
CREATE TABLE uniq (org INTEGER NOT NULL, attr INTEGER NOT NULL, value TEXT NOT NULL, row INTEGER NOT NULL,
  PRIMARY KEY (org, attr, value)) STRICT, WITHOUT ROWID;

-- The search index: values and their trigrams. It never holds a value that its
-- row has not, but may lack those of the rows in pending, which memory covers.
CREATE TABLE term (org INTEGER NOT NULL, attr INTEGER NOT NULL, value TEXT NOT NULL, row INTEGER NOT NULL,
  PRIMARY KEY (org, attr, value, row)) STRICT, WITHOUT ROWID;
CREATE TABLE gram (org INTEGER NOT NULL, attr INTEGER NOT NULL, gram INTEGER NOT NULL, block INTEGER NOT NULL, rows BLOB NOT NULL,
  PRIMARY KEY (org, attr, gram, block)) STRICT, WITHOUT ROWID;
CREATE TABLE pending (row INTEGER PRIMARY KEY) STRICT;

-- Memberships, both ways.
CREATE TABLE edge (grp INTEGER NOT NULL, member INTEGER NOT NULL, kind INTEGER NOT NULL, id BLOB NOT NULL,
  PRIMARY KEY (grp, member)) STRICT, WITHOUT ROWID;
CREATE INDEX edge_member ON edge (member, grp);

CREATE TABLE audit (seq INTEGER PRIMARY KEY, org INTEGER NOT NULL, at INTEGER NOT NULL, data TEXT NOT NULL) STRICT;
CREATE TABLE outbox (seq INTEGER PRIMARY KEY, tries INTEGER NOT NULL DEFAULT 0, due INTEGER NOT NULL DEFAULT 0) STRICT;
