-- A token that a caller used: a digest of its issuer and its jti, and the second until which it must be refused. Rows that end together lie
-- together, so that inserting and removing touch few pages. Older versions of the program ignore this table.
CREATE TABLE IF NOT EXISTS used_token (
    remembered_until INTEGER NOT NULL,
    digest BLOB NOT NULL,
    issuer TEXT NOT NULL,
    PRIMARY KEY (remembered_until, digest)
) STRICT, WITHOUT ROWID;
