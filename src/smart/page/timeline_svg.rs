//! The timeline as an SVG. All lengths are in viewBox units, so that it is as readable in a narrow panel as on a wide page.
//! Not here: colours; see the stylesheet.

use chrono::{Datelike, Months, NaiveDate};

use super::messages::{Messages, Text};
use super::timeline::{Counted, Event, MAX_LABELLED_SCORES, Timeline, Track};

const WIDTH: f64 = 340.0;
const MARGIN: f64 = 8.0;
/// Space for the labels of the two marker lines.
const TOP: f64 = 36.0;
/// Height of a row's label; the bar is below it.
const WORDS: f64 = 15.0;
const BAR: f64 = 10.0;
const GAP: f64 = 9.0;
/// Height of the pain scale from 0 to 10.
const SCORES: f64 = 44.0;
/// Maximum months shown before the service date, and after the later of it and today. The table lists everything.
const MAX_MONTHS_BEFORE: u32 = 30;
/// Approximate maximum of date labels on the axis.
const MAX_TICKS: i64 = 4;

/// The image.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drawing {
    pub height: String,
    /// The y coordinate where lines and ticks end.
    pub floor: String,
    pub rows: Vec<TimelineRow>,
    pub lines: Vec<MarkerLine>,
    pub ticks: Vec<Mark>,
}

/// One row: its label, and its bars or dots.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TimelineRow {
    pub words: String,
    pub class: &'static str,
    pub baseline: String,
    pub bars: Vec<Bar>,
    pub dots: Vec<Dot>,
    /// The polyline through the dots; empty if there are fewer than two.
    pub path: String,
}

/// A bar over a range of days.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
    pub class: &'static str,
}

/// A pain score.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dot {
    pub x: String,
    pub y: String,
    pub label_y: String,
    /// Empty if there are too many labels to read.
    pub label: String,
}

/// A vertical line that marks a date.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MarkerLine {
    pub x: String,
    pub baseline: String,
    pub top: String,
    pub anchor: &'static str,
    pub words: String,
    pub class: &'static str,
}

/// A date label on the axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    pub x: String,
    pub baseline: String,
    pub anchor: &'static str,
    pub words: String,
}

impl Drawing {
    pub(crate) fn new(words: &Messages, timeline: &Timeline) -> Self {
        let scale = Scale::new(timeline);
        let mut y = TOP;
        let mut rows: Vec<_> = Track::ALL.into_iter().filter_map(|track| scale.track(words, timeline, track, &mut y)).collect();
        rows.extend(timeline.counted.iter().filter_map(|counted| scale.counted(counted, &mut y)));
        let floor = y;
        Self { height: unit(floor + 22.0), floor: unit(floor), rows, lines: scale.lines(words, timeline), ticks: scale.ticks(floor + 15.0) }
    }
}

/// Converts dates to x coordinates.
struct Scale {
    first: NaiveDate,
    last: NaiveDate,
}

impl Scale {
    /// Covers all events and windows, limited to `MAX_MONTHS_BEFORE` around the service date and today.
    fn new(timeline: &Timeline) -> Self {
        let happened = timeline.events.iter().filter_map(|event| event.when);
        let days = happened.chain(timeline.counted.iter().map(|counted| (counted.first, counted.last)));
        let (mut first, mut last) = (timeline.today.min(timeline.service), timeline.today.max(timeline.service));
        for (from, until) in days {
            (first, last) = (first.min(from), last.max(until));
        }
        let limit = timeline.service.checked_sub_months(Months::new(MAX_MONTHS_BEFORE)).unwrap_or(first);
        let horizon = timeline.service.max(timeline.today).checked_add_months(Months::new(MAX_MONTHS_BEFORE)).unwrap_or(last);
        let first = first.max(limit).min(timeline.today.min(timeline.service));
        Self { first, last: last.min(horizon).max(first + chrono::Days::new(28)) }
    }

    fn x(&self, date: NaiveDate) -> f64 {
        let days = |from: NaiveDate, until: NaiveDate| (until - from).num_days();
        let whole = days(self.first, self.last).max(1);
        let place = days(self.first, date).clamp(0, whole);
        MARGIN + (WIDTH - 2.0 * MARGIN) * small(place) / small(whole)
    }

    fn is_seen(&self, first: NaiveDate, last: NaiveDate) -> bool {
        last >= self.first && first <= self.last
    }

    fn track(&self, words: &Messages, timeline: &Timeline, track: Track, y: &mut f64) -> Option<TimelineRow> {
        let seen = |event: &&Event| event.track == track && event.when.is_some_and(|(first, last)| self.is_seen(first, last));
        let events: Vec<_> = timeline.events.iter().filter(seen).collect();
        if events.is_empty() {
            return None;
        }
        let (text, class) = match track {
            Track::Injections => (Text::TrackInjections, "injections"),
            Track::Therapy => (Text::TrackTherapy, "therapy"),
            Track::Medication => (Text::TrackMedication, "medication"),
            Track::PainScores => (Text::TrackScores, "scores"),
        };
        let mut row = TimelineRow {
            words: words.say(text),
            class,
            baseline: unit(*y + 11.0),
            bars: Vec::new(),
            dots: Vec::new(),
            path: String::new(),
        };
        if track == Track::PainScores {
            row.dots = self.dots(&events, *y + WORDS + 8.0);
            row.path = path(&row.dots);
            *y += WORDS + 8.0 + SCORES + GAP;
        } else {
            row.bars = events
                .iter()
                .filter_map(|event| self.bar(event.when?, *y + WORDS, if event.is_partial { "partial" } else { "" }))
                .collect();
            *y += WORDS + BAR + GAP;
        }
        Some(row)
    }

    fn counted(&self, counted: &Counted, y: &mut f64) -> Option<TimelineRow> {
        let bar = self.bar((counted.first, counted.last), *y + WORDS, "")?;
        let baseline = unit(*y + 11.0);
        *y += WORDS + BAR + GAP;
        Some(TimelineRow {
            words: counted.words.clone(),
            class: "counted",
            baseline,
            bars: vec![bar],
            dots: Vec::new(),
            path: String::new(),
        })
    }

    /// A bar with a minimum width, so that it stays visible.
    fn bar(&self, (first, last): (NaiveDate, NaiveDate), y: f64, class: &'static str) -> Option<Bar> {
        if !self.is_seen(first, last) {
            return None;
        }
        let (from, until) = (self.x(first), self.x(last));
        let width = (until - from).max(4.0);
        let x = from.min(WIDTH - MARGIN - width);
        Some(Bar { x: unit(x), y: unit(y), width: unit(width), height: unit(BAR), class })
    }

    fn dots(&self, events: &[&Event], top: f64) -> Vec<Dot> {
        let is_labelled = events.len() <= MAX_LABELLED_SCORES;
        let dot = |event: &&Event| {
            let ((date, _), score) = (event.when?, event.score?);
            let y = top + SCORES * (10.0 - score.clamp(0.0, 10.0)) / 10.0;
            let label = if is_labelled { score.to_string() } else { String::new() };
            Some(Dot { x: unit(self.x(date)), y: unit(y), label_y: unit(y - 6.0), label })
        };
        events.iter().filter_map(dot).collect()
    }

    /// The lines for today and the service date, with their labels at different heights.
    fn lines(&self, words: &Messages, timeline: &Timeline) -> Vec<MarkerLine> {
        let line = |date: NaiveDate, text, class, top: f64| {
            let x = self.x(date);
            let anchor = if x > WIDTH / 2.0 { "end" } else { "start" };
            MarkerLine { x: unit(x), baseline: unit(top), top: unit(top + 3.0), anchor, words: words.fill(text, &[&date]), class }
        };
        if timeline.today == timeline.service {
            return vec![line(timeline.service, Text::LineServiceToday, "service", 26.0)];
        }
        vec![line(timeline.today, Text::LineToday, "today", 11.0), line(timeline.service, Text::LineService, "service", 26.0)]
    }

    /// The first days of months, spaced to fit.
    fn ticks(&self, baseline: f64) -> Vec<Mark> {
        let months = (self.last - self.first).num_days() / 30 + 1;
        let step = [1, 2, 3, 4, 6, 12, 24].into_iter().find(|step| months / step <= MAX_TICKS).unwrap_or(24);
        let mut marks = Vec::new();
        let mut month = first_of_month(self.first);
        while let Some(date) = month.filter(|date| *date <= self.last) {
            let counted = i64::from(date.year()) * 12 + i64::from(date.month0());
            if date >= self.first && counted % step == 0 {
                let x = self.x(date);
                let anchor = if x < 24.0 {
                    "start"
                } else if x > WIDTH - 24.0 {
                    "end"
                } else {
                    "middle"
                };
                marks.push(Mark { x: unit(x), baseline: unit(baseline), anchor, words: date.format("%Y-%m").to_string() });
            }
            month = date.checked_add_months(Months::new(1));
        }
        marks
    }
}

fn first_of_month(date: NaiveDate) -> Option<NaiveDate> {
    date.with_day(1)
}

/// The points of the polyline, from left to right; empty if there are fewer than two dots.
fn path(dots: &[Dot]) -> String {
    let points: Vec<_> = dots.iter().map(|dot| format!("{},{}", dot.x, dot.y)).collect();
    if points.len() < 2 { String::new() } else { points.join(" ") }
}

/// A number of days as an exact float.
fn small(days: i64) -> f64 {
    f64::from(i32::try_from(days).unwrap_or(i32::MAX))
}

fn unit(value: f64) -> String {
    format!("{value:.1}")
}
