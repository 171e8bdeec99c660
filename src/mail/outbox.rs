//! The outbox: mail is queued in the transaction of what causes it, and kept until it is sent.

use crate::id::Id;
use crate::store::{SqlFault, Tx, View};

use super::Delivery;

/// One letter.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The address.
    pub recipient: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// Queues a letter; it goes out once the transaction is on disk.
///
/// # Errors
/// What the store says.
pub fn queue(tx: &mut Tx<'_>, letter: &Letter) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    let id = Id::fresh();
    let Letter {
        recipient,
        subject,
        body,
    } = letter;
    tx.run(QUEUE, &[&id.text(), recipient, subject, body, &now_ms])?;
    Ok(())
}

/// Costs what [`queue`] costs, the disk included, and leaves nothing behind: where the time of a
/// reply would tell whether there was anybody to write to.
///
/// # Errors
/// What the store says.
pub fn queue_nothing(tx: &mut Tx<'_>) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    let id = Id::fresh();
    tx.run(QUEUE, &[&id.text(), &"", &"", &"", &now_ms])?;
    tx.run(REMOVE, &[&id.text()]).map(|_| ())
}

/// The letters that are due, with the number of attempts that each has had.
pub(super) fn due(
    view: &View<'_>,
    now_ms: i64,
    count_max: i64,
) -> Result<Vec<(Delivery, i64)>, SqlFault> {
    view.all(DUE, &[&now_ms, &count_max], |row| {
        let delivery = Delivery {
            id: row.get(0)?,
            recipient: row.get(1)?,
            subject: row.get(2)?,
            body: row.get(3)?,
            queued_at: row.get(4)?,
        };
        Ok((delivery, row.get(5)?))
    })
}

/// Notes that a letter went out; its address and its text are not kept.
pub(super) fn sent(tx: &mut Tx<'_>, id: &str) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(SENT, &[&id, &now_ms]).map(|_| ())
}

/// Notes that a letter did not go out, and when it is tried again.
pub(super) fn put_off(
    tx: &mut Tx<'_>,
    id: &str,
    next_ms: i64,
    fault: &str,
) -> Result<(), SqlFault> {
    tx.run(PUT_OFF, &[&id, &next_ms, &fault]).map(|_| ())
}

/// Notes that a letter will not go out; its address and its text are not kept.
pub(super) fn given_up(tx: &mut Tx<'_>, id: &str, fault: &str) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    tx.run(GIVEN_UP, &[&id, &now_ms, &fault]).map(|_| ())
}

/// Removes rows that were settled before a time, at most so many.
pub(super) fn sweep(tx: &mut Tx<'_>, before_ms: i64, count_max: i64) -> Result<usize, SqlFault> {
    tx.run(SWEEP, &[&before_ms, &count_max])
}

const QUEUE: &str = "\
    INSERT INTO mail_outbox (id, recipient, subject, body, state, next_attempt_at, created_at) \
    VALUES (?1, ?2, ?3, ?4, 'waiting', ?5, ?5)";
const REMOVE: &str = "DELETE FROM mail_outbox WHERE id = ?1";
const DUE: &str = "\
    SELECT id, recipient, subject, body, created_at, attempts FROM mail_outbox \
    WHERE state = 'waiting' AND next_attempt_at <= ?1 ORDER BY next_attempt_at LIMIT ?2";
const SENT: &str = "\
    UPDATE mail_outbox SET state = 'sent', recipient = '', body = '', \
    attempts = attempts + 1, settled_at = ?2, fault = NULL WHERE id = ?1";
const PUT_OFF: &str = "\
    UPDATE mail_outbox SET attempts = attempts + 1, next_attempt_at = ?2, fault = ?3 \
    WHERE id = ?1 AND state = 'waiting'";
const GIVEN_UP: &str = "\
    UPDATE mail_outbox SET state = 'failed', recipient = '', body = '', \
    attempts = attempts + 1, settled_at = ?2, fault = ?3 WHERE id = ?1";
const SWEEP: &str = "\
    DELETE FROM mail_outbox WHERE id IN \
    (SELECT id FROM mail_outbox WHERE settled_at IS NOT NULL AND settled_at < ?1 LIMIT ?2)";

/// Every statement, for the test of query plans.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("mail::QUEUE", QUEUE),
    ("mail::REMOVE", REMOVE),
    ("mail::DUE", DUE),
    ("mail::SENT", SENT),
    ("mail::PUT_OFF", PUT_OFF),
    ("mail::GIVEN_UP", GIVEN_UP),
    ("mail::SWEEP", SWEEP),
];
