//! The view model of an order's page: the decision on record, the decision with the answers, the questions, the timeline.
//! It contains all text that a template displays. Not here: HTML ([`super::html`]).

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};

use super::answers::CurrentAnswers;
use super::blocks::Blocks;
use super::decision::{DecisionText, DecisionView, Unread};
use super::definition::FormDefinition;
use super::form::Asking;
use super::form_view::{FormView, is_of_interest};
use super::messages::{Messages, Text};
use super::note;
use super::submission::FieldFaults;
use super::timeline::{Event, Timeline};
use super::timeline_svg::Drawing;
use crate::policy::{Evaluation, OrderEvaluation, OrderWords, Policy, UNDETERMINED, begun_day};

/// The input for the page of an order.
#[derive(Clone, Copy, Debug)]
pub struct PageCase<'c> {
    /// The page's message catalogue.
    pub words: &'c Messages,
    /// The policy version that decided the order.
    pub policy: &'c Policy,
    /// The documentation form.
    pub form: &'c FormDefinition,
    /// The evaluation of the data on record.
    pub recorded: &'c Evaluation<'c>,
    /// The order's reference, such as `ServiceRequest/o1`.
    pub order: &'c str,
    /// The evaluation with the answers, and the id of the response that represents them.
    pub preview: Option<(&'c Evaluation<'c>, &'c str)>,
    /// The values of the fields.
    pub answers: &'c CurrentAnswers,
    /// The errors in the fields.
    pub faults: &'c FieldFaults,
    /// The field to fill in next.
    pub focus: Option<&'c str>,
    /// The timeline.
    pub timeline: Option<&'c Timeline>,
    /// Context for the decision.
    pub about: About<'c>,
    /// Whether the answers are saved.
    pub standing: &'c SaveState,
}

/// Context for the decision.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'c> {
    /// The name of the plan or its insurer.
    pub plan_name: &'c str,
    /// A short description of the patient, so that the clinician sees whose chart it is; empty to omit it.
    pub patient: &'c str,
    /// URL of the published policy.
    pub policy_url: Option<&'c str>,
    /// Chart data that could not be read.
    pub unread: Unread<'c>,
}

/// Whether the answers are saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SaveState {
    /// Not saved yet, but can be.
    #[default]
    Open,
    /// Saved at this time, just now.
    Saved(DateTime<Utc>),
    /// The app may not write. If there are answers: the completed QuestionnaireResponse as JSON.
    ReadOnly(Option<String>),
    /// The EHR refused to save; the completed QuestionnaireResponse as JSON.
    NotSaved(String),
}

/// The view model of an order's page.
#[derive(Clone, Debug, PartialEq)]
pub struct PageView {
    /// The page's title.
    pub title: String,
    /// The name of the plan or its insurer.
    pub plan_name: String,
    /// The patient; may be empty.
    pub patient: String,
    /// The displayed decision: with the answers if there are any, else the one on record.
    pub decision: DecisionView,
    /// The decision on record, if the displayed one includes the answers.
    pub on_record: Option<String>,
    /// The decision with the answers, as a sentence.
    pub with_answers: Option<String>,
    /// When the answers were saved: machine-readable, and as text.
    pub saved_at: Option<(String, String)>,
    /// The questions.
    pub form: FormView,
    /// The timeline.
    pub timeline: Option<TimelineView>,
    /// Whether the answers are saved.
    pub standing: SaveState,
    /// The text to copy into the clinician's note if the app cannot save.
    pub note: String,
    /// URL of the published policy, if a browser can open it.
    pub policy_url: Option<String>,
    /// The order's reference, as the form submits it.
    pub order: String,
    /// The policy, its version, and the limits of the page.
    pub disclaimer: String,
}

/// The timeline as an image and a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TimelineView {
    pub(super) drawing: Drawing,
    /// The events and windows as text, by date.
    pub entries: Vec<EntryView>,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryView {
    /// The date or date range.
    pub date: String,
    /// What happened.
    pub what: String,
}

impl PageView {
    /// Builds the page of an order; `None` if the evaluation does not contain it.
    #[must_use]
    pub fn new(case: &PageCase<'_>) -> Option<Self> {
        let recorded = order_of(case.recorded, case.order)?;
        let preview = case.preview.and_then(|(evaluation, draft)| Some((evaluation, order_of(evaluation, case.order)?, draft)));
        let decision = match preview {
            Some((evaluation, order, draft)) => telling(case, evaluation, order).with(recorded, draft).decision(),
            None => telling(case, case.recorded, recorded).decision(),
        };
        let shown = preview.map_or(recorded, |(_, order, _)| order);
        let with_draft = preview.map(|(evaluation, order, draft)| telling(case, evaluation, order).with(recorded, draft));
        let form = form_view(case, &with_draft.unwrap_or_else(|| telling(case, case.recorded, recorded)), shown);
        let is_by_hand = matches!(case.standing, SaveState::ReadOnly(Some(_)) | SaveState::NotSaved(_));
        let (title, version) = (&case.policy.title, &case.policy.version);
        Some(Self {
            title: case.words.fill(Text::Title, &[&decision.order]),
            plan_name: case.about.plan_name.to_owned(),
            patient: case.about.patient.to_owned(),
            on_record: preview.is_some().then(|| on_record(case, recorded)),
            with_answers: preview.is_some().then(|| case.words.fill(Text::WithAnswers, &[&lowered(&decision.determination)])),
            saved_at: saved_at(case),
            timeline: case.timeline.map(|timeline| timeline_view(case.words, timeline)),
            note: if is_by_hand { note::text(case, &decision) } else { String::new() },
            policy_url: case.about.policy_url.filter(|url| url.starts_with("https://") || url.starts_with("http://")).map(str::to_owned),
            order: case.order.to_owned(),
            disclaimer: case.words.fill(Text::Disclaimer, &[title, version]),
            standing: case.standing.clone(),
            decision,
            form,
        })
    }

    /// The completed QuestionnaireResponse, if the user has to store it.
    #[must_use]
    pub fn finished(&self) -> Option<&str> {
        match &self.standing {
            SaveState::ReadOnly(response) => response.as_deref(),
            SaveState::NotSaved(response) => Some(response),
            SaveState::Open | SaveState::Saved(_) => None,
        }
    }

    /// Whether the app may save.
    #[must_use]
    pub fn can_save(&self) -> bool {
        !matches!(self.standing, SaveState::ReadOnly(_))
    }

    /// Whether the answers still have to be saved, and can be.
    #[must_use]
    pub fn is_unsaved(&self) -> bool {
        matches!(self.standing, SaveState::Open | SaveState::NotSaved(_))
    }
}

fn order_of<'e>(evaluation: &'e Evaluation<'e>, reference: &str) -> Option<&'e OrderEvaluation<'e>> {
    evaluation.orders.iter().find(|order| order.order.to_string() == reference)
}

/// The deciding criteria with their questions, and the other questions.
fn form_view(case: &PageCase<'_>, telling: &DecisionText<'_>, shown: &OrderEvaluation<'_>) -> FormView {
    let PageCase { words, form, answers, faults, focus, .. } = *case;
    let asking = Asking { words, form, answers, faults, focus };
    let is_saved = matches!(case.standing, SaveState::Saved(_));
    let open_count = missing(shown).len();
    let is_untouched = case.preview.is_none() && faults.is_empty();
    let is_unread = shown.sites.iter().any(|site| site.pathway.as_str() == UNDETERMINED);
    let is_closed = is_untouched && (is_saved || (open_count == 0 && !is_unread));
    let mut blocks = Blocks { telling, asking: &asking, is_closed, placed: Vec::new() };
    let sites = blocks.sites();
    let placed = blocks.placed;
    let others = asking.others(&placed);
    FormView {
        others_count: form.fields().len() - placed.len(),
        others_open: !is_closed && others.iter().any(is_of_interest),
        asked_links: placed.join(" "),
        faults: asking.fault_views(),
        is_closed,
        open_count,
        sites,
        others,
    }
}

/// When the answers were saved: machine-readable, and as text.
fn saved_at(case: &PageCase<'_>) -> Option<(String, String)> {
    let SaveState::Saved(at) = case.standing else { return None };
    let (date, time) = (at.format("%Y-%m-%d").to_string(), at.format("%H:%M").to_string());
    Some((at.to_rfc3339_opts(SecondsFormat::Secs, true), case.words.fill(Text::SavedAt, &[&date, &time])))
}

fn telling<'c>(case: &PageCase<'c>, evaluation: &'c Evaluation<'c>, order: &'c OrderEvaluation<'c>) -> DecisionText<'c> {
    let PageCase { words, policy, about, .. } = *case;
    DecisionText { words, policy, evaluation, order, recorded: None, draft_id: None, unread: about.unread }
}

impl<'c> DecisionText<'c> {
    /// Adds the evaluation on record, for a text that includes unsaved answers.
    fn with(self, recorded: &'c OrderEvaluation<'c>, draft_id: &'c str) -> Self {
        Self { recorded: Some(recorded), draft_id: Some(draft_id), ..self }
    }
}

/// The linkIds of the questions that would settle a criterion.
fn missing(order: &OrderEvaluation<'_>) -> BTreeSet<&'static str> {
    order.sites.iter().flat_map(|site| &site.criteria).flat_map(|criterion| &criterion.missing).map(|question| question.link_id()).collect()
}

fn on_record(case: &PageCase<'_>, recorded: &OrderEvaluation<'_>) -> String {
    let telling = telling(case, case.recorded, recorded).decision();
    case.words.fill(Text::OnRecord, &[&lowered(&telling.determination)])
}

fn timeline_view(words: &Messages, timeline: &Timeline) -> TimelineView {
    let mut entries: Vec<_> = timeline.events.iter().map(|event| (event.when.map(|(first, _)| first), entry(event))).collect();
    entries.extend(timeline.counted.iter().map(|counted| {
        let date = words.fill(Text::Between, &[&counted.first, &counted.last]);
        (Some(counted.first), EntryView { date, what: counted.words.clone() })
    }));
    let line = |text, date: chrono::NaiveDate| {
        let what = words.fill(text, &[&""]).trim().to_owned();
        (Some(date), EntryView { date: date.to_string(), what })
    };
    if timeline.today == timeline.service {
        entries.push(line(Text::LineServiceToday, timeline.service));
    } else {
        entries.push(line(Text::LineToday, timeline.today));
        entries.push(line(Text::LineService, timeline.service));
    }
    entries.sort_by_key(|(first, _)| *first);
    TimelineView { drawing: Drawing::new(words, timeline), entries: entries.into_iter().map(|(_, entry)| entry).collect() }
}

fn entry(event: &Event) -> EntryView {
    EntryView { date: event.date.clone(), what: event.words.clone() }
}

/// The orders to choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderChoice {
    /// The reference of each order, as the form submits it, and its text.
    pub orders: Vec<(String, String)>,
}

impl OrderChoice {
    /// Builds the choice from the orders of an evaluation.
    pub fn of<'p>(words: &Messages, evaluation: &Evaluation<'_>, policy_of: impl Fn(&OrderEvaluation<'_>) -> &'p Policy) -> Self {
        let order = |order: &OrderEvaluation<'_>| {
            let today = begun_day(evaluation.as_of);
            let names = OrderWords { policy: policy_of(order), order, is_one_of_several: false, today };
            let determination = names.determination(order.determination, order.earliest_date);
            (order.order.to_string(), words.fill(Text::ChosenOrder, &[&names.order(), &order.service_date, &determination]))
        };
        Self { orders: evaluation.orders.iter().map(order).collect() }
    }
}

/// Lowercases the first letter, for use within a sentence.
fn lowered(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
