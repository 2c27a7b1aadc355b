//! Renders view models as HTML. Templates are compiled at build time and escape their values; this module also removes characters that
//! would reorder the surrounding text. Not here: headers, including the Content-Security-Policy with the nonce.

use askama::Template;
use chrono::{DateTime, SecondsFormat, Utc};
use thiserror::Error;

use super::assets::{Asset, ICON, SCRIPT, STYLE};
use super::decision::DecisionView;
use super::form_view::PartView;
use super::messages::{Messages, Text};
use super::notice::Notice;
use super::view::{OrderChoice, PageView, SaveState};

/// A page that could not be rendered.
#[derive(Debug, Error)]
#[error("the page could not be written")]
pub struct RenderError(#[from] askama::Error);

/// What every page needs.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'f> {
    /// The page's message catalogue.
    pub words: &'f Messages,
    /// The nonce in the response's Content-Security-Policy.
    pub nonce: &'f str,
    /// Base URL of the stylesheet and the script.
    pub assets: &'f str,
    /// The URL to which forms are submitted.
    pub action: &'f str,
    /// The target of "Back to the order".
    pub back: &'f str,
    /// The CSRF token.
    pub csrf: &'f str,
    /// How long the page can be used; `None` if it has no session.
    pub time: Option<SessionTime>,
}

/// How long a session's page can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTime {
    /// When the page was rendered.
    pub now: DateTime<Utc>,
    /// When the session ends.
    pub end: DateTime<Utc>,
    /// Whether the user can extend it.
    pub can_extend: bool,
}

impl SessionTime {
    /// Whole seconds until the end.
    fn seconds_left(self) -> i64 {
        (self.end - self.now).num_seconds().max(0)
    }

    /// The end for programs.
    fn instant(self) -> String {
        self.end.to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// The end as a time of day.
    fn clock(self, words: &Messages) -> String {
        words.fill_one(Text::OpenUntilTime, &self.end.format("%H:%M"))
    }
}

impl Frame<'_> {
    fn style(&self) -> String {
        Asset::address(self.assets, STYLE)
    }

    fn icon(&self) -> String {
        Asset::address(self.assets, ICON)
    }

    fn script(&self) -> String {
        Asset::address(self.assets, SCRIPT)
    }

    /// The remaining time as the script writes it, which puts the minutes in place of the braces.
    fn time_left(&self) -> String {
        self.words.fill_one(Text::TimeLeft, &"{}")
    }

    fn say(&self, text: Text) -> String {
        self.words.say(text)
    }
}

#[derive(Template)]
#[template(path = "page.html")]
struct PageHtml<'h> {
    frame: Frame<'h>,
    view: &'h PageView,
    decision: &'h DecisionView,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct NoticeHtml<'h> {
    frame: Frame<'h>,
    heading: String,
    paragraphs: Vec<String>,
    reference: Option<String>,
    can_go_back: bool,
}

#[derive(Template)]
#[template(path = "choice.html")]
struct ChoiceHtml<'h> {
    frame: Frame<'h>,
    choice: &'h OrderChoice,
}

/// The page of an order.
///
/// # Errors
/// If rendering fails; no view causes this.
pub fn page(frame: Frame<'_>, view: &PageView) -> Result<String, RenderError> {
    Ok(visible(&PageHtml { frame, view, decision: &view.decision }.render()?))
}

/// A page without an order; `reference` identifies the request for support.
///
/// # Errors
/// If rendering fails; no arguments cause this.
pub fn notice(frame: Frame<'_>, notice: Notice, reference: Option<&str>) -> Result<String, RenderError> {
    let reference = reference.map(|reference| frame.words.fill(Text::Reference, &[&reference]));
    let (heading, paragraphs) = (notice.heading(frame.words), notice.paragraphs(frame.words));
    let can_go_back = matches!(notice, Notice::NoOrder | Notice::Unread);
    Ok(visible(&NoticeHtml { frame, heading, paragraphs, reference, can_go_back }.render()?))
}

/// The page for choosing one of several orders.
///
/// # Errors
/// If rendering fails; no arguments cause this.
pub fn choice(frame: Frame<'_>, choice: &OrderChoice) -> Result<String, RenderError> {
    Ok(visible(&ChoiceHtml { frame, choice }.render()?))
}

/// Replaces characters that HTML forbids, that are invisible, or that change the text direction.
fn visible(html: &str) -> String {
    html.chars().map(|letter| if letter == '\n' || !is_unseen(letter) { letter } else { ' ' }).collect()
}

fn is_unseen(letter: char) -> bool {
    let is_mark = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let is_no_character = matches!(letter, '\u{fdd0}'..='\u{fdef}') || u32::from(letter) & 0xfffe == 0xfffe;
    letter.is_control() || is_mark || is_no_character
}
