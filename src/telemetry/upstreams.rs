//! What the registry tells of its upstreams.

/// The upstreams, and what is kept of them.
#[derive(Clone, Debug, Default)]
pub struct UpstreamsLine {
    /// Each of them.
    pub upstreams: Vec<UpstreamLine>,
    /// Bytes that are kept of them; 0 until they were counted.
    pub cached_bytes: u64,
    /// Tarballs and documents that had to make room.
    pub evicted: u64,
    /// Documents and tarballs that are being fetched.
    pub fetching: u64,
}

/// One upstream.
#[derive(Clone, Debug)]
pub struct UpstreamLine {
    /// Its host and port, the `upstream` label.
    pub name: String,
    /// Requests by how they ended, the `outcome` label.
    pub outcomes: Vec<(&'static str, u64)>,
    /// Bytes of the bodies that it sent.
    pub bytes: u64,
    /// Whether it is left alone because it failed too often.
    pub is_held_back: bool,
}
