//! Views of dosages, dispense requests, coverage classes and answers. A malformed element is treated as absent, and the rest
//! of the resource is still read.
//! Not here: the resources that contain them ([`super::views`]).

use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess};

use super::lenient::{FromJson, Lenient};
use super::text::Text;

macro_rules! lenient_views {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty,)* } and { $($plain:ident: $value:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Default, Deserialize)]
            #[serde(rename_all = "camelCase", default)]
            pub(crate) struct $name<'a> {
                $(#[serde(borrow)] pub $field: Lenient<$kind>,)*
                $(pub $plain: Lenient<$value>,)*
            }

            impl<'de: 'a, 'a> FromJson<'de> for $name<'a> {
                fn from_map<A: MapAccess<'de>>(map: A) -> Result<Option<Self>, A::Error> {
                    Self::deserialize(MapAccessDeserializer::new(map)).map(Some)
                }
            }
        )*
    };
}

lenient_views! {
    /// `MedicationRequest.dispenseRequest`
    DispenseView {
        validity_period: LenientPeriodView<'a>,
        expected_supply_duration: LenientQuantityView<'a>,
        quantity: LenientQuantityView<'a>,
    } and {
        number_of_repeats_allowed: f64,
    }

    /// `Dosage`
    DosageView {
        timing: DosageTimingView<'a>,
        as_needed_codeable_concept: EmptyView<'a>,
        dose_and_rate: Vec<DoseView<'a>>,
    } and {
        as_needed_boolean: bool,
    }

    /// `Dosage.doseAndRate`
    DoseView {
        dose_quantity: LenientQuantityView<'a>,
    } and {}

    /// `Dosage.timing`
    DosageTimingView {
        repeat: DosageRepeatView<'a>,
        code: LenientConceptView<'a>,
    } and {}

    /// `Dosage.timing.repeat`
    DosageRepeatView {
        bounds_duration: LenientQuantityView<'a>,
        bounds_period: LenientPeriodView<'a>,
        period_unit: Text<'a>,
    } and {
        frequency: f64,
        period: f64,
    }

    /// `CodeableConcept` in a dosage
    LenientConceptView {
        coding: Vec<LenientCodingView<'a>>,
        text: Text<'a>,
    } and {}

    /// `Coding` in a dosage or an answer
    LenientCodingView {
        code: Text<'a>,
    } and {}

    /// `Period` in a dosage or a dispense request
    LenientPeriodView {
        start: Text<'a>,
        end: Text<'a>,
    } and {}

    /// `Quantity` and `Duration` in a dosage, a dispense request or an answer
    LenientQuantityView {
        unit: Text<'a>,
        code: Text<'a>,
    } and {
        value: f64,
    }

    /// `Coverage.class`
    ClassView {
        value: Text<'a>,
        name: Text<'a>,
    } and {}

    /// `QuestionnaireResponse.item`
    ItemView {
        link_id: Text<'a>,
        answer: Vec<AnswerView<'a>>,
        item: Vec<ItemView<'a>>,
    } and {}

    /// `QuestionnaireResponse.item.answer`
    AnswerView {
        value_date: Text<'a>,
        value_date_time: Text<'a>,
        value_string: Text<'a>,
        value_quantity: LenientQuantityView<'a>,
        value_coding: LenientCodingView<'a>,
        item: Vec<ItemView<'a>>,
    } and {
        value_boolean: bool,
        value_integer: f64,
        value_decimal: f64,
    }
}

/// An object in a dosage of which only the presence matters.
#[derive(Debug, Default)]
pub(crate) struct EmptyView<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> FromJson<'de> for EmptyView<'a> {
    fn from_map<A: MapAccess<'de>>(map: A) -> Result<Option<Self>, A::Error> {
        IgnoredAny::deserialize(MapAccessDeserializer::new(map)).map(|_| Some(Self(PhantomData)))
    }
}
