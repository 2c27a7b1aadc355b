//! Reads a date as a person types it: as US clinics write it (`3/9/2026`, `3/2026`) or as FHIR does (`2026-03-09`, `2026-03`, `2026`).
//! Not here: dates of the chart, which [`crate::policy`] reads.

use chrono::NaiveDate;

use crate::policy::DateInterval;

/// Why a text is not a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TypedDateError {
    /// Not a date.
    NotDate,
    /// A date whose year has two digits.
    TwoDigitYear,
    /// A day or month that no calendar has.
    NoSuchDay,
}

/// The date as FHIR writes it.
///
/// # Errors
/// [`TypedDateError`]. Two digits are never taken for a year, because `26` can be 1926.
pub(super) fn typed_date(text: &str) -> Result<String, TypedDateError> {
    let iso = if text.contains('/') { from_us(text)? } else { from_iso(text)? };
    if DateInterval::parse(&iso).is_some() { Ok(iso) } else { Err(TypedDateError::NoSuchDay) }
}

/// A date as US clinics write it.
pub(super) fn us_date(date: NaiveDate) -> String {
    date.format("%m/%d/%Y").to_string()
}

/// Month, day and year, or month and year. The month comes first.
fn from_us(text: &str) -> Result<String, TypedDateError> {
    let parts: Vec<&str> = text.split('/').map(str::trim).collect();
    let (month, day, year) = match parts.as_slice() {
        [month, day, year] => (*month, Some(*day), *year),
        [month, year] => (*month, None, *year),
        [] | [..] => return Err(TypedDateError::NotDate),
    };
    let all = [Some(month), day, Some(year)];
    if !all.into_iter().flatten().all(is_digits) || month.len() > 2 || day.is_some_and(|day| day.len() > 2) {
        return Err(TypedDateError::NotDate);
    }
    let day = day.map(|day| format!("-{day:0>2}")).unwrap_or_default();
    match year.len() {
        2 => Err(TypedDateError::TwoDigitYear),
        4 => Ok(format!("{year}-{month:0>2}{day}")),
        _ => Err(TypedDateError::NotDate),
    }
}

/// Year, month and day, from the left, as many as are known.
fn from_iso(text: &str) -> Result<String, TypedDateError> {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    match lengths.as_slice() {
        _ if !text.split('-').all(is_digits) => Err(TypedDateError::NotDate),
        [4] | [4, 2] | [4, 2, 2] => Ok(text.to_owned()),
        [2, 2, 2] | [1 | 2, 1 | 2, 2] => Err(TypedDateError::TwoDigitYear),
        [] | [..] => Err(TypedDateError::NotDate),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_as_us_clinics_and_as_fhir_write_it() {
        for (text, expected) in [
            ("03/09/2026", "2026-03-09"),
            ("3/9/2026", "2026-03-09"),
            ("3/09/2026", "2026-03-09"),
            ("12/31/2025", "2025-12-31"),
            (" 3 / 9 / 2026", "2026-03-09"),
            ("2/29/2024", "2024-02-29"),
            ("3/2026", "2026-03"),
            ("03/2026", "2026-03"),
            ("2026-03-09", "2026-03-09"),
            ("2026-03", "2026-03"),
            ("2026", "2026"),
        ] {
            assert_eq!(typed_date(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused_with_the_reason() {
        for (text, expected) in [
            ("3/9/26", TypedDateError::TwoDigitYear),
            ("03/09/26", TypedDateError::TwoDigitYear),
            ("3/26", TypedDateError::TwoDigitYear),
            ("26-03-09", TypedDateError::TwoDigitYear),
            ("3-9-26", TypedDateError::TwoDigitYear),
            ("2/30/2026", TypedDateError::NoSuchDay),
            ("2/29/2026", TypedDateError::NoSuchDay),
            ("13/01/2026", TypedDateError::NoSuchDay),
            ("31/12/2026", TypedDateError::NoSuchDay),
            ("0/5/2026", TypedDateError::NoSuchDay),
            ("3/0/2026", TypedDateError::NoSuchDay),
            ("13/2026", TypedDateError::NoSuchDay),
            ("2026-02-30", TypedDateError::NoSuchDay),
            ("2026-13", TypedDateError::NoSuchDay),
            ("", TypedDateError::NotDate),
            ("March 2026", TypedDateError::NotDate),
            ("09.03.2026", TypedDateError::NotDate),
            ("3-9-2026", TypedDateError::NotDate),
            ("2026/03/09", TypedDateError::NotDate),
            ("2026-3-9", TypedDateError::NotDate),
            ("2026-03-09T10:00:00Z", TypedDateError::NotDate),
            ("3/9/202", TypedDateError::NotDate),
            ("3/9/20266", TypedDateError::NotDate),
            ("3//2026", TypedDateError::NotDate),
            ("/2026", TypedDateError::NotDate),
            ("3/9/2026/1", TypedDateError::NotDate),
            ("-3/9/2026", TypedDateError::NotDate),
            ("+3/9/2026", TypedDateError::NotDate),
            ("٣/٩/٢٠٢٦", TypedDateError::NotDate),
        ] {
            assert_eq!(typed_date(text), Err(expected), "{text}");
        }
    }
}
