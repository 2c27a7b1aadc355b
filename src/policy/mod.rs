//! The clinical policy as pure functions: facts and an instant in, an evaluation out.
//! No FHIR, no I/O, no clock, no async; those are in [`crate::evidence`] and [`crate::app`].

mod assumptions;
mod case;
mod code_format;
mod course;
mod criteria;
mod dates;
mod definition;
mod definition_file;
mod determination;
mod diagnosis;
mod evaluate;
mod evaluation;
mod facts;
mod form;
mod history;
mod order_words;
mod phrases;
mod questionnaire_file;
mod response;
mod topics;
mod value_set_file;
mod value_sets;
mod verdict;
mod wording;

pub(crate) use course::{Course, courses};
pub use dates::DateInterval;
pub use definition::{CriterionText, Parameters, Policy, RetiredCode, Thresholds};
pub use definition_file::{PolicyError, PolicyFile};
pub use evaluate::{Inquiry, evaluate, kind};
pub use evaluation::{
    Assumption, Criterion, CriterionId, Determination, DiagnosisSupport, Evaluation, Evidence, InjectionSource, Named, OrderEvaluation,
    OrderKind, Pathway, Plan, PolicyVersion, PriorInjection, Reference, SecondProcedure, Site, SiteEvaluation,
};
pub use facts::{
    Allergy, Condition, Examination, Facts, Finding, Label, NsaidUse, Order, PainScore, PastInjection, Reason, Side, Span, Therapy,
    TherapyOrder,
};
pub use form::{Answers, FORM_ID, Form, PROVOCATION_TESTS, PriorInjection as PriorInjectionAnswer, Question, TestAnswer};
pub(crate) use order_words::OrderWords;
pub(crate) use phrases::{CardText, phrases};
pub use questionnaire_file::FormFile;
pub use topics::{CardTopic, Topics};
pub use value_sets::{Membership, ValueSet, ValueSets};
pub use verdict::Verdict;
pub(crate) use wording::Template;
pub use wording::{DeterminationText, OverrideReason, TherapyOrderText, Wording};
