//! Policy versions as a page for a reviewer.
//! Not here: what a version says; see [`crate::decision::policy_review`].

use super::html::{escaped, page};
use crate::decision::policy_review::{PolicyReview, ReviewEntry, ReviewSection};

/// Entries with more lines are closed until they are opened.
const MAX_OPEN_LINES: usize = 12;

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:60rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}
h1{font-size:1.4rem;line-height:1.3}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid #8a929b}
h3,summary{font-size:1rem;font-weight:600;margin:.9rem 0 0}p{margin:0 0 0 1rem}
.d1{margin-left:2rem}.d2{margin-left:3rem}.d3{margin-left:4rem}
@media print{body{max-width:none}}
";

/// The page of these versions.
pub(super) fn reviews_page(reviews: &[PolicyReview]) -> String {
    let titles: Vec<_> = reviews.iter().map(|review| format!("{}: {}", review.title, review.version)).collect();
    page(&titles.join("; "), STYLE, &reviews.iter().map(version).collect::<String>())
}

fn version(review: &PolicyReview) -> String {
    let sections: String = review.sections.iter().map(section).collect();
    format!("<h1>{}</h1>\n<p>{}</p>\n{sections}", escaped(&review.title), escaped(&review.version))
}

fn section(section: &ReviewSection) -> String {
    let entries: String = section.entries.iter().map(entry).collect();
    format!("<section>\n<h2>{}</h2>\n{entries}</section>\n", escaped(section.title))
}

fn entry(entry: &ReviewEntry) -> String {
    let key = escaped(&entry.key);
    let line = |(depth, text): (usize, &str)| format!("<p class=\"d{depth}\">{}</p>\n", escaped(text));
    let lines: String = entry.lines.iter().map(|outline| line((outline.depth, &outline.text))).collect();
    if entry.lines.len() > MAX_OPEN_LINES {
        format!("<details><summary>{key} ({})</summary>\n{lines}</details>\n", entry.lines.len())
    } else {
        format!("<h3>{key}</h3>\n{lines}")
    }
}
