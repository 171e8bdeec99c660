//! Closing so that the peer can read why: a socket that is closed with bytes unread is reset, and
//! a reset can overtake the reply (RFC 9112, section 9.6).

use crate::limits::{LINGER_BYTES_MAX, LINGER_PATIENCE};
use crate::ring::TcpStream;

/// Ends our half, then reads what the peer still sends, up to a bound, until it closes too.
pub(super) async fn linger(stream: &TcpStream) {
    if stream.shutdown().is_err() {
        return;
    }
    stream.set_deadline(Some(LINGER_PATIENCE));
    let mut bytes_left = LINGER_BYTES_MAX;
    loop {
        match stream.receive().await {
            Ok(Some(received)) if received.len() < bytes_left => bytes_left -= received.len(),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return,
        }
    }
}
