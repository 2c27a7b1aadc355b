//! `sij-cds policy check`.
//! Not here: the check; see [`crate::decision::policy_check`].

use std::io::{self, Write};
use std::process::ExitCode;

use super::output::quiet_when_closed;
use super::policy_arguments::PolicyCheckArguments;
use crate::decision::policy_check::{CaseCheck, CaseOutcome, CheckDepth, Uncovered, VersionCheck, check_policies};
use crate::decision::{Policies, PolicySettings, UnusedPolicy};

/// Loads every policy version, runs its worked cases, and prints each disagreement and, with `coverage`, what no case covers. The exit code
/// is 1 if a case disagrees, or a version has none. Then checks the policies against the configuration, and prints those that judge no order.
pub(super) fn check(arguments: PolicyCheckArguments) -> anyhow::Result<ExitCode> {
    let depth = if arguments.coverage { CheckDepth::Coverage } else { CheckDepth::Cases };
    let config = arguments.policies.config(arguments.file.path.as_deref())?;
    let directory = config.policy.directory.as_deref();
    let versions = check_policies(directory, depth)?;
    quiet_when_closed(print(&mut io::stdout().lock(), &versions).map_err(Into::into))?;
    let policies = Policies::load_with(directory, &PolicySettings::from_config(&config))?;
    quiet_when_closed(print_unused(&mut io::stdout().lock(), policies.unused()).map_err(Into::into))?;
    let agree = versions.iter().all(|version| !version.cases.is_empty() && version.cases.iter().all(CaseCheck::agrees));
    Ok(if agree { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One line for each folder of a policy that judges no order.
pub(super) fn print_unused(out: &mut impl Write, unused: impl Iterator<Item = UnusedPolicy>) -> io::Result<()> {
    unused.into_iter().try_for_each(|unused| writeln!(out, "{unused}"))
}

fn print(out: &mut impl Write, versions: &[VersionCheck]) -> io::Result<()> {
    for version in versions {
        let VersionCheck { folder, id, version: name, effective_from, value_sets, codes, criteria, cases, uncovered } = version;
        writeln!(out, "{id} {name}, from {effective_from}: {value_sets} value sets, {codes} codes, {criteria} criteria")?;
        if cases.is_empty() {
            writeln!(out, "{folder}: there is no case; a version needs some, so that its answers can be checked")?;
        }
        for case in cases {
            print_case(out, folder, case)?;
        }
        for Uncovered { file, line, what } in uncovered {
            writeln!(out, "warning: {folder}/{file}:{line}: {what}")?;
        }
    }
    let cases = versions.iter().flat_map(|version| &version.cases);
    let disagree = cases.clone().filter(|case| !case.agrees()).count();
    writeln!(out, "{} cases, {disagree} disagree", cases.count())
}

fn print_case(out: &mut impl Write, folder: &str, case: &CaseCheck) -> io::Result<()> {
    let CaseCheck { file, name, .. } = case;
    // A file that cannot be read has no case name.
    let place = if name.is_empty() { format!("{folder}/{file}") } else { format!("{folder}/{file}: {name}") };
    match &case.outcome {
        CaseOutcome::Agrees => Ok(()),
        CaseOutcome::Unusable(problem) => writeln!(out, "{place}: {problem}"),
        CaseOutcome::Disagrees(disagreements) => {
            writeln!(out, "{place}: {}", case.title)?;
            disagreements.iter().try_for_each(|disagreement| {
                let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
                let (expected, found) = (said(&disagreement.expected), said(&disagreement.found));
                writeln!(out, "  {}: expected {expected}, found {found}", disagreement.place)
            })
        }
    }
}
