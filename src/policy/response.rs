//! The response to an injection: relief, its duration, and function. The form takes precedence;
//! pain scores prove relief but never disprove it.

use chrono::NaiveDate;

use super::case::{Answered, SiteCase, evidence};
use super::dates::{minus_days, plus_months};
use super::evaluation::Evidence;
use super::facts::PainScore;
use super::form::{Question, ReportedInjection};
use super::history::Injection;
use super::phrases::Phrase;
use super::verdict::Verdict;

/// A verdict on an injection, with its evidence and the questions that would settle it.
#[derive(Clone, Debug)]
pub(crate) struct InjectionResponse<'a> {
    pub verdict: Verdict,
    pub found: Vec<String>,
    pub evidence: Vec<Evidence<'a>>,
    pub missing: Vec<Question>,
    /// Whether pain scores decided it, and so the baseline window.
    pub by_scores: bool,
}

impl<'a> InjectionResponse<'a> {
    fn new(verdict: Verdict, found: Option<String>, evidence: Vec<Evidence<'a>>, question: Question) -> Self {
        let missing = if verdict.is_unknown() { vec![question] } else { Vec::new() };
        Self { verdict, found: found.into_iter().collect(), evidence, missing, by_scores: false }
    }

    fn and(mut self, other: Self) -> Self {
        self.verdict = self.verdict.and(other.verdict);
        self.found.extend(other.found);
        self.evidence.extend(other.evidence.into_iter().filter(|new| !self.evidence.contains(new)).collect::<Vec<_>>());
        self.missing.extend(other.missing);
        self.by_scores |= other.by_scores;
        self
    }
}

/// The newest form's answer to a question about an injection.
fn answer<'e, 'a, T>(
    case: &SiteCase<'e, 'a>,
    injection: &Injection<'e, 'a>,
    read: impl Fn(&ReportedInjection) -> Option<T>,
) -> Option<Answered<'e, 'a, T>> {
    let mut of_site = injection.answers.iter().filter(|answer| answer.answer.side.compatible(case.site.side()));
    of_site.find_map(|answer| Some(Answered { value: read(answer.answer)?, form: answer.form }))
}

/// The percent of relief that a form states for an injection.
pub(crate) fn stated_relief(case: &SiteCase<'_, '_>, injection: &Injection<'_, '_>) -> Option<f64> {
    answer(case, injection, |answer| answer.relief_percent).map(|answer| answer.value)
}

/// The pain scores before and after an injection.
struct Scores<'e, 'a> {
    baseline: &'e PainScore<'a>,
    follow_ups: Vec<&'e PainScore<'a>>,
    relief_percent: u32,
}

impl<'e, 'a> Scores<'e, 'a> {
    fn is_relieved(&self, follow_up: &PainScore<'_>) -> bool {
        // Scores in millimetres were divided by 10; the tolerance absorbs the rounding error.
        (self.baseline.score - follow_up.score) * 100.0 >= f64::from(self.relief_percent) * self.baseline.score - 1e-9
    }

    fn percent(&self, follow_up: &PainScore<'_>) -> f64 {
        ((self.baseline.score - follow_up.score) / self.baseline.score * 100.0).round()
    }

    /// The lowest score after the injection.
    fn best(&self) -> Option<&'e PainScore<'a>> {
        self.follow_ups.iter().copied().min_by(|left, right| left.score.total_cmp(&right.score))
    }
}

/// Whether the injection at `place` of the episode relieved at least `needed` percent of the pain.
pub(crate) fn improved<'a>(case: &SiteCase<'_, 'a>, place: usize, needed: u32) -> InjectionResponse<'a> {
    let Some(injection) = case.injections.get(place) else {
        return InjectionResponse::new(Verdict::Unknown, None, Vec::new(), Question::ReliefPercent);
    };
    if let Some(Answered { value: percent, form }) = answer(case, injection, |answer| answer.relief_percent) {
        let verdict = Verdict::from_bool(percent >= f64::from(needed));
        let found = case.say(Phrase::ReliefByForm, &[&percent, &injection.when]);
        let evidence = vec![case.injection_answer_evidence(form, Question::ReliefPercent, injection, &percent)];
        return InjectionResponse::new(verdict, Some(found), evidence, Question::ReliefPercent);
    }
    if let Some(scores) = scores(case, injection, place, needed) {
        return improved_by_scores(case, injection, &scores);
    }
    let found = case.say(Phrase::ReliefUnknown, &[&injection.when]);
    InjectionResponse::new(Verdict::Unknown, Some(found), injection_evidence(case, injection), Question::ReliefPercent)
}

/// Whether the first injection of the episode helped, as the policy defines help.
pub(crate) fn helped_first(case: &SiteCase<'_, '_>) -> Verdict {
    improved(case, 0, case.policy.response.percent).verdict
}

fn improved_by_scores<'a>(case: &SiteCase<'_, 'a>, injection: &Injection<'_, 'a>, scores: &Scores<'_, 'a>) -> InjectionResponse<'a> {
    let best = scores.best();
    let relieved = best.filter(|best| scores.is_relieved(best));
    let unknown = || case.say(Phrase::ReliefUnknown, &[&injection.when]);
    let found = best.map_or_else(unknown, |best| relief_words(case, injection, scores, best));
    let shown = relieved.map_or_else(|| scores.follow_ups.clone(), |best| vec![best]);
    let evidence = std::iter::once(scores.baseline).chain(shown).map(|score| score_evidence(case, score)).collect();
    let verdict = if relieved.is_some() { Verdict::Met } else { Verdict::Unknown };
    InjectionResponse { by_scores: relieved.is_some(), ..InjectionResponse::new(verdict, Some(found), evidence, Question::ReliefPercent) }
}

/// The text that compares the best score after an injection with the baseline.
fn relief_words(case: &SiteCase<'_, '_>, injection: &Injection<'_, '_>, scores: &Scores<'_, '_>, best: &PainScore<'_>) -> String {
    if scores.is_relieved(best) {
        case.say(Phrase::ReliefByScores, &[&scores.percent(best), &injection.when, &scores.baseline.score, &best.score])
    } else {
        case.say(Phrase::ReliefOpenByScores, &[&injection.when, &scores.baseline.score, &best.score, &scores.relief_percent])
    }
}

/// Whether the injection at `place` gave relief of `percent` for `months` months with better function.
pub(crate) fn sustained<'a>(case: &SiteCase<'_, 'a>, place: usize, percent: u32, months: u32) -> InjectionResponse<'a> {
    improved(case, place, percent).and(lasted(case, place, percent, months)).and(function(case, place))
}

fn lasted<'a>(case: &SiteCase<'_, 'a>, place: usize, percent: u32, needed: u32) -> InjectionResponse<'a> {
    let unknown = InjectionResponse::new(Verdict::Unknown, None, Vec::new(), Question::ReliefDurationMonths);
    let Some(injection) = case.injections.get(place) else { return unknown };
    if let Some(Answered { value: months, form }) = answer(case, injection, |answer| answer.relief_months) {
        let can_be_known = plus_months(injection.when.lo(), needed) <= form.authored_on;
        let verdict = match months >= f64::from(needed) {
            false => Verdict::NotMet,
            true if can_be_known => Verdict::Met,
            true => Verdict::Unknown,
        };
        let phrase = if verdict.is_unknown() { Phrase::DurationTooEarly } else { Phrase::DurationByForm };
        let found = case.say(phrase, &[&months, &injection.when]);
        let evidence = vec![case.injection_answer_evidence(form, Question::ReliefDurationMonths, injection, &months)];
        return InjectionResponse::new(verdict, Some(found), evidence, Question::ReliefDurationMonths);
    }
    let Some(scores) = scores(case, injection, place, percent) else { return unknown };
    let Some(held) = held_at(&scores, plus_months(injection.when.hi(), needed)) else { return unknown };
    let evidence = vec![score_evidence(case, scores.baseline), score_evidence(case, held)];
    let found = case.say(Phrase::DurationByScores, &[&held.date]);
    InjectionResponse { by_scores: true, ..InjectionResponse::new(Verdict::Met, Some(found), evidence, Question::ReliefDurationMonths) }
}

/// The first score on or after `day`, if it and every earlier follow-up score show the relief.
fn held_at<'e, 'a>(scores: &Scores<'e, 'a>, day: NaiveDate) -> Option<&'e PainScore<'a>> {
    let place = scores.follow_ups.iter().position(|score| score.date >= day)?;
    let until = scores.follow_ups.get(..=place)?;
    until.iter().all(|score| scores.is_relieved(score)).then(|| until.last().copied()).flatten()
}

fn function<'a>(case: &SiteCase<'_, 'a>, place: usize) -> InjectionResponse<'a> {
    let injection = case.injections.get(place);
    let answered = injection.and_then(|injection| Some((injection, answer(case, injection, |answer| answer.functional_improvement)?)));
    let Some((injection, Answered { value: better, form })) = answered else {
        return InjectionResponse::new(Verdict::Unknown, None, Vec::new(), Question::FunctionalImprovement);
    };
    let phrase = if better { Phrase::FunctionImproved } else { Phrase::FunctionNotImproved };
    let word = case.say(if better { Phrase::Yes } else { Phrase::No }, &[]);
    let evidence = vec![case.injection_answer_evidence(form, Question::FunctionalImprovement, injection, &word)];
    InjectionResponse::new(
        Verdict::from_bool(better),
        Some(case.say(phrase, &[&injection.when])),
        evidence,
        Question::FunctionalImprovement,
    )
}

/// Recurrence of pain: a score without sufficient relief follows one with it, both after the same injection of the episode.
pub(crate) fn recurred<'a>(case: &SiteCase<'_, 'a>, percent: u32) -> Option<(Vec<Evidence<'a>>, NaiveDate)> {
    (0..case.injections.len()).find_map(|place| {
        let scores = scores(case, case.injections.get(place)?, place, percent)?;
        let relieved = scores.follow_ups.iter().position(|score| scores.is_relieved(score))?;
        let back = scores.follow_ups.iter().skip(relieved + 1).find(|score| !scores.is_relieved(score))?;
        let shown = [scores.baseline, scores.follow_ups.get(relieved)?, back];
        Some((shown.map(|score| score_evidence(case, score)).into(), back.date))
    })
}

/// The best relief that scores show after an injection, in percent of the baseline; `None` without usable scores.
pub(crate) fn best_relief(case: &SiteCase<'_, '_>, place: usize) -> Option<f64> {
    let scores = scores(case, case.injections.get(place)?, place, case.policy.response.percent)?;
    scores.best().map(|best| scores.percent(best))
}

/// An injection's relief according to pain scores.
pub(crate) struct ScoredRelief<'e, 'a> {
    pub percent: f64,
    pub is_enough: bool,
    /// The best score after the injection.
    pub score: &'e PainScore<'a>,
    pub words: String,
}

/// The relief that scores show after the injection at `place`; `None` without usable scores.
pub(crate) fn relief_by_scores<'e, 'a>(case: &SiteCase<'e, 'a>, place: usize) -> Option<ScoredRelief<'e, 'a>> {
    let injection = case.injections.get(place)?;
    let scores = scores(case, injection, place, case.policy.response.percent)?;
    let score = scores.best()?;
    let is_enough = scores.is_relieved(score);
    let words = relief_words(case, injection, &scores, score);
    // The rounded percentage must be on the same side of the threshold as the scores. The form accepts no value below 0.
    let threshold = f64::from(scores.relief_percent);
    let percent = scores.percent(score);
    let percent = if is_enough { percent.max(threshold) } else { percent.min(threshold - 1.0).max(0.0) };
    Some(ScoredRelief { percent, is_enough, score, words })
}

/// The latest score in the baseline window and the scores up to the next injection; `None` if either is missing.
fn scores<'e, 'a>(case: &SiteCase<'e, 'a>, injection: &Injection<'_, '_>, place: usize, relief_percent: u32) -> Option<Scores<'e, 'a>> {
    let lo = injection.when.lo();
    let oldest = minus_days(lo, case.policy.parameters.baseline_window_days);
    let up_to = |date| case.scores.partition_point(|score| score.date <= date);
    let latest = up_to(lo).checked_sub(1).and_then(|place| case.scores.get(place)).copied();
    let baseline = latest.filter(|score| score.date >= oldest && score.score > 0.0)?;
    let end = case.injections.get(place + 1).map_or(case.dates.cutoff, |next| minus_days(next.when.lo(), 1)).min(case.dates.cutoff);
    let follow_ups = case.scores.get(up_to(injection.when.hi())..up_to(end)).unwrap_or_default().to_vec();
    (!follow_ups.is_empty()).then_some(Scores { baseline, follow_ups, relief_percent })
}

fn score_evidence<'a>(case: &SiteCase<'_, 'a>, score: &PainScore<'a>) -> Evidence<'a> {
    evidence(&score.reference, Some(score.date.to_string()), case.say(Phrase::EvidenceScore, &[&score.score]))
}

/// The injection itself as evidence.
pub(crate) fn injection_evidence<'a>(case: &SiteCase<'_, 'a>, injection: &Injection<'_, 'a>) -> Vec<Evidence<'a>> {
    vec![evidence(&injection.reference, injection.date(), case.say(Phrase::EvidenceInjection, &[&injection_words(case, injection)]))]
}

/// The injection's name: as charted, else as in the form.
pub(crate) fn injection_words(case: &SiteCase<'_, '_>, injection: &Injection<'_, '_>) -> String {
    let label = injection.label.map(ToString::to_string).filter(|words| !words.is_empty());
    label.unwrap_or_else(|| case.policy.wording.ask(Question::PriorInjection).to_owned())
}
