//! A page as a browser reads it: its tree, its text, and the parser's errors.

use html5ever::tendril::TendrilSink as _;
use markup5ever_rcdom::{Handle, NodeData, RcDom};

/// Elements that start a new line.
const BLOCKS: [&str; 22] = [
    "p", "h1", "h2", "h3", "h4", "li", "legend", "summary", "button", "tr", "title", "div", "section", "main", "header", "footer", "form",
    "fieldset", "details", "text", "label", "textarea",
];

/// An element, separate from its tree.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub(crate) tag: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Element {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

pub(crate) struct Html(RcDom);

impl Html {
    pub(crate) fn parse(text: &str) -> Self {
        Self(html5ever::parse_document(RcDom::default(), html5ever::ParseOpts::default()).one(text))
    }

    /// Syntax errors.
    pub(crate) fn errors(&self) -> Vec<String> {
        self.0.errors.borrow().iter().map(ToString::to_string).collect()
    }

    /// Every element, in the order of the document.
    pub(crate) fn elements(&self) -> Vec<Element> {
        let mut found = Vec::new();
        walk(&self.0.document, &mut |node| found.extend(element(node)));
        found
    }

    pub(crate) fn all(&self, tag: &str) -> Vec<Element> {
        self.elements().into_iter().filter(|element| element.tag == tag).collect()
    }

    /// The element with an id.
    #[track_caller]
    pub(crate) fn by_id(&self, id: &str) -> Element {
        let found = self.elements().into_iter().find(|element| element.get("id") == Some(id));
        found.unwrap_or_else(|| panic!("nothing has the id `{id}`"))
    }

    /// The tree without texts and values, which no text may change.
    pub(crate) fn skeleton(&self) -> String {
        let names = |element: &Element| element.attributes.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().join(" ");
        self.elements().iter().map(|element| format!("<{} {}>", element.tag, names(element))).collect::<Vec<_>>().join("\n")
    }

    /// The visible text, one line per block.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        write_text(&self.0.document, &mut text);
        let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn walk(node: &Handle, visit: &mut impl FnMut(&Handle)) {
    visit(node);
    for child in node.children.borrow().iter() {
        walk(child, visit);
    }
}

fn element(node: &Handle) -> Option<Element> {
    let NodeData::Element { name, attrs, .. } = &node.data else { return None };
    let attributes = attrs.borrow().iter().map(|attribute| (attribute.name.local.to_string(), attribute.value.to_string())).collect();
    let mut text = String::new();
    write_text(node, &mut text);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(Element { tag: name.local.to_string(), attributes, text })
}

fn write_text(node: &Handle, text: &mut String) {
    match &node.data {
        NodeData::Text { contents } => text.push_str(&contents.borrow()),
        NodeData::Element { name, attrs, .. } => {
            let tag = name.local.to_string();
            let is_hidden = attrs.borrow().iter().any(|attribute| &*attribute.name.local == "hidden");
            if is_hidden || matches!(tag.as_str(), "script" | "style" | "svg") {
                return;
            }
            let is_block = BLOCKS.contains(&tag.as_str());
            text.push_str(if is_block { "\n" } else { "" });
            for attribute in attrs.borrow().iter().filter(|attribute| tag == "input" && &*attribute.name.local == "checked") {
                text.push_str(if attribute.value.is_empty() { "(*) " } else { "" });
            }
            node.children.borrow().iter().for_each(|child| write_text(child, text));
            text.push_str(if is_block { "\n" } else { " " });
        }
        _ => node.children.borrow().iter().for_each(|child| write_text(child, text)),
    }
}
