//! Changed policy folders: each change is refused with its line, or a worked case disagrees, or a warning names it. None is silent.

use sij_cds::decision::Policies;
use sij_cds::decision::policy_check::{CaseCheck, CheckDepth, check_policies};

use crate::support::PolicyFolder;

const POLICY: &str = "policy.toml";
const CARDS: &str = "cards.toml";
const FORM: &str = "questionnaire.json";

/// A change that is refused: the file, a text of it and what replaces it, a text of the line that the error names, and the error.
type Refused = (&'static str, &'static str, &'static str, &'static str, &'static str);

const REFUSED: &[Refused] = &[
    // A number off.
    (POLICY, "relief_percent = 50", "relief_percent = 150", "relief_percent = 150", "`relief_percent` is 150; it has to be from 1 to 100"),
    (POLICY, "relief_percent = 50", "relief_percent = 0", "relief_percent = 0", "`relief_percent` is 0; it has to be from 1 to 100"),
    (POLICY, "positive_tests = 3", "positive_tests = 6", "at_least =", "6 positive tests are asked for, and there are 5"),
    (POLICY, "positive_tests = 3", "positive_tests = 0", "positive_tests = 0", "`positive_tests` is 0; it has to be from 1 to 100"),
    (POLICY, "nsaid_weeks = 3", "nsaid_weeks = 0", "nsaid_weeks = 0", "`nsaid_weeks` is 0; it has to be from 1 to 1000"),
    (POLICY, "nsaid_weeks = 3", "nsaid_weeks = -3", "nsaid_weeks = -3", "expected a whole number from 0, found -3"),
    (POLICY, "nsaid_weeks = 3", "nsaid_weeks = 3.5", "nsaid_weeks = 3.5", "expected a whole number from 0, found 3.5"),
    (
        POLICY,
        "nsaid_weeks = 3",
        "nsaid_weeks = \"three\"",
        "nsaid_weeks = \"three\"",
        "expected a whole number from 0, found the text \"three\"",
    ),
    (POLICY, "continuation_months = 12", "continuation_months = 5000", "continuation_months = 5000", "from 1 to 1000"),
    (POLICY, "therapeutic_limit = 4", "therapeutic_limit = 0", "therapeutic_limit = 0", "from 1 to 100"),
    (
        POLICY,
        "interval_months = 2",
        "interval_month = 2",
        "months = \"{interval_months}",
        "`{interval_months}` is not the name of a threshold in braces",
    ),
    (POLICY, "interval_months = 2", "interval_months = 2\nspare_months = 2", "spare_months", "`spare_months` is not used by a criterion"),
    (POLICY, "session_gap_days = 21", "session_gap = 21", "session_gap = 21", "`session_gap` is not known here; known: "),
    (POLICY, "session_gap_days = 21", "session_gap_days = true", "session_gap_days = true", "expected a whole number from 0, found true"),
    // A text missing or broken.
    (POLICY, "title = \"Tenderness over the SI joint\"\n", "", "[[criteria]]\nid = \"I.A.2\"", "`title` is missing"),
    (POLICY, "citation = \"Section II:", "cited = \"Section II:", "cited =", "`cited` is not known here; known: `id`, "),
    (
        POLICY,
        "{nsaid_weeks} weeks of NSAIDs, or",
        "{nsaid_week} weeks of NSAIDs, or",
        "act = \"Complete {nsaid_week}",
        "`{nsaid_week}` cannot",
    ),
    (
        POLICY,
        "{condition} calls for caution",
        "{drug} calls for caution",
        "{drug} calls for caution",
        "`{drug}` cannot be filled in here; known: condition",
    ),
    (POLICY, "when_negative = \"not tender on palpation\"\n", "", "tests = [\"sij-tenderness\"]", "belong together"),
    (CARDS, "yes = \"yes\"\n", "", "# The words", "`yes` is missing in [phrases]"),
    (CARDS, "yes = \"yes\"", "yes = \"{who}\"", "yes = \"{who}\"", "`{who}` cannot be filled in here"),
    (CARDS, "[topics.determinations]", "[topics.decisions]", "[topics.decisions]", "`decisions` is not known here"),
    // A code broken.
    ("valuesets/nsaid.json", "\"5640\"", "\"56A0\"", "56A0", "`56A0` is not a code of"),
    ("valuesets/side-left.json", "\"7771000\"", "\"7771001\"", "7771001", "`7771001` is not a code of"),
    (
        POLICY,
        "\"http://www.ama-assn.org/go/cpt\" = [\"64999\"]",
        "\"http://www.ama-assn.org/go/cpt\" = [\"6499\"]",
        "[\"6499\"]",
        "`6499` is not a code of",
    ),
    (POLICY, "\"R52\", \"G89*\"", "\"R52\", \"G8*9\"", "\"G8*9\"", "`G8*9` is not a code of"),
    (POLICY, "format = \"snomed-ct\"", "format = \"snomed\"", "format = \"snomed\"", "unknown code format `snomed`"),
    (POLICY, "LT = \"left\"", "LT = \"links\"", "LT = \"links\"", "`links` is not a side"),
    // A criterion removed, or one too many.
    (POLICY, "criteria = [\"IV\"]", "criteria = []", "id = \"IV\"\norder", "the pathway has no criterion"),
    (POLICY, "\"I.C.3\", \"I.C.4\"", "\"I.C.4\"", "id = \"I.C.3\"", "criterion `I.C.3` belongs to no pathway"),
    (POLICY, "id = \"I.A.2\"", "id = \"I.A.1\"", "id = \"I.A.1\"\ntitle = \"Tender", "criterion `I.A.1` stands twice"),
    (
        POLICY,
        "\"I.A.5\", \"I.A.6\", \"II\", \"V\", \"VI\", \"history\"]",
        "\"I.A.5\", \"I.A.6\", \"II\", \"V\", \"VI\"]",
        "id = \"I.A\"",
        "the pathway needs the criterion that every earlier injection is known",
    ),
    (POLICY, "criteria = [\"IV\"]", "criteria = [\"V\"]", "criteria = [\"V\"]", "a neurotomy is excluded, an injection is not"),
    (POLICY, "test = \"performer\"", "test = \"surgeon\"", "test = \"surgeon\"", "`surgeon` is not known here; known: `all`, "),
    // An id changed.
    (POLICY, "id = \"I.C.3\"", "id = \"I.C.33\"", "criteria = [\"I.C\"", "`I.C.3` is not a criterion"),
    (POLICY, "id = \"I.B\"\ninjections", "id = \"I.A\"\ninjections", "id = \"I.A\"\ninjections = 1", "pathway `I.A` stands twice"),
    (
        POLICY,
        "id = \"I.B\"\ninjections",
        "id = \"undetermined\"\ninjections",
        "id = \"undetermined\"",
        "has the name of a history that is not available",
    ),
    (POLICY, "of = \"nsaid\"", "of = \"nsaids\"", "of = \"nsaids\"", "only `nsaid` can stand here"),
    (
        POLICY,
        "of = \"therapy-session\"",
        "of = \"nsaid\"",
        "of = \"nsaid\"\nweeks = \"{exercise",
        "`nsaid` is not a value set of therapies",
    ),
    (
        POLICY,
        "diagnoses = [\"sij-specific",
        "diagnoses = [\"sij-particular",
        "sij-particular",
        "`sij-particular-diagnoses` is not a value set",
    ),
    (CARDS, "\"I.A.4.a\" = \"therapy", "\"I.A.4.d\" = \"therapy", "\"I.A.4.d\"", "unknown criterion `I.A.4.d`"),
    // A question.
    (
        POLICY,
        "question = \"pain-recurred\"",
        "question = \"pain-returned\"",
        "pain-returned",
        "`pain-returned` is not a question of the form",
    ),
    (
        POLICY,
        "question = \"pain-recurred\"",
        "question = \"nsaid-weeks\"",
        "question = \"nsaid-weeks\"\npercent",
        "of type integer, and boolean is needed here",
    ),
    (POLICY, "\"test-gaenslen\", ", "", "\"linkId\": \"test-gaenslen\"", "no criterion reads the question `test-gaenslen`"),
    (
        FORM,
        "\"linkId\": \"pain-recurred\"",
        "\"linkId\": \"pain-returned\"",
        "{",
        "question `pain-recurred` is missing, which a criterion reads",
    ),
    // A pathway that cannot be meant.
    (
        POLICY,
        "\"I.A.5\", \"I.A.6\", \"II\"",
        "\"I.A.5\", \"I.A.6\", \"I.C.3\", \"II\"",
        "criteria = [\"I.A.1\"",
        "`I.C.3` is about an earlier injection, and this pathway is for a joint without one",
    ),
    (
        POLICY,
        "criteria = [\"I.B.1\", \"I.B.2\", \"II\", \"III\", \"V\", \"VI\", \"history\"]",
        "criteria = [\"history\"]",
        "id = \"I.B\"\ninjections",
        "the pathway asks for nothing else",
    ),
    (POLICY, "\"I.C.3\", \"I.C.4\"", "\"I.C.3\", \"I.C.3\", \"I.C.4\"", "criteria = [\"I.C\"", "`I.C.3` stands twice"),
    (POLICY, "injections = 0", "injections = 1000000000", "id = \"I.A\"\ninjections", "a pathway is for at most 100 injections"),
    (
        POLICY,
        "injections = 1\nfirst_helped = \"no\"",
        "injections_from = 1",
        "id = \"I.A\"\ninjections",
        "pathway `I.B-or-I.C` never applies",
    ),
    // A test that cannot be meant.
    (
        POLICY,
        "[criteria.test.value-set-absent]",
        "[criteria.test.not.value-set-absent]",
        "id = \"I.A.5\"",
        "`not` cannot stand before what a chart alone can meet",
    ),
    (
        POLICY,
        "did not respond to conservative therapy\"\n",
        "did not respond to conservative therapy\"\nremedy = \"time\"\n",
        "id = \"I.A.4\"\n",
        "nothing of its test depends on a date",
    ),
    (
        POLICY,
        "days = \"{second_injection_days}\"",
        "days = \"{interval_months}\"",
        "days = \"{interval_months}\"",
        "the name of the threshold that stands here ends in `_days`; `interval_months` does not",
    ),
    (
        POLICY,
        "of = \"diagnostic\"",
        "of = \"last-therapeutic\"",
        "criteria = [\"I.A.1\"",
        "`II` is about more injections than this pathway is for, and would never apply",
    ),
    // A name with another meaning, or a number that no parameter can have.
    (POLICY, "interval_months = 2", "interval_months = 2\nlimit = 3", "limit = 3", "`limit` means something else in texts"),
    (
        POLICY,
        "interval_months = 2",
        "interval_months = 2\nsession_gap_days = 3",
        "session_gap_days = 3",
        "`session_gap_days` means something",
    ),
    (
        POLICY,
        "episode_gap_months = 12",
        "episode_gap_months = 0",
        "episode_gap_months = 0",
        "`episode_gap_months` is 0; it has to be from 1 to 1000",
    ),
    (
        POLICY,
        "attestation_valid_days = 90",
        "attestation_valid_days = 4294967295",
        "attestation_valid_days = 4294967295",
        "it has to be from 1 to 1000",
    ),
    (
        POLICY,
        "therapeutic_window_months = 12",
        "therapeutic_window_months = 24",
        "months = \"{therapeutic_window_months}\"",
        "24 months are more than `episode_gap_months` (12)",
    ),
    (
        POLICY,
        "effective_from = \"2019-08-01\"",
        "effective_from = \"2019-08-01\"\neffective_to = \"2019-07-31\"",
        "effective_to",
        "`effective_to` is before `effective_from`",
    ),
    // A history without a pathway.
    (POLICY, "injections = 0", "injections = 2", "id = \"I.A\"\ninjections", "no pathway is for a first injection"),
    (
        POLICY,
        "injections_from = 1",
        "injections_from = 2",
        "id = \"I.A\"\ninjections",
        "no pathway is for an order after 1 injection, of which it is known that it helped",
    ),
    (
        POLICY,
        "first_helped = \"unknown\"",
        "first_helped = \"perhaps\"",
        "first_helped = \"perhaps\"",
        "`perhaps` is not known here; known: `yes`, `no`, `unknown`",
    ),
];

/// The number of the line that begins where `text` stands first.
fn line(folder: &PolicyFolder, file: &str, text: &str) -> usize {
    let whole = std::fs::read_to_string(folder.version("2019-08").join(file)).unwrap();
    let place = whole.find(text).unwrap_or_else(|| panic!("{file} does not hold `{text}`"));
    whole[..place].matches('\n').count() + 1
}

/// The difference between the error that a change gives and the expected one, if there is any.
fn misjudged(&(file, from, to, at, problem): &Refused) -> Option<String> {
    let folder = PolicyFolder::new();
    let Err(error) = Policies::load(Some(folder.change(file, from, to).0.path())) else { return Some(format!("{file}: `{to}` is taken")) };
    let error = error.to_string();
    // What is wrong may be told in another file than the changed one.
    let told_in = [file, POLICY, CARDS, FORM].into_iter().find(|file| error.contains(&format!("/{file}:")));
    let Some(place) = told_in else { return Some(format!("`{to}`: no file in `{error}`")) };
    let expected = format!("/2019-08/{place}:{}: ", line(&folder, place, at));
    let is_expected = error.contains(&expected) && error.contains(problem);
    (!is_expected).then(|| format!("`{to}`: expected `{expected}{problem}`, found `{error}`"))
}

#[test]
fn a_change_that_cannot_be_meant_is_refused_with_its_line() {
    let misjudged: Vec<_> = REFUSED.iter().filter_map(misjudged).collect();
    assert!(misjudged.is_empty(), "{}", misjudged.join("\n"));
    assert!(REFUSED.len() + DISAGREED.len() >= 50);
}

/// A change that a worked case notices.
const DISAGREED: &[(&str, &str, &str)] = &[
    (POLICY, "pain_duration_months = 3", "pain_duration_months = 4"),
    (POLICY, "exercise_therapy_weeks = 6", "exercise_therapy_weeks = 5"),
    (POLICY, "second_injection_days = 14", "second_injection_days = 13"),
    (POLICY, "bilateral_is_one_procedure = true", "bilateral_is_one_procedure = false"),
    (POLICY, "remedy = \"time\"\n", ""),
    (POLICY, "met_by = false\n", ""),
    (POLICY, "since = \"last\"", "since = \"first\""),
    (POLICY, "of = \"initial\"", "of = \"first\""),
    (POLICY, "first_helped = \"no\"", "first_helped = \"yes\""),
    (POLICY, "\"I.A.5\", \"I.A.6\", \"II\",", "\"I.A.6\", \"I.A.5\", \"I.C.4\", \"II\","),
    ("valuesets/therapy-session.json", "\"97110\"", "\"97999\""),
];

#[test]
fn a_change_that_could_be_meant_disagrees_with_a_case() {
    for (file, from, to) in DISAGREED {
        let folder = PolicyFolder::new();
        let checked = check_policies(Some(folder.change(file, from, to).0.path()), CheckDepth::Cases);
        let disagreeing = checked.map(|versions| versions[0].cases.iter().filter(|case| !CaseCheck::agrees(case)).count());
        assert!(disagreeing.as_ref().is_ok_and(|count| *count > 0), "`{to}` in {file}: {disagreeing:?}");
    }
}

#[test]
fn a_text_that_can_be_used_but_misleads_is_a_warning_with_its_line() {
    let table = [
        (
            POLICY,
            "title = \"Return of the pain\"",
            "title = \"Return of the pain after 2 months\"",
            "`title` states the number 2; name a threshold in braces, so that it stays true",
        ),
        (
            CARDS,
            "summary = \"{order}: not covered. {criterion}\"",
            "summary = \"{order}: this procedure is not covered by the policy of this plan as it stands on this day. {criterion}\"",
            "the summary of `excluded` can have ",
        ),
    ];
    for (file, from, to, what) in table {
        let folder = PolicyFolder::new();
        let at = if file == CARDS { "[determinations.excluded]" } else { to };
        // One case is enough here; what it leaves uncovered is not looked at.
        std::fs::remove_dir_all(folder.version("2019-08").join("cases")).unwrap();
        let versions = check_policies(Some(folder.change(file, from, to).0.path()), CheckDepth::Coverage).unwrap();
        let told: Vec<_> = versions[0].uncovered.iter().filter(|warning| warning.what.starts_with(what)).collect();
        assert_eq!(told.iter().map(|warning| warning.line).collect::<Vec<_>>(), [line(&folder, file, at)], "{told:?}");
    }
}
