//! The app's page in every state: its content and order, and that it is accessible.

use std::collections::BTreeSet;

use sij_cds::smart::page::{
    AnswerOrigin, Asset, CurrentAnswers, FormDefinition, Messages, Notice, OrderChoice, SCRIPT, STYLE, SaveState, html,
};

use crate::support::Call;
use crate::support::call::{cpt, order};
use crate::support::day_of_the_fixtures;
use crate::support::html::{Element, Html};
use crate::support::opened_app::ANSWERS;
use crate::support::page::{FORM, NONCE, POLICY, PageSample, WORDS, frame, judged};

/// The form as submitted with a clinician's possible answers for a chart without any documentation.
fn sent() -> Vec<(&'static str, &'static str)> {
    ANSWERS.into_iter().chain([("csrf", "token"), ("action", "preview")]).collect()
}

const FAULTY: [(&str, &str); 5] = [
    ("adls-limited-since", "March 2026"),
    ("exercise-therapy-weeks", "1,5"),
    ("nsaid-weeks", "600"),
    ("prior-injection.0.injection-date", "2027-01-01"),
    ("prior-injection.0.relief-percent", "much"),
];

fn prefilled(sample: PageSample) -> PageSample {
    let mut answers = CurrentAnswers::default();
    answers.set("sij-tenderness", "true", AnswerOrigin::Chart { source: "observations".to_owned(), date: Some("2026-11-10".to_owned()) });
    answers.set("adls-limited-since", "2026-03", AnswerOrigin::Chart { source: "problem list".to_owned(), date: None });
    answers.set("nsaid-weeks", "4", AnswerOrigin::EarlierForm { date: Some("2026-06-01".to_owned()) });
    PageSample { answers, ..sample }
}

fn nothing() -> PageSample {
    PageSample::of_story("nothing-documented")
}

fn previewed() -> PageSample {
    prefilled(nothing()).submitting(&sent())
}

fn finished() -> String {
    serde_json::to_string_pretty(&previewed().response()).unwrap()
}

const EXCEPTION: [(&str, &str); 2] =
    [("definitive-therapy-not-available", "true"), ("definitive-therapy-reason", "Fusion was declined by two surgeons")];

/// The chart with the answers in it, as after saving.
fn saved() -> PageSample {
    let mut sample = previewed();
    let response = sample.response();
    sample.request["prefetch"]["questionnaireResponses"] =
        serde_json::json!({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": response}]});
    PageSample { items: None, ..sample }.standing(SaveState::Saved(day_of_the_fixtures()))
}

fn choice() -> String {
    let call = Call::ordering([order("o1", &cpt("27096:LT"), "2026-12-01"), order("o2", &cpt("27096:RT"), "2026-12-08")]);
    let choice = judged(&call.0.to_string(), |evaluation, _| OrderChoice::of(&WORDS, evaluation, |_| &POLICY));
    html::choice(frame(), &choice).unwrap()
}

/// Every state of the page, by name.
fn states() -> Vec<(String, String)> {
    let samples = [
        ("form", nothing()),
        ("prefilled", prefilled(nothing())),
        ("previewed", previewed()),
        ("saved", saved()),
        ("read-only", nothing().standing(SaveState::ReadOnly(None))),
        ("read-only-finished", previewed().standing(SaveState::ReadOnly(Some(finished())))),
        ("not-saved", previewed().standing(SaveState::NotSaved(finished()))),
        ("faults", nothing().submitting(&FAULTY)),
        ("two-repetitions", PageSample::of_story("relief-by-pain-scores-alone").submitting(&[("action", "add:prior-injection")])),
        ("supported", PageSample::of_story("first-injection-fully-documented")),
        ("both-sides", PageSample::of_story("bilateral-different-histories")),
        ("scores", PageSample::of_story("relief-by-pain-scores-alone")),
        ("not-yet", PageSample::of_story("third-injection-at-seven-weeks")),
        ("not-supported", PageSample::of_story("two-failed-diagnostics")),
        ("many-injections", PageSample::of_story("fourth-therapeutic-in-a-year")),
        ("neurotomy", PageSample::of_story("radiofrequency-neurotomy")),
        ("indeterminate", PageSample::of_story("procedures-missing")),
        ("medicaid", PageSample::of_story("medicaid-member")),
        ("large", PageSample::of_story("thousand-resource-chart")),
        ("gaps", PageSample::with_gaps()),
        ("gaps-previewed", PageSample::with_gaps().submitting(&[("pain-interferes-adls", "true")])),
        ("unclear-history", PageSample::unclear_history()),
        ("beyond", PageSample::of_story("beyond-twelve-months").charted()),
        ("beyond-excepted", PageSample::of_story("beyond-twelve-months").charted().submitting(&EXCEPTION)),
    ];
    let pages = samples.into_iter().map(|(name, sample)| (name.to_owned(), sample.html()));
    let notices = Notice::ALL.into_iter().map(|notice| {
        let name = format!("{notice:?}").to_lowercase().replace(['(', ')'], "-");
        (format!("notice-{}", name.trim_matches('-')), html::notice(frame(), notice, Some("018f-1")).unwrap())
    });
    pages.chain(notices).chain([("choice".to_owned(), choice())]).collect()
}

/// Runs a check on every state and reports findings with the state's name.
#[track_caller]
fn in_every_state(check: impl Fn(&Html) -> Vec<String>) {
    let found: Vec<_> =
        states().iter().flat_map(|(name, page)| check(&Html::parse(page)).into_iter().map(move |what| format!("{name}: {what}"))).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// If `SIJ_CDS_PAGES` is set, writes every state there for inspection.
#[test]
fn every_state_is_written_to_be_looked_at() {
    let Ok(folder) = std::env::var("SIJ_CDS_PAGES") else { return };
    let folder = std::path::Path::new(&folder);
    std::fs::create_dir_all(folder).unwrap();
    for name in [STYLE, SCRIPT] {
        std::fs::write(folder.join(name), Asset::of_name(name).unwrap().bytes).unwrap();
    }
    for (name, page) in states() {
        std::fs::write(folder.join(format!("{name}.html")), page.replace("/smart/assets/", "")).unwrap();
    }
}

#[test]
fn every_state_is_well_formed() {
    in_every_state(Html::errors);
}

#[test]
fn the_page_and_its_assets_are_small() {
    let assets: usize = [STYLE, SCRIPT].into_iter().map(|name| Asset::of_name(name).unwrap().bytes.len()).sum();
    for (name, page) in states() {
        assert!(page.len() + assets < 150_000, "{name}: {} and {assets}", page.len());
    }
}

#[test]
fn an_asset_is_known_by_its_name_alone_and_its_address_changes_with_it() {
    assert!(Asset::of_name("../words/en.toml").is_none());
    let style = Asset::of_name(STYLE).unwrap();
    assert_eq!(Asset::address("/smart/assets/", STYLE), format!("/smart/assets/page.css?v={}", style.hash));
}

#[test]
fn script_and_style_come_by_address_and_nonce_alone() {
    in_every_state(|page| {
        let bad = |element: &Element| {
            let inline = element.attributes.iter().any(|(name, _)| name == "style" || name.starts_with("on"));
            let bare = matches!(element.tag.as_str(), "script" | "link")
                && (element.get("nonce") != Some(NONCE)
                    || !element.text.is_empty()
                    || (element.get("src").is_none() && element.get("href").is_none()));
            inline || bare || matches!(element.tag.as_str(), "style" | "iframe" | "object" | "base" | "img")
        };
        page.elements().iter().filter(|element| bad(element)).map(|element| format!("{element:?}")).collect()
    });
}

#[test]
fn links_lead_within_the_page_to_the_app_or_to_the_policy() {
    in_every_state(|page| {
        let ids: BTreeSet<String> = page.elements().iter().filter_map(|element| element.get("id").map(str::to_owned)).collect();
        let leads = |element: &Element| {
            let target = element.get("href").unwrap_or_default();
            let within = target.strip_prefix('#').is_some_and(|id| ids.contains(id));
            within || target.starts_with("/smart/") || target == "https://payer.example.org/policies/sij"
        };
        page.elements()
            .iter()
            .filter(|element| element.get("href").is_some() && !leads(element))
            .map(|element| format!("{element:?}"))
            .collect()
    });
}

#[test]
fn a_policy_address_that_is_no_web_address_is_no_link() {
    let page = PageSample { policy_url: Some("javascript:alert(1)".to_owned()), ..nothing() }.html();
    assert!(!page.contains("javascript:"));
}

#[test]
fn every_field_has_a_name_and_what_describes_it_is_there() {
    in_every_state(|page| {
        let elements = page.elements();
        let ids: Vec<&str> = elements.iter().filter_map(|element| element.get("id")).collect();
        let labelled: Vec<&str> =
            elements.iter().filter(|element| element.tag == "label").filter_map(|element| element.get("for")).collect();
        let mut found = Vec::new();
        for (place, id) in ids.iter().enumerate() {
            if ids[..place].contains(id) {
                found.push(format!("`{id}` stands twice"));
            }
        }
        for element in &elements {
            let refers =
                ["aria-describedby", "aria-labelledby"].into_iter().filter_map(|name| element.get(name)).flat_map(str::split_whitespace);
            found.extend(refers.filter(|id| !ids.contains(id)).map(|id| format!("`{id}` is not there")));
            let needs_label = matches!(element.tag.as_str(), "input" | "textarea") && element.get("type") != Some("hidden");
            if needs_label && element.get("aria-label").is_none() && !labelled.contains(&element.get("id").unwrap_or_default()) {
                found.push(format!("no label: {element:?}"));
            }
            if element.get("tabindex").is_some_and(|index| index.parse::<i32>().unwrap() > 0) {
                found.push(format!("positive tabindex: {element:?}"));
            }
        }
        found
    });
}

#[test]
fn headings_begin_at_one_and_skip_no_level() {
    in_every_state(|page| {
        let levels: Vec<u32> = page.elements().iter().filter_map(|element| element.tag.strip_prefix('h')?.parse().ok()).collect();
        let firsts = levels.iter().filter(|level| **level == 1).count();
        let skips = levels.windows(2).filter(|pair| pair[1] > pair[0] + 1).count();
        if firsts == 1 && skips == 0 && levels[0] == 1 { Vec::new() } else { vec![format!("{levels:?}")] }
    });
}

#[test]
fn every_page_names_its_language_and_has_one_main_part() {
    in_every_state(|page| {
        let is_good = page.all("html")[0].get("lang") == Some("en") && page.all("main").len() == 1 && !page.all("title")[0].text.is_empty();
        if is_good { Vec::new() } else { vec!["language, main or title".to_owned()] }
    });
}

#[test]
fn a_verdict_is_a_word_and_an_icon_and_never_a_colour_alone() {
    for name in ["both-sides", "not-supported", "form"] {
        let (_, page) = states().into_iter().find(|(state, _)| state == name).unwrap();
        let page = Html::parse(&page);
        let verdicts: Vec<_> = page.elements().into_iter().filter(|element| element.get("class") == Some("verdict")).collect();
        assert!(verdicts.len() >= 7, "{name}: {}", verdicts.len());
        assert!(verdicts.iter().all(|verdict| ["Met", "Not met", "Not known"].contains(&verdict.text.as_str())), "{verdicts:?}");
        let icons = page.all("use").iter().filter(|icon| icon.get("href").unwrap().starts_with("#icon-")).count();
        assert_eq!(icons, verdicts.len(), "{name}");
    }
}

/// The names of the fields after an element's start tag, in page order.
fn names(page: &Html) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for field in page.elements().iter().filter_map(|element| element.get("data-field")) {
        names.push(field.to_owned());
    }
    names
}

#[test]
fn what_is_missing_is_asked_first_and_the_others_in_the_forms_order() {
    let sample = PageSample::of_story("relief-by-pain-scores-alone");
    let (view, page) = (sample.view(), Html::parse(&sample.html()));
    let asked: Vec<&str> = view.form.asked_links.split(' ').collect();
    let names = names(&page);
    let link = |name: &str| name.rsplit('.').next().unwrap().to_owned();
    let links: Vec<String> = names.iter().map(|name| link(name)).collect();
    assert_eq!(links[..asked.len()].to_vec(), asked);
    assert_eq!(names.len(), asked.len() + view.form.others_count);
    let form: Vec<String> = names_of_form();
    let others = &links[asked.len()..];
    let places: Vec<_> = others.iter().map(|link| form.iter().position(|known| known == link).unwrap()).collect();
    assert!(places.is_sorted(), "{others:?}");
    assert!(page.by_id("others").get("open").is_none());
}

/// The linkIds of all questions, in the order of the Questionnaire.
fn names_of_form() -> Vec<String> {
    fn collect(items: &serde_json::Value, found: &mut Vec<String>) {
        for item in items.as_array().into_iter().flatten() {
            if !["group", "display"].contains(&item["type"].as_str().unwrap()) {
                found.push(item["linkId"].as_str().unwrap().to_owned());
            }
            collect(&item["item"], found);
        }
    }
    let mut found = Vec::new();
    let questionnaire: serde_json::Value = serde_json::from_str(&crate::support::page::questionnaire()).unwrap();
    collect(&questionnaire["item"], &mut found);
    found
}

#[test]
fn a_prefilled_value_says_where_it_is_from_until_it_is_changed() {
    let sample = prefilled(nothing());
    let page = Html::parse(&sample.html());
    assert_eq!(page.by_id("q-sij-tenderness-origin").text, "From the chart: observations, 2026-11-10");
    assert_eq!(page.by_id("q-nsaid-weeks-origin").text, "From the form of 2026-06-01");
    let changed = Html::parse(&sample.submitting(&[("sij-tenderness", "true"), ("nsaid-weeks", "5")]).html());
    assert_eq!(changed.by_id("q-sij-tenderness-origin").text, "From the chart: observations, 2026-11-10");
    assert_eq!(changed.by_id("q-nsaid-weeks-origin").text, "");
}

#[test]
fn with_answers_the_page_says_both_decisions_and_what_changed() {
    let page = Html::parse(&previewed().html());
    assert_eq!(page.by_id("preview").text, "With these answers: criteria met");
    assert_eq!(page.by_id("decision-heading").text, "Criteria met");
    let text = page.text();
    for words in
        ["With your answers, not saved yet", "On record now: documentation needed", "Changed by your answers; on record: Not known"]
    {
        assert!(text.contains(words), "{words}");
    }
}

#[test]
fn a_wrong_answer_is_told_at_its_field_and_above_the_form() {
    let page = Html::parse(&nothing().submitting(&FAULTY).html());
    let field = page.by_id("q-adls-limited-since");
    assert_eq!((field.get("aria-invalid"), field.get("value")), (Some("true"), Some("March 2026")));
    assert!(field.get("aria-describedby").unwrap().starts_with("q-adls-limited-since-fault"));
    assert_eq!(page.by_id("q-nsaid-weeks-fault").text, "Error: Enter 520 or less.");
    let above = page.by_id("faults").text;
    assert!(above.starts_with("Please correct these answers") && above.contains("Enter a whole number"), "{above}");
    assert_eq!(page.all("a").iter().filter(|link| link.text.contains("Enter ") || link.text.contains("future")).count(), FAULTY.len());
    assert!(page.by_id("others").get("open").is_some(), "the wrong answer is not folded away");
}

#[test]
fn a_repetition_that_was_added_is_where_one_goes_on() {
    let page = Html::parse(&nothing().submitting(&[("prior-injection.0.injection-date", ""), ("action", "add:prior-injection")]).html());
    let next: Vec<_> = page.elements().into_iter().filter(|element| element.get("data-focus").is_some()).collect();
    assert_eq!(next.iter().map(|field| field.get("name")).collect::<Vec<_>>(), [Some("prior-injection.1.injection-date")]);
    assert!(page.by_id("others").get("open").is_some(), "it is not folded away");
}

#[test]
fn with_everything_answered_nothing_leads_back_to_the_questions() {
    let (open, answered) = (nothing().view(), previewed().view());
    assert_eq!((open.form.open_count, answered.form.open_count), (16, 0));
    assert_eq!(answered.form.asked_links, open.form.asked_links, "no question moves while it is answered");
}

#[test]
fn a_partial_date_is_drawn_as_the_days_it_can_be() {
    let mut sample = PageSample::of_story("relief-by-pain-scores-alone");
    sample.request["prefetch"]["procedures"]["entry"][0]["resource"]["performedDateTime"] = "2026-08".into();
    let page = Html::parse(&sample.html());
    let partial = page.all("rect").into_iter().find(|bar| bar.get("class") == Some("partial")).expect("a partial date");
    let width: f64 = partial.get("width").unwrap().parse().unwrap();
    assert!(width > 10.0, "a month is wider than a day: {width}");
    assert!(page.by_id("timeline-table").text.contains("2026-08 Injection, left"));
}

#[test]
fn without_leave_to_write_nothing_offers_to_save_and_the_finished_answers_can_be_copied() {
    let page = Html::parse(&previewed().standing(SaveState::ReadOnly(Some(finished()))).html());
    assert!(!page.all("button").iter().any(|button| button.get("value") == Some("save")));
    assert!(page.by_id("response").text.contains("QuestionnaireResponse"));
    assert!(page.by_id("note").text.contains("- Does the pain limit daily activities? Yes"));
}

#[test]
fn the_timeline_says_in_its_table_what_the_picture_shows() {
    let page = Html::parse(&PageSample::of_story("relief-by-pain-scores-alone").html());
    let table = page.by_id("timeline-table").text;
    for words in ["Injection, ", "Pain score ", "2 months from the last injection", "12 months from the first injection", "Service"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    assert!(page.all("circle").len() >= 2);
    let picture = page.elements().into_iter().find(|element| element.get("role") == Some("img")).unwrap();
    assert_eq!(picture.get("aria-labelledby"), Some("timeline-title timeline-description"));
}

#[test]
fn a_catalogue_with_a_text_missing_unused_or_wrongly_filled_is_refused() {
    let text = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cds-hooks/words/en.toml")).unwrap();
    let fault = |text: &str| Messages::read("en.toml", text).unwrap_err().problem;
    assert_eq!(fault(&text.replace("save = \"Save answers\"\n", "")), "`form.save` is missing");
    assert_eq!(fault(&text.replace("[choice]", "[choice]\nmore = \"x\"")), "`choice.more` is not used");
    assert_eq!(fault(&text.replace("{last}", "{end}")), "`{end}` cannot be filled in here; known: first, last");
}

#[test]
fn every_text_of_the_catalogue_is_shown_somewhere() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |folder: &str| std::fs::read_dir(root.join(folder)).unwrap().map(|file| file.unwrap().path()).collect::<Vec<_>>();
    let files = [read("src/smart/page"), read("templates")].concat();
    let text: String = files.iter().filter(|file| file.is_file()).map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let words = std::fs::read_to_string(root.join("src/smart/page/messages.rs")).unwrap();
    let names = words.split("    Text {\n").nth(1).unwrap().lines().filter_map(|line| line.trim().split_once(" = \""));
    let names: Vec<_> = names.map(|(name, _)| format!("Text::{name}")).collect();
    assert!(names.len() > 100, "only {} texts found", names.len());
    let is_whole = |rest: &str| !rest.starts_with(|letter: char| letter.is_alphanumeric());
    let unused: Vec<_> = names.iter().filter(|name| !text.split(name.as_str()).skip(1).any(is_whole)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn a_form_with_a_question_the_page_cannot_ask_is_refused() {
    let fault = |item: &str| FormDefinition::read(&format!(r#"{{"url":"u","item":[{item}]}}"#)).unwrap_err().to_string();
    assert_eq!(fault(r#"{"linkId":"a","type":"attachment"}"#), "`a` is of type `attachment`, which the page cannot ask");
    assert_eq!(fault(r#"{"linkId":"a","type":"choice"}"#), "`a` is a choice without answerOption");
}

#[test]
fn a_question_the_form_does_not_ask_at_present_is_hidden_and_not_answered() {
    let questionnaire = r#"{"url":"u","item":[{"linkId":"a","type":"boolean"},
        {"linkId":"b","type":"integer","enableWhen":[{"question":"a","operator":"=","answerBoolean":true}]}]}"#;
    let sample = PageSample { form: FormDefinition::read(questionnaire).unwrap(), ..nothing() };
    let hidden = sample.clone().submitting(&[("a", "false"), ("b", "3")]);
    assert_eq!(hidden.items.as_ref().unwrap().as_array().unwrap().len(), 1);
    assert_eq!(
        Html::parse(&hidden.html())
            .elements()
            .iter()
            .filter(|element| element.get("hidden").is_some() && element.get("data-field").is_some())
            .count(),
        1
    );
    assert_eq!(sample.submitting(&[("a", "true"), ("b", "3")]).items.unwrap().as_array().unwrap().len(), 2);
}

#[test]
fn what_the_form_gives_and_takes_is_the_same() {
    let items = previewed().items.unwrap();
    let answers = CurrentAnswers::of_items(&FORM, &items, |_| AnswerOrigin::Typed);
    for (name, value) in &ANSWERS {
        assert_eq!(answers.get(name).map(|answer| answer.value.as_str()), Some(*value), "{name}");
    }
}

macro_rules! text_as_kept {
    ($($test:ident: $name:literal, $sample:expr;)*) => {$(
        #[test]
        fn $test() {
            insta::assert_snapshot!($name, Html::parse(&$sample.html()).text());
        }
    )*};
}

text_as_kept! {
    the_page_of_a_chart_with_nothing_documented_reads_as_kept: "page-form", nothing();
    the_page_with_answers_reads_as_kept: "page-previewed", previewed();
    the_page_after_saving_reads_as_kept: "page-saved", saved();
    the_page_of_both_sides_reads_as_kept: "page-both-sides", PageSample::of_story("bilateral-different-histories");
}
