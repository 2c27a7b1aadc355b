//! Schemas of the bodies that are not serialized from our types: what a body must contain so as not to be refused as malformed.
//! Members that are not listed are ignored.
//! Not here: parsing ([`crate::cds_hooks`]), which does not use schemas, for speed and for the JSON paths in errors.

use serde_json::Value;
use utoipa::ToSchema;

use crate::cds_hooks::Hook;

/// A call (CDS Hooks, "Calling a CDS Service"). Members that are not named here are ignored.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "a schema alone")]
pub(crate) struct HookCall {
    /// The hook.
    #[schema(value_type = String)]
    hook: Hook,
    /// Identifies the call for the client.
    hook_instance: String,
    /// The base of the client's FHIR server. What the prefetch lacks is read there, if the server is registered.
    fhir_server: Option<String>,
    /// The access token for it; needs `fhirServer`.
    fhir_authorization: Option<FhirAuthorization>,
    /// Who asks what for whom.
    context: HookContext,
    /// What `prefetch` of discovery lists, each a resource, a Bundle, an OperationOutcome or null. It is not looked at where no
    /// order is in scope.
    #[schema(value_type = Option<Object>)]
    prefetch: Option<Value>,
}

/// A grant of access to the client's FHIR server; only the token is read.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema alone")]
pub(crate) struct FhirAuthorization {
    /// Sent to that server alone.
    access_token: Option<String>,
}

/// What the call is about; which members must be there is the hook's.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "a schema alone")]
pub(crate) struct HookContext {
    /// Such as `Practitioner/d1`.
    user_id: Option<String>,
    /// The patient's id.
    #[schema(min_length = 1)]
    patient_id: String,
    /// The orders being signed. An order in scope must be for that patient, or the call is answered 422.
    draft_orders: Option<DraftOrders>,
    /// order-select: those of the draft orders that are asked about, such as `ServiceRequest/o1`.
    #[schema(value_type = Option<Value>)]
    selections: Option<Value>,
    /// order-dispatch: the orders, such as `ServiceRequest/o1`; at most 100.
    #[schema(value_type = Option<Value>)]
    dispatched_orders: Option<Value>,
    /// order-dispatch, hook version 1.0: the order, where `dispatchedOrders` is not there.
    #[schema(value_type = Option<Value>)]
    order: Option<Value>,
    /// order-dispatch: the Tasks that ask for them to be carried out.
    fulfillment_tasks: Option<Value>,
    /// order-dispatch, hook version 1.0: the Task.
    task: Option<Value>,
    /// appointment-book: the Appointments being booked; at most 100.
    #[schema(value_type = Option<Value>)]
    appointments: Option<Value>,
}

/// A Bundle of orders.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "a schema alone")]
pub(crate) struct DraftOrders {
    /// The type of resource.
    resource_type: BundleType,
    /// Its entries.
    entry: Option<Vec<DraftOrder>>,
}

/// The type of a Bundle.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema alone")]
pub(crate) enum BundleType {
    /// A Bundle.
    Bundle,
}

/// An entry of the Bundle.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "a schema alone")]
pub(crate) struct DraftOrder {
    /// The entry's address.
    full_url: Option<String>,
    /// The order. What is no order of this policy is left alone.
    resource: Option<Value>,
}

/// Feedback on cards (CDS Hooks, "Feedback").
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema alone")]
pub(crate) struct FeedbackCall {
    /// One entry a card, at most 1,000.
    feedback: Vec<FeedbackEntry>,
}

/// What became of one card.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "a schema alone")]
pub(crate) struct FeedbackEntry {
    /// The card's uuid.
    card: String,
    /// What became of it.
    outcome: FeedbackOutcome,
    /// The suggestions that were taken, each with the `id` of one.
    accepted_suggestions: Option<Vec<Value>>,
    /// Why the card was not followed, with `reason` and `userComment`.
    override_reason: Option<Value>,
}

/// What became of a card.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
#[expect(dead_code, reason = "a schema alone")]
pub(crate) enum FeedbackOutcome {
    /// A suggestion was taken.
    Accepted,
    /// It was not followed.
    Overridden,
}

/// What is asked for documentation with; see [`super::package`].
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema alone")]
pub(crate) struct PackageParameters {
    /// One a Coverage, an order, a form's URL, or a decision's id.
    parameter: Vec<Value>,
}

/// The services that are offered (CDS Hooks, "Discovery").
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema alone")]
pub(crate) struct Discovery {
    /// One a hook.
    services: Vec<DiscoveredService>,
}

/// A service.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "a schema alone")]
pub(crate) struct DiscoveredService {
    /// The hook it answers.
    hook: String,
    /// Its path is `/cds-services/{id}`.
    id: String,
    /// Its name, for people.
    title: Option<String>,
    /// What it does.
    description: String,
    /// What a call must bring.
    usage_requirements: Option<String>,
    /// What a call should bring, as queries of the client's FHIR server.
    #[schema(value_type = Option<Object>)]
    prefetch: Option<Value>,
}

/// What was wrong (FHIR R4, OperationOutcome). It repeats no value of the request.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "a schema alone")]
pub(crate) struct OperationOutcome {
    /// `OperationOutcome`
    resource_type: String,
    /// One issue.
    #[schema(min_items = 1)]
    issue: Vec<OutcomeIssue>,
}

/// One thing that was wrong.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema alone")]
pub(crate) struct OutcomeIssue {
    /// `error`
    severity: String,
    /// What kind of fault it is (FHIR R4, `IssueType`).
    code: String,
    /// What was wrong, in a sentence.
    diagnostics: Option<String>,
    /// The JSON path of the member that was wrong.
    expression: Option<Vec<String>>,
}
