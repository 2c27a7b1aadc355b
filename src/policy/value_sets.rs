//! The policy's FHIR value sets as one index: a single lookup finds every set that contains a coding.
//! Not here: reading the ValueSet files ([`super::value_set_file`]).

use std::collections::HashMap;

use super::code_format::CodeFormat;
use super::keyed_enum::keyed_enum;

/// The value sets that contain a code, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Membership(u64);

impl Membership {
    /// No value set.
    pub const NONE: Self = Self(0);

    /// Whether the code is in `set`.
    #[must_use]
    pub fn has(self, set: ValueSet) -> bool {
        self.0 & set.bit() != 0
    }

    /// Whether the code is in any of the sets.
    #[must_use]
    pub fn has_any(self, sets: &[ValueSet]) -> bool {
        sets.iter().any(|set| self.has(*set))
    }

    /// The union of both memberships.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the code is in no set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl From<ValueSet> for Membership {
    fn from(set: ValueSet) -> Self {
        Self(set.bit())
    }
}

keyed_enum! {
    /// A value set that the evaluation needs, identified by its id.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[repr(u8)]
    pub enum ValueSet, id, from_id {
        SijInjection = "sij-injection",
        SijRadiofrequencyNeurotomy = "sij-radiofrequency-neurotomy",
        JointInjection = "joint-injection",
        NerveDestruction = "nerve-destruction",
        SacroiliacJointStructure = "sacroiliac-joint-structure",
        LowBackRegion = "low-back-region",
        CoveredDiagnoses = "covered-diagnoses",
        SijPainDiagnoses = "sij-pain-diagnoses",
        SijSpecificDiagnoses = "sij-specific-diagnoses",
        DiscOrFacetPain = "disc-or-facet-pain",
        AlternativeDiagnoses = "alternative-diagnoses",
        SijFusion = "sij-fusion",
        Nsaid = "nsaid",
        NsaidAllergy = "nsaid-allergy",
        NsaidContraindication = "nsaid-contraindication",
        NsaidCaution = "nsaid-caution",
        ConservativeTherapy = "conservative-therapy",
        TherapySession = "therapy-session",
        ActivityModification = "activity-modification",
        PainSeverityScore = "pain-severity-score",
        SijTenderness = "sij-tenderness",
        TestDistraction = "test-distraction",
        TestCompression = "test-compression",
        TestThighThrust = "test-thigh-thrust",
        TestGaenslen = "test-gaenslen",
        TestSacralThrust = "test-sacral-thrust",
        InvasivePainProcedure = "invasive-pain-procedure",
        SijNerveBlock = "sij-nerve-block",
        SideLeft = "side-left",
        SideRight = "side-right",
        SideBoth = "side-both",
        NonPhysicianPerformer = "non-physician-performer",
        PhysicianPerformer = "physician-performer",
        PlanMedicare = "plan-medicare",
        PlanMedicaid = "plan-medicaid",
        PlanCommercial = "plan-commercial",
        ProfessionalInjection = "professional-injection",
        FacilityInjection = "facility-injection",
        UnlistedProcedure = "unlisted-procedure",
        DrugIndication = "drug-indication",
    }
}

impl ValueSet {
    /// The sets that `policy.toml` lists under `[code_lists]`; the others are FHIR `ValueSet`s in their own files.
    pub const LISTED: [Self; 4] = [Self::ProfessionalInjection, Self::FacilityInjection, Self::UnlistedProcedure, Self::DrugIndication];

    fn bit(self) -> u64 {
        1 << (self as u8)
    }
}

/// The kind of a code system, as far as it affects how codes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemKind {
    /// CPT and HCPCS: one namespace, whose codes take modifiers.
    Procedure,
    /// SNOMED CT.
    SnomedCt,
    /// ICD-10-CM. Comparison ignores the dots in its codes.
    Icd10Cm,
    /// ICD-10-PCS.
    Icd10Pcs,
    /// Any other system that the policy names.
    Other,
}

/// The result of looking up a coding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookup {
    /// The value sets that contain its code.
    pub sets: Membership,
    /// The kind of its system; `None` if the policy does not name the system.
    pub system: Option<SystemKind>,
}

/// Every code of the policy's value sets, by system.
#[derive(Debug, Default)]
pub struct ValueSets {
    /// By URL without its scheme: `http` and `https` are equivalent.
    by_url: HashMap<String, usize>,
    /// By OID without `urn:oid:`, or by any other name.
    by_name: HashMap<String, usize>,
    systems: Vec<System>,
    tables: Vec<CodeTable>,
}

#[derive(Clone, Copy, Debug)]
struct System {
    kind: SystemKind,
    /// The format of its codes.
    format: CodeFormat,
    /// The index of its code table; CPT and HCPCS share one.
    table: usize,
}

#[derive(Debug, Default)]
struct CodeTable {
    exact: HashMap<String, Membership>,
    /// Code prefixes, without the trailing `*`.
    prefixes: HashMap<String, Membership>,
    prefix_lengths: Vec<usize>,
}

impl ValueSets {
    /// Registers `uri` and its aliases as one system with a code format.
    pub(crate) fn add_system(&mut self, uri: &str, aliases: &[String], kind: SystemKind, format: CodeFormat) {
        let shared = self.systems.iter().find(|system| kind == SystemKind::Procedure && system.kind == kind).map(|system| system.table);
        let table = shared.unwrap_or_else(|| {
            self.tables.push(CodeTable::default());
            self.tables.len() - 1
        });
        let place = self.systems.len();
        self.systems.push(System { kind, format, table });
        for name in aliases.iter().map(String::as_str).chain([uri]) {
            match SystemName::parse(name) {
                SystemName::Url(rest) => self.by_url.insert(rest.to_owned(), place),
                SystemName::Name(name) => self.by_name.insert(name.to_owned(), place),
            };
        }
    }

    /// Adds a code to a set; `false` if the system is not one of the policy's.
    pub(crate) fn add_code(&mut self, set: ValueSet, system: &str, code: &str) -> bool {
        let Some(System { kind, table, .. }) = self.system(system) else { return false };
        let Some(codes) = self.tables.get_mut(table) else { return false };
        let (table, code) = match code.strip_suffix('*') {
            Some(prefix) => {
                let length = with_normal(prefix, kind, str::len);
                if !codes.prefix_lengths.contains(&length) {
                    codes.prefix_lengths.push(length);
                }
                (&mut codes.prefixes, prefix)
            }
            None => (&mut codes.exact, code),
        };
        let entry = table.entry(with_normal(code, kind, str::to_owned)).or_default();
        *entry = entry.union(set.into());
        true
    }

    /// The number of distinct codes in the sets.
    #[must_use]
    pub fn code_count(&self) -> usize {
        self.tables.iter().map(|table| table.exact.len() + table.prefixes.len()).sum()
    }

    /// Looks up a coding. A coding without a system is in no set.
    #[must_use]
    pub fn find(&self, system: &str, code: &str) -> Lookup {
        let Some(System { kind, table, .. }) = self.system(system) else { return Lookup::default() };
        let sets = self.tables.get(table).map_or(Membership::NONE, |table| table.find(kind, code));
        Lookup { sets, system: Some(kind) }
    }

    /// Looks up a coding of an order or a Procedure. A coding without a system is looked up in CPT and HCPCS.
    #[must_use]
    pub fn find_procedure(&self, system: &str, code: &str) -> Lookup {
        if !system.trim().is_empty() {
            return self.find(system, code);
        }
        let table =
            self.systems.iter().find(|system| system.kind == SystemKind::Procedure).and_then(|system| self.tables.get(system.table));
        Lookup { sets: table.map_or(Membership::NONE, |table| table.find(SystemKind::Procedure, code)), system: None }
    }

    /// The kind of a system, by any of its names.
    #[must_use]
    pub fn system_kind(&self, name: &str) -> Option<SystemKind> {
        self.system(name).map(|system| system.kind)
    }

    /// Whether a code has its system's format; `None` if the system is not one of the policy's.
    #[must_use]
    pub fn has_form_of(&self, system: &str, code: &str) -> Option<bool> {
        // A code prefix is not itself a code.
        self.system(system).map(|system| (system.format)(code) && !code.ends_with('*'))
    }

    fn place(&self, name: &str) -> Option<usize> {
        match SystemName::parse(name) {
            SystemName::Url(rest) => self.by_url.get(rest).copied(),
            SystemName::Name(name) => self.by_name.get(name).copied(),
        }
    }

    fn system(&self, name: &str) -> Option<System> {
        self.place(name).and_then(|place| self.systems.get(place)).copied()
    }

    /// Whether two names refer to the same system of the policy.
    pub(crate) fn is_same_system(&self, name: &str, other: &str) -> bool {
        let place = self.place(name);
        place.is_some() && place == self.place(other)
    }

    /// The modifiers after a CPT or HCPCS code, or after a code without a system.
    pub(crate) fn modifiers<'c>(&self, system: &str, code: &'c str) -> impl Iterator<Item = &'c str> {
        // Few codes have modifiers; avoid a second system lookup for the others.
        let code = code.trim();
        let takes = code.contains(MODIFIER_MARKS) && (system.trim().is_empty() || self.system_kind(system) == Some(SystemKind::Procedure));
        code.split(MODIFIER_MARKS).skip(1).filter(move |modifier| takes && !modifier.is_empty())
    }
}

impl CodeTable {
    fn find(&self, kind: SystemKind, code: &str) -> Membership {
        let code = code.trim();
        let code = if kind == SystemKind::Procedure { code.split(MODIFIER_MARKS).next().unwrap_or(code) } else { code };
        with_normal(code, kind, |code| {
            let exact = self.exact.get(code).copied().unwrap_or_default();
            let prefixes = self.prefix_lengths.iter().filter_map(|&length| self.prefixes.get(code.get(..length)?));
            prefixes.fold(exact, |found, prefix| found.union(*prefix))
        })
    }
}

/// The characters that separate a modifier from its CPT or HCPCS code and from the next modifier.
const MODIFIER_MARKS: [char; 3] = [':', '-', ' '];

/// The name of a code system, normalised for the spellings that clients use.
enum SystemName<'n> {
    Url(&'n str),
    Name(&'n str),
}

impl<'n> SystemName<'n> {
    fn parse(name: &'n str) -> Self {
        let name = name.trim();
        let name = name.strip_suffix('/').unwrap_or(name);
        match name.strip_prefix("http://").or_else(|| name.strip_prefix("https://")) {
            Some(rest) => Self::Url(rest),
            None => Self::Name(name.strip_prefix("urn:oid:").unwrap_or(name)),
        }
    }
}

/// The maximum length of a code that is normalised without allocation.
const MAX_SHORT_CODE: usize = 24;

/// Normalises a code: upper case, and for ICD-10-CM without dots.
fn with_normal<R>(code: &str, kind: SystemKind, read: impl FnOnce(&str) -> R) -> R {
    let drops_dots = kind == SystemKind::Icd10Cm;
    let is_normal = code.bytes().all(|byte| !(byte.is_ascii_lowercase() || drops_dots && byte == b'.'));
    if is_normal {
        return read(code);
    }
    let normal = code.bytes().filter(|byte| !(drops_dots && *byte == b'.')).map(|byte| byte.to_ascii_uppercase());
    let mut short = [0; MAX_SHORT_CODE];
    if code.len() <= MAX_SHORT_CODE {
        let mut length = 0;
        for (place, byte) in short.iter_mut().zip(normal) {
            *place = byte;
            length += 1;
        }
        // Only ASCII bytes were changed or removed, so it is still valid UTF-8.
        return read(short.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default());
    }
    read(&String::from_utf8(normal.collect()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets() -> ValueSets {
        let mut sets = ValueSets::default();
        sets.add_system("http://example.org/cpt", &["urn:oid:1.2".to_owned()], SystemKind::Procedure, |_| true);
        sets.add_system("http://example.org/hcpcs", &[], SystemKind::Procedure, |_| true);
        sets.add_system("http://example.org/icd", &["http://example.org/icd-10".to_owned()], SystemKind::Icd10Cm, |_| true);
        assert!(sets.add_code(ValueSet::SijInjection, "http://example.org/cpt", "27096"));
        assert!(sets.add_code(ValueSet::InvasivePainProcedure, "http://example.org/cpt", "27096"));
        assert!(sets.add_code(ValueSet::SijInjection, "http://example.org/hcpcs", "G0260"));
        assert!(sets.add_code(ValueSet::AlternativeDiagnoses, "http://example.org/icd", "S32.10*"));
        assert!(sets.add_code(ValueSet::CoveredDiagnoses, "http://example.org/icd", "M46.1"));
        sets
    }

    #[test]
    fn a_code_answers_with_every_set_it_is_in() {
        let found = sets().find("http://example.org/cpt", "27096").sets;
        assert!(found.has(ValueSet::SijInjection) && found.has(ValueSet::InvasivePainProcedure));
        assert!(!found.has(ValueSet::Nsaid));
    }

    #[test]
    fn a_system_is_known_by_every_way_of_writing_its_names() {
        let names = [
            "http://example.org/cpt",
            "https://example.org/cpt",
            " http://example.org/cpt/ ",
            "urn:oid:1.2",
            "1.2",
            "http://example.org/hcpcs",
        ];
        for system in names {
            assert!(sets().find(system, "27096").sets.has(ValueSet::SijInjection), "{system}");
        }
        for system in ["http://example.org/icd", "example.org/cpt", "http://example.org/cpt//", "", "1.23"] {
            assert!(sets().find(system, "27096").sets.is_empty(), "{system}");
        }
    }

    #[test]
    fn cpt_and_hcpcs_are_one_namespace_and_need_no_system_in_orders_and_procedures() {
        for system in ["http://example.org/cpt", "http://example.org/hcpcs", "", "  "] {
            for code in ["27096", "G0260", "g0260", "G0260-LT", "27096 LT", " 27096", "27096:RT:59"] {
                assert!(sets().find_procedure(system, code).sets.has(ValueSet::SijInjection), "{system} {code}");
            }
        }
        assert!(sets().find_procedure("urn:local", "27096").sets.is_empty());
    }

    #[test]
    fn modifiers_follow_a_colon_a_hyphen_or_a_blank() {
        for code in ["27096:LT:59", "27096-LT-59", "27096 LT 59", " 27096 : LT-59"] {
            assert_eq!(sets().modifiers("http://example.org/cpt", code).collect::<Vec<_>>(), ["LT", "59"], "{code}");
        }
        assert_eq!(sets().modifiers("", "27096-LT").collect::<Vec<_>>(), ["LT"]);
        assert_eq!(sets().modifiers("http://example.org/icd", "M54:LT").count(), 0);
    }

    #[test]
    fn icd_10_cm_is_compared_without_dots_and_every_code_without_case() {
        for (code, set) in [
            ("M46.1", ValueSet::CoveredDiagnoses),
            ("M461", ValueSet::CoveredDiagnoses),
            ("m46.1", ValueSet::CoveredDiagnoses),
            ("S32.10", ValueSet::AlternativeDiagnoses),
            ("s3210xa", ValueSet::AlternativeDiagnoses),
        ] {
            assert!(sets().find("http://example.org/icd-10/", code).sets.has(set), "{code}");
        }
        for code in ["S32.1", "S32.11", "M46", "M46.10", "a code of more than four and twenty letters, M46.1"] {
            assert!(sets().find("http://example.org/icd", code).sets.is_empty(), "{code}");
        }
    }

    #[test]
    fn a_code_of_an_unknown_system_is_refused() {
        assert!(!sets().add_code(ValueSet::Nsaid, "http://example.org/other", "1"));
    }
}
