-- The nouns of the domain that are not SCIM resources, and what they are found by.
-- Organization 0 is the server itself.
CREATE TABLE document (org INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, keys TEXT NOT NULL, data TEXT NOT NULL,
  PRIMARY KEY (org, kind, id)) STRICT, WITHOUT ROWID;
CREATE TABLE document_key (org INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL,
  PRIMARY KEY (org, kind, key, id)) STRICT, WITHOUT ROWID;

-- Running totals, such as the seats in use.
CREATE TABLE tally (org INTEGER NOT NULL, name TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (org, name)) STRICT, WITHOUT ROWID;

CREATE INDEX audit_org ON audit (org, seq);
