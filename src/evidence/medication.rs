//! Extracts the days on which an NSAID was taken or prescribed from `MedicationStatement`s and `MedicationRequest`s.

use chrono::NaiveDate;

use super::chart::ChartReader;
use super::concepts::{CodeUse, Coded, RegionParts, is_contained_as};
use super::lenient::Lenient;
use super::lenient_views::{DispenseView, DosageRepeatView, DosageView, LenientPeriodView, LenientQuantityView};
use super::resource::view;
use super::text::{Text, id, text};
use super::views::{ConceptView, MedicationRequestView, MedicationStatementView, MedicationView, ReferenceView};
use super::written::{DateElement, span};
use crate::policy::{DateInterval, Label, NsaidUse, Reference, Span, ValueSet};

const COUNTING_STATUSES: [&str; 4] = ["active", "completed", "stopped", "on-hold"];

const COUNTING_INTENTS: [&str; 5] = ["order", "original-order", "reflex-order", "filler-order", "instance-order"];

impl<'a> ChartReader<'_, 'a> {
    pub(crate) fn nsaids(&self) -> Vec<NsaidUse<'a>> {
        let statements = self.record.medication_statements.iter().filter_map(|statement| self.nsaid_statement(statement));
        statements.chain(self.record.medication_requests.iter().filter_map(|request| self.nsaid_request(request))).collect()
    }

    fn nsaid_statement(&self, statement: &MedicationStatementView<'a>) -> Option<NsaidUse<'a>> {
        let status = text(statement.status.as_ref());
        let counts = COUNTING_STATUSES.contains(&status)
            && self.subject.is(statement.subject.as_ref())
            && !is_as_needed(statement.dosage.as_deref().and_then(first_dosage));
        let drug = Drug {
            concept: statement.medication_codeable_concept.as_ref(),
            reference: statement.medication_reference.as_ref(),
            contained: statement.contained.as_deref().unwrap_or_default(),
        };
        let label = self.nsaid(&drug).filter(|_| counts)?;
        let region = RegionParts {
            body_sites: &[],
            reason_codes: statement.reason_code.as_deref().unwrap_or_default(),
            reason_references: statement.reason_reference.as_deref().unwrap_or_default(),
            contained: drug.contained,
            is_drug: true,
        };
        if self.is_elsewhere(region) {
            return None;
        }
        let reference = Reference::new("MedicationStatement", id(statement.id.as_ref()));
        Some(NsaidUse { reference, label, span: stated_span(statement), prescribed: false })
    }

    fn nsaid_request(&self, request: &MedicationRequestView<'a>) -> Option<NsaidUse<'a>> {
        let status = text(request.status.as_ref());
        let dosage = request.dosage_instruction.as_deref().and_then(first_dosage);
        let counts = COUNTING_STATUSES.contains(&status)
            && COUNTING_INTENTS.contains(&text(request.intent.as_ref()))
            && !request.do_not_perform.is_some_and(|flag| flag.0)
            && self.subject.is(request.subject.as_ref())
            && !is_as_needed(dosage);
        let drug = Drug {
            concept: request.medication_codeable_concept.as_ref(),
            reference: request.medication_reference.as_ref(),
            contained: request.contained.as_deref().unwrap_or_default(),
        };
        let label = self.nsaid(&drug).filter(|_| counts)?;
        let region = RegionParts {
            body_sites: &[],
            reason_codes: request.reason_code.as_deref().unwrap_or_default(),
            reason_references: request.reason_reference.as_deref().unwrap_or_default(),
            contained: drug.contained,
            is_drug: true,
        };
        if self.is_elsewhere(region) {
            return None;
        }
        let reference = Reference::new("MedicationRequest", id(request.id.as_ref()));
        Some(NsaidUse { reference, label, span: prescribed_span(request, status), prescribed: true })
    }

    /// The drug's label, if its own code or that of the Medication it references is an NSAID.
    fn nsaid(&self, drug: &Drug<'_, 'a>) -> Option<Label<'a>> {
        let coded = self.drug(drug)?;
        coded.sets.has(ValueSet::Nsaid).then(|| coded.label.by_name())
    }

    fn drug(&self, drug: &Drug<'_, 'a>) -> Option<Coded<'a>> {
        if drug.concept.is_some() {
            return Some(self.coded(drug.concept, CodeUse::Other));
        }
        let reference = text(drug.reference?.reference.as_ref());
        if reference.starts_with('#') {
            let mut contained = drug.contained.iter().filter_map(|raw| view::<MedicationView<'a>>(raw));
            let found = contained.find(|found| is_contained_as(reference, text(found.id.as_ref())))?;
            return Some(self.coded(found.code.as_ref(), CodeUse::Other));
        }
        Some(self.coded(self.indices.medications().named(reference).first()?.code.as_ref(), CodeUse::Other))
    }
}

/// The elements of a medication resource that identify the drug.
struct Drug<'e, 'a> {
    concept: Option<&'e ConceptView<'a>>,
    reference: Option<&'e ReferenceView<'a>>,
    contained: &'e [&'a serde_json::value::RawValue],
}

fn first_dosage<'d, 'a>(dosages: &'d [Lenient<DosageView<'a>>]) -> Option<&'d DosageView<'a>> {
    dosages.first()?.0.as_ref()
}

/// Whether the drug is taken as needed, which does not show daily use.
fn is_as_needed(dosage: Option<&DosageView<'_>>) -> bool {
    dosage.is_some_and(|dosage| dosage.as_needed_boolean.0 == Some(true) || dosage.as_needed_codeable_concept.0.is_some())
}

fn stated_span(statement: &MedicationStatementView<'_>) -> Span {
    let period = statement.effective_period.as_ref();
    let start = DateElement::read(period.and_then(|period| period.start.as_ref()));
    let end = DateElement::read(period.and_then(|period| period.end.as_ref()));
    match (start, end) {
        (DateElement::Absent, DateElement::Absent) => {
            let day = DateElement::read(statement.effective_date_time.as_ref()).date();
            day.map_or(Span::Unproven, |day| span(day, day))
        }
        (DateElement::Date(first), DateElement::Date(last)) => span(first, last),
        (DateElement::Date(first), DateElement::Absent) => match first.full() {
            Some(first) if text(statement.status.as_ref()) == "active" => Span::Since(first),
            Some(first) => Span::Days(first, first),
            None => Span::Unproven,
        },
        (_, _) => Span::Unproven,
    }
}

fn prescribed_span(request: &MedicationRequestView<'_>, status: &str) -> Span {
    let dispense = request.dispense_request.as_ref().and_then(|dispense| dispense.0.as_ref());
    let validity = dispense.and_then(|dispense| dispense.validity_period.0.as_ref()?.start.0.as_ref());
    let start = DateElement::read(validity).date().or_else(|| DateElement::read(request.authored_on.as_ref()).date());
    let Some(start) = start.and_then(DateInterval::full) else { return Span::Unproven };
    if matches!(status, "stopped" | "on-hold") {
        return Span::Days(start, start);
    }
    let dosage = request.dosage_instruction.as_deref().and_then(first_dosage);
    let repeat = dosage.and_then(|dosage| dosage.timing.0.as_ref()?.repeat.0.as_ref());
    let supply = dispense.and_then(|dispense| days(dispense.expected_supply_duration.0.as_ref()));
    if let Some(days) = supply.or_else(|| days(repeat?.bounds_duration.0.as_ref())) {
        return lasting(start, days);
    }
    match DateElement::read(repeat.and_then(|repeat| bounds_end(repeat.bounds_period.0.as_ref()))) {
        DateElement::Date(end) => span(DateInterval::day(start), end),
        DateElement::NoDate => Span::Unproven,
        DateElement::Absent => lasting(start, dispensed_days(dispense, dosage, status).unwrap_or(1)),
    }
}

fn bounds_end<'p, 'a>(period: Option<&'p LenientPeriodView<'a>>) -> Option<&'p Text<'a>> {
    period?.end.0.as_ref()
}

/// A span of `days` days that begins on `start`.
fn lasting(start: NaiveDate, days: i64) -> Span {
    let last = chrono::Duration::try_days(days - 1).and_then(|days| start.checked_add_signed(days));
    last.map_or(Span::Unproven, |last| Span::Days(start, last))
}

/// How many days the dispensed quantity lasts at the first dosage.
fn dispensed_days(dispense: Option<&DispenseView<'_>>, dosage: Option<&DosageView<'_>>, status: &str) -> Option<i64> {
    let dispense = dispense?;
    let quantity = dispense.quantity.0.as_ref()?.value.0?;
    let repeats = dispense.number_of_repeats_allowed.0.filter(|_| status == "completed").unwrap_or_default();
    let dose = dosage?.dose_and_rate.0.as_ref()?.first()?.dose_quantity.0.as_ref()?.value.0?;
    let a_day = dose * times_a_day(dosage?)?;
    let days = quantity * (1.0 + repeats) / a_day;
    // Division rounding must not cost a whole number of days a day.
    whole_days(days + 1e-9).map(|days| days.max(1)).filter(|_| a_day > 0.0 && quantity > 0.0)
}

fn times_a_day(dosage: &DosageView<'_>) -> Option<f64> {
    let timing = dosage.timing.0.as_ref()?;
    timing.repeat.0.as_ref().and_then(repeats_a_day).or_else(|| {
        let concept = timing.code.0.as_ref()?;
        let codes = concept.coding.0.iter().flatten().filter_map(|coding| coding.code.0.as_ref());
        codes.map(Text::as_str).find_map(times_of_code)
    })
}

fn repeats_a_day(repeat: &DosageRepeatView<'_>) -> Option<f64> {
    let days = match repeat.period_unit.0.as_ref()?.as_str() {
        "h" => 1.0 / 24.0,
        "d" => 1.0,
        "wk" => 7.0,
        _ => return None,
    };
    let (frequency, period) = (repeat.frequency.0.unwrap_or(1.0), repeat.period.0.unwrap_or(1.0));
    Some(frequency / (period * days)).filter(|times| times.is_finite() && *times > 0.0)
}

/// HL7 v3 `GTSAbbreviation`.
fn times_of_code(code: &str) -> Option<f64> {
    match code.trim().to_ascii_uppercase().as_str() {
        "QD" => Some(1.0),
        "BID" => Some(2.0),
        "TID" => Some(3.0),
        "QID" => Some(4.0),
        _ => None,
    }
}

/// A duration in whole days, by its code or, failing that, its unit.
fn days(duration: Option<&LenientQuantityView<'_>>) -> Option<i64> {
    let duration = duration?;
    let unit = |text: Option<&Text<'_>>| days_in(text?.as_str());
    let factor = unit(duration.code.0.as_ref()).or_else(|| unit(duration.unit.0.as_ref()))?;
    whole_days(duration.value.0? * factor)
}

/// The days in a time unit, given as a UCUM code or in words.
fn days_in(unit: &str) -> Option<f64> {
    match unit.trim().to_ascii_lowercase().as_str() {
        "d" | "day" | "days" => Some(1.0),
        "wk" | "week" | "weeks" => Some(7.0),
        "mo" | "month" | "months" => Some(30.0),
        "a" | "year" | "years" => Some(365.0),
        _ => None,
    }
}

/// Rounds down to whole days. `None` for more than 100 years, which no prescription lasts.
fn whole_days(days: f64) -> Option<i64> {
    let days = days.floor();
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
    (0.0..=36_500.0).contains(&days).then_some(days as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_unit_of_time_is_understood() {
        for (unit, factor) in [
            ("d", 1.0),
            ("day", 1.0),
            ("Days", 1.0),
            ("wk", 7.0),
            ("week", 7.0),
            ("weeks", 7.0),
            ("mo", 30.0),
            ("Month", 30.0),
            ("months", 30.0),
            ("a", 365.0),
            ("year", 365.0),
            ("YEARS", 365.0),
        ] {
            let of = |code: Option<&str>, unit: Option<&str>| {
                let text = |text: &str| Text(text.to_owned().into());
                days(Some(&LenientQuantityView { value: Lenient(Some(2.0)), code: Lenient(code.map(text)), unit: Lenient(unit.map(text)) }))
            };
            assert_eq!(of(Some(unit), None), whole_days(2.0 * factor), "{unit}");
            assert_eq!(of(None, Some(unit)), whole_days(2.0 * factor), "{unit}");
            assert_eq!(of(Some("{tbl}"), Some(unit)), whole_days(2.0 * factor), "{unit}");
        }
        for unit in ["", "tablets", "min", "h", "fortnight"] {
            assert_eq!(days_in(unit), None, "{unit}");
        }
    }

    #[test]
    fn a_dose_is_counted_by_its_repetition_or_its_code() {
        let times = |json: &str| {
            let dosage: Lenient<DosageView<'_>> = serde_json::from_str(json).expect("JSON");
            times_a_day(&dosage.0.expect("a dosage"))
        };
        for (json, expected) in [
            (r#"{"timing":{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}}"#, Some(2.0)),
            (r#"{"timing":{"repeat":{"period":8,"periodUnit":"h"}}}"#, Some(3.0)),
            (r#"{"timing":{"repeat":{"frequency":7,"periodUnit":"wk"}}}"#, Some(1.0)),
            (r#"{"timing":{"repeat":{"periodUnit":"d"}}}"#, Some(1.0)),
            (r#"{"timing":{"code":{"coding":[{"code":"x"},{"code":"bid"}]}}}"#, Some(2.0)),
            (r#"{"timing":{"repeat":{"frequency":"2"},"code":{"coding":[{"code":"TID"}]}}}"#, Some(3.0)),
            (r#"{"timing":{"repeat":{"frequency":2}}}"#, None),
            (r#"{"timing":"twice"}"#, None),
            ("{}", None),
        ] {
            assert_eq!(times(json), expected, "{json}");
        }
    }
}
