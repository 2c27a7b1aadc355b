//! `sij-cds policy show` and `sij-cds policy diff`.
//! Not here: what a version says and how two differ; see [`crate::decision::policy_review`].

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use super::output::quiet_when_closed;
use super::policy_arguments::{PolicyDiffArguments, PolicyShowArguments, ReviewFormat};
use super::policy_html::reviews_page;
use super::text_page::TextPage;
use crate::decision::policy_review::{PolicyReview, ReviewDifference, differences, review_policies};
use anyhow::bail;

/// Prints every policy version as a reviewer reads it.
pub(super) fn show(PolicyShowArguments { directory, format }: PolicyShowArguments) -> anyhow::Result<ExitCode> {
    let config = directory.config(None)?;
    let reviews = review_policies(config.policy.directory.as_deref())?;
    let text = match format {
        ReviewFormat::Text => reviews.iter().map(as_text).collect::<Vec<_>>().join("\n"),
        ReviewFormat::Html => reviews_page(&reviews),
    };
    print(&text)
}

/// Prints what differs between two folders, each of which holds one version.
pub(super) fn diff(PolicyDiffArguments { first, second }: PolicyDiffArguments) -> anyhow::Result<ExitCode> {
    let (first, second) = (only_version(&first)?, only_version(&second)?);
    let found = differences(&first, &second);
    let mut page = TextPage::default();
    page.write(0, "- ", &first.version);
    page.write(0, "+ ", &second.version);
    let mut section = "";
    for difference in &found {
        if difference.section != section {
            section = difference.section;
            page.gap();
            page.write(0, "", section);
            page.rule();
        }
        write_difference(&mut page, difference);
    }
    page.gap();
    page.write(0, "", &format!("{} entries differ", found.len()));
    print(&page.finish())
}

fn write_difference(page: &mut TextPage, difference: &ReviewDifference) {
    page.write(0, "", &difference.key);
    difference.before.iter().for_each(|line| page.write(2, "- ", line));
    difference.after.iter().for_each(|line| page.write(2, "+ ", line));
}

fn only_version(folder: &Path) -> anyhow::Result<PolicyReview> {
    let mut reviews = review_policies(Some(folder))?;
    match (reviews.pop(), reviews.len()) {
        (Some(review), 0) => Ok(review),
        (_, more) => bail!("`{}` holds {} versions; name the folder of one", folder.display(), more + 1),
    }
}

fn as_text(review: &PolicyReview) -> String {
    let mut page = TextPage::default();
    page.write(0, "", &review.title);
    page.rule();
    page.write(0, "", &review.version);
    for section in &review.sections {
        page.gap();
        page.write(0, "", section.title);
        page.rule();
        for entry in &section.entries {
            match entry.lines.as_slice() {
                [line] => page.write(0, "", &format!("{}: {}", entry.key, line.text)),
                lines => {
                    page.write(0, "", &entry.key);
                    for line in lines {
                        page.write(2 + 2 * line.depth, "- ", &line.text);
                    }
                }
            }
        }
    }
    page.finish()
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    quiet_when_closed(io::stdout().lock().write_all(text.as_bytes()).map_err(Into::into))?;
    Ok(ExitCode::SUCCESS)
}
