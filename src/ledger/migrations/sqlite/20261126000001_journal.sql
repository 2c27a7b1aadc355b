-- Where a record's content stands in the journal beside this file, which is where the record ends there; one without a content has one of
-- length 0. Where these are NULL, the content stands in the row, as it did before there was a journal.
ALTER TABLE ledger_record ADD COLUMN content_file INTEGER;
ALTER TABLE ledger_record ADD COLUMN content_offset INTEGER;
ALTER TABLE ledger_record ADD COLUMN content_length INTEGER;

-- Up to where the journal's records have rows.
CREATE TABLE ledger_journal (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    file INTEGER NOT NULL,
    position INTEGER NOT NULL,
    -- Up to where they were purged.
    purged_file INTEGER NOT NULL DEFAULT 0,
    purged_position INTEGER NOT NULL DEFAULT 0
);
