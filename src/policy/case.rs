//! One order at one joint, with the input of its criteria: the dates that bound the evidence, the forms that count,
//! and the injection history. Not here: the criteria themselves ([`super::criteria`]).

use std::fmt::Display;

use chrono::NaiveDate;

use super::dates::{DateInterval, minus_days, minus_months};
use super::definition::Policy;
use super::evaluation::{Evidence, Site};
use super::facts::{Facts, PainScore, Side};
use super::form::{Answers, Form, Question, sort_newest_first};
use super::history::{History, Injection};
use super::order_facts::{Order, ServiceWindow};
use super::phrases::Phrase;
use super::reference::Reference;
use super::verdict::Verdict;

/// The dates that bound an order's evidence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dates {
    /// The day of evaluation.
    pub today: NaiveDate,
    /// The day of service.
    pub service: NaiveDate,
    /// The earlier of the two. Anything charted later is not evidence.
    pub cutoff: NaiveDate,
    /// The first day on which therapy and medication count.
    pub lookback: NaiveDate,
    /// The first day on which forms and findings count.
    pub attested: NaiveDate,
    /// The first day on which the diagnoses of a visit count as active.
    pub visited: NaiveDate,
}

impl Dates {
    /// The dates for an order with a service window.
    pub(crate) fn within(policy: &Policy, window: Option<ServiceWindow>, today: NaiveDate) -> Self {
        Self::on(policy, window.map_or(today, |window| window.nearest_to(today)), today)
    }

    /// The dates for a given day of service.
    pub(crate) fn on(policy: &Policy, service: NaiveDate, today: NaiveDate) -> Self {
        let parameters = &policy.parameters;
        Self {
            today,
            service,
            cutoff: today.min(service),
            lookback: minus_months(service, parameters.evidence_lookback_months),
            attested: minus_days(today, parameters.attestation_valid_days),
            visited: minus_days(today, parameters.encounter_diagnosis_days),
        }
    }

    /// Whether something with this date can have been charted by the cutoff. A missing date can.
    pub(crate) fn charted(&self, date: Option<DateInterval>) -> bool {
        date.is_none_or(|date| date.lo() <= self.cutoff)
    }

    /// Whether a form of this date is still valid and not dated in the future.
    pub(crate) fn counts_form(&self, authored_on: NaiveDate) -> bool {
        self.attested <= authored_on && authored_on <= self.today
    }
}

/// An answer with the form it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered<'e, 'a, T> {
    pub value: T,
    pub form: &'e Form<'a>,
}

/// The part of a case that does not depend on the joint: the order, its dates and the forms that count.
#[derive(Debug)]
pub(crate) struct OrderCase<'e, 'a> {
    pub policy: &'e Policy,
    pub facts: &'e Facts<'a>,
    pub order: &'e Order<'a>,
    pub dates: Dates,
    /// The forms that count, newest first.
    pub forms: Vec<&'e Form<'a>>,
}

impl<'e, 'a> OrderCase<'e, 'a> {
    pub(crate) fn new(policy: &'e Policy, facts: &'e Facts<'a>, order: &'e Order<'a>, today: NaiveDate) -> Self {
        let dates = Dates::within(policy, order.window, today);
        Self { policy, facts, order, dates, forms: current_forms(facts, &dates) }
    }

    /// The same order, for a service on another day.
    pub(crate) fn moved_to(&self, service: NaiveDate) -> Self {
        let Self { policy, facts, order, ref forms, .. } = *self;
        Self { policy, facts, order, forms: forms.clone(), dates: Dates::on(policy, service, self.dates.today) }
    }

    /// The newest answer to a question.
    pub(crate) fn answered<T>(&self, read: impl Fn(&'e Answers) -> Option<T>) -> Option<Answered<'e, 'a, T>> {
        self.forms.iter().find_map(|form| Some(Answered { value: read(&form.answers)?, form }))
    }

    /// The newest answer to an examination question, from forms that examined this joint.
    pub(crate) fn examined<T>(&self, site: Site, read: impl Fn(&'e Answers) -> Option<T>) -> Option<Answered<'e, 'a, T>> {
        let mut of_joint = self.forms.iter().filter(|form| self.examines(form, site));
        of_joint.find_map(|form| Some(Answered { value: read(&form.answers)?, form }))
    }

    /// Whether a form records the examination of a joint. Version 1 did not ask which; it applies to a unilateral order's joint.
    pub(crate) fn examines(&self, form: &Form<'_>, site: Site) -> bool {
        match form.answers.examined_side {
            Some(examined) => site == Site::Unspecified || site.membership(examined) == Verdict::Met,
            None => form.is_version_1 && matches!(self.order.side, Side::Left | Side::Right),
        }
    }

    /// The newest answer on whether the form lists every earlier injection, if it is yes.
    pub(crate) fn has_complete_history(&self) -> Option<Answered<'e, 'a, bool>> {
        self.answered(|answers| answers.injection_history_complete).filter(|answer| answer.value)
    }

    /// Fills in a phrase of the policy's wording.
    pub(crate) fn say(&self, phrase: Phrase, arguments: &[&dyn Display]) -> String {
        self.policy.wording.say(phrase, arguments)
    }

    /// A form's answer as evidence.
    pub(crate) fn answer_evidence(&self, form: &Form<'a>, question: Question, answer: &dyn Display) -> Evidence<'a> {
        let what = self.say(Phrase::EvidenceAnswer, &[&self.policy.wording.ask(question), answer]);
        evidence(&form.reference, Some(form.authored_on.to_string()), what)
    }

    /// An answer about an injection as evidence, with the injection's date.
    pub(crate) fn injection_answer_evidence(
        &self,
        form: &Form<'a>,
        question: Question,
        injection: &Injection<'_, 'a>,
        answer: &dyn Display,
    ) -> Evidence<'a> {
        let what = self.say(Phrase::EvidenceInjectionAnswer, &[&self.policy.wording.ask(question), &injection.when, answer]);
        evidence(&form.reference, Some(form.authored_on.to_string()), what)
    }

    /// A form's yes-or-no answer as evidence.
    pub(crate) fn yes_no_evidence(&self, question: Question, answer: Answered<'_, 'a, bool>) -> Evidence<'a> {
        let word = self.say(if answer.value { Phrase::Yes } else { Phrase::No }, &[]);
        self.answer_evidence(answer.form, question, &word)
    }
}

/// One joint of an order.
#[derive(Debug)]
pub(crate) struct SiteCase<'e, 'a> {
    pub order_case: &'e OrderCase<'e, 'a>,
    pub site: Site,
    /// The injections of the current episode, oldest first.
    pub injections: Vec<Injection<'e, 'a>>,
    /// The episodes before it.
    pub earlier: Vec<Vec<Injection<'e, 'a>>>,
    /// Possible injections of the joint that make its history uncertain.
    pub open: Vec<Injection<'e, 'a>>,
    /// Possible injections that cannot change the result.
    pub set_aside: Vec<Injection<'e, 'a>>,
    /// The days with an injection of either joint, if the policy counts them.
    pub sessions: Vec<Injection<'e, 'a>>,
    /// The highest score of each day that can apply to the joint, oldest first.
    pub scores: Vec<&'e PainScore<'a>>,
}

impl<'e, 'a> SiteCase<'e, 'a> {
    pub(crate) fn new(order_case: &'e OrderCase<'e, 'a>, site: Site, history: History<'e, 'a>) -> Self {
        let History { episode, earlier, open, set_aside, sessions } = history;
        let scores = daily_scores(order_case.facts, site);
        Self { order_case, site, injections: episode, earlier, open, set_aside, sessions, scores }
    }
}

impl<'e, 'a> std::ops::Deref for SiteCase<'e, 'a> {
    type Target = OrderCase<'e, 'a>;

    fn deref(&self) -> &Self::Target {
        self.order_case
    }
}

/// A resource as evidence, with its date.
pub(crate) fn evidence<'a>(resource: &Reference<'a>, date: Option<String>, what: String) -> Evidence<'a> {
    Evidence { resource: resource.clone(), date, what }
}

/// The forms that count, newest first.
fn current_forms<'e, 'a>(facts: &'e Facts<'a>, dates: &Dates) -> Vec<&'e Form<'a>> {
    let mut forms: Vec<_> = facts.forms.iter().filter(|form| dates.counts_form(form.authored_on)).collect();
    sort_newest_first(&mut forms, |form| form);
    forms
}

/// The highest score of each day; the greater id breaks ties.
fn daily_scores<'e, 'a>(facts: &'e Facts<'a>, site: Site) -> Vec<&'e PainScore<'a>> {
    let can_be_of = |score: &&PainScore<'_>| !site.membership(score.side).is_not_met();
    let mut scores: Vec<_> = facts.pain_scores.iter().filter(can_be_of).collect();
    scores.sort_by(|left, right| {
        left.date.cmp(&right.date).then(right.score.total_cmp(&left.score)).then_with(|| right.reference.id().cmp(left.reference.id()))
    });
    scores.dedup_by_key(|score| score.date);
    scores
}
