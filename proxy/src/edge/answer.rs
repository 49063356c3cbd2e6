//! What the proxy answers by itself.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use pingora::{Error, ErrorSource, ErrorType, Result};

/// Seconds; what a client is told that came before the first flag set did.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// An answer that the proxy gives itself.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) text: &'static str,
    /// Whether the connection ends with it.
    pub(super) close: bool,
}

impl Answer {
    /// What is told of a failure, by [`error_status`].
    pub(super) fn failed(code: u16) -> Self {
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let text = match status {
            StatusCode::BAD_REQUEST => "malformed request\n",
            StatusCode::REQUEST_TIMEOUT => "the request takes too long\n",
            StatusCode::BAD_GATEWAY => "the backend failed\n",
            StatusCode::SERVICE_UNAVAILABLE => "no backend\n",
            StatusCode::GATEWAY_TIMEOUT => "the backend takes too long\n",
            _ => "an error of the proxy\n",
        };
        Self {
            status,
            text,
            close: true,
        }
    }

    /// Writes it; a request for the head alone gets no body.
    pub(super) async fn send(self, session: &mut Session) -> Result<()> {
        let mut header = ResponseHeader::build(self.status, Some(4))?;
        header.insert_header(CONTENT_TYPE, "text/plain; charset=utf-8")?;
        header.insert_header(CONTENT_LENGTH, self.text.len())?;
        header.insert_header(CACHE_CONTROL, "no-store")?;
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            header.insert_header(RETRY_AFTER, RETRY_AFTER_SECONDS)?;
        }
        if self.close {
            session.set_keepalive(None);
        }
        let body = session.req_header().method != Method::HEAD;
        session
            .write_response_header(Box::new(header), !body)
            .await?;
        if body {
            session
                .write_response_body(Some(Bytes::from_static(self.text.as_bytes())), true)
                .await?;
        }
        Ok(())
    }
}

/// What a client is told of a failure; 0 where there is nobody left to tell.
pub(super) fn error_status(error: &Error) -> u16 {
    use ErrorType::{
        ConnectTimedout, ConnectionClosed, HTTPStatus, ReadError, ReadTimedout, WriteError,
        WriteTimedout,
    };
    match (error.etype(), error.esource()) {
        (HTTPStatus(code), _) => *code,
        (ConnectTimedout | ReadTimedout | WriteTimedout, ErrorSource::Upstream) => 504,
        (_, ErrorSource::Upstream) => 502,
        (WriteError | ReadError | ConnectionClosed | WriteTimedout, ErrorSource::Downstream) => 0,
        (ReadTimedout, ErrorSource::Downstream) => 408,
        (_, ErrorSource::Downstream) => 400,
        (_, ErrorSource::Internal | ErrorSource::Unset) => 500,
    }
}
