//! `Idempotency-Key`: a request that is repeated has its effect once, and gets its reply again.
//!
//! The key's row, with the reply, is written in the transaction of the effect, so there is never
//! one without the other, and of two requests of one key the second waits for the one writer and
//! finds the first one's reply. A command that fails stores nothing: it may be tried again under
//! the same key.

use std::marker::PhantomData;

use serde::Serialize;

use crate::context::Context;
use crate::http::{Answer, Content, Problem, Reply, Request, Signature, etag_of, method_name};
use crate::id::Id;
use crate::json::{Describe, Schemas};
use crate::store::{Row, SqlFault, StoreFault, ToValue, Tx, View};

/// What a request says by its `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    principal: Id,
    key: String,
    method: &'static str,
    path: String,
    body_hash: [u8; 32],
}

/// A reply that can be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What a request with a key is answered, by this status; `T` is what its body holds.
#[derive(Debug)]
pub struct Once<T, const STATUS: u16 = 201> {
    reply: StoredReply,
    was: Given,
    value: PhantomData<fn() -> T>,
}

/// Whether a reply is given for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    First,
    Again,
}

/// What a key was kept with.
enum Kept {
    /// This request, and its reply.
    Reply(StoredReply),
    /// Another request.
    Other,
}

enum Refusal<E> {
    /// The key came with another request before.
    Reused,
    Command(E),
    Sql(SqlFault),
}

impl<E> From<SqlFault> for Refusal<E> {
    fn from(fault: SqlFault) -> Refusal<E> {
        Refusal::Sql(fault)
    }
}

impl Key {
    /// The key of a request, where it has one; `digest` is that of its body, which
    /// [`Body`](crate::http::Body) makes. 400 where the key is malformed.
    pub fn of(
        request: &Request<'_>,
        principal: Id,
        digest: Option<[u8; 32]>,
    ) -> Result<Option<Key>, Problem> {
        let mut lines = request.values("idempotency-key");
        let Some(value) = lines.next() else {
            return Ok(None);
        };
        let is_key = (1..=KEY_BYTES_MAX).contains(&value.len())
            && value.iter().all(u8::is_ascii_graphic)
            && lines.next().is_none();
        let text = str::from_utf8(value).ok().filter(|_| is_key);
        let Some(text) = text else {
            let detail = "Idempotency-Key must be one of 1 to 255 printable ASCII characters.";
            return Err(Problem::new(400, detail).code("invalid_idempotency_key"));
        };
        Ok(Some(Key {
            principal,
            key: text.to_owned(),
            method: method_name(request.method()),
            path: String::from_utf8_lossy(request.head().path()).into_owned(),
            body_hash: digest.unwrap_or_default(),
        }))
    }
}

impl StoredReply {
    /// 200 with a value.
    pub fn ok(value: &impl Serialize) -> StoredReply {
        StoredReply::of(200, Vec::new(), value)
    }

    /// 201 with a value, its place and its version.
    pub fn created(location: String, version: i64, value: &impl Serialize) -> StoredReply {
        let headers = vec![
            ("Location".to_owned(), location),
            ("ETag".to_owned(), etag_of(version)),
        ];
        StoredReply::of(201, headers, value)
    }

    fn of(status: u16, headers: Vec<(String, String)>, value: &impl Serialize) -> StoredReply {
        StoredReply {
            status,
            headers,
            body: serde_json::to_vec(value).expect("a reply's value has string keys"),
        }
    }
}

/// Runs a command once for each key, and every time without one. The command gives the reply
/// that is kept for 24 hours.
///
/// # Errors
/// 422 where the key came with another request; what the command says, which is not kept.
pub async fn once<T, const STATUS: u16, E>(
    context: &Context,
    key: Option<Key>,
    command: impl FnOnce(&mut Tx<'_>) -> Result<StoredReply, E> + Send + 'static,
) -> Result<Once<T, STATUS>, Problem>
where
    E: Into<Problem> + Send + 'static,
{
    let run = move |tx: &mut Tx<'_>| run(tx, key.as_ref(), command);
    match context.house.commerce.write(run).await? {
        Ok((reply, was)) => Ok(Once {
            reply,
            was,
            value: PhantomData,
        }),
        Err(Refusal::Command(fault)) => Err(fault.into()),
        Err(Refusal::Sql(fault)) => Err(StoreFault::from(fault).into()),
        Err(Refusal::Reused) => {
            let detail = "This Idempotency-Key came with another request before.";
            Err(Problem::new(422, detail).code("idempotency_key_reused"))
        }
    }
}

/// Removes keys that were kept for their time, at most so many.
///
/// # Errors
/// What the store says.
pub fn sweep(tx: &mut Tx<'_>, count_max: i64) -> Result<usize, SqlFault> {
    let before_ms = tx.now_ms() - KEPT_MS;
    tx.run(SWEEP, &[&before_ms, &count_max])
}

impl<T: Describe + 'static, const STATUS: u16> Answer for Once<T, STATUS> {
    fn write(self, _: &Request<'_>, reply: &mut Reply<'_>) -> Result<(), Problem> {
        debug_assert_eq!(self.reply.status, STATUS, "it is described as this");
        reply.status(self.reply.status);
        for (name, value) in &self.reply.headers {
            reply.header(name, value);
        }
        if self.was == Given::Again {
            reply.header("Idempotent-Replayed", "true");
        }
        reply.body("application/json", &self.reply.body);
        Ok(())
    }

    fn describe(schemas: &mut Schemas, signature: &mut Signature) {
        let content = Content::Json(T::schema(schemas));
        signature.replies.push((STATUS, Some(content)));
    }
}

fn run<E>(
    tx: &mut Tx<'_>,
    key: Option<&Key>,
    command: impl FnOnce(&mut Tx<'_>) -> Result<StoredReply, E>,
) -> Result<(StoredReply, Given), Refusal<E>> {
    if let Some(key) = key
        && let Some(kept) = find(tx, key)?
    {
        return match kept {
            Kept::Reply(reply) => Ok((reply, Given::Again)),
            Kept::Other => Err(Refusal::Reused),
        };
    }
    let reply = command(tx).map_err(Refusal::Command)?;
    if let Some(key) = key {
        keep(tx, key, &reply)?;
    }
    Ok((reply, Given::First))
}

fn find(view: &View<'_>, key: &Key) -> Result<Option<Kept>, SqlFault> {
    let args: [&dyn ToValue; 2] = [&key.principal.text(), &key.key];
    view.one(FIND, &args, |row| kept(row, key))
}

fn kept(row: &Row<'_>, key: &Key) -> Result<Kept, SqlFault> {
    let (method, path, body_hash): (String, String, [u8; 32]) =
        (row.get(0)?, row.get(1)?, row.get(2)?);
    if (method.as_str(), &path, body_hash) != (key.method, &key.path, key.body_hash) {
        return Ok(Kept::Other);
    }
    let (status, headers): (i64, String) = (row.get(3)?, row.get(4)?);
    let headers = serde_json::from_str(&headers)
        .map_err(|error| SqlFault::Other(format!("stored headers: {error}")))?;
    Ok(Kept::Reply(StoredReply {
        status: status as u16,
        headers,
        body: row.get(5)?,
    }))
}

fn keep(tx: &mut Tx<'_>, key: &Key, reply: &StoredReply) -> Result<(), SqlFault> {
    let now_ms = tx.now_ms();
    let headers = serde_json::to_string(&reply.headers).expect("pairs of texts are JSON");
    let args: [&dyn ToValue; 9] = [
        &key.principal.text(),
        &key.key,
        &key.method,
        &key.path,
        &key.body_hash,
        &now_ms,
        &i64::from(reply.status),
        &headers,
        &reply.body,
    ];
    tx.run(KEEP, &args).map(|_| ())
}

/// How long a reply is kept.
const KEPT_MS: i64 = 24 * 3600 * 1000;
const KEY_BYTES_MAX: usize = 255;

const FIND: &str = "\
    SELECT method, path, body_hash, status, headers, body FROM idempotency_keys \
    WHERE principal = ?1 AND key = ?2";
const KEEP: &str = "\
    INSERT INTO idempotency_keys (principal, key, method, path, body_hash, created_at, status, \
    headers, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const SWEEP: &str = "\
    DELETE FROM idempotency_keys WHERE (principal, key) IN \
    (SELECT principal, key FROM idempotency_keys WHERE created_at < ?1 LIMIT ?2)";

/// Every statement, for the test of query plans.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("idempotency::FIND", FIND),
    ("idempotency::KEEP", KEEP),
    ("idempotency::SWEEP", SWEEP),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commerce::scene::Scene;
    use crate::mail::{Letter, queue};

    fn key(key: &str) -> Key {
        Key {
            principal: Id::of(1, [1; 10]),
            key: key.to_owned(),
            method: "POST",
            path: "/api/v1/things".to_owned(),
            body_hash: [2; 32],
        }
    }

    /// A command whose effect can be counted.
    fn effect(tx: &mut Tx<'_>, number: i64) -> Result<StoredReply, SqlFault> {
        let letter = Letter {
            recipient: "ada@example.com".to_owned(),
            subject: "Effect".to_owned(),
            body: String::new(),
        };
        queue(tx, &letter)?;
        let location = format!("/api/v1/things/{number}");
        Ok(StoredReply::created(
            location,
            number,
            &json!({ "number": number }),
        ))
    }

    fn effects(scene: &Scene) -> i64 {
        let count =
            |view: &View<'_>| view.one("SELECT count(*) FROM mail_outbox", &[], |row| row.get(0));
        scene.read(count).unwrap()
    }

    fn ask(
        scene: &Scene,
        key: Option<Key>,
        number: i64,
    ) -> Result<(StoredReply, Given), &'static str> {
        let outcome = scene.try_write(move |tx| run(tx, key.as_ref(), |tx| effect(tx, number)));
        outcome.map_err(|refusal| match refusal {
            Refusal::Reused => "reused",
            Refusal::Command(_) => "command",
            Refusal::Sql(_) => "sql",
        })
    }

    #[test]
    fn a_repeated_request_has_its_effect_once_and_its_reply_again() {
        let scene = Scene::new();
        let (first, was) = ask(&scene, Some(key("a")), 1).unwrap();
        assert_eq!(was, Given::First);
        assert_eq!(
            ask(&scene, Some(key("a")), 2),
            Ok((first.clone(), Given::Again))
        );
        assert_eq!(effects(&scene), 1);
        assert_eq!(first.body, br#"{"number":1}"#);
        assert_eq!(first.headers[1], ("ETag".to_owned(), "\"v1\"".to_owned()));
        ask(&scene, Some(key("b")), 3).unwrap();
        ask(&scene, None, 4).unwrap();
        ask(&scene, None, 4).unwrap();
        assert_eq!(effects(&scene), 4, "without a key every request counts");
    }

    #[test]
    fn a_key_belongs_to_one_request_of_one_principal() {
        let scene = Scene::new();
        ask(&scene, Some(key("a")), 1).unwrap();
        let other = |change: fn(&mut Key)| {
            let mut key = key("a");
            change(&mut key);
            ask(&scene, Some(key), 2).map(|(_, was)| was)
        };
        assert_eq!(other(|key| key.body_hash = [3; 32]), Err("reused"));
        assert_eq!(other(|key| key.method = "PUT"), Err("reused"));
        assert_eq!(other(|key| key.path.push('x')), Err("reused"));
        assert_eq!(effects(&scene), 1);
        assert_eq!(
            other(|key| key.principal = Id::of(2, [2; 10])),
            Ok(Given::First)
        );
    }

    #[test]
    fn a_command_that_fails_leaves_its_key_free() {
        let scene = Scene::new();
        let failed = scene.try_write(|tx| {
            run(tx, Some(&key("a")), |tx| {
                effect(tx, 1)?;
                Err::<StoredReply, _>(SqlFault::Other("no".to_owned()))
            })
        });
        assert!(matches!(failed, Err(Refusal::Command(_))));
        assert_eq!(effects(&scene), 0);
        assert_eq!(ask(&scene, Some(key("a")), 1).unwrap().1, Given::First);
    }

    #[test]
    fn keys_are_kept_for_a_day() {
        let scene = Scene::new();
        ask(&scene, Some(key("a")), 1).unwrap();
        assert_eq!(scene.write(|tx| sweep(tx, 10)), 0);
        scene.write(|tx| {
            let before_ms = tx.now_ms() - KEPT_MS - 1;
            tx.run("UPDATE idempotency_keys SET created_at = ?1", &[&before_ms])
        });
        assert_eq!(scene.write(|tx| sweep(tx, 10)), 1);
        assert_eq!(ask(&scene, Some(key("a")), 1).unwrap().1, Given::First);
    }
}
