//! The card that links to a plan's published policy, where the plan wants one: Da Vinci CRD 2.2.1, "External Reference Response Type". Its links
//! are all `absolute`, and it has no suggestion.
//! Not here: the cards of the orders ([`super::card`]), and the URLs ([`mod@super::policy_link`]).

use uuid::Uuid;

use super::card::{extension, source_with, summary};
use super::policy_link::policy_link;
use super::presentation::CardCase;
use crate::cds_hooks::{Card, Indicator, Link, LinkKind};
use crate::policy::{CardText, each_once};

/// Maximum number of links; more would not help the reader.
const MAX_LINKS: usize = 3;

/// Maximum number of orders whose outcome the card summarizes, so that it fits its panel.
const MAX_ORDERS: usize = 6;

/// One card for each policy that orders with a card are judged by, if their plan wants one and the client shows cards of its topic.
pub(super) fn policy_cards<'a>(cases: &[CardCase<'_, '_, 'a>], new_id: &mut impl FnMut() -> Uuid) -> Vec<Card<'a>> {
    let mut groups: Vec<Vec<CardCase<'_, '_, 'a>>> = Vec::new();
    for case in cases.iter().filter(|case| is_wanted(case)) {
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| is_of_same_policy(first, case))) {
            Some(group) => group.push(*case),
            None => groups.push(vec![*case]),
        }
    }
    groups.iter().filter_map(|group| Some(policy_card(group.first()?, group, new_id))).collect()
}

fn is_wanted(case: &CardCase<'_, '_, '_>) -> bool {
    let presentation = case.presentation;
    presentation.has_policy_card
        && presentation.policy_url.is_some()
        && presentation.options.shows(&case.policy.wording.topics.policy().code)
}

fn is_of_same_policy(one: &CardCase<'_, '_, '_>, other: &CardCase<'_, '_, '_>) -> bool {
    let plan = |case: &CardCase<'_, '_, '_>| (case.presentation.source_label.to_owned(), case.presentation.policy_url.map(str::to_owned));
    std::ptr::eq(one.policy, other.policy) && plan(one) == plan(other)
}

/// `first` is the first of the orders.
fn policy_card<'a>(first: &CardCase<'_, '_, 'a>, orders: &[CardCase<'_, '_, 'a>], new_id: &mut impl FnMut() -> Uuid) -> Card<'a> {
    let topic = first.policy.wording.topics.policy();
    Card {
        uuid: new_id(),
        summary: first.say(CardText::PolicyCard, &[]),
        detail: detail(first, orders),
        indicator: Indicator::Info,
        source: source_with(first, topic, first.presentation.policy_url.map(|url| policy_link(url, None))),
        suggestions: Vec::new(),
        selection_behavior: None,
        override_reasons: Vec::new(),
        links: links(orders),
        extension: extension(orders),
    }
}

/// What each order comes to by the policy (CRD 2.2.1, resp-20). The line names its order.
fn detail(first: &CardCase<'_, '_, '_>, orders: &[CardCase<'_, '_, '_>]) -> String {
    let disclaimer = first.say(CardText::Disclaimer, &[&first.policy.title, &first.policy.version]);
    let more = orders.len().saturating_sub(MAX_ORDERS);
    let more = (more > 0).then(|| first.say(CardText::AndMore, &[&more]));
    orders.iter().take(MAX_ORDERS).map(summary).chain(more).chain([disclaimer]).collect::<Vec<_>>().join("\n\n")
}

/// A link for each section that decided an order, or one to the whole policy.
fn links(orders: &[CardCase<'_, '_, '_>]) -> Vec<Link> {
    let link = |case: &CardCase<'_, '_, '_>| {
        let url = case.presentation.policy_url?;
        let words = case.words();
        let (section, whole) = (words.criterion(), policy_link(url, None));
        let url = policy_link(url, section);
        let label = match section.filter(|_| url != whole) {
            Some(section) => case.say(CardText::PolicySectionLink, &[section]),
            None => case.say(CardText::PolicyLink, &[]),
        };
        Some((label, url))
    };
    let links = each_once(orders.iter().filter_map(link));
    let written = |(label, url)| Link { label, url, kind: LinkKind::Absolute, app_context: None };
    links.into_iter().take(MAX_LINKS).map(written).collect()
}
