//! The health plans that calls are answered for, from configuration: their payers and their requirements.
//! Not here: which Coverage an order is judged by; see [`crate::evidence`].

use serde::{Deserialize, Serialize};

use super::coverage_information::{PlanContact, PriorAuthorization};
use super::prior_authorization::PriorAuthorizationRules;
use crate::evidence::{CoverageFound, Identifier, MemberCoverage, PayorLookup};
use crate::policy::PlanKind;

/// A plan's data for responses, and the payers that match it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthPlan {
    /// Its id in the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The card's source label if no Coverage names the insurer.
    pub name: String,
    /// The id of the policy that its members' orders are judged by; `None` for the default policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The URL of the published policy; `{section}` is a placeholder for a section.
    pub policy_url: Option<String>,
    /// Whether a card of its own links to the published policy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub policy_card: bool,
    /// Identifiers of its payer: `system|value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payer_identifiers: Vec<String>,
    /// Names of its payer, as [`comparable_name`] writes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payer_names: Vec<String>,
    /// The lines of business that it covers; `None` means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines_of_business: Option<Vec<LineOfBusiness>>,
    /// Which services need prior authorization; `None` means that nothing is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior_authorization: Option<PriorAuthorizationRules>,
    /// The prefix of the authorization numbers that the plan issues.
    #[serde(default)]
    pub authorization_prefix: String,
    /// The contact for questions about a response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<PlanContact>,
}

/// `[plan]`, and the other plans by id in file order.
#[derive(Debug)]
pub struct Plans {
    default: HealthPlan,
    default_id: Option<String>,
    others: Vec<(String, HealthPlan)>,
}

/// How a Coverage's payer relates to the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payer {
    /// The plan's own payer.
    Handled,
    /// Another payer.
    Foreign,
    /// The Coverage lacks the data that the plan's payers are matched by.
    NotTold,
}

/// The plan that applies to an order.
#[derive(Clone, Copy, Debug)]
pub struct PlanMatch<'p> {
    /// The plan.
    pub plan: &'p HealthPlan,
    /// Unless the payer is handled, the plan is the client's or the default one.
    pub payer: Payer,
}

impl Plans {
    /// The plan for everything that no other plan matches, and the others, each with its id.
    #[must_use]
    pub fn new(default: HealthPlan, others: Vec<HealthPlan>) -> Self {
        let default_id = default.id.clone();
        Self { default, default_id, others: others.into_iter().map(|plan| (plan.id.clone().unwrap_or_default(), plan)).collect() }
    }

    /// Which payors' Organizations to look up: all if any plan lists identifiers, because an identifier may appear only there.
    #[must_use]
    pub fn payors_to_look_up(&self) -> PayorLookup {
        let knows_some = |plan: &HealthPlan| !plan.payer_identifiers.is_empty();
        let any = knows_some(&self.default) || self.others.iter().any(|(_, plan)| knows_some(plan));
        if any { PayorLookup::All } else { PayorLookup::Nameless }
    }

    /// The plan for orders without a deciding Coverage, given a pinned plan id.
    #[must_use]
    pub fn without_coverage(&self, pinned: Option<&str>) -> PlanMatch<'_> {
        PlanMatch { plan: pinned.and_then(|id| self.pinned(id)).unwrap_or(&self.default), payer: Payer::NotTold }
    }

    /// The plan for an order with this Coverage, and the Coverage: of several, the only one whose payer is ours.
    #[must_use]
    pub fn matched<'p, 'a>(&'p self, pinned: Option<&str>, found: CoverageFound<'a>) -> (PlanMatch<'p>, CoverageFound<'a>) {
        let found = found.narrowed(|member| self.found(pinned, member).payer == Payer::Handled);
        let plan = match &found {
            CoverageFound::One(member) => self.found(pinned, member),
            CoverageFound::None | CoverageFound::Unavailable(_) | CoverageFound::Several(_) => self.without_coverage(pinned),
        };
        (plan, found)
    }

    /// The id of the policy that an order with this Coverage is judged by; `None` for the default policy. A client tied to a plan is
    /// answered by that plan's policy. Otherwise a plan's policy is only for members whose Coverage belongs to the plan.
    #[must_use]
    pub fn policy_of(&self, pinned: Option<&str>, found: CoverageFound<'_>) -> Option<&str> {
        let (PlanMatch { plan, payer }, _) = self.matched(pinned, found);
        let is_its_plan = payer == Payer::Handled || pinned.is_some_and(|id| self.pinned(id).is_some());
        plan.policy.as_deref().filter(|_| is_its_plan)
    }

    fn pinned(&self, id: &str) -> Option<&HealthPlan> {
        let is_default = self.default_id.as_deref() == Some(id);
        let mut others = self.others.iter().filter(|(known, _)| known == id).map(|(_, plan)| plan);
        if is_default { Some(&self.default) } else { others.next() }
    }

    /// The plan for an order with this Coverage: the client's own (`pinned`), else the one whose payer the Coverage names.
    #[must_use]
    pub fn found(&self, pinned: Option<&str>, coverage: &MemberCoverage<'_>) -> PlanMatch<'_> {
        let told = CoveragePayers::by(coverage);
        if let Some(plan) = pinned.and_then(|id| self.pinned(id)) {
            return PlanMatch { plan, payer: told.payer_of(plan) };
        }
        let plans: Vec<&HealthPlan> = std::iter::once(&self.default).chain(self.others.iter().map(|(_, plan)| plan)).collect();
        // An identifier takes precedence over a name.
        let by_identifier = plans.iter().find(|plan| told.has_identifier_of(plan));
        match by_identifier.or_else(|| plans.iter().find(|plan| told.has_name_of(plan))) {
            Some(plan) => PlanMatch { plan, payer: Payer::Handled },
            None if self.default.is_everybodys() => PlanMatch { plan: &self.default, payer: Payer::Handled },
            None => PlanMatch { plan: &self.default, payer: told.payer_of_none(&plans) },
        }
    }
}

impl HealthPlan {
    /// The plan's prior-authorization requirement for these billing codes; `None` if nothing is stated.
    pub(super) fn required_authorization<'c>(&self, codes: impl Iterator<Item = &'c str>) -> Option<PriorAuthorization> {
        self.prior_authorization.as_ref()?.required(codes)
    }

    /// Whether the plan covers a line of business. An unknown line counts as covered.
    #[must_use]
    pub fn covers_line(&self, line: PlanKind) -> bool {
        let has = |line| self.lines_of_business.as_ref().is_none_or(|lines| lines.contains(&line));
        match line {
            PlanKind::Commercial => has(LineOfBusiness::Commercial),
            PlanKind::Medicaid => has(LineOfBusiness::Medicaid),
            PlanKind::Medicare => has(LineOfBusiness::Medicare),
            PlanKind::MedicareAndMedicaid => has(LineOfBusiness::Medicare) || has(LineOfBusiness::Medicaid),
            PlanKind::Unknown => true,
        }
    }

    /// A plan without payers of its own matches every payer.
    fn is_everybodys(&self) -> bool {
        self.payer_identifiers.is_empty() && self.payer_names.is_empty()
    }
}

/// A line of business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineOfBusiness {
    /// A private plan.
    Commercial,
    /// Medicaid.
    Medicaid,
    /// Medicare.
    Medicare,
}

/// Normalizes a payer's name for comparison without regard to case and spacing.
#[must_use]
pub fn comparable_name(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The payer data in a Coverage.
struct CoveragePayers<'m> {
    identifiers: Vec<&'m Identifier<'m>>,
    /// In normalized form.
    names: Vec<String>,
}

impl<'m> CoveragePayers<'m> {
    fn by(coverage: &'m MemberCoverage<'m>) -> Self {
        let names = coverage.payors.iter().flat_map(|payor| &payor.names).map(|name| comparable_name(name));
        Self { identifiers: coverage.payors.iter().flat_map(|payor| &payor.identifiers).collect(), names: names.collect() }
    }

    /// How the payer relates to this plan.
    fn payer_of(&self, plan: &HealthPlan) -> Payer {
        let is_its_own = plan.is_everybodys() || self.has_identifier_of(plan) || self.has_name_of(plan);
        if is_its_own { Payer::Handled } else { self.payer_of_none(&[plan]) }
    }

    /// How the payer relates to plans that do not match it. Data that only one side has cannot be compared.
    fn payer_of_none(&self, plans: &[&HealthPlan]) -> Payer {
        let by_identifier = !self.identifiers.is_empty() && plans.iter().any(|plan| !plan.payer_identifiers.is_empty());
        let by_name = !self.names.is_empty() && plans.iter().any(|plan| !plan.payer_names.is_empty());
        if by_identifier || by_name { Payer::Foreign } else { Payer::NotTold }
    }

    fn has_identifier_of(&self, plan: &HealthPlan) -> bool {
        let is = |known: &String, told: &Identifier<'_>| {
            known.strip_prefix(told.system.as_ref()).and_then(|rest| rest.strip_prefix('|')) == Some(told.value.as_ref())
        };
        plan.payer_identifiers.iter().any(|known| self.identifiers.iter().any(|told| is(known, told)))
    }

    fn has_name_of(&self, plan: &HealthPlan) -> bool {
        plan.payer_names.iter().any(|known| self.names.contains(known))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::{Config, Layers, PlanConfig};
    use crate::evidence::Payor;

    /// A plan configuration with additional keys.
    fn plan(more: &Value) -> PlanConfig {
        let mut entry = json!({"name": "Health plan"});
        entry.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        serde_json::from_value(entry).expect("a plan")
    }

    fn plans(first: &Value, others: &[Value]) -> Plans {
        let mut config = Config::layered(Layers::default()).expect("the defaults");
        config.plan = plan(first);
        config.plans = others.iter().map(plan).collect();
        config.health_plans()
    }

    /// A Coverage whose payor has these identifiers, `system|value`, and names.
    fn coverage(identifiers: &[&'static str], names: &[&'static str]) -> MemberCoverage<'static> {
        let identifiers = identifiers.iter().filter_map(|text| text.split_once('|'));
        let payor = Payor {
            identifiers: identifiers.map(|(system, value)| Identifier { system: system.into(), value: value.into() }).collect(),
            names: names.iter().map(|name| (*name).into()).collect(),
        };
        MemberCoverage {
            reference: "Coverage/c1".into(),
            id: "c1".into(),
            is_active: true,
            period_end: None,
            payors: vec![payor],
            payor_reference: None,
            line: PlanKind::Unknown,
        }
    }

    #[test]
    fn the_plan_is_the_one_whose_payer_the_coverage_names() {
        let first = json!({"name": "First", "id": "first", "payer_identifiers": ["s|1", "s|a|b"], "payer_names": ["First plan"]});
        let second = json!({"name": "Second", "id": "second", "payer_identifiers": ["s|2"], "payer_names": ["Second"]});
        let silent = json!({"name": "Silent", "id": "silent"});
        let plans = plans(&first, &[silent, second]);
        for (pinned, identifiers, names, expected) in [
            (None, &["s|1"][..], &[][..], ("First", Payer::Handled)),
            (None, &["s|a|b"], &[], ("First", Payer::Handled)),
            (None, &["x|9", "s|2"], &[], ("Second", Payer::Handled)),
            (None, &["s|2"], &["First plan"], ("Second", Payer::Handled)),
            (None, &["s|9"], &["  SECOND "], ("Second", Payer::Handled)),
            (None, &[], &["First\tPLAN"], ("First", Payer::Handled)),
            (None, &["t|1"], &[], ("First", Payer::Foreign)),
            (None, &["|1"], &[], ("First", Payer::Foreign)),
            (None, &[], &["Another"], ("First", Payer::Foreign)),
            (None, &[], &[], ("First", Payer::NotTold)),
            (Some("second"), &["s|1"], &[], ("Second", Payer::Foreign)),
            (Some("second"), &["s|2"], &[], ("Second", Payer::Handled)),
            (Some("second"), &[], &[], ("Second", Payer::NotTold)),
            (Some("first"), &["s|2"], &[], ("First", Payer::Foreign)),
            (Some("silent"), &["s|1"], &[], ("Silent", Payer::Handled)),
            (Some("silent"), &[], &[], ("Silent", Payer::Handled)),
        ] {
            let found = plans.found(pinned, &coverage(identifiers, names));
            assert_eq!((found.plan.name.as_str(), found.payer), expected, "{pinned:?} {identifiers:?} {names:?}");
        }
    }

    #[test]
    fn a_plan_without_payers_has_those_of_no_other() {
        let second = json!({"name": "Second", "id": "second", "payer_identifiers": ["s|2"]});
        let plans = plans(&json!({"name": "First"}), &[second]);
        for (identifiers, name) in [(&["s|2"][..], "Second"), (&["s|9"], "First"), (&[], "First")] {
            let found = plans.found(None, &coverage(identifiers, &[]));
            assert_eq!((found.plan.name.as_str(), found.payer), (name, Payer::Handled), "{identifiers:?}");
        }
    }

    #[test]
    fn what_only_one_side_tells_says_nothing() {
        let by_identifier = plans(&json!({"payer_identifiers": ["s|1"]}), &[]);
        assert_eq!(by_identifier.found(None, &coverage(&[], &["Health plan"])).payer, Payer::NotTold);
        let by_name = plans(&json!({"payer_names": ["Health plan"]}), &[]);
        assert_eq!(by_name.found(None, &coverage(&["s|1"], &[])).payer, Payer::NotTold);
    }

    #[test]
    fn a_plan_answers_for_its_lines_of_business() {
        let lines = [PlanKind::Commercial, PlanKind::Medicaid, PlanKind::Medicare, PlanKind::Unknown];
        let covered = |more: &Value| lines.map(|line| HealthPlan::from(&plan(more)).covers_line(line));
        assert_eq!(covered(&json!({})), [true; 4]);
        assert_eq!(covered(&json!({"lines_of_business": ["commercial"]})), [true, false, false, true]);
        assert_eq!(covered(&json!({"lines_of_business": ["medicaid", "medicare"]})), [false, true, true, true]);
    }

    #[test]
    fn a_plan_has_its_stance_where_one_is_configured() {
        let asking = |more: &Value| HealthPlan::from(&plan(more)).required_authorization(["27096:LT", "x"].into_iter());
        assert_eq!(asking(&json!({})), None);
        assert_eq!(asking(&json!({"prior_authorization": {"codes": {"27096": "satisfied"}}})), Some(PriorAuthorization::Satisfied));
        assert_eq!(asking(&json!({"prior_authorization": {"default": "no-auth"}})), Some(PriorAuthorization::NoAuth));
    }

    #[test]
    fn a_kept_plan_is_read_again_and_one_of_an_earlier_version_too() {
        let whole = json!({"policy_url": "https://a.example", "payer_identifiers": ["s|1"], "payer_names": ["A"],
            "lines_of_business": ["medicaid"], "prior_authorization": {"default": "no-auth", "codes": {"1": "performpa"}},
            "contact": {"phone": "1"}});
        let kept = serde_json::to_value(HealthPlan::from(&plan(&whole))).expect("JSON");
        let again: HealthPlan = serde_json::from_value(kept.clone()).expect("a plan");
        assert_eq!(serde_json::to_value(again).expect("JSON"), kept);
        let earlier: HealthPlan = serde_json::from_value(json!({"name": "A", "policyUrl": null})).expect("a plan");
        assert!(earlier.is_everybodys() && earlier.covers_line(PlanKind::Medicare));
    }
}
