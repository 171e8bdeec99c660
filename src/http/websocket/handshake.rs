//! The opening handshake (RFC 6455, 4.2): whether a request becomes a WebSocket, and the 101 reply.

use std::fmt;
use std::str;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::origin::{OriginFault, OriginPolicy};

/// What the handshake needs to see of a request.
pub trait UpgradeRequest {
    /// The method, as it was sent.
    fn method(&self) -> &[u8];
    /// Major and minor version of HTTP.
    fn version(&self) -> (u8, u8);
    /// The values of every header of this name, in order, without surrounding whitespace. The name
    /// is given in lower case and matches in any.
    fn header_values<'r>(&'r self, name: &'static str) -> impl Iterator<Item = &'r [u8]>;
}

/// What an endpoint asks of those who open a WebSocket to it.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'t> {
    /// The subprotocols that it speaks.
    pub subprotocols: Subprotocols<'t>,
    /// The web pages that may come.
    pub origins: &'t OriginPolicy,
}

/// The subprotocols of an endpoint.
#[derive(Clone, Copy, Debug)]
pub enum Subprotocols<'t> {
    /// It has none: what a client offers is ignored and none is named in the reply.
    Unspoken,
    /// A client must offer one of these; of those that it offers the first that is here is chosen.
    /// A refusal names the first of the list.
    Required(&'t [&'t str]),
}

/// A request that becomes a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted<'t> {
    accept_key: [u8; ACCEPT_KEY_BYTES],
    subprotocol: Option<&'t str>,
}

/// Why a request does not become a WebSocket. Where several hold, the first in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal<'t> {
    /// Another method than GET.
    Method,
    /// HTTP before 1.1.
    HttpVersion,
    /// No `Upgrade: websocket` with `Connection: Upgrade`.
    NotAnUpgrade,
    /// A `Sec-WebSocket-Version` other than 13, or none.
    Version,
    /// A `Sec-WebSocket-Key` that is not 16 bytes in base64, none, or several.
    Key,
    /// A web page that may not come.
    Origin(OriginFault),
    /// A `Sec-WebSocket-Protocol` that is not a list of different tokens, or is too long a list.
    MalformedSubprotocols,
    /// None of the required subprotocols is offered; this is the one to offer.
    SubprotocolRequired(&'t str),
}

/// Decides on a request.
pub fn accept<'t>(
    request: &impl UpgradeRequest,
    terms: Terms<'t>,
) -> Result<Accepted<'t>, Refusal<'t>> {
    if request.method() != b"GET" {
        return Err(Refusal::Method);
    }
    if request.version() < (1, 1) {
        return Err(Refusal::HttpVersion);
    }
    let is_upgrade = lists_token(request, "upgrade", b"websocket")
        && lists_token(request, "connection", b"upgrade");
    if !is_upgrade {
        return Err(Refusal::NotAnUpgrade);
    }
    if only_value(request, "sec-websocket-version") != Some(VERSION.as_bytes()) {
        return Err(Refusal::Version);
    }
    let key = only_value(request, "sec-websocket-key").filter(|key| is_key(key));
    let accept_key = accept_key_of(key.ok_or(Refusal::Key)?);
    let host = request.header_values("host").next();
    terms
        .origins
        .check(request.header_values("origin"), host)
        .map_err(Refusal::Origin)?;
    let subprotocol = choose_subprotocol(request, terms.subprotocols)?;
    Ok(Accepted {
        accept_key,
        subprotocol,
    })
}

impl<'t> Accepted<'t> {
    /// The value of `Sec-WebSocket-Accept`.
    pub fn accept_key(&self) -> &str {
        str::from_utf8(&self.accept_key).expect("base64 is ASCII")
    }

    /// The subprotocol that was chosen.
    pub fn subprotocol(&self) -> Option<&'t str> {
        self.subprotocol
    }

    /// Appends the whole reply; frames follow it.
    pub fn write_reply(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\n\
              Upgrade: websocket\r\n\
              Connection: Upgrade\r\n\
              Sec-WebSocket-Accept: ",
        );
        out.extend_from_slice(&self.accept_key);
        if let Some(subprotocol) = self.subprotocol {
            out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
            out.extend_from_slice(subprotocol.as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
    }
}

impl<'t> Refusal<'t> {
    /// The status of the reply.
    pub fn status(self) -> u16 {
        match self {
            Refusal::Method => 405,
            Refusal::NotAnUpgrade | Refusal::Version => 426,
            Refusal::Origin(OriginFault::Malformed | OriginFault::Foreign) => 403,
            Refusal::HttpVersion
            | Refusal::Key
            | Refusal::MalformedSubprotocols
            | Refusal::SubprotocolRequired(_) => 400,
        }
    }

    /// The headers that the reply must have besides those of any reply.
    pub fn headers(self) -> impl Iterator<Item = (&'static str, &'t str)> {
        let headers = match self {
            Refusal::Method => [Some(("Allow", "GET")), None, None],
            Refusal::NotAnUpgrade | Refusal::Version => [
                Some(("Upgrade", "websocket")),
                Some(("Connection", "Upgrade")),
                Some(("Sec-WebSocket-Version", VERSION)),
            ],
            Refusal::SubprotocolRequired(name) => {
                [Some(("Sec-WebSocket-Protocol", name)), None, None]
            }
            Refusal::HttpVersion
            | Refusal::Key
            | Refusal::Origin(_)
            | Refusal::MalformedSubprotocols => [None, None, None],
        };
        headers.into_iter().flatten()
    }
}

/// The sentence for the reply's body.
impl fmt::Display for Refusal<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Method => formatter.write_str("A WebSocket is opened with GET"),
            Refusal::HttpVersion => formatter.write_str("A WebSocket needs HTTP/1.1"),
            Refusal::NotAnUpgrade => {
                formatter.write_str("Upgrade: websocket and Connection: Upgrade required")
            }
            Refusal::Version => formatter.write_str("Sec-WebSocket-Version: 13 required"),
            Refusal::Key => {
                formatter.write_str("One Sec-WebSocket-Key of 16 bytes in base64 required")
            }
            Refusal::Origin(OriginFault::Malformed) => formatter.write_str("Malformed Origin"),
            Refusal::Origin(OriginFault::Foreign) => formatter.write_str("Origin not allowed"),
            Refusal::MalformedSubprotocols => {
                formatter.write_str("Malformed Sec-WebSocket-Protocol")
            }
            Refusal::SubprotocolRequired(name) => write!(formatter, "Subprotocol {name} required"),
        }
    }
}

impl std::error::Error for Refusal<'_> {}

/// The header's value, if it was sent exactly once.
fn only_value<'r>(request: &'r impl UpgradeRequest, name: &'static str) -> Option<&'r [u8]> {
    let mut values = request.header_values(name);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// Whether a list header has this token, in any case (RFC 9110, 5.6.1).
fn lists_token(request: &impl UpgradeRequest, name: &'static str, token: &[u8]) -> bool {
    items(request, name).any(|item| item.eq_ignore_ascii_case(token))
}

/// The items of a list header, empty ones left out, over all its lines in order.
fn items<'r>(
    request: &'r impl UpgradeRequest,
    name: &'static str,
) -> impl Iterator<Item = &'r [u8]> {
    request
        .header_values(name)
        .flat_map(|value| value.split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|item| !item.is_empty())
}

/// Whether it is 16 bytes in base64 (4.2.1).
fn is_key(text: &[u8]) -> bool {
    // The decoder asks for room as if nothing were padding; a longer text finds none.
    let mut nonce = [0; NONCE_BYTES + 2];
    BASE64.decode_slice(text, &mut nonce) == Ok(NONCE_BYTES)
}

fn accept_key_of(key: &[u8]) -> [u8; ACCEPT_KEY_BYTES] {
    let mut sha1 = sha1_smol::Sha1::new();
    sha1.update(key);
    sha1.update(GUID);
    let mut accept_key = [0; ACCEPT_KEY_BYTES];
    let written = BASE64.encode_slice(sha1.digest().bytes(), &mut accept_key);
    assert_eq!(
        written,
        Ok(ACCEPT_KEY_BYTES),
        "20 bytes are 28 characters of base64"
    );
    accept_key
}

fn choose_subprotocol<'t>(
    request: &impl UpgradeRequest,
    spoken: Subprotocols<'t>,
) -> Result<Option<&'t str>, Refusal<'t>> {
    let Subprotocols::Required(spoken) = spoken else {
        return Ok(None);
    };
    let mut offers: [&[u8]; OFFERS_MAX] = [&[]; OFFERS_MAX];
    let mut offers_count = 0;
    for offer in items(request, "sec-websocket-protocol") {
        let (earlier, free) = offers.split_at_mut(offers_count);
        let Some(place) = free.first_mut() else {
            return Err(Refusal::MalformedSubprotocols);
        };
        if !offer.iter().all(|&byte| is_token_byte(byte)) || earlier.contains(&offer) {
            return Err(Refusal::MalformedSubprotocols);
        }
        *place = offer;
        offers_count += 1;
    }
    let chosen = offers[..offers_count]
        .iter()
        .find_map(|offer| spoken.iter().find(|name| name.as_bytes() == *offer));
    match chosen {
        Some(name) => Ok(Some(name)),
        None => {
            Err(Refusal::SubprotocolRequired(spoken.first().expect(
                "an endpoint that requires a subprotocol speaks one",
            )))
        }
    }
}

/// RFC 9110, 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

const VERSION: &str = "13";
/// Appended to the key before it is hashed (1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const NONCE_BYTES: usize = 16;
const ACCEPT_KEY_BYTES: usize = 28;
/// Most subprotocols that a client may offer; bounds the search for one offered twice.
const OFFERS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &[&str] = &["bun.config.v1", "bun.config.v1.base0"];

    struct Request {
        method: &'static str,
        version: (u8, u8),
        headers: Vec<(&'static str, String)>,
    }

    impl UpgradeRequest for Request {
        fn method(&self) -> &[u8] {
            self.method.as_bytes()
        }

        fn version(&self) -> (u8, u8) {
            self.version
        }

        fn header_values<'r>(&'r self, name: &'static str) -> impl Iterator<Item = &'r [u8]> {
            self.headers
                .iter()
                .filter(move |(own_name, _)| own_name.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_bytes())
        }
    }

    impl Request {
        /// The example of RFC 6455, 1.3, with our subprotocol.
        fn fine() -> Request {
            let headers = [
                ("Host", "server.example.com"),
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("Origin", "http://server.example.com"),
                ("Sec-WebSocket-Protocol", "bun.config.v1"),
                ("Sec-WebSocket-Version", "13"),
                (
                    "Sec-WebSocket-Extensions",
                    "permessage-deflate; client_max_window_bits",
                ),
            ];
            let headers = headers
                .map(|(name, value)| (name, value.to_owned()))
                .to_vec();
            Request {
                method: "GET",
                version: (1, 1),
                headers,
            }
        }

        fn without(mut self, name: &str) -> Request {
            self.headers.retain(|(own_name, _)| *own_name != name);
            self
        }

        fn also(mut self, name: &'static str, value: &str) -> Request {
            self.headers.push((name, value.to_owned()));
            self
        }

        fn with(self, name: &'static str, value: &str) -> Request {
            self.without(name).also(name, value)
        }

        fn verdict(&self) -> Result<Accepted<'static>, Refusal<'static>> {
            accept(self, terms(Subprotocols::Required(CONFIG)))
        }
    }

    fn terms(subprotocols: Subprotocols<'static>) -> Terms<'static> {
        static SERVER_PAGES: std::sync::LazyLock<OriginPolicy> =
            std::sync::LazyLock::new(|| OriginPolicy::new(["http://server.example.com"]).unwrap());
        Terms {
            subprotocols,
            origins: &SERVER_PAGES,
        }
    }

    fn written(accepted: &Accepted<'_>) -> String {
        let mut out = Vec::new();
        accepted.write_reply(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_example_of_the_rfc_is_accepted() {
        let accepted = Request::fine().verdict().unwrap();
        assert_eq!(accepted.accept_key(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(accepted.subprotocol(), Some("bun.config.v1"));
        assert_eq!(
            written(&accepted),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
             Sec-WebSocket-Protocol: bun.config.v1\r\n\r\n"
        );
    }

    #[test]
    fn an_endpoint_without_subprotocols_names_none() {
        let accepted = accept(&Request::fine(), terms(Subprotocols::Unspoken)).unwrap();
        assert_eq!(accepted.subprotocol(), None);
        assert!(!written(&accepted).contains("Protocol:"));
        assert!(!written(&accepted).contains("Extensions"));
    }

    #[test]
    fn list_headers_are_read_as_lists() {
        let request = Request::fine()
            .with("Connection", "keep-alive, UPGRADE")
            .with("Upgrade", "h2c")
            .also("Upgrade", " ,\tWebSocket");
        assert!(request.verdict().is_ok());
    }

    #[test]
    fn each_fault_has_its_refusal() {
        let fine = Request::fine;
        let table = [
            (
                Request {
                    method: "POST",
                    ..fine()
                },
                Refusal::Method,
            ),
            (
                Request {
                    method: "get",
                    ..fine()
                },
                Refusal::Method,
            ),
            (
                Request {
                    version: (1, 0),
                    ..fine()
                },
                Refusal::HttpVersion,
            ),
            (fine().without("Upgrade"), Refusal::NotAnUpgrade),
            (fine().without("Connection"), Refusal::NotAnUpgrade),
            (fine().with("Upgrade", "websocket2"), Refusal::NotAnUpgrade),
            (
                fine().with("Connection", "keep-alive"),
                Refusal::NotAnUpgrade,
            ),
            (fine().without("Sec-WebSocket-Version"), Refusal::Version),
            (fine().with("Sec-WebSocket-Version", "8"), Refusal::Version),
            (
                fine().with("Sec-WebSocket-Version", "013"),
                Refusal::Version,
            ),
            (fine().also("Sec-WebSocket-Version", "13"), Refusal::Version),
            (
                fine().with("Origin", "null"),
                Refusal::Origin(OriginFault::Malformed),
            ),
            (
                fine().with("Origin", "http://b.example"),
                Refusal::Origin(OriginFault::Foreign),
            ),
            (
                fine().with("Origin", "http://127.0.0.1").without("Host"),
                Refusal::Origin(OriginFault::Foreign),
            ),
        ];
        for (request, refusal) in table {
            assert_eq!(request.verdict(), Err(refusal));
        }
    }

    #[test]
    fn the_key_is_one_value_of_16_bytes_in_base64() {
        let table = [
            "",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ==\0",
            "dGhlIHNhbXBsZSBub25jZQ==dGhl",
            "dGhlIHNhbXBsZSBub25jZTE=",
            "dGhlIHNhbXBsZSBub25jZTEy",
            "dGhlIHNhbXBsZSBub25j!Q==",
            "SGVsbG8sIHdvcmxkIQ==",
        ];
        for key in table {
            let request = Request::fine().with("Sec-WebSocket-Key", key);
            assert_eq!(request.verdict(), Err(Refusal::Key), "{key:?}");
        }
        let twice = Request::fine().also("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(twice.verdict(), Err(Refusal::Key));
    }

    #[test]
    fn of_the_offers_the_clients_first_choice_is_taken() {
        let table = [
            ("bun.config.v1", "bun.config.v1"),
            ("bun.config.v1.base0, bun.config.v1", "bun.config.v1.base0"),
            ("bun.config.v1,bun.config.v1.base0", "bun.config.v1"),
            ("chat, , other\t,bun.config.v1.base0", "bun.config.v1.base0"),
        ];
        for (offers, chosen) in table {
            let request = Request::fine().with("Sec-WebSocket-Protocol", offers);
            assert_eq!(
                request.verdict().unwrap().subprotocol(),
                Some(chosen),
                "{offers}"
            );
        }
        let lines = Request::fine()
            .with("Sec-WebSocket-Protocol", "chat")
            .also("Sec-WebSocket-Protocol", "bun.config.v1.base0")
            .also("Sec-WebSocket-Protocol", "bun.config.v1");
        assert_eq!(
            lines.verdict().unwrap().subprotocol(),
            Some("bun.config.v1.base0")
        );
    }

    #[test]
    fn without_a_subprotocol_that_we_speak_ours_is_named() {
        let requests = [
            Request::fine().without("Sec-WebSocket-Protocol"),
            Request::fine().with("Sec-WebSocket-Protocol", ""),
            Request::fine().with("Sec-WebSocket-Protocol", "chat"),
            Request::fine().with("Sec-WebSocket-Protocol", "BUN.CONFIG.V1"),
        ];
        for request in requests {
            let refusal = request.verdict().unwrap_err();
            assert_eq!(refusal, Refusal::SubprotocolRequired("bun.config.v1"));
            assert_eq!(refusal.to_string(), "Subprotocol bun.config.v1 required");
            let headers: Vec<_> = refusal.headers().collect();
            assert_eq!(headers, [("Sec-WebSocket-Protocol", "bun.config.v1")]);
        }
    }

    #[test]
    fn offers_are_different_tokens_and_few() {
        let many: Vec<String> = (0..=OFFERS_MAX).map(|index| format!("p{index}")).collect();
        let table = [
            "bun.config.v1, bun.config.v1",
            "bun config",
            "bun.config.v1, \"a\"",
            &many.join(","),
        ];
        for offers in table {
            let request = Request::fine().with("Sec-WebSocket-Protocol", offers);
            assert_eq!(
                request.verdict(),
                Err(Refusal::MalformedSubprotocols),
                "{offers}"
            );
        }
        let most = [&many[1..OFFERS_MAX].join(","), "bun.config.v1"].join(",");
        assert!(
            Request::fine()
                .with("Sec-WebSocket-Protocol", &most)
                .verdict()
                .is_ok()
        );
    }

    #[test]
    fn refusals_have_their_status_and_headers() {
        let upgrade = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
        ];
        let table = [
            (Refusal::Method, 405, vec![("Allow", "GET")]),
            (Refusal::HttpVersion, 400, vec![]),
            (Refusal::NotAnUpgrade, 426, upgrade.to_vec()),
            (Refusal::Version, 426, upgrade.to_vec()),
            (Refusal::Key, 400, vec![]),
            (Refusal::Origin(OriginFault::Foreign), 403, vec![]),
            (Refusal::MalformedSubprotocols, 400, vec![]),
            (
                Refusal::SubprotocolRequired("a"),
                400,
                vec![("Sec-WebSocket-Protocol", "a")],
            ),
        ];
        for (refusal, status, headers) in table {
            assert_eq!(refusal.status(), status, "{refusal:?}");
            assert_eq!(
                refusal.headers().collect::<Vec<_>>(),
                headers,
                "{refusal:?}"
            );
        }
    }
}
