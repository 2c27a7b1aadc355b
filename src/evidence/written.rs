//! Date elements in charts. A placeholder for an unknown date is treated as absent.
//! Not here: parsing and comparing dates ([`crate::policy::DateInterval`]).

use chrono::{Datelike, NaiveDate};

use super::text::Text;
use crate::policy::{DateInterval, Span};

/// A date outside these years is a placeholder.
const MIN_YEAR: i32 = 1901;
const MAX_YEAR: i32 = 2200;

/// The date that some systems write for an unknown date.
const EPOCH: Option<NaiveDate> = NaiveDate::from_ymd_opt(1970, 1, 1);

/// A date element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateElement {
    /// The element is missing or a placeholder.
    Absent,
    /// The text is not a FHIR date.
    NoDate,
    /// A date, full or partial.
    Date(DateInterval),
}

impl DateElement {
    /// Reads a date element.
    pub(crate) fn read(text: Option<&Text<'_>>) -> Self {
        let Some(text) = text else { return Self::Absent };
        match DateInterval::parse(text.as_str()) {
            None => Self::NoDate,
            Some(date) if is_placeholder(date) => Self::Absent,
            Some(date) => Self::Date(date),
        }
    }

    /// Like [`Self::read`], for an event that cannot precede birth: a date on or before birth is a placeholder.
    pub(crate) fn read_after(text: Option<&Text<'_>>, birth: Option<NaiveDate>) -> Self {
        match Self::read(text) {
            Self::Date(date) if birth.is_some_and(|birth| date.lo() <= birth) => Self::Absent,
            written => written,
        }
    }

    /// The date, if there is one.
    pub(crate) fn date(self) -> Option<DateInterval> {
        match self {
            Self::Date(date) => Some(date),
            Self::Absent | Self::NoDate => None,
        }
    }

    /// The days from this date to `end`. If one bound is absent, both are the other one.
    pub(crate) fn span_to(self, end: Self) -> Option<Span> {
        match (self, end) {
            (Self::Absent, Self::Absent) => None,
            (Self::Date(first), Self::Date(last)) => Some(span(first, last)),
            (Self::Date(day), Self::Absent) | (Self::Absent, Self::Date(day)) => Some(span(day, day)),
            (Self::NoDate, _) | (_, Self::NoDate) => Some(Span::Unproven),
        }
    }
}

/// The date of an element, unless it is invalid or a placeholder.
pub(crate) fn date(text: Option<&Text<'_>>) -> Option<DateInterval> {
    DateElement::read(text).date()
}

/// Only full dates prove a span.
pub(crate) fn span(first: DateInterval, last: DateInterval) -> Span {
    match (first.full(), last.full()) {
        (Some(first), Some(last)) => Span::Days(first, last),
        (None, _) | (_, None) => Span::Unproven,
    }
}

fn is_placeholder(date: DateInterval) -> bool {
    !(MIN_YEAR..=MAX_YEAR).contains(&date.lo().year()) || (date.full().is_some() && date.full() == EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> DateElement {
        DateElement::read(Some(&Text(text.into())))
    }

    #[test]
    fn a_placeholder_is_as_if_absent() {
        for text in
            ["0001-01-01", "1900-01-01", "1900", "1900-12", "1970-01-01", "1970-01-01T00:00:00Z", "2201-01-01", "9999-12-31", "9999"]
        {
            assert_eq!(written(text), DateElement::Absent, "{text}");
        }
        for text in ["1901-01-01", "1970", "1970-01", "1970-01-02", "2200-12-31"] {
            assert!(written(text).date().is_some(), "{text}");
        }
        for text in ["unknown", "2026-13-01", "03/04/2026", ""] {
            assert_eq!(written(text), DateElement::NoDate, "{text}");
        }
    }

    #[test]
    fn nothing_happens_before_birth() {
        let birth = NaiveDate::from_ymd_opt(1971, 3, 14);
        let read = |text: &str| DateElement::read_after(Some(&Text(text.into())), birth);
        for text in ["1971-03-14", "1971-03", "1971", "1960"] {
            assert_eq!(read(text), DateElement::Absent, "{text}");
        }
        assert!(read("1971-03-15").date().is_some() && read("1972").date().is_some());
    }
}
