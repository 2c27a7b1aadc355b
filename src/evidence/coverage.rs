//! The line of business and insurer that all the member's coverages together give.
//! Not here: which Coverage applies to an order; see [`super::member_coverage`].

use std::borrow::Cow;
use std::collections::HashSet;

use super::chart::ChartReader;
use super::concepts::{CodeUse, words as words_of};
use super::index::id_in;
use super::lenient::Lenient;
use super::lenient_views::ClassView;
use super::orders::DraftOrder;
use super::resource::view;
use super::text::{Text, id, text};
use super::views::{ConceptView, CoverageView, OrganizationView, PayorView};
use crate::policy::{Phrases, PlanKind, ValueSet, Words};

/// The member's insurer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Insurance<'a> {
    /// The insurer's name, from the payor reference's display or the payor's Organization.
    pub insurer: Option<Cow<'a, str>>,
}

impl<'a> ChartReader<'_, 'a> {
    /// The member's active insurance coverages: those the orders reference first, then by id.
    fn coverages(&self, drafts: &[DraftOrder<'a>]) -> Vec<&CoverageView<'a>> {
        let insurances = drafts.iter().flat_map(|draft| draft.view.insurance.iter().flatten());
        let named: HashSet<_> = insurances.filter_map(|insurance| id_in(text(insurance.reference.as_ref()), "Coverage")).collect();
        let counts = |coverage: &&CoverageView<'a>| {
            let is_self_pay = coverage.r#type.as_ref().is_some_and(is_self_pay);
            matches!(text(coverage.status.as_ref()), "active" | "") && self.subject.is(coverage.beneficiary.as_ref()) && !is_self_pay
        };
        let mut coverages: Vec<_> = self.record.coverages.iter().filter(counts).collect();
        coverages.sort_by_cached_key(|coverage| (!named.contains(text(coverage.id.as_ref())), id(coverage.id.as_ref())));
        coverages
    }

    /// The line of business of the member's active insurance coverages. Medicare in one and Medicaid in another give both.
    pub(crate) fn plan(&self, drafts: &[DraftOrder<'a>]) -> PlanKind {
        let lines: Vec<PlanKind> = self.coverages(drafts).into_iter().map(|coverage| self.line_of_business(coverage)).collect();
        let has = |plan| lines.contains(&plan) || lines.contains(&PlanKind::MedicareAndMedicaid);
        if has(PlanKind::Medicare) && has(PlanKind::Medicaid) {
            return PlanKind::MedicareAndMedicaid;
        }
        lines.into_iter().find(|line| *line != PlanKind::Unknown).unwrap_or_default()
    }

    /// The line of business, from the codes of a coverage's type or, failing that, from the words of its type and class.
    pub(super) fn line_of_business(&self, coverage: &CoverageView<'a>) -> PlanKind {
        let sets = self.coded(coverage.r#type.as_ref(), CodeUse::Other).sets;
        let by_code = plan_of(sets.has(ValueSet::PlanMedicare), sets.has(ValueSet::PlanMedicaid));
        let is_commercial = sets.has(ValueSet::PlanCommercial);
        by_code.or(is_commercial.then_some(PlanKind::Commercial)).or_else(|| self.line_in_words(coverage)).unwrap_or_default()
    }

    fn line_in_words(&self, coverage: &CoverageView<'a>) -> Option<PlanKind> {
        let classes: Vec<ClassView<'a>> =
            coverage.class.and_then(view::<Lenient<Vec<ClassView<'a>>>>).and_then(|list| list.0).unwrap_or_default();
        let of_class = classes.iter().flat_map(|class| [class.value.0.as_ref(), class.name.0.as_ref()]).flatten();
        let of_class = of_class.map(|text| Words::parse(text.as_str()));
        let texts: Vec<Words> = coverage.r#type.iter().flat_map(words_of).chain(of_class).collect();
        let says = |phrases: &Phrases| texts.iter().any(|words| phrases.are_in(words));
        plan_of(says(&self.policy.words.medicare), says(&self.policy.words.medicaid))
    }

    /// The insurer, from the first coverage that names one.
    pub(crate) fn insurance(&self, drafts: &[DraftOrder<'a>]) -> Insurance<'a> {
        let coverages = self.coverages(drafts);
        let payors = coverages.iter().flat_map(|coverage| coverage.payor.iter().flatten().map(move |payor| (*coverage, payor)));
        Insurance { insurer: payors.into_iter().find_map(|(coverage, payor)| self.insurer(coverage, payor)) }
    }

    /// The reference's display takes precedence, so that an insurer it names needs no search.
    fn insurer(&self, coverage: &CoverageView<'a>, payor: &PayorView<'a>) -> Option<Cow<'a, str>> {
        words(payor.display.as_ref()).or_else(|| self.with_organization(coverage, payor, |found| words(found.name.as_ref())).flatten())
    }

    /// Applies `read` to the Organization that a payor references: one contained in the coverage, or one in the record.
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

/// Whether the coverage type is self-pay, so that it is not insurance (FHIR R4, coverage-selfpay).
pub(super) fn is_self_pay(r#type: &ConceptView<'_>) -> bool {
    r#type.codings().any(|coding| coding.system().trim().trim_end_matches('/') == SELF_PAY && coding.code().trim() == "pay")
}

const SELF_PAY: &str = "http://terminology.hl7.org/CodeSystem/coverage-selfpay";

fn plan_of(is_medicare: bool, is_medicaid: bool) -> Option<PlanKind> {
    match (is_medicare, is_medicaid) {
        (true, true) => Some(PlanKind::MedicareAndMedicaid),
        (true, false) => Some(PlanKind::Medicare),
        (false, true) => Some(PlanKind::Medicaid),
        (false, false) => None,
    }
}

/// A name, unless it is blank.
pub(super) fn words<'a>(name: Option<&Text<'a>>) -> Option<Cow<'a, str>> {
    name.filter(|name| !name.as_str().trim().is_empty()).map(|name| name.0.clone())
}
