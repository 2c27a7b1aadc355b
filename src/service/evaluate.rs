//! Evaluates a request for the command line, without building a hook response or writing to the ledger.
//! Not here: the steps of a decision ([`crate::decision`]), and hook calls ([`super::hook_service`]).

use chrono::{DateTime, Utc};

use super::call_error::CallError;
use super::hook_service::HookService;
use crate::cds_hooks::without_byte_order_mark;
use crate::decision::{Decision, DecisionContext, FetchScope, FetchedPages, ReadScope, ScopedRequest, decide, read_request};
use crate::memory_budget::MemoryGrant;

impl HookService {
    /// Evaluates a call using only its prefetch and context.
    ///
    /// # Errors
    /// [`CallError`] if the call violates the specification.
    pub fn evaluate<'a>(&self, body: &'a str, as_of: DateTime<Utc>) -> Result<Decision<'a>, CallError> {
        let body = without_byte_order_mark(body);
        let (context, plan) = self.engine.context_for_request(body, as_of);
        let request = read_request(&context, body, ReadScope::Everything)?.scoped_request.ok_or(CallError::Unwritable)?;
        Ok(self.decide_for_plan(&context, request.with_appointments_alone(&context)?, plan))
    }

    /// Like [`HookService::evaluate`], but fetches what the prefetch lacks into `pages`, from the FHIR server that the call names, if it is
    /// registered.
    ///
    /// # Errors
    /// [`CallError`] if the call violates the specification.
    pub async fn evaluate_fetching<'a>(
        &self,
        body: &'a str,
        as_of: DateTime<Utc>,
        pages: &'a FetchedPages,
    ) -> Result<Decision<'a>, CallError> {
        let body = without_byte_order_mark(body);
        let (context, plan) = self.engine.context_for_request(body, as_of);
        let request = read_request(&context, body, ReadScope::Everything)?.scoped_request.ok_or(CallError::Unwritable)?;
        // A user who may read the configuration may also query its servers.
        let memory = MemoryGrant::default();
        let scope = FetchScope { allowed: &|_| true, end: None, form: None, memory: &memory };
        let (request, _) = self.engine.fetch_missing(&context, request, &scope, pages).await?;
        Ok(self.decide_for_plan(&context, request, plan))
    }

    /// Decides with the policy of each order's plan; `plan` is the client's own plan, if it has one.
    fn decide_for_plan<'a>(&self, context: &DecisionContext<'_>, request: ScopedRequest<'a>, plan: Option<&str>) -> Decision<'a> {
        let choice = request.choose_policies(context, &|coverage| self.plans.policy_of(plan, coverage));
        decide(context, request, choice)
    }
}
