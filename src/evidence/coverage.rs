//! The member's Coverage: line of business and insurer.

use std::borrow::Cow;
use std::collections::HashSet;

use super::chart::{Chart, id, text};
use super::index::id_in;
use super::orders::DraftOrder;
use super::resource::view;
use super::text::Text;
use super::views::{CoverageView, OrganizationView, ReferenceView};
use crate::policy::{Plan, ValueSet};

/// What the coverage of an order says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Insurance<'a> {
    /// The insurer's name, from the reference's display or the payor's Organization.
    pub insurer: Option<Cow<'a, str>>,
}

impl<'a> Chart<'_, 'a> {
    /// The coverages that count, those the orders name first, then by id.
    fn coverages(&self, drafts: &[DraftOrder<'a>]) -> Vec<&CoverageView<'a>> {
        let insurances = drafts.iter().flat_map(|draft| draft.view.insurance.iter().flatten());
        let named: HashSet<_> = insurances.filter_map(|insurance| id_in(text(insurance.reference.as_ref()), "Coverage")).collect();
        let counts = |coverage: &&CoverageView<'a>| {
            matches!(text(coverage.status.as_ref()), "active" | "") && self.subject.is(coverage.beneficiary.as_ref())
        };
        let mut coverages: Vec<_> = self.record.coverages.iter().filter(counts).collect();
        coverages.sort_by_cached_key(|coverage| (!named.contains(text(coverage.id.as_ref())), id(coverage.id.as_ref())));
        coverages
    }

    /// The line of business of the first coverage that tells.
    pub(crate) fn plan(&self, drafts: &[DraftOrder<'a>]) -> Plan {
        let plan = |coverage: &&CoverageView<'a>| {
            let sets = self.coded(coverage.r#type.as_ref()).sets;
            let plans = [
                (ValueSet::PlanMedicaid, Plan::Medicaid),
                (ValueSet::PlanMedicare, Plan::Medicare),
                (ValueSet::PlanCommercial, Plan::Commercial),
            ];
            plans.into_iter().find_map(|(set, plan)| sets.has(set).then_some(plan))
        };
        self.coverages(drafts).iter().find_map(plan).unwrap_or_default()
    }

    /// The insurer named by the first coverage that names one.
    pub(crate) fn insurance(&self, drafts: &[DraftOrder<'a>]) -> Insurance<'a> {
        let coverages = self.coverages(drafts);
        let payors = coverages.iter().flat_map(|coverage| coverage.payor.iter().flatten().map(move |payor| (*coverage, payor)));
        Insurance { insurer: payors.into_iter().find_map(|(coverage, payor)| self.insurer(coverage, payor)) }
    }

    /// The reference's own words come first, so that an insurer they name need not be looked up.
    fn insurer(&self, coverage: &CoverageView<'a>, payor: &ReferenceView<'a>) -> Option<Cow<'a, str>> {
        let words = |name: Option<Text<'a>>| name.map(|name| name.0).filter(|name| !name.trim().is_empty());
        if let Some(name) = words(payor.display.clone()) {
            return Some(name);
        }
        let reference = text(payor.reference.as_ref());
        let name = if let Some(local) = reference.strip_prefix('#') {
            let mut contained = coverage.contained.iter().flatten().filter_map(|raw| view::<OrganizationView<'a>>(raw));
            contained.find(|found| text(found.id.as_ref()) == local).and_then(|found| found.name)
        } else {
            self.indices().organizations.named(reference).first().and_then(|found| found.name.clone())
        };
        words(name)
    }
}
