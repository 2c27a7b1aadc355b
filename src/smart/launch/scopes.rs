//! Scopes in the syntax an EHR supports (SMART App Launch 2.2, "Scopes and Launch Context"): version 2, `patient/X.rs`, or
//! version 1, `patient/X.read`.
//! Not here: which scopes to request; the configuration lists them.

/// The version of the scope syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// `.read` and `.write`.
    First,
    /// `.cruds`.
    Second,
}

/// Whether the EHR starts the launch, with a patient open, or the user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    Ehr,
    Standalone,
}

/// The scopes to request. `launch` or `launch/patient` is chosen by the kind of launch, whichever is configured.
pub(super) fn requested(configured: &[String], beginning: Beginning, syntax: Syntax) -> Vec<String> {
    let launch = match beginning {
        Beginning::Ehr => "launch",
        Beginning::Standalone => "launch/patient",
    };
    let others = configured.iter().filter(|scope| *scope != "launch" && *scope != "launch/patient");
    let mut scopes = vec![launch.to_owned()];
    for scope in others.flat_map(|scope| in_syntax(scope, syntax)) {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    scopes
}

fn in_syntax(scope: &str, syntax: Syntax) -> Vec<String> {
    match (syntax, Resources::parse(scope)) {
        (Syntax::Second, _) | (Syntax::First, None) => vec![scope.to_owned()],
        (Syntax::First, Some(resources)) => resources.in_first_syntax(),
    }
}

/// A scope for resources: `patient/Observation.rs?category=exam`.
struct Resources<'s> {
    subject_and_type: &'s str,
    operations: &'s str,
}

impl<'s> Resources<'s> {
    fn parse(scope: &'s str) -> Option<Self> {
        let (scope, _) = scope.split_once('?').unwrap_or((scope, ""));
        let (subject_and_type, operations) = scope.rsplit_once('.')?;
        let (subject, _) = subject_and_type.split_once('/')?;
        let is_over_resources = matches!(subject, "patient" | "user" | "system");
        is_over_resources.then_some(Self { subject_and_type, operations })
    }

    /// Converts to version 1; operations outside `cruds` are left unchanged.
    fn in_first_syntax(&self) -> Vec<String> {
        let is_second = self.operations.bytes().all(|letter| b"cruds".contains(&letter));
        if !is_second {
            return vec![format!("{}.{}", self.subject_and_type, self.operations)];
        }
        let wants = |letters: &str| self.operations.contains(|letter| letters.contains(letter));
        let words = [("read", wants("rs")), ("write", wants("cud"))];
        words.iter().filter(|(_, wanted)| *wanted).map(|(word, _)| format!("{}.{word}", self.subject_and_type)).collect()
    }

    /// Whether it allows creating resources of this type.
    fn allows_creating(&self, resource_type: &str) -> bool {
        let of_type = self.subject_and_type.split_once('/').is_some_and(|(_, name)| name == resource_type || name == "*");
        let is_second = self.operations.bytes().all(|letter| b"cruds".contains(&letter));
        of_type && (matches!(self.operations, "write" | "*") || (is_second && self.operations.contains('c')))
    }
}

/// Whether the granted scopes allow creating QuestionnaireResponses. A scope narrowed by a query does not count.
pub(super) fn allow_responses(granted: &[String]) -> bool {
    let plain = granted.iter().filter(|scope| !scope.contains('?'));
    plain.filter_map(|scope| Resources::parse(scope)).any(|resources| resources.allows_creating("QuestionnaireResponse"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn scopes_are_put_into_the_first_syntax_where_the_second_is_unknown() {
        let configured = texts(&["launch", "openid", "patient/Patient.r", "patient/QuestionnaireResponse.crus", "user/Task.c"]);
        let expected = [
            "launch",
            "openid",
            "patient/Patient.read",
            "patient/QuestionnaireResponse.read",
            "patient/QuestionnaireResponse.write",
            "user/Task.write",
        ];
        assert_eq!(requested(&configured, Beginning::Ehr, Syntax::First), expected);
        let narrowed =
            texts(&["patient/Observation.rs?category=exam", "patient/Observation.rs", "patient/Condition.read", "offline_access"]);
        let expected = ["launch/patient", "patient/Observation.read", "patient/Condition.read", "offline_access"];
        assert_eq!(requested(&narrowed, Beginning::Standalone, Syntax::First), expected);
    }

    #[test]
    fn the_scope_of_the_launch_is_that_of_its_beginning() {
        let configured = texts(&["launch", "launch/encounter", "launch/patient", "patient/Patient.r"]);
        assert_eq!(requested(&configured, Beginning::Ehr, Syntax::Second), ["launch", "launch/encounter", "patient/Patient.r"]);
        assert_eq!(
            requested(&configured, Beginning::Standalone, Syntax::Second),
            ["launch/patient", "launch/encounter", "patient/Patient.r"]
        );
    }

    #[test]
    fn responses_may_be_written_by_scopes_of_either_syntax_that_say_so() {
        for (scope, allowed) in [
            ("patient/QuestionnaireResponse.crus", true),
            ("patient/QuestionnaireResponse.c", true),
            ("user/QuestionnaireResponse.write", true),
            ("patient/*.cruds", true),
            ("patient/*.*", true),
            ("patient/QuestionnaireResponse.rs", false),
            ("patient/QuestionnaireResponse.read", false),
            ("patient/QuestionnaireResponse.rc-read", false),
            ("patient/QuestionnaireResponse.c?status=completed", false),
            ("patient/Questionnaire.crus", false),
            ("other/QuestionnaireResponse.c", false),
            ("QuestionnaireResponse.c", false),
            ("", false),
        ] {
            assert_eq!(allow_responses(&texts(&[scope])), allowed, "{scope}");
        }
    }
}
