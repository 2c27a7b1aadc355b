//! Every JSON block of the documents is what the program takes or writes.
//! Not here: the blocks that are compared with a whole output; see `readme` and `documentation`.

use std::collections::BTreeSet;
use std::path::Path;

use axum::http::StatusCode;
use serde_json::{Value, json};
use sij_cds::decision::folders;
use sij_cds::decision::policy_check::policy_cases;
use sij_cds::policy::PolicyFile;

use crate::support::callers::{EC_KEY, PUBLIC_URL, client};
use crate::support::markdown::{blocks, document};
use crate::support::{Evaluator, LogBuffer, TestApp, all_cases, bearing, post, story};

/// Each document with JSON blocks, and for each block what it shows.
const BLOCKS: [(&str, &[Shows]); 5] = [
    ("README.md", &[Shows::Card]),
    ("cds-hooks/README.md", &[Shows::Feedback]),
    ("docs/evaluation.md", &[Shows::Evaluation, Shows::Site]),
    ("docs/integration.md", &[Shows::RefusedLine]),
    ("docs/policy.md", &[Shows::PolicyCase]),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// Compared with the answer to the call that README makes (`the_call_yields_the_card_readme_shows`).
    Card,
    /// Compared with an evaluation (`the_example_of_an_evaluation_is_what_the_program_says`).
    Evaluation,
    Feedback,
    Site,
    RefusedLine,
    PolicyCase,
}

fn json_blocks(path: &str) -> Vec<Value> {
    let blocks = blocks(&document(path)).into_iter().filter(|block| block.language == "json");
    blocks.map(|block| serde_json::from_str(&block.text).unwrap_or_else(|error| panic!("{path}: {error}\n{}", block.text))).collect()
}

fn the_block(shows: Shows) -> Value {
    let (path, place) = BLOCKS.iter().find_map(|(path, all)| Some((path, all.iter().position(|one| *one == shows)?))).unwrap();
    json_blocks(path).swap_remove(place)
}

/// The names of all members, at any depth.
fn names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            found.insert(name.clone());
            names(member, found);
        }),
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

#[test]
fn every_json_block_has_its_check() {
    let pages = std::fs::read_dir(format!("{}/docs", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let pages = pages
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_str().unwrap()))
        .filter(|path| Path::new(path).extension().is_some_and(|extension| extension == "md"));
    for path in pages.chain(["README.md".to_owned(), "cds-hooks/README.md".to_owned(), "CONTRIBUTING.md".to_owned()]) {
        let expected = BLOCKS.iter().find(|(known, _)| *known == path).map_or(0, |(_, shows)| shows.len());
        assert_eq!(json_blocks(&path).len(), expected, "{path}");
    }
}

#[tokio::test]
async fn the_feedback_for_ehr_teams_is_taken() {
    let answer = TestApp::new().feedback(&the_block(Shows::Feedback)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

#[test]
fn every_member_of_the_site_shown_is_one_that_evaluations_have() {
    let (evaluator, mut shown, mut known) = (Evaluator::new(), BTreeSet::new(), BTreeSet::new());
    names(&the_block(Shows::Site), &mut shown);
    let mut beside: Value = serde_json::from_str(&story("third-injection-at-seven-weeks").request).unwrap();
    let other = json!({"resource": {"resourceType": "ServiceRequest", "id": "sr2", "status": "draft", "intent": "order",
        "subject": beside["context"]["draftOrders"]["entry"][0]["resource"]["subject"],
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "97110"}]}}});
    beside["context"]["draftOrders"]["entry"].as_array_mut().unwrap().push(other);
    names(&evaluator.evaluate(&beside.to_string()), &mut known);
    for case in all_cases() {
        names(&evaluator.evaluate(&case.request), &mut known);
    }
    assert_eq!(shown.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test]
async fn the_line_of_a_refused_caller_has_the_members_shown() {
    let app = TestApp::with(|config| {
        config.server.public_url = Some(PUBLIC_URL.parse().unwrap());
        config.clients =
            vec![client(json!({"name": "of-the-documents", "iss": "https://ehr.example", "jwks_uri": "https://ehr.example/jwks"}))];
    });
    let token = crate::support::callers::Token::good().claim("iss", json!("https://stranger.example")).signed_by(&EC_KEY);
    assert_eq!(app.send(bearing(&token, post(crate::support::SERVICE, "{}"))).await.status, StatusCode::UNAUTHORIZED);
    let log = LogBuffer::of_this_run().text();
    let line = log.lines().find(|line| line.contains("caller refused") && line.contains("unknown_issuer")).expect("a line");
    let (mut shown, mut written) = (BTreeSet::new(), BTreeSet::new());
    names(&the_block(Shows::RefusedLine), &mut shown);
    names(&serde_json::from_str(line).unwrap(), &mut written);
    // The address is known only behind a connection.
    shown.remove("address");
    written.remove("address");
    assert_eq!(shown, written);
}

#[test]
fn the_policy_case_shown_is_one() {
    let folder = folders(None).unwrap().remove(0);
    let mut case = the_block(Shows::PolicyCase);
    case["name"] = json!("as-the-documents-show-it");
    let file =
        PolicyFile { name: "cases/documented.json".to_owned(), text: json!({ "title": "As documented", "cases": [case] }).to_string() };
    let files: Vec<PolicyFile> = folder.files.into_iter().chain([file]).collect();
    let read: Vec<_> =
        policy_cases(&files).into_iter().filter(|case| case.as_ref().is_ok_and(|case| case.name == "as-the-documents-show-it")).collect();
    assert_eq!(read.len(), 1, "{:?}", policy_cases(&files).into_iter().filter_map(Result::err).collect::<Vec<_>>());
}
