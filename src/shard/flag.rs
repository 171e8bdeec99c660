//! A flag of one shard that tasks wait for.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// Down until it is raised, once.
#[derive(Default)]
pub struct Flag {
    is_raised: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Flag {
    /// Raises it and wakes who waits.
    pub fn raise(&self) {
        self.is_raised.set(true);
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    /// Whether it was raised.
    pub fn is_raised(&self) -> bool {
        self.is_raised.get()
    }

    /// Waits until it is raised.
    pub async fn raised(&self) {
        poll_fn(|context| {
            if self.is_raised.get() {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
