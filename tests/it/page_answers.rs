//! Form submissions from the page: every field is checked, only questions asked are accepted, and repetitions are added and removed.

use serde_json::{Value, json};
use sij_cds::smart::page::{CurrentAnswers, FieldError, Submission, SubmittedAction};

use crate::support::day_of_the_fixtures;
use crate::support::page::FORM;

fn submitted(pairs: &[(&str, &str)]) -> Submission {
    Submission::from_form(&FORM, pairs.iter().copied(), &CurrentAnswers::default(), day_of_the_fixtures().date_naive())
}

/// The answer to a linkId, at any depth.
fn answer(items: &Value, link_id: &str) -> Option<Value> {
    items
        .as_array()?
        .iter()
        .find_map(|item| if item["linkId"] == link_id { Some(item["answer"][0].clone()) } else { answer(&item["item"], link_id) })
}

#[test]
fn each_type_of_answer_is_written_as_fhir_has_it() {
    let table = [
        ("pain-interferes-adls", "false", json!({"valueBoolean": false})),
        ("adls-limited-since", " 2026-03 ", json!({"valueDate": "2026-03"})),
        ("adls-limited-since", "3/2026", json!({"valueDate": "2026-03"})),
        ("prior-injection.0.injection-date", "3/9/2026", json!({"valueDate": "2026-03-09"})),
        ("nsaid-weeks", "6,0", json!({"valueInteger": 6})),
        ("test-gaenslen", "not-done", json!({"valueCoding": {"system": "urn:sij-cds:answers", "code": "not-done", "display": "Not done"}})),
        ("prior-injection.0.relief-percent", "62,5", json!({"valueDecimal": 62.5})),
    ];
    for (name, text, expected) in table {
        let submission = submitted(&[(name, text)]);
        assert_eq!(answer(&submission.items, name.rsplit('.').next().unwrap()), Some(expected), "{name}");
        assert!(submission.faults.is_empty());
    }
}

#[test]
fn what_is_no_answer_is_a_fault_of_its_field_and_no_item() {
    let table = [
        ("pain-interferes-adls", "maybe", FieldError::NotOption),
        ("test-gaenslen", "unsure", FieldError::NotOption),
        ("adls-limited-since", "March 2026", FieldError::NotDate),
        ("adls-limited-since", "3/9/26", FieldError::TwoDigitYear),
        ("adls-limited-since", "2/30/2026", FieldError::NoSuchDay),
        ("adls-limited-since", "2026-12", FieldError::InFuture),
        ("adls-limited-since", "11/23/2026", FieldError::InFuture),
        ("adls-limited-since", "1899", FieldError::TooEarly(chrono::NaiveDate::from_ymd_opt(1900, 1, 1).unwrap())),
        ("prior-injection.0.injection-date", "13/1/2026", FieldError::NoSuchDay),
        ("nsaid-weeks", "1.5", FieldError::NotWhole),
        ("nsaid-weeks", "-1", FieldError::TooLow("0".to_owned())),
        ("prior-injection.0.relief-percent", "101", FieldError::TooHigh("100".to_owned())),
        ("prior-injection.0.relief-duration-months", "two", FieldError::NotNumber),
    ];
    for (name, text, fault) in table {
        let submission = submitted(&[(name, text)]);
        assert_eq!(submission.faults.into_iter().collect::<Vec<_>>(), [(name.to_owned(), fault)]);
        assert_eq!(submission.items, json!([]), "{name}");
        assert_eq!(submission.answers.get(name).unwrap().value, text, "it is shown again");
    }
}

#[test]
fn an_open_question_is_no_item() {
    let submission = submitted(&[("pain-interferes-adls", ""), ("nsaid-weeks", "  "), ("prior-injection.0.injection-date", "")]);
    assert_eq!((submission.items, submission.faults.len()), (json!([]), 0));
}

#[test]
fn what_was_not_asked_is_not_taken() {
    let pairs = [
        ("status", "completed"),
        ("relief-percent", "50"),
        ("prior-injection.99.relief-percent", "50"),
        ("prior-injection.0.nsaid-weeks", "5"),
        ("prior-injection.x.relief-percent", "50"),
        ("pain", "true"),
    ];
    let submission = submitted(&pairs);
    assert_eq!((submission.items, submission.faults.len()), (json!([]), 0));
}

#[test]
fn a_long_text_is_cut_before_it_is_looked_at() {
    let submission = submitted(&[("nsaid-weeks", &"9".repeat(100_000))]);
    assert_eq!(submission.answers.get("nsaid-weeks").unwrap().value.len(), 40);
}

#[test]
fn the_button_says_what_is_asked_for() {
    for (button, action) in [
        ("save", SubmittedAction::Save),
        ("preview", SubmittedAction::Preview),
        ("extend", SubmittedAction::Extend),
        ("extend:1", SubmittedAction::Preview),
        ("", SubmittedAction::Preview),
        ("add:prior-injection", SubmittedAction::Reshape),
        ("add:anything", SubmittedAction::Preview),
        ("remove:prior-injection.7", SubmittedAction::Reshape),
    ] {
        assert_eq!(submitted(&[("action", button)]).action, action, "{button}");
    }
    let submission = submitted(&[("csrf", "token"), ("order", "ServiceRequest/o1")]);
    assert_eq!((submission.csrf.as_str(), submission.order.as_str()), ("token", "ServiceRequest/o1"));
}

#[test]
fn a_repetition_is_added_behind_those_that_are_there() {
    let answers = submitted(&[("prior-injection.0.injection-date", ""), ("action", "add:prior-injection")]).answers;
    assert_eq!(answers.repetitions("prior-injection"), 2);
    let many: Vec<_> = (0..20).map(|place| (format!("prior-injection.{place}.injection-date"), "2026")).collect();
    let mut pairs: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    pairs.push(("action", "add:prior-injection"));
    assert_eq!(submitted(&pairs).answers.repetitions("prior-injection"), 20);
}

#[test]
fn a_repetition_taken_out_lets_those_behind_it_move_up() {
    let pairs = [
        ("prior-injection.0.injection-date", "2026-01-05"),
        ("prior-injection.1.injection-date", "2026-02-05"),
        ("prior-injection.2.injection-date", "2026-03-05"),
        ("action", "remove:prior-injection.1"),
    ];
    let submission = submitted(&pairs);
    let dates = [0, 1, 2]
        .map(|place| submission.answers.get(&format!("prior-injection.{place}.injection-date")).map(|answer| answer.value.clone()));
    assert_eq!(dates, [Some("2026-01-05".to_owned()), Some("2026-03-05".to_owned()), None]);
    assert_eq!(submission.items[0]["item"].as_array().unwrap().len(), 2);
}
