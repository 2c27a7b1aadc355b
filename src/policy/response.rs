//! What an injection did: relief, how long it lasted, and function (the form first, then pain scores).

use super::case::{SiteCase, evidence};
use super::dates::{minus_days, plus_months};
use super::evaluation::Evidence;
use super::facts::PainScore;
use super::form::Question;
use super::history::Injection;
use super::phrases::Phrase;
use super::verdict::Verdict;

/// A verdict on an injection with what it rests on and what would settle it.
#[derive(Clone, Debug)]
pub(crate) struct Response<'a> {
    pub verdict: Verdict,
    pub found: Vec<String>,
    pub evidence: Vec<Evidence<'a>>,
    pub missing: Vec<Question>,
    /// Whether pain scores, and so the baseline window, decided it.
    pub by_scores: bool,
}

impl<'a> Response<'a> {
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

/// The scores that tell what an injection did.
struct Scores<'e, 'a> {
    baseline: &'e PainScore<'a>,
    follow_ups: Vec<&'e PainScore<'a>>,
    relief_percent: u32,
}

impl Scores<'_, '_> {
    fn relieved(&self, follow_up: &PainScore<'_>) -> bool {
        (self.baseline.score - follow_up.score) * 100.0 >= f64::from(self.relief_percent) * self.baseline.score
    }

    fn percent(&self, follow_up: &PainScore<'_>) -> f64 {
        ((self.baseline.score - follow_up.score) / self.baseline.score * 100.0).round()
    }
}

/// At least half of the pain relieved by the injection at `place` of the episode.
pub(crate) fn improved<'a>(case: &SiteCase<'_, 'a>, place: usize) -> Response<'a> {
    let Some(injection) = case.injections.get(place) else {
        return Response::new(Verdict::Unknown, None, Vec::new(), Question::ReliefPercent);
    };
    if let Some(percent) = injection.answer.and_then(|answer| answer.relief_percent) {
        let verdict = Verdict::of(percent >= f64::from(case.policy.thresholds.relief_percent));
        let found = case.say(Phrase::ReliefByForm, &[&percent, &injection.when]);
        let evidence = case.injection_answer_evidence(Question::ReliefPercent, injection, &percent).into_iter().collect();
        return Response::new(verdict, Some(found), evidence, Question::ReliefPercent);
    }
    if let Some(scores) = scores(case, injection, place) {
        return improved_by_scores(case, injection, &scores);
    }
    let found = case.say(Phrase::ReliefUnknown, &[&injection.when]);
    Response::new(Verdict::Unknown, Some(found), injection_evidence(case, injection), Question::ReliefPercent)
}

fn improved_by_scores<'a>(case: &SiteCase<'_, 'a>, injection: &Injection<'_, 'a>, scores: &Scores<'_, 'a>) -> Response<'a> {
    let best = scores.follow_ups.iter().copied().min_by(|left, right| left.score.total_cmp(&right.score));
    let relieved = best.is_some_and(|best| scores.relieved(best));
    let score = best.map_or(scores.baseline.score, |best| best.score);
    let found = if relieved {
        let percent = best.map_or(0.0, |best| scores.percent(best));
        case.say(Phrase::ReliefByScores, &[&percent, &injection.when, &scores.baseline.score, &score])
    } else {
        case.say(Phrase::NoReliefByScores, &[&injection.when, &scores.baseline.score, &score])
    };
    let shown = if relieved { best.into_iter().collect() } else { scores.follow_ups.clone() };
    let evidence = std::iter::once(scores.baseline).chain(shown).map(|score| score_evidence(case, score)).collect();
    Response { by_scores: true, ..Response::new(Verdict::of(relieved), Some(found), evidence, Question::ReliefPercent) }
}

/// Relief for two months with better function, after the injection at `place`.
pub(crate) fn sustained<'a>(case: &SiteCase<'_, 'a>, place: usize) -> Response<'a> {
    improved(case, place).and(lasted(case, place)).and(function(case, place))
}

fn lasted<'a>(case: &SiteCase<'_, 'a>, place: usize) -> Response<'a> {
    let unknown = Response::new(Verdict::Unknown, None, Vec::new(), Question::ReliefDurationMonths);
    let Some(injection) = case.injections.get(place) else { return unknown };
    if let Some(months) = injection.answer.and_then(|answer| answer.relief_months) {
        let verdict = Verdict::of(months >= f64::from(case.policy.thresholds.relief_months));
        let found = case.say(Phrase::DurationByForm, &[&months, &injection.when]);
        let evidence = case.injection_answer_evidence(Question::ReliefDurationMonths, injection, &months).into_iter().collect();
        return Response::new(verdict, Some(found), evidence, Question::ReliefDurationMonths);
    }
    let Some(scores) = scores(case, injection, place) else { return unknown };
    let mark = plus_months(injection.when.hi(), case.policy.thresholds.relief_months);
    let ended = scores.follow_ups.iter().copied().find(|score| score.date <= mark && !scores.relieved(score));
    let held = scores.follow_ups.iter().copied().find(|score| score.date >= mark && scores.relieved(score));
    let (verdict, phrase, score) = match (ended, held) {
        (Some(score), _) => (Verdict::NotMet, Phrase::DurationEndedByScores, score),
        (None, Some(score)) => (Verdict::Met, Phrase::DurationByScores, score),
        (None, None) => return unknown,
    };
    let evidence = vec![score_evidence(case, scores.baseline), score_evidence(case, score)];
    Response { by_scores: true, ..Response::new(verdict, Some(case.say(phrase, &[&score.date])), evidence, Question::ReliefDurationMonths) }
}

fn function<'a>(case: &SiteCase<'_, 'a>, place: usize) -> Response<'a> {
    let injection = case.injections.get(place);
    let answer = injection.and_then(|injection| injection.answer).and_then(|answer| answer.functional_improvement);
    let Some((better, injection)) = answer.zip(injection) else {
        return Response::new(Verdict::Unknown, None, Vec::new(), Question::FunctionalImprovement);
    };
    let phrase = if better { Phrase::FunctionImproved } else { Phrase::FunctionNotImproved };
    let word = case.say(if better { Phrase::Yes } else { Phrase::No }, &[]);
    let evidence = case.injection_answer_evidence(Question::FunctionalImprovement, injection, &word).into_iter().collect();
    Response::new(Verdict::of(better), Some(case.say(phrase, &[&injection.when])), evidence, Question::FunctionalImprovement)
}

/// The latest score within the baseline window, and those until the next injection; `None` if they cannot tell.
fn scores<'e, 'a>(case: &SiteCase<'e, 'a>, injection: &Injection<'_, '_>, place: usize) -> Option<Scores<'e, 'a>> {
    let lo = injection.when.lo();
    let oldest = minus_days(lo, case.policy.parameters.baseline_window_days);
    let up_to = |date| case.scores.partition_point(|score| score.date <= date);
    let latest = up_to(lo).checked_sub(1).and_then(|place| case.scores.get(place)).copied();
    let baseline = latest.filter(|score| score.date >= oldest && score.score > 0.0)?;
    let end = case.injections.get(place + 1).map_or(case.dates.cutoff, |next| minus_days(next.when.lo(), 1));
    let follow_ups = case.scores.get(up_to(injection.when.hi())..up_to(end)).unwrap_or_default().to_vec();
    (!follow_ups.is_empty()).then_some(Scores { baseline, follow_ups, relief_percent: case.policy.thresholds.relief_percent })
}

fn score_evidence<'a>(case: &SiteCase<'_, 'a>, score: &PainScore<'a>) -> Evidence<'a> {
    evidence(&score.reference, Some(score.date.to_string()), case.say(Phrase::EvidenceScore, &[&score.score]))
}

/// The injection itself as evidence.
pub(crate) fn injection_evidence<'a>(case: &SiteCase<'_, 'a>, injection: &Injection<'_, 'a>) -> Vec<Evidence<'a>> {
    let what = match injection.label {
        Some(label) => case.say(Phrase::EvidenceInjection, &[label]),
        None => case.say(Phrase::EvidenceInjection, &[&case.policy.wording.ask(Question::PriorInjection)]),
    };
    vec![evidence(&injection.reference, injection.date(), what)]
}
