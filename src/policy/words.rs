//! Words of a chart and the phrases of a policy that are looked for among them (`[words]` of `policy.toml`).
//! A word is a run of letters and digits, with `/` inside of it; words are compared in lower case.
//! Not here: where they are looked for ([`crate::evidence`]).

/// The words of one text, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// The words of a text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let lower = text.to_lowercase();
        let runs = lower.split(|letter: char| !letter.is_alphanumeric() && letter != '/');
        Self(runs.map(|run| run.trim_matches('/')).filter(|word| !word.is_empty()).map(str::to_owned).collect())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every word is one of the phrases' first words and nothing else is said.
    #[must_use]
    pub fn are_all_in(&self, phrases: &Phrases) -> bool {
        self.0.iter().all(|word| phrases.0.iter().any(|phrase| phrase.begins(std::slice::from_ref(word))))
    }
}

/// Phrases that are looked for.
#[derive(Clone, Debug, Default)]
pub struct Phrases(Vec<Phrase>);

/// Consecutive words; where `is_open`, the last one may go on.
#[derive(Clone, Debug)]
struct Phrase {
    words: Vec<String>,
    is_open: bool,
}

/// What ends a phrase whose last word may go on.
const OPEN: char = '…';

impl Phrases {
    /// Reads phrases as `policy.toml` writes them: words with blanks between them, `…` behind a last word that may go on.
    ///
    /// # Errors
    /// The first one that has no word, or an `…` that is not at its end.
    pub fn parse<'p>(phrases: impl IntoIterator<Item = &'p str>) -> Result<Self, String> {
        phrases.into_iter().map(Phrase::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether one of them stands among the words.
    #[must_use]
    pub fn are_in(&self, words: &Words) -> bool {
        (0..words.0.len()).any(|place| self.is_at(words, place))
    }

    /// Whether one of them begins at a place, and no word of `unless` stands right before or after it.
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

    /// Whether the words begin with it.
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
