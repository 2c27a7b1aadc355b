//! The card texts of each outcome and the arguments they can name.
//! Not here: which outcome an order has ([`super::order_words`]).

use super::keyed_enum::keyed_enum;
use super::template::Template;

/// The card texts of one outcome.
#[derive(Clone, Debug)]
pub struct OutcomeText {
    pub(super) summary: Template,
    pub(super) lead: Template,
    pub(super) next: Template,
}

impl OutcomeText {
    /// The card's summary line.
    #[must_use]
    pub fn summary(&self, arguments: &OutcomeArguments) -> String {
        arguments.fill(&self.summary)
    }

    /// The first sentence below the summary.
    #[must_use]
    pub fn lead(&self, arguments: &OutcomeArguments) -> String {
        arguments.fill(&self.lead)
    }

    /// The next step.
    #[must_use]
    pub fn next(&self, arguments: &OutcomeArguments) -> String {
        arguments.fill(&self.next)
    }
}

/// The arguments that the texts of an outcome can name.
#[derive(Clone, Debug, Default)]
pub struct OutcomeArguments {
    /// The order's name.
    pub order: String,
    /// The day of service.
    pub service_date: String,
    /// The day on which the wait ends.
    pub earliest_date: String,
    /// The first criterion that is not met.
    pub criterion: String,
    /// What is missing, in a few words.
    pub missing: String,
    /// What has to be done first.
    pub acts: String,
    /// The place to enter answers, with a leading space.
    pub place: String,
    /// The possible earlier injections.
    pub entries: String,
    /// What is wrong with the order.
    pub problem: String,
    /// The side that can go ahead.
    pub ready: String,
    /// The side that has to wait.
    pub waiting: String,
}

impl OutcomeArguments {
    pub(super) const NAMES: &'static [&'static str] =
        &["order", "service_date", "earliest_date", "criterion", "missing", "acts", "place", "entries", "problem", "ready", "waiting"];

    fn fill(&self, template: &Template) -> String {
        template.fill(&[
            &self.order,
            &self.service_date,
            &self.earliest_date,
            &self.criterion,
            &self.missing,
            &self.acts,
            &self.place,
            &self.entries,
            &self.problem,
            &self.ready,
            &self.waiting,
        ])
    }
}

keyed_enum! {
    /// The outcome of an order: a determination, or a case of one that has its own texts. The key is the section in `[determinations]` of
    /// `cards.toml`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum OutcomeKind, key, from_key {
        /// Every criterion is met.
        Supported = "supported",
        /// Something is not documented.
        NeedsDocumentation = "needs-documentation",
        /// The injection history is uncertain.
        HistoryOpen = "history-open",
        /// A further step is needed first.
        NotYet = "not-yet",
        /// Only a waiting period is left.
        NotYetFrom = "not-yet-from",
        /// Only a waiting period was left, and it is over today.
        WaitIsOver = "wait-is-over",
        /// Only a waiting period was left, and the days that would have been supported are past.
        WindowIsPast = "window-is-past",
        /// One joint can go ahead; the other has to wait.
        OneSideReady = "one-side-ready",
        /// A reviewer decides.
        IndividualConsideration = "individual-consideration",
        /// A criterion excludes it.
        NotSupported = "not-supported",
        /// The wait ends after the limit of time since the first injection.
        NotSupportedLate = "not-supported-late",
        /// Only the limit of time since the first injection excludes it, and its exception question has no answer.
        BeyondContinuation = "beyond-continuation",
        /// The policy excludes the procedure regardless of the chart.
        Excluded = "excluded",
        /// The injection history was not available.
        Indeterminate = "indeterminate",
        /// The order cannot be read.
        OrderUnreadable = "order-unreadable",
    }
}
