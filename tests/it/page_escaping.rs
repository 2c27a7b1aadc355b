//! No text from any source changes the structure of the page: chart, form, answers, plan, and the app's own texts.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::Value;
use sij_cds::smart::page::{AnswerOrigin, CurrentAnswers, FormDefinition, Frame, Notice, OrderChoice, SaveState, html};

use crate::support::html::Html;
use crate::support::page::{PageSample, frame, questionnaire};

const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onfocus='alert(1)' autofocus='",
    "</textarea></title></style><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "\u{202e}txt\u{0}\u{1b}[31m\u{feff}\u{fdd0}",
    "&lt;b&gt;&amp;&#x3c;",
];

fn config() -> Config {
    Config { cases: 48, rng_seed: RngSeed::Fixed(20_261_122), failure_persistence: None, ..Config::default() }
}

/// Every text that a person may have written.
fn replace_texts(value: &mut Value, names: &[&str], text: &str) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if member.is_string() && names.contains(&name.as_str()) {
                    *member = text.into();
                } else {
                    replace_texts(member, names, text);
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| replace_texts(element, names, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A page in which every text except the policy's own is this one.
fn page_saying(text: &str) -> String {
    let mut sample = PageSample::of_story("relief-by-pain-scores-alone");
    replace_texts(&mut sample.request["prefetch"], &["display"], text);
    let mut form: Value = serde_json::from_str(&questionnaire()).unwrap();
    replace_texts(&mut form, &["text", "display"], text);
    sample.form = FormDefinition::read(&form.to_string()).unwrap();
    let mut answers = CurrentAnswers::default();
    for name in ["adls-limited-since", "nsaid-weeks", "prior-injection.0.injection-date"] {
        answers.set(name, text, AnswerOrigin::Chart { source: text.to_owned(), date: Some(text.to_owned()) });
    }
    answers.set("prior-injection.0.relief-percent", text, AnswerOrigin::EarlierForm { date: Some(text.to_owned()) });
    sample.answers = answers;
    sample.standing = SaveState::NotSaved(text.to_owned());
    (sample.patient, sample.plan_name, sample.csrf) = (text.to_owned(), text.to_owned(), text.to_owned());
    sample.policy_url = Some(format!("https://payer.example.org/{text}"));
    let mut view = sample.view();
    text.clone_into(&mut view.order);
    let frame = Frame { nonce: text, assets: text, action: text, back: text, csrf: text, ..frame() };
    html::page(frame, &view).unwrap()
}

/// Asserts that the page has the same structure as with a harmless text.
fn assert_harmless(text: &str) {
    let page = Html::parse(&page_saying(text));
    assert_eq!(page.errors(), Vec::<String>::new(), "{text:?}");
    assert_eq!(page.skeleton(), Html::parse(&page_saying("harmless")).skeleton(), "{text:?}");
}

#[test]
fn hostile_texts_stay_texts_wherever_they_come_from() {
    for text in HOSTILE {
        assert_harmless(text);
    }
}

#[test]
fn a_hostile_answer_stays_what_was_typed() {
    let page = PageSample::of_story("nothing-documented").submitting(&[("nsaid-weeks", "\"><script>")]).html();
    assert_eq!(Html::parse(&page).by_id("q-nsaid-weeks").get("value"), Some("\"><script>"));
}

#[test]
fn hostile_orders_and_references_stay_texts_too() {
    for text in HOSTILE {
        let choice = html::choice(frame(), &OrderChoice { orders: vec![(text.to_owned(), text.to_owned())] }).unwrap();
        let notice = html::notice(frame(), Notice::Failed, Some(text)).unwrap();
        for page in [choice, notice].map(|page| Html::parse(&page)) {
            assert_eq!(page.errors(), Vec::<String>::new());
            assert_eq!(page.all("script").len(), 1);
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_text_leaves_the_page_whole(text in "[a&<>\"'/=\\p{Cc}\\p{Cf}\\PC -]{1,24}") {
        // Text in the chart that names a side is parsed as one, and affects the decision.
        let mut words = text.split(|letter: char| !letter.is_alphanumeric()).map(str::to_lowercase);
        prop_assume!(!text.trim().is_empty() && !words.any(|word| ["l", "r", "lt", "rt"].contains(&word.as_str())));
        assert_harmless(&text);
    }
}
