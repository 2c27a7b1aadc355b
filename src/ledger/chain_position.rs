//! Positions in a chain: its head, and in text form where a long run resumes and which end was observed.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::keys::KEY_BYTES;

/// The code that binds a record to all records before it.
pub(super) type Hash = [u8; KEY_BYTES];

/// The previous code used for the first record of a chain.
pub(super) const BEGINNING: Hash = [0; KEY_BYTES];

/// A record's chain and sequence number: `CHAIN:SEQUENCE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainPosition {
    /// The chain.
    pub chain: Uuid,
    /// Starts at 1.
    pub sequence: i64,
}

/// A chain end as observed at some time: `CHAIN:SEQUENCE:CODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The last record.
    pub position: ChainPosition,
    pub(super) hash: Hash,
}

impl From<ChainHead> for End {
    fn from(head: ChainHead) -> Self {
        Self { position: ChainPosition { chain: head.chain, sequence: head.sequence }, hash: head.hash }
    }
}

/// The current end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChainHead {
    pub(super) chain: Uuid,
    /// Sequence number of the last record; 0 for an empty chain.
    pub(super) sequence: i64,
    /// When the last record was written, in microseconds since 1970.
    pub(super) recorded_at: i64,
    pub(super) hash: Hash,
}

/// A text that is not a valid position or chain end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a position as an earlier run printed it")]
pub struct InvalidChainPosition;

impl ChainPosition {
    /// Before every chain.
    pub const BEGINNING: Self = Self { chain: Uuid::nil(), sequence: 0 };
}

impl fmt::Display for ChainPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.chain, self.sequence)
    }
}

impl FromStr for ChainPosition {
    type Err = InvalidChainPosition;

    fn from_str(text: &str) -> Result<Self, InvalidChainPosition> {
        let (chain, sequence) = text.split_once(':').ok_or(InvalidChainPosition)?;
        let sequence = sequence.parse().map_err(|_| InvalidChainPosition)?;
        Ok(Self { chain: chain.parse().map_err(|_| InvalidChainPosition)?, sequence })
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.position, hex(&self.hash))
    }
}

/// A code in hexadecimal.
pub(super) fn hex(hash: &Hash) -> String {
    hash.iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
}

/// Reads a code in hexadecimal.
pub(super) fn hash_from_hex(code: &str) -> Result<Hash, InvalidChainPosition> {
    let digits = code.as_bytes();
    if digits.len() != 2 * KEY_BYTES || !code.is_ascii() {
        return Err(InvalidChainPosition);
    }
    let mut hash = [0; KEY_BYTES];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| InvalidChainPosition)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidChainPosition)?;
    }
    Ok(hash)
}

impl FromStr for End {
    type Err = InvalidChainPosition;

    fn from_str(text: &str) -> Result<Self, InvalidChainPosition> {
        let (position, code) = text.rsplit_once(':').ok_or(InvalidChainPosition)?;
        Ok(Self { position: position.parse()?, hash: hash_from_hex(code)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_and_an_end_are_read_as_they_are_written() {
        let position = ChainPosition { chain: Uuid::from_u128(7), sequence: 12 };
        assert_eq!(position.to_string().parse(), Ok(position));
        let end = End { position, hash: [0xa5; KEY_BYTES] };
        assert_eq!(end.to_string().parse(), Ok(end));
    }

    #[test]
    fn anything_else_is_refused() {
        let position = ChainPosition { chain: Uuid::from_u128(7), sequence: 12 };
        for text in ["", ":", "x:1", "00000000-0000-0000-0000-000000000007:x", &format!("{position}:"), &format!("{position}:zz")] {
            assert_eq!(text.parse::<End>(), Err(InvalidChainPosition), "{text}");
        }
        assert_eq!("00000000-0000-0000-0000-000000000007:x".parse::<ChainPosition>(), Err(InvalidChainPosition));
    }
}
