//! What a card is made from: an order's evaluation, and how the client wants it presented.
//! Not here: the card itself; see [`super::card`].

use chrono::NaiveDate;
use serde_json::value::RawValue;

use super::dialect::DialectRules;
use super::request_extension::Options;
use crate::cds_hooks::Hook;
use crate::policy::{CardText, Evaluation, OrderEvaluation, OrderKind, OrderWords, PlanKind, Policy, Reference, Site, begun_day};

/// What a card needs in addition to the evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Presentation<'p, 'a> {
    /// The insurer's name, else the plan's.
    pub source_label: &'p str,
    /// URL of the published policy; `{section}` is replaced by the section of the deciding criterion.
    pub policy_url: Option<&'p str>,
    /// Whether a card of its own links to the published policy.
    pub has_policy_card: bool,
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

/// The documentation form to offer.
#[derive(Clone, Copy, Debug)]
pub struct FormOffer<'p> {
    /// Its canonical URL, followed by `|` and its version.
    pub questionnaire: &'p str,
    /// The Questionnaire itself, if the client's FHIR server was queried and does not have it.
    pub resource: Option<&'p RawValue>,
    /// Reference to the payer's Organization in the client's data.
    pub requester: Option<&'p str>,
    /// The payer's name.
    pub requester_name: &'p str,
    /// `Encounter/e1`, from the call.
    pub encounter: Option<&'p str>,
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

    /// Whether Medicare or Medicaid rules take precedence over the policy. It says so itself, in its note for these members.
    pub(crate) fn is_subordinate(&self) -> bool {
        let plan = self.evaluation.plan;
        match plan {
            PlanKind::Medicaid | PlanKind::Medicare | PlanKind::MedicareAndMedicaid => !self.words().plan_notes(plan).is_empty(),
            PlanKind::Commercial | PlanKind::Unknown => false,
        }
    }

    /// Whether the order is for an injection and states no side, or contradictory sides.
    pub(super) fn lacks_side(&self) -> bool {
        self.order.kind == OrderKind::Injection && self.order.sites.iter().any(|site| site.site == Site::Unspecified)
    }

    /// The day of the call in UTC, which is not past anywhere in the US.
    pub(super) fn today(&self) -> NaiveDate {
        self.evaluation.as_of.date_naive()
    }

    /// The wording about the order, shared with the text form.
    pub(super) fn words(&self) -> OrderWords<'p, '_, '_> {
        let (is_one_of_several, today) = (self.evaluation.orders.len() > 1, begun_day(self.evaluation.as_of));
        OrderWords { policy: self.policy, order: self.order, is_one_of_several, today }
    }
}

/// Whether a resource has an id, so that it can be referenced.
pub(super) fn is_named(reference: &Reference<'_>) -> bool {
    !reference.id().is_empty()
}
