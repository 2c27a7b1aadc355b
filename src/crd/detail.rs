//! The detail of a card: how the order was judged and the next step, then what could change the decision, the unmet and missing
//! criteria, and one line on those that are met. It uses only short lines and lists, no tables and no HTML. GitHub Markdown and plain text
//! share the same wording; plain-text lists remain recognizable even if line breaks are lost.

use super::app_link::answer_place;
use super::card_notes::notes;
use super::dialect::DetailFormat;
use super::plain_text::plain;
use super::presentation::CardCase;
use super::suggestions::Offer;
use crate::policy::{
    CardText, Criterion, CriterionId, CriterionRole, Determination, OutcomeKind, Phrase, Site, SiteEvaluation, Verdict, capitalised,
    shortened, with_first,
};

/// Clinicians read a card in seconds, and the panel is small. The record has the whole evaluation.
const MAX_DETAIL_CHARS: usize = 1200;
/// What a usual card takes at most, without layout. Beyond it, evidence of what is unknown and the names of met
/// criteria are dropped and long notes cut, but no note or criterion is left out.
const USUAL_DETAIL_CHARS: usize = 570;
/// The share for line breaks and the words around offers, so that a client's layout does not change how much content fits.
const LAYOUT_CHARS: usize = 80;

/// Limits on the length of a detail, in characters and entries.
#[derive(Clone, Copy, Debug)]
struct Room {
    /// Maximum characters of a criterion's statement.
    statement: usize,
    /// The same if the criterion is not met.
    unmet: usize,
    /// Maximum characters of a note.
    note: usize,
    /// Maximum number of notes.
    notes: usize,
    /// Maximum lines of a list.
    lines: usize,
    /// Whether to name the criteria that are met.
    names_met: bool,
}

/// From generous to tight. Drops evidence first, then the names of met criteria, then notes; never the decision or the next step.
const ROOMS: [Room; 9] = [
    Room { statement: 240, unmet: 240, note: 300, notes: 12, lines: 26, names_met: true },
    Room { statement: 120, unmet: 120, note: 200, notes: 8, lines: 26, names_met: true },
    Room { statement: 120, unmet: 120, note: 140, notes: 8, lines: 26, names_met: false },
    Room { statement: 60, unmet: 120, note: 140, notes: 8, lines: 26, names_met: false },
    Room { statement: 0, unmet: 60, note: 140, notes: 8, lines: 26, names_met: false },
    Room { statement: 0, unmet: 60, note: 120, notes: 5, lines: 16, names_met: false },
    Room { statement: 0, unmet: 0, note: 120, notes: 3, lines: 10, names_met: false },
    Room { statement: 0, unmet: 0, note: 90, notes: 2, lines: 5, names_met: false },
    Room { statement: 0, unmet: 0, note: 90, notes: 1, lines: 5, names_met: false },
];

/// How many of the rooms a detail is tried in to keep to the usual length.
const USUAL_ROOMS: usize = 5;

/// The complete detail, including the offers, for clients that show only the text.
pub(super) fn detail(case: &CardCase<'_, '_, '_>, offer: &Offer<'_>) -> String {
    let detail = Detail { case, offer };
    let parts = detail.parts();
    let mut last = String::new();
    for (room, number) in ROOMS.into_iter().zip(1..) {
        let limit = if number < USUAL_ROOMS { USUAL_DETAIL_CHARS } else { MAX_DETAIL_CHARS - LAYOUT_CHARS };
        // Often not everything fits. The estimate shows this before any text is written.
        if room.statement > 0 && parts.estimate(room, case.is_choosing()) > limit {
            continue;
        }
        let SizedDetail { text, layout } = detail.written(&parts, room);
        if text.chars().count() - layout <= limit {
            return text;
        }
        last = text;
    }
    last
}

/// A rendered detail.
struct SizedDetail {
    text: String,
    /// How many of its characters are layout.
    layout: usize,
}

struct Detail<'d, 'c, 'p, 'e, 'a> {
    case: &'d CardCase<'p, 'e, 'a>,
    offer: &'d Offer<'c>,
}

/// The content of a detail, before it is shortened.
struct DetailParts<'p> {
    plan_notes: Vec<String>,
    judged_as: String,
    /// The next step, without the offers.
    next: String,
    notes: Vec<String>,
    sites: Vec<SiteLines<'p>>,
}

impl DetailParts<'_> {
    /// About how many characters the criteria of one joint take at least.
    fn estimate(&self, room: Room, is_choosing: bool) -> usize {
        let is_listed = |line: &&CriterionLine<'_>| line.verdict.is_not_met() || !is_choosing;
        let of_site = |site: &SiteLines<'_>| site.lines.iter().filter(is_listed).take(room.lines).map(|line| line.estimate(room)).sum();
        self.sites.iter().map(of_site).max().unwrap_or_default()
    }
}

/// The criteria of a joint that are not met or unknown.
struct SiteLines<'p> {
    site: Site,
    lines: Vec<CriterionLine<'p>>,
}

/// A criterion as a list entry.
struct CriterionLine<'p> {
    verdict: Verdict,
    title: &'p str,
    /// What was found.
    found: String,
    /// What is still needed, with a leading space; empty if nothing is.
    needed: String,
    /// The section of the policy, if the criterion is not met.
    section: String,
}

impl CriterionLine<'_> {
    /// How many characters it takes, give or take the blanks at a cut.
    fn estimate(&self, room: Room) -> usize {
        let [title, found, needed] = [self.title, &self.found, &self.needed].map(|text| text.chars().count());
        let limit = self.limit(room);
        title + found.min(limit) + needed.min(limit)
    }

    fn limit(&self, room: Room) -> usize {
        if self.verdict.is_not_met() { room.unmet } else { room.statement }
    }

    /// What was found, then what is still needed. Each is shortened separately, so that a long finding does not displace the need.
    fn statement(&self, limit: usize) -> String {
        if limit == 0 {
            return String::new();
        }
        let stop = if self.needed.is_empty() { "" } else { "." };
        format!("{}{stop}{}", shortened(&self.found, limit), shortened(&self.needed, limit))
    }
}

impl<'p> Detail<'_, '_, 'p, '_, '_> {
    fn parts(&self) -> DetailParts<'p> {
        DetailParts {
            plan_notes: self.plan_notes(),
            judged_as: self.judged_as(),
            next: self.next(),
            notes: notes(self.case),
            sites: self.sites().into_iter().map(|site| SiteLines { site: site.site, lines: self.lines(site) }).collect(),
        }
    }

    fn written(&self, parts: &DetailParts<'_>, room: Room) -> SizedDetail {
        let notes = self.list(parts.notes.iter().take(room.notes).map(|note| shortened(note, room.note)));
        let (next, offers) = self.with_offers(&parts.next, &notes);
        let mut paragraphs: Vec<String> = parts.plan_notes.clone();
        paragraphs.push(parts.judged_as.clone());
        paragraphs.push(next);
        paragraphs.push(notes);
        paragraphs.extend(self.headed(CardText::NotMetHeading, self.items(parts, Verdict::NotMet, room)));
        if !self.case.is_choosing() {
            paragraphs.extend(self.headed(CardText::Missing, self.items(parts, Verdict::Unknown, room)));
        }
        paragraphs.extend(self.met(room));
        paragraphs.push(self.case.say(CardText::Disclaimer, &[&self.case.policy.title, &self.case.policy.version]));
        paragraphs.retain(|paragraph| !paragraph.is_empty());
        let text = paragraphs.join("\n\n");
        let layout = text.bytes().filter(|byte| *byte == b'\n').count() + offers;
        SizedDetail { text, layout }
    }

    /// The rules that take precedence over the policy.
    fn plan_notes(&self) -> Vec<String> {
        self.case.words().plan_notes(self.case.evaluation.plan).into_iter().map(plain).collect()
    }

    /// How the order was judged, and which order it is if there are several (CRD 2.2.1, dev-24).
    fn judged_as(&self) -> String {
        let case = self.case;
        let words = case.words();
        let date = case.order.service_date;
        let outcome = self.outcome();
        let judged = if matches!(outcome, OutcomeKind::Indeterminate | OutcomeKind::OrderUnreadable) {
            // Nothing was judged.
            String::new()
        } else if outcome == OutcomeKind::HistoryOpen {
            case.say(CardText::JudgedAsFarAsKnown, &[&words.judged_as(), &date])
        } else if words.is_one_of_several {
            // The order's own text includes the date.
            case.say(CardText::JudgedAsWhat, &[&words.judged_as()])
        } else {
            case.say(CardText::JudgedAs, &[&words.judged_as(), &date])
        };
        let is_one_of_several = case.evaluation.orders.len() > 1 || case.presentation.orders.len() > 1;
        if is_one_of_several { case.say(CardText::AboutOrder, &[&words.order(), &judged]).trim_end().to_owned() } else { judged }
    }

    fn outcome(&self) -> OutcomeKind {
        self.case.words().outcome_kind()
    }

    /// The next step.
    fn next(&self) -> String {
        let case = self.case;
        let mut sentences: Vec<String> = Vec::new();
        // While the user selects orders, the card does not ask for what a reviewer would need.
        if !(case.is_choosing() && case.order.determination == Determination::IndividualConsideration) {
            let words = case.words();
            let place = answer_place(case);
            sentences.extend(words.texts().map(|texts| plain(&texts.next(&words.arguments_with(place)))));
        }
        sentences.extend(self.ready_side());
        sentences.extend(self.also_document());
        sentences.extend(self.state_side());
        sentences.join(" ")
    }

    /// The next step, plus the offers that the text does not already name (CRD 2.2.1, resp-11), and the number of characters used to
    /// introduce them.
    fn with_offers(&self, next: &str, notes: &str) -> (String, usize) {
        let case = self.case;
        let mut sentences = vec![next.to_owned()];
        let said = format!("{next} {notes}").to_lowercase();
        let is_new = |label: &&str| !said.contains(&label.to_lowercase());
        let offered: Vec<_> = self.offer.suggestions.iter().map(|suggestion| suggestion.label.as_str()).filter(is_new).collect();
        let by_hand: Vec<_> = self.offer.by_hand.iter().map(String::as_str).filter(is_new).collect();
        let mut around = 0;
        for (text, labels) in [(CardText::Offered, offered), (CardText::ByHand, by_hand)] {
            if !labels.is_empty() {
                let sentence = case.say(text, &[&labels.join("; ")]);
                let said: usize = labels.iter().map(|label| label.chars().count()).sum();
                around += sentence.chars().count().saturating_sub(said) + 1;
                sentences.push(sentence);
            }
        }
        sentences.retain(|sentence| !sentence.is_empty());
        (sentences.join(" "), around)
    }

    /// Moving or removing an order does not replace the missing documentation.
    fn also_document(&self) -> Option<String> {
        let case = self.case;
        let open = case.order.determination == Determination::NotYet && case.has_unknown() && !case.is_choosing();
        open.then(|| case.say(CardText::AlsoDocument, &[&answer_place(case)]))
    }

    /// One joint of a bilateral order can go ahead, and the outcome's own text does not say so.
    fn ready_side(&self) -> Option<String> {
        let site = self.case.words().site_ready_now().filter(|_| self.outcome() != OutcomeKind::OneSideReady)?;
        Some(self.case.say(CardText::ReadySide, &[&self.case.words().site(site)]))
    }

    fn state_side(&self) -> Option<String> {
        self.case.lacks_side().then(|| self.case.say(CardText::StateSide, &[]))
    }

    /// The joints to describe. While the user selects orders, a joint that only lacks documentation is omitted.
    fn sites(&self) -> Vec<&SiteEvaluation<'_>> {
        let is_left_out = |site: &SiteEvaluation<'_>| self.case.is_choosing() && site.determination == Determination::NeedsDocumentation;
        self.case.order.sites.iter().filter(|site| !is_left_out(site)).collect()
    }

    /// The criteria of a joint that are not met or unknown. The next step already asks about possible earlier injections, so the history
    /// criterion is omitted then.
    fn lines(&self, site: &SiteEvaluation<'_>) -> Vec<CriterionLine<'p>> {
        let is_history_open = self.outcome() == OutcomeKind::HistoryOpen;
        let is_said = |criterion: &Criterion<'_>| is_history_open && criterion.role == CriterionRole::History;
        let own = site.criteria.iter().filter(|criterion| !criterion.verdict.is_met() && !is_said(criterion));
        own.map(|criterion| self.line(criterion)).collect()
    }

    fn line(&self, criterion: &Criterion<'_>) -> CriterionLine<'p> {
        let Criterion { ref id, verdict, ref statement, ref missing, .. } = *criterion;
        let wording = &self.case.policy.wording;
        let asks: Vec<_> = missing.iter().map(|question| wording.ask(*question)).collect();
        let needed = format!(" {}.", capitalised(&wording.say(Phrase::StillNeeded, &[&asks.join(", ")])));
        let (found, needed) = match statement.strip_suffix(needed.as_str()) {
            Some(found) => (found, needed.trim_end_matches('.')),
            None => (statement.as_str(), ""),
        };
        CriterionLine {
            verdict,
            title: self.case.words().outcome(id, verdict),
            found: plain(&lower(found.trim_end_matches('.'))),
            needed: needed.to_owned(),
            section: if verdict.is_not_met() { self.section(id) } else { String::new() },
        }
    }

    /// The criteria with a verdict, one per line. A line that both joints share appears once.
    fn items(&self, parts: &DetailParts<'_>, verdict: Verdict, room: Room) -> Vec<String> {
        let of_site = |site: &SiteLines<'_>| -> Vec<String> {
            site.lines.iter().filter(|line| line.verdict == verdict).map(|line| self.text(line, room)).collect()
        };
        let by_site: Vec<_> = parts.sites.iter().map(|site| (site.site, of_site(site))).collect();
        let mut lines: Vec<String> = Vec::new();
        for (site, own) in &by_site {
            for line in own {
                let is_of_all = by_site.iter().filter(|(_, lines)| lines.contains(line)).count() == self.case.order.sites.len();
                let line = if is_of_all {
                    line.clone()
                } else {
                    self.case.say(CardText::AtSite, &[&capitalised(&self.case.words().site(*site)), line])
                };
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        let more = lines.len().saturating_sub(room.lines);
        lines.truncate(room.lines);
        if more > 0 {
            lines.push(self.case.say(CardText::AndMore, &[&more]));
        }
        lines
    }

    fn text(&self, line: &CriterionLine<'_>, room: Room) -> String {
        let statement = line.statement(line.limit(room));
        let text = if statement.is_empty() { line.title.to_owned() } else { format!("{}: {statement}", line.title) };
        if line.verdict.is_not_met() { self.case.say(CardText::InSection, &[&text, &line.section]) } else { text }
    }

    /// The section number of the policy, without its text.
    fn section(&self, id: &CriterionId) -> String {
        let citation = self.case.policy.criterion(id).map_or(id.as_str(), |text| text.citation.as_str());
        lower(citation.split_once(':').map_or(citation, |(section, _)| section))
    }

    /// How many criteria are met, and which; per joint if they differ.
    fn met(&self, room: Room) -> Option<String> {
        let sites = self.sites();
        let met: Vec<_> = sites.iter().filter_map(|site| Some((site.site, self.met_at(site, room)?))).collect();
        let (_, first) = met.first()?;
        if met.len() == sites.len() && met.iter().all(|(_, other)| other == first) {
            return Some(format!("{first}."));
        }
        let of_site =
            |(site, met): &(Site, String)| self.case.say(CardText::MetAtSite, &[&capitalised(&self.case.words().site(*site)), &lower(met)]);
        Some(format!("{}.", met.iter().map(of_site).collect::<Vec<_>>().join(". ")))
    }

    fn met_at(&self, site: &SiteEvaluation<'_>, room: Room) -> Option<String> {
        let names = site.criteria.iter().filter(|criterion| criterion.verdict.is_met());
        let names: Vec<_> = names.filter_map(|criterion| Some(self.case.policy.criterion(&criterion.id)?.met.as_str())).collect();
        let (met, all) = (names.len(), site.criteria.len());
        if met == 0 {
            return None;
        }
        let count = if met == all { self.case.say(CardText::MetAll, &[&all]) } else { self.case.say(CardText::MetCount, &[&met, &all]) };
        Some(if room.names_met { format!("{count}: {}", names.join(", ")) } else { count })
    }

    fn list(&self, lines: impl IntoIterator<Item = String>) -> String {
        let mark = Marks::for_format(self.case.presentation.dialect.detail).item;
        lines.into_iter().map(|line| format!("{mark}{line}")).collect::<Vec<_>>().join("\n")
    }

    fn headed(&self, heading: CardText, lines: Vec<String>) -> Option<String> {
        let marks = Marks::for_format(self.case.presentation.dialect.detail);
        (!lines.is_empty()).then(|| format!("{}:{}{}", self.case.say(heading, &[]), marks.below_heading, self.list(lines)))
    }
}

/// The markers of a list.
struct Marks {
    below_heading: &'static str,
    item: &'static str,
}

impl Marks {
    fn for_format(format: DetailFormat) -> Self {
        match format {
            DetailFormat::Markdown => Self { below_heading: "\n\n", item: "- " },
            DetailFormat::Plain => Self { below_heading: "\n", item: "• " },
        }
    }
}

/// Lowercases the first letter of a sentence, unless it starts with an abbreviation or a code.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => with_first(first.to_lowercase(), letters.as_str()),
        _ => text.to_owned(),
    }
}
