//! The injection history of a joint: charted Procedures and the form's prior injections, put in order and cut to
//! the current episode. Not here: what an injection did ([`super::response`]).

use std::collections::{HashMap, HashSet};

use super::case::OrderCase;
use super::dates::{DateInterval, plus_months};
use super::evaluation::{InjectionSource, Reference, Site};
use super::facts::{Label, PastInjection, Side};
use super::form::PriorInjection;

/// An injection of the history, with the form's answer that belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Injection<'e, 'a> {
    /// When it was done; a missing date is any day up to the cutoff.
    pub when: DateInterval,
    /// Whether the date was recorded at all.
    pub dated: bool,
    pub side: Side,
    pub source: InjectionSource,
    pub reference: Reference<'a>,
    pub label: Option<&'e Label<'a>>,
    pub answer: Option<&'e PriorInjection>,
}

impl Injection<'_, '_> {
    /// The date as written, if one was.
    pub(crate) fn date(&self) -> Option<String> {
        self.dated.then(|| self.when.to_string())
    }
}

/// A joint's injections: the current episode, and what lies before it.
#[derive(Debug, Default)]
pub(crate) struct History<'e, 'a> {
    pub episode: Vec<Injection<'e, 'a>>,
    pub earlier: Vec<Injection<'e, 'a>>,
}

impl Site {
    /// Whether something done on `side` was done at this joint: a joint that is not named takes every one.
    pub(crate) fn takes(self, side: Side) -> bool {
        match self {
            Self::Unspecified => true,
            Self::Left => side != Side::Right,
            Self::Right => side != Side::Left,
        }
    }
}

/// The history of a joint.
pub(crate) fn history<'e, 'a>(case: &OrderCase<'e, 'a>, site: Site) -> History<'e, 'a> {
    let answers = site_answers(case, site);
    let mut injections = charted(case, site);
    let charted_on: HashSet<_> = case.facts.injections.iter().filter_map(|injection| injection.performed).collect();
    let unmatched = answers.iter().filter(|answer| answer.date.is_some_and(|date| !charted_on.contains(&date)));
    let from_form: Vec<_> = unmatched.filter_map(|answer| of_form(case, answer)).collect();
    injections.extend(from_form);
    injections.retain(|injection| injection.when.lo() <= case.dates.cutoff);
    if injections.is_empty() {
        injections.extend(answers.iter().filter(|answer| answer.date.is_none()).filter_map(|answer| of_form(case, answer)));
    }
    sort(&mut injections);
    let mut history = cut_to_episode(case, injections);
    attach(&mut history.episode, &answers);
    history
}

fn site_answers<'e>(case: &OrderCase<'e, '_>, site: Site) -> Vec<&'e PriorInjection> {
    case.answers().map(|answers| answers.prior_injections.iter().filter(|answer| site.takes(answer.side)).collect()).unwrap_or_default()
}

fn charted<'e, 'a>(case: &OrderCase<'e, 'a>, site: Site) -> Vec<Injection<'e, 'a>> {
    let facts = case.facts;
    facts.injections.iter().filter(|injection| site.takes(injection.side)).map(|injection| of_chart(case, injection)).collect()
}

fn of_chart<'e, 'a>(case: &OrderCase<'e, 'a>, injection: &'e PastInjection<'a>) -> Injection<'e, 'a> {
    Injection {
        when: injection.performed.unwrap_or_else(|| DateInterval::missing(case.dates.cutoff)),
        dated: injection.performed.is_some(),
        side: injection.side,
        source: InjectionSource::Chart,
        reference: injection.reference.clone(),
        label: Some(&injection.label),
        answer: None,
    }
}

fn of_form<'e, 'a>(case: &OrderCase<'e, 'a>, answer: &'e PriorInjection) -> Option<Injection<'e, 'a>> {
    Some(Injection {
        when: answer.date.unwrap_or_else(|| DateInterval::missing(case.dates.cutoff)),
        dated: answer.date.is_some(),
        side: answer.side,
        source: InjectionSource::Form,
        reference: case.form?.reference.clone(),
        label: None,
        answer: Some(answer),
    })
}

/// Oldest first; two of one date are one where both can be of one joint, the chart's before the form's: the professional
/// and the facility record of one injection, or a Procedure that names the side and one that does not.
fn sort(injections: &mut Vec<Injection<'_, '_>>) {
    injections.sort_by(|left, right| key(left).cmp(&key(right)));
    let mut sides: Vec<Side> = Vec::new();
    let mut date = None;
    injections.retain(|injection| {
        if date != Some(injection.when) {
            date = Some(injection.when);
            sides.clear();
        }
        let repeated = sides.iter().any(|side| side.compatible(injection.side));
        if !repeated {
            sides.push(injection.side);
        }
        !repeated
    });
}

fn key<'i, 'a>(injection: &'i Injection<'_, 'a>) -> (DateInterval, bool, Side, &'i Reference<'a>) {
    (injection.when, injection.source == InjectionSource::Form, injection.side, &injection.reference)
}

/// Parts the injections where a whole gap lies between two; an episode that is itself too long ago is over.
fn cut_to_episode<'e, 'a>(case: &OrderCase<'e, 'a>, mut injections: Vec<Injection<'e, 'a>>) -> History<'e, 'a> {
    let gap = case.policy.parameters.episode_gap_months;
    let over = injections.last().is_some_and(|latest| plus_months(latest.when.hi(), gap) <= case.dates.service);
    let first = if over {
        injections.len()
    } else {
        let parted = |pair: &(&Injection<'_, '_>, &Injection<'_, '_>)| plus_months(pair.0.when.hi(), gap) <= pair.1.when.lo();
        let pairs = injections.iter().zip(injections.iter().skip(1));
        pairs.rev().position(|pair| parted(&pair)).map_or(0, |from_last| injections.len().saturating_sub(1 + from_last))
    };
    let episode = injections.split_off(first);
    History { episode, earlier: injections }
}

/// Gives each injection the form's answer of its full date; an answer without a date speaks of the only injection.
/// The answers are those of the joint; where the order names no joint, an answer on either side speaks of its date.
fn attach<'e>(injections: &mut [Injection<'e, '_>], answers: &[&'e PriorInjection]) {
    let mut by_date: HashMap<DateInterval, &'e PriorInjection> = HashMap::new();
    for answer in answers {
        if let Some(date) = answer.date.filter(|date| date.full().is_some()) {
            by_date.entry(date).or_insert(answer);
        }
    }
    let undated = answers.iter().find(|answer| answer.date.is_none() && injections.len() == 1).copied();
    for injection in injections.iter_mut().filter(|injection| injection.answer.is_none()) {
        injection.answer = by_date.get(&injection.when).copied().filter(|_| injection.dated).or(undated);
    }
}
