//! Settings that are one of a few words.

/// A setting whose values are named.
pub(super) trait Choice: Copy + PartialEq + 'static {
    /// Every value with its name, in the order in which they are listed to the operator.
    const NAMED: &'static [(&'static str, Self)];
}

/// Who may change the 13 bytes (`state.write`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WritePolicy {
    /// Peers on loopback, and whoever proves to be staff or shows a token for it.
    #[default]
    Loopback,
    /// Only who shows a token for it.
    Token,
    /// Everyone.
    Open,
}

/// The least urgent level that is logged (`log.level`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What needs an eye.
    Warn,
    /// What changed.
    #[default]
    Info,
    /// Detail for diagnosis.
    Debug,
    /// Everything.
    Trace,
}

/// Which requests are logged (`log.access`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AccessLog {
    /// None.
    #[default]
    Off,
    /// A sample of them.
    Sampled,
    /// Each.
    Full,
}

impl Choice for WritePolicy {
    const NAMED: &'static [(&'static str, WritePolicy)] = &[
        ("loopback", WritePolicy::Loopback),
        ("token", WritePolicy::Token),
        ("open", WritePolicy::Open),
    ];
}

impl Choice for LogLevel {
    const NAMED: &'static [(&'static str, LogLevel)] = &[
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
}

impl Choice for AccessLog {
    const NAMED: &'static [(&'static str, AccessLog)] = &[
        ("off", AccessLog::Off),
        ("sampled", AccessLog::Sampled),
        ("full", AccessLog::Full),
    ];
}
