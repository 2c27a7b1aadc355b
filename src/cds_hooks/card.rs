//! From the evaluation of an order to its card: what is decided in one line, why below it, and what can be done.
//! The words are the policy's (`cards.toml`), the manner of saying them the client's ([`DialectRules`]). Not here: which orders get a
//! card ([`super::card_choice`]), suggestions ([`super::suggestions`]) and the detail's paragraphs ([`super::detail`]).

use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::card_choice::chosen;
use super::detail::detail;
use super::dialect::DialectRules;
use super::form_completion::{self, FormOffer};
use super::hook::Hook;
use super::plain_text::plain;
use super::policy_link::policy_link;
use super::request_extension::Options;
use super::response::{Card, CardExtension, Coding, Indicator, Link, LinkKind, ResourceReference, Response, Source};
use super::suggestions::offer;
use crate::policy::{
    CardText, Criterion, Determination, Evaluation, NoteKind, OrderEvaluation, OrderKind, OrderWords, Plan, Policy, Reference, Site,
    Verdict, shortened,
};

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
    /// What the user was about to do.
    pub hook: Hook,
    /// What the client wants of an answer.
    pub options: &'p Options,
    /// How the client wants it said.
    pub dialect: &'p DialectRules,
    /// The documentation form, for a client without DTR.
    pub form: Option<FormOffer<'p>>,
    /// The site's own code for an order of therapy.
    pub therapy_order_code: Option<&'p str>,
    /// Why nothing is written to the order.
    pub coverage_note: Option<&'p str>,
    /// This service's app, where the client's EHR can open it.
    pub app: Option<AppLink<'p>>,
}

/// What a link to this service's app is made of.
#[derive(Clone, Copy, Debug)]
pub struct AppLink<'p> {
    /// Where EHRs launch it.
    pub url: &'p str,
    /// The id of the assertion that the card belongs to.
    pub assertion: &'p str,
    /// `Coverage/c1`, where one is known.
    pub coverage: Option<&'p str>,
    /// The form's canonical URL.
    pub questionnaire: &'p str,
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
    pub presentation: &'e Presentation<'p, 'a>,
}

impl<'p> CardCase<'p, '_, '_> {
    /// A text of the policy's cards.
    pub(super) fn say(&self, text: CardText, arguments: &[&dyn std::fmt::Display]) -> String {
        self.policy.wording.card(text, arguments)
    }

    /// Whether orders are only being chosen: then nothing asks for documentation (CRD 2.2.1, hook-19).
    pub(super) fn is_choosing(&self) -> bool {
        self.presentation.hook == Hook::OrderSelect
    }

    /// Whether a criterion is open.
    pub(super) fn has_unknown(&self) -> bool {
        self.order.sites.iter().flat_map(|site| &site.criteria).any(|criterion| criterion.verdict.is_unknown())
    }

    /// Whether rules of Medicare or Medicaid take precedence over the policy.
    pub(crate) fn is_subordinate(&self) -> bool {
        match self.evaluation.plan {
            Plan::Medicaid | Plan::Medicare | Plan::MedicareAndMedicaid => true,
            Plan::Commercial | Plan::Unknown => false,
        }
    }

    /// Whether the order is for an injection and states no side, or two that contradict each other.
    pub(super) fn lacks_side(&self) -> bool {
        self.order.kind == OrderKind::Injection && self.order.sites.iter().any(|site| site.site == Site::Unspecified)
    }

    /// What the card says of its order as the text form does.
    pub(super) fn words(&self) -> OrderWords<'p, '_, '_> {
        OrderWords { policy: self.policy, order: self.order, is_one_of_several: self.evaluation.orders.len() > 1 }
    }
}

/// One card an in-scope order, as far as the hook and the client's options have it. `presentation_of` and `policy_of` give what each is
/// written with, and the policy version it was decided by; `new_id` names cards and suggestions.
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
    shortened(&plain(&text.unwrap_or_default()), SUMMARY_LIMIT)
}

fn source(case: &CardCase<'_, '_, '_>) -> Source {
    let topic = case.policy.wording.topics.for_order(case.order);
    let code = case.presentation.dialect.topic_code(&topic.code);
    Source {
        label: shortened(&plain(case.presentation.source_label), LABEL_LIMIT),
        topic: Coding { system: topic.system.clone(), code, display: topic.display.clone() },
    }
}

/// The order the card is about, and what the detail is to be read as.
fn extension(case: &CardCase<'_, '_, '_>) -> Option<CardExtension> {
    let order = Some(&case.order.order).filter(|order| is_named(order));
    let extension = CardExtension {
        associated_resource: order.map(|order| ResourceReference { reference: order.to_string() }).into_iter().collect(),
        detail_content_type: case.presentation.dialect.detail_content_type.clone(),
    };
    let says_something = !extension.associated_resource.is_empty() || extension.detail_content_type.is_some();
    says_something.then_some(extension)
}

/// Whether a resource has an id, without which nothing can name it.
pub(super) fn is_named(reference: &Reference<'_>) -> bool {
    !reference.id().is_empty()
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
    let link = |address| Link { label: label(), url: url(address), kind: LinkKind::Absolute, app_context: None };
    app_link(case).into_iter().chain(case.presentation.policy_url.map(link)).collect()
}

/// Where answers are entered, as a text says it: by the link to the app, by the form's task, in the form. Nothing is to be completed while
/// orders are being chosen (CRD 2.2.1, hook-19).
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

/// The link to the app, wherever something entered there can change the answer.
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

/// What is to be done in the app: answer what is missing, or correct what is on record; `None` where neither changes anything.
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

/// The type of an answered form.
const QUESTIONNAIRE_RESPONSE: &str = "QuestionnaireResponse";
