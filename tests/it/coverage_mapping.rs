//! The coverage information for each determination under every plan setting, for both versions of CRD.

use serde_json::{Value, json};
use sij_cds::crd::CoverageState;
use sij_cds::crd::CrdVersion::{self, V2_0, V2_2};
use sij_cds::crd::PriorAuthorization::{self, AuthNeeded, NoAuth, Performpa, Satisfied};
use sij_cds::policy::{Determination, Note, NoteKind, PlanKind};

use crate::support::coverage_information::{
    Decided, QUESTIONNAIRE, codes, details, instructions, parts, policy_reviewed_on, reasons, unknown, unmet, values,
};

const STANCES: [Option<PriorAuthorization>; 5] = [None, Some(NoAuth), Some(AuthNeeded), Some(Satisfied), Some(Performpa)];

/// The decisive codes in one line: covered, pa-needed, doc-needed, doc-purpose, info-needed.
fn decisions(extension: &Value) -> String {
    let code = |url: &&str| codes(extension, url).join("+");
    let codes: Vec<_> = ["covered", "pa-needed", "doc-needed", "doc-purpose", "info-needed"].iter().map(code).collect();
    codes.join(" ").trim_end().to_owned()
}

/// The decisions of the only repetition for every plan setting.
fn by_stance(decided: &Decided, version: CrdVersion) -> [String; 5] {
    STANCES.map(|stance| {
        let extensions = decided.clone().version(version).stance(stance).extensions();
        assert_eq!(extensions.len(), 1, "{extensions:?}");
        decisions(&extensions[0])
    })
}

fn numbered(decided: Decided) -> Decided {
    decided.asserted(|assertion| assertion.authorization_number = Some("PA-1"))
}

#[test]
fn what_is_supported_is_covered_and_authorized_as_the_plan_has_it() {
    let decided = Decided::as_(Determination::Supported);
    let expected = ["covered", "covered no-auth", "covered auth-needed", "covered auth-needed", "covered performpa"];
    assert_eq!(by_stance(&decided, V2_2), expected);
    let expected = ["covered conditional   OTH", "covered no-auth", "covered auth-needed", "covered auth-needed", "covered performpa"];
    assert_eq!(by_stance(&decided, V2_0), expected);
    assert_eq!(by_stance(&numbered(decided.clone()), V2_2)[3], "covered satisfied");
    assert_eq!(by_stance(&numbered(decided), V2_0)[3], "covered satisfied");
}

#[test]
fn a_number_is_told_only_with_the_stance_and_the_support_it_belongs_to() {
    for determination in Determination::ALL {
        for stance in STANCES {
            let extensions = numbered(Decided::as_(determination)).stance(stance).extensions();
            let numbers: Vec<_> = extensions.iter().flat_map(|extension| codes(extension, "satisfied-pa-id")).collect();
            let is_issued = determination == Determination::Supported && stance == Some(Satisfied);
            assert_eq!(numbers, if is_issued { vec!["PA-1"] } else { vec![] }, "{determination:?} {stance:?}");
        }
    }
}

#[test]
fn a_plan_without_a_stance_tells_a_client_of_2_0_that_it_has_none() {
    let extension = &Decided::as_(Determination::Supported).version(V2_0).extensions()[0];
    assert_eq!(reasons(extension), ["Prior authorization: the plan has not published whether it is needed."]);
    assert_eq!(instructions(extension), ["Ask the plan whether prior authorization is needed before the service."]);
}

#[test]
fn what_is_not_documented_is_conditional_with_the_form_to_fill_in() {
    let decided = Decided::as_(Determination::NeedsDocumentation);
    let rest = "clinical retain-doc OTH";
    let expected = ["", "no-auth", "auth-needed", "conditional", "performpa"].map(|stance| format!("conditional {stance} {rest}"));
    assert_eq!(by_stance(&decided, V2_2), expected);
    let expected =
        ["conditional", "no-auth", "auth-needed", "conditional", "performpa"].map(|stance| format!("conditional {stance} {rest}"));
    assert_eq!(by_stance(&decided, V2_0), expected);
}

#[test]
fn each_criterion_not_documented_is_a_reason_of_its_own() {
    let extension = &Decided::as_(Determination::NeedsDocumentation).stance(Some(Satisfied)).extensions()[0];
    let expected = [
        "Coverage: it depends on what is not documented yet.",
        "Documentation: Tenderness over the SI joint: What was found for I.A.2.",
        "Documentation: NSAIDs for 3 weeks, or contraindicated / not tolerated: What was found for I.A.4.b.",
        "Prior authorization: it counts as given once all the policy asks for is shown.",
    ];
    assert_eq!(reasons(extension), expected);
    assert_eq!(values(extension, "questionnaire"), [QUESTIONNAIRE]);
}

#[test]
fn what_time_alone_forbids_is_covered_from_its_day_on_and_not_before() {
    let table = [
        (None, "covered"),
        (Some(NoAuth), "covered no-auth"),
        (Some(AuthNeeded), "covered auth-needed"),
        (Some(Satisfied), "covered conditional   OTH"),
        (Some(Performpa), "covered performpa"),
    ];
    for (stance, expected) in table {
        let extensions = numbered(Decided::from("2026-12-13")).stance(stance).extensions();
        let [later, before] = extensions.as_slice() else { panic!("{extensions:?}") };
        assert_eq!([decisions(later), decisions(before)], [expected, "not-covered"], "{stance:?}");
        let periods = [later, before].map(|extension| details(extension, "allowed-period", "")[0].clone());
        assert_eq!(periods, [json!({"start": "2026-12-13", "end": "2027-05-01"}), json!({"end": "2026-12-12"})]);
        assert_eq!(reasons(later)[0], "Coverage: this applies to a service on 2026-12-13 or later.");
        assert_eq!(reasons(before), ["Coverage: Less than 2 months since the last injection: What was found for I.C.3."]);
    }
}

#[test]
fn what_is_open_is_not_covered_from_a_day_on_either() {
    let elsewhere = Decided::from("2026-12-13").with_site(Determination::NeedsDocumentation, unknown("I.A.2"));
    for decided in [Decided::from("2026-12-13").with(unknown("I.C.2")), elsewhere] {
        let extensions = decided.stance(Some(NoAuth)).extensions();
        let found: Vec<_> = extensions.iter().map(decisions).collect();
        assert_eq!(found, ["conditional no-auth clinical retain-doc OTH", "not-covered"]);
        assert_eq!(details(&extensions[0], "allowed-period", ""), [&json!({"start": "2026-12-13"})]);
    }
}

#[test]
fn nothing_is_covered_beyond_the_coverages_last_day() {
    let ending = |day: &'static str| {
        let decided = Decided::from("2026-12-13").asserted(|assertion| assertion.period_end = Some(day.parse().unwrap()));
        let extension = decided.extensions()[0].clone();
        (decisions(&extension), details(&extension, "allowed-period", "")[0].clone())
    };
    assert_eq!(ending("2026-12-31"), ("covered".to_owned(), json!({"start": "2026-12-13", "end": "2026-12-31"})));
    assert!(ending("2026-12-12").0.starts_with("conditional"), "{:?}", ending("2026-12-12"));
}

#[test]
fn what_was_judged_for_a_day_that_is_not_the_orders_own_says_so() {
    let decided = Decided::as_(Determination::Supported).asserted(|assertion| assertion.judged_for = Some("2026-12-20".parse().unwrap()));
    assert_eq!(details(&decided.extensions()[0], "allowed-period", ""), [&json!({"start": "2026-12-20", "end": "2026-12-20"})]);
}

#[test]
fn what_has_to_be_settled_first_is_conditional_and_says_what_it_is() {
    let decided = Decided::as_(Determination::NotYet).with(unknown("I.A.2"));
    assert_eq!(by_stance(&decided, V2_2)[1], "conditional no-auth clinical retain-doc OTH");
    let expected = [
        "Coverage: to be settled first. Less than 2 months since the last injection: What was found for I.C.3.",
        "Documentation: Tenderness over the SI joint: What was found for I.A.2.",
    ];
    assert_eq!(reasons(&decided.extensions()[0]), expected);
}

#[test]
fn what_a_reviewer_decides_needs_authorization_whatever_the_stance() {
    let decided = Decided::as_(Determination::IndividualConsideration);
    for version in [V2_0, V2_2] {
        assert_eq!(by_stance(&decided, version), ["conditional auth-needed clinical retain-doc OTH"; 5]);
    }
    let texts = reasons(&decided.extensions()[0]).join(" ");
    assert!(texts.contains("case by case. More than 12 months since the first injection"), "{texts}");
}

#[test]
fn the_joint_a_reviewer_does_not_decide_on_keeps_its_own_reason() {
    let decided = Decided::as_(Determination::IndividualConsideration).with_site(Determination::NotYet, unmet("I.C.3"));
    let extensions = decided.extensions();
    let texts = reasons(&extensions[0]);
    assert_eq!(texts[1], "Coverage: right: Less than 2 months since the last injection: What was found for I.C.3.");
    assert!(texts[0].starts_with("Coverage: the plan decides case by case. left: "), "{texts:?}");
}

#[test]
fn what_is_not_supported_is_not_covered_with_its_reason() {
    let decided = Decided::as_(Determination::NotSupported);
    assert_eq!(by_stance(&decided, V2_2), ["not-covered"; 5]);
    assert_eq!(by_stance(&decided, V2_0), ["not-covered no-auth"; 5]);
    let expected = "Coverage: Less than 50% relief after both diagnostic injections: What was found for II.";
    assert_eq!(reasons(&decided.extensions()[0]), [expected]);
}

#[test]
fn what_cannot_be_judged_is_indeterminate_for_technical_reasons() {
    let mut decided = Decided::as_(Determination::Indeterminate);
    decided.unavailable = vec![("not requested", vec!["procedures"])];
    let expected = ["", "no-auth", "auth-needed", "indeterminate", "performpa"];
    assert_eq!(by_stance(&decided, V2_2), expected.map(|stance| format!("indeterminate {stance}").trim_end().to_owned()));
    let expected = ["conditional", "no-auth", "auth-needed", "conditional", "performpa"];
    assert_eq!(by_stance(&decided, V2_0), expected.map(|stance| format!("conditional {stance}   OTH")));
    let reason = values(&decided.extensions()[0], "reason")[0].clone();
    assert_eq!(reason["coding"][0]["code"], "technical");
    assert_eq!(reason["text"], "Coverage: it cannot be told, for technical reasons. Could not be read (not requested): procedures.");
}

#[test]
fn medicare_and_medicaid_take_precedence_so_nothing_is_covered_by_the_policy_alone() {
    for plan in [PlanKind::Medicare, PlanKind::Medicaid, PlanKind::MedicareAndMedicaid] {
        for mut decided in [Decided::as_(Determination::Supported), Decided::from("2026-12-13")] {
            decided.evaluation.plan = plan;
            for version in [V2_0, V2_2] {
                let extensions = numbered(decided.clone()).version(version).stance(Some(Satisfied)).extensions();
                assert!(decisions(&extensions[0]).starts_with("conditional conditional"), "{plan:?}: {extensions:?}");
                assert!(codes(&extensions[0], "satisfied-pa-id").is_empty());
                let texts = reasons(&extensions[0]).join(" ");
                for (line, note) in [(PlanKind::Medicare, "Medicare member:"), (PlanKind::Medicaid, "Medicaid member:")] {
                    assert_eq!(texts.contains(note), plan == line || plan == PlanKind::MedicareAndMedicaid, "{texts}");
                }
            }
        }
    }
}

#[test]
fn no_day_that_is_past_is_proposed() {
    let extensions = Decided::from("2026-11-10").extensions();
    let periods: Vec<_> = extensions.iter().map(|extension| details(extension, "allowed-period", "")[0].clone()).collect();
    assert_eq!(periods, [json!({"start": "2026-11-22", "end": "2027-05-01"}), json!({"end": "2026-11-09"})]);
    assert_eq!(reasons(&extensions[0])[0], "Coverage: this applies to a service on 2026-11-22 or later.");
}

#[test]
fn an_open_history_is_the_first_thing_to_be_documented_and_never_covered() {
    let decided = Decided::as_(Determination::NeedsDocumentation).with(unknown("history"));
    let extension = &decided.stance(Some(NoAuth)).extensions()[0];
    assert_eq!(decisions(extension), "conditional no-auth clinical retain-doc OTH");
    assert_eq!(reasons(extension)[1], "Documentation: Earlier injections: What was found for history.");
}

#[test]
fn an_order_that_cannot_be_read_is_indeterminate_and_its_fault_is_named() {
    let mut decided = Decided::as_(Determination::Indeterminate);
    let text = "The order could not be read: `ServiceRequest.bodySite` is not as FHIR R4 writes it".to_owned();
    decided.evaluation.orders[0].sites.clear();
    decided.evaluation.orders[0].notes = vec![Note { kind: NoteKind::OrderUnreadable, text, resources: Vec::new() }];
    let extension = &decided.extensions()[0];
    assert_eq!(decisions(extension), "indeterminate");
    let reason = values(extension, "reason")[0].clone();
    assert_eq!(reason["coding"][0]["code"], "technical");
    // Its point is no full stop, so that no client takes it for an address.
    assert!(reason["text"].as_str().unwrap().contains("'ServiceRequest․bodySite'"), "{reason}");
    assert_eq!(instructions(extension), ["Correct the order and sign it again, or check the policy by hand."]);
}

#[test]
fn a_coverage_that_is_not_in_force_or_unknown_decides_before_the_policy() {
    let states = [(CoverageState::Inactive, "no-active-coverage"), (CoverageState::NotFound, "coverage-not-found")];
    for (state, code) in states {
        for determination in Determination::ALL {
            let decided = Decided::as_(determination).stance(Some(AuthNeeded)).asserted(|assertion| {
                assertion.state = state;
                assertion.policy_url = Some("https://plan.example/policy");
            });
            let extensions = decided.extensions();
            assert_eq!(extensions.iter().map(decisions).collect::<Vec<_>>(), ["not-covered"]);
            assert_eq!(values(&extensions[0], "reason")[0]["coding"][0]["code"], code);
            assert_eq!(parts(&extensions[0], "detail"), Vec::<&Value>::new(), "the policy was not asked");
            let old = decided.version(V2_0).extensions();
            assert_eq!(decisions(&old[0]), "not-covered no-auth");
            assert!(values(&old[0], "reason")[0].get("coding").is_none());
        }
    }
}

#[test]
fn an_assertion_expires_with_the_coverage_or_the_policys_review_and_never_in_the_past() {
    let expiry = |period_end: Option<&str>, review: &str| {
        let end = period_end.map(|day| day.parse().unwrap());
        let decided = Decided::as_(Determination::Supported).asserted(|assertion| assertion.period_end = end);
        let policy = policy_reviewed_on(review);
        assert!(parts(&decided.clone().version(V2_0).extensions_under(&policy)[0], "expiry-date").is_empty());
        codes(&decided.extensions_under(&policy)[0], "expiry-date").first().map(|day| (*day).to_owned())
    };
    assert_eq!(expiry(Some("2026-12-31"), "2027-08-01").as_deref(), Some("2026-12-31"));
    assert_eq!(expiry(Some("2027-12-31"), "2027-08-01").as_deref(), Some("2027-08-01"));
    assert_eq!(expiry(Some("2026-11-22"), "2020-08-01").as_deref(), Some("2026-11-22"));
    assert_eq!(expiry(Some("2026-11-21"), "2020-08-01"), None);
    assert_eq!(expiry(None, "2027-08-01").as_deref(), Some("2027-08-01"));
}
