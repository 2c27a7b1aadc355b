-- A record: what is in the clear tells nothing of a patient; summary and content are sealed.
CREATE TABLE ledger_record (
    -- In the order they were written; never given again, not even when all are gone.
    place INTEGER PRIMARY KEY AUTOINCREMENT,
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
    summary BLOB NOT NULL,
    content BLOB,
    hash BLOB NOT NULL
);

CREATE UNIQUE INDEX ledger_record_place ON ledger_record (chain, sequence);
CREATE UNIQUE INDEX ledger_record_id ON ledger_record (id);
CREATE INDEX ledger_record_start ON ledger_record (instance, recorded_at) WHERE kind = 'start';
CREATE INDEX ledger_record_patient ON ledger_record (patient_index) WHERE patient_index IS NOT NULL;
CREATE INDEX ledger_record_about ON ledger_record (about) WHERE about IS NOT NULL;
CREATE INDEX ledger_record_card ON ledger_record (card) WHERE card IS NOT NULL;

-- Which call a card was shown by, to find it; the record itself has its cards, too.
CREATE TABLE ledger_card (
    card BLOB PRIMARY KEY,
    record_id BLOB NOT NULL
) WITHOUT ROWID;

-- Where a chain begins after its older records were purged.
CREATE TABLE ledger_checkpoint (
    chain BLOB PRIMARY KEY,
    sequence INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    hash BLOB NOT NULL,
    key_id TEXT NOT NULL,
    code BLOB NOT NULL
);

-- Written to find out whether anything can be.
CREATE TABLE ledger_probe (
    instance TEXT PRIMARY KEY,
    probed_at INTEGER NOT NULL
);
