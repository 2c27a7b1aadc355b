//! The body of a response while it is sent. Until then its request counts as one in progress, so that answers whose callers do not read
//! them do not pile up beyond the limits.
//! Not here: how long sending may take; see [`mod@super::serve`].

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

use super::admission::CallPermit;

/// Maximum size of a piece, in bytes. The HTTP library holds a few pieces that are not sent yet, and asks for no more of them until they are.
pub(super) const MAX_PIECE: usize = 16 * 1024;

/// What a request holds until its response is sent, in the response's extensions.
#[derive(Clone)]
pub(super) struct HeldUntilSent {
    _permits: Arc<dyn Any + Send + Sync>,
}

impl HeldUntilSent {
    pub(super) fn new(permits: impl Any + Send + Sync) -> Self {
        Self { _permits: Arc::new(permits) }
    }
}

/// A response's body, in small pieces. It keeps what its request holds; the HTTP library drops it once its last piece is taken.
pub(super) struct SentBody<InWork> {
    inner: Body,
    /// The rest of the frame that is being sent.
    rest: Bytes,
    _held: (InWork, Option<Arc<CallPermit>>, Option<HeldUntilSent>),
}

/// The response, which keeps `in_work` until its body is sent, and its permits too.
pub(super) fn held_until_sent<InWork: Send + Unpin + 'static>(mut response: Response, in_work: InWork) -> Response {
    let permit = response.extensions_mut().remove::<Arc<CallPermit>>();
    if let Some(permit) = &permit {
        let answer = usize::try_from(response.body().size_hint().lower()).unwrap_or(usize::MAX);
        permit.work.shrink_to(0);
        permit.body.shrink_to(answer);
    }
    let held = (in_work, permit, response.extensions_mut().remove::<HeldUntilSent>());
    response.map(|inner| Body::new(SentBody { inner, rest: Bytes::new(), _held: held }))
}

impl<InWork: Unpin> HttpBody for SentBody<InWork> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let piece = self.rest.len().min(MAX_PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.inner.size_hint();
        let rest = self.rest.len() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(hint.lower().saturating_add(rest));
        hint
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_response_is_held_until_its_last_piece_is_taken() {
        for length in [0, 1, MAX_PIECE, MAX_PIECE + 1, 3 * MAX_PIECE + 7] {
            let text: Vec<u8> = (0..length).map(|place| u8::try_from(place % 251).expect("a byte")).collect();
            let busy = Arc::new(());
            let mut body = held_until_sent(text.clone().into_response(), Arc::clone(&busy)).into_body();
            assert_eq!(body.size_hint().exact(), Some(length as u64));
            let mut sent = Vec::new();
            while sent.len() < length {
                assert_eq!(Arc::strong_count(&busy), 2, "{length}");
                let piece = body.frame().await.expect("a piece").expect("no error").into_data().expect("data");
                assert!(piece.len() <= MAX_PIECE);
                sent.extend_from_slice(&piece);
                assert_eq!(body.size_hint().exact(), Some((length - sent.len()) as u64));
            }
            assert!(sent == text && body.is_end_stream());
            drop(body);
            assert_eq!(Arc::strong_count(&busy), 1);
        }
    }
}
