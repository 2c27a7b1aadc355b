-- A record. The columns in the clear reveal nothing about a patient; summary and content are sealed.
CREATE TABLE ledger_record (
    -- In the order of writing.
    place INTEGER PRIMARY KEY,
    chain BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    instance TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    client TEXT,
    tenant TEXT,
    hook TEXT,
    status INTEGER,
    cause TEXT,
    policies TEXT,
    determination TEXT,
    patient_index BLOB,
    card BLOB,
    about BLOB,
    cards BLOB,
    key_id TEXT NOT NULL,
    -- The code of the record before it in its chain, and its own code over that and all other columns.
    previous BLOB NOT NULL,
    hash BLOB NOT NULL,
    summary BLOB NOT NULL,
    content BLOB
) STRICT;

CREATE UNIQUE INDEX ledger_record_position ON ledger_record (chain, sequence);
CREATE UNIQUE INDEX ledger_record_id ON ledger_record (id);
CREATE INDEX ledger_record_start ON ledger_record (instance, recorded_at) WHERE kind = 'start';
CREATE INDEX ledger_record_patient ON ledger_record (patient_index) WHERE patient_index IS NOT NULL;
CREATE INDEX ledger_record_about ON ledger_record (about) WHERE about IS NOT NULL;
CREATE INDEX ledger_record_card ON ledger_record (card) WHERE card IS NOT NULL;

-- The call that showed a card, to look it up. The record itself names its cards, too.
CREATE TABLE ledger_card (
    card BLOB PRIMARY KEY,
    record_id BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Where a chain begins after a purge of its older records.
CREATE TABLE ledger_checkpoint (
    chain BLOB PRIMARY KEY,
    sequence INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    hash BLOB NOT NULL,
    key_id TEXT NOT NULL,
    code BLOB NOT NULL
) STRICT;

-- A health check writes here to learn whether the database accepts writes.
CREATE TABLE ledger_probe (
    instance TEXT PRIMARY KEY,
    probed_at INTEGER NOT NULL
) STRICT;
