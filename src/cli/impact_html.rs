//! An impact report as one file of HTML, without scripts or anything from elsewhere. Every chart has its table.
//! Not here: its contents and words ([`super::impact_report`]), and the chart ([`super::impact_chart`]).

use super::html::{escaped, page};
use super::impact_chart::{ChartBar, svg};
use super::impact_report::{
    ImpactReport, PolicySetHeading, cause_words, counted, criterion_words, determination_words, side_words, verdict_words,
};

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:60rem;margin:0 auto;padding:1rem;overflow-wrap:break-word}
h1{font-size:1.4rem;line-height:1.3}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}caption{text-align:left;padding:.3rem 0;max-width:calc(100vw - 2rem)}
th,td{border:1px solid #8a929b;padding:.35rem .5rem;text-align:left;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.same{background:#eef1f4}td.lines{min-width:13rem}
.scroll{overflow-x:auto}.scroll:focus{outline:2px solid #0b57a4}
svg{width:100%;max-width:26rem;height:auto;display:block}svg text{font:14px system-ui,sans-serif;fill:#1b1f24}svg rect{fill:#0b57a4}
@media print{body{max-width:none}}
";

/// The complete page.
pub(super) fn report_page(report: &ImpactReport) -> String {
    let headline = report.headline();
    let sections = [
        format!("<h1>{}</h1>\n", escaped(&headline)),
        policies("In use", &report.in_use),
        policies("Proposed", &report.proposed),
        format!("<p><strong>Calls.</strong> {}</p>\n", with_code(&report.calls_line())),
        report.remarks().iter().map(|remark| format!("<p><strong>Note.</strong> {}</p>\n", with_code(remark))).collect::<Vec<_>>().concat(),
        changes(report),
        matrix(report),
        criteria(report),
        unjudged(report),
        changed_orders(report),
    ];
    page(&headline, STYLE, &sections.concat())
}

fn policies(role: &str, policies: &PolicySetHeading) -> String {
    let lines: Vec<String> = policies.version_lines().iter().map(|line| format!("<li>{}</li>", escaped(line))).collect();
    format!("<p><strong>{role}:</strong> {}</p>\n<ul>{}</ul>\n", with_code(&policies.name()), lines.concat())
}

/// The chart of the changes, with its table.
fn changes(report: &ImpactReport) -> String {
    let changes = report.changes();
    if changes.is_empty() {
        return String::new();
    }
    let bars: Vec<ChartBar> = changes
        .iter()
        .map(|(from, to, count)| ChartBar {
            label: format!("{} → {}", determination_words(*from), determination_words(*to)),
            count: *count,
        })
        .collect();
    let rows = changes.iter().map(|(from, to, orders)| {
        vec![Cell::Text(determination_words(*from).to_owned()), Cell::Text(determination_words(*to).to_owned()), Cell::Number(*orders)]
    });
    let caption = "Orders whose determination changes";
    format!("<h2>What changes</h2>\n{}{}", svg(caption, &bars), table(caption, &["In use", "Proposed", "Orders"], rows))
}

/// Orders by their determination in use and proposed.
fn matrix(report: &ImpactReport) -> String {
    let determinations = report.determinations();
    if determinations.is_empty() {
        return String::new();
    }
    let mut headings = vec!["In use ↓ proposed →"];
    headings.extend(determinations.iter().map(|determination| determination_words(*determination)));
    let rows = determinations.iter().map(|from| {
        let counts = determinations.iter().map(|to| {
            let count = report.orders_with(*from, *to);
            if from == to { Cell::Same(count) } else { Cell::Number(count) }
        });
        [Cell::Heading(determination_words(*from).to_owned())].into_iter().chain(counts).collect()
    });
    let caption = "Orders, by their determination in use (rows) and proposed (columns)";
    format!("<h2>All determinations</h2>\n{}", table(caption, &headings, rows))
}

fn criteria(report: &ImpactReport) -> String {
    if report.tally.criteria.is_empty() {
        return String::new();
    }
    let rows = report.tally.criteria.iter().map(|(id, tally)| {
        let verdicts = tally
            .verdicts
            .iter()
            .map(|((from, to), orders)| format!("{} → {}: {}", verdict_words(*from), verdict_words(*to), counted(*orders, "order")));
        vec![
            Cell::Heading(report.criterion(id)),
            Cell::Number(tally.orders),
            Cell::Number(tally.changed_determinations),
            Cell::Lines(verdicts.collect()),
        ]
    });
    let caption = "Criteria whose verdict changes, and of how many changed determinations each is part";
    let headings = ["Criterion", "Orders", "Changed determinations", "Verdicts"];
    format!("<h2>Criteria</h2>\n{}", table(caption, &headings, rows))
}

fn unjudged(report: &ImpactReport) -> String {
    if report.tally.unjudged.is_empty() {
        return String::new();
    }
    let causes = report.tally.unjudged.iter().map(|((cause, side), calls)| {
        vec![Cell::Text(cause_words(cause).to_owned()), Cell::Text(side_words(*side).to_owned()), Cell::Number(*calls)]
    });
    let listed =
        report.tally.listed_unjudged.iter().map(|call| vec![Cell::Text(report.call_name(&call.call)), Cell::Text(call.error.to_string())]);
    format!(
        "<h2>Not judged</h2>\n{}{}{}",
        table("Calls that could not be judged, by cause", &["Cause", "Not judged", "Calls"], causes),
        table("Each of them", &["Call", "Cause"], listed),
        rest(report.unlisted_causes())
    )
}

fn changed_orders(report: &ImpactReport) -> String {
    if report.tally.changed_orders == 0 {
        return String::new();
    }
    let rows = report.tally.listed_orders.iter().map(|order| {
        let comparison = &order.comparison;
        vec![
            Cell::Text(report.order_name(order)),
            Cell::Text(comparison.service_date.to_string()),
            Cell::Text(determination_words(comparison.from).to_owned()),
            Cell::Text(determination_words(comparison.to).to_owned()),
            Cell::Lines(comparison.criteria.iter().map(criterion_words).collect()),
        ]
    });
    let headings = ["Order", "Service", "In use", "Proposed", "Criteria"];
    let table = table("Orders whose determination changes, in the order of the calls", &headings, rows);
    format!("<h2>Each changed order</h2>\n{table}{}", rest(report.unlisted_orders()))
}

fn rest(unlisted: u64) -> String {
    if unlisted == 0 { String::new() } else { format!("<p>And {unlisted} more, which are not listed (<code>--list N</code>).</p>\n") }
}

/// An escaped text in which what is in backticks is code. Without a partner, a backtick stays.
fn with_code(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(text);
    }
    let part =
        |(place, part): (usize, &&str)| if place.is_multiple_of(2) { escaped(part) } else { format!("<code>{}</code>", escaped(part)) };
    parts.iter().enumerate().map(part).collect()
}

/// A cell of a table; its text is not escaped yet.
enum Cell {
    Heading(String),
    Text(String),
    Lines(Vec<String>),
    Number(u64),
    /// A number of what does not change.
    Same(u64),
}

impl Cell {
    fn html(&self) -> String {
        match self {
            Self::Heading(text) => format!("<th scope=\"row\">{}</th>", escaped(text)),
            Self::Text(text) => format!("<td>{}</td>", with_code(text)),
            Self::Lines(lines) => {
                format!("<td class=\"lines\">{}</td>", lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("<br>"))
            }
            Self::Number(number) => format!("<td class=\"n\">{number}</td>"),
            Self::Same(number) => format!("<td class=\"n same\">{number}</td>"),
        }
    }
}

/// A table that scrolls by itself if the page is narrow, also with the keyboard. It is empty without rows.
fn table(caption: &str, headings: &[&str], rows: impl Iterator<Item = Vec<Cell>>) -> String {
    let rows: Vec<String> = rows.map(|row| format!("<tr>{}</tr>\n", row.iter().map(Cell::html).collect::<String>())).collect();
    if rows.is_empty() {
        return String::new();
    }
    let headings: Vec<String> = headings.iter().map(|heading| format!("<th scope=\"col\">{}</th>", escaped(heading))).collect();
    let (caption, headings, rows) = (escaped(caption), headings.concat(), rows.concat());
    format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\">\n<table>\n<caption>{caption}</caption>\n\
         <thead><tr>{headings}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_backticks_is_code_and_everything_is_escaped() {
        assert_eq!(with_code("in `a<b>` & `c`"), "in <code>a&lt;b&gt;</code> &amp; <code>c</code>");
        assert_eq!(with_code("one ` alone <"), "one ` alone &lt;");
    }
}
