//! Which form and encoding of a document a client takes.

use super::pack::Part;
use crate::http::{AcceptedCodings, Coding, Request};

/// A form of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// All of it.
    Full,
    /// What installing takes.
    Abbreviated,
}

/// The form and encoding that a request asks for.
pub fn part_of(request: &Request<'_>, form: Form) -> Part {
    let coding = request.header("accept-encoding").and_then(|_| {
        let lines = request.values("accept-encoding");
        AcceptedCodings::read(lines).best(&[Coding::Brotli, Coding::Gzip])
    });
    match (form, coding) {
        (Form::Full, Some(Coding::Brotli)) => Part::FullBrotli,
        (Form::Full, Some(Coding::Gzip)) => Part::FullGzip,
        (Form::Full, Some(Coding::Zstd) | None) => Part::Full,
        (Form::Abbreviated, Some(Coding::Brotli)) => Part::AbbreviatedBrotli,
        (Form::Abbreviated, Some(Coding::Gzip)) => Part::AbbreviatedGzip,
        (Form::Abbreviated, Some(Coding::Zstd) | None) => Part::Abbreviated,
    }
}

/// The form that `Accept` likes best (RFC 9110, section 12.5.1); the abbreviated one only where it
/// is named.
pub fn form_of<'v>(lines: impl Iterator<Item = &'v [u8]>) -> Form {
    let (mut abbreviated, mut json, mut application, mut any) = (None, None, None, None);
    for item in lines.flat_map(|line| line.split(|byte| *byte == b',')) {
        let mut parameters = item.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let name = parameters.next().unwrap_or_default();
        let weight = parameters.find_map(weight_of).unwrap_or(1000);
        let place = if name.eq_ignore_ascii_case(ABBREVIATED_TYPE.as_bytes()) {
            &mut abbreviated
        } else if name.eq_ignore_ascii_case(b"application/json") {
            &mut json
        } else if name.eq_ignore_ascii_case(b"application/*") {
            &mut application
        } else if name == b"*/*" {
            &mut any
        } else {
            continue;
        };
        *place = Some(weight);
    }
    let full = json.or(application).or(any).unwrap_or(0);
    match abbreviated {
        Some(weight) if weight > 0 && weight >= full => Form::Abbreviated,
        Some(_) | None => Form::Full,
    }
}

/// Thousandths of `q=0.8`.
fn weight_of(parameter: &[u8]) -> Option<u16> {
    let (name, value) = parameter.split_at_checked(2)?;
    if !name.eq_ignore_ascii_case(b"q=") {
        return None;
    }
    let weight: f32 = str::from_utf8(value).ok()?.parse().ok()?;
    (0.0..=1.0)
        .contains(&weight)
        .then_some((weight * 1000.0) as u16)
}

/// The media type of the abbreviated form.
pub const ABBREVIATED_TYPE: &str = "application/vnd.npm.install-v1+json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_abbreviated_form_is_for_those_who_name_it() {
        for (line, expected) in [
            ("", Form::Full),
            ("*/*", Form::Full),
            ("application/json", Form::Full),
            (ABBREVIATED_TYPE, Form::Abbreviated),
            (
                "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*",
                Form::Abbreviated,
            ),
            (
                "application/vnd.npm.install-v1+json;q=0.5, application/json",
                Form::Full,
            ),
            ("application/vnd.npm.install-v1+json;q=0.5, */*", Form::Full),
            (
                "application/vnd.npm.install-v1+json;q=0, */*;q=0",
                Form::Full,
            ),
            ("APPLICATION/VND.NPM.INSTALL-V1+JSON", Form::Abbreviated),
            (
                "application/json;q=0.9, application/vnd.npm.install-v1+json;Q=0.95",
                Form::Abbreviated,
            ),
        ] {
            assert_eq!(form_of([line.as_bytes()].into_iter()), expected, "{line}");
        }
    }
}
