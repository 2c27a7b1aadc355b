//! Evaluates a request from the command line, without building a hook response or writing to the ledger.
//! Not here: the steps of a decision ([`super::decision`]), and hook calls ([`super::application`]).

use chrono::{DateTime, Utc};

use super::application::{App, without_mark};
use super::call_error::CallError;
use super::decision::{DecisionContext, ReadScope, Report, conclude};
use super::fetching::FetchScope;
use super::read_request::read_request;
use crate::cds_hooks::named_server;

impl App {
    /// Evaluates a call using only its prefetch and context, and passes the result to `read`.
    ///
    /// # Errors
    /// [`CallError`] if the call violates the specification.
    pub fn evaluate<T>(&self, body: &str, as_of: DateTime<Utc>, read: impl FnOnce(&Report<'_, '_>) -> T) -> Result<T, CallError> {
        let body = without_mark(body);
        let decision_context = self.means_of_request(body, as_of);
        let decision = conclude(
            &decision_context,
            read_request(&decision_context, body, ReadScope::Everything)?.scoped_request.ok_or(CallError::Unwritable)?,
        );
        Ok(read(&decision.report()))
    }

    /// Like [`App::evaluate`], but fetches what the prefetch lacks from the FHIR server that the call names, if it is registered.
    ///
    /// # Errors
    /// [`CallError`] if the call violates the specification.
    pub async fn evaluate_fetching<T>(
        &self,
        body: &str,
        as_of: DateTime<Utc>,
        read: impl FnOnce(&Report<'_, '_>) -> T,
    ) -> Result<T, CallError> {
        let body = without_mark(body);
        let decision_context = self.means_of_request(body, as_of);
        let scoped_request = read_request(&decision_context, body, ReadScope::Everything)?.scoped_request.ok_or(CallError::Unwritable)?;
        // A user who may read the configuration may also query its servers.
        let scope = FetchScope { allowed: &|_| true, end: None, form: None };
        self.decide(&decision_context, scoped_request, &scope, |decision, _| read(&decision.report())).await
    }

    /// The settings for a request without an authenticated caller: those of the client that the FHIR server is registered for.
    fn means_of_request(&self, body: &str, as_of: DateTime<Utc>) -> DecisionContext<'_> {
        let server = || self.registry.server(&named_server(body)?);
        let server = if self.readings.differ() { server() } else { None };
        let reading = self.readings.of_request(server.as_ref().map(|server| server.name()));
        DecisionContext { options: reading.options(), ..self.decision_context(as_of) }
    }
}
