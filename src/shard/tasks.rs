//! The tasks of a shard: their futures belong to the shard, the executor only schedules them.
//!
//! So a shard that ends can drop them all, wherever they wait; a task that panics ends alone; and
//! the driver knows whether any task ran while it stood aside.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use slab::Slab;

/// The futures of the tasks of one shard.
#[derive(Default)]
pub(super) struct Tasks {
    /// `None` while a task is polled.
    futures: RefCell<Slab<Option<Work>>>,
    polls: Cell<u64>,
    ended: Cell<bool>,
    /// The driver, while it sleeps.
    sleeper: Cell<Option<Waker>>,
}

type Work = Pin<Box<dyn Future<Output = ()>>>;

impl Tasks {
    /// Takes a future; what is returned is to be run by the executor. After the end a future is
    /// dropped unrun.
    pub(super) fn adopt(
        self: &Rc<Self>,
        future: impl Future<Output = ()> + 'static,
    ) -> Option<Task> {
        if self.ended.get() {
            return None;
        }
        let place = self.futures.borrow_mut().insert(Some(Box::pin(future)));
        Some(Task {
            tasks: self.clone(),
            place,
        })
    }

    /// How often tasks were polled. Where this stands still while the driver lets others go first,
    /// no task is ready.
    pub(super) fn polls(&self) -> u64 {
        self.polls.get()
    }

    /// Wakes `driver` when a task is polled: it may have made work that nothing else tells of.
    pub(super) fn wake_when_polled(&self, driver: &Waker) {
        self.sleeper.set(Some(driver.clone()));
    }

    /// Tasks that have not ended.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.futures.borrow().len()
    }

    /// Drops every task, and those that their ends begin.
    pub(super) fn end(&self) {
        self.ended.set(true);
        let futures = std::mem::take(&mut *self.futures.borrow_mut());
        for (_, future) in futures {
            drop(future);
        }
    }

    fn note_poll(&self) {
        self.polls.set(self.polls.get() + 1);
        if let Some(driver) = self.sleeper.take() {
            driver.wake();
        }
    }

    /// Takes the future of a task to poll it, or for good; `None` once the shard has ended.
    fn take(&self, place: usize) -> Option<Work> {
        self.futures.borrow_mut().get_mut(place)?.take()
    }

    /// Puts back a future that is not ready; drops it if the shard has ended in the meantime.
    fn put_back(&self, place: usize, work: Work) {
        let unwanted = match self.futures.borrow_mut().get_mut(place) {
            Some(seat) => seat.replace(work),
            None => Some(work),
        };
        drop(unwanted);
    }
}

/// What the executor runs for a task.
pub(super) struct Task {
    tasks: Rc<Tasks>,
    place: usize,
}

impl Future for Task {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.tasks.note_poll();
        let Some(mut work) = self.tasks.take(self.place) else {
            return Poll::Ready(());
        };
        // A task that panics harms no other; the panic hook has told of it.
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Pending) => {
                self.tasks.put_back(self.place, work);
                Poll::Pending
            }
            Ok(Poll::Ready(())) | Err(_) => Poll::Ready(()),
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let left = self.tasks.futures.borrow_mut().try_remove(self.place);
        drop(left);
    }
}
