//! The rules in force, and what tells documents that were made by others.

use super::rules::Policy;
use crate::settings::Settings;

/// The rules by which documents of upstreams are made.
pub struct PolicyInForce {
    /// What they say.
    pub rules: Policy,
    /// Whether versions that an upstream removed are still served.
    pub keeps_removed: bool,
    /// What a document's row has when it was made by these rules.
    pub fingerprint: String,
}

impl PolicyInForce {
    /// Those of the settings.
    pub fn of(settings: &Settings) -> PolicyInForce {
        let registry = &settings.registry;
        let span = |span: std::time::Duration| {
            i64::try_from(span.as_millis()).expect("the settings have spans of a year at most")
        };
        let minimum_age_ms = span(registry.minimum_release_age);
        let quarantine_ms = span(registry.quarantine);
        let fingerprint = serde_json::json!({
            "minimumReleaseAgeMs": minimum_age_ms,
            "quarantineMs": quarantine_ms,
            "blocked": registry.blocked,
            "keepRemoved": registry.keep_removed,
        });
        PolicyInForce {
            rules: Policy::new(minimum_age_ms, quarantine_ms, &registry.blocked),
            keeps_removed: registry.keep_removed,
            fingerprint: fingerprint.to_string(),
        }
    }
}
