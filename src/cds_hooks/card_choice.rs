//! Which orders get a card: what the hook calls for, what the client wants to see (CRD 2.2.1, dev-14), and, where it wants no more than
//! so many, the most severe. Not here: what a card says ([`super::card`]).

use std::cmp::Reverse;

use super::card::Presentation;
use super::hook::Hook;
use crate::policy::{Determination, Evaluation, OrderEvaluation, Policy};

/// The orders that get a card, in their order.
pub(super) fn chosen<'e, 'a, 'p>(
    evaluation: &'e Evaluation<'a>,
    presentation: &Presentation<'_, '_>,
    policy_of: &impl Fn(&OrderEvaluation<'a>) -> &'p Policy,
) -> Vec<&'e OrderEvaluation<'a>> {
    let topic = |order: &OrderEvaluation<'a>| policy_of(order).wording.topics.of(order);
    let told = evaluation.orders.iter().filter(|order| is_told(presentation.hook, order.determination));
    let shown: Vec<_> = told.filter(|order| presentation.options.shows(&topic(order).code)).collect();
    most_severe(shown, presentation.options.max_cards)
}

/// While orders are being chosen, what is not documented yet is no news.
fn is_told(hook: Hook, determination: Determination) -> bool {
    match hook {
        Hook::OrderSign | Hook::OrderDispatch | Hook::AppointmentBook => true,
        Hook::OrderSelect => match determination {
            Determination::Supported | Determination::NotYet | Determination::IndividualConsideration | Determination::NotSupported => true,
            Determination::NeedsDocumentation | Determination::Indeterminate => false,
        },
        Hook::EncounterStart | Hook::EncounterDischarge => false,
    }
}

/// Of equally severe ones the first; what is left stays in its order.
fn most_severe<'e, 'a>(orders: Vec<&'e OrderEvaluation<'a>>, most: Option<usize>) -> Vec<&'e OrderEvaluation<'a>> {
    let mut ranked: Vec<_> = orders.into_iter().enumerate().collect();
    ranked.sort_by_key(|(_, order)| Reverse(order.determination));
    ranked.truncate(most.unwrap_or(usize::MAX));
    ranked.sort_by_key(|(place, _)| *place);
    ranked.into_iter().map(|(_, order)| order).collect()
}
