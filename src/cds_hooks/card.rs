//! From the evaluation of an order to its card: what is decided in one line, why below it, and what can be done.
//! The words are the policy's (`cards.toml`). Not here: suggestions ([`super::suggestions`]) and the detail's
//! paragraphs ([`super::detail`]).

use serde_json::value::RawValue;
use uuid::Uuid;

use super::detail::detail;
use super::plain_text::{plain, shortened};
use super::policy_link::policy_link;
use super::response::{Card, Coding, Indicator, Link, LinkKind, Response, SelectionBehavior, Source};
use super::suggestions::suggestions;
use crate::policy::{CardText, Determination, Evaluation, OrderEvaluation, OrderWords, Policy};

/// CDS Hooks: a summary has fewer than 140 characters.
const SUMMARY_LIMIT: usize = 139;
/// A name longer than this is no name.
const LABEL_LIMIT: usize = 100;

/// The system of our override reasons; Epic maps the codes by site and takes any system.
const OVERRIDE_SYSTEM: &str = "urn:sij-cds:override-reasons";

/// What a card is written with, beside the evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Presentation<'p, 'a> {
    /// The insurer's name, else the plan's.
    pub source_label: &'p str,
    /// The published policy; `{section}` stands for the section of the criterion that decided.
    pub policy_url: Option<&'p str>,
    /// The lists that could not be read, by the reason.
    pub unavailable: &'p [(&'static str, Vec<&'static str>)],
    /// How many entries of the chart could not be read.
    pub unreadable: usize,
    /// The draft orders as the client wrote them, by place.
    pub orders: &'p [(usize, &'a RawValue)],
    /// `Practitioner/d1`
    pub user_id: &'p str,
}

impl<'a> Presentation<'_, 'a> {
    /// The client's own JSON of the order at a place.
    pub(super) fn order(&self, position: usize) -> Option<&'a RawValue> {
        self.orders.iter().find(|(place, _)| *place == position).map(|(_, raw)| *raw)
    }
}

/// One order with what its card, and its coverage information, is written with.
#[derive(Clone, Copy, Debug)]
pub struct CardCase<'p, 'e, 'a> {
    /// The version of the policy that decided it.
    pub policy: &'p Policy,
    /// The evaluation of all orders of the call.
    pub evaluation: &'e Evaluation<'a>,
    /// Its own.
    pub order: &'e OrderEvaluation<'a>,
    /// What else the card is written with.
    pub presentation: &'p Presentation<'p, 'a>,
}

impl CardCase<'_, '_, '_> {
    /// A text of the policy's cards.
    pub(super) fn say(&self, text: CardText, arguments: &[&dyn std::fmt::Display]) -> String {
        self.policy.wording.card(text, arguments)
    }

    /// What the card says of its order as the text form does.
    pub(super) fn words(&self) -> OrderWords<'_, '_, '_> {
        OrderWords { policy: self.policy, order: self.order, is_one_of_several: self.evaluation.orders.len() > 1 }
    }
}

/// One card an in-scope order. `policy_of` gives the policy version of each; `new_id` names cards and suggestions.
pub fn cards<'a, 'p>(
    evaluation: &Evaluation<'a>,
    presentation: &Presentation<'p, 'a>,
    policy_of: impl Fn(&OrderEvaluation<'a>) -> &'p Policy,
    mut new_id: impl FnMut() -> Uuid,
) -> Response<'a> {
    let card = |order| card(&CardCase { policy: policy_of(order), evaluation, order, presentation }, &mut new_id);
    Response { cards: evaluation.orders.iter().map(card).collect(), system_actions: Vec::new() }
}

fn card<'a>(case: &CardCase<'_, '_, 'a>, new_id: &mut impl FnMut() -> Uuid) -> Card<'a> {
    let uuid = new_id();
    let offered = suggestions(case, new_id);
    let changes = offered.iter().filter(|suggestion| suggestion.changes_order).count();
    let behavior = if changes > 1 { SelectionBehavior::AtMostOne } else { SelectionBehavior::Any };
    let labels: Vec<&str> = offered.iter().map(|offered| offered.suggestion.label.as_str()).collect();
    let detail = detail(case, &labels);
    let selection_behavior = (!offered.is_empty()).then_some(behavior);
    Card {
        uuid,
        summary: summary(case),
        detail,
        indicator: indicator(case.order.determination),
        source: source(case),
        suggestions: offered.into_iter().map(|offered| offered.suggestion).collect(),
        selection_behavior,
        override_reasons: override_reasons(case),
        links: links(case),
        extension: None,
    }
}

fn indicator(determination: Determination) -> Indicator {
    match determination {
        Determination::Supported => Indicator::Info,
        Determination::NeedsDocumentation
        | Determination::NotYet
        | Determination::IndividualConsideration
        | Determination::Indeterminate
        | Determination::NotSupported => Indicator::Warning,
    }
}

fn summary(case: &CardCase<'_, '_, '_>) -> String {
    let arguments = case.words().arguments();
    let text = case.words().texts().map(|texts| texts.summary(&arguments));
    shortened(&plain(&text.unwrap_or_default()), SUMMARY_LIMIT)
}

fn source(case: &CardCase<'_, '_, '_>) -> Source {
    let topic = &case.policy.wording.topic;
    Source {
        label: shortened(&plain(case.presentation.source_label), LABEL_LIMIT),
        topic: Coding { system: topic.system.clone(), code: topic.code.clone(), display: topic.display.clone() },
    }
}

/// Offered wherever the card asks for something other than what was ordered.
fn override_reasons(case: &CardCase<'_, '_, '_>) -> Vec<Coding> {
    if case.order.determination == Determination::Supported {
        return Vec::new();
    }
    let reasons = case.policy.wording.override_reasons.iter();
    reasons
        .map(|reason| Coding { system: OVERRIDE_SYSTEM.to_owned(), code: reason.code.clone(), display: reason.display.clone() })
        .collect()
}

fn links(case: &CardCase<'_, '_, '_>) -> Vec<Link> {
    let label = || case.say(CardText::PolicyLink, &[]);
    let url = |url| policy_link(url, case.words().criterion());
    let link = |address| Link { label: label(), url: url(address), kind: LinkKind::Absolute };
    case.presentation.policy_url.map(link).into_iter().collect()
}
