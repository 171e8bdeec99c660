//! Where the owner works: on shard 0, with the state file on the offload pool.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::context;
use crate::limits::STATE_CHANGES_WAITING_MAX;
use crate::shard::{self, Bus};
use crate::telemetry::Operation;

use super::access::Writer;
use super::change::{Change, Expected, Origin, Refusal};
use super::file::{Loaded, StateFile};
use super::owner::{Health, Owner, Settled, Write, Written};

/// The shard of the owner.
pub const SHARD: usize = 0;

/// The owner and what it writes to.
struct Office {
    owner: RefCell<Owner>,
    file: Arc<StateFile>,
}

/// Opens the office on the shard of this thread, which is the owner's.
pub fn open(file: Arc<StateFile>, loaded: Loaded) {
    assert_eq!(shard::index(), SHARD, "the owner has its shard");
    let owner = Owner::new(loaded.state, loaded.sequence, STATE_CHANGES_WAITING_MAX);
    let office = Rc::new(Office {
        owner: RefCell::new(owner),
        file,
    });
    OFFICE.with(|place| assert!(place.set(office.clone()).is_ok(), "there is one owner"));
    shard::spawn(async move {
        loop {
            shard::sleep(PROBE_INTERVAL).await;
            let probe = office.owner.borrow_mut().next_probe();
            if let Some(write) = probe {
                office.clone().write(write).await;
            }
        }
    });
}

/// Whether the disk took the last write; asked from any shard.
pub async fn is_writable(bus: &Bus) -> bool {
    let health = bus.ask(SHARD, || office().owner.borrow().health()).await;
    health == Ok(Health::Sound)
}

/// Whether changes wait for the disk; on the owner's shard.
pub fn is_busy() -> bool {
    office().owner.borrow().waiting_count() > 0
}

/// Takes a change; on the owner's shard.
pub(super) fn submit(change: Change, origin: Origin, expected: &Expected, proof: Writer) {
    let office = office();
    let take = || {
        let mut owner = office.owner.borrow_mut();
        owner.submit(change, origin, expected, proof)
    };
    let taken = context::here()
        .telemetry
        .sample(Operation::ConfigUpdate, take);
    match taken {
        Ok(_ticket) => office.start_write(),
        Err(refusal) => {
            let shard = usize::from(origin.shard);
            shard::bus().post(shard, move || refuse(&[origin], refusal));
        }
    }
}

impl Office {
    fn start_write(self: &Rc<Self>) {
        let write = self.owner.borrow_mut().next_write();
        if let Some(write) = write {
            shard::spawn(self.clone().write(write));
        }
    }

    /// Writes until no change waits: those that came meanwhile share the next write.
    async fn write(self: Rc<Self>, first: Write) {
        let mut next = Some(first);
        while let Some(Write { state, sequence }) = next {
            let file = self.file.clone();
            let written = shard::offload(move || file.write(&state, sequence)).await;
            let outcome = match written {
                Ok(Ok(())) => Written::Durable,
                Ok(Err(error)) => {
                    tracing::error!(target: "state", %error, "the state file took no write");
                    Written::Failed
                }
                Err(fault) => {
                    tracing::error!(target: "state", %fault, "the state file was not written");
                    Written::Failed
                }
            };
            let settled = self.owner.borrow_mut().write_done(outcome);
            publish(settled);
            next = self.owner.borrow_mut().next_write();
        }
    }
}

/// Tells every shard what was settled.
fn publish(settled: Settled) {
    let bus = shard::bus();
    match settled {
        Settled::Nothing => {}
        Settled::Published(batch) => {
            for shard in 0..bus.count() {
                let batch = batch.clone();
                bus.post(shard, move || context::here().state.apply(&batch));
            }
        }
        Settled::Failed(origins) => {
            for shard in 0..bus.count() {
                let origins = origins.clone();
                bus.post(shard, move || refuse(&origins, Refusal::DiskFailed));
            }
        }
    }
}

fn refuse(origins: &[Origin], refusal: Refusal) {
    context::here().state.refuse(origins, refusal);
}

fn office() -> Rc<Office> {
    OFFICE
        .with(|place| place.get().cloned())
        .expect("the office is open on the owner's shard")
}

thread_local! {
    static OFFICE: OnceCell<Rc<Office>> = const { OnceCell::new() };
}

/// How often a disk that failed is tried again.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
