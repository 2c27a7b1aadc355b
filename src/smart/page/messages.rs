//! The message catalogue: every text of the page that is not the policy's own, by key, from `cds-hooks/words/en.toml`.
//! Startup fails if a text is missing, unused, or has placeholders other than its arguments.
//! Not here: titles, statements, questions and determinations, which belong to the policy.

use std::collections::HashMap;
use std::fmt::Display;

use rust_embed::RustEmbed;
use thiserror::Error;
use toml::Spanned;

use crate::policy::{Template, phrases};

#[derive(RustEmbed)]
#[folder = "cds-hooks/words/"]
struct EmbeddedMessages;

const ENGLISH: &str = "en.toml";

/// An invalid catalogue.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{file}:{line}: {problem}")]
pub struct MessagesError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// The message catalogue in one language.
#[derive(Debug)]
pub struct Messages {
    texts: Vec<Template>,
}

impl Messages {
    /// The embedded catalogue.
    ///
    /// # Errors
    /// The first error in its file.
    pub fn embedded() -> Result<Self, MessagesError> {
        let file = EmbeddedMessages::get(ENGLISH).map(|file| String::from_utf8_lossy(&file.data).into_owned());
        Self::read(ENGLISH, &file.unwrap_or_default())
    }

    /// Parses a catalogue.
    ///
    /// # Errors
    /// The first error, with its line.
    pub fn read(file: &str, text: &str) -> Result<Self, MessagesError> {
        let source = MessagesText { file, text };
        let sections: HashMap<String, HashMap<String, Spanned<String>>> =
            toml::from_str(text).map_err(|error| source.fault(error.span().map_or(0, |span| span.start), error.message()))?;
        let mut read: HashMap<String, Spanned<String>> = HashMap::new();
        for (section, texts) in sections {
            read.extend(texts.into_iter().map(|(key, text)| (format!("{section}.{key}"), text)));
        }
        let texts = Text::ALL.iter().map(|key| source.template(*key, read.remove(key.key()))).collect::<Result<_, _>>()?;
        match read.iter().min_by_key(|(_, text)| text.span().start) {
            Some((key, text)) => Err(source.fault(text.span().start, format!("`{key}` is not used"))),
            None => Ok(Self { texts }),
        }
    }

    /// A text without arguments.
    pub(crate) fn say(&self, text: Text) -> String {
        self.fill(text, &[])
    }

    /// A text with one argument.
    pub(crate) fn fill_one(&self, text: Text, argument: &dyn Display) -> String {
        self.fill(text, &[argument])
    }

    /// A text with its arguments filled in by position.
    pub(crate) fn fill(&self, text: Text, arguments: &[&dyn Display]) -> String {
        self.texts.get(text as usize).map(|template| template.fill(arguments)).unwrap_or_default()
    }
}

struct MessagesText<'t> {
    file: &'t str,
    text: &'t str,
}

impl MessagesText<'_> {
    fn fault(&self, offset: usize, problem: impl Into<String>) -> MessagesError {
        let line = self.text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1;
        MessagesError { file: self.file.to_owned(), line, problem: problem.into() }
    }

    fn template(&self, key: Text, read: Option<Spanned<String>>) -> Result<Template, MessagesError> {
        let text = read.ok_or_else(|| self.fault(0, format!("`{}` is missing", key.key())))?;
        Template::read(text.get_ref(), key.arguments()).map_err(|problem| self.fault(text.span().start, problem))
    }
}

phrases! {
    /// The key of a text.
    Text {
        Language = "page.language" (),
        Title = "page.title" ("order"),
        Service = "page.service" ("date"),
        SkipToQuestions = "page.skip-to-questions" (),
        SkipToContent = "page.skip-to-content" (),
        Back = "page.back" (),
        Print = "page.print" (),
        OpenUntil = "page.open-until" (),
        OpenUntilTime = "page.open-until-time" ("time"),
        StayLonger = "page.stay-longer" (),
        TimeLeft = "page.time-left" ("minutes"),
        EndsSoon = "page.ends-soon" (),
        Ended = "page.ended" (),
        PolicyLink = "page.policy-link" (),
        Disclaimer = "page.disclaimer" ("policy", "version"),
        OnRecord = "decision.on-record" ("determination"),
        Previewed = "decision.previewed" (),
        SaveFirst = "decision.save-first" (),
        TellSupported = "decision.tell-supported" (),
        TellNeedsDocumentation = "decision.tell-needs-documentation" (),
        TellHistory = "decision.tell-history" (),
        TellNotYet = "decision.tell-not-yet" ("service"),
        TellNotYetFrom = "decision.tell-not-yet-from" ("earliest"),
        TellWaited = "decision.tell-waited" ("earliest"),
        TellOneSide = "decision.tell-one-side" ("ready"),
        TellByCase = "decision.tell-by-case" (),
        TellNotSupported = "decision.tell-not-supported" (),
        TellTooLate = "decision.tell-too-late" ("earliest"),
        TellNotCovered = "decision.tell-not-covered" (),
        TellException = "decision.tell-exception" (),
        TellHistoryUnread = "decision.tell-history-unread" (),
        TellOrderUnread = "decision.tell-order-unread" (),
        Assumed = "decision.assumed" ("effect"),
        ActWeeks = "act.weeks" (),
        ActAdjunct = "act.adjunct" (),
        ActOneProcedure = "act.one-procedure" (),
        ActPhysician = "act.physician" (),
        ActFrom = "act.from" ("date"),
        Correct = "act.correct" ("question"),
        AnsweredAbove = "act.above" ("question"),
        CriteriaHeading = "criteria.heading" (),
        SettledHeading = "criteria.heading-settled" (),
        Met = "criteria.met" (),
        NotMet = "criteria.not-met" (),
        Unknown = "criteria.unknown" (),
        Tally = "criteria.tally" ("met", "all"),
        Rest = "criteria.rest" ("tally"),
        RestPlain = "criteria.rest-plain" (),
        EarlierInjection = "criteria.earlier-injection" ("date", "improved", "sustained"),
        AboutChart = "criteria.about-chart" (),
        Changed = "criteria.changed" ("verdict"),
        Evidence = "criteria.evidence" ("count"),
        NoEvidence = "criteria.no-evidence" (),
        AndMore = "criteria.and-more" ("count"),
        NoDate = "criteria.no-date" (),
        YourAnswers = "criteria.your-answers" (),
        AskedIntroduction = "form.asked-introduction" (),
        NothingAsked = "form.nothing-asked" (),
        Others = "form.others" ("count"),
        OthersIntroduction = "form.others-introduction" (),
        KeptHeading = "form.kept-heading" (),
        Change = "form.change" (),
        ChangeOpen = "form.change-open" ("count"),
        Yes = "form.yes" (),
        No = "form.no" (),
        Open = "form.open" (),
        OpenHead = "form.open-head" (),
        DateFormat = "form.date-format" (),
        PickDate = "form.pick-date" (),
        FromChart = "form.from-chart" ("source"),
        FromChartDated = "form.from-chart-dated" ("source", "date"),
        ToConfirm = "form.to-confirm" ("source"),
        ToConfirmDated = "form.to-confirm-dated" ("source", "date"),
        FromOrder = "form.from-order" (),
        PossibleInjection = "form.possible-injection" ("what", "why"),
        Confirm = "form.confirm" (),
        ConfirmInjection = "form.confirm-injection" (),
        FromForm = "form.from-form" (),
        FromFormDated = "form.from-form-dated" ("date"),
        Repetition = "form.repetition" ("group", "number"),
        AddRepetition = "form.add-repetition" ("group"),
        RemoveRepetition = "form.remove-repetition" ("group", "number"),
        FaultsHeading = "form.faults-heading" (),
        FaultPrefix = "form.fault-prefix" (),
        NotNumber = "form.not-number" (),
        NotWhole = "form.not-whole" (),
        NotDate = "form.not-date" (),
        TwoDigitYear = "form.two-digit-year" (),
        NoSuchDay = "form.no-such-day" (),
        TooEarly = "form.too-early" ("earliest"),
        NotOption = "form.not-option" (),
        TooLow = "form.too-low" ("least"),
        TooHigh = "form.too-high" ("most"),
        InFuture = "form.in-future" (),
        WithAnswers = "form.with-answers" ("determination"),
        NotYetPreviewed = "form.not-yet-previewed" (),
        PreviewFaults = "form.preview-faults" (),
        Preview = "form.preview" (),
        Checking = "form.checking" (),
        CheckFailed = "form.check-failed" (),
        Save = "form.save" (),
        Saving = "form.saving" (),
        SaveNote = "form.save-note" (),
        SavedHeading = "standing.saved-heading" (),
        Saved = "standing.saved" (),
        SavedAt = "standing.saved-at" ("date", "time"),
        ReadOnlyHeading = "standing.read-only-heading" (),
        ReadOnly = "standing.read-only" (),
        NotSavedHeading = "standing.not-saved-heading" (),
        NotSaved = "standing.not-saved" (),
        ByHandHeading = "standing.by-hand-heading" (),
        NoteLabel = "standing.note-label" (),
        ResponseLabel = "standing.response-label" (),
        CopyNote = "standing.copy-note" (),
        CopyResponse = "standing.copy-response" (),
        Copied = "standing.copied" (),
        NoteAnswers = "standing.note-answers" (),
        NoteAnswer = "standing.note-answer" ("question", "answer"),
        TimelineHeading = "timeline.heading" (),
        TimelineDescription = "timeline.description" (),
        TimelineTable = "timeline.table" (),
        TableDate = "timeline.table-date" (),
        TableWhat = "timeline.table-what" (),
        TrackInjections = "timeline.injections" (),
        TrackTherapy = "timeline.therapy" (),
        TrackMedication = "timeline.medication" (),
        TrackScores = "timeline.scores" (),
        Injection = "timeline.injection" ("side"),
        InjectionByForm = "timeline.injection-by-form" ("side"),
        SideLeft = "timeline.side-left" (),
        SideRight = "timeline.side-right" (),
        SideBoth = "timeline.side-both" (),
        SideUnspecified = "timeline.side-unspecified" (),
        OfLeft = "timeline.of-left" (),
        OfRight = "timeline.of-right" (),
        TherapyCourse = "timeline.therapy-course" ("names", "days", "count"),
        MedicationCourse = "timeline.medication-course" ("names", "days", "count"),
        PainScore = "timeline.pain-score" ("score"),
        Between = "timeline.between" ("first", "last"),
        Undated = "timeline.undated" (),
        LineToday = "timeline.line-today" ("date"),
        LineService = "timeline.line-service" ("date"),
        LineServiceToday = "timeline.line-service-today" ("date"),
        PainWindow = "timeline.pain-window" ("count", "until", "joint"),
        FirstDaysWindow = "timeline.first-days-window" ("count", "until", "joint"),
        FirstMonthsWindow = "timeline.first-months-window" ("count", "until", "joint"),
        LastDaysWindow = "timeline.last-days-window" ("count", "until", "joint"),
        LastMonthsWindow = "timeline.last-months-window" ("count", "until", "joint"),
        ContinuationWindow = "timeline.continuation-window" ("count", "until", "joint"),
        TherapeuticWindow = "timeline.therapeutic-window" ("count", "until", "joint"),
        LookbackWindow = "timeline.lookback-window" ("count", "until", "joint"),
        ChooseHeading = "choice.heading" (),
        Choose = "choice.text" (),
        ChosenOrder = "choice.order" ("order", "date", "determination"),
        ExpiredHeading = "notice.expired-heading" (),
        Expired = "notice.expired" (),
        RefusedHeading = "notice.refused-heading" (),
        Refused = "notice.refused" (),
        NoOrderHeading = "notice.no-order-heading" (),
        NoOrder = "notice.no-order" (),
        ClosedHeading = "notice.closed-heading" (),
        Closed = "notice.closed" (),
        UnreadHeading = "notice.unread-heading" (),
        Unread = "notice.unread" (),
        FailedHeading = "notice.failed-heading" (),
        Failed = "notice.failed" (),
        NotRegisteredHeading = "notice.not-registered-heading" (),
        NotRegistered = "notice.not-registered" (),
        LaunchHeading = "notice.launch-heading" (),
        LaunchUnknownEhr = "notice.launch-unknown-ehr" (),
        LaunchUnreachable = "notice.launch-unreachable" (),
        LaunchIncomplete = "notice.launch-incomplete" (),
        LaunchStale = "notice.launch-stale" (),
        LaunchForeign = "notice.launch-foreign" (),
        LaunchUnproven = "notice.launch-unproven" (),
        LaunchNoPatient = "notice.launch-no-patient" (),
        LaunchOtherPatient = "notice.launch-other-patient" (),
        LaunchAgain = "notice.launch-again" (),
        Reference = "notice.reference" ("reference"),
    }
}
