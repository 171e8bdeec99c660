//! What a shard keeps for the proxy.

use crate::auth::tokens::proxy::ProxyTokens;
use crate::settings::Settings;

use super::decision::Upstreams;

/// The proxy's part of a shard.
pub struct Local {
    /// The upstreams.
    pub upstreams: Upstreams,
    /// The tokens that this shard has verified.
    pub tokens: ProxyTokens,
}

impl Local {
    /// For the settings of a start.
    pub fn new(settings: &Settings) -> Local {
        Local {
            upstreams: Upstreams::new(settings.upstreams()),
            tokens: ProxyTokens::new(),
        }
    }
}
