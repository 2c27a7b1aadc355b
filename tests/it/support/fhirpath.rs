//! Parses `FHIRPath` expressions (<http://hl7.org/fhirpath/N1/grammar.html>), to check their syntax and the names they use.
//! Not here: evaluating them.

use std::collections::BTreeSet;

/// Binary operators, lowest precedence first.
const OPERATORS: [&[&str]; 9] = [
    &["implies"],
    &["or", "xor"],
    &["and"],
    &["in", "contains"],
    &["=", "~", "!=", "!~"],
    &["<=", "<", ">=", ">"],
    &["|"],
    &["+", "-", "&"],
    &["*", "/", "div", "mod"],
];

/// The permitted functions of `FHIRPath`, with their number of arguments.
const FUNCTIONS: [(&str, &[usize]); 18] = [
    ("aggregate", &[1, 2]),
    ("contains", &[1]),
    ("empty", &[0]),
    ("endsWith", &[1]),
    ("exists", &[0, 1]),
    ("first", &[0]),
    ("iif", &[2, 3]),
    ("not", &[0]),
    ("ofType", &[1]),
    ("repeat", &[1]),
    ("select", &[1]),
    ("startsWith", &[1]),
    ("substring", &[1, 2]),
    ("toDate", &[0]),
    ("toString", &[0]),
    ("today", &[0]),
    ("trace", &[1, 2]),
    ("where", &[1]),
];

/// The names in an expression.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// `%name`
    pub(crate) variables: BTreeSet<String>,
    /// `'text'`
    pub(crate) texts: Vec<String>,
}

/// The names in an expression, or where it is not valid `FHIRPath`.
pub(crate) fn read(expression: &str) -> Result<Named, String> {
    let mut reader = Reader { tokens: tokens(expression)?, at: 0, named: Named::default() };
    reader.expression(0)?;
    if reader.at == reader.tokens.len() { Ok(reader.named) } else { Err(format!("`{}` stands too much", reader.tokens[reader.at])) }
}

fn tokens(expression: &str) -> Result<Vec<String>, String> {
    let letters: Vec<char> = expression.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let letter = letters[at];
        let end = |start: usize, goes_on: &dyn Fn(char) -> bool| {
            (start..letters.len()).find(|at| !goes_on(letters[*at])).unwrap_or(letters.len())
        };
        let next = match letter {
            _ if letter.is_whitespace() => at + 1,
            '\'' => (at + 1..letters.len()).find(|end| letters[*end] == '\'').ok_or("a text does not end")? + 1,
            '%' | '$' => end(at + 1, &|letter| letter.is_alphanumeric() || letter == '_'),
            _ if letter.is_alphabetic() => end(at, &|letter| letter.is_alphanumeric() || letter == '_'),
            _ if letter.is_ascii_digit() => end(at, &|letter| letter.is_ascii_digit()),
            '!' | '<' | '>' if letters.get(at + 1) == Some(&'=') => at + 2,
            _ if "().,|=<>+-*/&~[]".contains(letter) => at + 1,
            _ => return Err(format!("`{letter}` is not known")),
        };
        if !letter.is_whitespace() {
            tokens.push(letters[at..next].iter().collect());
        }
        at = next;
    }
    Ok(tokens)
}

struct Reader {
    tokens: Vec<String>,
    at: usize,
    named: Named,
}

impl Reader {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned().unwrap_or_default()
    }

    fn take(&mut self, token: &str) -> bool {
        let is_there = self.peek() == token;
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("`{token}` is missing before `{}`", self.peek())) }
    }

    fn expression(&mut self, level: usize) -> Result<(), String> {
        let Some(operators) = OPERATORS.get(level) else { return self.invocations() };
        self.expression(level + 1)?;
        while operators.contains(&self.peek()) {
            self.at += 1;
            self.expression(level + 1)?;
        }
        Ok(())
    }

    fn invocations(&mut self) -> Result<(), String> {
        self.term()?;
        while self.take(".") {
            self.member()?;
        }
        Ok(())
    }

    fn term(&mut self) -> Result<(), String> {
        if self.take("(") {
            self.expression(0)?;
            return self.expect(")");
        }
        let token = self.peek().to_owned();
        match token.chars().next().ok_or("an operand is missing")? {
            '\'' => {
                self.named.texts.push(token.trim_matches('\'').to_owned());
                self.at += 1;
            }
            '%' => {
                self.named.variables.insert(token[1..].to_owned());
                self.at += 1;
            }
            '$' if ["$this", "$index", "$total"].contains(&token.as_str()) => self.at += 1,
            digit if digit.is_ascii_digit() => {
                self.at += 1;
                self.at += usize::from(["days", "weeks", "months"].contains(&self.peek()));
            }
            _ => return self.member(),
        }
        Ok(())
    }

    fn member(&mut self) -> Result<(), String> {
        let name = self.next();
        if ["true", "false"].contains(&name.as_str()) {
            return Ok(());
        }
        if !name.starts_with(char::is_alphabetic) {
            return Err(format!("`{name}` is no name"));
        }
        if !self.take("(") {
            return Ok(());
        }
        let mut arguments = 0;
        while !self.take(")") {
            if arguments > 0 {
                self.expect(",")?;
            }
            self.expression(0)?;
            arguments += 1;
        }
        let known = FUNCTIONS.iter().find(|(function, _)| *function == name).ok_or_else(|| format!("`{name}` is no function"))?;
        if known.1.contains(&arguments) { Ok(()) } else { Err(format!("`{name}` has {arguments} arguments")) }
    }
}

#[test]
fn what_is_no_fhirpath_is_told_from_what_is() {
    for expression in ["a.b.where(c = 'd' and $this > 3).first()", "iif(%x.exists(), %x, today() - 90 days)", "('a' | 'b')", "a in ('b')"] {
        read(expression).unwrap_or_else(|fault| panic!("{expression}: {fault}"));
    }
    for expression in
        ["", "a.", "a..b", "(a", "a)", "'a", "a =", "a b", "where()", "unknown()", "first(1)", "a; b", "$other", "a.where(b,)"]
    {
        assert!(read(expression).is_err(), "{expression}");
    }
}
