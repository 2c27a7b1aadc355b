//! Selects the orders that get a card: those the hook calls for and the client wants to see (CRD 2.2.1, dev-14), and, if the client
//! limits the number of cards, the most severe. Not here: what a card says ([`super::card`]).

use std::cmp::Reverse;

use super::presentation::Presentation;
use crate::cds_hooks::Hook;
use crate::policy::{Determination, Evaluation, OrderEvaluation, Policy};

/// The orders that get a card, in request order.
pub(super) fn chosen<'e, 'a, 'p>(
    evaluation: &'e Evaluation<'a>,
    presentation_of: &impl Fn(&OrderEvaluation<'a>) -> &'e Presentation<'p, 'a>,
    policy_of: &impl Fn(&OrderEvaluation<'a>) -> &'p Policy,
) -> Vec<&'e OrderEvaluation<'a>>
where
    'a: 'p,
    'p: 'e,
{
    let topic = |order: &OrderEvaluation<'a>| policy_of(order).wording.topics.for_order(order);
    let told = evaluation.orders.iter().filter(|order| is_told(presentation_of(order).hook, order.determination));
    let shown: Vec<_> = told.filter(|order| presentation_of(order).options.shows(&topic(order).code)).collect();
    let most = shown.first().and_then(|order| presentation_of(order).options.max_cards);
    most_severe(shown, most)
}

/// While the user selects orders, missing documentation is not worth a card.
fn is_told(hook: Hook, determination: Determination) -> bool {
    match hook {
        Hook::OrderSign | Hook::OrderDispatch | Hook::AppointmentBook => true,
        Hook::OrderSelect => match determination {
            Determination::Supported | Determination::NotYet | Determination::IndividualConsideration | Determination::NotSupported => true,
            Determination::NeedsDocumentation | Determination::Indeterminate => false,
        },
        Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => false,
    }
}

/// Among equally severe orders the first ones win; the result keeps the original order.
fn most_severe<'e, 'a>(orders: Vec<&'e OrderEvaluation<'a>>, most: Option<usize>) -> Vec<&'e OrderEvaluation<'a>> {
    let mut ranked: Vec<_> = orders.into_iter().enumerate().collect();
    ranked.sort_by_key(|(_, order)| Reverse(order.determination));
    ranked.truncate(most.unwrap_or(usize::MAX));
    ranked.sort_by_key(|(place, _)| *place);
    ranked.into_iter().map(|(_, order)| order).collect()
}
