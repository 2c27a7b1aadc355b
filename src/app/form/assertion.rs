//! What a package is made from when it is asked for by the id of a coverage assertion: the orders that were judged, whose they are, and
//! what the chart said of the form's questions.
//! Not here: where assertions are kept ([`crate::ledger`]).

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::app::CallError;
use crate::auth::VerifiedClient;
use crate::policy::Question;

/// What the chart says in answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChartAnswer {
    /// To a boolean question.
    Boolean(bool),
    /// To a question for a date.
    Day(NaiveDate),
    /// To a choice: the code of one of its options.
    Choice(&'static str),
}

/// What the chart says in answer to the form's questions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChartAnswers {
    /// Those outside of the repeating group.
    pub answers: BTreeMap<Question, ChartAnswer>,
    /// Those of each repetition of `prior-injection`.
    pub prior_injections: Vec<BTreeMap<Question, ChartAnswer>>,
}

/// A call that was answered, as far as a package needs it.
#[derive(Debug)]
pub struct Assertion {
    /// The patient's id, without its type.
    pub patient_id: String,
    /// The orders that were judged, each as the client wrote it.
    pub orders: Vec<Box<RawValue>>,
    /// What to put into the draft before the clinician sees it.
    pub chart: ChartAnswers,
    /// The questions that the decision asked for; none where it asked for nothing.
    pub asked: BTreeSet<Question>,
}

/// Finds the call that a coverage-assertion-id names.
pub trait AssertionLookup: Sync {
    /// The assertion of this id that was made to this client; `None` where there is none.
    ///
    /// # Errors
    /// [`CallError`] where it cannot be looked up at present.
    fn find(&self, client: &VerifiedClient, id: Uuid) -> impl Future<Output = Result<Option<Assertion>, CallError>> + Send;
}
