//! Reads the criteria and pathways of `policy.toml`: resolves their numbers, and reports errors by line.
//! Not here: what they mean ([`super::rule`], [`super::pathway`]).

use std::cell::RefCell;
use std::collections::BTreeSet;

use toml::Spanned;

use super::criterion_id::CriterionId;
use super::definition::{CriterionDefinition, ResponseDefinition};
use super::form::Question;
use super::numbers::{Numbers, ThresholdsToml};
use super::pathway::{HistoryCondition, Pathway, UNDETERMINED};
use super::policy_file::PolicyError;
use super::reference::OrderKind;
use super::rule::{
    AbsentRule, AnswerRule, ContinuationRule, CountRule, CriterionRule, FindingsRule, IntervalRule, MedicationRule, Mention, OnsetRule,
    OrderedAsRule, OtherTreatmentRule, PresentRule, RecurrenceRule, ResponseRule, TherapyRule, Wait, YesNoText,
};
use super::rule_toml::{
    CriterionToml, FindingsToml, HelpedToml, IntervalToml, MentionToml, Number, OrderToml, PathwayToml, ResponseToml, RuleToml,
};
use super::template::Template;
use super::value_sets::{Membership, ValueSet};
use super::verdict::Verdict;

/// The value sets whose therapies are read from charts.
const THERAPIES: [ValueSet; 3] = [ValueSet::ConservativeTherapy, ValueSet::TherapySession, ValueSet::ActivityModification];

/// Where the rules of one policy are read: its text, its numbers, and the therapy that its cards can order.
pub(super) struct RuleSource<'t> {
    file: &'t str,
    text: &'t str,
    thresholds: &'t ThresholdsToml,
    numbers: &'t Numbers,
    orderable: Membership,
    used: RefCell<BTreeSet<String>>,
}

impl<'t> RuleSource<'t> {
    pub(super) fn new(file: &'t str, text: &'t str, thresholds: &'t ThresholdsToml, numbers: &'t Numbers, orderable: Membership) -> Self {
        Self { file, text, thresholds, numbers, orderable, used: RefCell::default() }
    }

    fn fault<T>(&self, at: &Spanned<T>, problem: impl Into<String>) -> PolicyError {
        PolicyError::at(self.file, self.text, at.span().start, problem)
    }

    /// `[response]`.
    pub(super) fn response(&self, read: &ResponseToml) -> Result<ResponseDefinition, PolicyError> {
        Ok(ResponseDefinition { percent: self.percent(&read.percent)?, months: self.above_zero(&read.months)? })
    }

    /// The criteria, in the file's order.
    pub(super) fn criteria(&self, read: &[CriterionToml]) -> Result<Vec<CriterionDefinition>, PolicyError> {
        let mut criteria: Vec<CriterionDefinition> = Vec::new();
        for criterion in read {
            let id = criterion.id.get_ref();
            if criteria.iter().any(|known| known.id.as_str() == id) {
                return Err(self.fault(&criterion.id, format!("criterion `{id}` stands twice")));
            }
            criteria.push(self.criterion(criterion)?);
        }
        Ok(criteria)
    }

    fn criterion(&self, read: &CriterionToml) -> Result<CriterionDefinition, PolicyError> {
        let rule = self.rule(&read.test, &read.id, true)?;
        let corrected_by = match &read.corrected_by {
            Some(question) => Some(self.question(question, None)?),
            None => rule.questions().first().copied(),
        };
        Ok(CriterionDefinition {
            id: CriterionId::from(read.id.get_ref().as_str()),
            title: self.words(&read.title)?,
            not_met: self.words(&read.not_met)?,
            met: self.words(&read.met)?,
            missing: read.missing.as_ref().map(|text| self.words(text)).transpose()?,
            citation: self.words(&read.citation)?,
            remedy: read.remedy,
            act: read.act.as_ref().map(|text| self.words(text)).transpose()?,
            corrected_by,
            mention: read.mention.as_ref().map(|mention| self.mention(mention)).transpose()?,
            lists: rule.lists(),
            rule,
        })
    }

    /// The pathways, in the file's order. Every criterion belongs to one, and every history has one.
    pub(super) fn pathways(
        &self,
        read: &[PathwayToml],
        criteria: &[CriterionDefinition],
        read_criteria: &[CriterionToml],
    ) -> Result<Vec<Pathway>, PolicyError> {
        let mut pathways: Vec<Pathway> = Vec::new();
        for pathway in read {
            let id = pathway.id.get_ref();
            if id == UNDETERMINED || pathways.iter().any(|known| known.id.as_str() == id) {
                let problem = format!("pathway `{id}` stands twice, or has the name of a history that is not available");
                return Err(self.fault(&pathway.id, problem));
            }
            pathways.push(self.pathway(pathway, criteria)?);
        }
        let is_used = |id: &str| pathways.iter().flat_map(|pathway| &pathway.criteria).any(|used| used.as_str() == id);
        if let Some(unused) = read_criteria.iter().find(|criterion| !is_used(criterion.id.get_ref())) {
            return Err(self.fault(&unused.id, format!("criterion `{}` belongs to no pathway", unused.id.get_ref())));
        }
        let without = || history_without(&pathways).map(|history| format!("no pathway is for {history}"));
        match (without(), read.first()) {
            (None, _) => Ok(pathways),
            (Some(problem), Some(first)) => Err(self.fault(&first.id, problem)),
            (Some(problem), None) => Err(PolicyError::of_file(self.file, problem)),
        }
    }

    fn pathway(&self, read: &PathwayToml, criteria: &[CriterionDefinition]) -> Result<Pathway, PolicyError> {
        let kind = match read.order {
            OrderToml::Injection => OrderKind::Injection,
            OrderToml::Neurotomy => OrderKind::Neurotomy,
        };
        let mut ids = Vec::new();
        for id in &read.criteria {
            let known = criteria.iter().find(|criterion| criterion.id.as_str() == id.get_ref());
            let known = known.ok_or_else(|| self.fault(id, format!("`{}` is not a criterion", id.get_ref())))?;
            if matches!(known.rule, CriterionRule::Excluded) != (kind == OrderKind::Neurotomy) {
                let problem =
                    format!("`{}` cannot be decided for such an order: a neurotomy is excluded, an injection is not", id.get_ref());
                return Err(self.fault(id, problem));
            }
            ids.push(known.id.clone());
        }
        let is_history =
            |id: &CriterionId| criteria.iter().any(|known| known.id == *id && matches!(known.rule, CriterionRule::CompleteHistory));
        if kind == OrderKind::Injection && !ids.iter().any(is_history) {
            return Err(self.fault(&read.id, "the pathway needs the criterion that every earlier injection is known"));
        }
        let helped = |helped| match helped {
            HelpedToml::Yes => Verdict::Met,
            HelpedToml::No => Verdict::NotMet,
            HelpedToml::Unknown => Verdict::Unknown,
        };
        Ok(Pathway {
            id: read.id.get_ref().as_str().into(),
            kind,
            title: read.title.clone(),
            judged_as: read.judged_as.clone(),
            criteria: ids,
            history: HistoryCondition {
                injections: read.injections,
                injections_from: read.injections_from,
                first_helped: read.first_helped.map(helped),
            },
        })
    }

    /// Fails if a threshold decides nothing.
    pub(super) fn every_threshold_is_used(&self) -> Result<(), PolicyError> {
        match self.thresholds.iter().find(|(name, _)| !self.used.borrow().contains(name.as_str())) {
            Some((name, value)) => Err(self.fault(value, format!("`{name}` is not used by a criterion"))),
            None => Ok(()),
        }
    }

    fn mention(&self, read: &MentionToml) -> Result<Mention, PolicyError> {
        let text = Template::read(read.text.get_ref(), &["condition"]).map_err(|problem| self.fault(&read.text, problem))?;
        Ok(Mention { conditions: self.set(&read.conditions)?, text, unless_met: read.unless_met })
    }

    fn rule(&self, read: &RuleToml, id: &Spanned<String>, is_whole: bool) -> Result<CriterionRule, PolicyError> {
        let parts = |parts: &[RuleToml]| match parts {
            [] => Err(self.fault(id, "a list of parts is empty")),
            parts => parts.iter().map(|part| self.rule(part, id, false)).collect::<Result<Vec<_>, _>>(),
        };
        Ok(match read {
            RuleToml::All(read) => CriterionRule::All(parts(read)?),
            RuleToml::Any(read) => CriterionRule::Any(parts(read)?),
            RuleToml::Not(read) => CriterionRule::Not(Box::new(self.rule(read, id, false)?)),
            RuleToml::Answer(read) => CriterionRule::Answer(AnswerRule {
                question: self.question(&read.question, Some("boolean"))?,
                met_by: read.met_by,
                texts: self.texts(&read.when_yes, &read.when_no)?,
            }),
            RuleToml::Findings(read) => CriterionRule::Findings(self.findings(read)?),
            RuleToml::OnsetDuration(read) => CriterionRule::OnsetDuration(OnsetRule {
                question: self.question(&read.question, Some("date"))?,
                months: self.above_zero(&read.months)?,
                diagnoses: read.diagnoses.iter().map(|set| self.set(set)).collect::<Result<_, _>>()?,
            }),
            RuleToml::TherapyCourse(read) => {
                let therapy = self.therapy(&read.of)?;
                let can_be_ordered = self.orderable.has(therapy);
                let question = self.question(&read.question, Some("integer"))?;
                CriterionRule::TherapyCourse(TherapyRule { question, therapy, weeks: self.above_zero(&read.weeks)?, can_be_ordered })
            }
            RuleToml::MedicationCourse(read) => {
                self.only(&read.of, ValueSet::Nsaid.id())?;
                let question = self.question(&read.question, Some("integer"))?;
                CriterionRule::MedicationCourse(MedicationRule { question, weeks: self.above_zero(&read.weeks)? })
            }
            RuleToml::ValueSetPresent(read) => {
                self.only(&read.allergies, ValueSet::NsaidAllergy.id())?;
                CriterionRule::ValueSetPresent(PresentRule {
                    question: self.question(&read.question, Some("boolean"))?,
                    conditions: self.set(&read.conditions)?,
                    texts: self.texts(&read.when_yes, &read.when_no)?,
                })
            }
            RuleToml::ValueSetAbsent(read) => {
                self.only(&read.words, "disc_or_facet")?;
                CriterionRule::ValueSetAbsent(AbsentRule {
                    question: self.question(&read.question, Some("boolean"))?,
                    conditions: self.set(&read.conditions)?,
                    texts: self.texts(&read.when_yes, &read.when_no)?,
                    none: self.words(&read.when_none)?,
                })
            }
            RuleToml::Response(read) => CriterionRule::Response(ResponseRule {
                of: read.of,
                percent: self.percent(&read.percent)?,
                months: read.months.as_ref().map(|months| self.above_zero(months)).transpose()?,
            }),
            RuleToml::Recurrence(read) => CriterionRule::Recurrence(RecurrenceRule {
                question: self.question(&read.question, Some("boolean"))?,
                percent: self.percent(&read.percent)?,
                texts: self.texts(&read.when_yes, &read.when_no)?,
            }),
            RuleToml::OtherTreatment(read) => {
                let therapy = self.therapy(&read.of)?;
                let can_be_ordered = self.orderable.has(therapy);
                CriterionRule::OtherTreatment(OtherTreatmentRule {
                    question: self.question(&read.question, Some("boolean"))?,
                    therapy,
                    can_be_ordered,
                })
            }
            RuleToml::Interval(read) => CriterionRule::Interval(IntervalRule { since: *read.since.get_ref(), wait: self.wait(read)? }),
            RuleToml::CountInWindow(read) => CriterionRule::CountInWindow(CountRule {
                of: read.of,
                fewer_than: self.count(&read.fewer_than)?,
                months: self.above_zero(&read.months)?,
            }),
            RuleToml::OrderedAs(read) => CriterionRule::OrderedAs(OrderedAsRule {
                codes: read.codes.iter().map(|set| self.set(set)).collect::<Result<_, _>>()?,
                texts: self.texts(&read.when_yes, &read.when_no)?,
            }),
            RuleToml::Continuation(_)
            | RuleToml::OneProcedureAVisit
            | RuleToml::Performer
            | RuleToml::Excluded
            | RuleToml::CompleteHistory
                if !is_whole =>
            {
                return Err(self.fault(id, "a limit of time, a rule on the visit, an exclusion and the complete history cannot be parts"));
            }
            RuleToml::Continuation(read) => CriterionRule::Continuation(ContinuationRule {
                months: self.above_zero(&read.months)?,
                exception: self.question(&read.exception, Some("boolean"))?,
            }),
            RuleToml::OneProcedureAVisit => CriterionRule::OneProcedureAVisit,
            RuleToml::Performer => CriterionRule::Performer,
            RuleToml::Excluded => CriterionRule::Excluded,
            RuleToml::CompleteHistory => CriterionRule::CompleteHistory,
        })
    }

    fn findings(&self, read: &FindingsToml) -> Result<FindingsRule, PolicyError> {
        let mut asked = Vec::new();
        for test in read.tests.get_ref() {
            let question = self.question(test, None)?;
            if !question.is_examination() || asked.contains(&question) {
                return Err(self.fault(test, format!("`{}` is not an examination of the joint, or stands twice", test.get_ref())));
            }
            asked.push(question);
        }
        let at_least = read.at_least.as_ref().map_or(Ok(1), |number| self.count(number))?;
        if at_least > asked.len() {
            let problem = format!("{at_least} positive tests are asked for, and there are {}", asked.len());
            return Err(read.at_least.as_ref().map_or_else(|| self.fault(&read.tests, &problem), |number| self.fault(number, &problem)));
        }
        let texts = match (&read.when_positive, &read.when_negative) {
            (Some(yes), Some(no)) => Some(self.texts(yes, no)?),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err(self.fault(&read.tests, "`when_positive` and `when_negative` belong together"));
            }
        };
        Ok(FindingsRule { tests: asked, at_least, texts })
    }

    fn wait(&self, read: &IntervalToml) -> Result<Wait, PolicyError> {
        match (&read.days, &read.months) {
            (Some(days), None) => Ok(Wait::Days(self.above_zero(days)?)),
            (None, Some(months)) => Ok(Wait::Months(self.above_zero(months)?)),
            (Some(_), Some(_)) | (None, None) => Err(self.fault(&read.since, "an interval has either `days` or `months`")),
        }
    }

    fn texts(&self, yes: &Spanned<String>, no: &Spanned<String>) -> Result<YesNoText, PolicyError> {
        Ok(YesNoText { yes: self.words(yes)?, no: self.words(no)? })
    }

    /// A text with its numbers filled in.
    fn words(&self, text: &Spanned<String>) -> Result<String, PolicyError> {
        let filled = self.numbers.fill(text.get_ref());
        Template::read(&filled, &[]).map_err(|problem| self.fault(text, problem))?;
        Ok(filled)
    }

    fn question(&self, link_id: &Spanned<String>, answer_type: Option<&str>) -> Result<Question, PolicyError> {
        let id = link_id.get_ref();
        let question = Question::from_link_id(id).ok_or_else(|| self.fault(link_id, format!("`{id}` is not a question of the form")))?;
        match answer_type {
            Some(wanted) if question.answer_type() != wanted => {
                Err(self.fault(link_id, format!("the answer to `{id}` is of type {}, and {wanted} is needed here", question.answer_type())))
            }
            Some(_) | None => Ok(question),
        }
    }

    fn set(&self, id: &Spanned<String>) -> Result<ValueSet, PolicyError> {
        ValueSet::from_id(id.get_ref()).ok_or_else(|| self.fault(id, format!("`{}` is not a value set", id.get_ref())))
    }

    fn therapy(&self, id: &Spanned<String>) -> Result<ValueSet, PolicyError> {
        let set = self.set(id)?;
        if THERAPIES.contains(&set) { Ok(set) } else { Err(self.fault(id, format!("`{}` is not a value set of therapies", id.get_ref()))) }
    }

    fn only(&self, id: &Spanned<String>, known: &str) -> Result<(), PolicyError> {
        if id.get_ref() == known { Ok(()) } else { Err(self.fault(id, format!("only `{known}` can stand here"))) }
    }

    /// The value of a threshold that a rule names in braces.
    fn number(&self, name: &Number) -> Result<u32, PolicyError> {
        let written = name.get_ref();
        let known = written.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).and_then(|name| self.thresholds.get_key_value(name));
        let (name, value) = known.ok_or_else(|| {
            let names: Vec<_> = self.thresholds.keys().map(String::as_str).collect();
            self.fault(name, format!("`{written}` is not the name of a threshold in braces; known: {}", names.join(", ")))
        })?;
        self.used.borrow_mut().insert(name.clone());
        Ok(*value.get_ref())
    }

    fn above_zero(&self, name: &Number) -> Result<u32, PolicyError> {
        self.within(name, 1, MAX_LENGTH)
    }

    fn count(&self, name: &Number) -> Result<usize, PolicyError> {
        self.within(name, 1, MAX_COUNT).map(|count| usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn percent(&self, name: &Number) -> Result<u32, PolicyError> {
        self.within(name, 1, 100)
    }

    /// A number within its bounds; what is wrong is told at the threshold.
    fn within(&self, name: &Number, least: u32, most: u32) -> Result<u32, PolicyError> {
        let value = self.number(name)?;
        if (least..=most).contains(&value) {
            return Ok(value);
        }
        let key = name.get_ref().trim_matches(['{', '}']);
        let problem = format!("`{key}` is {value}; it has to be from {least} to {most}");
        Err(self.thresholds.get(key).map_or_else(|| self.fault(name, &problem), |at| self.fault(at, &problem)))
    }
}

/// The longest time in any unit: a thousand days, weeks or months.
const MAX_LENGTH: u32 = 1000;

/// The largest count of injections or tests.
const MAX_COUNT: u32 = 100;

/// A history that no pathway is for, in words.
fn history_without(pathways: &[Pathway]) -> Option<String> {
    let of_kind = |kind| pathways.iter().filter(move |pathway| pathway.kind == kind);
    if of_kind(OrderKind::Neurotomy).next().is_none() {
        return Some("an order for radiofrequency neurotomy".to_owned());
    }
    let largest = of_kind(OrderKind::Injection).map(|pathway| pathway.history.largest()).max().unwrap_or_default();
    let helped = [
        (Verdict::Met, "it is known that it helped"),
        (Verdict::NotMet, "it is known that it did not help"),
        (Verdict::Unknown, "it is not known whether it helped"),
    ];
    let histories = (0..=largest + 1).flat_map(|number| helped.map(|(verdict, words)| (number, verdict, words)));
    let mut histories = histories.filter(|(number, verdict, _)| *number > 0 || *verdict == Verdict::Unknown);
    let (number, _, words) =
        histories.find(|(number, verdict, _)| !of_kind(OrderKind::Injection).any(|pathway| pathway.history.holds(*number, || *verdict)))?;
    Some(match number {
        0 => "a first injection".to_owned(),
        1 => format!("an order after 1 injection, of which {words}"),
        number => format!("an order after {number} injections, of whose first {words}"),
    })
}
