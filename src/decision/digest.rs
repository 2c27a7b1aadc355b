//! One digest over several texts. Operators and replays use it to tell versions of a file apart.
//! Not here: the choice of texts ([`super::policies`], [`super::code_maps`]).

use std::fmt::Write as _;

use aws_lc_rs::digest;

/// SHA-256 of the texts in hexadecimal; each text is hashed with its length in bytes.
pub(crate) fn digest_of<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
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
