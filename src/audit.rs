//! The audit log: who did what to what, in rows that hold the hash of the one before.
//!
//! A row is written in the transaction of what it tells of, so there is none without the other.
//! Its hash is the SHA-256 of a canonical encoding of its columns that begins with the hash of the
//! row before; a row that is changed, taken out or put in is found by walking the chain. Rows cut
//! off at the end are found by comparing the last hash with one that was noted elsewhere.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::id::Id;
use crate::store::{Row, SqlFault, ToValue, Tx, View};

/// What is to be told.
#[derive(Clone, Debug)]
pub struct Entry<'e> {
    /// Who did it.
    pub actor: Actor,
    /// What was done, such as `user.role_changed`.
    pub action: &'static str,
    /// What it was done to: the resource's name and its id.
    pub subject: (&'static str, &'e str),
    /// Particulars, as an object. It is kept for good: no secrets, and nothing personal.
    pub detail: Value,
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A customer or vendor.
    User(Id),
    /// Staff.
    Staff(Id),
    /// Who runs commands on the machine.
    Operator,
    /// The server by itself.
    System,
}

/// What a walk along the chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chain {
    /// So many rows, each of which follows from the one before; the last one's hash.
    Whole {
        /// The number of rows.
        rows: u64,
        /// The hash of the last one; zeros where there is none.
        head: [u8; 32],
    },
    /// The first row that does not follow from the one before it.
    Broken {
        /// Its number.
        sequence: i64,
    },
}

impl Actor {
    const fn kind(self) -> &'static str {
        match self {
            Actor::User(_) => "user",
            Actor::Staff(_) => "staff",
            Actor::Operator => "operator",
            Actor::System => "system",
        }
    }

    fn id(self) -> Option<String> {
        match self {
            Actor::User(id) | Actor::Staff(id) => Some(id.to_string()),
            Actor::Operator | Actor::System => None,
        }
    }
}

/// Adds a row to the chain.
///
/// # Errors
/// What the store says.
pub fn append(tx: &mut Tx<'_>, entry: &Entry<'_>) -> Result<(), SqlFault> {
    let last = tx.one(LAST, &[], |row| Ok((row.get::<i64>(0)?, row.get(1)?)))?;
    let (sequence, previous) = last.unwrap_or((0, [0; 32]));
    let record = Record {
        sequence: sequence + 1,
        at: tx.now_ms(),
        actor_kind: entry.actor.kind().to_owned(),
        actor_id: entry.actor.id(),
        action: entry.action.to_owned(),
        subject_kind: entry.subject.0.to_owned(),
        subject_id: entry.subject.1.to_owned(),
        detail: entry.detail.to_string(),
    };
    let hash = record.hash(&previous);
    let args: [&dyn ToValue; 10] = [
        &record.sequence,
        &record.at,
        &record.actor_kind,
        &record.actor_id,
        &record.action,
        &record.subject_kind,
        &record.subject_id,
        &record.detail,
        &previous,
        &hash,
    ];
    tx.run(APPEND, &args).map(|_| ())
}

/// Walks the whole chain.
///
/// # Errors
/// What the store says.
pub fn verify(view: &View<'_>) -> Result<Chain, SqlFault> {
    let mut rows = 0;
    let mut head = [0; 32];
    let mut broken = None;
    view.each(WALK, &[], |row| {
        if broken.is_some() {
            return Ok(());
        }
        let record = Record::of(row)?;
        let (previous, hash): ([u8; 32], [u8; 32]) = (row.get(8)?, row.get(9)?);
        let follows = record.sequence == rows + 1 && previous == head;
        if !follows || record.hash(&previous) != hash {
            broken = Some(record.sequence);
        }
        (rows, head) = (record.sequence, hash);
        Ok(())
    })?;
    Ok(match broken {
        Some(sequence) => Chain::Broken { sequence },
        None => Chain::Whole {
            rows: rows as u64,
            head,
        },
    })
}

/// The columns of a row that its hash covers.
struct Record {
    sequence: i64,
    at: i64,
    actor_kind: String,
    actor_id: Option<String>,
    action: String,
    subject_kind: String,
    subject_id: String,
    detail: String,
}

impl Record {
    fn of(row: &Row<'_>) -> Result<Record, SqlFault> {
        Ok(Record {
            sequence: row.get(0)?,
            at: row.get(1)?,
            actor_kind: row.get(2)?,
            actor_id: row.get(3)?,
            action: row.get(4)?,
            subject_kind: row.get(5)?,
            subject_id: row.get(6)?,
            detail: row.get(7)?,
        })
    }

    /// Numbers in eight bytes, texts behind their length, so that no two records have one form.
    fn hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(DOMAIN);
        hasher.update(previous);
        hasher.update(self.sequence.to_be_bytes());
        hasher.update(self.at.to_be_bytes());
        let has_actor = u8::from(self.actor_id.is_some());
        hasher.update([has_actor]);
        let texts = [
            self.actor_kind.as_str(),
            self.actor_id.as_deref().unwrap_or_default(),
            &self.action,
            &self.subject_kind,
            &self.subject_id,
            &self.detail,
        ];
        for text in texts {
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finalize().into()
    }
}

/// Sets these hashes apart from all others.
const DOMAIN: &[u8] = b"thirteen audit 1";

const LAST: &str = "SELECT sequence, hash FROM audit_logs ORDER BY sequence DESC LIMIT 1";
const APPEND: &str = "\
    INSERT INTO audit_logs (sequence, at, actor_kind, actor_id, action, subject_kind, \
    subject_id, detail, previous, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const WALK: &str = "\
    SELECT sequence, at, actor_kind, actor_id, action, subject_kind, subject_id, detail, \
    previous, hash FROM audit_logs ORDER BY sequence";

/// Every statement, for the test of query plans.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("audit::LAST", LAST),
    ("audit::APPEND", APPEND),
    ("audit::WALK", WALK),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commerce::scene::Scene;

    fn tell(scene: &Scene, count: usize) {
        for number in 0..count {
            scene.write(move |tx| {
                let entry = Entry {
                    actor: Actor::Staff(Id::of(7, [7; 10])),
                    action: "thing.changed",
                    subject: ("thing", "a"),
                    detail: json!({ "number": number }),
                };
                append(tx, &entry)
            });
        }
    }

    fn chain(scene: &Scene) -> Chain {
        scene.read(verify)
    }

    #[test]
    fn a_chain_is_whole_until_somebody_changes_it() {
        let scene = Scene::new();
        assert_eq!(
            chain(&scene),
            Chain::Whole {
                rows: 0,
                head: [0; 32]
            }
        );
        tell(&scene, 5);
        let Chain::Whole { rows: 5, head } = chain(&scene) else {
            panic!("{:?}", chain(&scene));
        };
        assert_ne!(head, [0; 32]);
        let harmful: [(&'static str, i64); 7] = [
            ("UPDATE audit_logs SET detail = '{}' WHERE sequence = 3", 3),
            ("UPDATE audit_logs SET at = at + 1 WHERE sequence = 1", 1),
            (
                "UPDATE audit_logs SET actor_id = NULL WHERE sequence = 5",
                5,
            ),
            (
                "UPDATE audit_logs SET action = 'thing', subject_kind = '.changedthing' \
              WHERE sequence = 2",
                2,
            ),
            ("DELETE FROM audit_logs WHERE sequence = 2", 3),
            (
                "UPDATE audit_logs SET hash = zeroblob(32) WHERE sequence = 4",
                4,
            ),
            (
                "INSERT INTO audit_logs SELECT 6, at, actor_kind, actor_id, action, subject_kind, \
              subject_id, detail, previous, hash FROM audit_logs WHERE sequence = 5",
                6,
            ),
        ];
        for (sql, sequence) in harmful {
            let scene = Scene::new();
            tell(&scene, 5);
            scene.write(move |tx| tx.run(sql, &[]));
            assert_eq!(chain(&scene), Chain::Broken { sequence }, "{sql}");
        }
    }

    #[test]
    fn a_command_that_fails_tells_nothing() {
        let scene = Scene::new();
        tell(&scene, 1);
        let before = chain(&scene);
        let outcome = scene.try_write(|tx| {
            let entry = Entry {
                actor: Actor::System,
                action: "thing.changed",
                subject: ("thing", "b"),
                detail: json!({}),
            };
            append(tx, &entry)?;
            Err::<(), _>(SqlFault::Other("changed my mind".to_owned()))
        });
        assert!(outcome.is_err());
        assert_eq!(chain(&scene), before);
    }
}
