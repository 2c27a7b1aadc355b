//! The clinical policy as pure functions: facts and an instant in, an evaluation out.
//! No FHIR, no I/O, no clock, no async; those are in [`crate::evidence`] and [`crate::app`].

mod assumptions;
mod card_topics;
mod case;
mod code_format;
mod criteria;
mod criterion_id;
mod dates;
mod definition;
mod definition_file;
mod determination;
mod diagnosis;
mod evaluate;
mod evaluation;
mod evaluation_notes;
mod facts;
mod form;
mod history;
mod keyed_enum;
mod notes;
mod numbers;
mod order_facts;
mod order_words;
mod outcomes;
mod pathway;
mod pathway_file;
mod phrases;
mod policy_file;
mod possible;
mod prefill;
mod prose;
mod questionnaire_file;
mod reference;
mod response;
mod rule;
mod rule_file;
mod rule_toml;
mod rule_words;
mod template;
mod toml_words;
mod treatment_course;
mod value_set_file;
mod value_sets;
mod verdict;
mod wording;
mod words;

pub use card_topics::{CardTopic, Topics};
pub use criterion_id::{CriterionId, PathwayId};
pub use dates::DateInterval;
pub use definition::{CriterionDefinition, Parameters, Policy, ResponseDefinition, RetiredCode};
pub use evaluate::{Inquiry, evaluate, kind, passed_over};
pub use evaluation::{
    Criterion, Determination, DiagnosisSupport, Evaluation, Evidence, InjectionSource, OrderEvaluation, PolicyVersion, PossibleInjection,
    PriorInjection, SecondProcedure, Site, SiteEvaluation,
};
pub use evaluation_notes::{Assumption, Note, NoteKind, ParameterValue, PassedOver, PassedOverReason};
pub use facts::{
    Allergy, ChartedInjection, Condition, Examination, Facts, Finding, InjectionDoubt, Label, NsaidUse, PainProcedure, PainScore, Side,
    Span, Therapy,
};
pub use form::{Answers, FORM_ID, Form, FormProblem, PROVOCATION_TESTS, Question, ReportedInjection, TestAnswer, UncountedForm};
pub use order_facts::{ActiveOrder, BillingLine, Order, OrderReason, Performer, ServiceWindow, Standing, UnreadableOrder};
pub(crate) use order_words::{OrderWords, begun_day};
pub use outcomes::{OutcomeArguments, OutcomeKind, OutcomeText};
pub use pathway::{Pathway, UNDETERMINED};
pub(crate) use phrases::{CardText, Phrase, phrases};
pub use policy_file::{PolicyError, PolicyFile};
pub use prefill::{AnswerValue, ChartedAnswer, ChartedInjectionAnswers, Prefill, prefill};
pub(crate) use prose::{capitalised, each_once, shortened, with_first};
pub use questionnaire_file::FormFile;
pub use reference::{NamedResource, OrderKind, PlanKind, Reference};
pub use rule::{
    AbsentRule, AnswerRule, ContinuationRule, CountOf, CountRule, CriterionRole, CriterionRule, FindingsRule, IntervalRule, IntervalStart,
    MedicationRule, Mention, OnsetRule, OrderedAsRule, OtherTreatmentRule, PresentRule, RecurrenceRule, Remedy, ResponseOf, ResponseRule,
    TherapyRule, Wait, YesNoText,
};
pub use rule_words::OutlineLine;
pub(crate) use template::Template;
pub(crate) use treatment_course::{TreatmentCourse, courses};
pub use value_sets::{Lookup, Membership, SystemKind, ValueSet, ValueSets};
pub use verdict::Verdict;
pub use wording::{OverrideReason, SideCoding, SideCodings, TherapyOrderText, Wording};
pub use words::{Phrases, Words};
