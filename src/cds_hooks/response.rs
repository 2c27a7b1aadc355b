//! The response to a hook call: CDS Hooks 2.0.1, "HTTP Response" and "Card Attributes".
//! Empty members are omitted, except for `cards`. <https://cds-hooks.hl7.org/2.0/#cds-service-response>

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::order_json::OrderJson;

/// The response to a hook call.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HookResponse)]
pub struct Response<'a> {
    /// At most one card per in-scope order, and one that links to the policy of a plan.
    pub cards: Vec<Card<'a>>,
    /// Actions that the client carries out without asking the user: coverage information on orders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system_actions: Vec<Action<'a>>,
}

/// A card.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Card<'a> {
    /// Identifies the card in feedback.
    pub uuid: Uuid,
    /// Under 140 characters.
    #[schema(max_length = 140)]
    pub summary: String,
    /// Readable as GitHub Markdown and as plain text.
    pub detail: String,
    /// Info or warning.
    pub indicator: Indicator,
    /// Where the card comes from.
    pub source: CardSource,
    /// Suggestions that the user can accept with one click.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<Suggestion<'a>>,
    /// How many of them can be accepted together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection_behavior: Option<SelectionBehavior>,
    /// Reasons the user can give for overriding the card.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub override_reasons: Vec<Coding>,
    /// Links to more information.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Extensions from CRD and from the client's dialect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<CardExtension>,
}

/// Extensions to a CDS Hooks card.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct CardExtension {
    /// The orders or appointments the card is about (CRD 2.2.1, "Linking responses to requests").
    #[serde(rename = "davinci-crd.associated-resource", skip_serializing_if = "Vec::is_empty")]
    pub associated_resource: Vec<ResourceReference>,
    /// The content type that Epic uses for the detail.
    #[serde(rename = "com.epic.cdshooks.card.detail.content-type", skip_serializing_if = "Option::is_none")]
    pub detail_content_type: Option<String>,
}

/// A reference to a resource of the call.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResourceReference {
    /// The reference, such as `ServiceRequest/{id}`.
    pub reference: String,
}

/// How urgent a card is; a payer's card is never critical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Indicator {
    /// The user need not act.
    Info,
    /// The user should act.
    Warning,
}

/// The source of a card.
#[derive(Debug, Serialize, ToSchema)]
pub struct CardSource {
    /// The insurer's name, else the plan's.
    pub label: String,
    /// The plan's published policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The kind of card.
    pub topic: Coding,
}

/// A code.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Coding {
    /// The code system.
    pub system: String,
    /// The code.
    pub code: String,
    /// The display text.
    pub display: String,
}

/// How many suggestions can be accepted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SelectionBehavior {
    /// Any number of them.
    Any,
    /// At most one, because they change the same order.
    AtMostOne,
}

/// A suggestion that the user can accept with one click.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suggestion<'a> {
    /// A short description.
    pub label: String,
    /// Identifies the suggestion in feedback.
    pub uuid: Uuid,
    /// The actions that the client carries out.
    pub actions: Vec<Action<'a>>,
}

/// An action that the client carries out when the user accepts a suggestion.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Action<'a> {
    /// Creates a resource.
    Create {
        /// What the action does.
        description: String,
        /// The new resource.
        #[schema(value_type = Object)]
        resource: serde_json::Value,
        /// Extensions from CRD.
        #[serde(skip_serializing_if = "Option::is_none")]
        extension: Option<ActionExtension>,
    },
    /// Replaces an order with a changed copy of the client's own JSON.
    Update {
        /// What the action does.
        description: String,
        /// The changed order.
        #[schema(value_type = Object)]
        resource: OrderJson<'a>,
    },
    /// Deletes an order.
    Delete {
        /// What the action does.
        description: String,
        /// The order's reference, such as `ServiceRequest/{id}`.
        #[serde(rename = "resourceId")]
        resource_id: String,
    },
}

/// Extensions to a CDS Hooks action (CRD 2.2.1, "if-none-exist").
#[derive(Debug, Serialize, ToSchema)]
pub struct ActionExtension {
    /// A search query; the client creates the resource only if it finds nothing.
    #[serde(rename = "davinci-crd.if-none-exist")]
    pub if_none_exist: String,
}

/// A link.
#[derive(Debug, Serialize, ToSchema)]
pub struct Link {
    /// The text.
    pub label: String,
    /// The URL.
    pub url: String,
    /// `absolute` links open without a SMART launch.
    #[serde(rename = "type")]
    pub kind: LinkKind,
    /// The context that the EHR passes to the app at launch.
    #[serde(rename = "appContext", skip_serializing_if = "Option::is_none")]
    pub app_context: Option<String>,
}

/// How a link is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// Opened as it is.
    Absolute,
    /// Opened with a SMART launch.
    Smart,
}
