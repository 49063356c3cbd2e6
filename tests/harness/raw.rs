//! A client that sends exactly the bytes it is given, lawful or not.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::backend::Echo;

/// What came back, taken apart no further than a test needs.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    /// Everything up to the connection's end.
    pub bytes: Vec<u8>,
}

/// Sends `request` on a connection of its own and reads until the other side closes it, so the
/// request should say `Connection: close`. Panics after ten seconds.
pub async fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> RawAnswer {
    send(address, request.as_ref(), false).await
}

/// The same, but says at once that nothing more will come. For what is no whole request.
pub async fn exchange_and_close(address: SocketAddr, request: impl AsRef<[u8]>) -> RawAnswer {
    send(address, request.as_ref(), true).await
}

async fn send(address: SocketAddr, request: &[u8], close: bool) -> RawAnswer {
    let exchange = async {
        let (mut from, mut to) = TcpStream::connect(address)
            .await
            .expect("a connection")
            .into_split();
        // Whoever refuses a request may close before it has all of it; the answer is what counts. It is
        // read meanwhile, because the reset that follows such a close may throw away what was not.
        let write = async {
            let _ = to.write_all(request).await;
            if close {
                let _ = to.shutdown().await;
            }
        };
        let mut bytes = Vec::new();
        let read = async { from.read_to_end(&mut bytes).await };
        let _ = tokio::join!(write, read);
        RawAnswer { bytes }
    };
    let answer = tokio::time::timeout(Duration::from_secs(10), exchange).await;
    answer.expect("the end of a raw exchange")
}

impl RawAnswer {
    /// The status code; `None` when the connection closed without an answer.
    pub fn status(&self) -> Option<u16> {
        let line = self.bytes.split(|byte| *byte == b'\r').next()?;
        std::str::from_utf8(line)
            .ok()?
            .split(' ')
            .nth(1)?
            .parse()
            .ok()
    }

    /// What the backend received. Panics unless the status is 200.
    pub fn echo(&self) -> Echo {
        let text = String::from_utf8_lossy(&self.bytes);
        assert_eq!(self.status(), Some(200), "{text}");
        // The only braces are the echo's, whatever framing is around it.
        let (start, end) = (text.find('{'), text.rfind('}'));
        let (start, end) = start
            .zip(end)
            .unwrap_or_else(|| panic!("no echo in {text}"));
        serde_json::from_str(&text[start..=end]).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}
