//! The three-valued verdict and its truth tables (Kleene's strong logic of indeterminacy).
//! Not here: a verdict's evidence; see [`super::evaluation::Criterion`].

use serde::{Deserialize, Serialize};

/// Whether a criterion, or a part of one, is met.
///
/// A chart can prove a criterion, but only a person can disprove it: absence is [`Verdict::Unknown`], never [`Verdict::NotMet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Shown by the chart, the form or the orders.
    Met,
    /// Denied by an explicit statement, or by arithmetic on injections and orders.
    NotMet,
    /// Neither shown nor denied.
    Unknown,
}

impl Verdict {
    /// `Met` for true, `NotMet` for false.
    #[must_use]
    pub fn from_bool(holds: bool) -> Self {
        if holds { Self::Met } else { Self::NotMet }
    }

    /// `Met` for yes, `NotMet` for no, `Unknown` for no answer.
    #[must_use]
    pub fn from_answer(answer: Option<bool>) -> Self {
        answer.map_or(Self::Unknown, Self::from_bool)
    }

    /// Kleene's AND: one `NotMet` decides.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::NotMet, _) | (_, Self::NotMet) => Self::NotMet,
            (Self::Met, Self::Met) => Self::Met,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
        }
    }

    /// Kleene's OR: one `Met` decides.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        !((!self).and(!other))
    }

    /// Whether this is `Met`.
    #[must_use]
    pub fn is_met(self) -> bool {
        self == Self::Met
    }

    /// Whether this is `NotMet`.
    #[must_use]
    pub fn is_not_met(self) -> bool {
        self == Self::NotMet
    }

    /// Whether this is `Unknown`.
    #[must_use]
    pub fn is_unknown(self) -> bool {
        self == Self::Unknown
    }
}

/// Kleene's NOT: `Unknown` stays `Unknown`.
impl std::ops::Not for Verdict {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Met => Self::NotMet,
            Self::NotMet => Self::Met,
            Self::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{self, Met, NotMet, Unknown};

    const AND: [(Verdict, Verdict, Verdict); 9] = [
        (Met, Met, Met),
        (Met, NotMet, NotMet),
        (Met, Unknown, Unknown),
        (NotMet, Met, NotMet),
        (NotMet, NotMet, NotMet),
        (NotMet, Unknown, NotMet),
        (Unknown, Met, Unknown),
        (Unknown, NotMet, NotMet),
        (Unknown, Unknown, Unknown),
    ];

    const OR: [(Verdict, Verdict, Verdict); 9] = [
        (Met, Met, Met),
        (Met, NotMet, Met),
        (Met, Unknown, Met),
        (NotMet, Met, Met),
        (NotMet, NotMet, NotMet),
        (NotMet, Unknown, Unknown),
        (Unknown, Met, Met),
        (Unknown, NotMet, Unknown),
        (Unknown, Unknown, Unknown),
    ];

    #[test]
    fn and_follows_its_whole_truth_table() {
        for (left, right, both) in AND {
            assert_eq!(left.and(right), both, "{left:?} AND {right:?}");
        }
    }

    #[test]
    fn or_follows_its_whole_truth_table() {
        for (left, right, either) in OR {
            assert_eq!(left.or(right), either, "{left:?} OR {right:?}");
        }
    }

    #[test]
    fn not_follows_its_whole_truth_table() {
        for (verdict, negated) in [(Met, NotMet), (NotMet, Met), (Unknown, Unknown)] {
            assert_eq!(!verdict, negated, "NOT {verdict:?}");
        }
    }

    #[test]
    fn an_absent_answer_is_unknown_and_never_not_met() {
        assert_eq!(Verdict::from_answer(None), Unknown);
        assert_eq!(Verdict::from_answer(Some(false)), NotMet);
        assert_eq!(Verdict::from_answer(Some(true)), Met);
    }
}
