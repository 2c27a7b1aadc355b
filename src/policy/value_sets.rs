//! The policy's FHIR value sets as one index: a coding is looked up once and answers with every set it is in.
//! Not here: reading the ValueSet files ([`super::value_set_file`]).

use std::collections::HashMap;

use super::code_format::CodeFormat;

/// The value sets a code is in, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Membership(u64);

impl Membership {
    /// In no set.
    pub const NONE: Self = Self(0);

    /// Whether the code is in `set`.
    #[must_use]
    pub fn has(self, set: ValueSet) -> bool {
        self.0 & set.bit() != 0
    }

    /// Whether the code is in one of the sets.
    #[must_use]
    pub fn has_any(self, sets: &[ValueSet]) -> bool {
        sets.iter().any(|set| self.has(*set))
    }

    /// The sets of either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the code is in no set at all.
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

macro_rules! value_sets {
    ($($variant:ident = $id:literal,)*) => {
        /// A value set the policy's reading needs, named by its id.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum ValueSet {
            $(#[doc = concat!("`", $id, "`")] $variant,)*
        }

        impl ValueSet {
            /// Every value set.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The ValueSet's id.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)*
                }
            }
        }
    };
}

value_sets! {
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

impl ValueSet {
    /// The sets that `policy.toml` itself lists under `[code_lists]`; the others are FHIR `ValueSet`s in files of their own.
    pub const LISTED: [Self; 4] = [Self::ProfessionalInjection, Self::FacilityInjection, Self::UnlistedProcedure, Self::DrugIndication];

    fn bit(self) -> u64 {
        1 << (self as u8)
    }

    /// The value set of an id.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|set| set.id() == id)
    }
}

/// What kind of codes a system has, as far as reading them depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemKind {
    /// CPT and HCPCS: one namespace, whose codes take modifiers.
    Procedure,
    /// SNOMED CT.
    SnomedCt,
    /// ICD-10-CM, whose codes are compared without dots.
    Icd10Cm,
    /// ICD-10-PCS.
    Icd10Pcs,
    /// Any other system of the policy.
    Other,
}

/// A coding as the policy knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookup {
    /// The value sets its code is in.
    pub sets: Membership,
    /// What its system is; `None` for one that the policy does not name.
    pub system: Option<SystemKind>,
}

/// Every code of the policy's value sets, by system.
#[derive(Debug, Default)]
pub struct ValueSets {
    /// By address without its scheme: `http` and `https` are one.
    by_url: HashMap<String, usize>,
    /// By OID without `urn:oid:`, or by any other name.
    by_name: HashMap<String, usize>,
    systems: Vec<System>,
    tables: Vec<CodeTable>,
}

#[derive(Clone, Copy, Debug)]
struct System {
    kind: SystemKind,
    /// What its codes look like.
    format: CodeFormat,
    /// Its codes; CPT and HCPCS have one table together.
    table: usize,
}

#[derive(Debug, Default)]
struct CodeTable {
    exact: HashMap<String, Membership>,
    /// What stands before the `*`.
    prefixes: HashMap<String, Membership>,
    prefix_lengths: Vec<usize>,
}

impl ValueSets {
    /// Makes `uri` and each alias one system, whose codes have this form.
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

    /// How many codes the sets name, each once, whatever the number of sets it is in.
    #[must_use]
    pub fn code_count(&self) -> usize {
        self.tables.iter().map(|table| table.exact.len() + table.prefixes.len()).sum()
    }

    /// What a coding is. One without a system is of none.
    #[must_use]
    pub fn find(&self, system: &str, code: &str) -> Lookup {
        let Some(System { kind, table, .. }) = self.system(system) else { return Lookup::default() };
        let sets = self.tables.get(table).map_or(Membership::NONE, |table| table.find(kind, code));
        Lookup { sets, system: Some(kind) }
    }

    /// What a coding of an order or a Procedure is: one without a system is looked for in CPT and HCPCS.
    #[must_use]
    pub fn find_procedure(&self, system: &str, code: &str) -> Lookup {
        if !system.trim().is_empty() {
            return self.find(system, code);
        }
        let table =
            self.systems.iter().find(|system| system.kind == SystemKind::Procedure).and_then(|system| self.tables.get(system.table));
        Lookup { sets: table.map_or(Membership::NONE, |table| table.find(SystemKind::Procedure, code)), system: None }
    }

    /// What a system is, by any of its names.
    #[must_use]
    pub fn system_kind(&self, name: &str) -> Option<SystemKind> {
        self.system(name).map(|system| system.kind)
    }

    /// Whether a code has the form of a system's codes; `None` where the system is not one of the policy's.
    #[must_use]
    pub fn has_form_of(&self, system: &str, code: &str) -> Option<bool> {
        // A beginning of codes is none itself.
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

    /// Whether two system names are one system of the policy.
    pub(crate) fn is_same_system(&self, name: &str, other: &str) -> bool {
        let place = self.place(name);
        place.is_some() && place == self.place(other)
    }

    /// The modifiers behind a CPT or HCPCS code, or behind one without a system.
    pub(crate) fn modifiers<'c>(&self, system: &str, code: &'c str) -> impl Iterator<Item = &'c str> {
        // Few codes have any: the system is not looked up again for the others.
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

/// What sets a modifier off from its CPT or HCPCS code, and from the next one.
const MODIFIER_MARKS: [char; 3] = [':', '-', ' '];

/// The name of a code system, compared without what clients write differently.
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

/// The longest code that is brought to its normal form without allocating.
const MAX_SHORT_CODE: usize = 24;

/// A code in capitals, of ICD-10-CM without its dots.
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
        // Only ASCII letters were changed, so it is still UTF-8.
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
