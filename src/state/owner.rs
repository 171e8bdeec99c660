//! The owner of the configuration: puts changes in order, has them written, says what happened.
//!
//! Shard 0 holds it. A change is applied to the state that all changes before it lead to, gets
//! the next number, and waits. One write is in flight at a time; it carries the state of its last
//! change, so it makes every change before that one durable too, and what comes meanwhile goes
//! with the next write. Changes are published and acknowledged only once they are on disk.
//!
//! A change that expects a certain state is held against the latest accepted one, so that of two
//! that expect the same only one is made.
//!
//! When a write fails, every waiting change fails with it, since each was made on top of those
//! before it. Numbers go on: one that was given is never given again, so a number that anyone has
//! seen stands for one change only.

use std::sync::Arc;

use thirteen_kernels::config::ConfigState;

use super::access::Writer;
use super::change::{Batch, Change, Expected, Origin, Published, Refusal};

/// The one place where changes are made.
#[derive(Debug)]
pub struct Owner {
    durable: Write,
    /// What the next change is applied to.
    accepted: Write,
    /// What the shards were last told of; probes have later numbers and are told to nobody.
    published: Write,
    /// The last number that was given.
    sequence: u64,
    in_flight: Option<Write>,
    /// The changes that the write in flight makes durable, in order.
    writing: Vec<Published>,
    /// The changes that came after it, in order.
    waiting: Vec<Published>,
    waiting_max: usize,
    health: Health,
}

/// A state for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    /// The configuration.
    pub state: ConfigState,
    /// The number of the change that leads to it.
    pub sequence: u64,
}

/// The number of an accepted change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is on disk.
    Durable,
    /// It may or may not be on disk.
    Failed,
}

/// What the end of a write settles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// These changes are durable: every shard is to be told of all, then the askers.
    Published(Batch),
    /// The changes of these askers were not made.
    Failed(Arc<[Origin]>),
    /// Nobody waited.
    Nothing,
}

/// Whether the disk took the last write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It did.
    Sound,
    /// It did not: the server is not ready.
    DiskFailed,
}

impl Owner {
    /// The owner of a state that is on disk; at most `waiting_max` changes wait at a time.
    pub fn new(state: ConfigState, sequence: u64, waiting_max: usize) -> Owner {
        let loaded = Write { state, sequence };
        Owner {
            durable: loaded,
            accepted: loaded,
            published: loaded,
            sequence,
            in_flight: None,
            writing: Vec::with_capacity(waiting_max),
            waiting: Vec::with_capacity(waiting_max),
            waiting_max,
            health: Health::Sound,
        }
    }

    /// Accepts a change of one who may write; the end of a write decides it.
    pub fn submit(
        &mut self,
        change: Change,
        origin: Origin,
        expected: &Expected,
        _: Writer,
    ) -> Result<Ticket, Refusal> {
        if !expected.admits(self.accepted.state, self.accepted.sequence) {
            return Err(Refusal::Stale);
        }
        if self.waiting_count() == self.waiting_max {
            return Err(Refusal::Busy);
        }
        self.sequence += 1;
        self.accepted = Write {
            state: change.apply(self.accepted.state),
            sequence: self.sequence,
        };
        self.waiting.push(Published {
            sequence: self.sequence,
            state: self.accepted.state,
            fields: change.fields(),
            frame: change.frame(),
            origin,
        });
        Ok(Ticket(self.sequence))
    }

    /// The write to start, if changes wait and none is in flight. Its end must be reported.
    pub fn next_write(&mut self) -> Option<Write> {
        if self.in_flight.is_some() {
            return None;
        }
        let last = self.waiting.last()?;
        let write = Write {
            state: last.state,
            sequence: last.sequence,
        };
        std::mem::swap(&mut self.writing, &mut self.waiting);
        self.in_flight = Some(write);
        Some(write)
    }

    /// After a failure, a write of the durable state under a fresh number, to be made from time to
    /// time: it says whether the disk is back, and puts right what the failed write left there.
    pub fn next_probe(&mut self) -> Option<Write> {
        if self.health == Health::Sound || self.in_flight.is_some() || !self.waiting.is_empty() {
            return None;
        }
        self.sequence += 1;
        let write = Write {
            state: self.durable.state,
            sequence: self.sequence,
        };
        self.in_flight = Some(write);
        Some(write)
    }

    /// Takes the end of the write in flight.
    ///
    /// # Panics
    ///
    /// If no write is in flight.
    pub fn write_done(&mut self, written: Written) -> Settled {
        let write = self
            .in_flight
            .take()
            .expect("a write that ends has been started");
        match written {
            Written::Durable => {
                self.health = Health::Sound;
                self.durable = write;
                if self.writing.is_empty() {
                    return Settled::Nothing;
                }
                self.published = write;
                let batch = Batch::from(self.writing.as_slice());
                self.writing.clear();
                Settled::Published(batch)
            }
            Written::Failed => {
                self.health = Health::DiskFailed;
                self.accepted = self.published;
                if self.waiting_count() == 0 {
                    return Settled::Nothing;
                }
                let failed = self.writing.drain(..).chain(self.waiting.drain(..));
                Settled::Failed(failed.map(|change| change.origin).collect())
            }
        }
    }

    /// Whether the disk took the last write; readiness follows it.
    pub fn health(&self) -> Health {
        self.health
    }

    /// The state on disk.
    pub fn durable(&self) -> Write {
        self.durable
    }

    /// How many changes wait, those of the write in flight included.
    pub fn waiting_count(&self) -> usize {
        self.writing.len() + self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use thirteen_kernels::config::{Feature, Field, Switch};

    use super::super::access::tests::WRITER;
    use super::super::change::Asker;
    use super::*;

    fn owner() -> Owner {
        Owner::new(ConfigState::DEFAULT, 100, 8)
    }

    fn asker(number: u64) -> Origin {
        Origin {
            shard: 0,
            asker: Asker::Request(number),
        }
    }

    fn rows(rows: u64) -> Change {
        Change::update(Field::Rows, rows).unwrap()
    }

    fn published(settled: Settled) -> Vec<(u64, u8)> {
        match settled {
            Settled::Published(batch) => batch
                .iter()
                .map(|change| (change.sequence, change.state.rows()))
                .collect(),
            Settled::Failed(_) | Settled::Nothing => panic!("published, not {settled:?}"),
        }
    }

    #[test]
    fn a_change_is_written_then_published() {
        let mut owner = owner();
        assert_eq!(owner.next_write(), None);
        assert_eq!(
            owner.submit(rows(30), asker(1), &Expected::Any, WRITER),
            Ok(Ticket(101))
        );
        let write = owner.next_write().unwrap();
        assert_eq!((write.state.rows(), write.sequence), (30, 101));
        assert_eq!(owner.durable().sequence, 100);
        let settled = owner.write_done(Written::Durable);
        assert_eq!(owner.durable(), write);
        let Settled::Published(batch) = settled else {
            panic!("{settled:?}")
        };
        assert_eq!(batch.len(), 1);
        assert_eq!(batch[0].origin, asker(1));
        assert_eq!(owner.next_write(), None);
    }

    #[test]
    fn what_comes_during_a_write_goes_with_the_next_one() {
        let mut owner = owner();
        owner
            .submit(rows(1), asker(1), &Expected::Any, WRITER)
            .unwrap();
        owner
            .submit(rows(2), asker(1), &Expected::Any, WRITER)
            .unwrap();
        assert_eq!(owner.next_write().unwrap().sequence, 102);
        for value in 3..=8 {
            owner
                .submit(rows(value), asker(2), &Expected::Any, WRITER)
                .unwrap();
            assert_eq!(owner.next_write(), None, "one write at a time");
        }
        assert_eq!(
            owner.submit(rows(9), asker(2), &Expected::Any, WRITER),
            Err(Refusal::Busy)
        );
        assert_eq!(
            published(owner.write_done(Written::Durable)),
            [(101, 1), (102, 2)]
        );
        owner
            .submit(rows(9), asker(2), &Expected::Any, WRITER)
            .unwrap();
        assert_eq!(owner.next_write().unwrap().sequence, 109);
        let batch = published(owner.write_done(Written::Durable));
        assert_eq!(batch.first(), Some(&(103, 3)));
        assert_eq!(batch.last(), Some(&(109, 9)));
        assert_eq!(owner.waiting_count(), 0);
    }

    #[test]
    fn toggles_build_on_what_is_accepted_and_not_yet_durable() {
        let mut owner = owner();
        let toggle = |feature| Change::Toggle {
            feature,
            switch: Switch::On,
        };
        owner
            .submit(toggle(Feature::Debug), asker(1), &Expected::Any, WRITER)
            .unwrap();
        owner.next_write().unwrap();
        owner
            .submit(toggle(Feature::MockS3), asker(2), &Expected::Any, WRITER)
            .unwrap();
        owner.write_done(Written::Durable);
        assert_eq!(owner.next_write().unwrap().state.feature_flags(), 0x207);
    }

    #[test]
    fn a_failed_write_takes_everything_that_waits_along() {
        let mut owner = owner();
        owner
            .submit(rows(1), asker(1), &Expected::Any, WRITER)
            .unwrap();
        owner.next_write().unwrap();
        owner
            .submit(rows(2), asker(2), &Expected::Any, WRITER)
            .unwrap();
        let settled = owner.write_done(Written::Failed);
        assert_eq!(settled, Settled::Failed(Arc::new([asker(1), asker(2)])));
        assert_eq!(owner.health(), Health::DiskFailed);
        assert_eq!(owner.durable().sequence, 100);
        assert_eq!(owner.next_write(), None);
        // The next change stands on the durable state and bears a fresh number.
        let resize = Change::update(Field::Cols, 100).unwrap();
        assert_eq!(
            owner.submit(resize, asker(3), &Expected::Any, WRITER),
            Ok(Ticket(103))
        );
        let write = owner.next_write().unwrap();
        assert_eq!((write.state.rows(), write.state.cols()), (24, 100));
        assert!(matches!(
            owner.write_done(Written::Durable),
            Settled::Published(_)
        ));
        assert_eq!(owner.health(), Health::Sound);
    }

    #[test]
    fn a_probe_heals_without_publishing() {
        let mut owner = owner();
        assert_eq!(owner.next_probe(), None, "nothing to heal");
        owner
            .submit(rows(1), asker(1), &Expected::Any, WRITER)
            .unwrap();
        owner.next_write().unwrap();
        owner.write_done(Written::Failed);
        let probe = owner.next_probe().unwrap();
        assert_eq!(
            probe,
            Write {
                state: ConfigState::DEFAULT,
                sequence: 102
            }
        );
        assert_eq!(owner.next_probe(), None, "one write at a time");
        owner
            .submit(rows(2), asker(2), &Expected::Any, WRITER)
            .unwrap();
        assert_eq!(owner.next_write(), None, "one write at a time");
        assert_eq!(owner.write_done(Written::Durable), Settled::Nothing);
        assert_eq!(owner.health(), Health::Sound);
        assert_eq!(owner.durable(), probe);
        assert_eq!(owner.next_write().unwrap().sequence, 103);
        assert_eq!(published(owner.write_done(Written::Durable)), [(103, 2)]);
    }

    #[test]
    fn a_failed_probe_takes_those_along_who_came_meanwhile() {
        let mut owner = owner();
        owner
            .submit(rows(1), asker(1), &Expected::Any, WRITER)
            .unwrap();
        owner.next_write().unwrap();
        owner.write_done(Written::Failed);
        owner.next_probe().unwrap();
        owner
            .submit(rows(2), asker(2), &Expected::Any, WRITER)
            .unwrap();
        assert_eq!(
            owner.write_done(Written::Failed),
            Settled::Failed(Arc::new([asker(2)]))
        );
        owner.next_probe().unwrap();
        assert_eq!(owner.write_done(Written::Failed), Settled::Nothing);
    }

    fn expected(owner: &Owner) -> Expected {
        let seen = owner.published;
        Expected::OneOf(Box::new([(seen.state, seen.sequence)]))
    }

    #[test]
    fn of_two_changes_that_expect_the_same_one_is_made() {
        let mut owner = owner();
        let seen = expected(&owner);
        let submit = |owner: &mut Owner, seen: &Expected, value| {
            let ticket = owner.submit(rows(value), asker(value), seen, WRITER);
            ticket.map(|Ticket(sequence)| sequence)
        };
        assert_eq!(submit(&mut owner, &seen, 1), Ok(101));
        assert_eq!(submit(&mut owner, &seen, 2), Err(Refusal::Stale));
        owner.next_write().unwrap();
        assert_eq!(submit(&mut owner, &seen, 2), Err(Refusal::Stale));
        assert_eq!(published(owner.write_done(Written::Durable)), [(101, 1)]);
        assert_eq!(submit(&mut owner, &seen, 2), Err(Refusal::Stale));
        let later = expected(&owner);
        assert_eq!(
            submit(&mut owner, &later, 2),
            Ok(102),
            "refusals have no number"
        );
        // The number alone does not make it the same.
        let other = Expected::OneOf(Box::new([(ConfigState::DEFAULT, 102)]));
        assert_eq!(submit(&mut owner, &other, 3), Err(Refusal::Stale));
        let none = Expected::OneOf(Box::new([]));
        assert_eq!(submit(&mut owner, &none, 3), Err(Refusal::Stale));
        assert_eq!(submit(&mut owner, &Expected::Any, 3), Ok(103));
    }

    #[test]
    fn what_was_published_can_be_expected_after_failures_and_probes() {
        let mut owner = owner();
        let seen = expected(&owner);
        owner.submit(rows(1), asker(1), &seen, WRITER).unwrap();
        owner.next_write().unwrap();
        owner.write_done(Written::Failed);
        owner.next_probe().unwrap();
        assert_eq!(owner.write_done(Written::Durable), Settled::Nothing);
        assert_ne!(owner.durable().sequence, 100, "the probe's number");
        assert_eq!(
            owner.submit(rows(2), asker(2), &seen, WRITER),
            Ok(Ticket(103))
        );
    }
}
