//! A plain blocking HTTP/1.1 client, strict about what it accepts: one request, one reply.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A reply, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The value of a header that must not be there twice.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .headers
            .iter()
            .filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(
            values.next().is_none(),
            "{name} is there twice: {:?}",
            self.headers
        );
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {:?}", self.body))
    }
}

/// A connection that is kept alive between requests.
pub(crate) struct Connection {
    stream: TcpStream,
    /// Bytes past the end of the last reply.
    unread: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Connection {
        Connection::try_open(address).expect("the door accepts")
    }

    pub(crate) fn try_open(address: SocketAddr) -> std::io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            unread: Vec::new(),
        })
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Sends bytes as they are: for requests that no well-behaved client would make.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends one request with `Host` and, where there is a body, `Content-Length`.
    pub(crate) fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Reply> {
        let host = self.stream.peer_addr()?;
        let mut bytes = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
        for (name, value) in headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if !body.is_empty() {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        self.send(&bytes)?;
        self.reply(method)
    }

    /// Reads the reply to a request of this method; interim (1xx) replies are skipped.
    pub(crate) fn reply(&mut self, method: &str) -> std::io::Result<Reply> {
        loop {
            let (mut reply, head_bytes) = self.head()?;
            self.unread.drain(..head_bytes);
            if (100..200).contains(&reply.status) && reply.status != 101 {
                continue;
            }
            let has_body = method != "HEAD" && !matches!(reply.status, 101 | 204 | 304);
            if has_body {
                reply.body = self.body(&reply)?;
            }
            return Ok(reply);
        }
    }

    /// Waits for the server to close; anything else that arrives is handed back.
    pub(crate) fn read_to_close(&mut self) -> std::io::Result<Vec<u8>> {
        let mut bytes = std::mem::take(&mut self.unread);
        self.stream.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn head(&mut self) -> std::io::Result<(Reply, usize)> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut head = httparse::Response::new(&mut headers);
            let status = head.parse(&self.unread).map_err(invalid)?;
            if let httparse::Status::Complete(bytes) = status {
                let headers = head.headers.iter().map(|header| {
                    let value = String::from_utf8_lossy(header.value).into_owned();
                    (header.name.to_owned(), value)
                });
                let status = head.code.expect("a complete head has a status");
                return Ok((
                    Reply {
                        status,
                        headers: headers.collect(),
                        body: vec![],
                    },
                    bytes,
                ));
            }
            self.fill()?;
        }
    }

    fn body(&mut self, reply: &Reply) -> std::io::Result<Vec<u8>> {
        if let Some(length) = reply.header("content-length") {
            let length = length.parse().map_err(invalid)?;
            return self.take(length);
        }
        if reply.header("transfer-encoding") == Some("chunked") {
            return self.chunks();
        }
        self.read_to_close()
    }

    fn chunks(&mut self) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let digits = line.split(';').next().unwrap_or_default();
            let length = usize::from_str_radix(digits, 16).map_err(invalid)?;
            if length == 0 {
                while !self.line()?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.take(length)?);
            if !self.line()?.is_empty() {
                return Err(invalid("a chunk is longer than its size"));
            }
        }
    }

    fn line(&mut self) -> std::io::Result<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8(self.unread[..end].to_vec()).map_err(invalid)?;
                self.unread.drain(..end + 2);
                return Ok(line);
            }
            self.fill()?;
        }
    }

    fn take(&mut self, length: usize) -> std::io::Result<Vec<u8>> {
        while self.unread.len() < length {
            self.fill()?;
        }
        Ok(self.unread.drain(..length).collect())
    }

    fn fill(&mut self) -> std::io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk)? {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            size => {
                self.unread.extend_from_slice(&chunk[..size]);
                Ok(())
            }
        }
    }
}

/// One `GET` on a connection of its own.
pub(crate) fn fetch(address: SocketAddr, target: &str) -> Reply {
    send(address, "GET", target, &[], b"")
}

/// One `POST` of JSON on a connection of its own.
pub(crate) fn post_json(address: SocketAddr, target: &str, body: &serde_json::Value) -> Reply {
    let headers = [("Content-Type", "application/json")];
    send(
        address,
        "POST",
        target,
        &headers,
        body.to_string().as_bytes(),
    )
}

/// One request on a connection of its own.
pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Reply {
    Connection::open(address)
        .request(method, target, headers, body)
        .unwrap_or_else(|error| panic!("{method} {target}: {error}"))
}

fn invalid(error: impl ToString) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, error.to_string())
}

const TIMEOUT: Duration = Duration::from_secs(30);
