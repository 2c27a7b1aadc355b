//! The detail of a card: what the order is judged as and what to do next, then what could change it, what is not met and what is
//! missing, and what is met in one line. Short lines and lists alone, no tables and no HTML: as GitHub Markdown, or in the same words as
//! plain text, whose lists are seen even where line breaks are lost.

use chrono::NaiveDate;
use serde_json::Value;

use super::card::{CardCase, answer_place};
use super::dialect::DetailFormat;
use super::order_json::OrderJson;
use super::plain_text::plain;
use super::suggestions::Offer;
use crate::policy::{
    CardText, Criterion, CriterionId, Determination, DiagnosisSupport, NoteKind, OutcomeKind, Phrase, SiteEvaluation, Verdict, capitalised,
    shortened,
};

/// A card is read in seconds, and a panel is not taller. The whole evaluation stands in the record.
const MAX_DETAIL_CHARS: usize = 1200;
/// Of these, what line breaks and the words before what is offered may take. How much is said does not depend on the client's layout.
const LAYOUT_CHARS: usize = 80;

/// How much a detail says, in characters and entries.
#[derive(Clone, Copy, Debug)]
struct Room {
    /// Of a criterion's statement.
    statement: usize,
    /// Of a note.
    note: usize,
    /// Notes.
    notes: usize,
    /// Lines of a list.
    lines: usize,
    /// Whether what is met is named.
    names_met: bool,
}

/// Less and less: evidence, the names of what is met, then notes; never the decision and what to do.
const ROOMS: [Room; 6] = [
    Room { statement: 240, note: 300, notes: 12, lines: 26, names_met: true },
    Room { statement: 120, note: 200, notes: 8, lines: 26, names_met: true },
    Room { statement: 120, note: 200, notes: 8, lines: 26, names_met: false },
    Room { statement: 60, note: 160, notes: 5, lines: 16, names_met: false },
    Room { statement: 0, note: 120, notes: 3, lines: 10, names_met: false },
    Room { statement: 0, note: 90, notes: 2, lines: 5, names_met: false },
];

/// The system of the diagnoses a policy lists.
const ICD_10_CM: &str = "http://hl7.org/fhir/sid/icd-10-cm";

/// Codes of an order that a note names.
const MAX_CODES: usize = 4;

/// The whole detail, with what is offered, for a client that shows the text alone.
pub(super) fn detail(case: &CardCase<'_, '_, '_>, offer: &Offer<'_>) -> String {
    let mut last = String::new();
    for room in ROOMS {
        let Written { text, layout } = Detail { case, offer, room }.written();
        if text.chars().count() - layout <= MAX_DETAIL_CHARS - LAYOUT_CHARS {
            return text;
        }
        last = text;
    }
    last
}

/// A detail as it is written.
struct Written {
    text: String,
    /// The characters of it that are layout.
    layout: usize,
}

struct Detail<'d, 'c, 'p, 'e, 'a> {
    case: &'d CardCase<'p, 'e, 'a>,
    offer: &'d Offer<'c>,
    room: Room,
}

impl Detail<'_, '_, '_, '_, '_> {
    fn written(&self) -> Written {
        let notes = self.list(self.notes());
        let (next, offers) = self.next(&notes);
        let mut paragraphs: Vec<String> = self.plan_notes();
        paragraphs.push(self.judged_as());
        paragraphs.push(next);
        paragraphs.push(notes);
        paragraphs.extend(self.headed(CardText::NotMetHeading, self.items(Verdict::NotMet)));
        if !self.case.is_choosing() {
            paragraphs.extend(self.headed(CardText::Missing, self.items(Verdict::Unknown)));
        }
        paragraphs.extend(self.met());
        paragraphs.push(self.case.say(CardText::Disclaimer, &[&self.case.policy.title, &self.case.policy.version]));
        paragraphs.retain(|paragraph| !paragraph.is_empty());
        let text = paragraphs.join("\n\n");
        let layout = text.chars().filter(|letter| *letter == '\n').count() + offers;
        Written { text, layout }
    }

    /// What takes precedence over the policy.
    fn plan_notes(&self) -> Vec<String> {
        self.case.words().plan_notes(self.case.evaluation.plan).into_iter().map(plain).collect()
    }

    /// What it is judged as; which order, where it could be taken for another (CRD 2.2.1, dev-24).
    fn judged_as(&self) -> String {
        let case = self.case;
        let words = case.words();
        let date = case.order.service_date;
        let outcome = self.outcome();
        let judged = if matches!(outcome, OutcomeKind::Indeterminate | OutcomeKind::OrderUnreadable) {
            // Nothing is judged.
            String::new()
        } else if outcome == OutcomeKind::HistoryOpen {
            case.say(CardText::JudgedAsFarAsKnown, &[&words.judged_as(), &date])
        } else if words.is_one_of_several {
            // The order is named with its day.
            case.say(CardText::JudgedAsWhat, &[&words.judged_as()])
        } else {
            case.say(CardText::JudgedAs, &[&words.judged_as(), &date])
        };
        let is_one_of_several = case.evaluation.orders.len() > 1 || case.presentation.orders.len() > 1;
        if is_one_of_several { case.say(CardText::AboutOrder, &[&words.order(), &judged]).trim_end().to_owned() } else { judged }
    }

    fn outcome(&self) -> OutcomeKind {
        self.case.words().outcome_kind(Some(self.today()))
    }

    fn today(&self) -> NaiveDate {
        self.case.evaluation.as_of.date_naive()
    }

    /// What is to be done, with whatever is offered that the text does not name otherwise (CRD 2.2.1, resp-11); and how many characters it
    /// takes to say how that is done.
    fn next(&self, notes: &str) -> (String, usize) {
        let case = self.case;
        let mut sentences: Vec<String> = Vec::new();
        // While orders are being chosen nothing is asked for that a reviewer would want to see.
        if !(case.is_choosing() && case.order.determination == Determination::IndividualConsideration) {
            let words = case.words();
            let place = answer_place(case);
            sentences.extend(words.texts_on(self.today()).map(|texts| plain(&texts.next(&words.arguments_with(place)))));
        }
        sentences.extend(self.also_document());
        sentences.extend(self.state_side());
        let said = format!("{} {notes}", sentences.join(" ")).to_lowercase();
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
        (sentences.join(" "), around)
    }

    /// A move or a removal alone does not settle what is still to be documented.
    fn also_document(&self) -> Option<String> {
        let case = self.case;
        let open = case.order.determination == Determination::NotYet && case.has_unknown() && !case.is_choosing();
        open.then(|| case.say(CardText::AlsoDocument, &[&answer_place(case)]))
    }

    fn state_side(&self) -> Option<String> {
        self.case.lacks_side().then(|| self.case.say(CardText::StateSide, &[]))
    }

    /// What could change it or has to be known, the most urgent first.
    fn notes(&self) -> Vec<String> {
        let case = self.case;
        let order = case.order;
        // While orders are being chosen nothing is said of documentation; what is wrong with the order is said as what to do next.
        let is_shown = |kind: NoteKind| kind != NoteKind::OrderUnreadable && !(case.is_choosing() && kind == NoteKind::FormNotCounted);
        let of_order = order.notes.iter().filter(|note| is_shown(note.kind)).map(|note| plain(&note.text));
        let is_contradictory = order.notes.iter().any(|note| note.kind == NoteKind::ContradictorySide);
        let side = (case.lacks_side() && !is_contradictory).then(|| case.say(CardText::SideNotStated, &[]));
        let sources = case.presentation.unavailable.iter().map(|(reason, lists)| {
            let names: Vec<_> = lists.iter().map(|list| case.policy.wording.source(list)).collect();
            case.say(CardText::SourceUnavailable, &[&names.join(", "), reason])
        });
        let unreadable = case.presentation.unreadable;
        let entries = (unreadable > 0 && !order.sites.is_empty()).then(|| case.say(CardText::UnreadableEntries, &[&unreadable]));
        let coverage = case.presentation.coverage_note.map(plain);
        let coding = order.coding_notes.iter().map(|note| format!("{}.", plain(note)));
        let notes = side.into_iter().chain(of_order).chain(sources).chain(self.diagnosis()).chain(coverage).chain(entries).chain(coding);
        notes.take(self.room.notes).map(|note| shortened(&note, self.room.note)).collect()
    }

    /// Whether the diagnosis is listed. It changes no determination, so it is nothing to say where the policy does not cover.
    fn diagnosis(&self) -> Option<String> {
        let case = self.case;
        if case.order.determination == Determination::NotSupported || case.order.sites.is_empty() {
            return None;
        }
        match case.order.diagnosis {
            DiagnosisSupport::OnOrder => None,
            DiagnosisSupport::OnProblemList => Some(case.words().diagnosis_on_problem_list(plain)),
            DiagnosisSupport::NotFound => Some(self.diagnosis_not_found()),
            DiagnosisSupport::Unavailable => Some(case.say(CardText::DiagnosisUnavailable, &[])),
        }
    }

    /// The codes the order has and those the policy lists.
    fn diagnosis_not_found(&self) -> String {
        let case = self.case;
        let listed = case.say(CardText::ListedDiagnoses, &[]);
        let reasons = reason_codes(case);
        let codes: Vec<_> = reasons.iter().take(MAX_CODES).map(|(_, code)| plain(code)).collect();
        let is_icd_10_cm = |(system, _): &(String, String)| case.policy.value_sets.is_same_system(system, ICD_10_CM);
        match reasons.as_slice() {
            [] => case.say(CardText::DiagnosisNotFoundListed, &[&listed]),
            reasons if reasons.iter().any(is_icd_10_cm) => case.say(CardText::DiagnosisNotListed, &[&codes.join(", "), &listed]),
            [_, ..] => case.say(CardText::DiagnosisNotIcd10Cm, &[&codes.join(", "), &listed]),
        }
    }

    /// The joints that are spoken of. One that lacks documentation alone is left out while orders are chosen.
    fn sites(&self) -> Vec<&SiteEvaluation<'_>> {
        let is_left_out = |site: &SiteEvaluation<'_>| self.case.is_choosing() && site.determination == Determination::NeedsDocumentation;
        self.case.order.sites.iter().filter(|site| !is_left_out(site)).collect()
    }

    /// The criteria with a verdict, each a line. What is the same of both joints stands once.
    fn items(&self, verdict: Verdict) -> Vec<String> {
        let lines_of = |site: &SiteEvaluation<'_>| -> Vec<String> {
            let own = site.criteria.iter().filter(|criterion| criterion.verdict == verdict && !self.is_said(criterion));
            own.map(|criterion| self.line(criterion)).collect()
        };
        let by_site: Vec<_> = self.sites().into_iter().map(|site| (site, lines_of(site))).collect();
        let mut lines: Vec<String> = Vec::new();
        for (site, own) in &by_site {
            for line in own {
                let is_of_all = by_site.iter().filter(|(_, lines)| lines.contains(line)).count() == self.case.order.sites.len();
                let line = if is_of_all {
                    line.clone()
                } else {
                    self.case.say(CardText::AtSite, &[&capitalised(&self.case.words().site(site.site)), line])
                };
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        let more = lines.len().saturating_sub(self.room.lines);
        lines.truncate(self.room.lines);
        if more > 0 {
            lines.push(self.case.say(CardText::AndMore, &[&more]));
        }
        lines
    }

    /// The entries that may be earlier injections are asked about as what to do next.
    fn is_said(&self, criterion: &Criterion<'_>) -> bool {
        self.outcome() == OutcomeKind::HistoryOpen && criterion.id == CriterionId::HistoryKnown
    }

    fn line(&self, criterion: &Criterion<'_>) -> String {
        let title = self.case.words().outcome(criterion.id, criterion.verdict);
        let statement = self.statement(criterion);
        let line = if statement.is_empty() { title.to_owned() } else { format!("{title}: {statement}") };
        if criterion.verdict.is_not_met() { self.case.say(CardText::InSection, &[&line, &self.section(criterion.id)]) } else { line }
    }

    /// What was found, and behind it what is still needed: a long finding does not push that out.
    fn statement(&self, criterion: &Criterion<'_>) -> String {
        if self.room.statement == 0 {
            return String::new();
        }
        let wording = &self.case.policy.wording;
        let asks: Vec<_> = criterion.missing.iter().map(|question| wording.ask(*question)).collect();
        let needed = format!(" {}.", capitalised(&wording.say(Phrase::StillNeeded, &[&asks.join(", ")])));
        let (found, needed) = match criterion.statement.strip_suffix(needed.as_str()) {
            Some(found) => (found, needed.trim_end_matches('.')),
            None => (criterion.statement.as_str(), ""),
        };
        let found = shortened(&plain(&lower(found.trim_end_matches('.'))), self.room.statement);
        let stop = if needed.is_empty() { "" } else { "." };
        format!("{found}{stop}{}", shortened(needed, self.room.statement))
    }

    /// The section of the policy, without its sentence.
    fn section(&self, id: CriterionId) -> String {
        let citation = self.case.policy.criterion(id).map_or(id.as_str(), |text| text.citation.as_str());
        lower(citation.split_once(':').map_or(citation, |(section, _)| section))
    }

    /// How many criteria are met, and which; each joint for itself where they differ.
    fn met(&self) -> Option<String> {
        let sites = self.sites();
        let lines: Vec<String> = sites.iter().filter_map(|site| self.met_at(site)).collect();
        match (lines.as_slice(), sites.as_slice()) {
            ([], _) => None,
            ([first, others @ ..], _) if others.iter().all(|other| other == first) && sites.len() == lines.len() => {
                Some(format!("{first}."))
            }
            _ => {
                let told = sites.iter().filter_map(|site| {
                    let met = lower(&self.met_at(site)?);
                    Some(self.case.say(CardText::MetAtSite, &[&capitalised(&self.case.words().site(site.site)), &met]))
                });
                Some(format!("{}.", told.collect::<Vec<_>>().join(". ")))
            }
        }
    }

    fn met_at(&self, site: &SiteEvaluation<'_>) -> Option<String> {
        let names = site.criteria.iter().filter(|criterion| criterion.verdict.is_met());
        let names: Vec<_> = names.map(|criterion| self.case.policy.wording.met_name(criterion.id)).collect();
        let (met, all) = (names.len(), site.criteria.len());
        if met == 0 {
            return None;
        }
        let count = if met == all { self.case.say(CardText::MetAll, &[&all]) } else { self.case.say(CardText::MetCount, &[&met, &all]) };
        Some(if self.room.names_met { format!("{count}: {}", names.join(", ")) } else { count })
    }

    fn list(&self, lines: Vec<String>) -> String {
        let mark = Marks::for_format(self.case.presentation.dialect.detail).item;
        lines.into_iter().map(|line| format!("{mark}{line}")).collect::<Vec<_>>().join("\n")
    }

    fn headed(&self, heading: CardText, lines: Vec<String>) -> Option<String> {
        let marks = Marks::for_format(self.case.presentation.dialect.detail);
        (!lines.is_empty()).then(|| format!("{}:{}{}", self.case.say(heading, &[]), marks.below_heading, self.list(lines)))
    }
}

/// What a list is made of.
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

/// System and code of each reason that the order itself gives.
fn reason_codes(case: &CardCase<'_, '_, '_>) -> Vec<(String, String)> {
    let order = case.presentation.order(case.order.position).and_then(OrderJson::read);
    let reasons = order.and_then(|order| serde_json::from_str::<Value>(order.get("reasonCode")?).ok());
    let codings = reasons.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(|reason| reason.get("coding")?.as_array());
    let text = |coding: &Value, name: &str| coding.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let codes = codings.flatten().map(|coding| (text(coding, "system"), text(coding, "code")));
    codes.filter(|(_, code)| !code.is_empty()).collect()
}

/// Without the capital that begins a sentence; an abbreviation or a code keeps its own.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}
