//! Mail that the shop sends: `outbox` queues it in the same transaction as its cause, `sender`
//! takes it from there, `transport` hands it to an SMTP server or puts it into a maildir.
//!
//! A message is sent at least once: the outbox is told after the server has taken it. Its
//! `Message-ID`, and its name in the maildir, are made of the row's id, so that a second copy is
//! known as one.

pub mod outbox;
pub mod sender;
mod transport;

pub use outbox::{Letter, queue, queue_nothing};
pub use transport::{Delivery, DeliveryFault, deliver};
