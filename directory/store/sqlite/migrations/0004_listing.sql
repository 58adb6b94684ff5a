-- What the index holds of an attribute: its unique keys ('keys'), or its values as
-- they are ('exact') or folded ('folded'); of the rows up to upto, or of all where
-- that is NULL. Of what has no row here the index holds nothing.
CREATE TABLE listing (attr INTEGER NOT NULL, form TEXT NOT NULL, upto INTEGER, PRIMARY KEY (attr, form)) STRICT, WITHOUT ROWID;

-- Until now nobody wrote down what was indexed, so it is all made anew.
DELETE FROM uniq;
DELETE FROM term;
DELETE FROM gram;
