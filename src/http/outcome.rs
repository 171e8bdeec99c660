//! What handlers give back: the value of a reply, with the status and headers that go with it.

use std::marker::PhantomData;

use serde::Serialize;
use serde_json::Value;

use crate::json::{Describe, Schemas};

use super::conditional::etag_of;
use super::endpoint::{Content, Signature};
use super::problem::Problem;
use super::reply::Reply;
use super::request::Request;

/// What a handler gives back.
pub trait Answer: Sized + 'static {
    /// Writes the reply.
    fn write(self, request: &Request<'_>, reply: &mut Reply<'_>) -> Result<(), Problem>;

    /// Describes it.
    fn describe(schemas: &mut Schemas, signature: &mut Signature);
}

/// 200 with this value.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// 201 with this value, which can be read at `location` from then on.
#[derive(Debug)]
pub struct Created<T> {
    /// Its path.
    pub location: String,
    /// Its version, for the ETag: what `If-Match` takes. Where the reads of it have a digest in
    /// their tags, this one is never that of what they send.
    pub version: i64,
    /// What was made.
    pub value: T,
}

/// 202 with this value: what was asked for is queued, durably.
#[derive(Debug)]
pub struct Accepted<T>(pub T);

/// 204.
#[derive(Debug)]
pub struct NoContent;

/// The reply is sent already; its body is bytes of any type.
#[derive(Debug)]
pub struct Sent;

impl Answer for Sent {
    fn write(self, _: &Request<'_>, _: &mut Reply<'_>) -> Result<(), Problem> {
        Ok(())
    }

    fn describe(_: &mut Schemas, signature: &mut Signature) {
        signature.replies.push((200, Some(Content::Bytes)));
    }
}

/// The reply is written already; `T` is what its body holds.
#[derive(Debug)]
pub struct Written<T>(PhantomData<fn() -> T>);

impl<T> Written<T> {
    /// Says that the reply is written.
    pub fn by_hand() -> Written<T> {
        Written(PhantomData)
    }
}

impl<T: Serialize + Describe + 'static> Answer for Json<T> {
    fn write(self, _: &Request<'_>, reply: &mut Reply<'_>) -> Result<(), Problem> {
        reply.status(200).json(&self.0);
        Ok(())
    }

    fn describe(schemas: &mut Schemas, signature: &mut Signature) {
        described::<T>(200, schemas, signature);
    }
}

impl<T: Serialize + Describe + 'static> Answer for Created<T> {
    fn write(self, _: &Request<'_>, reply: &mut Reply<'_>) -> Result<(), Problem> {
        let etag = etag_of(self.version);
        reply.status(201).header("Location", self.location);
        reply.header("ETag", etag).json(&self.value);
        Ok(())
    }

    fn describe(schemas: &mut Schemas, signature: &mut Signature) {
        described::<T>(201, schemas, signature);
    }
}

impl<T: Serialize + Describe + 'static> Answer for Accepted<T> {
    fn write(self, _: &Request<'_>, reply: &mut Reply<'_>) -> Result<(), Problem> {
        reply.status(202).json(&self.0);
        Ok(())
    }

    fn describe(schemas: &mut Schemas, signature: &mut Signature) {
        described::<T>(202, schemas, signature);
    }
}

impl Answer for NoContent {
    fn write(self, _: &Request<'_>, reply: &mut Reply<'_>) -> Result<(), Problem> {
        reply.status(204).empty();
        Ok(())
    }

    fn describe(_: &mut Schemas, signature: &mut Signature) {
        signature.replies.push((204, None));
    }
}

impl<T: Describe + 'static> Answer for Written<T> {
    fn write(self, _: &Request<'_>, _: &mut Reply<'_>) -> Result<(), Problem> {
        Ok(())
    }

    fn describe(schemas: &mut Schemas, signature: &mut Signature) {
        described::<T>(200, schemas, signature);
    }
}

/// Notes that a reply of this status holds this type.
pub(super) fn described<T: Describe>(
    status: u16,
    schemas: &mut Schemas,
    signature: &mut Signature,
) {
    let schema: Value = T::schema(schemas);
    let content = Content::Json(schema);
    signature.replies.push((status, Some(content)));
}
