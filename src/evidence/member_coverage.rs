//! The Coverage that applies to an order, and its payer.
//! Not here: matching the payer to the configured ones; nor the card's label ([`super::coverage`]).

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use serde_json::value::RawValue;

use super::chart::ChartReader;
use super::coverage::words;
use super::index::id_in;
use super::kind::Kind;
use super::orders::DraftOrder;
use super::resource::{Resource, view};
use super::text::{Text, id, text};
use super::views::{CoverageView, IdentifierView, PayorView};
use super::written::date;
use crate::policy::{DateInterval, PlanKind};

/// The Coverage that applies to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoverageFound<'a> {
    /// The patient has no Coverage, or none that the order references.
    None,
    /// The list is incomplete or missing, for this reason, and the part that arrived has no applicable Coverage.
    Unavailable(&'static str),
    /// Several are active, and nothing determines which one applies: all, sorted by reference; empty above `MAX_WEIGHED`.
    Several(Vec<MemberCoverage<'a>>),
    /// The applicable Coverage. It is inactive only if the patient has no active one.
    One(MemberCoverage<'a>),
}

/// A Coverage of the patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberCoverage<'a> {
    /// The reference as the client writes it in the order, else `Coverage/{id}`.
    pub reference: Cow<'a, str>,
    /// The resource's id; empty if it has none.
    pub id: Cow<'a, str>,
    /// Whether its status is active or absent, and its period includes the date of service.
    pub is_active: bool,
    /// The last day of its period.
    pub period_end: Option<NaiveDate>,
    /// The payors.
    pub payors: Vec<Payor<'a>>,
    /// The first payor reference to an Organization, such as `Organization/p`.
    pub payor_reference: Option<Cow<'a, str>>,
    /// The line of business.
    pub line: PlanKind,
}

/// A payor's identifiers and names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payor<'a> {
    /// The reference's identifier, then the Organization's.
    pub identifiers: Vec<Identifier<'a>>,
    /// The reference's display, then the Organization's name.
    pub names: Vec<Cow<'a, str>>,
}

/// An identifier with its system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier<'a> {
    /// The system, or an empty string.
    pub system: Cow<'a, str>,
    /// The value within the system.
    pub value: Cow<'a, str>,
}

/// The maximum number of active coverages to choose from, far above what any patient has.
const MAX_WEIGHED: usize = 50;

/// Read limits, far above real data: a Coverage has 1 or 2 payors, an Organization a few identifiers.
const MAX_PAYORS: usize = 10;
const MAX_IDENTIFIERS: usize = 20;

impl<'a> CoverageFound<'a> {
    /// Narrows [`Self::Several`] to the Coverage for which `counts` is true, if there is exactly one.
    #[must_use]
    pub fn narrowed(self, counts: impl Fn(&MemberCoverage<'a>) -> bool) -> Self {
        match self {
            Self::Several(mut members) => {
                let mut counting = (0..).zip(&members).filter(|(_, member)| counts(member)).map(|(place, _)| place);
                match (counting.next(), counting.next()) {
                    (Some(only), None) => Self::One(members.swap_remove(only)),
                    (_, _) => Self::Several(members),
                }
            }
            Self::None | Self::Unavailable(_) | Self::One(_) => self,
        }
    }
}

impl MemberCoverage<'_> {
    /// The payer's name, if known.
    #[must_use]
    pub fn payer_name(&self) -> Option<&str> {
        self.payors.iter().flat_map(|payor| &payor.names).next().map(Cow::as_ref)
    }
}

/// A Coverage under consideration, and the reference to report for it.
struct CoverageCandidate<'c, 'a> {
    view: &'c CoverageView<'a>,
    reference: Cow<'a, str>,
}

/// The coverages that an order references.
struct Insurances<'d, 'a> {
    by_address: HashMap<&'d str, &'d Text<'a>>,
    by_id: HashMap<&'d str, &'d Text<'a>>,
    contained: Vec<CoverageView<'a>>,
}

impl<'a> ChartReader<'_, 'a> {
    /// The Coverage that applies to an order on a day. If the order references coverages, only those count.
    pub(crate) fn coverage(&self, draft: &DraftOrder<'a>, on: NaiveDate) -> CoverageFound<'a> {
        let insurances = Insurances::from_draft(draft);
        let mut active: BTreeMap<Cow<'a, str>, &CoverageView<'a>> = BTreeMap::new();
        let mut latest: Option<CoverageCandidate<'_, 'a>> = None;
        for candidate in self.candidates(&insurances) {
            if is_active(candidate.view, on) {
                active.insert(candidate.reference, candidate.view);
            } else if latest.as_ref().is_none_or(|latest| latest.rank() < candidate.rank()) {
                latest = Some(candidate);
            }
            if active.len() > MAX_WEIGHED {
                return CoverageFound::Several(Vec::new());
            }
        }
        let mut members: Vec<_> =
            active.into_iter().map(|(reference, view)| self.member(CoverageCandidate { view, reference }, true)).collect();
        match (members.pop(), latest) {
            (Some(only), _) if members.is_empty() => CoverageFound::One(only),
            (Some(last), _) => CoverageFound::Several(members.into_iter().chain([last]).collect()),
            (None, Some(latest)) => CoverageFound::One(self.member(latest, false)),
            (None, None) => self.record.source(Kind::Coverage).problem().map_or(CoverageFound::None, CoverageFound::Unavailable),
        }
    }

    /// The patient's coverages: those the order references, or all if it references none.
    fn candidates<'c>(&'c self, insurances: &'c Insurances<'c, 'a>) -> impl Iterator<Item = CoverageCandidate<'c, 'a>> {
        let counts =
            |view: &&CoverageView<'a>| text(view.status.as_ref()) != "entered-in-error" && self.subject.is(view.beneficiary.as_ref());
        let names_one = insurances.names_one(&self.record.coverages);
        let candidate = move |view: &'c CoverageView<'a>| {
            let reference = if names_one { Some(insurances.named(view)?.0.clone()) } else { unnamed(view) };
            Some(CoverageCandidate { view, reference: reference? })
        };
        let contained = insurances.contained.iter().map(|view| CoverageCandidate { view, reference: local(view) });
        let all = self.record.coverages.iter().filter_map(candidate).chain(contained);
        all.filter(move |candidate| counts(&candidate.view))
    }

    fn member(&self, candidate: CoverageCandidate<'_, 'a>, is_active: bool) -> MemberCoverage<'a> {
        let CoverageCandidate { view, reference } = candidate;
        MemberCoverage {
            reference,
            id: id(view.id.as_ref()),
            is_active,
            period_end: last_day(view),
            payors: view.payor.iter().flatten().take(MAX_PAYORS).map(|payor| self.payor(view, payor)).collect(),
            payor_reference: view.payor.iter().flatten().find_map(organization),
            line: self.line_of_business(view),
        }
    }

    fn payor(&self, coverage: &CoverageView<'a>, payor: &PayorView<'a>) -> Payor<'a> {
        let mut told = Payor::default();
        told.identifiers.extend(payor.identifier.and_then(view::<IdentifierView<'a>>).and_then(identifier));
        told.names.extend(words(payor.display.as_ref()));
        self.with_organization(coverage, payor, |organization| {
            let identifiers = organization.identifier.and_then(view::<Vec<&'a RawValue>>).unwrap_or_default();
            let identifiers = identifiers.into_iter().take(MAX_IDENTIFIERS).filter_map(view::<IdentifierView<'a>>);
            told.identifiers.extend(identifiers.filter_map(identifier));
            told.names.extend(words(organization.name.as_ref()));
        });
        told
    }
}

impl<'d, 'a> Insurances<'d, 'a> {
    fn from_draft(draft: &'d DraftOrder<'a>) -> Self {
        let references = draft.view.insurance.iter().flatten().filter_map(|insurance| insurance.reference.as_ref());
        let by_address: HashMap<_, _> = references.clone().map(|reference| (reference.as_str(), reference)).collect();
        let by_id = references.filter_map(|reference| Some((id_in(reference.as_str(), "Coverage")?, reference))).collect();
        let contained = contained(draft, &by_address);
        Self { by_address, by_id, contained }
    }

    /// The order's reference to a coverage of the record.
    fn named(&self, view: &CoverageView<'a>) -> Option<&'d Text<'a>> {
        let by_address = view.full_url.as_ref().and_then(|address| self.by_address.get(address.as_str()));
        by_address.or_else(|| self.by_id.get(text(view.id.as_ref()))).copied()
    }

    /// Whether the order references a coverage: by type and id, as a contained resource, or by an entry's `fullUrl`.
    fn names_one(&self, coverages: &[CoverageView<'a>]) -> bool {
        !self.by_id.is_empty()
            || self.by_address.keys().any(|reference| is_no_other_types(reference))
            || (!self.by_address.is_empty() && coverages.iter().any(|view| self.named(view).is_some()))
    }
}

/// Whether a reference can name a Coverage. `by_id` has those with type `Coverage`; any other typed reference names another type.
fn is_no_other_types(reference: &str) -> bool {
    reference.starts_with('#') || reference.starts_with("urn:")
}

impl CoverageCandidate<'_, '_> {
    /// The sort key of inactive coverages; the highest, which ends latest, is reported.
    fn rank(&self) -> (Option<NaiveDate>, &str) {
        (last_day(self.view), &self.reference)
    }
}

/// The coverages contained in the order that it references as `#id`.
fn contained<'a>(draft: &DraftOrder<'a>, named: &HashMap<&str, &Text<'a>>) -> Vec<CoverageView<'a>> {
    if !named.keys().any(|reference| reference.starts_with('#')) {
        return Vec::new();
    }
    let coverages = draft
        .view
        .contained
        .iter()
        .flatten()
        .filter_map(|raw| if let Resource::Coverage(coverage) = view::<Resource<'a>>(raw)? { Some(*coverage) } else { None });
    coverages.filter(|coverage| named.contains_key(local(coverage).as_ref())).collect()
}

/// The reference to a contained coverage within its order.
fn local<'a>(view: &CoverageView<'a>) -> Cow<'a, str> {
    Cow::Owned(format!("#{}", text(view.id.as_ref())))
}

/// The reference to a coverage that the order does not reference; `None` without an id.
fn unnamed<'a>(view: &CoverageView<'a>) -> Option<Cow<'a, str>> {
    let id = view.id.as_ref().map(Text::as_str).filter(|id| !id.is_empty())?;
    Some(Cow::Owned(format!("Coverage/{id}")))
}

/// Whether the coverage is in force on a day. Only a date that certainly excludes the day counts against it.
fn is_active(view: &CoverageView<'_>, on: NaiveDate) -> bool {
    let starts = view.period.as_ref().and_then(|period| date(period.start.as_ref()));
    let has_begun = starts.is_none_or(|start| start.lo() <= on);
    let is_over = last_day(view).is_some_and(|end| end < on);
    matches!(text(view.status.as_ref()), "active" | "") && has_begun && !is_over
}

fn organization<'a>(payor: &PayorView<'a>) -> Option<Cow<'a, str>> {
    payor.reference.as_ref().filter(|reference| id_in(reference.as_str(), "Organization").is_some()).map(|reference| reference.0.clone())
}

fn last_day(view: &CoverageView<'_>) -> Option<NaiveDate> {
    view.period.as_ref().and_then(|period| date(period.end.as_ref())).map(DateInterval::hi)
}

fn identifier(view: IdentifierView<'_>) -> Option<Identifier<'_>> {
    let value = view.value.filter(|value| !value.as_str().is_empty())?;
    Some(Identifier { system: view.system.map(|system| system.0).unwrap_or_default(), value: value.0 })
}
