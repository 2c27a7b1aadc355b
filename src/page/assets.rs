//! The stylesheet and the script of the page, embedded, each named by a hash of its content so that it can be kept for ever.

use std::borrow::Cow;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "src/page/assets/"]
struct Embedded;

/// The stylesheet's name.
pub const STYLE: &str = "page.css";

/// The script's name.
pub const SCRIPT: &str = "page.js";

/// A file of the page.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its content.
    pub bytes: Cow<'static, [u8]>,
    /// Its media type.
    pub media_type: &'static str,
    /// The first letters of its content's SHA-256; also the `v` of its address.
    pub hash: String,
}

impl Asset {
    /// The file of a name, if there is one.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let media_type = match name {
            STYLE => "text/css; charset=utf-8",
            SCRIPT => "text/javascript; charset=utf-8",
            _ => return None,
        };
        let file = Embedded::get(name)?;
        let hash = file.metadata.sha256_hash().iter().take(8).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        Some(Self { bytes: file.data, media_type, hash })
    }

    /// The address of a file below a base: `{base}/page.css?v=…`.
    #[must_use]
    pub fn address(base: &str, name: &str) -> String {
        let hash = Self::of_name(name).map(|asset| asset.hash).unwrap_or_default();
        format!("{}/{name}?v={hash}", base.trim_end_matches('/'))
    }
}
