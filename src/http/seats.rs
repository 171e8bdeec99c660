//! The connections that a shard may have open, and who has them.

use std::cell::Cell;
use std::rc::Rc;

/// So many connections at the most.
pub(super) struct Seats {
    taken: Cell<usize>,
    max: Cell<usize>,
}

/// One of them; dropped, it is free again.
pub struct Seat(Rc<Seats>);

impl Seats {
    pub(super) fn new(max: usize) -> Rc<Seats> {
        Rc::new(Seats {
            taken: Cell::new(0),
            max: Cell::new(max),
        })
    }

    /// One more, where there is one left.
    pub(super) fn take(self: &Rc<Self>) -> Option<Seat> {
        let taken = self.taken.get();
        if taken >= self.max.get() {
            return None;
        }
        self.taken.set(taken + 1);
        Some(Seat(self.clone()))
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.get()
    }

    /// Changes the bound; who has a seat keeps it.
    pub(super) fn set_max(&self, max: usize) {
        self.max.set(max);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.set(self.0.taken.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_than_there_are() {
        let seats = Seats::new(2);
        let first = seats.take().unwrap();
        let second = seats.take();
        assert!(second.is_some() && seats.take().is_none());
        drop(first);
        assert_eq!(seats.taken(), 1);
        seats.set_max(1);
        assert!(seats.take().is_none());
        drop(second);
        assert!(seats.take().is_some());
    }
}
