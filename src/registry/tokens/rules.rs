//! How a token looks and what it may do.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use sha2::{Digest, Sha256};

use crate::auth;
use crate::registry::wording::hex;

/// A token as it is shown to its owner once: `npm_` and 36 letters and digits, 214 bits that
/// nobody can guess.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; TOKEN_BYTES]);

/// What is stored of a token. It has bits enough of its own that SHA-256 suffices.
pub type TokenHash = [u8; 32];

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read what its owner may read.
    Read,
    /// All that its owner may.
    Write,
}

/// Where a token may be shown from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

/// Why a list of networks is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworksFault {
    /// More than `NETWORKS_MAX`.
    TooMany,
    /// This is neither an address nor a network.
    Unreadable(String),
}

impl Token {
    /// One that nobody has seen.
    ///
    /// # Panics
    /// When the kernel gives no random bytes, which it did when the server started.
    pub fn fresh() -> Token {
        let mut token = [0; TOKEN_BYTES];
        token[..PREFIX.len()].copy_from_slice(PREFIX);
        let mut place = PREFIX.len();
        while place < TOKEN_BYTES {
            let bytes: [u8; 64] = auth::random();
            // 62 of 64 values: what is left over is drawn again, so that all are as likely.
            let digits = bytes.iter().map(|byte| usize::from(byte & 63));
            for digit in digits.filter(|digit| *digit < DIGITS.len()) {
                if place < TOKEN_BYTES {
                    token[place] = DIGITS[digit];
                    place += 1;
                }
            }
        }
        Token(token)
    }

    /// Reads a token; nothing that looks otherwise is one.
    pub fn parse(text: &[u8]) -> Option<Token> {
        let token: [u8; TOKEN_BYTES] = text.try_into().ok()?;
        let rest = token.strip_prefix(PREFIX)?;
        let is_one = rest.iter().all(u8::is_ascii_alphanumeric);
        is_one.then_some(Token(token))
    }

    /// The text that a client shows.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("letters and digits are ASCII")
    }

    /// What is stored.
    pub fn hash(&self) -> TokenHash {
        Sha256::digest(self.0).into()
    }

    /// Its beginning, by which its owner tells it from others: npm finds a token by what a list
    /// shows of it.
    pub fn shown(&self) -> &str {
        &self.as_str()[..SHOWN_BYTES]
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(_)")
    }
}

/// What clients name a token by, in lists and to revoke it: the digits of its hash, as npm's own
/// registry does. They cannot be used as the token.
pub fn key_of(hash: &TokenHash) -> String {
    hex(hash)
}

/// The hash of a token that is named by its key.
pub fn hash_of_key(key: &str) -> Option<TokenHash> {
    let mut hash = [0; 32];
    let is_key = key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (place, digits) in hash
        .iter_mut()
        .zip(key.as_bytes().chunks(2))
        .filter(|_| is_key)
    {
        *place = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    is_key.then_some(hash)
}

impl Access {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::Write => "write",
        }
    }

    /// Reads the stored form.
    pub fn parse(text: &str) -> Option<Access> {
        [Access::Read, Access::Write]
            .into_iter()
            .find(|access| access.as_str() == text)
    }
}

impl Networks {
    /// Reads a list of addresses and networks, such as `10.0.0.0/8`; an empty one stands for all.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Networks, NetworksFault> {
        if texts.len() > NETWORKS_MAX {
            return Err(NetworksFault::TooMany);
        }
        let read = |text: &T| {
            let text = text.as_ref().trim();
            let address = || text.parse::<IpAddr>().map(IpNet::from).ok();
            let network = text.parse::<IpNet>().ok().or_else(address);
            let network = network.map(|network| network.trunc());
            network.ok_or_else(|| NetworksFault::Unreadable(text.chars().take(64).collect()))
        };
        texts
            .iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Networks)
    }

    /// Whether a token may come from an address. One that is mapped into IPv6 is that of IPv4.
    pub fn hold(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.is_empty() || self.0.iter().any(|network| network.contains(&peer))
    }

    /// Each as text.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(IpNet::to_string).collect()
    }
}

impl fmt::Display for NetworksFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetworksFault::TooMany => write!(out, "at most {NETWORKS_MAX} networks"),
            NetworksFault::Unreadable(text) => {
                write!(out, "`{text}` is neither an address nor a network")
            }
        }
    }
}

const PREFIX: &[u8] = b"npm_";
const TOKEN_BYTES: usize = 40;
const SHOWN_BYTES: usize = 10;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Networks of one token.
const NETWORKS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text_and_nothing_else_is_one() {
        let token = Token::fresh();
        let text = token.as_str().to_owned();
        assert!(text.starts_with("npm_") && text.len() == 40);
        assert!(text.starts_with(token.shown()) && token.shown().len() < 16);
        assert_eq!(Token::parse(text.as_bytes()), Some(token.clone()));
        assert_ne!(Token::fresh().hash(), token.hash());
        assert_eq!(format!("{token:?}"), "Token(_)");
        let key = key_of(&token.hash());
        assert_eq!(hash_of_key(&key), Some(token.hash()));
        assert_eq!(
            (hash_of_key(&key[1..]), hash_of_key("\u{e9}")),
            (None, None)
        );
        for refused in [
            "",
            &text[1..],
            &format!("{text}a"),
            &text.replace("npm_", "NPM_"),
            &format!("{}-", &text[..39]),
        ] {
            assert_eq!(Token::parse(refused.as_bytes()), None, "{refused}");
        }
    }

    #[test]
    fn digits_are_as_likely_as_each_other() {
        let mut counts = [0_u32; 128];
        for _ in 0..2000 {
            for byte in Token::fresh().as_str().bytes().skip(4) {
                counts[usize::from(byte)] += 1;
            }
        }
        let digits = DIGITS.iter().map(|digit| counts[usize::from(*digit)]);
        let (least, most) = (digits.clone().min().unwrap(), digits.max().unwrap());
        assert!(least > 900 && most < 1450, "{least} to {most}");
    }

    #[test]
    fn networks_hold_their_addresses() {
        let networks = |texts: &[&str]| Networks::parse(texts);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let some = networks(&["10.0.0.0/8", "192.168.1.7", "2001:db8::/32"]).unwrap();
        for inside in [
            "10.255.0.1",
            "192.168.1.7",
            "2001:db8::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(some.hold(address(inside)), "{inside}");
        }
        for outside in ["11.0.0.1", "192.168.1.8", "2001:db9::1", "::1"] {
            assert!(!some.hold(address(outside)), "{outside}");
        }
        assert_eq!(some.texts()[1], "192.168.1.7/32");
        assert_eq!(networks(&["10.1.2.3/8"]).unwrap().texts(), ["10.0.0.0/8"]);
        assert!(networks(&[]).unwrap().hold(address("8.8.8.8")));
        for refused in ["", "10.0.0.0/33", "10.0.0", "localhost"] {
            assert!(networks(&[refused]).is_err(), "{refused}");
        }
        assert_eq!(networks(&["::1"; 33]), Err(NetworksFault::TooMany));
    }
}
