//! FHIR calendar dates as closed intervals, with three-valued comparisons.
//! A date is taken as written: its first ten characters, without time zone conversion.
//! Not here: what the dates mean; see [`super::history`] and [`super::treatment_course`].

use chrono::{Datelike, Days, Months, NaiveDate};

use super::verdict::Verdict;

/// The earliest day a missing date can stand for.
const EARLIEST: NaiveDate = match NaiveDate::from_ymd_opt(1900, 1, 1) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

/// A closed interval of calendar days: one day for a full date, a month or a year for a partial one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateInterval {
    lo: NaiveDate,
    hi: NaiveDate,
}

impl DateInterval {
    /// The interval of one day.
    #[must_use]
    pub fn day(date: NaiveDate) -> Self {
        Self { lo: date, hi: date }
    }

    /// The interval for a missing date: any day from 1900 to the cutoff.
    #[must_use]
    pub fn missing(cutoff: NaiveDate) -> Self {
        Self { lo: EARLIEST.min(cutoff), hi: cutoff }
    }

    /// Parses `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or a dateTime; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let written = text.get(..10).unwrap_or(text);
        match written.len() {
            4 => {
                let year = number(written.get(..4)?)?;
                Self::between(NaiveDate::from_ymd_opt(year, 1, 1)?, NaiveDate::from_ymd_opt(year, 12, 31)?)
            }
            7 => {
                let lo = NaiveDate::from_ymd_opt(number(written.get(..4)?)?, month(written)?, 1)?;
                Self::between(lo, lo.checked_add_months(Months::new(1))?.pred_opt()?)
            }
            10 if dashed(written, 7) => {
                let day = number(written.get(8..10)?)?.try_into().ok()?;
                NaiveDate::from_ymd_opt(number(written.get(..4)?)?, month(written)?, day).map(Self::day)
            }
            _ => None,
        }
    }

    fn between(lo: NaiveDate, hi: NaiveDate) -> Option<Self> {
        (lo <= hi).then_some(Self { lo, hi })
    }

    /// The earliest possible day.
    #[must_use]
    pub fn lo(self) -> NaiveDate {
        self.lo
    }

    /// The latest possible day.
    #[must_use]
    pub fn hi(self) -> NaiveDate {
        self.hi
    }

    /// The day itself, if the date is full.
    #[must_use]
    pub fn full(self) -> Option<NaiveDate> {
        (self.lo == self.hi).then_some(self.lo)
    }

    /// Clips the end to `day`. An interval that begins after `day` is unchanged.
    #[must_use]
    pub fn up_to(self, day: NaiveDate) -> Self {
        if self.lo <= day { Self { hi: self.hi.min(day), ..self } } else { self }
    }

    /// Shifts both ends by calendar months, clamped at month ends.
    #[must_use]
    pub fn plus_months(self, months: u32) -> Self {
        Self { lo: plus_months(self.lo, months), hi: plus_months(self.hi, months) }
    }

    /// Shifts both ends by days.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        Self { lo: plus_days(self.lo, days), hi: plus_days(self.hi, days) }
    }

    /// Whether the date is on or before `date`.
    #[must_use]
    pub fn on_or_before(self, date: NaiveDate) -> Verdict {
        if self.hi <= date {
            Verdict::Met
        } else if self.lo > date {
            Verdict::NotMet
        } else {
            Verdict::Unknown
        }
    }

    /// Whether the date is on or after `date`.
    #[must_use]
    pub fn on_or_after(self, date: NaiveDate) -> Verdict {
        if self.lo >= date {
            Verdict::Met
        } else if self.hi < date {
            Verdict::NotMet
        } else {
            Verdict::Unknown
        }
    }
}

/// The most precise of `2026-03-09`, `2026-03` and `2026` that covers both ends; else `an unrecorded date`.
impl std::fmt::Display for DateInterval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.lo == self.hi {
            write!(f, "{}", self.lo)
        } else if self.lo.year() == self.hi.year() && self.lo.month() == self.hi.month() {
            write!(f, "{}", self.lo.format("%Y-%m"))
        } else if self.lo.year() == self.hi.year() {
            write!(f, "{}", self.lo.format("%Y"))
        } else {
            f.write_str("an unrecorded date")
        }
    }
}

/// Adds calendar months, clamped at the month's end.
#[must_use]
pub(super) fn plus_months(date: NaiveDate, months: u32) -> NaiveDate {
    date.checked_add_months(Months::new(months)).unwrap_or(NaiveDate::MAX)
}

/// Subtracts calendar months, clamped at the month's end.
#[must_use]
pub(super) fn minus_months(date: NaiveDate, months: u32) -> NaiveDate {
    date.checked_sub_months(Months::new(months)).unwrap_or(NaiveDate::MIN)
}

/// Adds days.
#[must_use]
pub(super) fn plus_days(date: NaiveDate, days: u32) -> NaiveDate {
    date.checked_add_days(Days::new(days.into())).unwrap_or(NaiveDate::MAX)
}

/// Subtracts days.
#[must_use]
pub(super) fn minus_days(date: NaiveDate, days: u32) -> NaiveDate {
    date.checked_sub_days(Days::new(days.into())).unwrap_or(NaiveDate::MIN)
}

/// The month of `YYYY-MM…`.
fn month(text: &str) -> Option<u32> {
    dashed(text, 4).then(|| text.get(5..7)).flatten().and_then(number)?.try_into().ok()
}

fn dashed(text: &str, at: usize) -> bool {
    text.as_bytes().get(at) == Some(&b'-')
}

/// Parses digits only: no sign, no space.
fn number(text: &str) -> Option<i32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(text: &str) -> DateInterval {
        DateInterval::parse(text).expect("a date")
    }

    fn date(text: &str) -> NaiveDate {
        interval(text).full().expect("a full date")
    }

    #[test]
    fn dates_are_read_as_written() {
        for (text, lo, hi) in [
            ("2026", "2026-01-01", "2026-12-31"),
            ("2026-03", "2026-03-01", "2026-03-31"),
            ("2024-02", "2024-02-01", "2024-02-29"),
            ("2026-12", "2026-12-01", "2026-12-31"),
            ("2026-03-09", "2026-03-09", "2026-03-09"),
            ("2026-03-09T23:30:00-07:00", "2026-03-09", "2026-03-09"),
            ("2026-03-09T10:00:00.000+02:00", "2026-03-09", "2026-03-09"),
        ] {
            assert_eq!((interval(text).lo(), interval(text).hi()), (date(lo), date(hi)), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "26",
            "2026-",
            "2026-13",
            "2026-00",
            "2026-02-30",
            "2026/03/09",
            "+026",
            "2026-3-9",
            "March 2026",
            "2026-03-0é",
            "20260309",
        ] {
            assert_eq!(DateInterval::parse(text), None, "{text}");
        }
    }

    #[test]
    fn months_are_clamped_at_the_months_end() {
        for (from, months, to) in [("2026-01-31", 1, "2026-02-28"), ("2023-12-31", 2, "2024-02-29"), ("2026-08-31", 3, "2026-11-30")] {
            assert_eq!(plus_months(date(from), months), date(to), "{from} + {months}");
        }
    }

    #[test]
    fn comparing_an_interval_is_three_valued() {
        let march = interval("2026-03");
        assert_eq!(march.on_or_before(date("2026-03-31")), Verdict::Met);
        assert_eq!(march.on_or_before(date("2026-03-30")), Verdict::Unknown);
        assert_eq!(march.on_or_before(date("2026-02-28")), Verdict::NotMet);
        assert_eq!(march.on_or_after(date("2026-03-01")), Verdict::Met);
        assert_eq!(march.on_or_after(date("2026-03-02")), Verdict::Unknown);
        assert_eq!(march.on_or_after(date("2026-04-01")), Verdict::NotMet);
    }

    #[test]
    fn an_interval_is_shown_as_it_was_written() {
        for text in ["2026", "2026-03", "2026-03-09"] {
            assert_eq!(interval(text).to_string(), text);
        }
        assert_eq!(DateInterval::missing(date("2026-03-09")).to_string(), "an unrecorded date");
    }
}
