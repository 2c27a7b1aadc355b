-- A token that was used: a digest of its issuer and its jti, and the second after which it is refused as expired.
CREATE TABLE IF NOT EXISTS used_token (
    token bytea PRIMARY KEY,
    ends_at bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS used_token_ends_at ON used_token (ends_at);
