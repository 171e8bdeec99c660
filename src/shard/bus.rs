//! The bus: jobs from any thread to a shard, and answers back.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use crate::ring::wake::Inbox;

use super::local;

/// The inboxes of all shards; cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct Bus {
    inboxes: Arc<[Arc<Inbox>]>,
}

/// The shard that was asked ended before it answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the shard ended before it answered")
    }
}

impl std::error::Error for Gone {}

impl Bus {
    pub(super) fn new(inboxes: Vec<Arc<Inbox>>) -> Bus {
        Bus {
            inboxes: inboxes.into(),
        }
    }

    pub(super) fn inbox(&self, shard: usize) -> &Arc<Inbox> {
        &self.inboxes[shard]
    }

    /// How many shards there are.
    pub fn count(&self) -> usize {
        self.inboxes.len()
    }

    /// Jobs that wait for a shard.
    pub fn depth(&self, shard: usize) -> usize {
        self.inboxes[shard].len()
    }

    /// Runs a job on a shard. Jobs from one thread to one shard keep their order.
    pub fn post(&self, shard: usize, job: impl FnOnce() + Send + 'static) {
        self.inboxes[shard].post(Box::new(job));
    }

    /// Runs a job on a shard and brings its answer back to this one.
    pub fn ask<T: Send + 'static>(
        &self,
        shard: usize,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Answer<T> {
        let (answer, reply) = Answer::open(self, local::index());
        self.post(shard, move || reply.send(job()));
        answer
    }

    /// Runs a job on every shard; answers in the order of the shards, of those that still run.
    pub async fn ask_all<T: Send + 'static>(
        &self,
        job: impl Fn() -> T + Clone + Send + 'static,
    ) -> Vec<T> {
        let asked: Vec<_> = (0..self.count())
            .map(|shard| self.ask(shard, job.clone()))
            .collect();
        let mut answers = Vec::with_capacity(asked.len());
        for answer in asked {
            answers.extend(answer.await);
        }
        answers
    }
}

/// An answer that is on its way to this shard.
pub struct Answer<T> {
    slot: Rc<RefCell<Slot<T>>>,
    ticket: usize,
}

/// The way back to the shard that asked; dropping it unused answers [`Gone`].
pub(super) struct Reply<T: Send + 'static> {
    bus: Bus,
    shard: usize,
    ticket: usize,
    _answer: std::marker::PhantomData<fn(T)>,
    unused: bool,
}

enum Slot<T> {
    Waiting(Option<Waker>),
    Answered(Result<T, Gone>),
    Taken,
}

impl<T: Send + 'static> Answer<T> {
    /// Opens a place for one answer on this shard, whose number is `shard`.
    pub(super) fn open(bus: &Bus, shard: usize) -> (Answer<T>, Reply<T>) {
        let slot = Rc::new(RefCell::new(Slot::Waiting(None)));
        let delivered = slot.clone();
        let ticket = OPEN.with_borrow_mut(|open| {
            open.insert(Box::new(move |answer| deliver::<T>(&delivered, answer)))
        });
        let reply = Reply {
            bus: bus.clone(),
            shard,
            ticket,
            _answer: Default::default(),
            unused: true,
        };
        (Answer { slot, ticket }, reply)
    }
}

impl<T: Send + 'static> Reply<T> {
    pub(super) fn send(mut self, answer: T) {
        self.unused = false;
        self.deliver(Ok(answer));
    }

    fn deliver(&self, answer: Result<T, Gone>) {
        let ticket = self.ticket;
        self.bus.post(self.shard, move || {
            let receiver = OPEN.with_borrow_mut(|open| open.remove(ticket));
            receiver(Box::new(answer));
        });
    }
}

impl<T: Send + 'static> Drop for Reply<T> {
    fn drop(&mut self) {
        if self.unused {
            self.deliver(Err(Gone));
        }
    }
}

impl<T> Future for Answer<T> {
    type Output = Result<T, Gone>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = self.slot.borrow_mut();
        if let Slot::Waiting(waker) = &mut *slot {
            *waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        match std::mem::replace(&mut *slot, Slot::Taken) {
            Slot::Answered(answer) => Poll::Ready(answer),
            Slot::Waiting(_) | Slot::Taken => panic!("the answer {} was taken", self.ticket),
        }
    }
}

fn deliver<T: 'static>(slot: &RefCell<Slot<T>>, answer: Box<dyn std::any::Any>) {
    let answer = answer
        .downcast::<Result<T, Gone>>()
        .expect("a ticket has one type");
    let before = slot.replace(Slot::Answered(*answer));
    if let Slot::Waiting(Some(waker)) = before {
        waker.wake();
    }
}

/// Takes the answer for one ticket; only the ticket's opener knows its type.
type Receiver = Box<dyn FnOnce(Box<dyn std::any::Any>)>;

thread_local! {
    /// Answers that this shard waits for. A ticket stays open until its reply comes, even when
    /// the future was dropped, so that no later question gets its number.
    static OPEN: RefCell<Slab<Receiver>> = const { RefCell::new(Slab::new()) };
}
