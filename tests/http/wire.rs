//! Bytes as they are: what is sent, what comes back until the end, and waiting for a state.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::support::http::Reply;

/// A socket that gives up rather than wait forever.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the door accepts");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends bytes, ends our half and reads to the server's end.
pub(crate) fn converse(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    read_to_end(&mut stream)
}

/// Reads to the server's end, which must come.
pub(crate) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => bytes,
        Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&bytes)),
    }
}

/// The replies that these bytes are, every one whole and with a length.
pub(crate) fn replies(bytes: &[u8]) -> Vec<Reply> {
    try_replies(bytes).unwrap_or_else(|fault| panic!("{fault}"))
}

/// As [`replies`], with what is wrong with the bytes.
pub(crate) fn try_replies(bytes: &[u8]) -> Result<Vec<Reply>, String> {
    let mut replies = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (reply, length) = first_reply(rest)
            .map_err(|fault| format!("{fault} in {:?}", String::from_utf8_lossy(rest)))?;
        replies.push(reply);
        rest = &rest[length..];
    }
    Ok(replies)
}

/// The statuses of the replies that these bytes are.
pub(crate) fn statuses(bytes: &[u8]) -> Vec<u16> {
    replies(bytes).iter().map(|reply| reply.status).collect()
}

fn first_reply(bytes: &[u8]) -> Result<(Reply, usize), String> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let parsed = head.parse(bytes).map_err(|fault| fault.to_string())?;
    let httparse::Status::Complete(head_bytes) = parsed else {
        return Err("a head is cut".to_owned());
    };
    let fields = head.headers.iter().map(|field| {
        let value = String::from_utf8_lossy(field.value).into_owned();
        (field.name.to_owned(), value)
    });
    let mut reply = Reply {
        status: head.code.expect("a whole head has a status"),
        headers: fields.collect(),
        body: Vec::new(),
    };
    if matches!(reply.status, 100..=199 | 204 | 304) {
        return Ok((reply, head_bytes));
    }
    let length: usize = match reply.header("content-length").map(str::parse) {
        Some(Ok(length)) => length,
        Some(Err(_)) | None => return Err("no length".to_owned()),
    };
    let end = head_bytes + length;
    let body = bytes.get(head_bytes..end).ok_or("a body is cut")?;
    reply.body = body.to_vec();
    Ok((reply, end))
}

/// Asks again until it is so. For states of the server or of the machine that nothing announces.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let gives_up = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < gives_up, "not within {PATIENCE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
