//! What the Coverage found for an order means for its coverage information (CRD 2.2.1, hook-13, resp-44, resp-45).
//! Not here: finding the Coverage ([`crate::evidence`]).

use super::coverage_information::CoverageState;
use super::plans::{HealthPlan, Payer};
use crate::evidence::{CoverageFound, NOT_ASKED_FOR};

/// Why a call has no Coverage that can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoverageError {
    /// No Coverage was found.
    #[error("no Coverage of the patient is in the prefetch, nor could one be read from `fhirServer`")]
    Missing,
    /// Several Coverages are active.
    #[error("several Coverages of the patient are active, and the order's `insurance` does not say which one counts")]
    Several,
    /// The payer is not one that this service answers for.
    #[error("the payer of the patient's Coverage is not one that this service answers for")]
    Foreign,
    /// The Coverage names no payer.
    #[error("the patient's Coverage names no payer that could be one this service answers for")]
    NoPayer,
}

/// What to do with the Coverage found for an order.
#[derive(Clone, Copy)]
pub(super) enum CoverageOutcome {
    /// Write coverage information to the order.
    Written(CoverageState),
    /// Write nothing, and add no note.
    Nothing,
    /// The Coverage names another payer.
    Foreign,
    /// The Coverage does not identify its payer.
    Untold,
    /// The Coverage is not in force.
    NotActive,
    /// Several Coverages are active.
    Several,
}

/// For a client that may send no Coverage, or a non-standard one: it gets cards in any case.
pub(super) fn leniently(found: &CoverageFound<'_>, payer: Payer, plan: &HealthPlan) -> CoverageOutcome {
    match found {
        CoverageFound::None | CoverageFound::Unavailable(_) => CoverageOutcome::Nothing,
        CoverageFound::Several(_) => CoverageOutcome::Several,
        CoverageFound::One(_) if payer == Payer::Foreign => CoverageOutcome::Foreign,
        CoverageFound::One(_) if payer == Payer::NotTold => CoverageOutcome::Untold,
        CoverageFound::One(member) if !member.is_active => CoverageOutcome::NotActive,
        CoverageFound::One(member) if !plan.covers_line(member.line) => CoverageOutcome::Nothing,
        CoverageFound::One(_) => CoverageOutcome::Written(CoverageState::Active),
    }
}

/// Applies CRD 2.2 (hook-13, resp-44, resp-45).
pub(super) fn strictly(found: &CoverageFound<'_>, payer: Payer, plan: &HealthPlan) -> Result<CoverageOutcome, CoverageError> {
    let fault = Err;
    match (found, payer) {
        (CoverageFound::None | CoverageFound::Unavailable(NOT_ASKED_FOR), _) => fault(CoverageError::Missing),
        (CoverageFound::Several(_), _) => fault(CoverageError::Several),
        // A failed fetch is not the caller's error.
        (CoverageFound::Unavailable(_), _) => Ok(CoverageOutcome::Nothing),
        (CoverageFound::One(_), Payer::Foreign) => fault(CoverageError::Foreign),
        (CoverageFound::One(_), Payer::NotTold) => fault(CoverageError::NoPayer),
        (CoverageFound::One(member), Payer::Handled) => Ok(CoverageOutcome::Written(if !member.is_active {
            CoverageState::Inactive
        } else if plan.covers_line(member.line) {
            CoverageState::Active
        } else {
            CoverageState::NotFound
        })),
    }
}
