//! Formats a report as plain text: the decision and what to do, then the reasons by criterion.
//! The texts are the policy's (`cards.toml`). Not here: line layout ([`super::text_page`]).

use super::text_page::TextPage;
use crate::decision::Report;
use crate::evidence::{Kind, by_reason};
use crate::policy::{
    CardText, Criterion, DiagnosisSupport, Evidence, NoteKind, OrderWords, Policy, PriorInjection, SiteEvaluation, Verdict, begun_day,
    capitalised, each_once,
};

/// How many resources to name per criterion; the rest are only counted.
const MAX_EVIDENCE: usize = 5;

/// The complete text, at most 100 columns wide. Each order is in the words of its policy version.
pub(super) fn text(report: &Report<'_, '_>) -> String {
    let policy = report.call_policy();
    let mut page = TextPage::default();
    for order in &report.evaluation.orders {
        OrderText {
            words: OrderWords {
                policy: report.policy(order),
                order,
                is_one_of_several: report.evaluation.orders.len() > 1,
                today: begun_day(report.evaluation.as_of),
            },
            report,
        }
        .write(&mut page);
        page.gap();
    }
    if report.evaluation.orders.is_empty() {
        page.write(0, "", &policy.wording.card(CardText::NoOrder, &[]));
        page.gap();
    }
    notes(&mut page, report, policy);
    for policy in versions(report) {
        page.write(0, "", &policy.wording.card(CardText::Disclaimer, &[&policy.title, &policy.version]));
    }
    page.finish()
}

/// The policy versions that decided the orders, each once; that of the call as a whole if there is no order.
fn versions<'p>(report: &Report<'p, '_>) -> Vec<&'p Policy> {
    let mut versions: Vec<&Policy> = report.evaluation.orders.iter().map(|order| report.policy(order)).collect();
    versions.sort_by_key(|policy| (&policy.id, policy.effective_from));
    versions.dedup_by_key(|policy| (&policy.id, &policy.version));
    if versions.is_empty() { vec![report.call_policy()] } else { versions }
}

/// The notes on the whole call.
fn notes(page: &mut TextPage, report: &Report<'_, '_>, policy: &Policy) {
    let say = |text, arguments: &[&dyn std::fmt::Display]| policy.wording.card(text, arguments);
    let unread = by_reason(report.sources, Kind::ALL).into_iter().map(|(reason, kinds)| {
        let types: Vec<_> = kinds.into_iter().map(Kind::resource_type).collect();
        say(CardText::Unavailable, &[&types.join(", "), &reason])
    });
    let entries = report.unreadable.iter().map(|entry| say(CardText::UnreadableEntry, &[&entry.resource, &entry.problem]));
    let lines: Vec<String> = unread.chain(entries).collect();
    list(page, 0, &say(CardText::CallNotes, &[]), &lines);
    if !lines.is_empty() {
        page.gap();
    }
}

/// A heading and its lines; nothing if there are no lines.
fn list(page: &mut TextPage, indent: usize, heading: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    page.write(indent, "", &format!("{heading}:"));
    for line in lines {
        page.write(indent + 2, "- ", line);
    }
}

/// The text of one order.
struct OrderText<'w, 'p, 'a> {
    words: OrderWords<'p, 'w, 'a>,
    report: &'w Report<'w, 'a>,
}

impl<'a> OrderText<'_, '_, 'a> {
    fn say(&self, text: CardText, arguments: &[&dyn std::fmt::Display]) -> String {
        self.words.say(text, arguments)
    }

    fn write(&self, page: &mut TextPage) {
        let order = self.words.order;
        let evaluation = self.report.evaluation;
        let arguments = self.words.arguments();
        let texts = self.words.texts();
        page.write(0, "", &texts.map(|texts| texts.summary(&arguments)).unwrap_or_default());
        page.rule();
        let as_of = evaluation.as_of.format("%Y-%m-%d");
        page.write(0, "", &self.say(CardText::OrderDates, &[&order.service_date, &evaluation.patient, &as_of, &order.order]));
        for note in self.words.plan_notes(evaluation.plan) {
            page.write(0, "", note);
        }
        page.write(0, "", &texts.map(|texts| texts.lead(&arguments)).unwrap_or_default());
        page.write(0, "", &self.say(CardText::Next, &[&texts.map(|texts| texts.next(&arguments)).unwrap_or_default()]));
        if order.sites.iter().any(|site| !site.criteria.is_empty()) {
            page.gap();
            page.write(0, "", &self.say(CardText::Legend, &[]));
        }
        for site in &order.sites {
            page.gap();
            self.write_site(page, site);
        }
        page.gap();
        list(page, 0, &self.say(CardText::Notes, &[]), &self.notes());
    }

    fn write_site(&self, page: &mut TextPage, site: &SiteEvaluation<'a>) {
        let heading = [&self.words.site(site.site), &self.words.pathway(&site.pathway), &self.words.site_determination(site)];
        page.write(0, "", &capitalised(&self.say(CardText::Joint, &heading.map(|part| part as &dyn std::fmt::Display))));
        let earlier: Vec<_> = site.prior_injections.iter().map(|injection| self.earlier(injection)).collect();
        list(page, 2, &self.say(CardText::Earlier, &[]), &earlier);
        for criterion in &site.criteria {
            self.write_criterion(page, criterion);
        }
        list(page, 2, &self.say(CardText::ToDocument, &[]), &self.to_document(site));
    }

    fn write_criterion(&self, page: &mut TextPage, criterion: &Criterion<'a>) {
        let mark = match criterion.verdict {
            Verdict::Met => "✓ ",
            Verdict::NotMet => "✗ ",
            Verdict::Unknown => "? ",
        };
        page.write(2, mark, &format!("{} {}", criterion.id.as_str(), self.words.title(&criterion.id)));
        page.write(4, "", &criterion.statement);
        let lines = evidence_lines(&criterion.evidence);
        for line in lines.iter().take(MAX_EVIDENCE) {
            page.write(4, "- ", line);
        }
        let more = lines.len().saturating_sub(MAX_EVIDENCE);
        if more > 0 {
            page.write(4, "- ", &self.say(CardText::AndMore, &[&more]));
        }
    }

    fn earlier(&self, injection: &PriorInjection<'a>) -> String {
        let improved = self.words.improved(injection);
        let sustained = self.words.sustained(injection);
        let date = injection.date.clone().unwrap_or_else(|| self.say(CardText::UndatedInjection, &[]));
        self.say(CardText::EarlierInjection, &[&date, &injection.resource, &improved, &sustained])
    }

    /// What would settle the joint's open criteria, without duplicates.
    fn to_document(&self, site: &SiteEvaluation<'a>) -> Vec<String> {
        let missing = site.criteria.iter().flat_map(|criterion| &criterion.missing);
        each_once(missing.map(|question| self.words.policy.wording.ask(*question).to_owned()))
    }

    /// Notes on what could change the decision, then the diagnosis, coding notes and assumptions.
    fn notes(&self) -> Vec<String> {
        let order = self.words.order;
        let diagnosis = match order.diagnosis {
            DiagnosisSupport::OnOrder => self.say(CardText::DiagnosisOnOrder, &[]),
            DiagnosisSupport::OnProblemList => self.words.diagnosis_on_problem_list(str::to_owned),
            DiagnosisSupport::NotFound => self.say(CardText::DiagnosisNotFoundListed, &[&self.say(CardText::ListedDiagnoses, &[])]),
            DiagnosisSupport::Unavailable => self.say(CardText::DiagnosisUnavailable, &[]),
        };
        let assumed = |assumption: &crate::policy::Assumption| {
            self.say(CardText::Assumed, &[&assumption.effect, &assumption.parameter, &assumption.value])
        };
        let coding = order.coding_notes.iter().map(|note| format!("{note}."));
        // An unreadable order's problem already appears as a step to take, and its diagnosis is unknown.
        let notes = order.notes.iter().filter(|note| note.kind != NoteKind::OrderUnreadable).map(|note| note.text.clone());
        let diagnosis = (!order.sites.is_empty()).then_some(diagnosis);
        notes.chain(diagnosis).chain(coding).chain(order.assumptions.iter().map(assumed)).collect()
    }
}

/// One line per resource: its date, its findings and its id.
fn evidence_lines(evidence: &[Evidence<'_>]) -> Vec<String> {
    let alike = |left: &Evidence<'_>, right: &Evidence<'_>| left.resource == right.resource && left.date == right.date;
    let line = |group: &[Evidence<'_>]| {
        let first = group.first()?;
        let shown: Vec<_> = group.iter().map(|evidence| evidence.what.as_str()).collect();
        let date = first.date.as_ref().map(|date| format!("{date}: ")).unwrap_or_default();
        // The date identifies the entry, so the id is noise.
        let which = if date.is_empty() { format!(" ({})", first.resource) } else { String::new() };
        Some(format!("{date}{}{which}", shown.join("; ")))
    };
    evidence.chunk_by(alike).filter_map(line).collect()
}
