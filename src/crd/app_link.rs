//! The card's link to this service's app, and where its text sends the clinician to answer.
//! Not here: the app itself ([`crate::smart`]).

use serde_json::json;

use super::form_completion;
use super::presentation::{AppLink, CardCase, is_named};
use crate::cds_hooks::{Link, LinkKind};
use crate::policy::{CardText, Criterion, Determination, NoteKind, OrderKind, Verdict};

/// Resource type of a completed form.
const QUESTIONNAIRE_RESPONSE: &str = "QuestionnaireResponse";

/// Where to enter answers, as a phrase: the app link, the form's task, or the form itself. Empty while the user selects orders, when
/// nothing is to be completed (CRD 2.2.1, hook-19).
pub(super) fn answer_place(case: &CardCase<'_, '_, '_>) -> String {
    if case.is_choosing() {
        String::new()
    } else if app_link(case).is_some() {
        case.say(CardText::PlaceLink, &[])
    } else if case.presentation.form.is_some() && form_completion::is_called_for(case) {
        case.say(CardText::PlaceTask, &[])
    } else {
        case.say(CardText::PlaceForm, &[])
    }
}

/// The link to the app, if answers entered there can change the decision.
pub(super) fn app_link(case: &CardCase<'_, '_, '_>) -> Option<Link> {
    let label = app_label(case).filter(|_| !case.is_choosing() && is_named(&case.order.order))?;
    let AppLink { url, assertion, coverage, questionnaire } = case.presentation.app?;
    let order = case.order.order.to_string();
    let mut context = json!({"assertion": assertion, "order": order, "questionnaire": questionnaire});
    if let (Some(members), Some(coverage)) = (context.as_object_mut(), coverage) {
        members.insert("coverage".to_owned(), json!(coverage));
    }
    let (label, app_context) = (case.say(label, &[]), Some(context.to_string()));
    Some(Link { label, url: url.to_owned(), kind: LinkKind::Smart, app_context })
}

/// The task in the app: answer missing questions, or correct the record; `None` if neither changes the decision.
fn app_label(case: &CardCase<'_, '_, '_>) -> Option<CardText> {
    let order = case.order;
    let is_unreadable = order.notes.iter().any(|note| note.kind == NoteKind::OrderUnreadable);
    if order.determination == Determination::Supported || order.kind == OrderKind::Neurotomy || is_unreadable {
        return None;
    }
    let criteria = || order.sites.iter().flat_map(|site| &site.criteria);
    let is_missing = |criterion: &Criterion<'_>| criterion.verdict.is_unknown() || !criterion.missing.is_empty();
    if order.determination == Determination::Indeterminate || criteria().any(is_missing) {
        return Some(CardText::AppLink);
    }
    let rests_on_answers =
        |criterion: &Criterion<'_>| criterion.evidence.iter().any(|evidence| evidence.resource.kind() == QUESTIONNAIRE_RESPONSE);
    let can_change = match order.determination {
        Determination::NotSupported | Determination::IndividualConsideration => true,
        Determination::NotYet => criteria().filter(|criterion| criterion.verdict == Verdict::NotMet).any(rests_on_answers),
        Determination::Supported | Determination::NeedsDocumentation | Determination::Indeterminate => false,
    };
    can_change.then_some(CardText::AppLinkCorrect)
}
