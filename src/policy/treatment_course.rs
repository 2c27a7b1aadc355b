//! Courses of therapy and medication: intervals with full dates, clipped to the lookback window and joined across
//! short gaps. A course's length includes both end days.

use chrono::NaiveDate;

use super::dates::plus_days;
use super::facts::Span;

/// Days in a week.
pub(crate) const DAYS_A_WEEK: u32 = 7;

/// Formats an interval for evidence: one day, or the first and the last.
pub(crate) fn days_written(first: NaiveDate, last: NaiveDate) -> String {
    if first == last { first.to_string() } else { format!("{first}/{last}") }
}

/// Intervals that form one course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TreatmentCourse<T> {
    pub first: NaiveDate,
    pub last: NaiveDate,
    /// Its intervals, oldest first.
    pub parts: Vec<T>,
    /// Whether it spans at least one day without therapy or medication.
    pub joined: bool,
}

impl<T> TreatmentCourse<T> {
    /// Its length in days, including both ends.
    pub(crate) fn days(&self) -> i64 {
        (self.last - self.first).num_days() + 1
    }
}

/// The window in which therapy and medication count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LookbackWindow {
    pub first: NaiveDate,
    pub last: NaiveDate,
}

impl LookbackWindow {
    /// The part of a span inside the window, if any. An ongoing span lasts to the window's end.
    pub(crate) fn clip(self, span: Span) -> Option<(NaiveDate, NaiveDate)> {
        let (first, last) = match span {
            Span::Days(first, last) if first <= last => (first, last),
            Span::Since(first) => (first, self.last),
            Span::Days(..) | Span::Unproven => return None,
        };
        let clipped = (first.max(self.first), last.min(self.last));
        (clipped.0 <= clipped.1).then_some(clipped)
    }
}

/// Joins each interval to the previous one if it begins at most `gap_days` after that one ends.
pub(crate) fn courses<T: Ord>(mut intervals: Vec<(NaiveDate, NaiveDate, T)>, gap_days: u32) -> Vec<TreatmentCourse<T>> {
    intervals.sort();
    intervals.dedup();
    let mut courses: Vec<TreatmentCourse<T>> = Vec::new();
    for (first, last, part) in intervals {
        match courses.last_mut() {
            Some(course) if first <= plus_days(course.last, gap_days) => {
                course.joined |= first > plus_days(course.last, 1);
                course.last = course.last.max(last);
                course.parts.push(part);
            }
            Some(_) | None => courses.push(TreatmentCourse { first, last, parts: vec![part], joined: false }),
        }
    }
    courses
}

/// The longest course; the latest of equally long ones.
pub(crate) fn longest<T>(courses: Vec<TreatmentCourse<T>>) -> Option<TreatmentCourse<T>> {
    courses.into_iter().max_by_key(|course| (course.days(), course.last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, 1).map(|first| plus_days(first, day)).expect("a date")
    }

    fn joined(intervals: &[(u32, u32)], gap: u32) -> Vec<(NaiveDate, NaiveDate)> {
        let intervals = intervals.iter().map(|&(first, last)| (date(first), date(last), ())).collect();
        courses(intervals, gap).into_iter().map(|course| (course.first, course.last)).collect()
    }

    #[test]
    fn a_length_counts_both_ends() {
        let course = TreatmentCourse { first: date(0), last: date(41), parts: vec![()], joined: false };
        assert_eq!(course.days(), 42);
    }

    #[test]
    fn intervals_are_joined_up_to_the_gap_and_parted_beyond_it() {
        assert_eq!(joined(&[(0, 0), (21, 21)], 21), [(date(0), date(21))]);
        assert_eq!(joined(&[(0, 0), (22, 22)], 21), [(date(0), date(0)), (date(22), date(22))]);
    }

    #[test]
    fn an_interval_within_another_does_not_shorten_it() {
        assert_eq!(joined(&[(0, 30), (5, 6), (40, 41)], 10), [(date(0), date(41))]);
    }

    #[test]
    fn a_span_is_clipped_to_the_window_at_both_ends() {
        let window = LookbackWindow { first: date(10), last: date(20) };
        assert_eq!(window.clip(Span::Days(date(0), date(30))), Some((date(10), date(20))));
        assert_eq!(window.clip(Span::Since(date(15))), Some((date(15), date(20))));
        for outside in [Span::Days(date(0), date(9)), Span::Since(date(21)), Span::Unproven, Span::Days(date(18), date(12))] {
            assert_eq!(window.clip(outside), None, "{outside:?}");
        }
    }
}
