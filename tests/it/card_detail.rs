//! The detail of a card: its order, its length, and what each outcome tells a clinician to do.

use serde_json::{Value, json};

use crate::support::call::{concept, condition, cpt, form, icd10, order, prior_injection, procedure};
use crate::support::exchanges::exchanges_under_all_settings;
use crate::support::markdown::document;
use crate::support::showing::Showing;
use crate::support::shown_card::{detail, first_injection, first_injection_form, left, number, paragraphs, subsequent, yes};
use crate::support::{Call, Evaluator, all_cases, stories};

/// The maximum that fits a panel.
const MAX_CHARS: usize = 1200;

/// What half of all cards stay within.
const MEDIAN_CHARS: usize = 600;

#[test]
fn what_it_is_judged_as_and_what_to_do_come_before_everything_else() {
    let mut call = Call::ordering([left("2026-12-01")]).with("conditions", [condition("c1", &icd10("M16.12"))]);
    call = call.with("questionnaireResponses", [form("f1", [number("exercise-therapy-weeks", 5)])]);
    let coverage = json!({"resourceType": "Coverage", "id": "c", "status": "active", "type": {"text": "Medicaid"},
        "beneficiary": {"reference": "Patient/p1"}, "payor": [{"display": "Plan"}]});
    let card = call.with("coverage", [coverage]).card();
    let beginnings =
        ["Medicaid member:", "Judged as a first injection", "Order 1 more week of therapy", "- ", "Not met:", "- ", "Missing:"];
    let found = paragraphs(&card);
    for (place, beginning) in beginnings.iter().enumerate() {
        assert!(found[place].starts_with(beginning), "{place}: {}", detail(&card));
    }
    assert!(found[8].contains(" criteria met"), "{}", detail(&card));
    assert!(found[9].starts_with("Policy "), "{}", detail(&card));
}

#[test]
fn no_card_is_taller_than_a_panel_or_shows_markup_or_parameters() {
    let evaluator = Evaluator::new();
    let mut shown = 0;
    for case in all_cases() {
        let Ok(answer) = evaluator.answer(&case.request) else { continue };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        for card in answer["cards"].as_array().unwrap() {
            let text = detail(card);
            assert!(text.chars().count() <= MAX_CHARS, "{}: {text}", case.name);
            let noise = ["[ ]", "With one click", "_days", "Procedure/", "UTC", "Sign the order;", "twelve"];
            assert!(!noise.iter().any(|noise| text.contains(noise)), "{}: {text}", case.name);
            shown += 1;
        }
    }
    assert!(shown > 600, "only {shown} cards");
}

/// Counted are the cards of every story at every hook, in every dialect and configuration.
#[tokio::test]
async fn a_usual_card_is_half_as_tall() {
    let cards =
        exchanges_under_all_settings().await.iter().flat_map(|exchange| exchange.cards().into_iter().map(move |card| (exchange, card)));
    let mut lengths: Vec<_> = cards.map(|(exchange, card)| (detail(&card).chars().count(), exchange.about(detail(&card)))).collect();
    lengths.sort_unstable();
    let (median, longest) = (lengths[lengths.len() / 2].0, lengths.last().unwrap());
    assert!(lengths.len() > 600, "only {} cards", lengths.len());
    assert!(median <= MEDIAN_CHARS, "the median is {median}");
    assert!(longest.0 <= MAX_CHARS, "{} characters: {}", longest.0, longest.1);
}

#[test]
fn a_chart_full_of_words_is_cut_and_the_decision_is_not() {
    let long = "a very long description of a finding that goes on and on ".repeat(6);
    let conditions = ["M16.12", "M51.26", "M51.27", "M54.16"].map(|code| {
        let mut words = icd10(code);
        words["coding"][0]["display"] = json!(long);
        condition(code, &words)
    });
    let injections = (1..=9).map(|day| {
        let mut injection =
            procedure(&format!("i{day}"), &json!({"text": format!("SI joint injection {long}")}), &format!("2026-0{day}-01"));
        injection["status"] = json!("unknown");
        injection
    });
    let call = Call::ordering([order("o1", &cpt("27096:50"), "2026-12-01")]).with("conditions", conditions);
    let card = call.with("procedures", injections).card();
    assert!(detail(&card).chars().count() <= MAX_CHARS, "{}", detail(&card));
    assert!(detail(&card).contains("Possible earlier injections of this joint"), "{}", detail(&card));
}

#[test]
fn a_supported_order_is_not_advised_and_has_no_link_to_the_app() {
    let card = first_injection(left("2026-12-01"), 6).card();
    assert_eq!(paragraphs(&card)[1], "The policy's criteria are met as documented.");
    assert!(paragraphs(&card)[2].starts_with("All 12 criteria met: pain for 3 months, tenderness"), "{}", detail(&card));
}

#[test]
fn a_denial_says_that_the_record_may_be_wrong_before_the_order_is_removed() {
    let injections = ["2026-08-03", "2026-09-01"];
    let charted = injections.iter().map(|day| procedure(day, &cpt("27096:LT"), day));
    let answers = injections.iter().map(|day| prior_injection(day, 10, 0));
    let card =
        Call::ordering([left("2026-12-01")]).with("procedures", charted).with("questionnaireResponses", [form("f1", answers)]).card();
    let next = paragraphs(&card)[1];
    let (correct, remove) =
        (next.find("If the record is wrong or incomplete, correct it in the documentation form"), next.find("remove the order"));
    assert!(next.starts_with("As documented, the policy does not cover this."), "{next}");
    assert!(correct.is_some() && correct < remove, "{next}");
    assert!(detail(&card).contains("Less than 50% relief after both diagnostic injections"), "{}", detail(&card));
}

#[test]
fn beyond_the_months_of_section_iii_its_exception_is_asked_about() {
    let card = subsequent("2025-10-20", "2026-03-01", [yes("adjunct-noninvasive-treatment", true)]).card();
    let next = paragraphs(&card)[1];
    assert!(next.contains("If definitive therapy is not tolerated or not available, say so"), "{next}");
    assert!(next.contains("the plan then decides case by case"), "{next}");
    let also = subsequent("2025-10-20", "2026-11-10", [yes("adjunct-noninvasive-treatment", true)]).card();
    assert!(!paragraphs(&also)[1].contains("case by case"), "{}", detail(&also));
}

#[test]
fn an_entry_that_may_be_an_earlier_injection_is_asked_about() {
    let entry = procedure("i1", &json!({"text": "SI joint injection"}), "2026-07-14");
    let card = first_injection(left("2026-12-01"), 6).with("procedures", [entry]).card();
    assert!(card["summary"].as_str().unwrap().contains("an entry may be an earlier injection"), "{card}");
    let next = paragraphs(&card)[1];
    assert!(next.starts_with("Possible earlier injections of this joint: SI joint injection, 2026-07-14 (no code"), "{next}");
    assert_eq!(detail(&card).matches("2026-07-14").count(), 1, "{}", detail(&card));
}

#[test]
fn a_form_that_does_not_count_is_named_above_what_is_missing() {
    let mut unfinished = first_injection_form(6);
    unfinished["status"] = json!("in-progress");
    let card = Call::ordering([left("2026-12-01")]).with("questionnaireResponses", [unfinished]).card();
    let text = detail(&card);
    let (note, missing) = (text.find("A documentation form is in the chart but not finished"), text.find("Missing:"));
    assert!(note.is_some() && note < missing, "{text}");
}

#[test]
fn the_codes_found_and_the_codes_listed_stand_side_by_side() {
    let said = |reason: Value| {
        let card = first_injection(left("2026-12-01"), 6).with_order_member(0, "reasonCode", &json!([reason])).card();
        detail(&card).to_owned()
    };
    let icd = said(icd10("M54.18"));
    assert!(icd.contains("The order has M54.18. The policy lists M43.08, M46.1, "), "{icd}");
    let snomed = said(concept("http://snomed.info/sct", "29885006"));
    assert!(snomed.contains("The order has 29885006. The policy lists diagnoses as ICD-10-CM: M43.08, "), "{snomed}");
}

#[test]
fn a_snomed_ct_diagnosis_that_a_listed_code_corresponds_to_is_told_that_code() {
    let snomed = |code: &str, display: &str| json!({"coding": [{"system": "http://snomed.info/sct", "code": code, "display": display}]});
    let call = |reason: &Value| first_injection(left("2026-12-01"), 6).with_order_member(0, "reasonCode", &json!([reason]));
    for (code, display, codes) in [
        ("202487003", "Sacroiliac joint pain", "M53.3"),
        ("782661001", "Chronic sacroiliac joint pain", "M53.3"),
        ("202805003", "Sacroiliac disorder", "M53.3"),
        ("34789001", "Pain in the coccyx", "M53.3"),
        ("55146009", "Inflammation of sacroiliac joint", "M46.1"),
        ("239815007", "Solitary sacroiliitis", "M46.1"),
        ("279039007", "Low back pain", "M54.50 or M54.59"),
        ("267982002", "Pain in lumbar spine", "M54.50 or M54.59"),
        ("23056005", "Sciatica", "M54.30, M54.31 or M54.32"),
        ("202794004", "Lumbago with sciatica", "M54.40, M54.41 or M54.42"),
        ("134407002", "Chronic back pain", "M54.89 or M54.9"),
    ] {
        let note = format!("Listed as ICD-10-CM {codes}: {display}, which is coded in SNOMED CT");
        let on_order = call(&snomed(code, display));
        assert!(detail(&on_order.card()).contains(&format!("- {note}.")), "{}", detail(&on_order.card()));
        assert!(!detail(&on_order.card()).contains("The policy lists diagnoses as"), "{}", detail(&on_order.card()));
        let evaluation = on_order.evaluation();
        assert_eq!(evaluation["orders"][0]["diagnosis"], "not-found", "the reading of the list stays");
        assert_eq!(evaluation["orders"][0]["codingNotes"], json!([note]));
        let on_problem_list = call(&json!({})).with("conditions", [condition("c1", &snomed(code, display))]);
        assert!(detail(&on_problem_list.card()).contains(&format!("- {note}.")), "{}", detail(&on_problem_list.card()));
    }
    // A listed code beside it, on the order or on the problem list, is enough.
    let both = first_injection(left("2026-12-01"), 6).with_order_member(0, "reasonCode", &json!([snomed("202487003", ""), icd10("M53.3")]));
    let listed = call(&snomed("202487003", "")).with("conditions", [condition("c1", &icd10("M53.3"))]);
    for call in [both, listed] {
        assert!(!detail(&call.card()).contains("SNOMED CT"), "{}", detail(&call.card()));
    }
    // Nor does a disorder that no listed code means.
    for code in ["29885006", "111653006", "201776007", "279043006"] {
        assert!(!detail(&call(&snomed(code, "")).card()).contains("is coded in SNOMED CT"), "{code}");
    }
    // An order for something else has to be told so, whatever the problem list has.
    let other = call(&icd10("M16.11")).with("conditions", [condition("c1", &snomed("279039007", "Low back pain"))]);
    assert!(detail(&other.card()).contains("The order has M16.11. The policy lists "), "{}", detail(&other.card()));
    assert_eq!(other.evaluation()["orders"][0]["codingNotes"], Value::Null);
}

/// The displayed list matches the value set, without the code that is no longer billable.
#[test]
fn the_diagnoses_listed_in_words_are_those_of_the_value_set() {
    let folder = "cds-hooks/policies/sacroiliac-joint-interventions/2019-08";
    let set: Value = serde_json::from_str(&document(&format!("{folder}/valuesets/covered-diagnoses.json"))).unwrap();
    let codes = set["compose"]["include"][0]["concept"].as_array().unwrap().iter().map(|concept| concept["code"].as_str().unwrap());
    let codes: Vec<_> = codes.filter(|code| *code != "M54.5").collect();
    let words = document(&format!("{folder}/cards.toml"));
    let listed = words.lines().find_map(|line| line.strip_prefix("listed-diagnoses = ")).unwrap().trim_matches('"').replace(" or ", ", ");
    let mut found: Vec<String> = Vec::new();
    for part in listed.split(", ") {
        match part.split_once(" to ") {
            None => found.push(part.to_owned()),
            Some((first, last)) => found.extend(codes.iter().filter(|code| (first..=last).contains(*code)).map(|code| (*code).to_owned())),
        }
    }
    assert_eq!(found, codes);
}

#[test]
fn what_is_missing_is_called_by_what_is_asked_and_not_by_what_is_hoped_for() {
    let card = Call::ordering([left("2026-12-01")]).with("procedures", [procedure("i1", &cpt("27096:LT"), "2026-10-01")]).card();
    assert!(detail(&card).contains("- Relief after the first injection"), "{}", detail(&card));
    let card = Call::ordering([left("2026-12-01")]).card();
    assert!(detail(&card).contains("- Tenderness over the SI joint\n"), "{}", detail(&card));
    assert!(detail(&card).contains("- Other likely diagnoses\n"), "{}", detail(&card));
}

#[test]
fn a_plain_text_card_has_the_same_words_in_other_bullets() {
    for story in stories() {
        let plain = Showing::in_dialect(sij_cds::cds_hooks::Dialect::BrProvider).card(&story);
        assert!(!detail(&plain).contains("\n- "), "{}: {}", story.name, detail(&plain));
        assert!(detail(&plain).chars().count() <= MAX_CHARS, "{}", story.name);
    }
}
