//! The member's coverages as one: line of business and insurer.
//! Not here: which Coverage an order is judged by; see [`super::member_coverage`].

use std::borrow::Cow;
use std::collections::HashSet;

use super::chart::{Chart, id, text};
use super::index::id_in;
use super::orders::DraftOrder;
use super::resource::view;
use super::text::Text;
use super::views::{CoverageView, OrganizationView, PayorView};
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
        let mut lines = self.coverages(drafts).into_iter().map(|coverage| self.line_of_business(coverage));
        lines.find(|line| *line != Plan::Unknown).unwrap_or_default()
    }

    /// The line of business that a coverage's type tells.
    pub(super) fn line_of_business(&self, coverage: &CoverageView<'a>) -> Plan {
        let sets = self.coded(coverage.r#type.as_ref()).sets;
        let plans = [
            (ValueSet::PlanMedicaid, Plan::Medicaid),
            (ValueSet::PlanMedicare, Plan::Medicare),
            (ValueSet::PlanCommercial, Plan::Commercial),
        ];
        plans.into_iter().find_map(|(set, plan)| sets.has(set).then_some(plan)).unwrap_or_default()
    }

    /// The insurer named by the first coverage that names one.
    pub(crate) fn insurance(&self, drafts: &[DraftOrder<'a>]) -> Insurance<'a> {
        let coverages = self.coverages(drafts);
        let payors = coverages.iter().flat_map(|coverage| coverage.payor.iter().flatten().map(move |payor| (*coverage, payor)));
        Insurance { insurer: payors.into_iter().find_map(|(coverage, payor)| self.insurer(coverage, payor)) }
    }

    /// The reference's own words come first, so that an insurer they name need not be looked up.
    fn insurer(&self, coverage: &CoverageView<'a>, payor: &PayorView<'a>) -> Option<Cow<'a, str>> {
        words(payor.display.as_ref()).or_else(|| self.with_organization(coverage, payor, |found| words(found.name.as_ref())).flatten())
    }

    /// What `read` makes of the Organization that a payor refers to: one contained in the coverage, or one of the record.
    pub(super) fn with_organization<T>(
        &self,
        coverage: &CoverageView<'a>,
        payor: &PayorView<'a>,
        read: impl FnOnce(&OrganizationView<'a>) -> T,
    ) -> Option<T> {
        let reference = text(payor.reference.as_ref());
        if let Some(local) = reference.strip_prefix('#') {
            let mut contained = coverage.contained.iter().flatten().filter_map(|raw| view::<OrganizationView<'a>>(raw));
            return contained.find(|found| text(found.id.as_ref()) == local).as_ref().map(read);
        }
        self.indices.organizations().named(reference).first().map(|found| read(found))
    }
}

/// A name, if it says anything.
pub(super) fn words<'a>(name: Option<&Text<'a>>) -> Option<Cow<'a, str>> {
    name.filter(|name| !name.as_str().trim().is_empty()).map(|name| name.0.clone())
}
