//! The differences in CRD 2.0.1: it lacks `indeterminate` and all our reason codes, and it always requires `pa-needed`
//! (its crd-ci-q2, which cannot hold without it).
//! Not here: how its JSON differs ([`super::extension`]).

use super::super::presentation::CardCase;
use super::reasons::of_authorization;
use super::repetition::{Covered, RepeatedAuthorization, Repetition};
use crate::policy::CardText;

/// Adapts a repetition to what 2.0.1 can express.
pub(super) fn adapted<'p>(case: &CardCase<'_, '_, '_>, mut repetition: Repetition<'p>) -> Repetition<'p> {
    for reason in &mut repetition.reasons {
        reason.code = None;
    }
    repetition.covered = covered(repetition.covered);
    if repetition.covered == Covered::No {
        repetition.authorization = Some(RepeatedAuthorization::NotNeeded);
    } else if let Some(authorization) = repetition.authorization {
        repetition.authorization = Some(told(authorization));
    } else {
        repetition.authorization = Some(RepeatedAuthorization::Conditional);
        repetition.reasons.push(of_authorization(case, CardText::AuthorizationUnpublished));
        repetition.instructions.push(case.say(CardText::InstructAsk, &[]));
    }
    repetition
}

fn covered(covered: Covered) -> Covered {
    match covered {
        Covered::Indeterminate => Covered::Conditional,
        Covered::Yes | Covered::No | Covered::Conditional => covered,
    }
}

fn told(authorization: RepeatedAuthorization<'_>) -> RepeatedAuthorization<'_> {
    match authorization {
        RepeatedAuthorization::Indeterminate => RepeatedAuthorization::Conditional,
        RepeatedAuthorization::NotNeeded
        | RepeatedAuthorization::Needed
        | RepeatedAuthorization::Satisfied(_)
        | RepeatedAuthorization::ByPerformer
        | RepeatedAuthorization::Conditional => authorization,
    }
}
