//! The injection history of a joint: merges charted Procedures and the form's prior injections into distinct injections,
//! and determines which were at the joint, which may have been, and which make up the current episode.
//! Not here: the response to an injection ([`super::response`]).

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use super::case::OrderCase;
use super::dates::{DateInterval, minus_days, minus_months, plus_days, plus_months};
use super::evaluation::{InjectionSource, Site};
use super::facts::{ChartedInjection, InjectionDoubt, Label, Side};
use super::form::{Form, ReportedInjection, sort_newest_first};
use super::order_facts::BillingLine;
use super::reference::Reference;
use super::verdict::Verdict;

/// A form's answer about an earlier injection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistoryAnswer<'e, 'a> {
    pub form: &'e Form<'a>,
    pub answer: &'e ReportedInjection,
    /// Its index among the form's prior injections.
    place: usize,
}

/// A definite or possible injection of the history.
#[derive(Clone, Debug)]
pub(crate) struct Injection<'e, 'a> {
    /// When it was performed; a missing date can be any day up to the cutoff.
    pub when: DateInterval,
    /// Whether a date was recorded.
    pub is_dated: bool,
    pub side: Side,
    pub billing: Option<BillingLine>,
    pub source: InjectionSource,
    pub reference: Reference<'a>,
    pub label: Option<&'e Label<'a>>,
    /// Why it is only a possible injection; `None` for a definite one.
    pub doubt: Option<InjectionDoubt>,
    /// The dates of the records merged into it.
    dates: Vec<DateInterval>,
    /// The forms' answers that belong to it, newest form first.
    pub answers: Vec<HistoryAnswer<'e, 'a>>,
}

impl Injection<'_, '_> {
    /// The date as written, if recorded.
    pub(crate) fn date(&self) -> Option<String> {
        self.is_dated.then(|| self.when.to_string())
    }

    /// The dates of the merged records, if they differ.
    pub(crate) fn joined_days(&self) -> Option<&[DateInterval]> {
        (self.dates.len() > 1).then_some(self.dates.as_slice())
    }

    /// Whether it is only a possible injection.
    pub(crate) fn is_possible(&self) -> bool {
        self.doubt.is_some()
    }

    /// Sorts the answers by form, newest first, then by their order in the form.
    fn sort_answers(&mut self) {
        self.answers.sort_by_key(|answer| answer.place);
        sort_newest_first(&mut self.answers, |answer| answer.form);
    }
}

/// The definite and possible injections of an order's history, for all joints.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acts<'e, 'a> {
    /// Those with a date, sorted.
    dated: Vec<Injection<'e, 'a>>,
    undated: Vec<Injection<'e, 'a>>,
    /// The forms' answers without a date.
    undated_answers: Vec<HistoryAnswer<'e, 'a>>,
}

/// A joint's history.
#[derive(Debug, Default)]
pub(crate) struct History<'e, 'a> {
    /// The injections of the current episode, oldest first.
    pub episode: Vec<Injection<'e, 'a>>,
    /// The episodes before it, oldest first.
    pub earlier: Vec<Vec<Injection<'e, 'a>>>,
    /// Possible injections of the joint that make its history uncertain.
    pub open: Vec<Injection<'e, 'a>>,
    /// Possible injections too far from all other entries to change the result.
    pub set_aside: Vec<Injection<'e, 'a>>,
    /// The days with an injection of either joint, if the policy counts them: one definite or possible injection for each date.
    pub sessions: Vec<Injection<'e, 'a>>,
}

impl Site {
    /// Whether a procedure on `side` was at this joint.
    pub(crate) fn membership(self, side: Side) -> Verdict {
        match (self, side) {
            (_, Side::Both) | (Self::Left, Side::Left) | (Self::Right, Side::Right) => Verdict::Met,
            (Self::Left, Side::Right) | (Self::Right, Side::Left) => Verdict::NotMet,
            (_, Side::Unspecified) | (Self::Unspecified, Side::Left | Side::Right) => Verdict::Unknown,
        }
    }

    /// The side of the joint.
    pub(crate) fn side(self) -> Side {
        match self {
            Self::Left => Side::Left,
            Self::Right => Side::Right,
            Self::Unspecified => Side::Unspecified,
        }
    }
}

/// Builds the history from the charted Procedures and the forms' answers, up to the order's cutoff.
pub(crate) fn acts<'e, 'a>(case: &OrderCase<'e, 'a>) -> Acts<'e, 'a> {
    let mut records = Records::new(case);
    let mut attached: HashMap<DateInterval, Vec<HistoryAnswer<'e, 'a>>> = HashMap::new();
    let mut acts = Acts::default();
    for answer in answers(case) {
        let Some(date) = answer.answer.date else {
            acts.undated_answers.push(answer);
            continue;
        };
        let date = records.attach(&answer, date).unwrap_or_else(|| records.add(made_by(case, &answer)));
        attached.entry(date).or_default().push(answer);
    }
    let (dated, undated) = records.all.into_iter().partition(|record| record.is_dated);
    acts.undated = undated;
    acts.dated = one_entry_each(case, dated);
    for entry in &mut acts.dated {
        entry.dates.sort_unstable();
        entry.dates.dedup();
        let of_dates = entry.dates.iter().filter_map(|date| attached.get(date)).flatten();
        entry.answers = of_dates.filter(|answer| answer.answer.side.compatible(entry.side)).copied().collect();
        entry.sort_answers();
    }
    acts
}

/// The charted records and the records created from answers.
struct Records<'e, 'a> {
    all: Vec<Injection<'e, 'a>>,
    /// Indices of the charted records with a full date. A partial date finds only those up to the cutoff.
    by_day: BTreeMap<NaiveDate, Vec<usize>>,
    cutoff: NaiveDate,
}

impl<'e, 'a> Records<'e, 'a> {
    fn new(case: &OrderCase<'e, 'a>) -> Self {
        let all: Vec<_> = case.facts.injections.iter().map(|injection| charted(case, injection)).collect();
        let mut by_day: BTreeMap<NaiveDate, Vec<usize>> = BTreeMap::new();
        for (place, record) in all.iter().enumerate().filter(|(_, record)| record.is_dated) {
            if let Some(day) = record.when.full() {
                by_day.entry(day).or_default().push(place);
            }
        }
        Self { all, by_day, cutoff: case.dates.cutoff }
    }

    /// Adds a record created from an answer and returns its date.
    fn add(&mut self, record: Injection<'e, 'a>) -> DateInterval {
        let date = record.when;
        self.all.push(record);
        date
    }

    /// Applies an answer to the records of its date: a possible injection becomes definite, and an unspecified side becomes
    /// the answer's. Returns the records' date, or `None` if no record matches.
    fn attach(&mut self, answer: &HistoryAnswer<'_, '_>, date: DateInterval) -> Option<DateInterval> {
        let side = answer.answer.side;
        let day = date.full().or_else(|| self.only_day(side, date))?;
        let mut is_found = false;
        for place in self.by_day.get(&day)? {
            let Some(record) = self.all.get_mut(*place).filter(|record| record.side.compatible(side)) else { continue };
            is_found = true;
            record.doubt = None;
            if record.side == Side::Unspecified {
                record.side = side;
            }
        }
        is_found.then_some(DateInterval::day(day))
    }

    /// The only day within a partial date that has a record compatible with `side`.
    fn only_day(&self, side: Side, within: DateInterval) -> Option<NaiveDate> {
        let last = within.hi().min(self.cutoff);
        if within.lo() > last {
            return None;
        }
        let has_one = |places: &[usize]| places.iter().filter_map(|place| self.all.get(*place)).any(|record| record.side.compatible(side));
        let mut days = self.by_day.range(within.lo()..=last).filter(|(_, places)| has_one(places)).map(|(day, _)| *day);
        let first = days.next()?;
        days.next().is_none().then_some(first)
    }
}

/// The answers about earlier injections, newest form first, then in the form's order. Skips dates after the form's own.
fn answers<'c, 'e, 'a>(case: &'c OrderCase<'e, 'a>) -> impl Iterator<Item = HistoryAnswer<'e, 'a>> + 'c {
    let of_form = |form: &&'e Form<'a>| {
        let form = *form;
        let counts = move |answer: &HistoryAnswer<'_, '_>| answer.answer.date.is_none_or(|date| date.lo() <= form.authored_on);
        let answers = form.answers.prior_injections.iter().enumerate();
        answers.map(move |(place, answer)| HistoryAnswer { form, answer, place }).filter(counts)
    };
    case.forms.iter().flat_map(of_form)
}

fn charted<'e, 'a>(case: &OrderCase<'e, 'a>, injection: &'e ChartedInjection<'a>) -> Injection<'e, 'a> {
    let when = injection.performed.map_or_else(|| DateInterval::missing(case.dates.cutoff), |date| date.up_to(case.dates.cutoff));
    Injection {
        when,
        is_dated: injection.performed.is_some(),
        side: injection.side,
        billing: injection.billing,
        source: InjectionSource::Chart,
        reference: injection.reference.clone(),
        label: Some(&injection.label),
        doubt: injection.doubt.clone(),
        dates: vec![when],
        answers: Vec::new(),
    }
}

/// Creates an injection from an answer that matches no Procedure.
fn made_by<'e, 'a>(case: &OrderCase<'e, 'a>, answer: &HistoryAnswer<'e, 'a>) -> Injection<'e, 'a> {
    let cutoff = case.dates.cutoff;
    let when = answer.answer.date.map_or_else(|| DateInterval::missing(cutoff), |date| date.up_to(cutoff));
    Injection {
        when,
        is_dated: answer.answer.date.is_some(),
        side: answer.answer.side,
        billing: None,
        source: InjectionSource::Form,
        reference: answer.form.reference.clone(),
        label: None,
        doubt: answer.answer.date.is_none().then_some(InjectionDoubt::NoDate),
        dates: vec![when],
        answers: Vec::new(),
    }
}

/// Merges the records of one injection: same date and compatible sides, or its professional and facility records.
fn one_entry_each<'e, 'a>(case: &OrderCase<'e, 'a>, mut records: Vec<Injection<'e, 'a>>) -> Vec<Injection<'e, 'a>> {
    records.retain(|record| record.when.lo() <= case.dates.cutoff);
    records.sort_by(|left, right| order_key(left).cmp(&order_key(right)));
    let mut entries: Vec<Injection<'e, 'a>> = Vec::new();
    for record in records {
        let is_same = |entry: &Injection<'_, '_>| entry.side.compatible(record.side) && is_one_act(case, entry, &record);
        match first_near(case, &mut entries, &record, is_same) {
            Some(entry) => join(entry, record),
            None => entries.push(record),
        }
    }
    // A possible injection may have taken the later date of the definite injection merged into it.
    entries.sort_by(|left, right| order_key(left).cmp(&order_key(right)));
    entries
}

/// The first entry near a record for which `is_same` holds. Entries are sorted, so only the last ones can be near.
fn first_near<'n, 'e, 'a>(
    case: &OrderCase<'_, '_>,
    entries: &'n mut [Injection<'e, 'a>],
    record: &Injection<'_, '_>,
    is_same: impl Fn(&Injection<'e, 'a>) -> bool,
) -> Option<&'n mut Injection<'e, 'a>> {
    // An entry may have taken the date of a later record of the same injection, so look twice as far back.
    let oldest = minus_days(record.when.lo(), case.policy.parameters.facility_record_days.saturating_mul(2));
    let near = entries.iter().rposition(|entry| entry.when.lo() < oldest).map_or(0, |place| place + 1);
    entries.get_mut(near..)?.iter_mut().find(|entry| is_same(entry))
}

fn order_key<'i, 'a>(record: &'i Injection<'_, 'a>) -> (DateInterval, bool, Side, bool, Option<BillingLine>, bool, &'i Reference<'a>) {
    let is_form = record.source == InjectionSource::Form;
    (record.when, record.is_possible(), record.side, record.billing.is_none(), record.billing, is_form, &record.reference)
}

/// Whether two records have the same date, or are a professional and a facility record at most `facility_record_days` apart.
fn is_one_act(case: &OrderCase<'_, '_>, earlier: &Injection<'_, '_>, later: &Injection<'_, '_>) -> bool {
    if earlier.when == later.when {
        return true;
    }
    let lines = [earlier.billing, later.billing];
    let is_billed_twice = lines.contains(&Some(BillingLine::Professional)) && lines.contains(&Some(BillingLine::Facility));
    let days = case.policy.parameters.facility_record_days;
    let is_near = |first, second| first <= second && second <= plus_days(first, days);
    is_billed_twice && earlier.when.full().zip(later.when.full()).is_some_and(|(first, second)| is_near(first, second))
}

fn join<'e, 'a>(entry: &mut Injection<'e, 'a>, record: Injection<'e, 'a>) {
    entry.dates.extend(&record.dates);
    let stated = [entry.side, record.side];
    entry.side = if stated.contains(&Side::Both) { Side::Both } else { entry.side.min(record.side) };
    let billing = [entry.billing, record.billing].into_iter().flatten().min();
    if entry.is_possible() && !record.is_possible() {
        entry.when = record.when;
        entry.doubt = None;
        entry.reference = record.reference;
        entry.label = record.label;
        entry.source = record.source;
    }
    entry.billing = billing;
}

/// The history of a joint.
pub(crate) fn history<'e, 'a>(case: &OrderCase<'e, 'a>, acts: &Acts<'e, 'a>, site: Site) -> History<'e, 'a> {
    let mut injections: Vec<Injection<'e, 'a>> = Vec::new();
    let mut open = Vec::new();
    for act in acts.dated.iter().chain(&acts.undated) {
        match site.membership(act.side) {
            Verdict::NotMet => {}
            Verdict::Met if !act.is_possible() => match first_near(case, &mut injections, act, |known| is_one_act(case, known, act)) {
                Some(known) => known.answers.extend(act.answers.iter().copied()),
                None => injections.push(act.clone()),
            },
            Verdict::Met | Verdict::Unknown => open.push(act.clone()),
        }
    }
    injections.iter_mut().for_each(Injection::sort_answers);
    let mut history = cut_to_episode(case, injections);
    let mut unmatched = Vec::new();
    for answer in &acts.undated_answers {
        match history.episode.as_mut_slice() {
            [only] if belongs_to_only(answer, only, site) => only.answers.push(*answer),
            _ => unmatched.push(*answer),
        }
    }
    let of_site = unmatched.iter().filter(|answer| site.membership(answer.answer.side) != Verdict::NotMet);
    open.extend(of_site.map(|answer| made_by(case, answer)));
    if let [only] = history.episode.as_mut_slice() {
        only.sort_answers();
    }
    let (set_aside, open) = set_aside(case, &history, open);
    History { open, set_aside, sessions: sessions(case, acts, &unmatched, site), ..history }
}

/// One injection for each day, of whichever joint. A definite one takes precedence. `unmatched` are the undated answers that describe no
/// known injection.
fn sessions<'e, 'a>(
    case: &OrderCase<'e, 'a>,
    acts: &Acts<'e, 'a>,
    unmatched: &[HistoryAnswer<'e, 'a>],
    site: Site,
) -> Vec<Injection<'e, 'a>> {
    if !case.policy.counts_sessions {
        return Vec::new();
    }
    // A form that names every injection of the joint denies the possible ones.
    let is_complete = case.has_complete_history().is_some();
    let is_denied = |session: &Injection<'_, '_>| is_complete && session.is_possible() && !site.membership(session.side).is_not_met();
    let mut sessions: Vec<_> = acts.dated.iter().filter(|act| !is_denied(act)).cloned().collect();
    sessions.sort_by_key(|act| (act.when, act.is_possible()));
    sessions.dedup_by(|later, earlier| later.when == earlier.when && later.when.full().is_some());
    doubt_days_that_may_be_one(&mut sessions);
    let undated = acts.undated.iter().cloned().chain(unmatched.iter().map(|answer| made_by(case, answer)));
    sessions.extend(undated.filter(|session| !is_denied(session)));
    sessions
}

/// Makes a partial date that may be the day of another session a possible session.
fn doubt_days_that_may_be_one(sessions: &mut [Injection<'_, '_>]) {
    let may_be_one = |left: DateInterval, right: DateInterval| left.lo() <= right.hi() && right.lo() <= left.hi();
    let is_full = |session: &Injection<'_, '_>| session.when.full().is_some();
    let mut days: Vec<_> = sessions.iter().filter(|session| is_full(session)).map(|session| session.when).collect();
    for session in sessions.iter_mut().filter(|session| !is_full(session) && !session.is_possible()) {
        if days.iter().any(|day| may_be_one(*day, session.when)) {
            session.doubt = Some(InjectionDoubt::NoDate);
        } else {
            days.push(session.when);
        }
    }
}

/// Whether an undated answer describes the episode's only injection: sides match, and the form is not older than it.
fn belongs_to_only(answer: &HistoryAnswer<'_, '_>, only: &Injection<'_, '_>, site: Site) -> bool {
    let answered = answer.answer.side;
    answered.compatible(only.side) && answered.compatible(site.side()) && only.when.lo() <= answer.form.authored_on
}

/// Splits the injections into episodes at gaps of `episode_gap_months`. The last one is over if such a gap follows it.
fn cut_to_episode<'e, 'a>(case: &OrderCase<'e, 'a>, injections: Vec<Injection<'e, 'a>>) -> History<'e, 'a> {
    let gap = case.policy.parameters.episode_gap_months;
    let is_over = |last: &Injection<'_, '_>| plus_months(last.when.hi(), gap) <= case.dates.service;
    let mut episodes: Vec<Vec<Injection<'e, 'a>>> = Vec::new();
    for injection in injections {
        let is_next = |last: &Injection<'_, '_>| plus_months(last.when.hi(), gap) > injection.when.lo();
        match episodes.last_mut() {
            Some(episode) if episode.last().is_some_and(is_next) => episode.push(injection),
            Some(_) | None => episodes.push(vec![injection]),
        }
    }
    let is_current = episodes.last().and_then(|episode| episode.last()).is_some_and(|last| !is_over(last));
    let episode = if is_current { episodes.pop().unwrap_or_default() } else { Vec::new() };
    History { episode, earlier: episodes, ..History::default() }
}

/// Splits off the possible injections that are a full gap away from every other entry and from the service.
fn set_aside<'e, 'a>(
    case: &OrderCase<'e, 'a>,
    history: &History<'e, 'a>,
    possible: Vec<Injection<'e, 'a>>,
) -> (Vec<Injection<'e, 'a>>, Vec<Injection<'e, 'a>>) {
    let gap = case.policy.parameters.episode_gap_months;
    let is_before = |earlier: DateInterval, later: DateInterval| plus_months(earlier.hi(), gap) <= later.lo();
    let known = history.earlier.iter().flatten().chain(&history.episode).map(|injection| injection.when);
    let mut dates: Vec<DateInterval> = known.chain(possible.iter().filter(|act| act.is_dated).map(|act| act.when)).collect();
    dates.sort_unstable();
    let is_far = |act: &Injection<'_, '_>| {
        // No date that begins earlier can end within the gap, because a partial date spans at most a year.
        let oldest = minus_months(act.when.lo(), gap.saturating_add(13));
        let from = dates.partition_point(|date| date.lo() < oldest);
        let mut near = dates.iter().skip(from).take_while(|date| date.lo() < plus_months(act.when.hi(), gap));
        let is_alone = dates.partition_point(|date| *date <= act.when) - dates.partition_point(|date| *date < act.when) == 1;
        let is_far_from = |other: &DateInterval| *other == act.when || is_before(*other, act.when);
        act.is_dated && is_alone && plus_months(act.when.hi(), gap) <= case.dates.service && near.all(is_far_from)
    };
    possible.into_iter().partition(is_far)
}
