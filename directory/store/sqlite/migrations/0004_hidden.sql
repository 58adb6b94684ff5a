-- Members who are inactive stay in their groups and are not shown in them.
ALTER TABLE edge ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;
