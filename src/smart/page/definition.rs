//! The documentation form as parsed from the Questionnaire: groups and questions in order, with help, units, bounds and options.
//! Not here: the answers ([`super::answers`]).

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::enable_when::{EnableCondition, EnableWhen};

/// A Questionnaire that the page cannot render.
#[derive(Debug, Error)]
pub enum FormDefinitionError {
    /// The JSON is not a Questionnaire.
    #[error("the form is not a Questionnaire")]
    Json(#[from] serde_json::Error),
    /// The page has no field for this type of question.
    #[error("`{link_id}` is of type `{kind}`, which the page cannot ask")]
    Kind {
        /// The item's linkId.
        link_id: String,
        /// The item's type.
        kind: String,
    },
    /// A choice without `answerOption`.
    #[error("`{0}` is a choice without answerOption")]
    NoOptions(String),
}

/// The form, parsed once at startup.
#[derive(Clone, Debug)]
pub struct FormDefinition {
    /// Its canonical URL, with the version if it has one.
    pub canonical: String,
    pub(super) items: Vec<FormItem>,
}

#[derive(Clone, Debug)]
pub(super) enum FormItem {
    Group(Group),
    Field(Field),
}

#[derive(Clone, Debug)]
pub(super) struct Group {
    pub link_id: String,
    pub text: String,
    pub hint: String,
    pub repeats: bool,
    pub enabling: EnableWhen,
    pub items: Vec<FormItem>,
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub link_id: String,
    pub text: String,
    pub hint: String,
    pub unit: String,
    pub enabling: EnableWhen,
    pub kind: ItemKind,
}

#[derive(Clone, Debug)]
pub(super) enum ItemKind {
    Boolean,
    Date { earliest: Option<String> },
    Number { whole: bool, least: Option<f64>, most: Option<f64> },
    Choice(Vec<Choice>),
    Text,
}

impl Group {
    /// The options shared by all questions of the group, if it can be rendered as a table with one question per row.
    pub(super) fn columns(&self) -> Option<&[Choice]> {
        let choices = self.items.iter().map(|item| match item {
            FormItem::Field(Field { kind: ItemKind::Choice(choices), .. }) => Some(choices.as_slice()),
            FormItem::Field(_) | FormItem::Group(_) => None,
        });
        let all: Option<Vec<_>> = choices.collect();
        let (first, rest) = all.as_deref()?.split_first()?;
        let is_same = |other: &&[Choice]| other.iter().map(|choice| &choice.code).eq(first.iter().map(|choice| &choice.code));
        (!self.repeats && rest.len() + 1 >= MIN_ROWS && rest.iter().all(is_same)).then_some(*first)
    }
}

/// Minimum rows of a table; fewer questions are rendered one below the other.
const MIN_ROWS: usize = 3;

/// An option of a choice.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub code: String,
    pub display: String,
    /// The Coding in the form.
    pub coding: Value,
}

impl FormDefinition {
    /// Parses the form from its Questionnaire.
    ///
    /// # Errors
    /// If it is not a Questionnaire, or the page has no field for one of its questions.
    pub fn read(questionnaire: &str) -> Result<Self, FormDefinitionError> {
        let read: QuestionnaireJson = serde_json::from_str(questionnaire)?;
        let version = read.version.map(|version| format!("|{version}")).unwrap_or_default();
        Ok(Self { canonical: format!("{}{version}", read.url), items: items(read.item)? })
    }

    /// Every field, with its repeating group if any.
    pub(super) fn fields(&self) -> Vec<(Option<&Group>, &Field)> {
        let mut found = Vec::new();
        collect(&self.items, None, &mut found);
        found
    }
}

fn collect<'f>(items: &'f [FormItem], repeating: Option<&'f Group>, found: &mut Vec<(Option<&'f Group>, &'f Field)>) {
    for item in items {
        match item {
            FormItem::Field(field) => found.push((repeating, field)),
            FormItem::Group(group) => collect(&group.items, if group.repeats { Some(group) } else { repeating }, found),
        }
    }
}

#[derive(Deserialize)]
struct QuestionnaireJson {
    #[serde(default)]
    url: String,
    version: Option<String>,
    item: Vec<ItemJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemJson {
    link_id: String,
    #[serde(default)]
    text: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    repeats: bool,
    #[serde(default)]
    item: Vec<ItemJson>,
    #[serde(default)]
    answer_option: Vec<OptionJson>,
    #[serde(default)]
    extension: Vec<ExtensionJson>,
    #[serde(default)]
    enable_when: Vec<EnableCondition>,
    #[serde(default)]
    enable_behavior: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OptionJson {
    value_coding: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExtensionJson {
    url: String,
    value_integer: Option<f64>,
    value_decimal: Option<f64>,
    value_date: Option<String>,
    value_coding: Option<Value>,
    value_boolean: Option<bool>,
}

fn items(read: Vec<ItemJson>) -> Result<Vec<FormItem>, FormDefinitionError> {
    let shown = read.into_iter().filter(|item| item.kind != "display" && !item.is_hidden());
    shown.map(item).collect()
}

fn item(read: ItemJson) -> Result<FormItem, FormDefinitionError> {
    let hint = read.hint();
    let enabling = EnableWhen { any: read.enable_behavior.as_deref() != Some("all"), conditions: read.enable_when.clone() };
    if read.kind == "group" {
        let ItemJson { link_id, text, repeats, item, .. } = read;
        return Ok(FormItem::Group(Group { link_id, text, hint, repeats, enabling, items: items(item)? }));
    }
    let (unit, kind) = (read.unit(), read.field_kind()?);
    Ok(FormItem::Field(Field { hint, unit, enabling, kind, link_id: read.link_id, text: read.text }))
}

impl ItemJson {
    fn extension(&self, name: &str) -> Option<&ExtensionJson> {
        self.extension.iter().find(|extension| extension.url.rsplit('/').next() == Some(name))
    }

    fn is_hidden(&self) -> bool {
        self.extension("questionnaire-hidden").is_some_and(|hidden| hidden.value_boolean == Some(true))
    }

    /// The texts of its `display` items.
    fn hint(&self) -> String {
        let displays = self.item.iter().filter(|item| item.kind == "display").map(|item| item.text.as_str());
        displays.collect::<Vec<_>>().join(" ")
    }

    fn unit(&self) -> String {
        let coding = self.extension("questionnaire-unit").and_then(|unit| unit.value_coding.as_ref());
        coding.and_then(|coding| coding.get("display")?.as_str()).unwrap_or_default().to_owned()
    }

    fn bound(&self, name: &str) -> Option<f64> {
        self.extension(name).and_then(|bound| bound.value_integer.or(bound.value_decimal))
    }

    fn field_kind(&self) -> Result<ItemKind, FormDefinitionError> {
        let number = |whole| ItemKind::Number { whole, least: self.bound("minValue"), most: self.bound("maxValue") };
        match self.kind.as_str() {
            "boolean" => Ok(ItemKind::Boolean),
            "date" => Ok(ItemKind::Date { earliest: self.extension("minValue").and_then(|bound| bound.value_date.clone()) }),
            "integer" => Ok(number(true)),
            "decimal" => Ok(number(false)),
            "choice" => self.choices(),
            "text" | "string" => Ok(ItemKind::Text),
            other => Err(FormDefinitionError::Kind { link_id: self.link_id.clone(), kind: other.to_owned() }),
        }
    }

    fn choices(&self) -> Result<ItemKind, FormDefinitionError> {
        let text = |coding: &Value, member: &str| coding.get(member).and_then(Value::as_str).map(str::to_owned);
        let choice = |option: &OptionJson| {
            let coding = option.value_coding.clone()?;
            let code = text(&coding, "code")?;
            Some(Choice { display: text(&coding, "display").unwrap_or_else(|| code.clone()), code, coding })
        };
        let choices: Vec<_> = self.answer_option.iter().filter_map(choice).collect();
        if choices.is_empty() { Err(FormDefinitionError::NoOptions(self.link_id.clone())) } else { Ok(ItemKind::Choice(choices)) }
    }
}
