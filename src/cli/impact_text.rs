//! An impact report as plain text, at most 100 columns wide.
//! Not here: its contents and words ([`super::impact_report`]).

use super::impact_report::{
    ImpactReport, PolicySetHeading, cause_words, counted, criterion_words, determination_words, side_words, verdict_words,
};
use super::text_page::TextPage;
use crate::service::policy_impact::{ChangedOrder, CriterionTally};

/// The width of a row's name and of a number, in columns.
const NAME_WIDTH: usize = 31;
const NUMBER_WIDTH: usize = 9;

/// The complete text.
pub(super) fn text(report: &ImpactReport) -> String {
    let mut page = TextPage::default();
    page.write(0, "", &report.headline());
    page.rule();
    policies(&mut page, "In use", &report.in_use);
    policies(&mut page, "Proposed", &report.proposed);
    page.write(0, "Calls: ", &report.calls_line());
    for remark in report.remarks() {
        page.write(0, "Note: ", &remark);
    }
    matrix(&mut page, report);
    criteria(&mut page, report);
    unjudged(&mut page, report);
    changed(&mut page, report);
    page.finish()
}

fn policies(page: &mut TextPage, role: &str, policies: &PolicySetHeading) {
    page.write(0, &format!("{role}: "), &policies.name());
    for line in policies.version_lines() {
        page.write(2, "- ", &line);
    }
}

/// Orders by their determination in use (rows) and proposed (columns, which have the numbers of the rows).
fn matrix(page: &mut TextPage, report: &ImpactReport) {
    let determinations = report.determinations();
    if determinations.is_empty() {
        return;
    }
    page.gap();
    page.write(0, "", "Orders, by their determination in use (row) and proposed (column with the row's number):");
    let name = |place: usize, words: &str| format!("  {}. {words}", place + 1);
    let numbers: Vec<String> = (1..=determinations.len()).map(|number| format!("{:>NUMBER_WIDTH$}", format!("→ {number}."))).collect();
    page.line(&format!("{:NAME_WIDTH$}{}", "", numbers.concat()));
    for (place, from) in determinations.iter().enumerate() {
        let counts: Vec<String> = determinations.iter().map(|to| format!("{:>NUMBER_WIDTH$}", report.orders_with(*from, *to))).collect();
        page.line(&format!("{:NAME_WIDTH$}{}", name(place, determination_words(*from)), counts.concat()));
    }
    page.gap();
    for (from, to, orders) in report.changes() {
        page.write(2, "", &format!("{} → {}: {}", determination_words(from), determination_words(to), counted(orders, "order")));
    }
}

fn criteria(page: &mut TextPage, report: &ImpactReport) {
    if report.tally.criteria.is_empty() {
        return;
    }
    page.gap();
    page.write(0, "", "Criteria whose verdict changes, and of how many changed determinations each is part:");
    for (id, CriterionTally { orders, changed_determinations, verdicts }) in &report.tally.criteria {
        let counts = format!("{}, {}", counted(*orders, "order"), counted(*changed_determinations, "changed determination"));
        page.write(2, "- ", &format!("{}: {counts}", report.criterion(id)));
        for ((from, to), orders) in verdicts {
            page.write(6, "", &format!("{} → {}: {}", verdict_words(*from), verdict_words(*to), counted(*orders, "order")));
        }
    }
}

fn unjudged(page: &mut TextPage, report: &ImpactReport) {
    if report.tally.unjudged.is_empty() {
        return;
    }
    page.gap();
    page.write(0, "", &format!("{} could not be judged:", counted(report.tally.unjudged_calls, "call")));
    for ((cause, side), calls) in &report.tally.unjudged {
        page.write(2, "- ", &format!("{}, {}: {}", cause_words(cause), side_words(*side), counted(*calls, "call")));
    }
    for call in &report.tally.listed_unjudged {
        page.write(4, "", &format!("{}: {}", report.call_name(&call.call), call.error));
    }
    rest(page, report.unlisted_causes());
}

fn changed(page: &mut TextPage, report: &ImpactReport) {
    if report.tally.changed_orders == 0 {
        return;
    }
    page.gap();
    page.write(0, "", "Orders whose determination changes:");
    for order in &report.tally.listed_orders {
        let ChangedOrder { comparison, .. } = order;
        let (from, to) = (determination_words(comparison.from), determination_words(comparison.to));
        page.write(2, "- ", &format!("{}, service on {}: {from} → {to}", report.order_name(order), comparison.service_date));
        let criteria: Vec<String> = comparison.criteria.iter().map(criterion_words).collect();
        if !criteria.is_empty() {
            page.write(4, "", &criteria.join("; "));
        }
    }
    rest(page, report.unlisted_orders());
}

fn rest(page: &mut TextPage, unlisted: u64) {
    if unlisted > 0 {
        page.write(2, "", &format!("and {unlisted} more, which are not listed (`--list N`)"));
    }
}
