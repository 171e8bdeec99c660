//! One shard's share of the configuration: its copy, its clients, and the way to the owner.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use thirteen_kernels::config::{ConfigState, StateCell};

use crate::shard;
use crate::telemetry::Started;
use crate::telemetry::process::unix_ms;

use super::access::Writer;
use super::change::{Asker, Batch, Change, Expected, Origin, Refusal};
use super::follow::Outbox;
use super::hub::{Decision, Hub, Now, Tally};
use super::office;

/// The configuration as one shard has it.
pub struct Local {
    cell: Rc<StateCell>,
    hub: RefCell<Hub<Outbox>>,
    requests: RefCell<HashMap<u64, Rc<Request>>>,
    last_request: Cell<u64>,
    changed_at_ms: Cell<u64>,
    started: Started,
    shard: u16,
}

/// A request that waits for its change to be decided.
#[derive(Default)]
struct Request {
    decision: Cell<Option<Decision>>,
    waker: RefCell<Option<Waker>>,
}

impl Local {
    /// The share of this shard, with the state that is on disk.
    pub fn new(state: ConfigState, sequence: u64, started: Started) -> Local {
        let shard = u16::try_from(shard::index()).expect("a machine has fewer than 65536 cores");
        let cell = Rc::new(StateCell::new(state, sequence));
        Local {
            hub: RefCell::new(Hub::new(shard, cell.clone())),
            cell,
            requests: RefCell::default(),
            last_request: Cell::new(0),
            changed_at_ms: Cell::new(0),
            started,
            shard,
        }
    }

    /// The configuration.
    pub fn read(&self) -> ConfigState {
        self.cell.read()
    }

    /// The number of its last change.
    pub fn sequence(&self) -> u64 {
        self.cell.sequence()
    }

    /// When this shard took its last change, in milliseconds since the start.
    pub fn changed_at_ms(&self) -> u64 {
        self.changed_at_ms.get()
    }

    /// What this shard's clients were told since the start.
    pub fn tally(&self) -> Tally {
        self.hub.borrow().tally()
    }

    /// Asks the owner for a change and waits until it is durable and this shard has it; the
    /// number that it got.
    pub async fn change(
        &self,
        change: Change,
        expected: Expected,
        writer: Writer,
    ) -> Result<u64, Refusal> {
        let number = self.last_request.get() + 1;
        self.last_request.set(number);
        let request = Rc::new(Request::default());
        self.requests.borrow_mut().insert(number, request.clone());
        let origin = Origin {
            shard: self.shard,
            asker: Asker::Request(number),
        };
        self.submit(change, origin, expected, writer);
        match request.decided().await {
            Decision::Made(sequence) => Ok(sequence),
            Decision::Refused(refusal) => Err(refusal),
        }
    }

    /// Sends a change to the owner; what is decided comes back to this shard's hub.
    pub(super) fn submit(&self, change: Change, origin: Origin, expected: Expected, proof: Writer) {
        let submit = move || office::submit(change, origin, &expected, proof);
        shard::bus().post(office::SHARD, submit);
    }

    /// Takes changes that are durable.
    pub(super) fn apply(&self, batch: &Batch) {
        self.changed_at_ms.set(self.started.uptime_ms());
        let answer = |number, decision| self.answer(number, decision);
        self.hub.borrow_mut().apply(batch, self.now(), answer);
    }

    /// Takes word that changes were not made.
    pub(super) fn refuse(&self, origins: &[Origin], refusal: Refusal) {
        let answer = |number, decision| self.answer(number, decision);
        self.hub
            .borrow_mut()
            .refuse(origins, refusal, self.now(), answer);
    }

    /// Sends every client of this shard a heartbeat, and ends those that are silent.
    pub fn beat(&self, client_timeout_ms: u64) {
        self.hub.borrow_mut().beat(self.now(), client_timeout_ms);
    }

    /// Sends every client of this shard a frame that is none of the configuration's.
    pub fn announce(&self, frame: &[u8]) {
        self.hub.borrow_mut().announce(frame, self.now());
    }

    pub(super) fn hub(&self) -> &RefCell<Hub<Outbox>> {
        &self.hub
    }

    pub(super) fn now(&self) -> Now {
        Now {
            steady_ms: self.started.uptime_ms(),
            unix_ms: unix_ms(),
        }
    }

    fn answer(&self, number: u64, decision: Decision) {
        let request = self.requests.borrow_mut().remove(&number);
        if let Some(request) = request {
            request.decision.set(Some(decision));
            if let Some(waker) = request.waker.take() {
                waker.wake();
            }
        }
    }
}

impl Request {
    async fn decided(&self) -> Decision {
        poll_fn(|context| match self.decision.get() {
            Some(decision) => Poll::Ready(decision),
            None => {
                *self.waker.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }
}
