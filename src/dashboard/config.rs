//! The configuration as the dashboard shows it, and the tags of what it showed.

use serde::Serialize;
use serde_json::{Map, Value};
use thirteen_kernels::config::{ConfigState, Feature, Field, parse_dump, write_dump};

use crate::http::{Request, TagCondition, conditions};
use crate::limits::DASHBOARD_CONFIG_FRESH;

/// What `GET /_dashboard/api/config` tells. Two that are equal are the same bytes, so a tag names
/// them by these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overview {
    pub(super) state: ConfigState,
    /// The number of the change that led to it.
    pub(super) sequence: u64,
    /// Packages, hosted and kept of upstreams.
    pub(super) packages: u64,
    /// Seconds since the start.
    pub(super) uptime: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    config_version: u64,
    registry_hash: u64,
    feature_flags: u64,
    terminal_mode: u64,
    rows: u64,
    cols: u64,
    features: Map<String, Value>,
    uptime: u64,
    packages: u64,
}

impl Overview {
    pub(super) fn body(&self) -> Vec<u8> {
        let value = |field: Field| self.state.value(field);
        let feature =
            |feature: Feature| (feature.name().to_owned(), self.state.has(feature).into());
        let document = Document {
            config_version: value(Field::Version),
            registry_hash: value(Field::RegistryHash),
            feature_flags: value(Field::FeatureFlags),
            terminal_mode: value(Field::TerminalMode),
            rows: value(Field::Rows),
            cols: value(Field::Cols),
            features: Feature::ALL.into_iter().map(feature).collect(),
            uptime: self.uptime,
            packages: self.packages,
        };
        serde_json::to_vec(&document).expect("its keys are strings")
    }

    /// A strong tag.
    pub(super) fn etag(&self) -> String {
        let dump = write_dump(&self.state);
        let dump = String::from_utf8_lossy(&dump);
        let Overview { sequence, .. } = self;
        format!(
            "\"{}-{sequence:x}-{:x}-{:x}\"",
            &dump[2..],
            self.packages,
            self.uptime
        )
    }

    /// What one of our tags stands for.
    fn of_etag(quoted: &[u8]) -> Option<Overview> {
        let text = str::from_utf8(quoted).ok()?;
        let mut parts = text.strip_prefix('"')?.strip_suffix('"')?.split('-');
        let state = parse_dump(format!("0x{}", parts.next()?).as_bytes()).ok()?;
        let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
        let overview = Overview {
            state,
            sequence: number()?,
            packages: number()?,
            uptime: number()?,
        };
        // The same numbers can be written in other ways, and a tag is compared byte by byte.
        (overview.etag() == text).then_some(overview)
    }

    /// The configuration of one of our tags, with its number.
    pub(super) fn state_of_etag(quoted: &[u8]) -> Option<(ConfigState, u64)> {
        Overview::of_etag(quoted).map(|overview| (overview.state, overview.sequence))
    }

    /// The tag of `If-None-Match` that is still good. The uptime moves on every second, so what
    /// differs in it alone is given again for a while, as a cache would.
    pub(super) fn known(&self, request: &Request<'_>) -> Option<String> {
        conditions(request, "if-none-match").find_map(|condition| match condition {
            TagCondition::Whatever => Some(self.etag()),
            TagCondition::Tag(tag) => self.earlier(tag.quoted).map(|earlier| earlier.etag()),
        })
    }

    /// What an own tag stands for, if it is this but for a short time.
    fn earlier(&self, quoted: &[u8]) -> Option<Overview> {
        let earlier = Overview::of_etag(quoted)?;
        let age = self.uptime.checked_sub(earlier.uptime)?;
        let is_its = Overview {
            uptime: self.uptime,
            ..earlier
        } == *self;
        (is_its && age < DASHBOARD_CONFIG_FRESH.as_secs()).then_some(earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVERVIEW: Overview = Overview {
        state: ConfigState::DEFAULT,
        sequence: 10,
        packages: 17,
        uptime: 1000,
    };

    #[test]
    fn the_document_is_as_documented() {
        let body: Value = serde_json::from_slice(&OVERVIEW.body()).unwrap();
        let names = [
            ("configVersion", 1),
            ("registryHash", 0xa1b2_c3d4_u64),
            ("featureFlags", 7),
            ("terminalMode", 2),
            ("rows", 24),
            ("cols", 80),
            ("uptime", 1000),
            ("packages", 17),
        ];
        for (name, value) in names {
            assert_eq!(body[name], value, "{name}");
        }
        let features = body["features"].as_object().unwrap();
        let on = features.values().filter(|is_on| **is_on == true).count();
        assert_eq!((features.len(), on), (Feature::ALL.len(), 3));
    }

    #[test]
    fn tags_hold_for_a_while_and_for_nothing_else() {
        let fresh = DASHBOARD_CONFIG_FRESH.as_secs();
        let at = |uptime| Overview { uptime, ..OVERVIEW };
        let tag = OVERVIEW.etag();
        assert_eq!(tag, "\"01a1b2c3d40000000702185000-a-11-3e8\"");
        for (uptime, is_known) in [
            (1000, true),
            (999 + fresh, true),
            (1000 + fresh, false),
            // Of a server that has started since.
            (999, false),
        ] {
            let known = at(uptime).earlier(tag.as_bytes());
            assert_eq!(known, is_known.then_some(OVERVIEW), "{uptime}");
        }
        let other = Overview {
            packages: 18,
            ..OVERVIEW
        };
        assert_eq!(other.earlier(tag.as_bytes()), None);
        let state = Overview::state_of_etag(tag.as_bytes());
        assert_eq!(state, Some((ConfigState::DEFAULT, 10)));
        let rows = ConfigState::DEFAULT.with(Field::Rows, 25).unwrap();
        let other = Overview {
            state: rows,
            ..OVERVIEW
        };
        assert_eq!(other.earlier(tag.as_bytes()), None);
        for foreign in ["", "\"", "\"-\"", "\"x-1-3e8\"", "3e8", "\"-3E8\""] {
            assert_eq!(OVERVIEW.earlier(foreign.as_bytes()), None, "{foreign}");
            assert_eq!(Overview::state_of_etag(foreign.as_bytes()), None);
        }
        let padded = tag.replace("-3e8", "-03e8");
        assert_eq!(OVERVIEW.earlier(padded.as_bytes()), None);
    }
}
