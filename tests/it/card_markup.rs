//! A card's detail as clients render it: whatever a chart says, it has the card's own paragraphs and lists and nothing else.
//! Not here: the property over all mixtures of marks, which is beside `src/crd/plain_text.rs`.

use std::collections::BTreeSet;

use comrak::{Options, markdown_to_html};
use pulldown_cmark::{Parser, html::push_html};

use crate::support::{Evaluator, Json, stories};

const HOSTILE: [&str; 18] = [
    "evil www.evil.example and WWW.evil.com",
    "evil http://evil.com https://evil.com/x?y ftp://evil.com //evil.com",
    "evil a@evil.com mailto:a@evil.com xmpp:a@evil.com",
    "evil http&#58;//evil.com http&colon;//evil.com www&period;evil.com",
    "&lt;b&gt;evil&lt;/b&gt; <b>evil</b> <img src=x> <https://evil.com>",
    "[evil](https://evil.com) ![evil](https://evil.com/x.png) [evil][1] [^1]",
    "**evil** *evil* __evil__ _evil_ ***evil***",
    "~~evil~~ ~evil~ `evil` ``evil``",
    "| evil | b |",
    "# evil",
    "- evil",
    "+ evil",
    "1. evil",
    "2) evil",
    "    evil",
    "evil\n===\n\n> evil\n\n```\nevil\n```\n\n***",
    "===evil",
    "evil\\",
];

/// The detail as HTML, by two renderers with all that GitHub's Markdown adds.
fn rendered(detail: &str) -> [String; 2] {
    let mut options = Options::default();
    let extensions = &mut options.extension;
    (extensions.autolink, extensions.strikethrough, extensions.table, extensions.tasklist) = (true, true, true, true);
    options.render.r#unsafe = true;
    let mut other = String::new();
    push_html(&mut other, Parser::new_ext(detail, pulldown_cmark::Options::all()));
    [markdown_to_html(detail, &options), other]
}

/// The names of its elements.
fn elements(html: &str) -> BTreeSet<&str> {
    let tags = html.split('<').skip(1).map(|tag| tag.trim_start_matches('/'));
    tags.map(|tag| tag.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or_default()).collect()
}

#[test]
fn no_words_of_a_chart_are_markup_on_a_card() {
    let (evaluator, own) = (Evaluator::new(), BTreeSet::from(["p", "ul", "li"]));
    let mut seen = 0;
    for (story, hostile) in
        stories().iter().filter(|story| story.name != "thousand-resource-chart").flat_map(|story| HOSTILE.map(|text| (story, text)))
    {
        let mut call = story.json();
        call.each_mut("", &mut |name, value| {
            if ["display", "text", "name"].contains(&name) && value.text().is_some() {
                *value = Json::from(hostile);
            }
        });
        let answer: serde_json::Value = serde_json::from_str(&evaluator.answer(&call.to_string()).unwrap()).unwrap();
        for card in answer["cards"].as_array().into_iter().flatten() {
            let detail = card["detail"].as_str().unwrap();
            seen += usize::from(detail.contains("evil"));
            for html in rendered(detail) {
                assert!(elements(&html).is_subset(&own), "{}: {:?}\n{detail}\n{html}", story.name, elements(&html));
                let items: String = html.split_whitespace().collect();
                assert!(
                    !items.contains("<li><ul>") && !items.contains("<li><p><ul>"),
                    "{}: a list within a list\n{detail}\n{html}",
                    story.name
                );
            }
        }
    }
    assert!(seen > 30, "the words are on {seen} cards only");
}
