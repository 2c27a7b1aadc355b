//! The command line, for people and service managers.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | the work failed |
//! | 2 | wrong usage or invalid configuration |
//!
//! Not here: the work itself. Each command is a file with a `run` function, listed in `arguments` and dispatched in `dispatch`.

mod arguments;
mod call_source;
mod config;
mod dispatch;
mod evaluate;
mod html;
mod impact_chart;
mod impact_html;
mod impact_json;
mod impact_report;
mod impact_run;
mod impact_text;
mod ledger;
mod ledger_arguments;
mod ledger_expectations;
mod ledger_json;
mod ledger_runs;
mod ledger_text;
mod lines;
mod output;
mod policy;
mod policy_arguments;
mod policy_files;
mod policy_html;
mod policy_impact;
mod policy_show;
mod reload;
mod report_text;
mod serve;
mod signals;
mod terminal_text;
mod text_page;

pub use dispatch::run;
