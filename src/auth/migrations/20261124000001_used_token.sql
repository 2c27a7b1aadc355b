-- A token that was used: a digest of its client and its jti, and the second after which it would be refused as expired.
CREATE TABLE used_token (
    token bytea PRIMARY KEY,
    ends_at bigint NOT NULL
);

CREATE INDEX used_token_ends_at ON used_token (ends_at);
