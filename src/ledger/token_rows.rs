//! The table of used tokens in the ledger's SQLite file, so that a token that was used before a restart is refused after it. It is no part
//! of the record: no chain, no check and no command covers it.
//! Not here: which token is used ([`crate::auth`]), and when its row is written ([`super::token_queue`]).

use std::sync::LazyLock;

use sqlx::{AnyConnection, Connection as _, Executor as _, Row as _, SqlStr};

use super::database::{Database, DatabaseKind};
use super::error::LedgerError;
use super::insert::{SIZES, chunks, placeholders};

/// How many expired rows one transaction removes, so that no call waits long for it. There is one a second, and no more calls a second than
/// this by default.
const MAX_REMOVED: i64 = 2_000;

/// A used token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// The `iss` of a configured client.
    pub issuer: String,
    /// A digest that identifies the token.
    pub digest: [u8; 32],
    /// The second since 1970 until which it is remembered.
    pub remembered_until: i64,
}

/// Creates the table, unless it is there. It has no version of its own: a program that does not know it ignores it.
pub(super) async fn create(database: &Database) -> Result<(), LedgerError> {
    let mut connection = database.connect().await?;
    connection.execute(sqlx::raw_sql(SqlStr::from_static(include_str!("migrations/sqlite/used_token.sql")))).await?;
    Ok(connection.close().await?)
}

/// All tokens that are to be remembered at `now` (seconds since 1970).
pub(super) async fn unexpired(database: &Database, now: i64) -> Result<Vec<TokenRow>, LedgerError> {
    let select = "SELECT issuer, digest, remembered_until FROM used_token WHERE remembered_until >= $1";
    let rows = sqlx::query(select).bind(now).fetch_all(&database.pool).await?;
    rows.iter()
        .map(|row| {
            let digest: Vec<u8> = row.try_get("digest")?;
            let digest = digest.try_into().map_err(|_| LedgerError::Unreadable { column: "digest" })?;
            Ok(TokenRow { issuer: row.try_get("issuer")?, digest, remembered_until: row.try_get("remembered_until")? })
        })
        .collect()
}

/// Inserts tokens, in the transaction of whatever else is written.
pub(super) async fn insert(connection: &mut AnyConnection, tokens: Vec<TokenRow>) -> Result<(), LedgerError> {
    static STATEMENTS: LazyLock<Vec<String>> = LazyLock::new(|| SIZES.map(statement).to_vec());
    for (statement, tokens) in chunks(tokens, &STATEMENTS) {
        let bound = tokens.into_iter().fold(sqlx::query(statement), |insert, token| {
            insert.bind(token.remembered_until).bind(token.digest.to_vec()).bind(token.issuer)
        });
        bound.execute(&mut *connection).await?;
    }
    Ok(())
}

/// A row may be there already: a transaction whose outcome was unknown is written again.
fn statement(rows: usize) -> String {
    let values = placeholders(DatabaseKind::Sqlite, rows, 3);
    format!("INSERT INTO used_token (remembered_until, digest, issuer) VALUES {values} ON CONFLICT DO NOTHING")
}

/// Removes some of the tokens that ended before `now`.
pub(super) async fn remove_expired(connection: &mut AnyConnection, now: i64) -> Result<(), LedgerError> {
    let remove = "DELETE FROM used_token WHERE (remembered_until, digest) IN \
        (SELECT remembered_until, digest FROM used_token WHERE remembered_until < $1 LIMIT $2)";
    sqlx::query(remove).bind(now).bind(MAX_REMOVED).execute(connection).await?;
    Ok(())
}
