//! Content codings and which of them a client takes (RFC 9110, sections 8.4.1 and 12.5.3).

/// A coding that replies are sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Coding {
    /// Brotli (RFC 7932).
    Brotli,
    /// Zstandard (RFC 8878).
    Zstd,
    /// Gzip (RFC 1952).
    Gzip,
}

/// What a client takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedCodings {
    /// Thousandths, in the order of [`Coding::ALL`].
    weights: [u16; Coding::ALL.len()],
    identity: u16,
}

impl Coding {
    /// Every coding.
    pub const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];
    /// For what is kept, where time does not count, the one that leaves least first.
    pub(super) const KEPT_ORDER: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];
    /// For what is sent once, the one first that leaves as little in a third of the time.
    pub(super) const USUAL_ORDER: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];

    /// As `Content-Encoding` names it.
    pub const fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    /// What the entity tag of a reply in this coding ends with, before its last quote.
    pub(super) const fn tag_suffix(self) -> &'static [u8] {
        match self {
            Coding::Brotli => b"-br",
            Coding::Zstd => b"-zstd",
            Coding::Gzip => b"-gzip",
        }
    }
}

impl AcceptedCodings {
    /// Reads the values of `Accept-Encoding`. Who sends none gets plain bytes, since few who can
    /// decode stay silent about it. An item that cannot be read counts for nothing.
    pub fn read<'v>(lines: impl Iterator<Item = &'v [u8]>) -> AcceptedCodings {
        let mut weights = [None; Coding::ALL.len()];
        let (mut identity, mut others) = (None, None);
        for item in lines.flat_map(|line| line.split(|byte| *byte == b',')) {
            let (name, weight) = match item.iter().position(|byte| *byte == b';') {
                Some(at) => (&item[..at], weight_of(&item[at + 1..])),
                None => (item, Some(WEIGHT_MAX)),
            };
            let Some(weight) = weight else { continue };
            let is = |known: &str| name.trim_ascii().eq_ignore_ascii_case(known.as_bytes());
            if is("*") {
                others = Some(weight);
            } else if is("identity") {
                identity = Some(weight);
            } else if is("x-gzip") {
                weights[Coding::Gzip as usize] = Some(weight);
            } else if let Some(coding) = Coding::ALL.into_iter().find(|coding| is(coding.name())) {
                weights[coding as usize] = Some(weight);
            }
        }
        AcceptedCodings {
            weights: weights.map(|weight| weight.or(others).unwrap_or(0)),
            // Plain bytes are welcome unless that is denied; at which weight is not said then,
            // and a coding that is asked for comes before them.
            identity: identity.unwrap_or(if others == Some(0) { 0 } else { 1 }),
        }
    }

    /// Whether the client can decode it.
    pub fn takes(&self, coding: Coding) -> bool {
        self.weights[coding as usize] > 0
    }

    /// The coding to send in, of equally welcome ones the first in this order. `None` for the plain
    /// bytes, also where the client takes nothing that we have: a reply that it did not ask for
    /// says more than none.
    #[inline]
    pub fn best(&self, order: &[Coding]) -> Option<Coding> {
        let mut best = None;
        let mut weight = self.identity.max(1) - 1;
        for coding in order {
            if self.weights[*coding as usize] > weight {
                (best, weight) = (Some(*coding), self.weights[*coding as usize]);
            }
        }
        best
    }
}

/// Thousandths of `q=0.8`; `None` where it is not that.
fn weight_of(parameter: &[u8]) -> Option<u16> {
    let parameter = parameter.trim_ascii();
    let value = parameter
        .strip_prefix(b"q=")
        .or_else(|| parameter.strip_prefix(b"Q="))?;
    let (whole, fraction) = match value {
        [whole] => (*whole, b"".as_slice()),
        [whole, b'.', fraction @ ..] if fraction.len() <= 3 => (*whole, fraction),
        _ => return None,
    };
    let mut weight = match whole {
        b'0' => 0,
        b'1' => WEIGHT_MAX,
        _ => return None,
    };
    let mut unit = WEIGHT_MAX / 10;
    for digit in fraction {
        if !digit.is_ascii_digit() {
            return None;
        }
        weight += u16::from(digit - b'0') * unit;
        unit /= 10;
    }
    (weight <= WEIGHT_MAX).then_some(weight)
}

/// The weight of what is as welcome as can be.
const WEIGHT_MAX: u16 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn best(line: &str) -> &'static str {
        let accepted = AcceptedCodings::read([line.as_bytes()].into_iter());
        accepted
            .best(&Coding::KEPT_ORDER)
            .map_or("identity", Coding::name)
    }

    #[test]
    fn the_best_of_what_is_taken_is_sent() {
        for (line, coding) in [
            ("gzip, deflate, br, zstd", "br"),
            ("gzip, zstd", "zstd"),
            ("GZIP", "gzip"),
            ("x-gzip", "gzip"),
            ("*", "br"),
            ("br;q=0, *", "zstd"),
            ("gzip;q=1.0, br;q=0.5", "gzip"),
            ("gzip;q=0.5, identity;q=0.8", "identity"),
            ("gzip;q=0.8, identity;q=0.8", "gzip"),
            ("gzip;q=0.001", "gzip"),
            ("identity;q=0, gzip;q=0.1", "gzip"),
            ("identity;q=0", "identity"),
            ("*;q=0", "identity"),
            ("*;q=0, gzip", "gzip"),
            ("deflate", "identity"),
            ("", "identity"),
            ("br;q=2, gzip;q=x, zstd;q=0.1234", "identity"),
            (" zstd ; q=0.9 , gzip ; q=0.8", "zstd"),
        ] {
            assert_eq!(best(line), coding, "{line}");
        }
        let silent = AcceptedCodings::read(std::iter::empty());
        assert_eq!(silent.best(&Coding::KEPT_ORDER), None);
        let both = AcceptedCodings::read([b"gzip, br, zstd".as_slice()].into_iter());
        assert_eq!(both.best(&Coding::USUAL_ORDER), Some(Coding::Zstd));
    }

    #[test]
    fn lines_make_one_list() {
        let lines = [b"gzip;q=0.5".as_slice(), b"zstd"];
        assert_eq!(
            AcceptedCodings::read(lines.into_iter()).best(&Coding::KEPT_ORDER),
            Some(Coding::Zstd)
        );
    }
}
