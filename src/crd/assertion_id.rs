//! Ids of coverage assertions and numbers of authorizations. Each contains the id of its call's record.
//! Not here: the record; see [`crate::service`].

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

/// Separates a record's id from the number of a further Coverage in the same call (CRD 2.2.1, resp-32).
const OF_COVERAGE: char = '.';

/// Separates the parts of an authorization number.
const WITHIN_NUMBER: char = '-';

/// The assertion id for the Coverage at `place` in a call; for the first, the record's id.
pub(super) fn assertion_id(record: Uuid, place: usize) -> String {
    if place == 0 { record.to_string() } else { format!("{record}{OF_COVERAGE}{}", place + 1) }
}

/// The authorization number of an order. X12 278 limits it to 50 characters.
pub(super) fn authorization_number(prefix: &str, record: Uuid, mark: &str) -> String {
    format!("{prefix}{WITHIN_NUMBER}{:X}{WITHIN_NUMBER}{mark}", record.simple())
}

/// The mark that ends an authorization number, derived from the authorized service. It exposes a number that was copied to another
/// order, or whose order was changed. It proves nothing; the record does.
pub(super) fn mark(authorized: &str) -> String {
    let digest = digest(&SHA256, authorized.as_bytes());
    digest.as_ref().iter().take(2).fold(String::new(), |mark, byte| format!("{mark}{byte:02X}"))
}

/// The record that an assertion id, an authorization number or a card's uuid refers to.
#[must_use]
pub fn record_of(text: &str) -> Option<Uuid> {
    let whole = Uuid::try_parse(text).ok();
    let of_coverage = || Uuid::try_parse(text.split_once(OF_COVERAGE).filter(|(_, place)| is_place(place))?.0).ok();
    let of_number = || {
        let (rest, mark) = text.rsplit_once(WITHIN_NUMBER)?;
        let (_, record) = rest.rsplit_once(WITHIN_NUMBER)?;
        (is_mark(mark) && record.len() == 32).then(|| Uuid::try_parse(record).ok())?
    };
    whole.or_else(of_coverage).or_else(of_number)
}

fn is_place(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_mark(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_record() {
        let record = Uuid::from_u128(0x0190_5a3b_7c1d_7e2f_8a9b_c0d1_e2f3_0415);
        for (name, expected) in [
            (assertion_id(record, 0), "01905a3b-7c1d-7e2f-8a9b-c0d1e2f30415"),
            (assertion_id(record, 1), "01905a3b-7c1d-7e2f-8a9b-c0d1e2f30415.2"),
            (authorization_number("SIJ", record, &mark("")), "SIJ-01905A3B7C1D7E2F8A9BC0D1E2F30415-E3B0"),
            (authorization_number("A-B-12345678", record, "00A7"), "A-B-12345678-01905A3B7C1D7E2F8A9BC0D1E2F30415-00A7"),
        ] {
            assert_eq!(name, expected);
            assert!(name.len() <= 50);
            assert_eq!(record_of(&name), Some(record), "{name}");
        }
    }

    #[test]
    fn any_other_text_leads_nowhere() {
        for text in ["", "-", ".", "SIJ-1", "01905a3b-7c1d-7e2f-8a9b-c0d1e2f30415.", "01905a3b-7c1d-7e2f-8a9b-c0d1e2f30415.x", "x-y-z"] {
            assert_eq!(record_of(text), None, "{text}");
        }
    }
}
