//! The criteria of each pathway, one file per section of the policy. Each criterion yields an [`Assessment`].

mod assessment;
mod conservative_care;
mod first_diagnostic;
mod history_known;
mod neurotomy;
mod second_diagnostic;
mod subsequent;
mod visit;

pub(crate) use assessment::Assessment;
pub(crate) use conservative_care::{CoursePart, nsaid_courses, nsaids_not_tolerated, therapy_courses};
pub(crate) use first_diagnostic::{active_in, earliest_onset, first_diagnostic, has_examination, latest_finding};
pub(crate) use history_known::history_known;
pub(crate) use neurotomy::neurotomy;
pub(crate) use second_diagnostic::second_diagnostic;
pub(crate) use subsequent::{charted_other_treatment, continuation, diagnostic_response, subsequent, within_twelve_months};
pub(crate) use visit::{OtherProcedure, OtherSource, one_procedure_per_visit, other_procedures, performed_by_physician};

use crate::policy::form::Question;

/// The question that resolves a missing or partial injection date.
const INJECTION_DATE: Question = Question::InjectionDate;
