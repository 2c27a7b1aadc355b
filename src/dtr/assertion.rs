//! Input for a package that is requested by a coverage-assertion-id: the judged orders, their patient, and the chart's answers to the
//! form's questions.
//! Not here: where assertions are stored ([`crate::ledger`]).

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::value::RawValue;

use crate::policy::Question;

/// The chart's answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChartAnswer {
    /// To a boolean question.
    Boolean(bool),
    /// To a question for a date.
    Day(NaiveDate),
    /// To a choice question: the code of one of its options.
    Choice(&'static str),
}

/// The chart's answers to the form's questions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChartAnswers {
    /// Answers outside the repeating group.
    pub answers: BTreeMap<Question, ChartAnswer>,
    /// Answers within each repetition of `prior-injection`.
    pub prior_injections: Vec<BTreeMap<Question, ChartAnswer>>,
}

/// An order that was judged.
#[derive(Debug)]
pub struct AssertedOrder {
    /// The order as the client sent it.
    pub json: Box<RawValue>,
    /// The id of the policy that judged it, if there was a choice of policies.
    pub policy: Option<String>,
}

/// The parts of an answered call that a package needs.
#[derive(Debug)]
pub struct Assertion {
    /// The patient's id, without the type prefix.
    pub patient_id: String,
    /// The judged orders.
    pub orders: Vec<AssertedOrder>,
    /// Answers to prefill in the draft response.
    pub chart: ChartAnswers,
    /// The questions that the decision asked for; empty if it asked for nothing.
    pub asked: BTreeSet<Question>,
}
