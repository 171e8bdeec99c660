//! The line of passwords that are to be hashed: one number for the house, a queue for each shard.
//!
//! A permit stays with the job, not with whoever waits for it: a client that leaves frees nothing
//! before the thread is done. A shard whose line stands asks for one permit at a time, so shards
//! take turns however long each line is.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::PasswordFault;
use crate::limits::{HASHES_RUNNING_MAX, HASHES_WAITING_MAX};

/// How many may run at once, of all shards together.
#[derive(Default)]
pub struct Permits {
    crowd: Mutex<Crowd>,
}

#[derive(Default)]
struct Crowd {
    running: usize,
    /// Shards that wait, each at most once, so that handing on goes no deeper than their number.
    asking: VecDeque<Call>,
}

/// Brings a permit to the shard that asked; from any thread.
pub(super) type Call = Box<dyn FnOnce(Permit) + Send>;

/// One of those that run. It is handed on when it is dropped, wherever that is.
pub(crate) struct Permit {
    permits: Arc<Permits>,
}

impl Permits {
    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A permit at once; otherwise `call` brings one later.
    fn ask(self: &Arc<Self>, call: impl FnOnce() -> Call) -> Option<Permit> {
        let mut crowd = self.crowd();
        if crowd.running < HASHES_RUNNING_MAX {
            crowd.running += 1;
            let permits = self.clone();
            return Some(Permit { permits });
        }
        crowd.asking.push_back(call());
        None
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut crowd = self.permits.crowd();
        let next = crowd.asking.pop_front();
        if next.is_none() {
            crowd.running -= 1;
        }
        drop(crowd);
        if let Some(call) = next {
            let permits = self.permits.clone();
            call(Permit { permits });
        }
    }
}

/// One shard's line.
pub(super) struct Line {
    permits: Arc<Permits>,
    call: Box<dyn Fn() -> Call>,
    /// Whether a permit is on its way here, sooner or later.
    has_asked: Cell<bool>,
    waiting: RefCell<VecDeque<Rc<Place>>>,
}

/// Somebody's place in the line.
#[derive(Default)]
struct Place {
    permit: RefCell<Option<Permit>>,
    waker: RefCell<Option<Waker>>,
}

impl Line {
    /// An empty line; `call` makes what brings a permit to [`Line::take_up`] of this shard.
    pub(super) fn new(permits: Arc<Permits>, call: impl Fn() -> Call + 'static) -> Line {
        Line {
            permits,
            call: Box::new(call),
            has_asked: Cell::new(false),
            waiting: RefCell::default(),
        }
    }

    /// Waits in line.
    pub(super) async fn turn(&self) -> Result<Permit, PasswordFault> {
        if self.waiting.borrow().len() >= HASHES_WAITING_MAX {
            return Err(PasswordFault::Busy);
        }
        if let Some(permit) = self.ask() {
            return Ok(permit);
        }
        let place = Rc::new(Place::default());
        self.waiting.borrow_mut().push_back(place.clone());
        let standing = Standing { line: self, place };
        // A task is polled for whatever its connection has to tell it, not only for its turn.
        let permit = poll_fn(|context| {
            if let Some(permit) = standing.place.permit.take() {
                return Poll::Ready(permit);
            }
            *standing.place.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        });
        Ok(permit.await)
    }

    /// Gives a permit that came to the head of the line, and asks for the next one.
    pub(super) fn take_up(&self, permit: Permit) {
        self.has_asked.set(false);
        let mut present = Some(permit);
        while let Some(permit) = present {
            // Where all have left the permit is handed on.
            let Some(place) = self.waiting.borrow_mut().pop_front() else {
                return;
            };
            *place.permit.borrow_mut() = Some(permit);
            if let Some(waker) = place.waker.take() {
                waker.wake();
            }
            let is_empty = self.waiting.borrow().is_empty();
            present = if is_empty { None } else { self.ask() };
        }
    }

    /// A permit at once, unless one is on its way already, for whoever stands here.
    fn ask(&self) -> Option<Permit> {
        if self.has_asked.get() {
            return None;
        }
        let permit = self.permits.ask(&self.call);
        self.has_asked.set(permit.is_none());
        permit
    }
}

/// Somebody who stands in line. Who leaves it gives up the place, or the permit with it.
struct Standing<'l> {
    line: &'l Line,
    place: Rc<Place>,
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        let mut waiting = self.line.waiting.borrow_mut();
        waiting.retain(|place| !Rc::ptr_eq(place, &self.place));
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::mpsc::{Receiver, channel};
    use std::task::Context;

    use super::*;

    type Asking<'l> = Pin<Box<dyn Future<Output = Result<Permit, PasswordFault>> + 'l>>;

    /// Lines of one house, and the permits that are on their way to them.
    fn lines(count: usize) -> (Vec<Line>, Receiver<(usize, Permit)>) {
        let permits = Arc::new(Permits::default());
        let (sender, receiver) = channel();
        let line_of = |shard| {
            let sender = sender.clone();
            let call = move || -> Call {
                let sender = sender.clone();
                Box::new(move |permit| {
                    // After the test nobody receives, and the permit comes back as it is dropped.
                    let _sent_or_dropped = sender.send((shard, permit));
                })
            };
            Line::new(permits.clone(), call)
        };
        ((0..count).map(line_of).collect(), receiver)
    }

    fn poll(asking: &mut Asking<'_>) -> Option<Result<Permit, PasswordFault>> {
        match asking
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    fn arrive(lines: &[Line], on_their_way: &Receiver<(usize, Permit)>) {
        while let Ok((shard, permit)) = on_their_way.try_recv() {
            lines[shard].take_up(permit);
        }
    }

    #[test]
    fn eight_shards_run_no_more_than_one_does_and_all_are_served() {
        let (lines, on_their_way) = lines(8);
        let mut waiting: Vec<Asking<'_>> = Vec::new();
        for line in lines.iter().cycle().take(8 * 20) {
            waiting.push(Box::pin(line.turn()));
        }
        let (mut served, mut rounds) = (0, 0);
        while !waiting.is_empty() {
            let mut running = Vec::new();
            waiting.retain_mut(|asking| match poll(asking) {
                Some(permit) => {
                    running.push(permit.unwrap_or_else(|_| panic!("there is room")));
                    false
                }
                None => true,
            });
            assert!(running.len() <= HASHES_RUNNING_MAX, "{}", running.len());
            assert!(!running.is_empty(), "a permit got lost");
            (served, rounds) = (served + running.len(), rounds + 1);
            drop(running);
            arrive(&lines, &on_their_way);
        }
        assert_eq!(served, 8 * 20);
        assert!(
            rounds <= served / HASHES_RUNNING_MAX + 1,
            "{rounds}: some idled"
        );
        assert_eq!(lines[0].permits.crowd().running, 0);
    }

    #[test]
    fn a_line_is_served_in_order_and_is_bounded() {
        let (lines, on_their_way) = lines(1);
        let line = &lines[0];
        let asking = || -> Asking<'_> { Box::pin(line.turn()) };
        let first = (0..HASHES_RUNNING_MAX).map(|_| poll(&mut asking()));
        let mut running: Vec<Permit> = first.map(|turn| turn.unwrap().ok().unwrap()).collect();
        let mut waiting: Vec<_> = (0..HASHES_WAITING_MAX).map(|_| asking()).collect();
        for asking in &mut waiting {
            assert!(poll(asking).is_none());
        }
        let refusal = poll(&mut asking()).unwrap();
        assert_eq!(refusal.err(), Some(PasswordFault::Busy));
        // Polled for another reason than their turn, they stay where they are.
        for asking in &mut waiting {
            assert!(poll(asking).is_none());
        }
        drop(running.pop());
        arrive(&lines, &on_their_way);
        let mut latecomer = asking();
        assert!(poll(&mut latecomer).is_none(), "it stands behind the line");
        assert!(poll(&mut waiting[1]).is_none());
        let head = poll(&mut waiting[0]).expect("the head of the line goes on");
        // Who leaves with a permit hands it on, and who leaves without one is not waited for.
        drop(head);
        arrive(&lines, &on_their_way);
        let mut rest = waiting.split_off(1);
        drop(rest.remove(0));
        drop(rest.remove(0));
        arrive(&lines, &on_their_way);
        assert!(poll(&mut rest[0]).is_some_and(|turn| turn.is_ok()));
        drop((rest, waiting));
        arrive(&lines, &on_their_way);
        assert!(poll(&mut latecomer).is_some_and(|turn| turn.is_ok()));
        drop(running);
        arrive(&lines, &on_their_way);
        assert_eq!(line.permits.crowd().running, 0);
        assert_eq!(line.waiting.borrow().len(), 0);
    }
}
