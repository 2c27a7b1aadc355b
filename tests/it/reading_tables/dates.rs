//! Dates: placeholders and invalid dates, and the service date for every form of an order's occurrence.

use serde_json::{Value, json};

use super::{DAY, left_history, left_order, naproxen, prescription, problem, verdict, with_member, without_answers};
use crate::support::Call;
use crate::support::call::{cpt, icd10, order, procedure};

/// Placeholders for unknown dates, and invalid dates; the patient's birth date is 1971-03-14.
const PLACEHOLDERS: [&str; 14] = [
    "0001-01-01",
    "0001",
    "1753-01-01",
    "1900-01-01",
    "1900-12-31",
    "1900",
    "1970-01-01",
    "1970-01-01T00:00:00Z",
    "2201-01-01",
    "9999-12-31",
    "unknown",
    "2026-02-30",
    "08/03/2026",
    "",
];

/// Dates too early for any event of a patient.
const UP_TO_BIRTH: [&str; 3] = ["1971-03-14", "1971-03-13", "1950-06"];

fn of_patient_born(call: Call, birth: &str) -> Call {
    call.with_prefetch("patient", &json!({"resourceType": "Patient", "id": "p1", "birthDate": birth}))
}

fn history(injection: &Value) -> Value {
    of_patient_born(left_order(), "1971-03-14").with("procedures", [injection.clone()]).site()
}

#[test]
fn every_placeholder_makes_an_injection_one_without_a_date() {
    for day in PLACEHOLDERS.into_iter().chain(UP_TO_BIRTH) {
        let mut injection = procedure("i1", &cpt("27096:LT"), day);
        let mut period = injection.clone();
        period.as_object_mut().unwrap().remove("performedDateTime");
        period["performedPeriod"] = json!({"start": day});
        for injection in [&mut injection, &mut period] {
            let site = history(injection);
            assert_eq!(site["possibleInjections"][0]["date"], Value::Null, "{injection}");
            assert_eq!(site["possibleInjections"][0]["resource"], "Procedure/i1", "{injection}");
            assert_eq!(site["determination"], "needs-documentation", "{injection}");
        }
    }
}

#[test]
fn the_end_of_a_period_dates_an_injection_whose_start_is_a_placeholder() {
    for day in PLACEHOLDERS {
        let mut injection = procedure("i1", &cpt("27096:LT"), DAY);
        injection.as_object_mut().unwrap().remove("performedDateTime");
        injection["performedPeriod"] = json!({"start": day, "end": "2026-08-03"});
        let site = history(&injection);
        assert_eq!(site["priorInjections"][0]["date"], "2026-08-03", "{injection}");
    }
}

#[test]
fn what_is_no_date_in_an_injection_is_a_missing_one() {
    for (member, value) in
        [("performedString", json!("last summer")), ("performedAge", json!({"value": 55, "unit": "a"})), ("performedRange", json!({}))]
    {
        let mut injection = procedure("i1", &cpt("27096:LT"), DAY);
        injection.as_object_mut().unwrap().remove("performedDateTime");
        assert_eq!(left_history(&with_member(injection, member, &value)), "possible", "{member}");
    }
}

#[test]
fn the_first_days_that_are_no_placeholders_are_dates() {
    let born_long_ago = |day: &str| {
        let call = of_patient_born(left_order(), "1890-01-01").with("procedures", [procedure("i1", &cpt("27096:LT"), day)]);
        call.site()["possibleInjections"].clone()
    };
    for day in ["1901-01-01", "1969-12-31", "1970-01-02", "1970"] {
        assert_eq!(born_long_ago(day), Value::Null, "{day} is of an earlier episode");
    }
}

/// The verdict of I.A.1 if only the chart gives the onset.
fn duration(onset: &Value, recorded: Option<&str>) -> String {
    let mut pain = problem(&icd10("M46.1"));
    pain.as_object_mut().unwrap().remove("onsetDateTime");
    pain.as_object_mut().unwrap().extend(onset.as_object().unwrap().clone());
    if let Some(recorded) = recorded {
        pain["recordedDate"] = json!(recorded);
    }
    verdict(&of_patient_born(without_answers(&["adls-limited-since"]), "1971-03-14").with("conditions", [pain]), "I.A.1")
}

#[test]
fn every_placeholder_of_an_onset_gives_way_to_the_next_element() {
    for day in PLACEHOLDERS.into_iter().chain(UP_TO_BIRTH) {
        for onset in [json!({"onsetDateTime": day}), json!({"onsetPeriod": {"start": day}})] {
            assert_eq!(duration(&onset, None), "unknown", "{onset}");
            assert_eq!(duration(&onset, Some("2026-05-04")), "met", "{onset}");
            assert_eq!(duration(&onset, Some("2026-11-01")), "unknown", "{onset}");
        }
    }
    assert_eq!(duration(&json!({"onsetDateTime": "2026-05-04"}), None), "met");
    assert_eq!(duration(&json!({"onsetPeriod": {"start": "2026-05-04"}}), None), "met");
}

#[test]
fn every_placeholder_at_the_start_of_a_drug_proves_no_course() {
    for day in PLACEHOLDERS {
        let drug = with_member(naproxen(), "effectivePeriod", &json!({"start": day, "end": "2026-08-28"}));
        assert_eq!(verdict(&left_order().with("medicationStatements", [drug]), "I.A.4.b"), "unknown", "{day}");
    }
}

#[test]
fn a_placeholder_at_the_start_of_a_prescription_gives_way_to_the_day_it_was_written() {
    for day in PLACEHOLDERS {
        let supply = json!({"validityPeriod": {"start": day}, "expectedSupplyDuration": {"value": 30, "code": "d"}});
        let drug = with_member(prescription(), "dispenseRequest", &supply);
        assert_eq!(verdict(&left_order().with("medicationRequests", [drug.clone()]), "I.A.4.b"), "met", "{day}");
        let undated = with_member(drug, "authoredOn", &json!(day));
        assert_eq!(verdict(&left_order().with("medicationRequests", [undated]), "I.A.4.b"), "unknown", "{day}");
    }
}

/// An order with only this occurrence.
fn occurring(occurrence: &Value) -> Call {
    let mut order = order("o1", &cpt("27096:LT"), DAY);
    order.as_object_mut().unwrap().remove("occurrenceDateTime");
    order.as_object_mut().unwrap().extend(occurrence.as_object().unwrap().clone());
    Call::ordering([order])
}

#[track_caller]
fn assert_service_date(occurrence: &Value, expected: &str) {
    assert_eq!(occurring(occurrence).evaluation()["orders"][0]["serviceDate"], expected, "{occurrence}");
}

/// Today is 2026-11-22.
const TODAY: &str = "2026-11-22";

#[test]
fn the_service_date_is_the_day_of_a_date_that_is_nearest_to_today() {
    let table = [
        ("2026-12-01", "2026-12-01"),
        ("2026-11-20", "2026-11-20"),
        ("2026-12-01T23:30:00-08:00", "2026-12-01"),
        ("2026-12", "2026-12-01"),
        ("2026-10", "2026-10-31"),
        ("2026-11", TODAY),
        ("2026", TODAY),
        ("2027", "2027-01-01"),
    ];
    for (written, expected) in table {
        assert_service_date(&json!({"occurrenceDateTime": written}), expected);
    }
}

/// Periods with the service date of each.
fn periods() -> Vec<(Value, &'static str)> {
    vec![
        (json!({"start": "2026-12-01", "end": "2026-12-31"}), "2026-12-01"),
        (json!({"start": "2026-10-01", "end": "2026-10-31"}), "2026-10-31"),
        (json!({"start": "2026-11-01", "end": "2026-11-30"}), TODAY),
        (json!({"start": "2026-12-05"}), "2026-12-05"),
        (json!({"start": "2026-10-05"}), TODAY),
        (json!({"end": "2026-12-20"}), "2026-12-20"),
        (json!({"end": "2026-10-20"}), "2026-10-20"),
        (json!({"start": "2026-12-20", "end": "2026-12-01"}), "2026-12-20"),
        (json!({"start": "2026-12", "end": "2027-01"}), "2026-12-01"),
        (json!({"start": "2026-09", "end": "2026-10"}), "2026-10-31"),
    ]
}

#[test]
fn the_service_date_is_the_day_of_a_period_that_is_nearest_to_today() {
    for (period, expected) in periods() {
        assert_service_date(&json!({"occurrencePeriod": period}), expected);
        assert_service_date(&json!({"occurrenceTiming": {"repeat": {"boundsPeriod": period}}}), expected);
    }
}

#[test]
fn the_service_date_is_of_the_first_event_before_the_bounds() {
    let bounds = json!({"boundsPeriod": {"start": "2027-02-01"}});
    assert_service_date(&json!({"occurrenceTiming": {"event": ["2026-12-03", "2026-12-17"], "repeat": bounds}}), "2026-12-03");
    assert_service_date(&json!({"occurrenceTiming": {"event": ["2026-12"]}}), "2026-12-01");
    assert_service_date(&json!({"occurrenceTiming": {"event": [], "repeat": bounds}}), "2027-02-01");
}

#[test]
fn an_order_without_a_date_is_judged_today() {
    for occurrence in [json!({}), json!({"occurrenceTiming": {}}), json!({"occurrencePeriod": {}}), json!({"occurrenceDateTime": null})] {
        assert_service_date(&occurrence, TODAY);
    }
}

#[test]
fn a_placeholder_is_no_day_of_service() {
    for day in PLACEHOLDERS {
        assert_service_date(&json!({"occurrenceDateTime": day}), TODAY);
        assert_service_date(&json!({"occurrencePeriod": {"start": day, "end": "2026-12-20"}}), "2026-12-20");
    }
}
