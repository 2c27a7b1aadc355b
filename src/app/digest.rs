//! One digest of several texts, by which an operator and a replay tell versions of a file apart.
//! Not here: which texts are digested ([`super::policies`], [`super::code_maps`]).

use std::fmt::Write as _;

use aws_lc_rs::digest;

/// SHA-256 of texts in hexadecimal, each with its length in bytes.
pub(super) fn digest_of<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for text in texts {
        context.update(&text.len().to_be_bytes());
        context.update(text.as_bytes());
    }
    let mut hexadecimal = String::new();
    for byte in context.finish().as_ref() {
        // Writing to a String cannot fail.
        _ = write!(hexadecimal, "{byte:02x}");
    }
    hexadecimal
}
