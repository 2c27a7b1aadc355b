//! Matches phrases of the policy (`[words]` of `policy.toml`) against the words of a chart text.
//! A word is a run of letters and digits and may contain `/`. Comparison ignores case.
//! Not here: which texts are searched ([`crate::evidence`]).

/// The words of one text, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// Splits a text into words.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let lower = text.to_lowercase();
        let runs = lower.split(|letter: char| !letter.is_alphanumeric() && letter != '/');
        Self(runs.map(|run| run.trim_matches('/')).filter(|word| !word.is_empty()).map(str::to_owned).collect())
    }

    /// Whether there are no words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every word alone matches one of the phrases.
    #[must_use]
    pub fn are_all_in(&self, phrases: &Phrases) -> bool {
        self.0.iter().all(|word| phrases.0.iter().any(|phrase| phrase.begins(std::slice::from_ref(word))))
    }
}

/// Phrases to look for.
#[derive(Clone, Debug, Default)]
pub struct Phrases(Vec<Phrase>);

/// Consecutive words. If `is_open`, the last one is a prefix.
#[derive(Clone, Debug)]
struct Phrase {
    words: Vec<String>,
    is_open: bool,
}

/// The mark after a phrase whose last word is a prefix.
const OPEN: char = '…';

impl Phrases {
    /// Parses phrases as written in `policy.toml`: words separated by spaces, with `…` after a last word that is a prefix.
    ///
    /// # Errors
    /// The first phrase without a word, or with a `…` that is not at its end.
    pub fn parse<'p>(phrases: impl IntoIterator<Item = &'p str>) -> Result<Self, String> {
        phrases.into_iter().map(Phrase::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether one of the phrases occurs among the words.
    #[must_use]
    pub fn are_in(&self, words: &Words) -> bool {
        (0..words.0.len()).any(|place| self.is_at(words, place))
    }

    /// Whether one of the phrases begins at a word with no phrase of `unless` beginning directly before or after that word.
    #[must_use]
    pub fn are_in_unless_beside(&self, words: &Words, unless: &Self) -> bool {
        let beside = |place: usize| {
            let neighbours = [place.checked_sub(1), place.checked_add(1)];
            neighbours.into_iter().flatten().any(|neighbour| unless.is_at(words, neighbour))
        };
        (0..words.0.len()).any(|place| self.is_at(words, place) && !beside(place))
    }

    fn is_at(&self, words: &Words, place: usize) -> bool {
        let rest = words.0.get(place..).unwrap_or_default();
        self.0.iter().any(|phrase| phrase.begins(rest))
    }
}

impl Phrase {
    fn parse(text: &str) -> Result<Self, String> {
        let (text, is_open) = text.strip_suffix(OPEN).map_or((text, false), |stem| (stem, true));
        let Words(words) = Words::parse(text);
        if words.is_empty() || text.contains(OPEN) {
            return Err(format!("`{text}` is not a phrase: words, with `{OPEN}` at its end where the last one may go on"));
        }
        Ok(Self { words, is_open })
    }

    /// Whether the words begin with the phrase.
    fn begins(&self, words: &[String]) -> bool {
        let Some((last, first)) = self.words.split_last() else { return false };
        let Some((at_last, before)) = words.get(..self.words.len()).and_then(<[String]>::split_last) else { return false };
        before == first && if self.is_open { at_last.starts_with(last.as_str()) } else { at_last == last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrases(list: &[&str]) -> Phrases {
        Phrases::parse(list.iter().copied()).expect("phrases")
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_with_a_slash_inside() {
        for (text, words) in [
            ("SI-Joint, Left", &["si", "joint", "left"][..]),
            ("b/l S.I. joints", &["b/l", "s", "i", "joints"]),
            ("/ L5/S1 / (R)", &["l5/s1", "r"]),
            ("Läsion", &["läsion"]),
            ("  ", &[]),
        ] {
            assert_eq!(Words::parse(text), Words(words.iter().map(|&word| word.to_owned()).collect()), "{text}");
        }
    }

    #[test]
    fn a_phrase_is_found_whatever_stands_between_its_words() {
        let joint = phrases(&["sacroiliac…", "sacro iliac…", "si joint…", "sij", "s i joint…"]);
        for text in ["Sacroiliac joint", "SACROILIITIS? no: sacro-iliac", "left SI-joint", "SI joints, both", "S.I. joint", "(SIJ)"] {
            assert!(joint.are_in(&Words::parse(text)), "{text}");
        }
        for text in ["sacrum", "SI", "joint SI", "basij", "sijx", "si the joint"] {
            assert!(!joint.are_in(&Words::parse(text)), "{text}");
        }
    }

    #[test]
    fn a_phrase_may_be_barred_by_the_word_beside_it() {
        let (pain, head) = (phrases(&["pain…"]), phrases(&["head…"]));
        for (text, found) in [("back pain", true), ("head pain", false), ("pain, headache", false), ("head pain and joint pain", true)] {
            assert_eq!(pain.are_in_unless_beside(&Words::parse(text), &head), found, "{text}");
        }
    }

    #[test]
    fn what_is_no_phrase_is_refused() {
        for text in ["", "…", "a … b"] {
            assert!(Phrases::parse([text]).is_err(), "{text}");
        }
    }
}
