//! What the server tells of itself: measurements, metrics, health, logs, traces and profiles.

pub mod api;
pub mod clock;
pub mod counter;
pub mod date;
pub mod durations;
pub mod flamegraph;
pub mod health;
pub mod local;
pub mod logs;
pub mod measure;
pub mod metrics;
mod names;
pub mod operation;
pub mod process;
pub mod profile;
pub mod snapshot;
pub mod stores;
pub mod trace_id;
mod upstreams;

pub use clock::{Clock, ClockSource};
pub use counter::{Counter, Fault};
pub use durations::Durations;
pub use local::{Local, OutgoingGauges, RingCounters, RouteLabel, UNMATCHED};
pub use names::NamesLine;
pub use operation::{Measured, Operation, Target, Verdict};
pub use process::{ProcessUsage, Started};
pub use snapshot::{OperationRecord, RouteRecord, ShardLine, Snapshot, Totals};
pub use stores::{StoreLine, StoreRecord};
pub use upstreams::{UpstreamLine, UpstreamsLine};
