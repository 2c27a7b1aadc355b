//! The detail of a card: the decisive facts first, then the criteria, then notes. Short lines and lists alone, no tables and no HTML:
//! as GitHub Markdown, or in the same words as plain text, whose lists are seen even where line breaks are lost.

use super::card::CardCase;
use super::dialect::DetailFormat;
use super::plain_text::{plain, shortened};
use super::suggestions::Offer;
use crate::policy::{CardText, Criterion, CriterionId, Determination, DiagnosisSupport, Site, SiteEvaluation, Verdict};

/// Longer statements are cut: a card is read in seconds, the whole stands in the evaluation.
const STATEMENT_LIMIT: usize = 300;

/// The whole detail, with what is offered, for a client that shows the text alone.
pub(super) fn detail(case: &CardCase<'_, '_, '_>, offer: &Offer<'_>) -> String {
    let mut paragraphs: Vec<String> = lead(case).into_iter().collect();
    paragraphs.extend(sites(case));
    paragraphs.extend(next(case));
    paragraphs.extend(also_document(case));
    paragraphs.extend(offered(case, offer));
    paragraphs.extend(notes(case));
    paragraphs.push(case.say(CardText::Disclaimer, &[&case.policy.title, &case.policy.version]));
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.join("\n\n")
}

/// What is decided; of which order, where it could be taken for another (CRD 2.2.1, dev-24).
fn lead(case: &CardCase<'_, '_, '_>) -> Option<String> {
    let lead = case.words().texts()?.lead(&case.words().arguments());
    let order = case.words().order();
    let is_one_of_several = case.evaluation.orders.len() > 1 || case.presentation.orders.len() > 1;
    let names_it = !is_one_of_several || lead.contains(&order);
    Some(if names_it { lead } else { case.say(CardText::AboutOrder, &[&order, &lead]) })
}

/// What is to be done. While orders are being chosen nothing is asked for that a reviewer would want to see.
fn next(case: &CardCase<'_, '_, '_>) -> Option<String> {
    let asks_for_reasons = case.is_choosing() && case.order.determination == Determination::IndividualConsideration;
    let texts = case.words().texts().filter(|_| !asks_for_reasons);
    texts.map(|texts| texts.next(&case.words().arguments()))
}

/// A move or a removal alone does not settle what is still to be documented.
fn also_document(case: &CardCase<'_, '_, '_>) -> Option<String> {
    let open = case.order.determination == Determination::NotYet && case.has_unknown() && !case.is_choosing();
    open.then(|| case.say(CardText::AlsoDocument, &[]))
}

fn offered(case: &CardCase<'_, '_, '_>, offer: &Offer<'_>) -> Vec<String> {
    let labels: Vec<&str> = offer.suggestions.iter().map(|suggestion| suggestion.label.as_str()).collect();
    let paragraph = |text, labels: String| (!labels.is_empty()).then(|| case.say(text, &[&labels]));
    let paragraphs = [paragraph(CardText::Suggested, labels.join("; ")), paragraph(CardText::ByHand, offer.by_hand.join("; "))];
    paragraphs.into_iter().flatten().collect()
}

/// Each joint's lists, under its name where there are two. One that lacks documentation alone is left out while orders are chosen.
fn sites(case: &CardCase<'_, '_, '_>) -> Vec<String> {
    let several = case.order.sites.len() > 1;
    let mut paragraphs = Vec::new();
    for site in &case.order.sites {
        if case.is_choosing() && site.determination == Determination::NeedsDocumentation {
            continue;
        }
        if several {
            let name = case.words().site(site.site);
            paragraphs.push(case.say(CardText::SiteHeading, &[&name, &site_words(site)]));
        }
        paragraphs.extend(site_lists(case, site));
    }
    paragraphs
}

fn site_words(site: &SiteEvaluation<'_>) -> String {
    let determination = site.determination.as_str().replace('-', " ");
    site.earliest_date.map_or(determination.clone(), |date| format!("{determination}, from {date} on"))
}

/// What is not met, what is missing, what is met: each a list.
fn site_lists(case: &CardCase<'_, '_, '_>, site: &SiteEvaluation<'_>) -> Vec<String> {
    let marks = Marks::of(case.presentation.dialect.detail);
    let with = |verdict: Verdict| site.criteria.iter().filter(move |criterion| criterion.verdict == verdict);
    let item = |criterion: &Criterion<'_>| format!("{}{}", marks.item, line(case, criterion));
    let not_met = with(Verdict::NotMet).map(|criterion| format!("{}\n  ({})", item(criterion), citation(case, criterion.id)));
    let unknown = with(Verdict::Unknown).filter(|_| !case.is_choosing());
    let missing = unknown.map(|criterion| format!("{}{}", marks.open_item, line(case, criterion)));
    let met = with(Verdict::Met).map(item);
    [(CardText::NotMetHeading, not_met.collect::<Vec<_>>()), (CardText::Missing, missing.collect()), (CardText::MetHeading, met.collect())]
        .into_iter()
        .filter(|(_, lines)| !lines.is_empty())
        .map(|(heading, lines)| format!("{}:{}{}", case.say(heading, &[]), marks.below_heading, lines.join("\n")))
        .collect()
}

/// What a list is made of.
struct Marks {
    below_heading: &'static str,
    item: &'static str,
    open_item: &'static str,
}

impl Marks {
    fn of(format: DetailFormat) -> Self {
        match format {
            DetailFormat::Markdown => Self { below_heading: "\n\n", item: "- ", open_item: "- [ ] " },
            DetailFormat::Plain => Self { below_heading: "\n", item: "• ", open_item: "• " },
        }
    }
}

fn line(case: &CardCase<'_, '_, '_>, criterion: &Criterion<'_>) -> String {
    let title = case.words().outcome(criterion.id, criterion.verdict);
    format!("{title}: {}", shortened(&plain(&criterion.statement), STATEMENT_LIMIT))
}

fn citation<'p>(case: &CardCase<'p, '_, '_>, id: CriterionId) -> &'p str {
    case.policy.criterion(id).map_or("", |text| text.citation.as_str())
}

fn notes(case: &CardCase<'_, '_, '_>) -> Vec<String> {
    let order = case.order;
    let diagnosis = match order.diagnosis {
        DiagnosisSupport::OnOrder => None,
        DiagnosisSupport::OnProblemList => Some(case.words().diagnosis_on_problem_list(plain)),
        DiagnosisSupport::NotFound => Some(case.say(CardText::DiagnosisNotFound, &[])),
        DiagnosisSupport::Unavailable => Some(case.say(CardText::DiagnosisUnavailable, &[])),
    };
    let plan = case.policy.plan_note(case.evaluation.plan).map(str::to_owned);
    let no_side = order.sites.iter().any(|site| site.site == Site::Unspecified);
    let side = no_side.then(|| case.say(CardText::SideNotStated, &[]));
    let sources = case.presentation.unavailable.iter().map(|(reason, lists)| {
        let names: Vec<_> = lists.iter().map(|list| case.policy.wording.source(list)).collect();
        case.say(CardText::SourceUnavailable, &[&names.join(", "), reason])
    });
    let unreadable = case.presentation.unreadable;
    let entries = (unreadable > 0).then(|| case.say(CardText::UnreadableEntries, &[&unreadable]));
    let coverage = case.presentation.coverage_note.map(plain);
    let coding = order.coding_notes.iter().map(|note| plain(note));
    [side, diagnosis, plan].into_iter().flatten().chain(sources).chain(entries).chain(coverage).chain(coding).collect()
}
