//! What a client is told of `X-Bun-*` headers that are at fault.

use serde::Serialize;
use thirteen_kernels::config::headers::{FaultList, HeaderFault};

/// The body of a refusal, by the server or by `thirteen validate headers`.
#[derive(Debug, Serialize)]
pub struct FaultsBody {
    error: &'static str,
    #[serde(rename = "validationErrors")]
    faults: Vec<FaultEntry>,
}

#[derive(Debug, Serialize)]
struct FaultEntry {
    error: &'static str,
    code: &'static str,
    header: String,
    value: String,
    message: &'static str,
}

impl FaultsBody {
    /// Tells of every fault of a list; of a token only its first characters are shown.
    pub fn new(faults: &FaultList<'_>) -> FaultsBody {
        let entry = |fault: &HeaderFault<'_>| FaultEntry {
            error: "ProxyHeaderError",
            code: fault.code().as_str(),
            header: String::from_utf8_lossy(fault.name()).into_owned(),
            value: String::from_utf8_lossy(fault.shown_value()).into_owned(),
            message: fault.message(),
        };
        FaultsBody {
            error: "Invalid proxy headers",
            faults: faults.iter().map(entry).collect(),
        }
    }
}

/// Whether a header belongs to the configuration protocol, known to it or not.
pub fn is_ours(name: &[u8]) -> bool {
    name.get(..PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

const PREFIX: &[u8] = b"X-Bun-";

#[cfg(test)]
mod tests {
    use thirteen_kernels::config::headers::{Required, validate};
    use thirteen_kernels::level::Level;

    use super::*;

    #[test]
    fn the_body_is_as_documented_and_shows_no_token() {
        let token = "secret".repeat(10);
        let headers = [
            ("X-Bun-Terminal-Rows", "0"),
            ("x-bun-proxy-token", token.as_str()),
        ];
        let headers = headers.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut faults = FaultList::new();
        let valid = validate(
            Level::detect(),
            headers.into_iter(),
            Required::None,
            &mut faults,
        );
        assert!(valid.is_none());
        let body = serde_json::to_string(&FaultsBody::new(&faults)).unwrap();
        let start = "{\"error\":\"Invalid proxy headers\",\"validationErrors\":[{\"error\":\
                     \"ProxyHeaderError\",\"code\":\"OUT_OF_RANGE\",\"header\":\
                     \"X-Bun-Terminal-Rows\",\"value\":\"0\",\"message\":\"";
        assert!(body.starts_with(start), "{body}");
        assert!(
            body.contains("\"value\":\"secretsecretsecretse\""),
            "{body}"
        );
    }

    #[test]
    fn names_are_ours_by_their_prefix() {
        for name in ["X-Bun-Anything", "x-bun-", "X-BUN-Config-Version"] {
            assert!(is_ours(name.as_bytes()), "{name}");
        }
        for name in ["", "X-Bun", "X-Bunny", "Host", "\u{fc}-Bun-Mode"] {
            assert!(!is_ours(name.as_bytes()), "{name}");
        }
    }
}
