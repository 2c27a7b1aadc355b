//! Builds the card for an evaluated order: the decision in one line, the reasons, and what the clinician can do.
//! The policy supplies the wording (`cards.toml`); the client's [`DialectRules`] decide how it is presented. Not here: which orders get
//! a card ([`super::card_choice`]), suggestions ([`super::suggestions`]) and the paragraphs of the detail ([`super::detail`]).

use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::card_choice::chosen;
use super::detail::detail;
use super::dialect::DialectRules;
use super::form_completion::{self, FormOffer};
use super::plain_text::plain;
use super::policy_link::policy_link;
use super::request_extension::Options;
use super::suggestions::offer;
use crate::cds_hooks::Hook;
use crate::cds_hooks::{Card, CardExtension, Coding, Indicator, Link, LinkKind, ResourceReference, Response, Source};
use crate::policy::{
    CardText, Criterion, Determination, Evaluation, NoteKind, OrderEvaluation, OrderKind, OrderWords, Plan, Policy, Reference, Site,
    Verdict, shortened,
};

/// CDS Hooks limits a summary to fewer than 140 characters.
const MAX_SUMMARY_CHARS: usize = 139;
/// Maximum length of a label.
const MAX_LABEL_CHARS: usize = 100;

/// Code system of our override reasons. Epic maps the codes per site and accepts any system.
const OVERRIDE_SYSTEM: &str = "urn:sij-cds:override-reasons";

/// What a card needs in addition to the evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Presentation<'p, 'a> {
    /// The insurer's name, else the plan's.
    pub source_label: &'p str,
    /// URL of the published policy; `{section}` is replaced by the section of the deciding criterion.
    pub policy_url: Option<&'p str>,
    /// The chart lists that could not be read, grouped by reason.
    pub unavailable: &'p [(&'static str, Vec<&'static str>)],
    /// Number of chart entries that could not be read.
    pub unreadable: usize,
    /// The draft orders as the client wrote them, by position.
    pub orders: &'p [(usize, &'a RawValue)],
    /// Reference to the user, such as `Practitioner/d1`.
    pub user_id: &'p str,
    /// The hook that triggered the call.
    pub hook: Hook,
    /// Which parts of the response the client wants.
    pub options: &'p Options,
    /// How the client wants the response presented.
    pub dialect: &'p DialectRules,
    /// The documentation form, for a client without DTR.
    pub form: Option<FormOffer<'p>>,
    /// The site's own code for a therapy order.
    pub therapy_order_code: Option<&'p str>,
    /// Why the order gets no coverage information.
    pub coverage_note: Option<&'p str>,
    /// Link to this service's app, if the client's EHR can launch it.
    pub app: Option<AppLink<'p>>,
}

/// The data for a link to this service's app.
#[derive(Clone, Copy, Debug)]
pub struct AppLink<'p> {
    /// The app's launch URL.
    pub url: &'p str,
    /// The id of the assertion that belongs to the card.
    pub assertion: &'p str,
    /// `Coverage/c1`, if known.
    pub coverage: Option<&'p str>,
    /// The form's canonical URL.
    pub questionnaire: &'p str,
}

impl<'a> Presentation<'_, 'a> {
    /// The order at this position, as the client wrote it.
    pub(super) fn order(&self, position: usize) -> Option<&'a RawValue> {
        self.orders.iter().find(|(place, _)| *place == position).map(|(_, raw)| *raw)
    }
}

/// One order with everything its card and its coverage information need.
#[derive(Clone, Copy, Debug)]
pub struct CardCase<'p, 'e, 'a> {
    /// The policy version that decided the order.
    pub policy: &'p Policy,
    /// The evaluation of all orders of the call.
    pub evaluation: &'e Evaluation<'a>,
    /// The evaluation of this order.
    pub order: &'e OrderEvaluation<'a>,
    /// The rest of the card's input.
    pub presentation: &'e Presentation<'p, 'a>,
}

impl<'p> CardCase<'p, '_, '_> {
    /// A text from the policy's card wording.
    pub(super) fn say(&self, text: CardText, arguments: &[&dyn std::fmt::Display]) -> String {
        self.policy.wording.card(text, arguments)
    }

    /// Whether the user is still selecting orders; if so, the card does not ask for documentation (CRD 2.2.1, hook-19).
    pub(super) fn is_choosing(&self) -> bool {
        self.presentation.hook == Hook::OrderSelect
    }

    /// Whether a criterion is unknown.
    pub(super) fn has_unknown(&self) -> bool {
        self.order.sites.iter().flat_map(|site| &site.criteria).any(|criterion| criterion.verdict.is_unknown())
    }

    /// Whether Medicare or Medicaid rules take precedence over the policy.
    pub(crate) fn is_subordinate(&self) -> bool {
        match self.evaluation.plan {
            Plan::Medicaid | Plan::Medicare | Plan::MedicareAndMedicaid => true,
            Plan::Commercial | Plan::Unknown => false,
        }
    }

    /// Whether the order is for an injection and states no side, or contradictory sides.
    pub(super) fn lacks_side(&self) -> bool {
        self.order.kind == OrderKind::Injection && self.order.sites.iter().any(|site| site.site == Site::Unspecified)
    }

    /// The wording about the order, shared with the text form.
    pub(super) fn words(&self) -> OrderWords<'p, '_, '_> {
        OrderWords { policy: self.policy, order: self.order, is_one_of_several: self.evaluation.orders.len() > 1 }
    }
}

/// Builds one card per in-scope order, subject to the hook and the client's options. `presentation_of` and `policy_of` give each order's
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
    let orders = chosen(evaluation, &presentation_of, &policy_of);
    let card = |order| card(&CardCase { policy: policy_of(order), evaluation, order, presentation: presentation_of(order) }, &mut new_id);
    Response { cards: orders.into_iter().map(card).collect(), system_actions: Vec::new() }
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
        links: links(case),
        extension: extension(case),
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
    let words = case.words();
    let arguments = words.arguments();
    let text = words.texts_on(case.evaluation.as_of.date_naive()).map(|texts| texts.summary(&arguments));
    shortened(&plain(&text.unwrap_or_default()), MAX_SUMMARY_CHARS)
}

fn source(case: &CardCase<'_, '_, '_>) -> Source {
    let topic = case.policy.wording.topics.for_order(case.order);
    let code = case.presentation.dialect.topic_code(&topic.code);
    Source {
        label: shortened(&plain(case.presentation.source_label), MAX_LABEL_CHARS),
        topic: Coding { system: topic.system.clone(), code, display: topic.display.clone() },
    }
}

/// The reference to the order, and the content type of the detail.
fn extension(case: &CardCase<'_, '_, '_>) -> Option<CardExtension> {
    let order = Some(&case.order.order).filter(|order| is_named(order));
    let extension = CardExtension {
        associated_resource: order.map(|order| ResourceReference { reference: order.to_string() }).into_iter().collect(),
        detail_content_type: case.presentation.dialect.detail_content_type.clone(),
    };
    let says_something = !extension.associated_resource.is_empty() || extension.detail_content_type.is_some();
    says_something.then_some(extension)
}

/// Whether a resource has an id, so that it can be referenced.
pub(super) fn is_named(reference: &Reference<'_>) -> bool {
    !reference.id().is_empty()
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

fn links(case: &CardCase<'_, '_, '_>) -> Vec<Link> {
    let label = || case.say(CardText::PolicyLink, &[]);
    let url = |url| policy_link(url, case.words().criterion());
    let link = |address| Link { label: label(), url: url(address), kind: LinkKind::Absolute, app_context: None };
    app_link(case).into_iter().chain(case.presentation.policy_url.map(link)).collect()
}

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
fn app_link(case: &CardCase<'_, '_, '_>) -> Option<Link> {
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

/// Resource type of a completed form.
const QUESTIONNAIRE_RESPONSE: &str = "QuestionnaireResponse";
