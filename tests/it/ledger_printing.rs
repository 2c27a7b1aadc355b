//! No command on the ledger prints a character that moves a cursor, forges a line or hides text, wherever it comes from.

use serde_json::{Value, json};
use sij_cds::ids::{IdSource as _, RandomIds};
use sij_cds::ledger::{Entry, EntryKind};

use crate::support::day_of_the_fixtures;
use crate::support::keeping::Keeping;

/// C0, DEL and C1; zero-width and bidirectional characters; line separators; tags.
fn hostile() -> Vec<char> {
    let ranges = [
        '\u{0}'..='\u{1f}',
        '\u{7f}'..='\u{9f}',
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2066}'..='\u{2069}',
        '\u{feff}'..='\u{feff}',
        '\u{61c}'..='\u{61c}',
        '\u{e0000}'..='\u{e007f}',
    ];
    ranges.into_iter().flatten().collect()
}

/// A text with each of them.
fn text(mark: &str) -> String {
    format!("{mark}{}{mark}", hostile().into_iter().collect::<String>())
}

/// An object whose name and value are such texts.
fn object() -> Value {
    json!({text("name"): text("value"), "list": [{text("name"): text("value")}]})
}

fn call_content() -> Value {
    let order = json!({"order": text("order"), "serviceDate": text("date"), "determination": text("said"), "earliestDate": text("date"),
        "sites": [{"site": text("site"), "pathway": text("way"), "determination": text("said"), "criteria": [
            {"id": text("id"), "verdict": text("verdict"), "statement": text("statement"),
             "evidence": [{"resource": text("resource"), "date": text("date"), "what": text("what")}]}]}]});
    json!({"program": text("program"),
        "evaluation": {"orders": [order], "sources": {text("source"): text("value")},
            "passedOver": [{"order": text("order"), "why": text("why"), "codes": [text("code")]}]},
        "fetched": {"lists": [{"type": text("type"), "pages": [], "missing": text("missing")}], "referred": []},
        "answer": {"cards": [{"uuid": text("uuid"), "summary": text("summary"), "indicator": text("info"),
            "suggestions": [{"label": text("label"), "uuid": text("uuid")}]}]},
        "request": {"prefetch": {text("key"): {}}, "context": {"draftOrders": {"entry": [
            {"resource": {"resourceType": text("type"), "id": text("id")}}]}}}})
}

fn entry(kind: EntryKind, content: &Value) -> Entry<'static> {
    let mut entry = Entry::new(RandomIds.new_id(), kind, day_of_the_fixtures());
    (entry.client, entry.tenant, entry.hook) = (Some(text("client")), Some(text("tenant")), Some(text("hook")));
    (entry.cause, entry.policies, entry.determination) = (Some(text("cause")), Some(text("policy")), Some(text("said")));
    let summary = json!({"hookInstance": text("instance"), "patient": text("patient"), "user": text("user"), "outcome": text("outcome"),
        "response": text("response"), "program": text("program"), "orders": [{"order": text("order")}], text("name"): text("value")});
    (entry.summary, entry.content) = (summary.to_string().into_bytes(), vec![content.to_string().into_bytes().into()]);
    entry
}

/// A ledger with hostile text at every place, and the id of each record.
async fn hostile_ledger() -> (Keeping, Vec<String>) {
    let mut keeping = Keeping::new();
    keeping.config.ledger.instance = text("instance");
    let call = entry(EntryKind::Call, &call_content());
    let mut feedback = entry(EntryKind::Feedback, &object());
    feedback.about = Some(call.id);
    let entries = vec![
        call,
        feedback,
        entry(EntryKind::Fault, &object()),
        entry(EntryKind::AppSaved, &json!({"evaluation": call_content()["evaluation"], "response": object()})),
    ];
    let ids = entries.iter().map(|entry| entry.id.to_string()).collect();
    let ledger = keeping.ledger().await;
    ledger.write(entries).await.unwrap();
    ledger.close().await;
    (keeping, ids)
}

#[track_caller]
fn check(arguments: &[&str], told: &str) {
    let found: Vec<char> = told.chars().filter(|letter| *letter != '\n' && hostile().contains(letter)).collect();
    assert!(found.is_empty(), "{arguments:?}: {found:?}");
}

#[tokio::test]
async fn no_command_prints_a_control_or_invisible_character_from_anywhere() {
    let (keeping, ids) = hostile_ledger().await;
    let mut commands = vec![vec!["list"], vec!["list", "--format", "json"], vec!["export"], vec!["verify"], vec!["checkpoint"]];
    commands.extend(ids.iter().flat_map(|id| [vec!["show", id], vec!["show", id, "--format", "json"]]));
    for arguments in commands {
        let (code, told) = keeping.command(&arguments);
        assert_eq!(code, 0, "{arguments:?}: {told}");
        check(&arguments, &told);
    }
    let (code, table) = keeping.command(&["export", "--format", "csv"]);
    assert_eq!(code, 0);
    check(&["csv"], &table.replace("\r\n", "\n"));
    assert_eq!(table.lines().count(), 6, "no line is forged");
    assert_eq!(keeping.command(&["list"]).1.lines().count(), 5, "no line is forged");
}

#[tokio::test]
async fn an_export_as_json_says_everything_in_escapes() {
    let (keeping, _) = hostile_ledger().await;
    let (_, told) = keeping.command(&["export", "--kind", "call"]);
    let record: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(record["answer"], call_content()["answer"]);
    assert_eq!(record[text("name")], text("value"));
}

#[tokio::test]
async fn what_somebody_wrote_into_the_database_is_printed_as_harmlessly() {
    let (keeping, ids) = hostile_ledger().await;
    for column in ["key_id", "client", "instance", "kind", "cause"] {
        let damaged = keeping.killed();
        let text = text("x").replace('\0', "");
        let changed = damaged.tamper(&format!("UPDATE ledger_record SET {column} = '{text}' WHERE sequence = 3")).await;
        assert_eq!(changed, 1);
        for arguments in [&["verify"][..], &["list"], &["list", "--format", "json"], &["export"], &["show", &ids[1]], &["checkpoint"]] {
            check(arguments, &damaged.command(arguments).1);
        }
    }
}
