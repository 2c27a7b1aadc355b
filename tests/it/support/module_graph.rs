//! Which module of `src` uses which, from `use` lines and inline paths. A path that leads through another module's `pub use` counts as a
//! use of the module where the item is defined.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A module's path below the crate root, such as `http::hook`; empty for the root.
pub(crate) type Module = Vec<String>;

/// The modules of a crate and what each of them uses.
pub(crate) struct ModuleGraph {
    sources: BTreeMap<Module, String>,
    reexports: BTreeMap<Module, BTreeMap<String, Vec<String>>>,
}

impl ModuleGraph {
    /// The graph of this crate's sources.
    pub(crate) fn of_this_crate() -> Self {
        let sources = sources_of_this_crate();
        Self::from_sources(sources.iter().map(|(path, source)| (path.as_str(), source.as_str())))
    }

    /// The graph of these files, each with its path below `src`. Comments and unit tests do not count.
    pub(crate) fn from_sources<'s>(files: impl IntoIterator<Item = (&'s str, &'s str)>) -> Self {
        let sources: BTreeMap<Module, String> = files.into_iter().map(|(path, source)| (module(path), code(source))).collect();
        let mut graph = Self { sources, reexports: BTreeMap::new() };
        for (module, source) in &graph.sources {
            let public = uses(source).into_iter().filter(|(is_public, _)| *is_public);
            let named = public.filter_map(|(_, path)| Some((path.last()?.clone(), graph.absolute(module, &path)?)));
            graph.reexports.insert(module.clone(), named.collect());
        }
        graph
    }

    /// The modules, each with the modules that it uses.
    pub(crate) fn edges(&self) -> BTreeMap<&Module, BTreeSet<&Module>> {
        let used = |module, source| self.used_paths(module, source).into_iter().filter_map(|path| self.defining_module(&path, 0));
        self.sources.iter().map(|(module, source)| (module, used(module, source).filter(|used| *used != module).collect())).collect()
    }

    /// The code of a module, without comments and tests.
    pub(crate) fn source(&self, module: &Module) -> &str {
        &self.sources[module]
    }

    /// Absolute paths named by a module.
    fn used_paths(&self, module: &Module, source: &str) -> Vec<Vec<String>> {
        let is_table_of_contents = self.sources.keys().any(|other| other.len() > module.len() && other.starts_with(module));
        let uses = uses(source).into_iter().filter(|(is_public, _)| !(is_table_of_contents && *is_public));
        let in_uses = uses.filter_map(|(_, path)| self.absolute(module, &path));
        let statements = without_uses(source);
        let inline = statements.match_indices("crate::").map(|(at, _)| path_at(&statements[at..])).collect::<Vec<_>>();
        let climbing = statements.match_indices("super::").filter(|(at, _)| !statements[..*at].ends_with("::"));
        let climbing = climbing.map(|(at, _)| path_at(&statements[at..])).collect::<Vec<_>>();
        in_uses.chain(inline.into_iter().chain(climbing).filter_map(|path| self.absolute(module, &path))).collect()
    }

    /// A path as seen from the crate root; `None` for a path into another crate.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Vec<String>> {
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some(module.iter().chain(&path[1..]).cloned().collect()),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                let base = &module[..module.len().checked_sub(up)?];
                Some(base.iter().chain(&path[up..]).cloned().collect())
            }
            first => {
                let child: Module = module.iter().cloned().chain([first.to_owned()]).collect();
                self.sources.contains_key(&child).then(|| module.iter().chain(path).cloned().collect())
            }
        }
    }

    /// The module that defines the item at a path, following re-exports.
    fn defining_module(&self, path: &[String], depth: usize) -> Option<&Module> {
        let length = (0..=path.len()).rev().find(|length| self.sources.contains_key(&path[..*length]))?;
        let (module, rest) = path.split_at(length);
        match rest.first().and_then(|item| self.reexports[module].get(item)) {
            Some(target) if depth < 8 => {
                let target: Vec<String> = target.iter().chain(&rest[1..]).cloned().collect();
                self.defining_module(&target, depth + 1)
            }
            _ => self.sources.get_key_value(module).map(|(module, _)| module),
        }
    }

    /// The groups of modules that use each other in a circle, each of at least two.
    pub(crate) fn circles(&self) -> Vec<Vec<String>> {
        let edges = self.edges();
        let reach: BTreeMap<&Module, BTreeSet<&Module>> = edges.keys().map(|module| (*module, reachable(&edges, module))).collect();
        let mut circles = BTreeSet::new();
        for (module, reached) in &reach {
            let circle: Vec<String> =
                reached.iter().filter(|other| reach[*other].contains(module)).map(|module| module.join("::")).collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }
}

fn reachable<'m>(edges: &BTreeMap<&'m Module, BTreeSet<&'m Module>>, start: &'m Module) -> BTreeSet<&'m Module> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![start]);
    while let Some(module) = open.pop() {
        open.extend(edges[module].iter().copied().filter(|next| reached.insert(*next)));
    }
    reached
}

/// Every source file of this crate, with its path below `src`.
pub(crate) fn sources_of_this_crate() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    assert!(files.len() > 20, "only {} files found", files.len());
    let below = |file: &PathBuf| file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    files.iter().map(|file| (below(file), std::fs::read_to_string(file).unwrap())).collect()
}

fn source_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `http/error.rs` is `http::error`, `http/mod.rs` is `http`, `lib.rs` the root.
fn module(path: &str) -> Module {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    if matches!(path, "lib" | "main") { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

fn code(source: &str) -> String {
    let without_tests = source.split("#[cfg(test)]").next().unwrap_or_default();
    without_tests.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Every path of the `use` declarations, and whether it is re-exported.
fn uses(source: &str) -> Vec<(bool, Vec<String>)> {
    let mut found = Vec::new();
    for (is_use, text) in statements(source) {
        if let Some((visibility, tree)) = text.split_once("use ").filter(|_| is_use) {
            expand(&[], tree.trim_end().trim_end_matches(';'), &mut |path| found.push((!visibility.trim().is_empty(), path)));
        }
    }
    found
}

fn without_uses(source: &str) -> String {
    statements(source).into_iter().filter(|(is_use, _)| !is_use).map(|(_, text)| text + "\n").collect()
}

/// The lines of a source, each `use` declaration joined into one, and whether it is one.
fn statements(source: &str) -> Vec<(bool, String)> {
    let mut found: Vec<(bool, String)> = Vec::new();
    for line in source.lines() {
        match found.last_mut() {
            Some((true, text)) if !text.trim_end().ends_with(';') => text.push_str(line),
            _ => found.push((begins_use(line.trim_start()), line.to_owned())),
        }
    }
    found
}

fn begins_use(line: &str) -> bool {
    let after_visibility = line.strip_prefix("pub").map(|rest| rest.split_once(' ').map_or("", |(_, rest)| rest));
    after_visibility.unwrap_or(line).starts_with("use ")
}

/// `a::{b, c::d}` yields `a::b` and `a::c::d`.
fn expand(prefix: &[String], tree: &str, found: &mut impl FnMut(Vec<String>)) {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        let tree = tree.split(" as ").next().unwrap_or_default();
        let path: Vec<String> = prefix.iter().cloned().chain(parts(tree)).collect();
        if !path.is_empty() {
            found(path);
        }
        return;
    };
    let prefix: Vec<String> = prefix.iter().cloned().chain(parts(head)).collect();
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0_usize, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, &group[start..at], found);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !group[start..].trim().is_empty() {
        expand(&prefix, &group[start..], found);
    }
}

fn parts(path: &str) -> impl Iterator<Item = String> {
    path.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned)
}

/// The path that a text begins with.
fn path_at(text: &str) -> Vec<String> {
    let end = text.find(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ':')).unwrap_or(text.len());
    parts(&text[..end]).collect()
}
