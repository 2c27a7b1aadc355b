//! The contents of an impact report, and its words for people. The same for all three formats.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDate;

use super::terminal_text::printable;
use crate::decision::Policies;
use crate::policy::{CriterionId, Determination, Policy};
use crate::service::policy_impact::{CallReference, ChangedOrder, ComparedVerdict, CriterionChange, ImpactTally, PolicySide};

/// The contents of an impact report.
pub(super) struct ImpactReport {
    pub(super) in_use: PolicySetHeading,
    pub(super) proposed: PolicySetHeading,
    /// The version that judged every order, if one was named.
    pub(super) only_version: Option<String>,
    pub(super) calls: CallsHeading,
    pub(super) tally: ImpactTally,
    /// Each changed criterion's title, by its id.
    pub(super) titles: BTreeMap<String, String>,
    pub(super) shows_patients: bool,
}

/// A set of policies.
pub(super) struct PolicySetHeading {
    /// The directory; `None` for the embedded policies.
    pub(super) directory: Option<String>,
    pub(super) versions: Vec<PolicyVersionHeading>,
}

/// A version of a set of policies.
pub(super) struct PolicyVersionHeading {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) effective_from: NaiveDate,
    /// SHA-256 of its files, in hexadecimal.
    pub(super) digest: String,
    /// The orders that it decided.
    pub(super) orders: u64,
}

/// Where the calls come from.
pub(super) enum CallsHeading {
    /// A file, or standard input.
    Lines {
        /// Its name, in backticks if it is a file.
        name: String,
    },
    /// The ledger, from one day through another.
    Ledger { from: Option<NaiveDate>, to: Option<NaiveDate> },
}

impl PolicySetHeading {
    /// The heading of policies that decided `orders` of each version.
    pub(super) fn new(directory: Option<&Path>, policies: &Policies, orders: &BTreeMap<String, u64>) -> Self {
        let version = |policy: &Policy| {
            let name = format!("{}|{}", policy.id, policy.version);
            PolicyVersionHeading {
                id: policy.id.clone(),
                version: policy.version.clone(),
                effective_from: policy.effective_from,
                digest: policies.digest_of(&name).unwrap_or_default().to_owned(),
                orders: orders.get(&name).copied().unwrap_or_default(),
            }
        };
        Self { directory: directory.map(|directory| directory.display().to_string()), versions: policies.all().map(version).collect() }
    }

    /// The set's name in a sentence.
    pub(super) fn name(&self) -> String {
        self.directory.as_ref().map_or_else(|| "the embedded policies".to_owned(), |directory| format!("`{}`", printable(directory)))
    }

    /// Each version with its first day and the orders that it decided.
    pub(super) fn version_lines(&self) -> Vec<String> {
        let line = |version: &PolicyVersionHeading| {
            let PolicyVersionHeading { id, version, effective_from, orders, .. } = version;
            format!(
                "{} {}, for services from {effective_from} on: decided {}",
                printable(id),
                printable(version),
                counted(*orders, "order")
            )
        };
        self.versions.iter().map(line).collect()
    }

    fn digests(&self) -> Vec<&str> {
        self.versions.iter().map(|version| version.digest.as_str()).collect()
    }
}

impl ImpactReport {
    /// The title of each changed criterion, by the proposed policies if they have it.
    pub(super) fn titles(in_use: &Policies, proposed: &Policies, tally: &ImpactTally) -> BTreeMap<String, String> {
        let title = |policies: &Policies, id: &CriterionId| {
            let definitions = policies.all().filter_map(|policy| policy.criterion(id));
            definitions.last().map(|definition| definition.title.clone())
        };
        let titled = |id: &String| {
            let known = CriterionId::from(id.as_str());
            Some((id.clone(), title(proposed, &known).or_else(|| title(in_use, &known))?))
        };
        tally.criteria.keys().filter_map(titled).collect()
    }

    /// The result in one line.
    pub(super) fn headline(&self) -> String {
        let ImpactTally { orders, changed_orders, .. } = self.tally;
        match (orders, changed_orders) {
            (0, _) => "No order was judged by both sets of policies".to_owned(),
            (_, 0) => format!("No determination changes, of {}", counted(orders, "order")),
            (_, changed) => {
                let verb = if changed == 1 { "changes" } else { "change" };
                format!("{} of {} {verb}: {}", counted(changed, "determination"), counted(orders, "order"), percent(changed, orders))
            }
        }
    }

    /// Where the calls come from, and how many of them were judged.
    pub(super) fn calls_line(&self) -> String {
        let ImpactTally { calls, judged_calls, unjudged_calls, calls_without_order, .. } = self.tally;
        let source = match &self.calls {
            CallsHeading::Lines { name } => format!("{} of {}", counted(calls, "call"), printable(name)),
            CallsHeading::Ledger { from, to } => format!("{} of the ledger{}", counted(calls, "recorded call"), period(*from, *to)),
        };
        format!(
            "{source}: {judged_calls} judged by both sets of policies, of which {calls_without_order} had no order for these policies; \
             {unjudged_calls} not judged"
        )
    }

    /// What a reader of the counts must know besides them.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let proposed = self.proposed.name();
        if self.only_version.is_none() && self.in_use.digests() == self.proposed.digests() {
            remarks.push(format!("The files of {proposed} are the same as those in use."));
        }
        if let Some(version) = &self.only_version {
            remarks.push(format!("Version {} of {proposed} judged every order, whatever its service date.", printable(version)));
        }
        let is_idle = |version: &&PolicyVersionHeading| version.orders == 0 && self.tally.orders > 0 && self.only_version.is_none();
        for PolicyVersionHeading { version, effective_from, .. } in self.proposed.versions.iter().filter(is_idle) {
            let version = printable(version);
            remarks.push(format!(
                "Version {version} of {proposed} decided none of these orders: it applies to services from {effective_from} on. Use \
                 --only-version {version} to judge every order by it."
            ));
        }
        if self.tally.moved_orders > 0 {
            remarks.push(format!(
                "{} with the same determination would have another earliest date.",
                counted(self.tally.moved_orders, "order")
            ));
        }
        remarks
    }

    /// The determinations that occur, in use or proposed, least severe first; no determination comes last.
    pub(super) fn determinations(&self) -> Vec<Option<Determination>> {
        let all = Determination::ALL.into_iter().map(Some).chain([None]);
        all.filter(|wanted| self.tally.determinations.keys().any(|(from, to)| from == wanted || to == wanted)).collect()
    }

    /// The orders with this pair of determinations.
    pub(super) fn orders_with(&self, from: Option<Determination>, to: Option<Determination>) -> u64 {
        self.tally.determinations.get(&(from, to)).copied().unwrap_or_default()
    }

    /// Each change of the determination with its number of orders, the most frequent first.
    pub(super) fn changes(&self) -> Vec<(Option<Determination>, Option<Determination>, u64)> {
        let differing = self.tally.determinations.iter().filter(|((from, to), _)| from != to);
        let mut changes: Vec<_> = differing.map(|((from, to), orders)| (*from, *to, *orders)).collect();
        changes.sort_by_key(|(_, _, orders)| std::cmp::Reverse(*orders));
        changes
    }

    /// The changed orders that are not listed.
    pub(super) fn unlisted_orders(&self) -> u64 {
        self.tally.changed_orders.saturating_sub(length(&self.tally.listed_orders))
    }

    /// The causes, one for each call and set of policies, that are not listed.
    pub(super) fn unlisted_causes(&self) -> u64 {
        self.tally.unjudged.values().sum::<u64>().saturating_sub(length(&self.tally.listed_unjudged))
    }

    /// A criterion's id and title.
    pub(super) fn criterion(&self, id: &str) -> String {
        self.titles.get(id).map_or_else(|| printable(id).into_owned(), |title| format!("{} {}", printable(id), printable(title)))
    }

    /// How a listed order is named: without ids of the call's own, unless they are asked for or the record has them in lists as well.
    pub(super) fn order_name(&self, order: &ChangedOrder) -> String {
        let call = self.call_name(&order.call);
        let reference = printable(&order.comparison.order);
        let name = match (order.call.record.is_some(), self.shows_patients) {
            (false, false) => format!("order {}", order.comparison.position + 1),
            (true, _) | (false, true) => reference.into_owned(),
        };
        let patient = order.patient.as_deref().filter(|_| self.shows_patients);
        let patient = patient.map(|patient| format!(", {}", printable(patient))).unwrap_or_default();
        format!("{call}, {name}{patient}")
    }

    /// A call's line, or its record's id.
    pub(super) fn call_name(&self, call: &CallReference) -> String {
        match (&self.calls, call.record) {
            (CallsHeading::Lines { .. }, _) => format!("line {}", call.number),
            (CallsHeading::Ledger { .. }, Some(record)) => format!("record {record}"),
            (CallsHeading::Ledger { .. }, None) => format!("record no. {} that was read", call.number),
        }
    }
}

fn period(from: Option<NaiveDate>, to: Option<NaiveDate>) -> String {
    match (from, to) {
        (None, None) => String::new(),
        (Some(from), None) => format!(" received from {from} on"),
        (None, Some(to)) => format!(" received through {to}"),
        (Some(from), Some(to)) => format!(" received from {from} through {to}"),
    }
}

/// A number with its noun, for example `1 order`, `2 orders`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A share, for example `4%`. One below half a percent is `less than 1%`.
fn percent(part: u64, whole: u64) -> String {
    let rounded = (part * 100 + whole / 2).checked_div(whole).unwrap_or_default();
    if rounded == 0 && part > 0 { "less than 1%".to_owned() } else { format!("{rounded}%") }
}

fn length<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

/// A determination in the words of a clinic.
pub(super) fn determination_words(determination: Option<Determination>) -> &'static str {
    match determination {
        Some(Determination::Supported) => "supported",
        Some(Determination::NeedsDocumentation) => "documentation needed",
        Some(Determination::NotYet) => "not yet",
        Some(Determination::IndividualConsideration) => "individual consideration",
        Some(Determination::Indeterminate) => "indeterminate",
        Some(Determination::NotSupported) => "not supported",
        None => "no determination",
    }
}

/// A verdict in the words of the text report of a decision.
pub(super) fn verdict_words(verdict: ComparedVerdict) -> &'static str {
    match verdict {
        ComparedVerdict::Met => "met",
        ComparedVerdict::NotMet => "not met",
        ComparedVerdict::Unknown => "not known",
        ComparedVerdict::NotAsked => "not asked",
    }
}

/// A change of a criterion, with its joint.
pub(super) fn criterion_words(change: &CriterionChange) -> String {
    let joint = if change.joint == "unspecified" { String::new() } else { format!(" ({})", change.joint) };
    format!("{}{joint}: {} → {}", printable(&change.id), verdict_words(change.from), verdict_words(change.to))
}

/// Which policies do not judge a call.
pub(super) fn side_words(side: PolicySide) -> &'static str {
    match side {
        PolicySide::Both => "by both",
        PolicySide::InUse => "by the policies in use only",
        PolicySide::Proposed => "by the proposed policies only",
    }
}

/// Why a call is not judged, by the label of the cause.
pub(super) fn cause_words(label: &str) -> &'static str {
    match label {
        "line-too-long" => "the line is too long",
        "not-utf8" => "the line is not UTF-8 text",
        "not-an-instant" => "`asOf` is not an instant",
        "not-a-call" => "it is not the JSON of a CDS Hooks call",
        "refused" => "the service refuses the call",
        "key-missing" => "the key of the record is missing",
        "damaged" => "the record is damaged",
        "no-code-map" => "the code map that the call was read with is not configured",
        "no-chart" => "the record has no chart",
        _ => "the record's content is not as this program keeps it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_and_a_small_one_is_not_zero() {
        for (part, whole, text) in [(0, 9, "0%"), (1, 1000, "less than 1%"), (1, 200, "1%"), (1, 3, "33%"), (2, 3, "67%"), (9, 9, "100%")] {
            assert_eq!(percent(part, whole), text, "{part} of {whole}");
        }
    }
}
