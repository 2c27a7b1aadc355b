//! How the cards of each outcome read, and what their texts can name.
//! Not here: which outcome an order has ([`super::order_words`]).

use super::wording::Template;

/// How the cards of one outcome read.
#[derive(Clone, Debug)]
pub struct OutcomeText {
    pub(super) summary: Template,
    pub(super) lead: Template,
    pub(super) next: Template,
}

impl OutcomeText {
    /// The card's one line.
    #[must_use]
    pub fn summary(&self, arguments: &OutcomeArguments) -> String {
        arguments.fill(&self.summary)
    }

    /// The first sentence below it.
    #[must_use]
    pub fn lead(&self, arguments: &OutcomeArguments) -> String {
        arguments.fill(&self.lead)
    }

    /// What to do next.
    #[must_use]
    pub fn next(&self, arguments: &OutcomeArguments) -> String {
        arguments.fill(&self.next)
    }
}

/// What the texts of an outcome can name.
#[derive(Clone, Debug, Default)]
pub struct OutcomeArguments {
    /// The order in words.
    pub order: String,
    /// The day of service.
    pub service_date: String,
    /// The day that is waited for.
    pub earliest_date: String,
    /// The first criterion that is not met.
    pub criterion: String,
    /// What is missing, in a few words.
    pub missing: String,
    /// What has to be done first.
    pub acts: String,
    /// Where answers are entered, with a blank before it.
    pub place: String,
    /// The entries that may be earlier injections.
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

macro_rules! outcomes {
    ($($(#[$doc:meta])* $variant:ident = $key:literal,)*) => {
        /// What an order comes to, as far as its texts differ: a determination, or a case of one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum OutcomeKind {
            $($(#[$doc])* $variant,)*
        }

        impl OutcomeKind {
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The key in `[determinations]` of `cards.toml`.
            pub(super) fn key(self) -> &'static str {
                match self {
                    $(Self::$variant => $key,)*
                }
            }
        }
    };
}

outcomes! {
    /// Every criterion is met.
    Supported = "supported",
    /// Something is not documented.
    NeedsDocumentation = "needs-documentation",
    /// It is not known which injections came before.
    HistoryOpen = "history-open",
    /// Something has to be done first.
    NotYet = "not-yet",
    /// Only time is in the way.
    NotYetFrom = "not-yet-from",
    /// Only time was in the way, and it is over today.
    WaitIsOver = "wait-is-over",
    /// One joint can go ahead, the other only later.
    OneSideReady = "one-side-ready",
    /// A reviewer decides.
    IndividualConsideration = "individual-consideration",
    /// A criterion excludes it.
    NotSupported = "not-supported",
    /// The wait ends only after the limit of section III.
    NotSupportedLate = "not-supported-late",
    /// Section III alone excludes it, and its exception was not asked about.
    BeyondContinuation = "beyond-continuation",
    /// The policy excludes the procedure, whatever the chart says.
    Excluded = "excluded",
    /// The injection history could not be had.
    Indeterminate = "indeterminate",
    /// The order cannot be read.
    OrderUnreadable = "order-unreadable",
}
