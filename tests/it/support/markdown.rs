//! Parses the project's own documents: their fenced blocks and tables.

/// A fenced block of a document.
pub(crate) struct Block {
    /// The text after the opening fence: `sh`, `json`, …
    pub(crate) language: String,
    /// The lines between the fences.
    pub(crate) text: String,
    /// The last non-blank line before the opening fence.
    pub(crate) before: String,
}

/// The text of a file of the project, given by its path from the root.
pub(crate) fn document(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fenced blocks of a document, in order.
pub(crate) fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut before = "";
    for line in document.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block { language: language.to_owned(), text: String::new(), before: before.to_owned() });
            }
            (None, None) if !line.trim().is_empty() => before = line,
            (None, None) => {}
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    blocks
}

/// The only block that directly follows a comment `<!-- {comment} -->`, if any.
pub(crate) fn block_after(document: &str, comment: &str) -> Option<Block> {
    let marker = format!("<!-- {comment} -->");
    let mut found = blocks(document).into_iter().filter(|block| block.before == marker);
    let block = found.next();
    assert!(found.next().is_none(), "`{marker}` stands twice");
    block
}

/// The cells of every table row whose first cell is a name in backticks, without the backticks around that name.
pub(crate) fn rows(document: &str) -> Vec<(String, Vec<String>)> {
    document.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<(String, Vec<String>)> {
    // An escaped bar belongs to its cell.
    let cells = line.strip_prefix("| ")?.strip_suffix('|')?.replace("\\|", "\u{0}");
    let mut cells = cells.split('|').map(|cell| cell.trim().replace('\u{0}', "|"));
    let name = unquoted(&cells.next()?)?.to_owned();
    Some((name, cells.collect()))
}

/// The text within a pair of backticks that encloses the whole text.
pub(crate) fn unquoted(text: &str) -> Option<&str> {
    text.strip_prefix('`')?.strip_suffix('`').filter(|inner| !inner.contains('`'))
}
