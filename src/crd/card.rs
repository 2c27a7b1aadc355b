//! Builds the card for an evaluated order: the decision in one line, the reasons, and what the clinician can do.
//! The policy supplies the wording (`cards.toml`); the client's dialect ([`super::dialect`]) decides how it is presented. Not here: which orders get
//! a card ([`super::card_choice`]), suggestions ([`super::suggestions`]) and the paragraphs of the detail ([`super::detail`]).

use uuid::Uuid;

use super::app_link::app_link;
use super::card_choice::chosen;
use super::detail::detail;
use super::plain_text::plain;
use super::policy_card::policy_cards;
use super::policy_link::policy_link;
use super::presentation::{CardCase, Presentation, is_named};
use super::suggestions::offer;
use crate::cds_hooks::{Card, CardExtension, CardSource, Coding, Indicator, ResourceReference, Response};
use crate::policy::{CardTopic, Determination, Evaluation, OrderEvaluation, Policy, shortened};

/// CDS Hooks limits a summary to fewer than 140 characters.
const MAX_SUMMARY_CHARS: usize = 139;
/// Maximum length of a label.
const MAX_LABEL_CHARS: usize = 100;

/// Code system of our override reasons. Epic maps the codes per site and accepts any system.
const OVERRIDE_SYSTEM: &str = "urn:sij-cds:override-reasons";

/// Builds one card per in-scope order, and those that link to a plan's policy, subject to the hook and the client's options. `presentation_of` and `policy_of` give each order's
/// presentation and the policy version that decided it; `new_id` generates the ids of cards and suggestions.
pub fn cards<'a, 'p, 'e>(
    evaluation: &'e Evaluation<'a>,
    presentation_of: impl Fn(&OrderEvaluation<'a>) -> &'e Presentation<'p, 'a>,
    policy_of: impl Fn(&OrderEvaluation<'a>) -> &'p Policy,
    mut new_id: impl FnMut() -> Uuid,
) -> Response<'a>
where
    'a: 'p,
    'p: 'e,
{
    let case = |order| CardCase { policy: policy_of(order), evaluation, order, presentation: presentation_of(order) };
    let cases: Vec<_> = chosen(evaluation, &presentation_of, &policy_of).into_iter().map(case).collect();
    let mut cards: Vec<_> = cases.iter().map(|case| card(case, &mut new_id)).collect();
    // Orders come first where the client limits the number of cards.
    let room =
        cases.first().and_then(|case| case.presentation.options.max_cards).map_or(usize::MAX, |most| most.saturating_sub(cards.len()));
    cards.extend(policy_cards(&cases, &mut new_id).into_iter().take(room));
    Response { cards, system_actions: Vec::new() }
}

fn card<'a>(case: &CardCase<'_, '_, 'a>, new_id: &mut impl FnMut() -> Uuid) -> Card<'a> {
    let uuid = new_id();
    let offer = offer(case, new_id);
    Card {
        uuid,
        summary: summary(case),
        detail: detail(case, &offer),
        indicator: indicator(case.order.determination),
        source: source(case),
        selection_behavior: offer.behavior(case.presentation.dialect),
        suggestions: offer.suggestions,
        override_reasons: override_reasons(case),
        links: app_link(case).into_iter().collect(),
        extension: extension(std::slice::from_ref(case)),
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

/// The determination in one line.
pub(super) fn summary(case: &CardCase<'_, '_, '_>) -> String {
    let words = case.words();
    let arguments = words.arguments();
    let text = words.texts().map(|texts| texts.summary(&arguments));
    shortened(&plain(&text.unwrap_or_default()), MAX_SUMMARY_CHARS)
}

fn source(case: &CardCase<'_, '_, '_>) -> CardSource {
    let url = case.presentation.policy_url.map(|url| policy_link(url, case.words().criterion()));
    source_with(case, case.policy.wording.topics.for_order(case.order), url)
}

/// The source of a card with this topic.
pub(super) fn source_with(case: &CardCase<'_, '_, '_>, topic: &CardTopic, url: Option<String>) -> CardSource {
    let code = case.presentation.dialect.topic_code(&topic.code);
    let label = shortened(&plain(case.presentation.source_label), MAX_LABEL_CHARS);
    CardSource { label, url, topic: Coding { system: topic.system.clone(), code, display: topic.display.clone() } }
}

/// The references to the orders, and the content type of the detail.
pub(super) fn extension(cases: &[CardCase<'_, '_, '_>]) -> Option<CardExtension> {
    let orders = cases.iter().map(|case| &case.order.order).filter(|order| is_named(order));
    let extension = CardExtension {
        associated_resource: orders.map(|order| ResourceReference { reference: order.to_string() }).collect(),
        detail_content_type: cases.first().and_then(|case| case.presentation.dialect.detail_content_type.clone()),
    };
    let says_something = !extension.associated_resource.is_empty() || extension.detail_content_type.is_some();
    says_something.then_some(extension)
}

/// The card offers override reasons whenever it asks for something other than what was ordered.
fn override_reasons(case: &CardCase<'_, '_, '_>) -> Vec<Coding> {
    if case.order.determination == Determination::Supported {
        return Vec::new();
    }
    let reasons = case.policy.wording.override_reasons.iter();
    reasons
        .map(|reason| Coding { system: OVERRIDE_SYSTEM.to_owned(), code: reason.code.clone(), display: reason.display.clone() })
        .collect()
}
