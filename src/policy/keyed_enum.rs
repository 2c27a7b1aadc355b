//! Enums whose variants have a key: in a file of the policy, in the form, or in the evaluation's JSON.

/// Declares an enum with its keys: all variants, the key of a variant, and the variant of a key.
macro_rules! keyed_enum {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident, $key_of:ident, $from_key:ident {
            $($(#[$doc:meta])* $variant:ident = $key:literal,)*
        }
    ) => {
        $(#[$meta])*
        $visibility enum $name {
            $($(#[$doc])* #[doc = concat!("`", $key, "`")] $variant,)*
        }

        impl $name {
            /// Every variant, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The key.
            #[must_use]
            pub fn $key_of(self) -> &'static str {
                match self {
                    $(Self::$variant => $key,)*
                }
            }

            /// The variant with a key.
            #[must_use]
            pub fn $from_key(key: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|variant| variant.$key_of() == key)
            }
        }
    };
}

pub(crate) use keyed_enum;
