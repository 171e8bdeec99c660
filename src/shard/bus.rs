//! The bus: jobs from any thread to a shard, and answers back.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

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

    /// Runs a job on a shard. Jobs from one thread to one shard keep their order; a shard that has
    /// ended drops them.
    pub fn post(&self, shard: usize, job: impl FnOnce() + Send + 'static) {
        self.inboxes[shard].post(Box::new(job));
    }

    /// Runs a job on a shard and brings its answer back to this one.
    ///
    /// # Panics
    /// On a thread that is not a shard.
    pub fn ask<T: Send + 'static>(
        &self,
        shard: usize,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Answer<T> {
        let (answer, reply) = Answer::open(self, local::index());
        self.post(shard, move || reply.send(job()));
        answer
    }

    /// Runs a job on every shard; answers in the order of the shards, of those that answered in
    /// time. There is no form without a deadline: a shard that hangs would stop all who ask.
    pub async fn ask_all_within<T: Send + 'static>(
        &self,
        patience: Duration,
        job: impl Fn() -> T + Clone + Send + 'static,
    ) -> Vec<T> {
        let mut waiting: Vec<_> = (0..self.count())
            .map(|shard| Some(self.ask(shard, job.clone())))
            .collect();
        let mut answers: Vec<Option<T>> = waiting.iter().map(|_| None).collect();
        let all = poll_fn(|context| {
            for (asked, place) in waiting.iter_mut().zip(&mut answers) {
                let Some(answer) = asked else { continue };
                if let Poll::Ready(answer) = Pin::new(answer).poll(context) {
                    *place = answer.ok();
                    *asked = None;
                }
            }
            if waiting.iter().all(Option::is_none) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        futures_lite::future::or(all, local::sleep(patience)).await;
        answers.into_iter().flatten().collect()
    }
}

/// An answer that is on its way to this shard.
pub struct Answer<T> {
    slot: Rc<Slot<T>>,
}

/// The way back to the shard that asked, from any thread; dropping it unused answers [`Gone`].
pub struct Reply<T: Send + 'static> {
    bus: Bus,
    shard: usize,
    ticket: usize,
    is_used: bool,
    answers: PhantomData<fn(T)>,
}

type Slot<T> = RefCell<State<T>>;

enum State<T> {
    Waiting(Option<Waker>),
    Answered(Result<T, Gone>),
    Taken,
}

impl<T: Send + 'static> Answer<T> {
    /// Opens a place for one answer on this shard, whose number is `shard`.
    pub(super) fn open(bus: &Bus, shard: usize) -> (Answer<T>, Reply<T>) {
        let slot: Rc<Slot<T>> = Rc::new(RefCell::new(State::Waiting(None)));
        let ticket = OPEN.with_borrow_mut(|open| open.insert(slot.clone()));
        let reply = Reply {
            bus: bus.clone(),
            shard,
            ticket,
            is_used: false,
            answers: PhantomData,
        };
        (Answer { slot }, reply)
    }
}

/// Opens a place for one answer on this shard: what to await, and what another thread answers by.
///
/// # Panics
/// On a thread that is not a shard.
pub fn answer<T: Send + 'static>() -> (Answer<T>, Reply<T>) {
    let shard = local::current();
    Answer::open(&shard.bus, shard.index)
}

impl<T: Send + 'static> Reply<T> {
    /// Brings the answer to the shard that waits for it.
    pub fn send(mut self, answer: T) {
        self.is_used = true;
        self.deliver(Ok(answer));
    }

    fn deliver(&self, answer: Result<T, Gone>) {
        let ticket = self.ticket;
        self.bus.post(self.shard, move || {
            let slot = OPEN.with_borrow_mut(|open| open.remove(ticket));
            let slot = slot.downcast::<Slot<T>>();
            let slot = slot.unwrap_or_else(|_| unreachable!("a ticket has one type"));
            if let State::Waiting(Some(waker)) = slot.replace(State::Answered(answer)) {
                waker.wake();
            }
        });
    }
}

impl<T: Send + 'static> Drop for Reply<T> {
    fn drop(&mut self) {
        if !self.is_used {
            self.deliver(Err(Gone));
        }
    }
}

impl<T> Future for Answer<T> {
    type Output = Result<T, Gone>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.slot.borrow_mut();
        if let State::Waiting(waker) = &mut *state {
            *waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        match std::mem::replace(&mut *state, State::Taken) {
            State::Answered(answer) => Poll::Ready(answer),
            State::Waiting(_) | State::Taken => panic!("an answer is taken once"),
        }
    }
}

/// Forgets the answers that this shard waits for: it has ended, and none will be delivered.
pub(super) fn forget_answers() {
    let open = OPEN.take();
    drop(open);
}

/// Answers that this shard waits for.
#[cfg(test)]
pub(super) fn open_answers() -> usize {
    OPEN.with_borrow(Slab::len)
}

thread_local! {
    /// Answers that this shard waits for. A ticket stays open until its reply comes, even when
    /// the future was dropped, so that no later question gets its number.
    static OPEN: RefCell<Slab<Rc<dyn Any>>> = const { RefCell::new(Slab::new()) };
}
