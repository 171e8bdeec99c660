//! A WebSocket client of the configuration protocol on a plain socket, blocking or not.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// An open session.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    /// Bytes from `parsed` on are not yet frames.
    received: Vec<u8>,
    parsed: usize,
}

impl Client {
    /// Connects, shakes hands and takes the opening BULK_UPDATE. The index picks the source
    /// address: one address has too few ports for more than some twenty thousand clients.
    pub(crate) fn connect(address: SocketAddr, index: usize) -> io::Result<Client> {
        let stream = connect_from(source_address(index), address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut client = Client {
            stream,
            received: Vec::new(),
            parsed: 0,
        };
        client.shake_hands(address)?;
        let opening = client.next_blocking()?;
        if opening.first() != Some(&BULK_UPDATE) {
            return Err(invalid(format!("an opening frame of {opening:02x?}")));
        }
        Ok(client)
    }

    /// From here on, reads return what there is.
    pub(crate) fn set_nonblocking(&mut self) -> io::Result<()> {
        // The opening frames of many clients are not worth their memory.
        self.received = Vec::new();
        self.parsed = 0;
        self.stream.set_nonblocking(true)
    }

    /// Sends one binary message, masked.
    pub(crate) fn send(&mut self, frame: &[u8; 14]) -> io::Result<()> {
        let mut bytes = [0; 20];
        bytes[0] = FIN_BINARY;
        bytes[1] = 0x80 | 14;
        bytes[2..6].copy_from_slice(&MASK);
        for (index, byte) in frame.iter().enumerate() {
            bytes[6 + index] = byte ^ MASK[index % 4];
        }
        self.stream.write_all(&bytes)
    }

    /// Calls `each` with every binary message that has arrived.
    pub(crate) fn receive(
        &mut self,
        mut each: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        loop {
            let is_drained = match self.fill() {
                Ok(()) => false,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
                Err(error) => return Err(error),
            };
            while let Some((start, end)) = self.next_message()? {
                each(&self.received[start..end])?;
            }
            if is_drained {
                return Ok(());
            }
        }
    }

    fn next_blocking(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some((start, end)) = self.next_message()? {
                return Ok(self.received[start..end].to_vec());
            }
            self.fill()?;
        }
    }

    /// Where the next whole message lies. Servers of this protocol send small ones only.
    fn next_message(&mut self) -> io::Result<Option<(usize, usize)>> {
        let [first, length, ..] = self.received[self.parsed..] else {
            self.forget_parsed();
            return Ok(None);
        };
        if first != FIN_BINARY || length > 125 {
            return Err(invalid(format!(
                "a frame that begins with {first:02x} {length:02x}"
            )));
        }
        let start = self.parsed + 2;
        let end = start + usize::from(length);
        if end > self.received.len() {
            return Ok(None);
        }
        self.parsed = end;
        Ok(Some((start, end)))
    }

    fn forget_parsed(&mut self) {
        self.received.drain(..self.parsed);
        self.parsed = 0;
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 4096];
        match self.stream.read(&mut chunk)? {
            0 => Err(io::Error::other("the server closed a session")),
            bytes => {
                self.received.extend_from_slice(&chunk[..bytes]);
                Ok(())
            }
        }
    }

    fn shake_hands(&mut self, address: SocketAddr) -> io::Result<()> {
        let request = format!(
            "GET /_ws/config HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\
             Sec-WebSocket-Protocol: bun.config.v1\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes())?;
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut head = httparse::Response::new(&mut headers);
            if let httparse::Status::Complete(bytes) =
                head.parse(&self.received).map_err(invalid)?
            {
                let accept = head
                    .headers
                    .iter()
                    .find(|header| header.name.eq_ignore_ascii_case("sec-websocket-accept"));
                if head.code != Some(101)
                    || accept.is_none_or(|accept| accept.value != ACCEPT.as_bytes())
                {
                    return Err(invalid(format!("a handshake with status {:?}", head.code)));
                }
                self.parsed = bytes;
                return Ok(());
            }
            self.fill()?;
        }
    }
}

/// A fixed frame: type, offset u32 LE, value u64 LE, XOR of the thirteen bytes before.
pub(crate) fn frame(kind: u8, offset: u32, value: u64) -> [u8; 14] {
    let mut bytes = [0; 14];
    bytes[0] = kind;
    bytes[1..5].copy_from_slice(&offset.to_le_bytes());
    bytes[5..13].copy_from_slice(&value.to_le_bytes());
    bytes[13] = bytes[..13].iter().fold(0, |sum, byte| sum ^ byte);
    bytes
}

fn connect_from(source: Ipv4Addr, address: SocketAddr) -> io::Result<TcpStream> {
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    rustix::net::bind(&socket, &SocketAddrV4::new(source, 0))?;
    rustix::net::connect(&socket, &address)?;
    Ok(TcpStream::from(socket))
}

/// Another run within a minute gets other addresses.
fn process_byte() -> u8 {
    std::process::id() as u8
}

fn source_address(index: usize) -> Ipv4Addr {
    // Away from 127.0.0.1, whose ports other loads leave in TIME_WAIT.
    let block = u8::try_from(index / CLIENTS_PER_ADDRESS).unwrap_or(u8::MAX);
    Ipv4Addr::new(127, 13, process_byte(), block)
}

fn invalid(error: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

pub(crate) const CONFIG_UPDATE: u8 = 0x01;
pub(crate) const HEARTBEAT: u8 = 0x05;
pub(crate) const ACK: u8 = 0x06;
pub(crate) const BULK_UPDATE: u8 = 0x20;

/// The lockfile's offset of the field with the most values.
pub(crate) const REGISTRY_HASH_OFFSET: u32 = 5;

const FIN_BINARY: u8 = 0x82;
const MASK: [u8; 4] = [0x13, 0x57, 0x9b, 0xdf];

/// The example of RFC 6455, section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Below the 28 232 ports that the kernel gives out by default.
const CLIENTS_PER_ADDRESS: usize = 2_000;

const TIMEOUT: Duration = Duration::from_secs(30);
