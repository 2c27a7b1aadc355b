//! Pages of stories: a chart evaluated without the service, its view, and its HTML.

use std::path::Path;
use std::sync::LazyLock;

use chrono::TimeDelta;
use serde_json::{Value, json};
use sij_cds::cds_hooks::{Prefetch, read};
use sij_cds::evidence::{Kind, PatientRecord, PrefetchKeys, Prefetched, ReadingContext, ReadingOptions};
use sij_cds::policy::{Evaluation, Facts, Inquiry, Policy, PolicyFile, Reference, evaluate, prefill};
use sij_cds::smart::page::{
    About, CurrentAnswers, FieldFaults, FormDefinition, Frame, Messages, PageCase, PageView, SaveState, SessionTime, Submission, Timeline,
    Unread, html,
};

use super::{day_of_the_fixtures, story};

pub(crate) const NONCE: &str = "bm9uY2U";

/// The id of the response that represents unsaved answers.
const DRAFT: &str = "draft";

pub(crate) static WORDS: LazyLock<Messages> = LazyLock::new(|| Messages::embedded().unwrap());

pub(crate) static FORM: LazyLock<FormDefinition> = LazyLock::new(|| FormDefinition::read(POLICY.form.json.get()).unwrap());

pub(crate) static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::read(&policy_files()).unwrap());

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cds-hooks/policies/sacroiliac-joint-interventions/2019-08")
}

pub(crate) fn questionnaire() -> String {
    std::fs::read_to_string(folder().join("questionnaire.json")).unwrap()
}

fn policy_files() -> Vec<PolicyFile> {
    let read = |name: String| PolicyFile { text: std::fs::read_to_string(folder().join(&name)).unwrap(), name };
    let sets = std::fs::read_dir(folder().join("valuesets")).unwrap();
    let sets = sets.map(|file| format!("valuesets/{}", file.unwrap().file_name().to_str().unwrap()));
    ["policy.toml", "cards.toml", "questionnaire.json"].map(str::to_owned).into_iter().chain(sets).map(read).collect()
}

/// Builds a page from a chart and the user's actions. Starts with the unmodified chart.
#[derive(Clone)]
pub(crate) struct PageSample {
    pub(crate) request: Value,
    pub(crate) form: FormDefinition,
    pub(crate) answers: CurrentAnswers,
    pub(crate) faults: FieldFaults,
    pub(crate) focus: Option<String>,
    /// The unsaved items used in the evaluation.
    pub(crate) items: Option<Value>,
    pub(crate) standing: SaveState,
    pub(crate) patient: String,
    pub(crate) plan_name: String,
    pub(crate) policy_url: Option<String>,
    pub(crate) csrf: String,
}

impl PageSample {
    pub(crate) fn of_story(name: &str) -> Self {
        Self {
            request: serde_json::from_str(&story(name).request).unwrap(),
            form: FORM.clone(),
            answers: CurrentAnswers::default(),
            faults: FieldFaults::new(),
            focus: None,
            items: None,
            standing: SaveState::Open,
            patient: "Patient of the story, born 1961-04-02".to_owned(),
            plan_name: "Example Health Plan".to_owned(),
            policy_url: Some("https://payer.example.org/policies/sij".to_owned()),
            csrf: "token".to_owned(),
        }
    }

    /// A first injection with five weeks of therapy, a disc diagnosis, findings and a contraindication in the chart.
    pub(crate) fn with_gaps() -> Self {
        let mut sample = Self::of_story("therapy-five-of-six-weeks");
        let patient = sample.request["context"]["patientId"].as_str().unwrap().to_owned();
        let subject = json!({"reference": format!("Patient/{patient}")});
        let disc = json!({"resourceType": "Condition", "id": "disc", "subject": subject, "onsetDateTime": "2025-02-01",
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M51.26", "display": "Disc displacement, lumbar"}]}});
        let finding = |code: &str, display: &str, positive: bool| {
            json!({"resourceType": "Observation", "id": code, "status": "final", "subject": subject,
                "effectiveDateTime": "2026-11-10", "valueBoolean": positive,
                "code": {"coding": [{"system": "urn:sij-cds:findings", "code": code, "display": display}]}})
        };
        let findings = [finding("test-distraction", "Distraction", true), finding("test-compression", "Compression", false)];
        push(&mut sample.request, "conditions", [disc]);
        push(&mut sample.request, "observations", findings);
        sample.request["prefetch"]["questionnaireResponses"] = json!({"resourceType": "Bundle", "type": "searchset"});
        sample.charted()
    }

    /// A second injection, with a chart entry that cannot be classified.
    pub(crate) fn unclear_history() -> Self {
        let mut sample = Self::of_story("second-diagnostic-day-15");
        let patient = sample.request["context"]["patientId"].as_str().unwrap().to_owned();
        let entry = json!({"resourceType": "Procedure", "id": "unclear", "status": "unknown", "performedDateTime": "2026-09-02",
            "subject": {"reference": format!("Patient/{patient}")},
            "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "27096", "display": "SI joint injection"}]}});
        push(&mut sample.request, "procedures", [entry]);
        sample.request["prefetch"]["questionnaireResponses"] = json!({"resourceType": "Bundle", "type": "searchset"});
        sample.charted()
    }

    /// After a form with these fields was submitted.
    pub(crate) fn submitting(mut self, pairs: &[(&str, &str)]) -> Self {
        let submission = Submission::from_form(&self.form, pairs.iter().copied(), &self.answers, day_of_the_fixtures().date_naive());
        self.answers = submission.answers;
        (self.items, self.faults, self.focus) = (Some(submission.items), submission.faults, submission.focus);
        self
    }

    /// With the chart's values in the fields, as the app shows it.
    pub(crate) fn charted(mut self) -> Self {
        let today = day_of_the_fixtures().date_naive();
        self.answers = judged(&self.request.to_string(), |evaluation, facts| {
            let on_record = prefill(&POLICY, facts, &evaluation.orders[0].order, today);
            CurrentAnswers::of_chart(&POLICY, &on_record)
        });
        self
    }

    pub(crate) fn standing(self, standing: SaveState) -> Self {
        Self { standing, ..self }
    }

    /// The QuestionnaireResponse of the answers.
    pub(crate) fn response(&self) -> Value {
        let patient = self.request["context"]["patientId"].as_str().unwrap();
        json!({
            "resourceType": "QuestionnaireResponse", "id": DRAFT, "questionnaire": self.form.canonical, "status": "completed",
            "subject": {"reference": format!("Patient/{patient}")}, "authored": day_of_the_fixtures(), "item": self.items,
        })
    }

    pub(crate) fn view(&self) -> PageView {
        let with_answers = self.items.as_ref().map(|_| {
            let mut request = self.request.clone();
            request["prefetch"]["draft"] = json!({"resourceType": "Bundle", "entry": [{"resource": self.response()}]});
            request.to_string()
        });
        judged(&self.request.to_string(), |recorded, facts| match &with_answers {
            Some(request) => judged(request, |preview, facts| self.view_of(recorded, Some(preview), facts)),
            None => self.view_of(recorded, None, facts),
        })
    }

    fn view_of(&self, recorded: &Evaluation<'_>, preview: Option<&Evaluation<'_>>, facts: &Facts<'_>) -> PageView {
        let order = preview.unwrap_or(recorded).orders.first().expect("an order in scope");
        let timeline = Timeline::new(&WORDS, &POLICY, facts, order, day_of_the_fixtures().date_naive());
        let case = PageCase {
            words: &WORDS,
            policy: &POLICY,
            form: &self.form,
            recorded,
            order: &order.order.to_string(),
            preview: preview.map(|preview| (preview, DRAFT)),
            answers: &self.answers,
            faults: &self.faults,
            focus: self.focus.as_deref(),
            timeline: Some(&timeline),
            about: About {
                plan_name: &self.plan_name,
                patient: &self.patient,
                policy_url: self.policy_url.as_deref(),
                unread: Unread { lists: &[], entries: 0 },
            },
            standing: &self.standing,
        };
        PageView::new(&case).expect("the order is in the evaluation")
    }

    pub(crate) fn html(&self) -> String {
        html::page(Frame { csrf: &self.csrf, ..frame() }, &self.view()).unwrap()
    }
}

pub(crate) fn frame() -> Frame<'static> {
    Frame {
        words: &WORDS,
        nonce: NONCE,
        assets: "/smart/assets",
        action: "/smart/app/s",
        back: "/smart/app/s/back",
        csrf: "token",
        time: Some(just_opened()),
    }
}

/// A session that was just opened.
fn just_opened() -> SessionTime {
    SessionTime { now: day_of_the_fixtures(), end: day_of_the_fixtures() + TimeDelta::minutes(30), can_extend: true }
}

/// The policy's evaluation of a request, and the patient record behind it.
pub(crate) fn judged<T>(request: &str, act: impl FnOnce(&Evaluation<'_>, &Facts<'_>) -> T) -> T {
    let keys: PrefetchKeys = Kind::ALL.into_iter().map(|kind| (kind.name().to_owned(), kind)).collect();
    let call = read::<Prefetched<'_>>(request, |_, _| true).unwrap();
    let gathered = PatientRecord::of_orders(call.context.order_resources());
    let patient = call.context.patient_id.to_string();
    let gathered = match call.prefetch {
        Prefetch::Read(prefetch) => gathered.with(prefetch, &keys),
        Prefetch::Raw(raw) => gathered.with(serde_json::from_str(raw.get()).unwrap(), &keys),
        Prefetch::Absent => gathered,
    };
    let facts = gathered.facts(ReadingContext { policy: &POLICY, patient_id: &patient, options: ReadingOptions::none() });
    let inquiry = Inquiry { patient: Reference::new("Patient", patient.clone().into()), as_of: day_of_the_fixtures() };
    act(&evaluate(&POLICY, &facts, inquiry), &facts)
}

fn push(request: &mut Value, list: &str, resources: impl IntoIterator<Item = Value>) {
    let list = &mut request["prefetch"][list];
    if !list["entry"].is_array() {
        *list = json!({"resourceType": "Bundle", "type": "searchset", "entry": []});
    }
    let entries = resources.into_iter().map(|resource| json!({"resource": resource}));
    list["entry"].as_array_mut().unwrap().extend(entries);
}
