//! Extracts examination findings and pain scores from Observations.

use super::chart::ChartReader;
use super::concepts::{CodeUse, Coded, RegionParts};
use super::form::instant;
use super::side::SideParts;
use super::text::{Text, id, text};
use super::views::{ConceptView, ObservationView, QuantityView};
use super::written::DateElement;
use crate::policy::{DateInterval, Examination, Finding, PainScore, Reference, Side, ValueSet};

impl<'a> ChartReader<'_, 'a> {
    /// The examination findings and pain scores.
    pub(crate) fn observations(&self) -> (Vec<Finding<'a>>, Vec<PainScore<'a>>) {
        let (mut findings, mut pain_scores) = (Vec::new(), Vec::new());
        for observation in &self.record.observations {
            let coded = self.coded(observation.code.as_ref(), CodeUse::Other);
            if coded.sets.is_empty() || !self.is_observed(observation) || self.is_elsewhere(region(observation)) {
                continue;
            }
            let side = self.observed_side(observation, &coded);
            findings.extend(findings_of(observation, &coded, side));
            pain_scores.extend(pain_score(observation, &coded, side));
        }
        (findings, pain_scores)
    }

    fn is_observed(&self, observation: &ObservationView<'a>) -> bool {
        matches!(text(observation.status.as_ref()), "final" | "amended" | "corrected") && self.subject.is(observation.subject.as_ref())
    }

    fn observed_side(&self, observation: &ObservationView<'a>, coded: &Coded<'a>) -> Side {
        let parts = SideParts {
            code: observation.code.as_ref(),
            body_sites: observation.body_site.as_slice(),
            extensions: &[],
            by_code: coded.side,
        };
        self.named_side(parts).side
    }
}

fn region<'r, 'a>(observation: &'r ObservationView<'a>) -> RegionParts<'r, 'a> {
    RegionParts { body_sites: observation.body_site.as_slice(), reason_codes: &[], reason_references: &[], contained: &[], is_drug: false }
}

fn findings_of<'a>(observation: &ObservationView<'a>, coded: &Coded<'a>, side: Side) -> Vec<Finding<'a>> {
    const EXAMINATIONS: [(ValueSet, Examination); 6] = [
        (ValueSet::SijTenderness, Examination::Tenderness),
        (ValueSet::TestDistraction, Examination::Provocation(0)),
        (ValueSet::TestCompression, Examination::Provocation(1)),
        (ValueSet::TestThighThrust, Examination::Provocation(2)),
        (ValueSet::TestGaenslen, Examination::Provocation(3)),
        (ValueSet::TestSacralThrust, Examination::Provocation(4)),
    ];
    let examinations = EXAMINATIONS.into_iter().filter(|(set, _)| coded.sets.has(*set));
    let finding = |(_, examination)| {
        let (date, written) = observed_on(observation);
        Some(Finding {
            reference: Reference::new("Observation", id(observation.id.as_ref())),
            examination,
            positive: is_positive(observation)?,
            date,
            instant: written.and_then(|written| instant(written.as_str())),
            side,
        })
    };
    examinations.filter_map(finding).collect()
}

fn pain_score<'a>(observation: &ObservationView<'a>, coded: &Coded<'a>, side: Side) -> Option<PainScore<'a>> {
    if !coded.sets.has(ValueSet::PainSeverityScore) {
        return None;
    }
    let score = match (observation.value_integer, &observation.value_quantity) {
        (Some(score), _) => score.0,
        (None, Some(quantity)) => score_of(quantity)?,
        (None, None) => return None,
    };
    let date = observed_on(observation).0.and_then(DateInterval::full)?;
    let reference = Reference::new("Observation", id(observation.id.as_ref()));
    (0.0..=10.0).contains(&score).then_some(PainScore { reference, date, score, side })
}

/// A score from 0 to 10, scaled by its unit code or, failing that, its unit text.
fn score_of(quantity: &QuantityView<'_>) -> Option<f64> {
    let value = quantity.value?.0;
    if quantity.comparator.is_some() {
        return None;
    }
    let units = [quantity.code.as_ref(), quantity.unit.as_ref()];
    let mut written = units.into_iter().flatten().map(|unit| unit.as_str().trim()).filter(|unit| !unit.is_empty()).peekable();
    if written.peek().is_none() {
        return Some(value);
    }
    written.find_map(scale).map(|divisor| value / divisor)
}

/// The divisor that scales a value in this unit to 0 to 10.
fn scale(unit: &str) -> Option<f64> {
    match unit {
        "{score}" | "1" | "[score]" | "cm" | "/10" | "{score}/10" => Some(1.0),
        "mm" => Some(10.0),
        _ => None,
    }
}

/// The date of the observation, parsed and as text.
fn observed_on<'o, 'a>(observation: &'o ObservationView<'a>) -> (Option<DateInterval>, Option<&'o Text<'a>>) {
    let period = observation.effective_period.as_ref();
    let candidates =
        [observation.effective_date_time.as_ref(), period.and_then(|period| period.start.as_ref()), observation.issued.as_ref()];
    let dated = |text: Option<&'o Text<'a>>| DateElement::read(text).date().map(|date| (Some(date), text));
    candidates.into_iter().find_map(dated).unwrap_or_default()
}

/// Whether the finding is positive, by the first conclusive one of boolean value, coded value and interpretation.
fn is_positive(observation: &ObservationView<'_>) -> Option<bool> {
    let by_code = |concept: &ConceptView<'_>| match concept.codings().next()?.code().trim().to_ascii_lowercase().as_str() {
        "10828004" | "pos" | "positive" => Some(true),
        "260385009" | "neg" | "negative" => Some(false),
        _ => None,
    };
    let by_value = || observation.value_codeable_concept.as_ref().and_then(by_code);
    let by_interpretation = || observation.interpretation.as_ref()?.first().and_then(by_code);
    observation.value_boolean.map(|flag| flag.0).or_else(by_value).or_else(by_interpretation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_read_in_every_unit_that_means_one_to_ten() {
        let score = |json: &str| score_of(&serde_json::from_str(json).expect("a quantity"));
        for unit in ["{score}", "1", "[score]", "cm", "/10", "{score}/10"] {
            assert_eq!(score(&format!(r#"{{"value":7,"unit":"{unit}"}}"#)), Some(7.0), "{unit}");
            assert_eq!(score(&format!(r#"{{"value":7,"unit":"points","code":"{unit}"}}"#)), Some(7.0), "{unit}");
        }
        assert_eq!(score(r#"{"value":7}"#), Some(7.0));
        assert_eq!(score(r#"{"value":64,"code":"mm"}"#), Some(6.4));
        for json in [r#"{"value":7,"unit":"%"}"#, r#"{"value":7,"comparator":"<"}"#, r#"{"value":7,"unit":"points"}"#, "{}"] {
            assert_eq!(score(json), None, "{json}");
        }
    }
}
