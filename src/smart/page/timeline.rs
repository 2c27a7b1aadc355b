//! The timeline of one order as dates and text: chart events and the time windows of the policy, from the facts and the evaluation.
//! Not here: the image ([`super::timeline_svg`]).

use chrono::NaiveDate;

use super::messages::{Messages, Text};
use crate::policy::{
    Criterion, CriterionRule, DateInterval, Facts, Form, IntervalStart, OnsetRule, OrderEvaluation, Policy, Side, Site, SiteEvaluation,
    Span, Wait, courses,
};

/// With more scores than this, the image omits all score labels.
pub(super) const MAX_LABELLED_SCORES: usize = 8;

/// A row of chart events in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// Injections of the joint.
    Injections,
    /// Courses of therapy and activity modification.
    Therapy,
    /// Courses of NSAIDs.
    Medication,
    /// Pain scores from 0 to 10.
    PainScores,
}

impl Track {
    /// Every track, from top to bottom.
    pub const ALL: [Self; 4] = [Self::Injections, Self::Therapy, Self::Medication, Self::PainScores];
}

/// Something that happened on one or more days.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The event's row.
    pub track: Track,
    /// First and last day. A partial date covers all days it could mean; `None` if there is no date.
    pub when: Option<(NaiveDate, NaiveDate)>,
    /// The date as displayed.
    pub date: String,
    /// The description.
    pub words: String,
    /// Whether the date is partial.
    pub is_partial: bool,
    /// The score, if the event is a pain score.
    pub score: Option<f64>,
}

/// A time window of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Its first day.
    pub first: NaiveDate,
    /// Its last day.
    pub last: NaiveDate,
    /// The description of the window.
    pub words: String,
}

/// The timeline of one order.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// The date of the evaluation.
    pub today: NaiveDate,
    /// The service date.
    pub service: NaiveDate,
    /// The events.
    pub events: Vec<Event>,
    /// The policy's time windows.
    pub counted: Vec<Counted>,
}

impl Timeline {
    /// Builds the timeline of an order.
    #[must_use]
    pub fn new(words: &Messages, policy: &Policy, facts: &Facts<'_>, order: &OrderEvaluation<'_>, today: NaiveDate) -> Self {
        let source = TimelineSource { words, policy, facts, order, today };
        Self { today, service: order.service_date, events: source.events(), counted: source.counted() }
    }
}

struct TimelineSource<'t, 'a> {
    words: &'t Messages,
    policy: &'t Policy,
    facts: &'t Facts<'a>,
    order: &'t OrderEvaluation<'a>,
    today: NaiveDate,
}

impl<'a> TimelineSource<'_, 'a> {
    fn events(&self) -> Vec<Event> {
        let mut events = self.injections();
        events.extend(self.therapies());
        events.extend(self.medications());
        events.extend(self.scores());
        events
    }

    /// The form whose answers count: the latest one.
    fn form(&self) -> Option<&Form<'a>> {
        let counts = |form: &&Form<'_>| form.authored_on <= self.today;
        self.facts.forms.iter().filter(counts).max_by(|left, right| left.cmp_age(right))
    }

    /// Injections in the chart, plus those that only the form has.
    fn injections(&self) -> Vec<Event> {
        let charted = self.facts.injections.iter();
        let mut events: Vec<_> =
            charted.clone().map(|injection| self.injection(injection.performed, injection.side, Text::Injection)).collect();
        let answered = self.form().into_iter().flat_map(|form| &form.answers.prior_injections);
        let unknown =
            answered.filter(|answer| answer.date.is_some() && !charted.clone().any(|injection| injection.performed == answer.date));
        events.extend(unknown.map(|answer| self.injection(answer.date, answer.side, Text::InjectionByForm)));
        events
    }

    fn injection(&self, when: Option<DateInterval>, side: Side, text: Text) -> Event {
        let side = match side {
            Side::Left => Text::SideLeft,
            Side::Right => Text::SideRight,
            Side::Both => Text::SideBoth,
            Side::Unspecified => Text::SideUnspecified,
        };
        Event {
            track: Track::Injections,
            when: when.map(|when| (when.lo(), when.hi())),
            date: when.map_or_else(|| self.words.say(Text::Undated), |when| when.to_string()),
            words: self.words.fill(text, &[&self.words.say(side)]),
            is_partial: when.is_some_and(|when| when.full().is_none()),
            score: None,
        }
    }

    fn therapies(&self) -> Vec<Event> {
        let sessions = self.facts.therapies.iter().filter_map(|therapy| {
            let (first, last) = self.days(therapy.span)?;
            let name = therapy.label.display.as_deref().unwrap_or(&therapy.label.code);
            Some((first, last, name))
        });
        self.course_events(Track::Therapy, Text::TherapyCourse, sessions.collect(), self.policy.parameters.session_gap_days)
    }

    fn medications(&self) -> Vec<Event> {
        let uses = self.facts.nsaids.iter().filter_map(|nsaid| {
            let (first, last) = self.days(nsaid.span)?;
            let name = nsaid.label.display.as_deref().unwrap_or(&nsaid.label.code);
            Some((first, last, name))
        });
        self.course_events(Track::Medication, Text::MedicationCourse, uses.collect(), self.policy.parameters.medication_gap_days)
    }

    /// The days of a span up to today; `None` unless full dates prove them.
    fn days(&self, span: Span) -> Option<(NaiveDate, NaiveDate)> {
        let (first, last) = match span {
            Span::Days(first, last) => (first, last),
            Span::Since(first) => (first, self.today),
            Span::Unproven => return None,
        };
        (first <= last).then_some((first, last))
    }

    fn course_events(&self, track: Track, text: Text, intervals: Vec<(NaiveDate, NaiveDate, &str)>, gap_days: u32) -> Vec<Event> {
        let courses = courses(intervals, gap_days).into_iter();
        let event = |course: crate::policy::TreatmentCourse<&str>| {
            let mut names = course.parts.clone();
            names.sort_unstable();
            names.dedup();
            Event {
                track,
                when: Some((course.first, course.last)),
                date: self.between(course.first, course.last),
                words: self.words.fill(text, &[&names.join(", "), &course.days(), &course.parts.len()]),
                is_partial: false,
                score: None,
            }
        };
        courses.map(event).collect()
    }

    fn between(&self, first: NaiveDate, last: NaiveDate) -> String {
        if first == last { first.to_string() } else { self.words.fill(Text::Between, &[&first, &last]) }
    }

    fn scores(&self) -> Vec<Event> {
        let event = |score: &crate::policy::PainScore<'_>| Event {
            track: Track::PainScores,
            when: Some((score.date, score.date)),
            date: score.date.to_string(),
            words: self.words.fill(Text::PainScore, &[&score.score]),
            is_partial: false,
            score: Some(score.score),
        };
        let mut scores: Vec<_> = self.facts.pain_scores.iter().map(event).collect();
        scores.sort_by_key(|score| score.when);
        scores
    }

    /// The time windows of all criteria; a window that both joints share appears once.
    fn counted(&self) -> Vec<Counted> {
        let mut counted: Vec<Counted> = Vec::new();
        for site in &self.order.sites {
            for window in site.criteria.iter().flat_map(|criterion| self.windows(site, criterion)) {
                if !counted.contains(&window) {
                    counted.push(window);
                }
            }
        }
        counted
    }

    /// The time windows of a criterion.
    fn windows(&self, site: &SiteEvaluation<'_>, criterion: &Criterion<'_>) -> Vec<Counted> {
        let rules = self.policy.criterion(&criterion.id).map(|definition| definition.rule.leaves()).unwrap_or_default();
        rules.into_iter().filter_map(|rule| self.window(site, rule)).collect()
    }

    fn window(&self, site: &SiteEvaluation<'_>, rule: &CriterionRule) -> Option<Counted> {
        let dates = || site.prior_injections.iter().filter_map(|injection| DateInterval::parse(injection.date.as_deref()?));
        let after = |from: DateInterval, wait: Wait| (from.lo(), wait.after(from).hi());
        let ((first, last), text, count) = match rule {
            CriterionRule::OnsetDuration(rule) => (after(self.onset(rule)?, Wait::Months(rule.months)), Text::PainWindow, rule.months),
            CriterionRule::Interval(rule) => {
                let from = match rule.since {
                    IntervalStart::First => dates().next()?,
                    IntervalStart::Last => dates().next_back()?,
                };
                let (text, count) = match (rule.since, rule.wait) {
                    (IntervalStart::First, Wait::Days(days)) => (Text::FirstDaysWindow, days),
                    (IntervalStart::First, Wait::Months(months)) => (Text::FirstMonthsWindow, months),
                    (IntervalStart::Last, Wait::Days(days)) => (Text::LastDaysWindow, days),
                    (IntervalStart::Last, Wait::Months(months)) => (Text::LastMonthsWindow, months),
                };
                (after(from, rule.wait), text, count)
            }
            CriterionRule::Continuation(rule) => (after(dates().next()?, Wait::Months(rule.months)), Text::ContinuationWindow, rule.months),
            CriterionRule::CountInWindow(rule) => (self.before_service(rule.months)?, Text::TherapeuticWindow, rule.months),
            CriterionRule::TherapyCourse(_) => {
                let months = self.policy.parameters.evidence_lookback_months;
                (self.before_service(months)?, Text::LookbackWindow, months)
            }
            _ => return None,
        };
        Some(Counted { first, last, words: self.words.fill(text, &[&count, &last, &self.of_joint(site.site)]) })
    }

    /// The given number of months before the service.
    fn before_service(&self, months: u32) -> Option<(NaiveDate, NaiveDate)> {
        let service = self.order.service_date;
        Some((service.checked_sub_months(chrono::Months::new(months))?, service))
    }

    /// The onset of pain: from the form, else the earliest onset among the active diagnoses that the rule names.
    fn onset(&self, rule: &OnsetRule) -> Option<DateInterval> {
        let diagnoses = self.facts.conditions.iter().filter(|condition| condition.is_active && condition.sets.has_any(&rule.diagnoses));
        self.form().and_then(|form| form.answers.adls_limited_since).or_else(|| diagnoses.filter_map(|condition| condition.onset).min())
    }

    /// The joint, if the order is for two.
    fn of_joint(&self, site: Site) -> String {
        match site {
            Site::Left if self.order.sites.len() > 1 => self.words.say(Text::OfLeft),
            Site::Right if self.order.sites.len() > 1 => self.words.say(Text::OfRight),
            Site::Left | Site::Right | Site::Unspecified => String::new(),
        }
    }
}
