//! Classifies codes and words: value sets, kind of order, region.
//! A code takes precedence; words count only if no code decides. Not here: reading the resources that contain them.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use serde_json::value::RawValue;

use super::chart::ChartReader;
use super::code_map::LocalCodes;
use super::resource::view;
use super::text::{id, local_id, text};
use super::views::{CodingView, ConceptView, ConditionView, ReferenceView};
use crate::policy::{BillingLine, Label, Lookup, Membership, OrderKind, Phrases, Side, SystemKind, ValueSet, Words};

/// A concept, classified by the policy's value sets.
#[derive(Debug, Default)]
pub(crate) struct Coded<'a> {
    pub sets: Membership,
    pub label: Label<'a>,
    /// The side that modifiers appended to its codes name.
    pub side: Side,
    /// Whether a coding is in CPT, HCPCS, SNOMED CT or ICD-10-PCS.
    pub has_procedure_system: bool,
    /// Whether a coding is in ICD-10-CM or SNOMED CT.
    pub has_diagnosis_system: bool,
    /// Whether a coding has a code in a procedure system, or a code without a system.
    pub has_procedure_code: bool,
}

/// The kind of element that contains a coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeUse {
    /// The code of an order or a Procedure; it needs no system.
    Procedure,
    /// Any other element.
    Other,
}

/// The parts of a resource that name the region or the reason it is for.
#[derive(Clone, Copy)]
pub(crate) struct RegionParts<'r, 'a> {
    pub body_sites: &'r [ConceptView<'a>],
    pub reason_codes: &'r [ConceptView<'a>],
    pub reason_references: &'r [ReferenceView<'a>],
    pub contained: &'r [&'a RawValue],
    /// Whether the resource is a drug; for drugs, pain and inflammation count as an indication in any region.
    pub is_drug: bool,
}

/// The value sets whose codes name the joint's region.
const REGION_SETS: [ValueSet; 5] = [
    ValueSet::SacroiliacJointStructure,
    ValueSet::LowBackRegion,
    ValueSet::CoveredDiagnoses,
    ValueSet::SijPainDiagnoses,
    ValueSet::DiscOrFacetPain,
];

pub(super) const SIDE_SETS: [(ValueSet, Side); 3] =
    [(ValueSet::SideLeft, Side::Left), (ValueSet::SideRight, Side::Right), (ValueSet::SideBoth, Side::Both)];

impl<'a> ChartReader<'_, 'a> {
    /// Looks up a coding, both directly and through the client's local code map.
    pub(crate) fn lookup(&self, coding: &CodingView<'a>, code_use: CodeUse) -> Lookup {
        let sets = &self.policy.value_sets;
        let own = match code_use {
            CodeUse::Procedure => sets.find_procedure(coding.system(), coding.code()),
            CodeUse::Other => sets.find(coding.system(), coding.code()),
        };
        let Some(mapped) = self.mapped(coding) else { return own };
        let standard = mapped.coding.as_ref().map(|(system, code)| sets.find(system, code)).unwrap_or_default();
        let listed = mapped.value_set.map(Membership::from).unwrap_or_default();
        Lookup { sets: own.sets.union(standard.sets).union(listed), system: standard.system.or(own.system) }
    }

    pub(super) fn mapped(&self, coding: &CodingView<'a>) -> Option<&super::code_map::Mapped> {
        self.local_codes.and_then(|map: &LocalCodes| map.find(coding.system(), coding.code()))
    }

    /// Classifies a concept: its codings' value sets, its label, and the side its modifiers name.
    pub(crate) fn coded(&self, concept: Option<&ConceptView<'a>>, code_use: CodeUse) -> Coded<'a> {
        let mut coded = Coded::default();
        let Some(concept) = concept else { return coded };
        for coding in concept.codings() {
            let Lookup { sets, system } = self.lookup(coding, code_use);
            if coded.label.code.is_empty() || (coded.sets.is_empty() && !sets.is_empty()) {
                coded.label = label(coding, concept);
            }
            coded.sets = coded.sets.union(sets);
            let is_procedure_system = matches!(system, Some(SystemKind::Procedure | SystemKind::SnomedCt | SystemKind::Icd10Pcs));
            coded.has_procedure_system |= is_procedure_system;
            coded.has_diagnosis_system |= matches!(system, Some(SystemKind::Icd10Cm | SystemKind::SnomedCt));
            let has_system = !coding.system().trim().is_empty();
            coded.has_procedure_code |= !coding.code().trim().is_empty() && (is_procedure_system || !has_system);
            coded.side = coded.side.joined(self.side_of_coding(coding, code_use));
        }
        if coded.label == Label::default() {
            coded.label.display = concept.text.as_ref().map(|text| text.0.clone());
        }
        coded
    }

    /// Whether a body site's code is the sacroiliac joint.
    pub(crate) fn is_joint_site(&self, body_sites: &[ConceptView<'a>]) -> bool {
        let mut codings = body_sites.iter().flat_map(ConceptView::codings);
        codings.any(|coding| self.lookup(coding, CodeUse::Other).sets.has(ValueSet::SacroiliacJointStructure))
    }

    /// Whether a text of the code or of a body site contains one of the phrases.
    pub(crate) fn says(phrases: &Phrases, code: Option<&ConceptView<'a>>, body_sites: &[ConceptView<'a>]) -> bool {
        code.into_iter().chain(body_sites).flat_map(words).any(|words| phrases.are_in(&words))
    }

    /// Whether a body site's code, or the words of the code or a body site, name the sacroiliac joint.
    fn names_joint(&self, code: Option<&ConceptView<'a>>, body_sites: &[ConceptView<'a>]) -> bool {
        self.is_joint_site(body_sites) || Self::says(&self.policy.words.sacroiliac_joint, code, body_sites)
    }

    /// Whether this is an injection of the joint, by its own code, or by a joint injection code together with the joint's name.
    pub(crate) fn is_injection(&self, sets: Membership, code: Option<&ConceptView<'a>>, body_sites: &[ConceptView<'a>]) -> bool {
        sets.has(ValueSet::SijInjection) || (sets.has(ValueSet::JointInjection) && self.names_joint(code, body_sites))
    }

    /// Whether this is a radiofrequency neurotomy of the joint: by its own code, by a nerve destruction code together with
    /// the joint's name, or by an unlisted procedure code together with the joint's name and radiofrequency in words.
    pub(crate) fn is_neurotomy(&self, sets: Membership, code: Option<&ConceptView<'a>>, body_sites: &[ConceptView<'a>]) -> bool {
        sets.has(ValueSet::SijRadiofrequencyNeurotomy)
            || (sets.has(ValueSet::NerveDestruction) && self.names_joint(code, body_sites))
            || (sets.has(ValueSet::UnlistedProcedure)
                && self.names_joint(code, body_sites)
                && Self::says(&self.policy.words.radiofrequency, code, body_sites))
    }

    /// The kind of order, or `None` if the policy does not decide it. An order that is both kinds is a neurotomy.
    pub(crate) fn kind(&self, sets: Membership, code: Option<&ConceptView<'a>>, body_sites: &[ConceptView<'a>]) -> Option<OrderKind> {
        if self.is_neurotomy(sets, code, body_sites) {
            Some(OrderKind::Neurotomy)
        } else {
            self.is_injection(sets, code, body_sites).then_some(OrderKind::Injection)
        }
    }

    /// Whether a resource states that it is for another region or reason, and not also for this one.
    pub(crate) fn is_elsewhere(&self, parts: RegionParts<'_, 'a>) -> bool {
        let mut makes_statement = false;
        let sites = parts.body_sites.iter().map(|site| self.statement(site, true, parts.is_drug));
        let reasons = parts.reason_codes.iter().map(|reason| self.statement(reason, false, parts.is_drug));
        for statement in sites.chain(reasons) {
            match statement {
                Some(true) => return false,
                Some(false) => makes_statement = true,
                None => {}
            }
        }
        let mut is_here = false;
        self.each_condition(parts.reason_references, parts.contained, &mut |condition| {
            let statement = self.own_code(condition).and_then(|code| self.statement(code, false, parts.is_drug));
            is_here |= statement == Some(true);
            makes_statement |= statement == Some(false);
        });
        makes_statement && !is_here
    }

    /// Calls `read` with each referenced Condition, in the record or contained in the referring resource.
    pub(crate) fn each_condition(
        &self,
        references: &[ReferenceView<'a>],
        contained: &[&'a RawValue],
        read: &mut impl FnMut(&ConditionView<'a>),
    ) {
        let names: BTreeSet<&str> = references.iter().map(|reference| text(reference.reference.as_ref())).collect();
        let local: HashSet<&str> = names.iter().filter_map(|name| name.strip_prefix('#')).collect();
        if !local.is_empty() {
            let conditions = contained.iter().filter_map(|raw| view::<ConditionView<'a>>(raw));
            conditions.filter(|condition| local.contains(local_id(condition.id.as_ref()))).for_each(|condition| read(&condition));
        }
        for name in names.into_iter().filter(|name| !name.starts_with('#')) {
            self.indices.conditions().named(name).iter().for_each(|condition| read(condition));
        }
    }

    /// The code of a Condition, if it belongs to this patient.
    pub(crate) fn own_code<'c>(&self, condition: &'c ConditionView<'a>) -> Option<&'c ConceptView<'a>> {
        condition.code.as_ref().filter(|_| self.subject.is(condition.subject.as_ref()))
    }

    /// Whether a concept names the joint's region; `None` if it names no region.
    fn statement(&self, concept: &ConceptView<'a>, is_site: bool, is_drug: bool) -> Option<bool> {
        let mut names_code = false;
        let mut is_side_alone = true;
        for coding in concept.codings() {
            let Lookup { sets, system } = self.lookup(coding, CodeUse::Other);
            if sets.has_any(&REGION_SETS) || (is_drug && sets.has(ValueSet::DrugIndication)) {
                return Some(true);
            }
            is_side_alone &= SIDE_SETS.iter().any(|(set, _)| sets.has(*set));
            names_code |= system == Some(SystemKind::Icd10Cm) || (is_site && system == Some(SystemKind::SnomedCt));
        }
        let texts: Vec<Words> = words(concept).collect();
        if is_site && is_side_alone && texts.iter().all(|words| words.are_all_in(&self.policy.words.side_only)) {
            return None;
        }
        if texts.iter().all(Words::is_empty) {
            return names_code.then_some(false);
        }
        Some(texts.iter().any(|words| self.names_region(words, is_drug)))
    }

    fn names_region(&self, words: &Words, is_drug: bool) -> bool {
        let lists = &self.policy.words;
        lists.region.are_in(words)
            || (is_drug && (lists.drug_indication.are_in(words) || lists.drug_pain.are_in_unless_beside(words, &lists.not_pain_beside)))
    }
}

impl BillingLine {
    /// The billing line of an injection's codes. With both codes, it is the physician's (professional) line.
    pub(crate) fn from_sets(sets: Membership) -> Option<Self> {
        if sets.has(ValueSet::ProfessionalInjection) {
            Some(Self::Professional)
        } else {
            sets.has(ValueSet::FacilityInjection).then_some(Self::Facility)
        }
    }
}

/// The words of a concept, one item per text.
pub(crate) fn words<'c>(concept: &'c ConceptView<'_>) -> impl Iterator<Item = Words> + 'c {
    let displays = concept.codings().filter_map(|coding| coding.display.as_ref());
    concept.text.iter().chain(displays).map(|text| Words::parse(text.as_str()))
}

/// Whether `#id` names a contained resource. Some clients include the `#` in the resource's own id as well.
pub(crate) fn is_contained_as(reference: &str, id: &str) -> bool {
    reference.strip_prefix('#').is_some_and(|local| !id.is_empty() && local == id.strip_prefix('#').unwrap_or(id))
}

/// The label of a coding: its code, and its display or, failing that, the concept's text.
pub(crate) fn label<'a>(coding: &CodingView<'a>, concept: &ConceptView<'a>) -> Label<'a> {
    let display = coding.display.as_ref().or(concept.text.as_ref());
    let code: Cow<'a, str> = id(coding.code.as_ref());
    Label { code, display: display.map(|display| display.0.clone()) }
}
