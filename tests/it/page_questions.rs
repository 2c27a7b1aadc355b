//! Where each question is on the page, the initial value of its field, and when that value counts as an answer.

use serde_json::Value;
use sij_cds::smart::page::{AnswerOrigin, CurrentAnswers, PartView, SaveState, SiteBlocks};

use crate::support::day_of_the_fixtures;
use crate::support::html::Html;
use crate::support::page::PageSample;

/// The items of a linkId, at any depth.
fn answers(items: &Value, link_id: &str) -> Vec<Value> {
    let items = items.as_array().into_iter().flatten();
    let below = items.flat_map(|item| {
        let own = (item["linkId"] == link_id).then(|| item["answer"][0].clone());
        own.into_iter().chain(answers(&item["item"], link_id)).collect::<Vec<_>>()
    });
    below.collect()
}

/// The values of a page's fields, as a browser submits them.
fn sent(sample: &PageSample) -> Vec<(String, String)> {
    let page = Html::parse(&sample.html());
    let inputs = page.all("input").into_iter().filter(|input| match input.get("type") {
        Some("radio" | "checkbox") => input.get("checked").is_some(),
        _ => true,
    });
    inputs.map(|input| (input.get("name").unwrap().to_owned(), input.get("value").unwrap_or_default().to_owned())).collect()
}

fn sending(sample: PageSample, more: &[(&str, &str)]) -> PageSample {
    let sent = sent(&sample);
    let changed = |name: &str| more.iter().any(|(known, _)| *known == name && name != "confirm");
    let kept = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(|(name, _)| !changed(name));
    let pairs: Vec<_> = kept.chain(more.iter().copied()).collect();
    sample.submitting(&pairs)
}

fn items(sample: &PageSample) -> &Value {
    sample.items.as_ref().unwrap()
}

fn first_block(site: &SiteBlocks) -> (&str, Vec<&str>) {
    let block = &site.blocks[0];
    let names = block.parts.iter().map(|part| match part {
        PartView::Field(field) => field.name.as_str(),
        PartView::Group(group) => group.id.as_str(),
    });
    (block.criterion.as_ref().map_or("", |criterion| criterion.id.as_str()), names.collect())
}

#[test]
fn the_five_tests_are_one_table_with_a_row_each() {
    let page = Html::parse(&PageSample::with_gaps().html());
    let tables = page.all("fieldset").into_iter().filter(|group| group.get("class") == Some("group table")).count();
    let rows: Vec<_> = page.elements().into_iter().filter(|element| element.get("role") == Some("radiogroup")).collect();
    assert_eq!((tables, rows.len()), (1, 5));
    for row in rows {
        assert!(row.text.contains("Positive") && row.text.contains("Not done"), "{row:?}");
    }
}

#[test]
fn beyond_twelve_months_the_exception_is_asked_first_and_its_reason_once_it_is_claimed() {
    let sample = PageSample::of_story("beyond-twelve-months").charted();
    let view = sample.view();
    assert_eq!(first_block(&view.form.sites[0]), ("III", vec!["definitive-therapy-not-available", "definitive-therapy-reason"]));
    let words = "If definitive therapy is not tolerated or not available, say so here; the plan then decides case by case.";
    assert!(Html::parse(&sample.html()).text().contains(words));
    let reason = |sample: &PageSample| {
        let page = Html::parse(&sample.html());
        page.elements().into_iter().find(|field| field.get("data-field") == Some("definitive-therapy-reason")).unwrap()
    };
    assert!(reason(&sample).get("hidden").is_some());
    let claimed = sample.submitting(&[("definitive-therapy-not-available", "true"), ("definitive-therapy-reason", "Declined")]);
    assert!(reason(&claimed).get("hidden").is_none());
    assert_eq!(answers(items(&claimed), "definitive-therapy-reason")[0]["valueString"], "Declined");
}

#[test]
fn a_denial_says_what_the_reader_can_do() {
    let page = Html::parse(&PageSample::of_story("two-failed-diagnostics").html()).text();
    assert!(page.contains("If the record is wrong or incomplete, correct it below. Otherwise choose another treatment"), "{page}");
    assert!(page.contains("Correct it: "), "{page}");
}

#[test]
fn what_may_be_an_injection_counts_only_once_it_is_confirmed_or_corrected() {
    let sample = PageSample::unclear_history();
    let view = sample.view();
    let (criterion, parts) = first_block(&view.form.sites[0]);
    assert_eq!((criterion, parts.last()), ("history", Some(&"injection-history-complete")));
    let page = Html::parse(&sample.html()).text();
    assert!(page.contains("May be an injection of this joint: confirm or correct.") && page.contains("(status unknown)"), "{page}");
    let dates = |sample: &PageSample| -> Vec<String> {
        answers(items(sample), "injection-date").iter().map(|answer| answer["valueDate"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(dates(&sending(sample.clone(), &[])), ["2026-11-09"]);
    let confirmed = sending(sample.clone(), &[("confirm", "prior-injection.0.injection-date")]);
    assert_eq!(dates(&confirmed), ["2026-09-02", "2026-11-09"]);
    let corrected = sending(sample.clone(), &[("prior-injection.0.injection-date", "2026-08-30")]);
    assert_eq!(dates(&corrected), ["2026-08-30", "2026-11-09"]);
    let other_removed = sending(sample, &[("action", "remove:prior-injection.1")]);
    assert_eq!(dates(&other_removed), Vec::<String>::new());
}

#[test]
fn a_value_of_the_chart_that_speaks_against_the_order_counts_only_once_it_is_confirmed() {
    let sample = PageSample::with_gaps();
    let value = |name: &str| sample.answers.get(name).map(|answer| (answer.value.clone(), answer.origin.needs_confirmation()));
    assert_eq!(value("exercise-therapy-weeks"), Some(("5".to_owned(), true)));
    assert_eq!(value("disc-or-facet-evidence"), Some(("true".to_owned(), true)));
    assert_eq!(value("test-distraction"), Some(("positive".to_owned(), false)));
    let untouched = sending(sample.clone(), &[]);
    for link_id in ["exercise-therapy-weeks", "disc-or-facet-evidence"] {
        assert_eq!(answers(items(&untouched), link_id), Vec::<Value>::new());
        let confirmed = sending(sample.clone(), &[("confirm", link_id)]);
        assert_eq!(answers(items(&confirmed), link_id).len(), 1, "{link_id}");
    }
    assert_eq!(
        answers(items(&sending(sample.clone(), &[("exercise-therapy-weeks", "7")])), "exercise-therapy-weeks")[0]["valueInteger"],
        7
    );
    let finding = &answers(items(&untouched), "test-distraction")[0];
    assert_eq!(finding["extension"][0]["extension"][0]["valueCode"], "auto-server");
}

#[test]
fn the_joint_examined_is_the_orders_until_another_is_chosen() {
    let sample = PageSample::with_gaps();
    let side = sample.answers.get("examined-side").unwrap();
    assert_eq!((side.value.as_str(), &side.origin), ("left", &AnswerOrigin::Order));
    assert_eq!(answers(items(&sending(sample, &[])), "examined-side")[0]["valueCoding"]["code"], "left");
}

#[test]
fn the_question_that_can_settle_it_soonest_stands_first_beside_its_criterion() {
    let relief = vec!["q-prior-injection"];
    for (story, criterion, question) in [
        ("nothing-documented", "I.A.4", vec!["conservative-care-failed"]),
        ("second-diagnostic-day-15", "I.B.1", relief),
        ("beyond-twelve-months", "III", vec!["definitive-therapy-not-available", "definitive-therapy-reason"]),
    ] {
        let mut sample = PageSample::of_story(story);
        sample.request["prefetch"]["questionnaireResponses"] = serde_json::json!({"resourceType": "Bundle", "type": "searchset"});
        let (sample, view) = (sample.clone(), sample.charted().view());
        let (first, names) = first_block(&view.form.sites[0]);
        assert_eq!((first, &names), (criterion, &question), "{story}");
        let page = Html::parse(&sample.charted().html()).text();
        let title = &view.form.sites[0].blocks[0].criterion.as_ref().unwrap().title;
        assert!(page.find(title.as_str()).unwrap() < page.find("Rule").unwrap(), "{story}: {page}");
    }
    let history = PageSample::unclear_history().view();
    assert_eq!(first_block(&history.form.sites[0]).0, "history", "without it no section applies");
}

#[test]
fn criteria_that_are_not_met_stand_first_and_the_other_unknown_ones_in_the_policys_order() {
    for (name, sample) in [
        ("gaps", PageSample::with_gaps()),
        ("both-sides", PageSample::of_story("bilateral-different-histories")),
        ("unmet", PageSample::of_story("nothing-documented").submitting(&[("exercise-therapy-weeks", "2"), ("sij-tenderness", "false")])),
        ("two-failed", PageSample::of_story("two-failed-diagnostics")),
    ] {
        // What was answered is on record now.
        let mut sample = sample;
        if sample.items.is_some() {
            let response = sample.response();
            sample.request["prefetch"]["questionnaireResponses"] =
                serde_json::json!({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": response}]});
            sample.items = None;
        }
        for site in sample.view().form.sites {
            let verdicts: Vec<_> = site.blocks.iter().map(|block| block.criterion.as_ref().unwrap()).collect();
            let unmet = verdicts.iter().take_while(|criterion| criterion.class == "not-met").count();
            assert!(verdicts[unmet..].iter().all(|criterion| criterion.class == "unknown"), "{name}: {verdicts:?}");
            let ids: Vec<_> = verdicts[unmet..].iter().skip(1).map(|criterion| criterion.id.as_str()).collect();
            assert!(ids.is_sorted(), "{name}: {ids:?}");
        }
    }
}

#[test]
fn what_is_not_met_for_good_stands_before_what_can_still_be_met() {
    let mut sample =
        PageSample::of_story("nothing-documented").submitting(&[("exercise-therapy-weeks", "2"), ("other-diagnosis-more-likely", "true")]);
    let response = sample.response();
    sample.request["prefetch"]["questionnaireResponses"] =
        serde_json::json!({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": response}]});
    sample.items = None;
    let site = &sample.view().form.sites[0];
    let ids: Vec<_> = site.blocks.iter().map(|block| block.criterion.as_ref().unwrap().id.clone()).take(2).collect();
    assert_eq!(ids, ["I.A.6", "I.A.4.a"]);
}

#[test]
fn a_question_asks_one_thing() {
    // Names of one thing each.
    let names = ["disc or facet joint pain", "exercise or manual therapy"];
    let texts = texts_of_questions();
    assert!(texts.len() >= 25, "{texts:?}");
    for text in texts {
        let without_names = names.iter().fold(text.clone(), |text, name| text.replace(name, ""));
        for joint in [" and ", " or ", ", ", "; ", "/"] {
            assert!(!without_names.contains(joint), "`{text}` asks more than one thing");
        }
    }
}

/// The texts of the form's questions.
fn texts_of_questions() -> Vec<String> {
    fn collect(items: &Value, found: &mut Vec<String>) {
        for item in items.as_array().into_iter().flatten() {
            if !["group", "display"].contains(&item["type"].as_str().unwrap()) {
                found.push(item["text"].as_str().unwrap().to_owned());
            }
            collect(&item["item"], found);
        }
    }
    let mut found = Vec::new();
    collect(&serde_json::from_str::<Value>(&crate::support::page::questionnaire()).unwrap()["item"], &mut found);
    found
}

#[test]
fn after_saving_the_form_is_folded_and_only_the_way_back_stands_out() {
    let sample = PageSample::with_gaps().standing(SaveState::Saved(day_of_the_fixtures()));
    let page = Html::parse(&sample.html());
    assert!(page.by_id("others").get("open").is_none());
    let save = page.all("button").into_iter().find(|button| button.get("value") == Some("save")).unwrap();
    assert_eq!(save.get("class"), None);
    let main = |tag: &str| -> Vec<String> {
        let elements = page.all(tag).into_iter();
        elements
            .filter(|element| element.get("class").is_some_and(|class| class.split(' ').any(|name| name == "main")))
            .map(|element| element.text.clone())
            .collect()
    };
    assert_eq!((main("a"), main("button")), (vec!["Back to the order".to_owned()], Vec::new()));
    assert!(page.by_id("others").text.starts_with("Change or add answers"), "a way to open it again");
    assert!(sample.view().form.sites.iter().flat_map(|site| &site.blocks).all(|block| block.parts.is_empty()));
    let time = page.all("time").into_iter().find(|time| time.get("data-time").is_some()).unwrap();
    assert_eq!((time.get("datetime"), time.text.as_str()), (Some("2026-11-22T10:00:00Z"), "2026-11-22, 10:00 UTC"));
}

#[test]
fn an_answer_to_version_1_of_the_form_stands_where_version_2_asks() {
    let items = serde_json::json!([{"linkId": "pain-onset-date", "answer": [{"valueDate": "2026-03"}]}]);
    let answers = CurrentAnswers::of_items(&crate::support::page::FORM, &items, |_| AnswerOrigin::Typed);
    assert_eq!(answers.get("adls-limited-since").map(|answer| answer.value.as_str()), Some("2026-03"));
}

#[test]
fn a_newer_form_goes_before_an_older_one_and_both_before_the_chart() {
    let of = |date: &str, relief: Option<&str>| {
        let mut answers = CurrentAnswers::default();
        answers.set("prior-injection.0.injection-date", date, AnswerOrigin::Typed);
        answers.set("prior-injection.0.relief-percent", relief.unwrap_or_default(), AnswerOrigin::Typed);
        answers
    };
    let (mut newest, mut older, mut chart) = (of("2026-05-04", None), of("2026-05-04", Some("60")), of("2026-01-05", None));
    newest.set("nsaid-weeks", "4", AnswerOrigin::Typed);
    older.set("nsaid-weeks", "2", AnswerOrigin::Typed);
    chart.set("exercise-therapy-weeks", "8", AnswerOrigin::Order);
    newest.fill_from(&older, |_| true);
    newest.fill_from(&chart, |_| true);
    let value = |name: &str| newest.get(name).map(|answer| answer.value.as_str());
    assert_eq!((value("nsaid-weeks"), value("exercise-therapy-weeks")), (Some("4"), Some("8")));
    assert_eq!((value("prior-injection.0.relief-percent"), value("prior-injection.1.injection-date")), (Some("60"), Some("2026-01-05")));
    assert_eq!(newest.repetitions("prior-injection"), 2);
}
