//! The side, left or right, that an order, a Procedure or a finding names: by body sites, modifiers and extensions, or in words.
//! Not here: the sides of a finding's own codes ([`super::observations`]).

use super::chart::ChartReader;
use super::concepts::{CodeUse, SIDE_SETS, words};
use super::views::{CodingView, ConceptView, ExtensionView};
use crate::policy::{Side, SystemKind};

/// The side that a resource names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NamedSide {
    pub side: Side,
    /// Whether body sites and modifiers name different sides.
    pub is_contradictory: bool,
}

/// The parts of a resource that name a side.
#[derive(Clone, Copy)]
pub(crate) struct SideParts<'r, 'a> {
    pub code: Option<&'r ConceptView<'a>>,
    pub body_sites: &'r [ConceptView<'a>],
    pub extensions: &'r [ExtensionView<'a>],
    /// The side that modifiers appended to its codes name.
    pub by_code: Side,
}

impl<'a> ChartReader<'_, 'a> {
    /// The side that a coding's own modifiers or the client's local code map name.
    pub(super) fn side_of_coding(&self, coding: &CodingView<'a>, code_use: CodeUse) -> Side {
        let mapped = self.mapped(coding).and_then(|mapped| mapped.side).unwrap_or_default();
        if code_use == CodeUse::Other && coding.system().trim().is_empty() {
            return mapped;
        }
        let modifiers = self.policy.value_sets.modifiers(coding.system(), coding.code());
        modifiers.fold(mapped, |side, modifier| side.joined(self.policy.side_of_modifier(modifier)))
    }

    /// The side of an order, a Procedure or a finding: from body sites and modifiers or, failing both, from words.
    pub(crate) fn named_side(&self, parts: SideParts<'_, 'a>) -> NamedSide {
        let by_site = self.side_of_body_sites(parts.body_sites);
        let by_modifier = parts.by_code.joined(self.side_of_extensions(&parts));
        match (by_site, by_modifier) {
            (Side::Unspecified, Side::Unspecified) => NamedSide { side: self.side_of_words(&parts), is_contradictory: false },
            (Side::Unspecified, side) | (side, Side::Unspecified) => NamedSide { side, is_contradictory: false },
            (site, modifier) if site == modifier => NamedSide { side: site, is_contradictory: false },
            (_, _) => NamedSide { side: Side::Both, is_contradictory: true },
        }
    }

    fn side_of_body_sites(&self, body_sites: &[ConceptView<'a>]) -> Side {
        let codings = body_sites.iter().flat_map(ConceptView::codings);
        codings.fold(Side::Unspecified, |side, coding| {
            let sets = self.lookup(coding, CodeUse::Other).sets;
            let mapped = self.mapped(coding).and_then(|mapped| mapped.side).unwrap_or_default();
            let named = SIDE_SETS.into_iter().filter(|(set, _)| sets.has(*set));
            named.fold(side.joined(mapped), |side, (_, named)| side.joined(named))
        })
    }

    /// The side that modifiers name in extensions of the resource, its code, or the code's codings.
    fn side_of_extensions(&self, parts: &SideParts<'_, 'a>) -> Side {
        let of_code = parts.code.into_iter().flat_map(|code| code.extension.iter().flatten());
        let of_codings = parts.code.into_iter().flat_map(ConceptView::codings).flat_map(|coding| coding.extension.iter().flatten());
        let extensions = parts.extensions.iter().chain(of_code).chain(of_codings);
        extensions.fold(Side::Unspecified, |side, extension| {
            let codings = extension.value_coding.iter().chain(extension.value_codeable_concept.iter().flat_map(ConceptView::codings));
            let codes = codings.filter(|coding| self.can_be_modifier(coding)).map(CodingView::code);
            let codes = codes.chain(extension.value_code.iter().map(super::text::Text::as_str));
            codes.fold(side, |side, code| side.joined(self.policy.side_of_modifier(code.trim())))
        })
    }

    fn can_be_modifier(&self, coding: &CodingView<'a>) -> bool {
        let system = coding.system();
        system.trim().is_empty() || self.policy.value_sets.system_kind(system) == Some(SystemKind::Procedure)
    }

    fn side_of_words(&self, parts: &SideParts<'_, 'a>) -> Side {
        let texts = parts.body_sites.iter().chain(parts.code).flat_map(words);
        texts.fold(Side::Unspecified, |side, words| {
            let named = self.policy.words.sides.iter().filter(|(_, phrases)| phrases.are_in(&words));
            named.fold(side, |side, (named, _)| side.joined(*named))
        })
    }
}
