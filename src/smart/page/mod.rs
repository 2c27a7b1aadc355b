//! The page of the SMART app, pure: view models in, HTML out. [`PageView::new`] builds the view of an order from its evaluation, the
//! form, the answers and the timeline; [`html`] renders it; [`Submission::from_form`] parses the submitted form.
//! Not here: sessions, evaluation, saving and routes ([`crate::smart`], [`crate::http`]).

mod answers;
mod assets;
mod blocks;
mod charted;
mod decision;
mod definition;
mod enable_when;
mod form;
mod form_view;
pub mod html;
mod messages;
mod note;
mod notice;
mod submission;
mod timeline;
mod timeline_svg;
mod typed_date;
mod view;

pub use answers::{AnswerOrigin, CurrentAnswer, CurrentAnswers};
pub use assets::{Asset, ICON, SCRIPT, STYLE};
pub use blocks::{BlockView, SiteBlocks};
pub use decision::{AskView, CriterionView, DecisionView, EvidenceView, Unread};
pub use definition::{FormDefinition, FormDefinitionError};
pub use form_view::{ButtonView, ConfirmView, FaultView, FieldView, FormView, GroupView, OptionView, PartView};
pub use html::{Frame, RenderError, SessionTime};
pub use messages::{Messages, MessagesError};
pub use notice::{FailedLaunch, Notice};
pub use submission::{FieldError, FieldFaults, Submission, SubmittedAction};
pub use timeline::{Counted, Event, Timeline, Track};
pub use view::{About, EntryView, OrderChoice, PageCase, PageView, SaveState, TimelineView};
