//! Which Coverage applies to an order, and what it says about the payer.

use std::borrow::Cow;

use serde_json::{Value, json};
use sij_cds::decision::Policies;
use sij_cds::evidence::{CoverageFound, Kind, MemberCoverage, PatientRecord, Prefetched, RawPrefetch, ReadingContext, ReadingOptions};
use sij_cds::policy::PlanKind;

use crate::support::call::{bundle, cpt, order};

/// An active Coverage of the patient.
fn coverage(id: &str) -> Value {
    json!({"resourceType": "Coverage", "id": id, "status": "active", "beneficiary": {"reference": "Patient/p1"}})
}

/// The same with members added or replaced.
fn but(mut resource: Value, more: &Value) -> Value {
    resource.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    resource
}

/// The Coverage found for an order with these members on 2026-12-01, among those in the prefetch.
fn found<T>(order_members: &Value, prefetch: &Value, read: impl FnOnce(CoverageFound<'_>) -> T) -> T {
    let draft = but(order("o1", &cpt("27096:LT"), "2026-12-01"), order_members).to_string();
    let draft: Box<serde_json::value::RawValue> = serde_json::from_str(&draft).unwrap();
    let text = json!({"coverage": prefetch}).to_string();
    let gathered = PatientRecord::of_orders([(None, Some(&*draft))]);
    let keys = [("coverage".to_owned(), Kind::Coverage)].into();
    let gathered = match serde_json::from_str::<Prefetched<'_>>(&text) {
        Ok(prefetch) => gathered.with(prefetch, &keys),
        Err(_) => gathered.with_each(&serde_json::from_str::<RawPrefetch<'_>>(&text).unwrap(), &keys),
    };
    let policies = Policies::load(None).unwrap();
    let reading = ReadingContext { policy: policies.newest(), patient_id: "p1", options: ReadingOptions::none() };
    read(gathered.coverage(&gathered.drafts()[0], reading, "2026-12-01".parse().unwrap()))
}

/// The same as a short text: `None`, `Coverage/c1`, `Coverage/c1, not active`, or `Coverage/c1 or Coverage/c2`.
fn outcome(order_members: &Value, prefetch: &Value) -> String {
    found(order_members, prefetch, |found| match found {
        CoverageFound::None => "none".to_owned(),
        CoverageFound::Unavailable(reason) => format!("unavailable: {reason}"),
        CoverageFound::Several(members) => members.iter().map(|member| member.reference.as_ref()).collect::<Vec<_>>().join(" or "),
        CoverageFound::One(member) if member.is_active => member.reference.into_owned(),
        CoverageFound::One(member) => format!("{}, not active", member.reference),
    })
}

fn among(coverages: impl IntoIterator<Item = Value>) -> String {
    outcome(&json!({}), &bundle(coverages))
}

/// The Coverage found when the order references this.
fn naming(references: &[&str], coverages: impl IntoIterator<Item = Value>) -> String {
    let references: Vec<Value> = references.iter().map(|reference| json!({"reference": reference})).collect();
    outcome(&json!({"insurance": references}), &bundle(coverages))
}

/// The only Coverage in the prefetch.
fn told<T>(coverage: Value, others: impl IntoIterator<Item = Value>, read: impl FnOnce(MemberCoverage<'_>) -> T) -> T {
    found(&json!({}), &bundle([coverage].into_iter().chain(others)), |found| {
        let CoverageFound::One(member) = found else { panic!("{found:?}") };
        read(member)
    })
}

#[test]
fn the_only_active_coverage_of_the_patient_is_it() {
    let other = but(coverage("x"), &json!({"beneficiary": {"reference": "Patient/p2"}}));
    let cancelled = but(coverage("a"), &json!({"status": "cancelled"}));
    let mistaken = but(coverage("b"), &json!({"status": "entered-in-error"}));
    let unsaid = json!({"resourceType": "Coverage", "id": "c1"});
    assert_eq!(among([]), "none");
    assert_eq!(among([coverage("c1")]), "Coverage/c1");
    assert_eq!(among([unsaid.clone()]), "Coverage/c1");
    assert_eq!(among([other.clone(), cancelled.clone(), coverage("c1")]), "Coverage/c1");
    assert_eq!(among([coverage("c1"), coverage("c1")]), "Coverage/c1");
    assert_eq!(among([other]), "none");
    assert_eq!(among([cancelled]), "Coverage/a, not active");
    assert_eq!(among([mistaken]), "none");
    assert_eq!(among([coverage("c2"), unsaid]), "Coverage/c1 or Coverage/c2");
}

#[test]
fn a_coverage_is_active_on_the_days_of_its_period() {
    let table = [
        (json!({"start": "2026-12-01", "end": "2026-12-01"}), true),
        (json!({"start": "2026-12-02"}), false),
        (json!({"end": "2026-11-30"}), false),
        (json!({"start": "2026"}), true),
        (json!({"end": "2026-11"}), false),
        (json!({"end": "2026-12"}), true),
        (json!({"end": "2026-12-01T00:00:00-05:00"}), true),
        (json!({"end": "some day"}), true),
        (json!({}), true),
    ];
    for (period, is_active) in table {
        let expected = if is_active { "Coverage/c1" } else { "Coverage/c1, not active" };
        assert_eq!(among([but(coverage("c1"), &json!({"period": period}))]), expected, "{period}");
    }
}

#[test]
fn of_coverages_that_are_not_active_the_latest_is_spoken_of() {
    let ended = |id, end| but(coverage(id), &json!({"period": {"end": end}}));
    let draft = but(coverage("d"), &json!({"status": "draft"}));
    assert_eq!(among([ended("a", "2026-10-31"), ended("b", "2025-12-31"), draft]), "Coverage/a, not active");
}

#[test]
fn those_that_the_order_names_count_before_all_others() {
    let both = || [coverage("c1"), coverage("c2")];
    assert_eq!(naming(&["Coverage/c2"], both()), "Coverage/c2");
    assert_eq!(naming(&["https://ehr.example/fhir/Coverage/c2/_history/1"], both()), "https://ehr.example/fhir/Coverage/c2/_history/1");
    assert_eq!(naming(&["Coverage/c1", "Coverage/c2"], both()), "Coverage/c1 or Coverage/c2");
    assert_eq!(naming(&["ClaimResponse/c2"], both()), "Coverage/c1 or Coverage/c2");
    assert_eq!(naming(&["urn:uuid:unknown"], [coverage("c1")]), "none");
    assert_eq!(naming(&["Coverage/c2"], [but(coverage("c2"), &json!({"status": "cancelled"})), coverage("c1")]), "Coverage/c2, not active");
}

#[test]
fn an_order_that_names_a_coverage_nobody_has_is_judged_by_no_other() {
    let others = but(coverage("c2"), &json!({"beneficiary": {"reference": "Patient/p2"}}));
    assert_eq!(naming(&["Coverage/c9"], [coverage("c1")]), "none");
    assert_eq!(naming(&["Coverage/c2"], [coverage("c1"), others]), "none");
    assert_eq!(naming(&["#c1"], [coverage("c1")]), "none");
}

#[test]
fn an_order_may_name_a_coverage_by_the_address_of_its_entry() {
    let address = "urn:uuid:0f5cbd6c-4d2c-4b0f-8f3e-0a7d1f0c9e55";
    let mut prefetch = bundle([coverage("c1"), coverage("c2")]);
    prefetch["entry"][1]["fullUrl"] = json!(address);
    assert_eq!(outcome(&json!({"insurance": [{"reference": address}]}), &prefetch), address);
}

#[test]
fn an_order_may_contain_its_coverage() {
    let condition = json!({"resourceType": "Condition", "id": "d"});
    let members = |name| json!({"contained": [condition, coverage("d2"), coverage("d3")], "insurance": [{"reference": name}]});
    let prefetch = bundle([coverage("c1")]);
    assert_eq!(outcome(&members("#d2"), &prefetch), "#d2");
    assert_eq!(outcome(&members("#d"), &prefetch), "none");
    assert_eq!(outcome(&members("Coverage/c1"), &prefetch), "Coverage/c1");
}

#[test]
fn a_list_that_could_not_be_had_is_no_empty_list() {
    let error = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]});
    assert_eq!(outcome(&json!({}), &error), "unavailable: the prefetch holds an error");
    let unreadable = but(coverage("c1"), &json!({"payor": "the plan"}));
    assert_eq!(among([unreadable]), "unavailable: a Coverage could not be read");
}

#[test]
fn a_coverage_that_nothing_can_refer_to_is_none() {
    assert_eq!(among([json!({"resourceType": "Coverage", "status": "active"})]), "none");
}

#[test]
fn of_several_the_only_one_that_counts_is_it() {
    let narrowed = |counting: &[&str], coverages: &[&str]| {
        found(&json!({}), &bundle(coverages.iter().map(|id| coverage(id))), |found| {
            match found.narrowed(|member| counting.contains(&member.id.as_ref())) {
                CoverageFound::One(member) => member.id.into_owned(),
                CoverageFound::Several(members) => members.len().to_string(),
                CoverageFound::None | CoverageFound::Unavailable(_) => "none".to_owned(),
            }
        })
    };
    assert_eq!(narrowed(&["b"], &["a", "b", "c"]), "b");
    assert_eq!(narrowed(&["a", "b"], &["a", "b", "c"]), "3");
    assert_eq!(narrowed(&[], &["a", "b"]), "2");
    assert_eq!(narrowed(&[], &["a"]), "a");
    assert_eq!(narrowed(&["a"], &[]), "none");
}

#[test]
fn more_coverages_than_anybody_has_are_several() {
    let prefetch = bundle((0..60).map(|place| coverage(&format!("c{place}"))));
    found(&json!({}), &prefetch, |found| assert_eq!(found.narrowed(|member| member.id == "c1"), CoverageFound::Several(Vec::new())));
}

/// Each payor's identifiers and names.
fn payors(coverage: Value, others: impl IntoIterator<Item = Value>) -> Value {
    told(coverage, others, |member| {
        let identifiers = |payor: &sij_cds::evidence::Payor<'_>| -> Vec<String> {
            payor.identifiers.iter().map(|identifier| format!("{}|{}", identifier.system, identifier.value)).collect()
        };
        member.payors.iter().map(|payor| json!([identifiers(payor), payor.names])).collect()
    })
}

#[test]
fn a_payor_is_told_by_the_reference_and_by_its_organization() {
    let identifier = |value: &str| json!({"system": "urn:payers", "value": value});
    let organization = json!({"resourceType": "Organization", "id": "p", "name": "Plan, Inc.", "identifier": [identifier("1"), {"value": "2"}, {"system": "x"}]});
    let payor = |payor: Value| but(coverage("c1"), &json!({"payor": [payor], "contained": [organization]}));
    let known = || [organization.clone()];
    let whole = json!([[["urn:payers|1", "|2"], ["Plan, Inc."]]]);
    assert_eq!(payors(payor(json!({"reference": "#p"})), []), whole);
    assert_eq!(payors(payor(json!({"reference": "Organization/p"})), known()), whole);
    assert_eq!(payors(payor(json!({"reference": "Organization/p"})), []), json!([[[], []]]));
    assert_eq!(payors(payor(json!({"display": "Plan"})), []), json!([[[], ["Plan"]]]));
    assert_eq!(payors(payor(json!({"identifier": identifier("3")})), []), json!([[["urn:payers|3"], []]]));
    let all = json!({"reference": "Organization/p", "display": "Plan", "identifier": identifier("3")});
    assert_eq!(payors(payor(all), known()), json!([[["urn:payers|3", "urn:payers|1", "|2"], ["Plan", "Plan, Inc."]]]));
}

#[test]
fn an_identifier_that_is_none_harms_nothing_else() {
    let organization = json!({"resourceType": "Organization", "id": "p", "name": "Plan", "identifier": "1"});
    let payor = json!({"reference": "Organization/p", "identifier": ["1"]});
    assert_eq!(payors(but(coverage("c1"), &json!({"payor": [payor]})), [organization]), json!([[[], ["Plan"]]]));
}

#[test]
fn a_coverage_tells_its_end_its_line_of_business_and_its_payer() {
    let medicaid = json!({"coding": [{"system": "https://nahdo.org/sopt", "code": "2"}]});
    let more = json!({"type": medicaid, "period": {"end": "2026-12"}, "payor": [{"reference": "Organization/p"}, {"display": "Plan"}]});
    told(but(coverage("c1"), &more), [], |member| {
        assert_eq!((member.id, member.reference), (Cow::Borrowed("c1"), Cow::Borrowed("Coverage/c1")));
        assert_eq!(member.period_end, Some("2026-12-31".parse().unwrap()));
        assert_eq!(member.line, PlanKind::Medicaid);
    });
    told(but(coverage("c1"), &more), [], |member| assert_eq!(member.payer_name(), Some("Plan")));
    told(coverage("c1"), [], |member| assert_eq!((member.line, member.period_end, member.payer_name()), (PlanKind::Unknown, None, None)));
}

#[test]
fn an_order_tells_the_codes_it_orders() {
    let code = json!({"coding": [{"system": "s", "code": "27096:LT"}, {"code": "x"}]}).to_string();
    let draft: Box<serde_json::value::RawValue> =
        serde_json::from_str(&format!("{{\"resourceType\":\"ServiceRequest\",\"code\":{code}}}")).unwrap();
    let gathered = PatientRecord::of_orders([(None, Some(&*draft))]);
    assert_eq!(gathered.drafts()[0].codes().collect::<Vec<_>>(), [("s", "27096:LT"), ("", "x")]);
}
