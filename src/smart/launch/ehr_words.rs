//! What an EHR says of its refusal, made fit for the operator's log.
//! Not here: what the refusal means; see [`super::authorization_response`] and [`super::exchange`].

use tracing::warn;

use super::ehr::Ehr;
use super::error::LaunchError;

/// Maximum characters of an error code in the log.
const MAX_CODE_LETTERS: usize = 64;

/// Maximum characters of a description in the log.
const MAX_DESCRIPTION_LETTERS: usize = 300;

/// Maximum characters that are looked at, more than any secret has that this service sends.
const MAX_LOOKED_AT: usize = 16 * 1024;

/// A run of this many characters can be a token, a code or a key.
const MIN_SECRET_LETTERS: usize = 20;

/// A number of this many digits can be a date, a record number or a telephone number.
const MIN_NUMBER_DIGITS: usize = 6;

/// Stands for what may not be in the log.
const MASK: &str = "[…]";

/// An EHR's refusal in its own words (RFC 6749, sections 4.1.2.1 and 5.2).
#[derive(Clone, Copy)]
pub(super) struct EhrRefusal<'r> {
    pub(super) error: &'r str,
    pub(super) description: Option<&'r str>,
    /// What this service sent and the EHR may repeat: codes, tokens, assertions, secrets.
    pub(super) secrets: &'r [&'r str],
}

impl EhrRefusal<'_> {
    /// Reports a fault of the app's registration, which only the operator and the EHR's administrator can fix. Any other refusal
    /// can be about the user or the patient, so nothing of its text is logged.
    pub(super) fn report(self, ehr: &Ehr, place: &'static str, meaning: LaunchError) {
        if meaning != LaunchError::ClientRefused {
            return;
        }
        let said = |text: &str, limit| EhrText { client_id: ehr.client_id(), secrets: self.secrets }.loggable(text, limit);
        warn!(
            ehr = ehr.name(),
            place,
            error = said(self.error, MAX_CODE_LETTERS),
            description = said(self.description.filter(|_| self.is_about_the_app()).unwrap_or_default(), MAX_DESCRIPTION_LETTERS),
            "the EHR does not accept the app's registration"
        );
    }

    /// Whether its description can only be about the app; that of another error can name a user or a patient.
    fn is_about_the_app(&self) -> bool {
        matches!(self.error, "" | "invalid_client" | "unauthorized_client")
    }
}

/// What is known about the words of a text.
struct EhrText<'w> {
    client_id: &'w str,
    secrets: &'w [&'w str],
}

impl EhrText<'_> {
    /// One line of bounded length, without control characters and without what can be a secret or a person's number or address.
    /// Invariant: no secret that this service sent gets past it, and nothing that looks like one; the client id is no secret.
    fn loggable(&self, text: &str, limit: usize) -> String {
        // Only so much is looked at, whatever the EHR sends.
        let bounded: String = text.chars().take(MAX_LOOKED_AT).collect();
        let secrets = self.secrets.iter().filter(|secret| !secret.is_empty());
        let masked = secrets.fold(bounded, |text, secret| text.replace(secret, MASK));
        let plain: String = masked.chars().map(|letter| if is_plain(letter) { letter } else { ' ' }).collect();
        let words: Vec<&str> = plain.split_whitespace().map(|word| if is_telling(word, self.client_id) { MASK } else { word }).collect();
        words.join(" ").chars().take(limit).collect()
    }
}

fn is_plain(letter: char) -> bool {
    letter.is_ascii_graphic() || letter.is_alphabetic() || MASK.contains(letter)
}

/// Whether a word can be a secret, or can identify a person.
fn is_telling(word: &str, client_id: &str) -> bool {
    let bare = word.trim_matches(|letter: char| letter.is_ascii_punctuation());
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_long = word.chars().count() >= MIN_SECRET_LETTERS && (digits > 0 || word.contains('%') || has_mixed_case(word));
    let is_number = digits >= MIN_NUMBER_DIGITS && !is_error_number(bare);
    bare != client_id && (is_long || is_number || word.contains(['@', '%', '&']))
}

/// Whether it is the number of an error of Microsoft's identity platform.
fn is_error_number(word: &str) -> bool {
    word.strip_prefix("AADSTS").is_some_and(|number| number.bytes().all(|letter| letter.is_ascii_digit()))
}

/// Whether a small letter precedes a capital one, as in random text and in no word.
fn has_mixed_case(word: &str) -> bool {
    word.as_bytes().windows(2).any(|pair| matches!(pair, [first, second] if first.is_ascii_lowercase() && second.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_ehr_says_is_one_short_line_without_secrets_and_people() {
        let words = EhrText { client_id: "sij-cds-4f8e2a7c91d04b5e", secrets: &["s3cr3t", ""] };
        for (text, expected) in [
            ("the secret 's3cr3t' is wrong", "the secret '[…]' is wrong"),
            ("invalid_client", "invalid_client"),
            ("Client authentication failed.", "Client authentication failed."),
            ("unknown client 'sij-cds-4f8e2a7c91d04b5e'.", "unknown client 'sij-cds-4f8e2a7c91d04b5e'."),
            ("AADSTS7000215: Invalid client secret provided.", "AADSTS7000215: Invalid client secret provided."),
            ("http_redirect_uri_is_not_registered", "http_redirect_uri_is_not_registered"),
            ("a\r\nlevel=ERROR\u{1b}[31m\0b\u{202e}c\u{2028}d", "a level=ERROR [31m b c d"),
            ("code c0ffee5d2f1b4a77c0ffee5d is unknown", "code […] is unknown"),
            ("assertion eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJh.c2ln is old", "assertion […] is old"),
            ("token aBcDefghijklmnopqrst", "token […]"),
            ("at https://ehr.example/oauth?code=abc123def456", "at […]"),
            ("for dr.who@clinic.example", "for […]"),
            ("patient 4711234 born 1961-04-02", "patient […] born […]"),
            ("call (555)123-4567", "call […]"),
            ("patient MRN4711234 or Patient/4711234, born=1961-04-02", "patient […] or […] […]"),
            ("the secret a%2Bb or a&amp;b", "the secret […] or […]"),
            ("error 40125", "error 40125"),
            ("", ""),
        ] {
            assert_eq!(words.loggable(text, 300), expected, "{text}");
        }
        assert_eq!(words.loggable(&"long ".repeat(100_000), 300).chars().count(), 300);
    }
}
