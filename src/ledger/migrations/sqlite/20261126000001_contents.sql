-- Where a record's content stands in the files beside this one. Where these are NULL, it stands in the row, as it did before.
ALTER TABLE ledger_record ADD COLUMN content_file INTEGER;
ALTER TABLE ledger_record ADD COLUMN content_offset INTEGER;
ALTER TABLE ledger_record ADD COLUMN content_length INTEGER;
