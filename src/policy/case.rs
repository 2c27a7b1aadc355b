//! One order at one joint, with everything its criteria look at: the dates that bound the evidence, the form that
//! counts, the injection history. Not here: the criteria themselves ([`super::criteria`]).

use std::fmt::Display;

use chrono::NaiveDate;

use super::dates::{DateInterval, minus_days, minus_months};
use super::definition::Policy;
use super::evaluation::{Evidence, Reference};
use super::facts::{Facts, Order, PainScore};
use super::form::{Answers, Form, Question};
use super::history::Injection;
use super::phrases::Phrase;

/// The dates that bound an order's evidence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dates {
    /// The day of evaluation.
    pub today: NaiveDate,
    /// The day of service.
    pub service: NaiveDate,
    /// The earlier of the two: nothing charted later is evidence.
    pub cutoff: NaiveDate,
    /// The first day on which therapy and medication count.
    pub lookback: NaiveDate,
}

impl Dates {
    /// The dates of an order; a partial service date counts from its first day.
    pub(crate) fn of(policy: &Policy, order: &Order<'_>, today: NaiveDate) -> Self {
        Self::on(policy, order.due.map_or(today, DateInterval::lo), today)
    }

    /// The dates of a service on a day.
    pub(crate) fn on(policy: &Policy, service: NaiveDate, today: NaiveDate) -> Self {
        Self { today, service, cutoff: today.min(service), lookback: minus_months(service, policy.parameters.evidence_lookback_months) }
    }

    /// Whether something of that date can have been charted by the cutoff.
    pub(crate) fn charted(&self, date: Option<DateInterval>) -> bool {
        date.is_none_or(|date| date.lo() <= self.cutoff)
    }
}

/// What does not depend on the joint: the order, its dates, the form that counts and the pain scores by day.
#[derive(Debug)]
pub(crate) struct OrderCase<'e, 'a> {
    pub policy: &'e Policy,
    pub facts: &'e Facts<'a>,
    pub order: &'e Order<'a>,
    pub dates: Dates,
    pub form: Option<&'e Form<'a>>,
    /// The highest score of each day, oldest first.
    pub scores: Vec<&'e PainScore<'a>>,
}

impl<'e, 'a> OrderCase<'e, 'a> {
    pub(crate) fn of(policy: &'e Policy, facts: &'e Facts<'a>, order: &'e Order<'a>, today: NaiveDate) -> Self {
        let form = current_form(policy, facts, today);
        Self { policy, facts, order, dates: Dates::of(policy, order, today), form, scores: daily_scores(facts) }
    }

    /// The same order, for a service on another day.
    pub(crate) fn moved_to(&self, service: NaiveDate) -> Self {
        let Self { policy, facts, order, form, .. } = *self;
        Self { policy, facts, order, form, dates: Dates::on(policy, service, self.dates.today), scores: self.scores.clone() }
    }

    /// The answers of the form that counts.
    pub(crate) fn answers(&self) -> Option<&'e Answers> {
        self.form.map(|form| &form.answers)
    }

    /// A phrase of the policy's wording.
    pub(crate) fn say(&self, phrase: Phrase, arguments: &[&dyn Display]) -> String {
        self.policy.wording.say(phrase, arguments)
    }

    /// An answer of the form as evidence.
    pub(crate) fn answer_evidence(&self, question: Question, answer: &dyn Display) -> Option<Evidence<'a>> {
        self.form.map(|form| Evidence {
            resource: form.reference.clone(),
            date: Some(form.authored_on.to_string()),
            what: self.say(Phrase::EvidenceAnswer, &[&self.policy.wording.ask(question), answer]),
        })
    }

    /// An answer on an injection as evidence, with the injection's date.
    pub(crate) fn injection_answer_evidence(
        &self,
        question: Question,
        injection: &Injection<'_, 'a>,
        answer: &dyn Display,
    ) -> Option<Evidence<'a>> {
        let what = self.say(Phrase::EvidenceInjectionAnswer, &[&self.policy.wording.ask(question), &injection.when, answer]);
        self.form.map(|form| Evidence { resource: form.reference.clone(), date: Some(form.authored_on.to_string()), what })
    }

    /// A yes-or-no answer of the form as evidence.
    pub(crate) fn yes_no_evidence(&self, question: Question, answer: bool) -> Option<Evidence<'a>> {
        let word = self.say(if answer { Phrase::Yes } else { Phrase::No }, &[]);
        self.answer_evidence(question, &word)
    }
}

/// One joint of an order.
#[derive(Debug)]
pub(crate) struct SiteCase<'e, 'a> {
    pub order: &'e OrderCase<'e, 'a>,
    /// The injections of the current episode, oldest first.
    pub injections: Vec<Injection<'e, 'a>>,
}

impl<'e, 'a> std::ops::Deref for SiteCase<'e, 'a> {
    type Target = OrderCase<'e, 'a>;

    fn deref(&self) -> &Self::Target {
        self.order
    }
}

/// Evidence of a resource on a date.
pub(crate) fn evidence<'a>(resource: &Reference<'a>, date: Option<String>, what: String) -> Evidence<'a> {
    Evidence { resource: resource.clone(), date, what }
}

/// The latest form authored within its validity; of two of one instant the greater id.
fn current_form<'e, 'a>(policy: &Policy, facts: &'e Facts<'a>, today: NaiveDate) -> Option<&'e Form<'a>> {
    let oldest = minus_days(today, policy.parameters.attestation_valid_days);
    facts
        .forms
        .iter()
        .filter(|form| form.authored_on >= oldest && form.authored_on <= today)
        .max_by(|left, right| (left.authored, left.reference.id()).cmp(&(right.authored, right.reference.id())))
}

/// Of several scores on one day the highest counts; of equal ones the greater id.
fn daily_scores<'e, 'a>(facts: &'e Facts<'a>) -> Vec<&'e PainScore<'a>> {
    let mut scores: Vec<_> = facts.pain_scores.iter().collect();
    scores.sort_by(|left, right| {
        left.date.cmp(&right.date).then(right.score.total_cmp(&left.score)).then_with(|| right.reference.id().cmp(left.reference.id()))
    });
    scores.dedup_by_key(|score| score.date);
    scores
}
