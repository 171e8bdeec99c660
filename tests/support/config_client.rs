//! A client of the live configuration's WebSocket, byte by byte as PROTOCOL.md has it.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tungstenite::client::IntoClientRequest;
use tungstenite::{Error, Message, WebSocket};

/// A session at `/_ws/config` that has received its opening BULK_UPDATE.
pub(crate) struct ConfigClient {
    socket: WebSocket<TcpStream>,
    /// The seven fields as the server announced them when the session opened.
    pub(crate) opening: Vec<u8>,
}

impl ConfigClient {
    pub(crate) fn connect(address: SocketAddr) -> ConfigClient {
        ConfigClient::try_connect(address).expect("the handshake succeeds")
    }

    /// With an access token.
    pub(crate) fn connect_as(address: SocketAddr, token: &str) -> ConfigClient {
        ConfigClient::open(address, Some(token)).expect("the handshake succeeds")
    }

    pub(crate) fn try_connect(address: SocketAddr) -> Result<ConfigClient, Error> {
        ConfigClient::open(address, None)
    }

    fn open(address: SocketAddr, token: Option<&str>) -> Result<ConfigClient, Error> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        let mut request = format!("ws://{address}/_ws/config").into_client_request()?;
        let protocol = "bun.config.v1"
            .parse()
            .expect("a plain token is a header value");
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", protocol);
        if let Some(token) = token {
            let bearer = format!("Bearer {token}");
            let bearer = bearer.parse().expect("a token is a header value");
            request.headers_mut().insert("Authorization", bearer);
        }
        let (socket, _) = tungstenite::client(request, stream).map_err(|error| match error {
            tungstenite::HandshakeError::Failure(error) => error,
            tungstenite::HandshakeError::Interrupted(_) => {
                Error::Io(std::io::ErrorKind::TimedOut.into())
            }
        })?;
        let mut client = ConfigClient {
            socket,
            opening: Vec::new(),
        };
        client.opening = client.next()?;
        assert_eq!(
            client.opening.first(),
            Some(&BULK_UPDATE),
            "{:02x?}",
            client.opening
        );
        Ok(client)
    }

    /// Sends one frame, as it is.
    pub(crate) fn send(&mut self, frame: &[u8]) -> Result<(), Error> {
        self.socket.send(Message::binary(frame.to_vec()))
    }

    /// The next frame that is not a heartbeat.
    pub(crate) fn next(&mut self) -> Result<Vec<u8>, Error> {
        loop {
            match self.socket.read()? {
                Message::Binary(frame) if frame.first() == Some(&HEARTBEAT) => {}
                Message::Binary(frame) => return Ok(frame.to_vec()),
                Message::Ping(_) | Message::Pong(_) => {}
                message @ (Message::Text(_) | Message::Close(_) | Message::Frame(_)) => {
                    return Err(Error::Io(std::io::Error::other(format!("{message:?}"))));
                }
            }
        }
    }

    /// Sends a CONFIG_UPDATE and waits for its ACK. Frames of other clients' changes that come
    /// first are handed back.
    pub(crate) fn update(&mut self, offset: u32, value: u64) -> Result<Vec<Vec<u8>>, Error> {
        self.send(&frame(CONFIG_UPDATE, offset, value))?;
        let mut others = Vec::new();
        loop {
            let frame = self.next()?;
            match frame.first() {
                Some(&ACK) => return Ok(others),
                Some(&ERROR) => panic!("the update was refused: {frame:02x?}"),
                _ => others.push(frame),
            }
        }
    }
}

/// A fixed frame of 14 bytes: type, offset, value, XOR of the thirteen bytes before.
pub(crate) fn frame(kind: u8, offset: u32, value: u64) -> [u8; 14] {
    let mut bytes = [0; 14];
    bytes[0] = kind;
    bytes[1..5].copy_from_slice(&offset.to_le_bytes());
    bytes[5..13].copy_from_slice(&value.to_le_bytes());
    bytes[13] = bytes[..13].iter().fold(0, |sum, byte| sum ^ byte);
    bytes
}

pub(crate) const CONFIG_UPDATE: u8 = 0x01;
pub(crate) const HEARTBEAT: u8 = 0x05;
pub(crate) const ACK: u8 = 0x06;
pub(crate) const ERROR: u8 = 0x07;
pub(crate) const BULK_UPDATE: u8 = 0x20;

const TIMEOUT: Duration = Duration::from_secs(30);
