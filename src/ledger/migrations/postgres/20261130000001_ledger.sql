-- A record. The columns in the clear reveal nothing about a patient; summary and content are sealed.
CREATE TABLE ledger_record (
    chain bytea NOT NULL,
    sequence bigint NOT NULL,
    id bytea NOT NULL,
    kind text NOT NULL,
    instance text NOT NULL,
    received_at bigint NOT NULL,
    recorded_at bigint NOT NULL,
    client text,
    tenant text,
    hook text,
    status bigint,
    cause text,
    policies text,
    determination text,
    patient_index bytea,
    card bytea,
    about bytea,
    cards bytea,
    key_id text NOT NULL,
    -- The code of the record before it in its chain, and its own code over that and all other columns.
    previous bytea NOT NULL,
    hash bytea NOT NULL,
    summary bytea NOT NULL,
    content bytea
);

-- Contents are compressed before they are sealed, and sealed bytes do not compress.
ALTER TABLE ledger_record ALTER COLUMN summary SET STORAGE EXTERNAL, ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE UNIQUE INDEX ledger_record_position ON ledger_record (chain, sequence);
CREATE UNIQUE INDEX ledger_record_id ON ledger_record (id);
CREATE INDEX ledger_record_received_at ON ledger_record (received_at);
CREATE INDEX ledger_record_start ON ledger_record (instance, recorded_at) WHERE kind = 'start';
CREATE INDEX ledger_record_patient ON ledger_record (patient_index) WHERE patient_index IS NOT NULL;
CREATE INDEX ledger_record_about ON ledger_record (about) WHERE about IS NOT NULL;
CREATE INDEX ledger_record_card ON ledger_record (card) WHERE card IS NOT NULL;

-- The call that showed a card, to look it up. The record itself names its cards, too.
CREATE TABLE ledger_card (
    card bytea PRIMARY KEY,
    record_id bytea NOT NULL
);

-- Where a chain begins after a purge of its older records.
CREATE TABLE ledger_checkpoint (
    chain bytea PRIMARY KEY,
    sequence bigint NOT NULL,
    recorded_at bigint NOT NULL,
    hash bytea NOT NULL,
    key_id text NOT NULL,
    code bytea NOT NULL
);

-- A health check writes here to learn whether the database accepts writes.
CREATE TABLE ledger_probe (
    instance text PRIMARY KEY,
    probed_at bigint NOT NULL
);
