//! What the server tells of itself: measurements, metrics, health, logs, traces and profiles.

pub mod clock;
pub mod counter;
pub mod local;
pub mod operation;
pub mod snapshot;

pub use clock::{Clock, ClockSource};
pub use counter::{Counter, Fault};
pub use local::{Local, RingCounters, RouteLabel, UNMATCHED};
pub use operation::{Operation, Target, Verdict};
pub use snapshot::{OperationRecord, RouteRecord, Samples, ShardLine, Snapshot, Totals};
