//! Generates an order-sign call for a synthetic patient with any number of resources, identical on every run: Conditions,
//! Procedures, `MedicationStatement`s and Observations in the proportions of a long-followed adult. Each is about 1 kB; the
//! policy reads a tenth. Some codes are the policy's, most are not.
//! Shared by the benchmark and the measuring examples. Not here: realistic charts; see `fixtures/`.

use std::fmt::Write as _;

/// The order's code, in scope.
pub(crate) const INJECTION: &str = "27096";

const PATIENT: &str = "perf-patient";
const NOTE: &str = "Recorded in the course of a routine visit; see the visit note for details. ";
const SNOMED: &str = "http://snomed.info/sct";
const LOINC: &str = "http://loinc.org";
const ICD10: &str = "http://hl7.org/fhir/sid/icd-10-cm";
const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";

/// The parameters of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// Number of resources in the chart.
    pub(crate) resources: usize,
    /// The ordered CPT code.
    pub(crate) code: &'static str,
    /// Whether the prefetch precedes the context.
    pub(crate) prefetch_first: bool,
    /// Whether `resourceType` is the last member of each object instead of the first.
    pub(crate) type_last: bool,
}

impl Call {
    /// The usual call: an order for an injection, with the members in the specification's order.
    pub(crate) fn about(resources: usize) -> Self {
        Self { resources, code: INJECTION, prefetch_first: false, type_last: false }
    }

    /// The call as JSON without white space.
    pub(crate) fn json(self) -> String {
        let context = format!(
            r#""context":{{"userId":"Practitioner/perf-practitioner","patientId":"{PATIENT}","encounterId":"perf-encounter","draftOrders":{}}}"#,
            self.bundle("collection", &[self.order()]),
        );
        let prefetch = format!(r#""prefetch":{}"#, self.prefetch());
        let (first, second) = if self.prefetch_first { (prefetch, context) } else { (context, prefetch) };
        format!(
            r#"{{"hook":"order-sign","hookInstance":"c41a9a4c-4a4e-4b3c-8c7e-0c9d2a6f1b55","fhirServer":"http://ehr.example.org/fhir",{first},{second}}}"#
        )
    }

    fn prefetch(self) -> String {
        let mut random = Random(7);
        let mut prefetch = format!(r#"{{"patient":{},"coverage":{}"#, self.patient(), self.bundle("searchset", &[self.coverage()]));
        for (kind, key, count) in self.counts() {
            let resources: Vec<_> = (0..count).map(|place| self.chart_entry(kind, place, &mut random)).collect();
            // Writing to a String cannot fail.
            let _ = write!(prefetch, r#","{key}":{}"#, self.bundle("searchset", &resources));
        }
        prefetch + "}"
    }

    fn counts(self) -> [(Kind, &'static str, usize); 4] {
        let [conditions, procedures, statements] = [20, 17, 23].map(|percent| self.resources * percent / 100);
        [
            (Kind::Condition, "conditions", conditions),
            (Kind::Procedure, "procedures", procedures),
            (Kind::MedicationStatement, "medicationStatements", statements),
            (Kind::Observation, "observations", self.resources - conditions - procedures - statements),
        ]
    }

    /// An object with a `resourceType` and these other members.
    fn typed(self, kind: &str, members: &str) -> String {
        if self.type_last {
            format!(r#"{{{members},"resourceType":"{kind}"}}"#)
        } else {
            format!(r#"{{"resourceType":"{kind}",{members}}}"#)
        }
    }

    fn bundle(self, kind: &str, resources: &[String]) -> String {
        let entry = |resource: &String| format!(r#"{{"fullUrl":"https://ehr.example.org/fhir/resource","resource":{resource}}}"#);
        let entries: Vec<_> = resources.iter().map(entry).collect();
        self.typed("Bundle", &format!(r#""type":"{kind}","total":{},"entry":[{}]"#, entries.len(), entries.join(",")))
    }

    fn order(self) -> String {
        let members = format!(
            concat!(
                r#""id":"order-1","status":"draft","intent":"order","#,
                r#""code":{{"coding":[{{"system":"http://www.ama-assn.org/go/cpt","code":"{code}"}}],"text":"Sacroiliac joint injection"}},"#,
                r#""subject":{{"reference":"Patient/{patient}"}},"requester":{{"reference":"Practitioner/perf-practitioner"}},"#,
                r#""insurance":[{{"reference":"Coverage/perf-coverage"}}],"occurrenceDateTime":"2026-06-01","#,
                r#""reasonCode":[{{"coding":[{{"system":"{icd10}","code":"M53.3"}}]}}]"#,
            ),
            code = self.code,
            patient = PATIENT,
            icd10 = ICD10,
        );
        self.typed("ServiceRequest", &members)
    }

    fn patient(self) -> String {
        let name = r#""name":[{"use":"official","family":"Perf","given":["Pat","Q"]}],"gender":"female","birthDate":"1968-03-14""#;
        self.typed("Patient", &format!(r#""id":"{PATIENT}","active":true,{name}"#))
    }

    fn coverage(self) -> String {
        let payor = r#""payor":[{"reference":"Organization/perf-payer","display":"Example Health Plan"}]"#;
        let members = format!(r#""id":"perf-coverage","status":"active","beneficiary":{{"reference":"Patient/{PATIENT}"}},{payor}"#);
        self.typed("Coverage", &members)
    }

    /// A resource of about 1 kB, in the shape EHRs send.
    fn chart_entry(self, kind: Kind, place: usize, random: &mut Random) -> String {
        let day = random.day();
        let code = random.one_of(kind.codes());
        let mut members = format!(
            concat!(
                r#""meta":{{"versionId":"{version}","lastUpdated":"{day}T10:21:33Z","#,
                r#""profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-{name}"]}},"#,
                r#""identifier":[{{"use":"usual","system":"urn:oid:1.2.840.114350.1.13.0.1.7.2.1","value":"{value}"}}],"#,
                r#""encounter":{{"reference":"Encounter/enc-{encounter}","display":"Office visit"}},"note":[{{"text":"{note}"}}],"#,
            ),
            version = random.below(9),
            day = day,
            name = kind.name(),
            value = random.below(1_000_000_000),
            encounter = random.below(40),
            note = NOTE.repeat(1 + random.below(3)),
        );
        members += &kind.own_members(code, &day, random);
        // Writing to a String cannot fail.
        let _ = write!(members, r#","id":"{}-{place}","subject":{{"reference":"Patient/{PATIENT}"}}"#, kind.name().to_lowercase());
        self.typed(kind.name(), &members)
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Condition,
    Procedure,
    MedicationStatement,
    Observation,
}

type Code = (&'static str, &'static str, &'static str);

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Condition => "Condition",
            Self::Procedure => "Procedure",
            Self::MedicationStatement => "MedicationStatement",
            Self::Observation => "Observation",
        }
    }

    fn codes(self) -> &'static [Code] {
        match self {
            Self::Condition => &[
                (ICD10, "M53.3", "Sacrococcygeal disorders"),
                (ICD10, "M46.1", "Sacroiliitis"),
                (ICD10, "M54.50", "Low back pain"),
                (ICD10, "E11.9", "Type 2 diabetes mellitus"),
                (ICD10, "I10", "Essential hypertension"),
                (ICD10, "E78.5", "Hyperlipidaemia"),
                (ICD10, "F41.1", "Generalised anxiety disorder"),
            ],
            Self::Procedure => &[
                (SNOMED, "229070002", "Stretching exercises"),
                (SNOMED, "91251008", "Physical therapy procedure"),
                (SNOMED, "72641008", "Administration of sedative"),
                (SNOMED, "80146002", "Appendectomy"),
                (SNOMED, "73761001", "Colonoscopy"),
            ],
            Self::MedicationStatement => &[
                (RXNORM, "5640", "ibuprofen"),
                (RXNORM, "7258", "naproxen"),
                (RXNORM, "6809", "metformin"),
                (RXNORM, "83367", "atorvastatin"),
                (RXNORM, "29046", "lisinopril"),
            ],
            Self::Observation => &[
                (LOINC, "72514-3", "Pain severity 0-10 verbal numeric rating"),
                (LOINC, "85354-9", "Blood pressure panel"),
                (LOINC, "29463-7", "Body weight"),
                (LOINC, "4548-4", "Haemoglobin A1c"),
                (LOINC, "2093-3", "Cholesterol in serum"),
            ],
        }
    }

    fn own_members(self, code: Code, day: &str, random: &mut Random) -> String {
        let concept = concept(code);
        match self {
            Self::Condition => format!(
                r#""clinicalStatus":{},"verificationStatus":{},"category":[{}],"code":{concept},"onsetDateTime":"{day}","recordedDate":"{day}""#,
                status("condition-clinical", random.one_of(&["active", "active", "resolved"])),
                status("condition-ver-status", "confirmed"),
                status("condition-category", "problem-list-item"),
            ),
            Self::Procedure => {
                let site = self::concept((SNOMED, "39723000", "Sacroiliac joint structure"));
                format!(r#""status":"completed","code":{concept},"performedDateTime":"{day}","bodySite":[{site}]"#)
            }
            Self::MedicationStatement => {
                let route = self::concept((SNOMED, "26643006", "Oral route"));
                let timing = r#""timing":{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}"#;
                let dosage = format!(r#"{{"text":"1 tablet by mouth twice daily as needed for pain",{timing},"route":{route}}}"#);
                format!(
                    r#""status":"active","medicationCodeableConcept":{concept},"effectivePeriod":{{"start":"{day}"}},"dosage":[{dosage}]"#
                )
            }
            Self::Observation => format!(
                concat!(
                    r#""status":"final","category":[{category}],"code":{concept},"effectiveDateTime":"{day}T10:21:33Z","#,
                    r#""valueQuantity":{{"value":{value},"unit":"{{score}}","system":"http://unitsofmeasure.org","code":"{{score}}"}},"#,
                    r#""performer":[{{"reference":"Practitioner/perf-practitioner","display":"A. Clinician, MD"}}]"#,
                ),
                category = status("observation-category", "survey"),
                concept = concept,
                day = day,
                value = random.below(11),
            ),
        }
    }
}

fn concept((system, code, display): Code) -> String {
    format!(r#"{{"coding":[{{"system":"{system}","code":"{code}","display":"{display}"}}],"text":"{display}"}}"#)
}

fn status(system: &str, code: &str) -> String {
    format!(r#"{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/{system}","code":"{code}"}}]}}"#)
}

/// A reproducible random sequence (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap_or_default();
        number % end
    }

    fn one_of<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        choices.get(self.below(choices.len())).copied().unwrap_or_default()
    }

    /// A day in the two and a half years before the order.
    fn day(&mut self) -> String {
        let month = self.below(29);
        format!("{}-{:02}-{:02}", 2024 + month / 12, 1 + month % 12, 1 + self.below(28))
    }
}
