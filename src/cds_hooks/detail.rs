//! The detail of a card: the decisive facts first, then the criteria, then notes. Short lines and lists alone, so that
//! it reads the same as GitHub Markdown and as plain text; no tables and no HTML.

use super::card::CardCase;
use super::plain_text::{plain, shortened};
use crate::policy::{CardText, Criterion, CriterionId, Determination, DiagnosisSupport, Site, SiteEvaluation, Verdict};

/// Longer statements are cut: a card is read in seconds, the whole stands in the evaluation.
const STATEMENT_LIMIT: usize = 300;

/// The whole detail. `offered` are the labels of the suggestions, for a client that shows the text alone.
pub(super) fn detail(case: &CardCase<'_, '_, '_>, offered: &[&str]) -> String {
    let arguments = case.words().arguments();
    let texts = case.words().texts();
    let mut paragraphs: Vec<String> = texts.map(|texts| texts.lead(&arguments)).into_iter().collect();
    let several = case.order.sites.len() > 1;
    for site in &case.order.sites {
        if several {
            let name = case.words().site(site.site);
            paragraphs.push(case.say(CardText::SiteHeading, &[&name, &site_words(site)]));
        }
        paragraphs.extend(site_lists(case, site));
    }
    paragraphs.extend(texts.map(|texts| texts.next(&arguments)));
    paragraphs.extend(also_document(case));
    paragraphs.extend((!offered.is_empty()).then(|| case.say(CardText::Suggested, &[&offered.join("; ")])));
    paragraphs.extend(notes(case));
    paragraphs.push(case.say(CardText::Disclaimer, &[&case.policy.title, &case.policy.version]));
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.join("\n\n")
}

/// A move or a removal alone does not settle what is still to be documented.
fn also_document(case: &CardCase<'_, '_, '_>) -> Option<String> {
    let mut criteria = case.order.sites.iter().flat_map(|site| &site.criteria);
    let open = case.order.determination == Determination::NotYet && criteria.any(|criterion| criterion.verdict.is_unknown());
    open.then(|| case.say(CardText::AlsoDocument, &[]))
}

fn site_words(site: &SiteEvaluation<'_>) -> String {
    let determination = site.determination.as_str().replace('-', " ");
    site.earliest_date.map_or(determination.clone(), |date| format!("{determination}, from {date} on"))
}

/// What is not met, what is missing, what is met: each a list.
fn site_lists(case: &CardCase<'_, '_, '_>, site: &SiteEvaluation<'_>) -> Vec<String> {
    let with = |verdict: Verdict| site.criteria.iter().filter(move |criterion| criterion.verdict == verdict);
    let not_met = with(Verdict::NotMet).map(|criterion| format!("- {}\n  ({})", line(case, criterion), citation(case, criterion.id)));
    let missing = with(Verdict::Unknown).map(|criterion| format!("- [ ] {}", line(case, criterion)));
    let met = with(Verdict::Met).map(|criterion| format!("- {}", line(case, criterion)));
    [(CardText::NotMetHeading, not_met.collect::<Vec<_>>()), (CardText::Missing, missing.collect()), (CardText::MetHeading, met.collect())]
        .into_iter()
        .filter(|(_, lines)| !lines.is_empty())
        .map(|(heading, lines)| format!("{}:\n\n{}", case.say(heading, &[]), lines.join("\n")))
        .collect()
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
    let coding = order.coding_notes.iter().map(|note| plain(note));
    [side, diagnosis, plan].into_iter().flatten().chain(sources).chain(entries).chain(coding).collect()
}
