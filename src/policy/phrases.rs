//! Every phrase the engine and the cards use, by key, with what it can name. The words stand in `cards.toml`;
//! start-up fails when one is missing, unused, or names something else.

macro_rules! phrases {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $key:literal ($($argument:literal),*),)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($variant,)*
        }

        impl $name {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The key in `cards.toml`.
            pub(crate) fn key(self) -> &'static str {
                match self {
                    $(Self::$variant => $key,)*
                }
            }

            /// What the text can name, in the order it is filled in.
            pub(crate) fn arguments(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &[$($argument),*],)*
                }
            }
        }
    };
}

pub(crate) use phrases;

phrases! {
    /// A part of a criterion's statement, or of its evidence.
    Phrase {
        NotDocumented = "not-documented" ("items"),
        Yes = "yes" (),
        No = "no" (),
        PainLongEnough = "pain-long-enough" ("onset"),
        PainTooShort = "pain-too-short" ("onset", "date"),
        PainDurationOpen = "pain-duration-open" ("onset"),
        AdlsLimited = "adls-limited" (),
        AdlsNotLimited = "adls-not-limited" (),
        LocationFits = "location-fits" (),
        LocationDoesNotFit = "location-does-not-fit" (),
        Tender = "tender" (),
        NotTender = "not-tender" (),
        TestsPositive = "tests-positive" ("count", "names"),
        TestsNegative = "tests-negative" ("count", "names"),
        NoTestPositive = "no-test-positive" (),
        WeeksByForm = "weeks-by-form" ("weeks", "needed"),
        TherapyCourse = "therapy-course" ("days", "first", "last", "sessions"),
        TherapyTooShort = "therapy-too-short" ("days", "first", "last"),
        UndatedTherapy = "undated-therapy" ("count"),
        NsaidCourse = "nsaid-course" ("days", "first", "last"),
        NsaidTooShort = "nsaid-too-short" ("days", "first", "last"),
        UndatedNsaid = "undated-nsaid" ("count"),
        NsaidContraindicatedByForm = "nsaid-contraindicated-by-form" (),
        NsaidNotContraindicatedByForm = "nsaid-not-contraindicated-by-form" (),
        NsaidAllergy = "nsaid-allergy" ("allergy"),
        NsaidContraindication = "nsaid-contraindication" ("condition"),
        NsaidCaution = "nsaid-caution" ("condition"),
        DiscOrFacetDenied = "disc-or-facet-denied" (),
        DiscOrFacetAffirmed = "disc-or-facet-affirmed" (),
        NoDiscOrFacetCondition = "no-disc-or-facet-condition" (),
        DiscOrFacetCondition = "disc-or-facet-condition" ("condition"),
        ListUnavailable = "list-unavailable" ("list", "reason"),
        NoLikelierDiagnosis = "no-likelier-diagnosis" (),
        LikelierDiagnosis = "likelier-diagnosis" (),
        AlternativeDiagnosis = "alternative-diagnosis" ("condition"),
        ReliefByForm = "relief-by-form" ("percent", "date"),
        ReliefByScores = "relief-by-scores" ("percent", "date", "baseline", "score"),
        NoReliefByScores = "no-relief-by-scores" ("date", "baseline", "score"),
        ReliefUnknown = "relief-unknown" ("date"),
        DurationByForm = "duration-by-form" ("months", "date"),
        DurationByScores = "duration-by-scores" ("date"),
        DurationEndedByScores = "duration-ended-by-scores" ("date"),
        FunctionImproved = "function-improved" ("date"),
        FunctionNotImproved = "function-not-improved" ("date"),
        FirstInjectionLongEnoughAgo = "first-injection-long-enough-ago" ("date", "from"),
        FirstInjectionTooRecent = "first-injection-too-recent" ("date", "from"),
        FirstInjectionDateOpen = "first-injection-date-open" ("date"),
        OtherTreatmentByForm = "other-treatment-by-form" (),
        NoOtherTreatmentByForm = "no-other-treatment-by-form" (),
        OtherTreatmentOrdered = "other-treatment-ordered" ("therapy"),
        OtherTreatmentGiven = "other-treatment-given" ("therapy", "date"),
        LastInjectionLongEnoughAgo = "last-injection-long-enough-ago" ("date", "from"),
        LastInjectionTooRecent = "last-injection-too-recent" ("date", "from"),
        LastInjectionDateOpen = "last-injection-date-open" ("date"),
        FewTherapeutic = "few-therapeutic" ("count"),
        TooManyTherapeutic = "too-many-therapeutic" ("count", "from"),
        TherapeuticCountOpen = "therapeutic-count-open" ("least", "most"),
        WithinContinuation = "within-continuation" ("date", "until"),
        BeyondContinuation = "beyond-continuation" ("date", "until"),
        ContinuationOpen = "continuation-open" ("date"),
        DefinitiveTherapyNotAvailable = "definitive-therapy-not-available" (),
        NeurotomyNotCovered = "neurotomy-not-covered" (),
        OneProcedure = "one-procedure" (),
        SecondProcedure = "second-procedure" ("procedure"),
        EvidenceAnswer = "evidence-answer" ("question", "answer"),
        EvidenceInjectionAnswer = "evidence-injection-answer" ("question", "date", "answer"),
        EvidenceOnset = "evidence-onset" ("condition", "onset"),
        EvidenceRecorded = "evidence-recorded" ("condition"),
        EvidenceFinding = "evidence-finding" ("examination", "result"),
        EvidenceScore = "evidence-score" ("score"),
        EvidencePrescribed = "evidence-prescribed" ("medication"),
        EvidenceInjection = "evidence-injection" ("procedure"),
        EvidenceOrder = "evidence-order" ("order"),
        Positive = "positive" (),
        Negative = "negative" (),
        EffectEarlierEpisode = "effect-earlier-episode" ("dates"),
        EffectFormTooOld = "effect-form-too-old" ("date"),
        EffectFindingTooOld = "effect-finding-too-old" ("date"),
        EffectOutsideLookback = "effect-outside-lookback" ("count"),
        EffectSessionsApart = "effect-sessions-apart" ("first", "last"),
        EffectMedicationApart = "effect-medication-apart" ("first", "last"),
        EffectSessionsJoined = "effect-sessions-joined" ("first", "last"),
        EffectMedicationJoined = "effect-medication-joined" ("first", "last"),
        EffectBaseline = "effect-baseline" ("date"),
        EffectAdjunct = "effect-adjunct" ("date"),
        CodingNote = "coding-note" ("code", "date", "replacements"),
        Or = "or" (),
    }
}

phrases! {
    /// A text of a card or of the text form beside the determination's own.
    CardText {
        OrderInjection = "order-injection" (),
        OrderNeurotomy = "order-neurotomy" (),
        SiteLeft = "site-left" (),
        SiteRight = "site-right" (),
        SiteUnspecified = "site-unspecified" (),
        SiteBoth = "site-both" (),
        OrderWords = "order-words" ("order", "site"),
        OrderWordsDated = "order-words-dated" ("order", "site", "service_date"),
        OneMissing = "one-missing" (),
        SeveralMissing = "several-missing" ("count"),
        SiteHeading = "site-heading" ("site", "determination"),
        Missing = "missing" (),
        MetHeading = "met-heading" (),
        NotMetHeading = "not-met-heading" (),
        AlsoDocument = "also-document" (),
        SideNotStated = "side-not-stated" (),
        DiagnosisOnProblemList = "diagnosis-on-problem-list" ("condition"),
        DiagnosisNotBillable = "diagnosis-not-billable" (),
        DiagnosisNotFound = "diagnosis-not-found" (),
        DiagnosisUnavailable = "diagnosis-unavailable" (),
        SourceUnavailable = "source-unavailable" ("types", "reason"),
        UnreadableEntries = "unreadable-entries" ("count"),
        Suggested = "suggested" ("suggestions"),
        SuggestReschedule = "suggest-reschedule" ("date"),
        SuggestTherapy = "suggest-therapy" (),
        SuggestRemove = "suggest-remove" (),
        SuggestRemoveSecond = "suggest-remove-second" ("procedure"),
        SuggestDiagnosis = "suggest-diagnosis" ("condition"),
        PolicyLink = "policy-link" (),
        Disclaimer = "disclaimer" ("policy", "version"),
        NoOrder = "no-order" (),
        OrderDates = "order-dates" ("service_date", "patient", "as_of", "order"),
        Legend = "legend" (),
        Next = "next" ("next"),
        ToDocument = "to-document" (),
        Joint = "joint" ("site", "pathway", "determination"),
        PathwayFirstDiagnostic = "pathway-first-diagnostic" (),
        PathwaySecondDiagnostic = "pathway-second-diagnostic" (),
        PathwaySecondOrSubsequent = "pathway-second-or-subsequent" (),
        PathwaySubsequent = "pathway-subsequent" (),
        PathwayNeurotomy = "pathway-neurotomy" (),
        PathwayUndetermined = "pathway-undetermined" (),
        Supported = "supported" (),
        NeedsDocumentation = "needs-documentation" (),
        NotYet = "not-yet" (),
        NotYetFrom = "not-yet-from" ("date"),
        IndividualConsideration = "individual-consideration" (),
        NotSupported = "not-supported" (),
        Indeterminate = "indeterminate" (),
        Earlier = "earlier" (),
        EarlierInjection = "earlier-injection" ("date", "resource", "improved", "sustained"),
        UndatedInjection = "undated-injection" (),
        ImprovedYes = "improved-yes" (),
        ImprovedNo = "improved-no" (),
        ImprovedOpen = "improved-open" (),
        SustainedYes = "sustained-yes" (),
        SustainedNo = "sustained-no" (),
        SustainedOpen = "sustained-open" (),
        AndMore = "and-more" ("count"),
        Notes = "notes" (),
        CallNotes = "call-notes" (),
        DiagnosisOnOrder = "diagnosis-on-order" (),
        Assumed = "assumed" ("effect", "parameter", "value"),
        Unavailable = "unavailable" ("types", "reason"),
        UnreadableEntry = "unreadable-entry" ("resource", "problem"),
    }
}
