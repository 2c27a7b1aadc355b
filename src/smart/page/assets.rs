//! The page's stylesheet, script and icon, embedded. Each URL has a hash of the content, so that browsers can cache it forever.

use std::borrow::Cow;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "src/smart/page/assets/"]
struct EmbeddedAssets;

/// The stylesheet's name.
pub const STYLE: &str = "page.css";

/// The script's name.
pub const SCRIPT: &str = "page.js";

/// The icon's name.
pub const ICON: &str = "favicon.ico";

/// A file of the page.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its content.
    pub bytes: Cow<'static, [u8]>,
    /// Its media type.
    pub media_type: &'static str,
    /// The first 16 hex digits of the content's SHA-256; also `v` in its URL.
    pub hash: String,
}

impl Asset {
    /// The file with this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let media_type = match name {
            STYLE => "text/css; charset=utf-8",
            SCRIPT => "text/javascript; charset=utf-8",
            ICON => "image/x-icon",
            _ => return None,
        };
        let file = EmbeddedAssets::get(name)?;
        let hash = file.metadata.sha256_hash().iter().take(8).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        Some(Self { bytes: file.data, media_type, hash })
    }

    /// The URL of a file below a base: `{base}/page.css?v=…`.
    #[must_use]
    pub fn address(base: &str, name: &str) -> String {
        let hash = Self::of_name(name).map(|asset| asset.hash).unwrap_or_default();
        format!("{}/{name}?v={hash}", base.trim_end_matches('/'))
    }
}
