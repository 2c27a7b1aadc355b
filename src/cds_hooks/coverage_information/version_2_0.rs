//! What CRD 2.0.1 says otherwise: it has no `indeterminate` and none of our reasons' codes, and `pa-needed` is always there
//! (its crd-ci-q2, which cannot be true without).
//! Not here: how its JSON differs ([`super::extension`]).

use super::super::card::CardCase;
use super::reasons::of_authorization;
use super::repetition::{Authorization, Covered, Repetition};
use crate::policy::CardText;

/// A repetition as 2.0.1 can say it.
pub(super) fn adapted<'p>(case: &CardCase<'_, '_, '_>, mut repetition: Repetition<'p>) -> Repetition<'p> {
    for reason in &mut repetition.reasons {
        reason.code = None;
    }
    repetition.covered = covered(repetition.covered);
    if repetition.covered == Covered::No {
        repetition.authorization = Some(Authorization::NotNeeded);
    } else if let Some(authorization) = repetition.authorization {
        repetition.authorization = Some(told(authorization));
    } else {
        repetition.authorization = Some(Authorization::Conditional);
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

fn told(authorization: Authorization<'_>) -> Authorization<'_> {
    match authorization {
        Authorization::Indeterminate => Authorization::Conditional,
        Authorization::NotNeeded
        | Authorization::Needed
        | Authorization::Satisfied(_)
        | Authorization::ByPerformer
        | Authorization::Conditional => authorization,
    }
}
