//! The answer to a hook call: CDS Hooks 2.0.1, "HTTP Response" and "Card Attributes".
//! Absent rather than null or empty, everywhere but `cards`. <https://cds-hooks.hl7.org/2.0/#cds-service-response>

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::order_json::OrderJson;

/// The answer to a hook call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HookResponse)]
pub struct Response<'a> {
    /// At most one card an in-scope order.
    pub cards: Vec<Card<'a>>,
    /// What the client does without asking anybody: coverage information put on orders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system_actions: Vec<Action<'a>>,
}

/// A card.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Card<'a> {
    /// Names the card in feedback.
    pub uuid: Uuid,
    /// Under 140 characters.
    #[schema(max_length = 140)]
    pub summary: String,
    /// Legible as GitHub Markdown and as plain text.
    pub detail: String,
    /// Info or warning.
    pub indicator: Indicator,
    /// Who says so.
    pub source: Source,
    /// What can be done with one click.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<Suggestion<'a>>,
    /// How many of them can be taken together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection_behavior: Option<SelectionBehavior>,
    /// Why it may not be followed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub override_reasons: Vec<Coding>,
    /// Where to read more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// What CRD and a client's own dialect add.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<CardExtension>,
}

/// What is said of a card beyond CDS Hooks.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct CardExtension {
    /// The orders or appointments the card is about (CRD 2.2.1, "Linking responses to requests").
    #[serde(rename = "davinci-crd.associated-resource", skip_serializing_if = "Vec::is_empty")]
    pub associated_resource: Vec<ResourceReference>,
    /// What Epic reads the detail as.
    #[serde(rename = "com.epic.cdshooks.card.detail.content-type", skip_serializing_if = "Option::is_none")]
    pub detail_content_type: Option<String>,
}

/// A reference to a resource of the call.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResourceReference {
    /// `ServiceRequest/{id}`
    pub reference: String,
}

/// How urgent a card is; a payer's card is never critical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Indicator {
    /// Nothing to do.
    Info,
    /// Something to do.
    Warning,
}

/// Who a card comes from.
#[derive(Debug, Serialize, ToSchema)]
pub struct Source {
    /// The insurer's name, else the plan's.
    pub label: String,
    /// What kind of card it is.
    pub topic: Coding,
}

/// A code.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Coding {
    /// The code system.
    pub system: String,
    /// The code.
    pub code: String,
    /// Its words.
    pub display: String,
}

/// How many suggestions can be taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SelectionBehavior {
    /// Any of them.
    Any,
    /// One, because they change the same order.
    AtMostOne,
}

/// Something that can be done with one click.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suggestion<'a> {
    /// What it does, in a few words.
    pub label: String,
    /// Names it in feedback.
    pub uuid: Uuid,
    /// What the client does.
    pub actions: Vec<Action<'a>>,
}

/// What the client does when a suggestion is taken.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Action<'a> {
    /// Makes a new resource.
    Create {
        /// What it does.
        description: String,
        /// The new resource.
        #[schema(value_type = Object)]
        resource: serde_json::Value,
        /// What CRD adds.
        #[serde(skip_serializing_if = "Option::is_none")]
        extension: Option<ActionExtension>,
    },
    /// Replaces an order by the client's own JSON with one change.
    Update {
        /// What it does.
        description: String,
        /// The changed order.
        #[schema(value_type = Object)]
        resource: OrderJson<'a>,
    },
    /// Removes an order.
    Delete {
        /// What it does.
        description: String,
        /// `ServiceRequest/{id}`
        #[serde(rename = "resourceId")]
        resource_id: String,
    },
}

/// What is said of an action beyond CDS Hooks (CRD 2.2.1, "if-none-exist").
#[derive(Debug, Serialize, ToSchema)]
pub struct ActionExtension {
    /// The search that must find nothing, or the resource is not made.
    #[serde(rename = "davinci-crd.if-none-exist")]
    pub if_none_exist: String,
}

/// A link.
#[derive(Debug, Serialize, ToSchema)]
pub struct Link {
    /// Its words.
    pub label: String,
    /// Its address.
    pub url: String,
    /// `absolute`: without a SMART launch.
    #[serde(rename = "type")]
    pub kind: LinkKind,
    /// What the EHR hands over to the app it launches.
    #[serde(rename = "appContext", skip_serializing_if = "Option::is_none")]
    pub app_context: Option<String>,
}

/// How a link is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// As it is.
    Absolute,
    /// By a SMART launch.
    Smart,
}
