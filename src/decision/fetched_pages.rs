//! The pages that were fetched for a call, and how they add to its evidence. The caller owns them; the evidence borrows from them.
//! Not here: fetching ([`super::fetch_missing`]).

use std::sync::OnceLock;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::request::ScopedRequest;
use crate::evidence::{Kind, Text};
use crate::fhir::{AnswerTo, Reason, SearchAnswer};

/// The resource type of the orders to look up.
pub const ORDER: &str = "ServiceRequest";

/// The pages fetched for a call. Each step of fetching fills its part once.
#[derive(Debug, Default)]
pub struct FetchedPages {
    orders: OnceLock<Vec<AnswerTo<&'static str>>>,
    lists: OnceLock<Vec<AnswerTo<Kind>>>,
    late_lists: OnceLock<Vec<AnswerTo<Kind>>>,
    referred: OnceLock<Vec<AnswerTo<&'static str>>>,
    form: OnceLock<SearchAnswer>,
}

impl FetchedPages {
    /// The pages of a recorded call.
    #[must_use]
    pub fn new(
        orders: Vec<AnswerTo<&'static str>>,
        lists: Vec<AnswerTo<Kind>>,
        referred: Vec<AnswerTo<&'static str>>,
        form: Option<SearchAnswer>,
    ) -> Self {
        let pages = Self { orders: orders.into(), lists: lists.into(), referred: referred.into(), ..Self::default() };
        if let Some(form) = form {
            pages.set_form(form);
        }
        pages
    }

    /// The orders that the call names.
    #[must_use]
    pub fn orders(&self) -> &[AnswerTo<&'static str>] {
        self.orders.get().map_or(&[], Vec::as_slice)
    }

    /// The lists, those that arrived late last.
    pub fn lists(&self) -> impl Iterator<Item = &AnswerTo<Kind>> {
        [&self.lists, &self.late_lists].into_iter().filter_map(OnceLock::get).flatten()
    }

    /// Why the orders that the call names could not be read in full.
    pub fn order_problem(&self) -> Option<Reason> {
        self.orders().iter().find_map(|found| found.answer.missing)
    }

    /// The resources that orders and lists refer to.
    #[must_use]
    pub fn referred(&self) -> &[AnswerTo<&'static str>] {
        self.referred.get().map_or(&[], Vec::as_slice)
    }

    /// Whether the client has the documentation form, if it was looked up.
    #[must_use]
    pub fn form(&self) -> Option<&SearchAnswer> {
        self.form.get()
    }

    /// The size of all pages, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let answers = self.lists().map(|list| &list.answer).chain(self.orders().iter().chain(self.referred()).map(|found| &found.answer));
        answers.flat_map(|answer| &answer.pages).map(Bytes::len).sum()
    }

    pub(super) fn set_orders(&self, answers: Vec<AnswerTo<&'static str>>) {
        self.orders.get_or_init(|| answers);
    }

    pub(super) fn set_lists(&self, answers: Vec<AnswerTo<Kind>>) {
        self.lists.get_or_init(|| answers);
    }

    pub(super) fn set_late_lists(&self, answers: Vec<AnswerTo<Kind>>) {
        self.late_lists.get_or_init(|| answers);
    }

    pub(super) fn set_referred(&self, answers: Vec<AnswerTo<&'static str>>) {
        self.referred.get_or_init(|| answers);
    }

    pub(super) fn set_form(&self, answer: SearchAnswer) {
        self.form.get_or_init(|| answer);
    }

    /// Adds the orders to a request.
    pub fn add_orders<'p>(&'p self, request: ScopedRequest<'p>) -> ScopedRequest<'p> {
        let pages = self.orders().iter().flat_map(|AnswerTo { answer, .. }| &answer.pages);
        let pages: Vec<&'p RawValue> = pages.filter_map(|page| serde_json::from_slice(page).ok()).collect();
        request.map_record(|record, named| record.with_named(named, pages))
    }

    /// Adds the lists and the resources they refer to.
    pub fn add_evidence<'p>(&'p self, request: ScopedRequest<'p>) -> ScopedRequest<'p> {
        self.add_referred(self.add_late_lists(self.add_lists(request)))
    }

    pub(super) fn add_lists<'p>(&'p self, request: ScopedRequest<'p>) -> ScopedRequest<'p> {
        with_lists(request, self.lists.get())
    }

    pub(super) fn add_late_lists<'p>(&'p self, request: ScopedRequest<'p>) -> ScopedRequest<'p> {
        with_lists(request, self.late_lists.get())
    }

    pub(super) fn add_referred<'p>(&'p self, request: ScopedRequest<'p>) -> ScopedRequest<'p> {
        let parts =
            |AnswerTo { key, answer }: &'p AnswerTo<&'static str>| (*key, answer.pages.as_slice(), answer.missing.map(Reason::as_str));
        request.map_record(|record, _| record.with_referred(self.referred().iter().map(parts)))
    }

    /// The canonical URL of the form that was looked up, if it was and the client does not have it.
    #[must_use]
    pub fn lacking_form<'p>(&self, canonical: &'p str) -> Option<&'p str> {
        let SearchAnswer { pages, missing: None } = self.form()? else { return None };
        let url = canonical.split('|').next().unwrap_or(canonical);
        (!pages.iter().any(|page| has_form(page, url))).then_some(canonical)
    }
}

fn with_lists<'p>(request: ScopedRequest<'p>, lists: Option<&'p Vec<AnswerTo<Kind>>>) -> ScopedRequest<'p> {
    request.map_record(|record, _| {
        lists.into_iter().flatten().fold(record, |record, AnswerTo { key, answer: SearchAnswer { pages, missing } }| {
            record.with_fetched(*key, pages, missing.map(Reason::as_str))
        })
    })
}

/// Whether a page of Questionnaires has one with this URL. A page that cannot be read may have it.
fn has_form(page: &Bytes, url: &str) -> bool {
    #[derive(Deserialize)]
    struct FetchedPage<'a> {
        #[serde(borrow, default)]
        entry: Vec<BundleEntry<'a>>,
    }
    #[derive(Deserialize)]
    struct BundleEntry<'a> {
        #[serde(borrow, default)]
        resource: FetchedForm<'a>,
    }
    #[derive(Default, Deserialize)]
    struct FetchedForm<'a> {
        #[serde(borrow, default)]
        url: Option<Text<'a>>,
    }
    let page: Option<FetchedPage<'_>> = serde_json::from_slice(page).ok();
    page.is_none_or(|page| page.entry.iter().any(|entry| entry.resource.url.as_ref().is_some_and(|form| form.as_str() == url)))
}
