//! View models in, HTML out. The templates are checked when the program is built and escape what they show; what would reorder the
//! text around it is taken out here. Not here: headers, among them the policy that the nonce belongs to.

use askama::Template;
use thiserror::Error;

use super::assets::{Asset, SCRIPT, STYLE};
use super::decision::DecisionView;
use super::form_view::PartView;
use super::messages::{Text, Words};
use super::notice::Notice;
use super::view::{OrderChoice, PageView, SaveState};

/// A page that could not be written.
#[derive(Debug, Error)]
#[error("the page could not be written")]
pub struct RenderError(#[from] askama::Error);

/// What every page is written with.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'f> {
    /// The words of the page.
    pub words: &'f Words,
    /// The nonce of the answer's Content-Security-Policy.
    pub nonce: &'f str,
    /// Where the stylesheet and the script are served.
    pub assets: &'f str,
    /// Where forms are sent.
    pub action: &'f str,
    /// The page that "Back to the order" leads to.
    pub back: &'f str,
    /// The token against forged requests.
    pub csrf: &'f str,
}

impl Frame<'_> {
    fn style(&self) -> String {
        Asset::address(self.assets, STYLE)
    }

    fn script(&self) -> String {
        Asset::address(self.assets, SCRIPT)
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
/// None that a view could cause.
pub fn page(frame: Frame<'_>, view: &PageView) -> Result<String, RenderError> {
    Ok(visible(&PageHtml { frame, view, decision: &view.decision }.render()?))
}

/// A page without an order; `reference` names the request to support.
///
/// # Errors
/// None that its arguments could cause.
pub fn notice(frame: Frame<'_>, notice: Notice, reference: Option<&str>) -> Result<String, RenderError> {
    let reference = reference.map(|reference| frame.words.fill(Text::Reference, &[&reference]));
    let (heading, paragraphs) = (notice.heading(frame.words), notice.paragraphs(frame.words));
    let can_go_back = matches!(notice, Notice::NoOrder | Notice::Unread);
    Ok(visible(&NoticeHtml { frame, heading, paragraphs, reference, can_go_back }.render()?))
}

/// The page on which one of several orders is chosen.
///
/// # Errors
/// None that its arguments could cause.
pub fn choice(frame: Frame<'_>, choice: &OrderChoice) -> Result<String, RenderError> {
    Ok(visible(&ChoiceHtml { frame, choice }.render()?))
}

/// The same without characters that HTML forbids, that cannot be seen, or that change how the letters around them run.
fn visible(html: &str) -> String {
    html.chars().map(|letter| if letter == '\n' || !is_unseen(letter) { letter } else { ' ' }).collect()
}

fn is_unseen(letter: char) -> bool {
    let is_mark = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let is_no_character = matches!(letter, '\u{fdd0}'..='\u{fdef}') || u32::from(letter) & 0xfffe == 0xfffe;
    letter.is_control() || is_mark || is_no_character
}
