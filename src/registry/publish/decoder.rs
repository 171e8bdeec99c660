//! The body of a publish, told apart as it comes: the tarball's bytes, and everything else.
//!
//! Of the JSON only as much is understood as it takes to know where
//! `_attachments.<file>.data` begins and ends. Everything else is kept, with an empty text in that
//! place, and read by a JSON reader at the end; what this one took for something else than that
//! one is found out then, because the text is not empty there.

use memchr::memchr2;

use super::base64::Base64;
use super::fault::PublishFault;
use crate::limits::{PUBLISH_DEPTH_MAX, PUBLISH_DOCUMENT_BYTES_MAX};

/// A body on its way.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Everything but the tarball.
    kept: Vec<u8>,
    state: State,
    /// The containers that are open, outermost first.
    open: Vec<Container>,
    /// Where in `kept` the last keys of the three outermost objects stand, without their quotes.
    keys: [(usize, usize); 3],
    /// Whether the next text of the innermost object is a key.
    awaits_key: bool,
    /// Whose text was decoded.
    tarball: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Container {
    Object,
    Array,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Between,
    /// In a text that began at a position of `kept`.
    Text { start: usize, is_escaped: bool },
    /// In the tarball's text.
    Tarball { base64: Base64, escape: Escape },
}

/// How far an escape has come.
#[derive(Clone, Copy, Debug)]
enum Escape {
    None,
    Begun,
    Unicode { digits: u8, value: u32 },
}

impl Decoder {
    /// Takes a piece; the tarball's bytes in it are added to `out`.
    ///
    /// # Errors
    /// What is wrong with the body as far as it came.
    pub fn push(&mut self, mut piece: &[u8], out: &mut Vec<u8>) -> Result<(), PublishFault> {
        while !piece.is_empty() {
            let count = match &mut self.state {
                State::Between => self.between(piece)?,
                State::Text { .. } => self.text(piece),
                State::Tarball { .. } => self.tarball(piece, out)?,
            };
            piece = &piece[count..];
            if self.kept.len() > PUBLISH_DOCUMENT_BYTES_MAX {
                return Err(PublishFault::Long);
            }
        }
        Ok(())
    }

    /// The document without the tarball's text, and the name of the tarball, where there was one.
    pub fn finish(self) -> (Vec<u8>, Option<String>) {
        (self.kept, self.tarball)
    }

    /// Whether the tarball's bytes have begun to come.
    pub fn has_tarball(&self) -> bool {
        self.tarball.is_some()
    }

    /// Reads to the beginning of the next text.
    fn between(&mut self, piece: &[u8]) -> Result<usize, PublishFault> {
        for (at, byte) in piece.iter().enumerate() {
            match byte {
                b'{' | b'[' => {
                    if self.open.len() == PUBLISH_DEPTH_MAX {
                        return Err(PublishFault::Deep);
                    }
                    self.awaits_key = *byte == b'{';
                    self.open.push(match self.awaits_key {
                        true => Container::Object,
                        false => Container::Array,
                    });
                }
                b'}' | b']' => {
                    self.open.pop();
                    self.awaits_key = false;
                }
                b',' => self.awaits_key = self.open.last() == Some(&Container::Object),
                b':' => self.awaits_key = false,
                b'"' => {
                    self.kept.extend_from_slice(&piece[..=at]);
                    self.begin_text()?;
                    return Ok(at + 1);
                }
                _ => {}
            }
        }
        self.kept.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn begin_text(&mut self) -> Result<(), PublishFault> {
        self.state = match self.awaited_tarball() {
            None => State::Text {
                start: self.kept.len(),
                is_escaped: false,
            },
            Some(name) => {
                if self.tarball.is_some() {
                    return Err(PublishFault::SecondTarball(name));
                }
                self.tarball = Some(name);
                State::Tarball {
                    base64: Base64::default(),
                    escape: Escape::None,
                }
            }
        };
        Ok(())
    }

    /// The name of the attachment whose `data` begins here. That of a `.sigstore` bundle is a text
    /// of JSON.
    fn awaited_tarball(&self) -> Option<String> {
        let is_there = !self.awaits_key && self.open == [Container::Object; 3];
        let of_key = |at: usize| &self.kept[self.keys[at].0..self.keys[at].1];
        let is_data = is_there && of_key(0) == b"_attachments" && of_key(2) == b"data";
        let name = String::from_utf8_lossy(of_key(1));
        (is_data && !name.ends_with(PROVENANCE)).then(|| name.into_owned())
    }

    /// Reads to the end of a text that is kept.
    fn text(&mut self, piece: &[u8]) -> usize {
        let State::Text { start, is_escaped } = &mut self.state else {
            return 0;
        };
        if std::mem::take(is_escaped) {
            self.kept.push(piece[0]);
            return 1;
        }
        let Some(at) = memchr2(b'"', b'\\', piece) else {
            self.kept.extend_from_slice(piece);
            return piece.len();
        };
        self.kept.extend_from_slice(&piece[..=at]);
        if piece[at] == b'\\' {
            *is_escaped = true;
            return at + 1;
        }
        let place = self.open.len().checked_sub(1);
        if self.awaits_key
            && let Some(key) = place.and_then(|place| self.keys.get_mut(place))
        {
            *key = (*start, self.kept.len() - 1);
        }
        self.state = State::Between;
        at + 1
    }

    /// Reads on in the tarball's text.
    fn tarball(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<usize, PublishFault> {
        let State::Tarball { base64, escape } = &mut self.state else {
            return Ok(0);
        };
        let not_base64 = |_| PublishFault::Base64;
        if !matches!(escape, Escape::None) {
            if let Some(byte) = escape.take(piece[0])? {
                base64.push(&[byte], out).map_err(not_base64)?;
            }
            return Ok(1);
        }
        let end = memchr2(b'"', b'\\', piece).unwrap_or(piece.len());
        base64.push(&piece[..end], out).map_err(not_base64)?;
        match piece.get(end) {
            None => return Ok(end),
            Some(b'\\') => *escape = Escape::Begun,
            Some(_) => {
                base64.finish().map_err(not_base64)?;
                self.kept.push(b'"');
                self.state = State::Between;
            }
        }
        Ok(end + 1)
    }
}

impl Escape {
    /// Takes a character of an escape; what it stands for at its end. Some writers escape the `/`
    /// and the `+` of Base64.
    fn take(&mut self, byte: u8) -> Result<Option<u8>, PublishFault> {
        match (*self, byte) {
            (Escape::Begun, b'/') => {
                *self = Escape::None;
                Ok(Some(b'/'))
            }
            (Escape::Begun, b'u') => {
                *self = Escape::Unicode {
                    digits: 0,
                    value: 0,
                };
                Ok(None)
            }
            (Escape::Unicode { digits, value }, _) => {
                let digit = char::from(byte).to_digit(16).ok_or(PublishFault::Base64)?;
                let value = value * 16 + digit;
                if digits < 3 {
                    *self = Escape::Unicode {
                        digits: digits + 1,
                        value,
                    };
                    return Ok(None);
                }
                *self = Escape::None;
                u8::try_from(value)
                    .map(Some)
                    .map_err(|_| PublishFault::Base64)
            }
            (Escape::Begun | Escape::None, _) => Err(PublishFault::Base64),
        }
    }
}

/// What the name of a provenance bundle ends with.
pub(super) const PROVENANCE: &str = ".sigstore";
