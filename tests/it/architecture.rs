//! The source respects the dependency arrows of `docs/architecture.md`, and no large circle of files uses each other.

use std::collections::BTreeSet;

use crate::support::module_graph::{Module, ModuleGraph};

/// Each room and the rooms it may depend on. Each room of `smart` counts as one.
const ARROWS: [(&str, &[&str]); 21] = [
    ("policy", &[]),
    ("evidence", &["policy"]),
    ("cds_hooks", &[]),
    ("crd", &["policy", "evidence", "cds_hooks"]),
    ("fhir", &["clock", "ids", "json_size", "large_work", "memory_budget", "config", "outgoing"]),
    ("auth", &["cds_hooks", "clock", "ids", "config", "outgoing", "rate_limits"]),
    ("ledger", &["clock", "ids", "config"]),
    ("decision", &["policy", "evidence", "cds_hooks", "fhir", "memory_budget", "config"]),
    (
        "service",
        &[
            "decision",
            "crd",
            "auth",
            "ledger",
            "policy",
            "evidence",
            "cds_hooks",
            "fhir",
            "config",
            "clock",
            "ids",
            "large_work",
            "memory_budget",
            "rate_limits",
        ],
    ),
    ("dtr", &["service", "decision", "crd", "auth", "ledger", "policy", "evidence", "cds_hooks", "config", "clock", "ids", "large_work"]),
    ("smart", &["service", "decision", "crd", "auth", "ledger", "cds_hooks", "config", "smart::launch", "smart::session", "smart::page"]),
    ("smart::launch", &["auth", "clock", "ids", "config", "outgoing"]),
    (
        "smart::session",
        &[
            "smart",
            "smart::launch",
            "smart::page",
            "service",
            "decision",
            "dtr",
            "crd",
            "ledger",
            "fhir",
            "policy",
            "evidence",
            "cds_hooks",
            "memory_budget",
        ],
    ),
    ("smart::page", &["policy"]),
    (
        "app",
        &[
            "service",
            "dtr",
            "smart",
            "smart::launch",
            "smart::session",
            "decision",
            "crd",
            "auth",
            "ledger",
            "cds_hooks",
            "config",
            "clock",
            "ids",
        ],
    ),
    (
        "http",
        &[
            "app",
            "service",
            "dtr",
            "smart",
            "smart::session",
            "smart::page",
            "decision",
            "auth",
            "ledger",
            "cds_hooks",
            "config",
            "ids",
            "json_size",
            "large_work",
            "memory_budget",
            "rate_limits",
            "telemetry",
        ],
    ),
    ("cli", &["app", "http", "service", "decision", "crd", "evidence", "policy", "auth", "ledger", "config", "clock", "ids", "telemetry"]),
    ("config", &["cds_hooks", "crd"]),
    ("outgoing", &["config"]),
    ("telemetry", &["config", "outgoing"]),
    ("root", &["cli"]),
];

/// Rooms without dependencies of their own.
const GROUND: [&str; 6] = ["clock", "ids", "json_size", "large_work", "memory_budget", "rate_limits"];

/// Crates that only one room may use.
const FENCED_CRATES: [(&str, &str); 5] =
    [("askama", "smart::page"), ("axum", "http"), ("hyper", "http"), ("anyhow", "cli"), ("clap", "cli")];

/// The largest circle of files that is allowed.
const MAX_CIRCLE: usize = 4;

/// The room that a module is in.
fn room(module: &Module) -> String {
    let room = match module.as_slice() {
        [] => "root",
        [smart, room, ..] if smart == "smart" && matches!(room.as_str(), "launch" | "session" | "page") => return format!("smart::{room}"),
        [room, ..] => room,
    };
    room.to_owned()
}

/// The violations in these sources.
fn violations(graph: &ModuleGraph) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (module, used) in graph.edges() {
        let (name, own) = (module.join("::"), room(module));
        let allowed = ARROWS.iter().find(|(room, _)| *room == own).map(|(_, allowed)| *allowed);
        let Some(allowed) = allowed.or(GROUND.contains(&own.as_str()).then_some(&[][..])) else {
            found.insert(format!("{name}: `{own}` is not in the architecture"));
            continue;
        };
        let foreign = used.into_iter().map(room).filter(|other| *other != own && *other != "root" && !allowed.contains(&other.as_str()));
        found.extend(foreign.map(|other| format!("{name}: `{own}` uses `{other}`")));
        let fenced = FENCED_CRATES.iter().filter(|(crate_name, owner)| *owner != own && names_crate(graph.source(module), crate_name));
        found.extend(fenced.map(|(crate_name, _)| format!("{name}: `{own}` uses the crate {crate_name}")));
    }
    found
}

fn names_crate(code: &str, name: &str) -> bool {
    let starts_here = |at: usize| !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':');
    code.match_indices(&format!("{name}::")).any(|(at, _)| starts_here(at))
}

#[test]
fn the_source_holds_to_the_arrows() {
    assert_eq!(violations(&ModuleGraph::of_this_crate()), BTreeSet::new());
}

#[test]
fn no_large_circle_of_files_uses_each_other() {
    let large: Vec<_> = ModuleGraph::of_this_crate().circles().into_iter().filter(|circle| circle.len() > MAX_CIRCLE).collect();
    assert_eq!(large, Vec::<Vec<String>>::new());
}

#[test]
fn a_planted_violation_is_found() {
    let table: [(&[(&str, &str)], &str); 9] = [
        (&[("policy/criteria.rs", "use crate::evidence::Facts;"), ("evidence/mod.rs", "")], "policy::criteria: `policy` uses `evidence`"),
        (&[("policy/mod.rs", "fn f() { crate::clock::now() }"), ("clock.rs", "")], "policy: `policy` uses `clock`"),
        (
            &[("http/hook.rs", "use crate::{app::{App, Category}, policy::Verdict};"), ("app.rs", ""), ("policy/mod.rs", "")],
            "http::hook: `http` uses `policy`",
        ),
        (&[("evidence/dates.rs", "use super::super::http::router;"), ("http/mod.rs", "")], "evidence::dates: `evidence` uses `http`"),
        (
            &[
                ("http/hook.rs", "use crate::service::Verdict;"),
                ("service/mod.rs", "pub use crate::policy::Verdict;"),
                ("policy/mod.rs", "mod verdict;\npub use verdict::Verdict;"),
                ("policy/verdict.rs", ""),
            ],
            "http::hook: `http` uses `policy`",
        ),
        (&[("clock.rs", "use super::ids::RandomIds;"), ("ids.rs", "")], "clock: `clock` uses `ids`"),
        (
            &[("smart/page/view.rs", "use crate::smart::launch::Grant;"), ("smart/launch/mod.rs", "")],
            "smart::page::view: `smart::page` uses `smart::launch`",
        ),
        (&[("service/decide.rs", "use axum::body::Bytes;")], "service::decide: `service` uses the crate axum"),
        (&[("utils/mod.rs", "")], "utils: `utils` is not in the architecture"),
    ];
    for (sources, expected) in table {
        assert_eq!(violations(&ModuleGraph::from_sources(sources.iter().copied())), BTreeSet::from([expected.to_owned()]), "{sources:?}");
    }
}

#[test]
fn what_is_allowed_is_not_a_violation() {
    let table: [&[(&str, &str)]; 5] = [
        &[("evidence/mod.rs", "use crate::policy::Facts;"), ("policy/mod.rs", "")],
        &[
            ("policy/mod.rs", "//! See [`crate::evidence`].\nmod dates;\npub use dates::Day;"),
            ("policy/dates.rs", ""),
            ("evidence/mod.rs", ""),
        ],
        &[("policy/dates.rs", "use super::evaluation::Plan; // not crate::app::App"), ("policy/evaluation.rs", ""), ("app.rs", "")],
        &[("config/log.rs", "use crate::config::Origin;"), ("config/mod.rs", "")],
        &[("policy/mod.rs", "#[cfg(test)]\nmod tests { use crate::app::App; }"), ("app.rs", "")],
    ];
    for sources in table {
        assert_eq!(violations(&ModuleGraph::from_sources(sources.iter().copied())), BTreeSet::new(), "{sources:?}");
    }
}

#[test]
fn a_circle_of_files_is_found() {
    let file = |next: &'static str| format!("use super::{next}::Item;");
    let (a, b, c) = (file("b"), file("c"), file("a"));
    let graph = ModuleGraph::from_sources([("policy/a.rs", a.as_str()), ("policy/b.rs", &b), ("policy/c.rs", &c), ("policy/d.rs", &a)]);
    assert_eq!(graph.circles(), [["policy::a", "policy::b", "policy::c"]]);
}
