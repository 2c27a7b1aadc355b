use std::io::{BufRead, Write};
fn main() {
    let policies = sij_cds::app::Policies::load(None).unwrap_or_else(|e| panic!("{e}"));
    let services = sij_cds::app::Services::load().unwrap();
    let as_of = chrono::DateTime::parse_from_rfc3339("2026-11-22T10:00:00Z").unwrap().to_utc();
    let out = std::io::stdout();
    for l in std::io::stdin().lock().lines() {
        let l = l.unwrap();
        let s = sij_cds::app::evaluate_json(&policies, &services.prefetch_keys, as_of, &l);
        writeln!(out.lock(), "{s}").unwrap();
    }
}
