//! Reads the criteria of `policy.toml`: resolves their numbers, and reports errors by line.
//! Not here: what they mean ([`super::rule`]), and the pathways ([`super::pathway_file`]).

use std::cell::RefCell;
use std::collections::BTreeSet;

use toml::Spanned;

use super::criterion_id::CriterionId;
use super::definition::{CriterionDefinition, Parameters, ResponseDefinition};
use super::form::Question;
use super::numbers::{Numbers, ThresholdsToml};
use super::policy_file::PolicyError;
use super::rule::{
    AbsentRule, AnswerRule, ContinuationRule, CountOf, CountRule, CriterionRule, FindingsRule, IntervalRule, MedicationRule, Mention,
    OnsetRule, OrderedAsRule, OtherTreatmentRule, PresentRule, RecurrenceRule, Remedy, ResponseRule, TherapyRule, Wait, YesNoText,
};
use super::rule_toml::{CountToml, CriterionToml, FindingsToml, IntervalToml, MentionToml, Number, ResponseToml, RuleToml};
use super::template::Template;
use super::value_sets::{Membership, ValueSet};

/// The value sets whose therapies are read from charts.
const THERAPIES: [ValueSet; 3] = [ValueSet::ConservativeTherapy, ValueSet::TherapySession, ValueSet::ActivityModification];

/// Where the rules of one policy are read: its text, its numbers, and the therapy that its cards can order.
pub(super) struct RuleSource<'t> {
    pub(super) file: &'t str,
    text: &'t str,
    thresholds: &'t ThresholdsToml,
    numbers: &'t Numbers,
    orderable: Membership,
    episode_gap_months: u32,
    used: RefCell<BTreeSet<&'t str>>,
}

impl<'t> RuleSource<'t> {
    pub(super) fn new(
        file: &'t str,
        text: &'t str,
        thresholds: &'t ThresholdsToml,
        numbers: &'t Numbers,
        orderable: Membership,
        parameters: &Parameters,
    ) -> Self {
        let episode_gap_months = parameters.episode_gap_months;
        Self { file, text, thresholds, numbers, orderable, episode_gap_months, used: RefCell::default() }
    }

    pub(super) fn fault<T>(&self, at: &Spanned<T>, problem: impl Into<String>) -> PolicyError {
        PolicyError::at(self.file, self.text, at.span().start, problem)
    }

    /// `[response]`.
    pub(super) fn response(&self, read: &ResponseToml) -> Result<ResponseDefinition, PolicyError> {
        Ok(ResponseDefinition { percent: self.percent(&read.percent)?, months: self.months(&read.months)? })
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
        if read.remedy == Remedy::Time && !rule.leaves().iter().any(|leaf| leaf.has_a_date()) {
            return Err(self.fault(&read.id, "`remedy` is \"time\", and nothing of its test depends on a date"));
        }
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

    /// Fails if a threshold decides nothing.
    pub(super) fn every_threshold_is_used(&self) -> Result<(), PolicyError> {
        match self.thresholds.iter().find(|(name, _)| !self.used.borrow().contains(name.as_str())) {
            Some((name, value)) => Err(self.fault(value, format!("`{name}` is not used by a criterion"))),
            None => Ok(()),
        }
    }

    fn mention(&self, read: &MentionToml) -> Result<Mention, PolicyError> {
        let text =
            Template::read(&self.numbers.fill(read.text.get_ref()), &["condition"]).map_err(|problem| self.fault(&read.text, problem))?;
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
            RuleToml::Not(read) => CriterionRule::Not(Box::new(self.negated(read, id)?)),
            RuleToml::Answer(read) => CriterionRule::Answer(AnswerRule {
                question: self.question(&read.question, Some("boolean"))?,
                met_by: read.met_by,
                texts: self.texts(&read.when_yes, &read.when_no)?,
            }),
            RuleToml::Findings(read) => CriterionRule::Findings(self.findings(read)?),
            RuleToml::OnsetDuration(read) => CriterionRule::OnsetDuration(OnsetRule {
                question: self.question(&read.question, Some("date"))?,
                months: self.months(&read.months)?,
                diagnoses: read.diagnoses.iter().map(|set| self.set(set)).collect::<Result<_, _>>()?,
            }),
            RuleToml::TherapyCourse(read) => {
                let therapy = self.therapy(&read.of)?;
                let can_be_ordered = self.orderable.has(therapy);
                let question = self.question(&read.question, Some("integer"))?;
                CriterionRule::TherapyCourse(TherapyRule { question, therapy, weeks: self.length(&read.weeks, "_weeks")?, can_be_ordered })
            }
            RuleToml::MedicationCourse(read) => {
                self.only(&read.of, ValueSet::Nsaid.id())?;
                let question = self.question(&read.question, Some("integer"))?;
                CriterionRule::MedicationCourse(MedicationRule { question, weeks: self.length(&read.weeks, "_weeks")? })
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
                months: read.months.as_ref().map(|months| self.months(months)).transpose()?,
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
                months: self.counted_months(read)?,
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
                months: self.months(&read.months)?,
                exception: self.question(&read.exception, Some("boolean"))?,
            }),
            RuleToml::OneProcedureAVisit => CriterionRule::OneProcedureAVisit,
            RuleToml::Performer => CriterionRule::Performer,
            RuleToml::Excluded => CriterionRule::Excluded,
            RuleToml::CompleteHistory => CriterionRule::CompleteHistory,
        })
    }

    fn negated(&self, read: &RuleToml, id: &Spanned<String>) -> Result<CriterionRule, PolicyError> {
        let part = self.rule(read, id, false)?;
        if part.can_be_negated() {
            return Ok(part);
        }
        Err(self.fault(id, "`not` cannot stand before what a chart alone can meet: a chart never denies"))
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

    /// The months of a count. Only the episode tells which injections are therapeutic, so such a window is no longer than its gap.
    fn counted_months(&self, read: &CountToml) -> Result<u32, PolicyError> {
        let months = self.months(&read.months)?;
        if read.of == CountOf::Therapeutic && months > self.episode_gap_months {
            let problem = format!(
                "{months} months are more than `episode_gap_months` ({}), and therapeutic injections are counted in the episode alone",
                self.episode_gap_months
            );
            return Err(self.fault(&read.months, problem));
        }
        Ok(months)
    }

    fn wait(&self, read: &IntervalToml) -> Result<Wait, PolicyError> {
        match (&read.days, &read.months) {
            (Some(days), None) => Ok(Wait::Days(self.length(days, "_days")?)),
            (None, Some(months)) => Ok(Wait::Months(self.months(months)?)),
            (Some(_), Some(_)) | (None, None) => Err(self.fault(&read.since, "an interval has either `days` or `months`")),
        }
    }

    fn texts(&self, yes: &Spanned<String>, no: &Spanned<String>) -> Result<YesNoText, PolicyError> {
        Ok(YesNoText { yes: self.words(yes)?, no: self.words(no)? })
    }

    /// A text with its numbers filled in.
    pub(super) fn words(&self, text: &Spanned<String>) -> Result<String, PolicyError> {
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

    /// The threshold that a rule names in braces.
    fn threshold(&self, name: &Number) -> Result<(&'t str, &'t Spanned<u32>), PolicyError> {
        let written = name.get_ref();
        let known = written.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).and_then(|name| self.thresholds.get_key_value(name));
        let (name, value) = known.ok_or_else(|| {
            let names: Vec<_> = self.thresholds.keys().map(String::as_str).collect();
            self.fault(name, format!("`{written}` is not the name of a threshold in braces; known: {}", names.join(", ")))
        })?;
        self.used.borrow_mut().insert(name);
        Ok((name, value))
    }

    fn months(&self, name: &Number) -> Result<u32, PolicyError> {
        self.length(name, "_months")
    }

    /// A length of time, whose threshold is named for its unit.
    fn length(&self, name: &Number, unit: &str) -> Result<u32, PolicyError> {
        self.within(self.in_unit(name, unit)?, 1, MAX_LENGTH)
    }

    fn percent(&self, name: &Number) -> Result<u32, PolicyError> {
        self.within(self.in_unit(name, "_percent")?, 1, 100)
    }

    fn count(&self, name: &Number) -> Result<usize, PolicyError> {
        self.within(self.threshold(name)?, 1, MAX_COUNT).map(|count| usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// A threshold whose name ends in a unit.
    fn in_unit(&self, name: &Number, unit: &str) -> Result<(&'t str, &'t Spanned<u32>), PolicyError> {
        match self.threshold(name)? {
            threshold if threshold.0.ends_with(unit) => Ok(threshold),
            (key, _) => Err(self.fault(name, format!("the name of the threshold that stands here ends in `{unit}`; `{key}` does not"))),
        }
    }

    /// The value of a threshold, which has to be within its bounds.
    fn within(&self, (name, threshold): (&str, &Spanned<u32>), least: u32, most: u32) -> Result<u32, PolicyError> {
        let value = *threshold.get_ref();
        if (least..=most).contains(&value) {
            return Ok(value);
        }
        Err(self.fault(threshold, format!("`{name}` is {value}; it has to be from {least} to {most}")))
    }
}

/// The longest time in any unit: a thousand days, weeks or months.
const MAX_LENGTH: u32 = 1000;

/// The largest count of injections or tests.
const MAX_COUNT: u32 = 100;
