//! The supported hooks: HL7/cds-hooks-library, and Da Vinci CRD 2.2.1, "Supported Hooks".
//! Not here: the data in a call; see [`super::request`].

use serde::{Deserialize, Serialize};

/// A hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// Orders are about to be signed.
    OrderSign,
    /// Orders are being selected; the other draft orders are only context.
    OrderSelect,
    /// Signed orders are sent to the performer.
    OrderDispatch,
    /// Appointments are being booked.
    AppointmentBook,
    /// A patient arrives.
    EncounterStart,
    /// A patient leaves.
    EncounterDischarge,
    /// A chart is opened. Epic also sends its other native triggers under this name.
    PatientView,
}

impl Hook {
    /// Every hook.
    pub const ALL: [Self; 7] = [
        Self::OrderSign,
        Self::OrderSelect,
        Self::OrderDispatch,
        Self::AppointmentBook,
        Self::EncounterStart,
        Self::EncounterDischarge,
        Self::PatientView,
    ];

    /// The hook's name in requests.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderSign => "order-sign",
            Self::OrderSelect => "order-select",
            Self::OrderDispatch => "order-dispatch",
            Self::AppointmentBook => "appointment-book",
            Self::EncounterStart => "encounter-start",
            Self::EncounterDischarge => "encounter-discharge",
            Self::PatientView => "patient-view",
        }
    }

    /// The hook with this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.as_str() == name)
    }

    /// What replaces a deprecated hook of the library, as the end of a sentence; nothing for any other name.
    #[must_use]
    pub fn successor(name: &str) -> &'static str {
        match name {
            "order-review" => "; order-sign replaces order-review",
            "medication-prescribe" => "; order-select and order-sign replace medication-prescribe",
            _ => "",
        }
    }

    /// The hooks' names, as a list for a sentence.
    #[must_use]
    pub fn names(hooks: &[Self]) -> String {
        let names: Vec<_> = hooks.iter().map(|hook| hook.as_str()).collect();
        match names.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => "none".to_owned(),
        }
    }

    /// Whether its orders get coverage information (CRD 2.2.1, "Hook Categories").
    #[must_use]
    pub fn is_primary(self) -> bool {
        match self {
            Self::OrderSign | Self::OrderDispatch | Self::AppointmentBook => true,
            Self::OrderSelect | Self::EncounterStart | Self::EncounterDischarge | Self::PatientView => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_found_by_its_name_as_it_is_written() {
        for hook in Hook::ALL {
            assert_eq!(Hook::of_name(hook.as_str()), Some(hook));
            assert_eq!(serde_json::to_value(hook).expect("JSON"), hook.as_str());
        }
        assert_eq!(Hook::of_name("order-review"), None);
    }

    #[test]
    fn hooks_are_named_in_a_sentence() {
        assert_eq!(Hook::names(&[Hook::OrderSign]), "order-sign");
        assert_eq!(Hook::names(&[Hook::OrderSign, Hook::OrderSelect, Hook::OrderDispatch]), "order-sign, order-select and order-dispatch");
    }
}
