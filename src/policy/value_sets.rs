//! The policy's FHIR value sets as one index: a coding is looked up once and answers with every set it is in.
//! Not here: reading the ValueSet files ([`super::value_set_file`]).

use std::collections::HashMap;

/// The value sets a code is in, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Membership(u32);

impl Membership {
    /// In no set.
    pub const NONE: Self = Self(0);

    /// Whether the code is in `set`.
    #[must_use]
    pub fn has(self, set: ValueSet) -> bool {
        self.0 & set.bit() != 0
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
    IntraArticularInjection = "intra-articular-injection",
    SacroiliacJointStructure = "sacroiliac-joint-structure",
    CoveredDiagnoses = "covered-diagnoses",
    SijPainDiagnoses = "sij-pain-diagnoses",
    DiscOrFacetPain = "disc-or-facet-pain",
    AlternativeDiagnoses = "alternative-diagnoses",
    Nsaid = "nsaid",
    NsaidAllergy = "nsaid-allergy",
    NsaidContraindication = "nsaid-contraindication",
    NsaidCaution = "nsaid-caution",
    ConservativeTherapy = "conservative-therapy",
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
    PlanMedicare = "plan-medicare",
    PlanMedicaid = "plan-medicaid",
    PlanCommercial = "plan-commercial",
}

impl ValueSet {
    fn bit(self) -> u32 {
        1 << (self as u8)
    }

    /// The value set of an id.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|set| set.id() == id)
    }
}

/// Every code of the policy's value sets, by system.
#[derive(Debug, Default)]
pub struct ValueSets {
    systems: HashMap<String, usize>,
    codes: Vec<SystemCodes>,
}

#[derive(Debug, Default)]
struct SystemCodes {
    exact: HashMap<String, Membership>,
    /// What stands before the `*`, by its length in bytes: longest possible first is not needed, all count.
    prefixes: HashMap<String, Membership>,
    prefix_lengths: Vec<usize>,
    takes_modifiers: bool,
}

impl ValueSets {
    /// Makes `uri` and each alias one system; codes of a system that `takes_modifiers` are compared without `:modifier`.
    pub(crate) fn add_system(&mut self, uri: &str, aliases: &[String], takes_modifiers: bool) {
        let place = self.codes.len();
        self.codes.push(SystemCodes { takes_modifiers, ..SystemCodes::default() });
        for name in aliases.iter().map(String::as_str).chain([uri]) {
            self.systems.insert(without_slash(name).to_owned(), place);
        }
    }

    /// Adds a code to a set; `false` if the system is not one of the policy's.
    pub(crate) fn add_code(&mut self, set: ValueSet, system: &str, code: &str) -> bool {
        let Some(codes) = self.systems.get(without_slash(system)).and_then(|&place| self.codes.get_mut(place)) else {
            return false;
        };
        let (table, code) = match code.strip_suffix('*') {
            Some(prefix) => {
                if !codes.prefix_lengths.contains(&prefix.len()) {
                    codes.prefix_lengths.push(prefix.len());
                }
                (&mut codes.prefixes, prefix)
            }
            None => (&mut codes.exact, code),
        };
        let entry = table.entry(code.to_owned()).or_default();
        *entry = entry.union(set.into());
        true
    }

    /// How many codes the sets name, each once, whatever the number of sets it is in.
    #[must_use]
    pub fn code_count(&self) -> usize {
        self.codes.iter().map(|system| system.exact.len() + system.prefixes.len()).sum()
    }

    /// Every value set `(system, code)` is in.
    #[must_use]
    pub fn of(&self, system: &str, code: &str) -> Membership {
        let Some(codes) = self.system(system) else { return Membership::NONE };
        let code = if codes.takes_modifiers { code.split(':').next().unwrap_or(code) } else { code };
        let exact = codes.exact.get(code).copied().unwrap_or_default();
        codes
            .prefix_lengths
            .iter()
            .filter_map(|&length| codes.prefixes.get(code.get(..length)?))
            .fold(exact, |found, prefix| found.union(*prefix))
    }

    fn system(&self, name: &str) -> Option<&SystemCodes> {
        self.systems.get(without_slash(name)).and_then(|&place| self.codes.get(place))
    }

    /// Whether two system names are one system of the policy.
    pub(crate) fn is_same_system(&self, name: &str, other: &str) -> bool {
        let place = |name| self.systems.get(without_slash(name));
        place(name).is_some() && place(name) == place(other)
    }

    /// The modifiers of a CPT or HCPCS code: what stands behind each `:`.
    pub(crate) fn modifiers<'c>(&self, system: &str, code: &'c str) -> impl Iterator<Item = &'c str> {
        // Few codes have any: the system is not looked up again for the others.
        let takes = code.contains(':') && self.system(system).is_some_and(|codes| codes.takes_modifiers);
        code.split(':').skip(1).filter(move |_| takes)
    }
}

fn without_slash(system: &str) -> &str {
    system.strip_suffix('/').unwrap_or(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets() -> ValueSets {
        let mut sets = ValueSets::default();
        sets.add_system("http://example.org/cpt", &["urn:oid:1.2".to_owned()], true);
        sets.add_system("http://example.org/icd", &[], false);
        assert!(sets.add_code(ValueSet::SijInjection, "http://example.org/cpt", "27096"));
        assert!(sets.add_code(ValueSet::InvasivePainProcedure, "http://example.org/cpt", "27096"));
        assert!(sets.add_code(ValueSet::AlternativeDiagnoses, "http://example.org/icd", "S32.10*"));
        sets
    }

    #[test]
    fn a_code_answers_with_every_set_it_is_in() {
        let found = sets().of("http://example.org/cpt", "27096");
        assert!(found.has(ValueSet::SijInjection) && found.has(ValueSet::InvasivePainProcedure));
        assert!(!found.has(ValueSet::Nsaid));
    }

    #[test]
    fn a_system_is_known_by_its_alias_and_with_a_trailing_slash() {
        for system in ["urn:oid:1.2", "http://example.org/cpt/"] {
            assert!(sets().of(system, "27096").has(ValueSet::SijInjection), "{system}");
        }
        assert!(sets().of("http://example.org/icd", "27096").is_empty());
    }

    #[test]
    fn a_modifier_is_not_part_of_the_code_compared() {
        assert!(sets().of("http://example.org/cpt", "27096:LT").has(ValueSet::SijInjection));
        assert_eq!(sets().modifiers("http://example.org/cpt", "27096:LT:59").collect::<Vec<_>>(), ["LT", "59"]);
        assert_eq!(sets().modifiers("http://example.org/icd", "M54:LT").count(), 0);
    }

    #[test]
    fn an_entry_with_a_star_matches_every_code_that_begins_so() {
        for (code, within) in [("S32.10", true), ("S32.10XA", true), ("S32.1", false), ("S32.11", false)] {
            assert_eq!(sets().of("http://example.org/icd", code).has(ValueSet::AlternativeDiagnoses), within, "{code}");
        }
    }

    #[test]
    fn a_code_of_an_unknown_system_is_refused() {
        assert!(!sets().add_code(ValueSet::Nsaid, "http://example.org/other", "1"));
    }
}
