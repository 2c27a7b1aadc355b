//! The URL of the published policy, or of one of its sections if the plan's pages have such links.
//! Not here: which criterion a link refers to ([`crate::policy`]).

use crate::policy::CriterionId;

/// Placeholders for the section; a parsed URL has its braces percent-encoded.
const PLACES: [&str; 3] = ["{section}", "%7Bsection%7D", "%7bsection%7d"];

/// Replaces `{section}` in the URL with the criterion's section, such as `I.A.4.a`; without a criterion, the URL leads to
/// the whole policy.
#[must_use]
pub fn policy_link(url: &str, criterion: Option<&CriterionId>) -> String {
    if !PLACES.iter().any(|place| url.contains(place)) {
        return url.to_owned();
    }
    let section = criterion.map_or("", CriterionId::as_str);
    let link = PLACES.iter().fold(url.to_owned(), |link, place| link.replace(place, section));
    link.trim_end_matches('#').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_section_where_the_address_has_a_place_for_it() {
        let nsaids = CriterionId::from("I.A.4.b");
        let nsaids = Some(&nsaids);
        let table = [
            ("https://plan.example/policy", nsaids, "https://plan.example/policy"),
            ("https://plan.example/policy#{section}", nsaids, "https://plan.example/policy#I.A.4.b"),
            ("https://plan.example/policy#{section}", None, "https://plan.example/policy"),
            ("https://plan.example/%7Bsection%7D.html?s={section}", nsaids, "https://plan.example/I.A.4.b.html?s=I.A.4.b"),
            ("https://plan.example/policy#", None, "https://plan.example/policy#"),
        ];
        for (url, criterion, expected) in table {
            assert_eq!(policy_link(url, criterion), expected);
        }
    }
}
