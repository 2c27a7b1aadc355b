-- A record: what is in the clear tells nothing of a patient; summary and content are sealed.
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
    summary bytea NOT NULL,
    content bytea,
    hash bytea NOT NULL
);

CREATE UNIQUE INDEX ledger_record_place ON ledger_record (chain, sequence);
CREATE UNIQUE INDEX ledger_record_id ON ledger_record (id);
CREATE INDEX ledger_record_received_at ON ledger_record (received_at);
CREATE INDEX ledger_record_start ON ledger_record (instance, recorded_at) WHERE kind = 'start';
CREATE INDEX ledger_record_patient ON ledger_record (patient_index) WHERE patient_index IS NOT NULL;
CREATE INDEX ledger_record_about ON ledger_record (about) WHERE about IS NOT NULL;
CREATE INDEX ledger_record_card ON ledger_record (card) WHERE card IS NOT NULL;

-- Which call a card was shown by, to find it; the record itself has its cards, too.
CREATE TABLE ledger_card (
    card bytea PRIMARY KEY,
    record_id bytea NOT NULL
);

-- Where a chain begins after its older records were purged.
CREATE TABLE ledger_checkpoint (
    chain bytea PRIMARY KEY,
    sequence bigint NOT NULL,
    recorded_at bigint NOT NULL,
    hash bytea NOT NULL,
    key_id text NOT NULL,
    code bytea NOT NULL
);

-- Written to find out whether anything can be.
CREATE TABLE ledger_probe (
    instance text PRIMARY KEY,
    probed_at bigint NOT NULL
);
