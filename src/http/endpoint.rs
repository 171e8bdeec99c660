//! Handlers whose signature says who may call, what comes in and what goes out.
//!
//! A handler is a function of the application, a value that proves who calls ([`Guard`]), what
//! the request holds ([`Query`], [`Body`]), and the request and reply or the exchange:
//!
//! ```ignore
//! fn read(&Context, Anyone, &Request, &mut Reply) -> Result<Written<Product>, Problem>
//! fn list(&Context, Admin, Query<Filter>, &Request, &mut Reply) -> Result<Page<User>, Problem>
//! async fn create(&Context, Admin, Body<New>, &mut Exchange) -> Result<Created<Category>, Problem>
//! ```
//!
//! The route's row takes the function as it is; its access column and its part of the OpenAPI
//! document follow from the types.

use std::future::Future;

use crate::json::{Describe, Object, Read, Schemas};

use super::exchange::Exchange;
use super::inputs::{Body, Query, Streamed};
use super::outcome::Answer;
use super::problem::Problem;
use super::reply::Reply;
use super::request::Request;
use super::route::{Access, Handler};

/// A value that proves who calls; a handler that takes one cannot be reached without it.
pub trait Guard<A>: Sized + 'static {
    /// Who gets one, for the route's row.
    const ACCESS: Access;

    /// The proof; 401 where nobody is known to call, 403 where it is somebody else.
    fn admit(application: &A, request: &Request<'_>) -> Result<Self, Problem>;

    /// Whether it proves anything, so that the reply is for the caller alone.
    fn is_somebody(&self) -> bool {
        true
    }
}

/// As [`Guard`], where finding out who calls may take waiting: for handlers that wait anyway. Every
/// guard is one.
pub trait Admission<A>: Sized + 'static {
    /// Who gets one, for the route's row.
    const ACCESS: Access;

    /// The proof; 401 where nobody is known to call, 403 where it is somebody else.
    fn enter(application: &A, request: &Request<'_>)
    -> impl Future<Output = Result<Self, Problem>>;

    /// Whether it proves anything, so that the reply is for the caller alone.
    fn proves(&self) -> bool;
}

impl<A, P: Guard<A>> Admission<A> for P {
    const ACCESS: Access = <P as Guard<A>>::ACCESS;

    async fn enter(application: &A, request: &Request<'_>) -> Result<P, Problem> {
        P::admit(application, request)
    }

    fn proves(&self) -> bool {
        self.is_somebody()
    }
}

/// What a handler that waits takes of a request besides its head.
pub trait Input: Sized + 'static {
    /// Reads it; 400, 415 or 422 where it is not what was asked for.
    fn read(exchange: &mut Exchange<'_>) -> impl Future<Output = Result<Self, Problem>>;

    /// Describes it.
    fn describe(schemas: &mut Schemas, signature: &mut Signature);
}

/// What the OpenAPI document says of a handler, from its types.
#[derive(Debug, Default)]
pub struct Signature {
    /// The parameters of the query.
    pub query: Vec<crate::json::Property>,
    /// The body.
    pub body: Option<Content>,
    /// The status of a reply that did what was asked, and its body.
    pub replies: Vec<(u16, Option<Content>)>,
}

/// What a body holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// JSON of this schema.
    Json(serde_json::Value),
    /// Bytes of any type.
    Bytes,
}

/// Fills in an [`Signature`].
pub type Describing = fn(&mut Schemas, &mut Signature);

/// A function that can stand in a route's row. `M` only tells its forms apart.
#[diagnostic::on_unimplemented(
    message = "this function cannot stand in a route's row",
    label = "its parameters or its result are not those of a handler",
    note = "parameters, in this order: &Context, who calls (a `Guard`), then",
    note = "  [Query<Q>], &Request<'_>, &mut Reply<'_> of one that answers at once, or",
    note = "  [an `Input`: Query<Q>, Body<B>, a pair], &mut Exchange<'_> of an `async fn`",
    note = "result: Result<R, Problem>, where R is an `Answer` (Json, Created, Page, ...)"
)]
pub trait Endpoint<A: 'static, M> {
    /// What the row gets of it.
    fn mount(self) -> Mounted<A>;
}

/// A handler as a row holds it.
pub struct Mounted<A: 'static> {
    /// Who may call.
    pub access: Access,
    /// What answers.
    pub handler: Handler<A>,
    /// What its types say.
    pub describe: Describing,
    /// The path of the function, which the document's names come from.
    pub name: &'static str,
}

impl<A: 'static, F> Endpoint<A, Bare> for F
where
    F: Fn(&A, &Request<'_>, &mut Reply<'_>) -> Result<(), Problem> + Copy + Send + Sync + 'static,
{
    fn mount(self) -> Mounted<A> {
        mounted::<A, F>(Access::Anyone, Handler::Plain(Box::new(self)), |_, _| {})
    }
}

impl<A: 'static, F> Endpoint<A, BareWaiting> for F
where
    F: for<'x, 'y> AsyncFn(&'x A, &'x mut Exchange<'y>) -> Result<(), Problem> + Copy + 'static,
{
    fn mount(self) -> Mounted<A> {
        let handler = Handler::Waiting(Box::new(move |application, exchange| {
            Box::pin(async move { self(application, exchange).await })
        }));
        mounted::<A, F>(Access::Anyone, handler, |_, _| {})
    }
}

impl<A: 'static, P, R, F> Endpoint<A, Plain<(P, R)>> for F
where
    P: Guard<A>,
    R: Answer,
    F: Fn(&A, P, &Request<'_>, &mut Reply<'_>) -> Result<R, Problem> + Copy + 'static,
{
    fn mount(self) -> Mounted<A> {
        let handler = Handler::Plain(Box::new(move |application, request, reply| {
            let principal = P::admit(application, request)?;
            if principal.is_somebody() {
                reply.keep_private();
            }
            let answer = self(application, principal, request, reply)?;
            answer.write(request, reply)
        }));
        mounted::<A, F>(P::ACCESS, handler, R::describe)
    }
}

impl<A: 'static, P, Q, R, F> Endpoint<A, Plain<(P, Q, R)>> for F
where
    P: Guard<A>,
    Q: Object + 'static,
    R: Answer,
    F: Fn(&A, P, Query<Q>, &Request<'_>, &mut Reply<'_>) -> Result<R, Problem> + Copy + 'static,
{
    fn mount(self) -> Mounted<A> {
        let handler = Handler::Plain(Box::new(move |application, request, reply| {
            let principal = P::admit(application, request)?;
            if principal.is_somebody() {
                reply.keep_private();
            }
            let query = Query::of(request)?;
            let answer = self(application, principal, query, request, reply)?;
            answer.write(request, reply)
        }));
        mounted::<A, F>(P::ACCESS, handler, |schemas, signature| {
            Query::<Q>::describe(schemas, signature);
            R::describe(schemas, signature);
        })
    }
}

impl<A: 'static, P, R, F> Endpoint<A, Waiting<(P, R)>> for F
where
    P: Admission<A>,
    R: Answer,
    F: for<'x, 'y> AsyncFn(&'x A, P, &'x mut Exchange<'y>) -> Result<R, Problem> + Copy + 'static,
{
    fn mount(self) -> Mounted<A> {
        let handler = Handler::Waiting(Box::new(move |application, exchange| {
            Box::pin(async move {
                let request = exchange.request();
                let principal = P::enter(application, &request).await?;
                if principal.proves() {
                    exchange.keep_private();
                }
                let answer = self(application, principal, exchange).await?;
                exchange.conclude(answer)
            })
        }));
        mounted::<A, F>(P::ACCESS, handler, R::describe)
    }
}

impl<A: 'static, P, I, R, F> Endpoint<A, Waiting<(P, I, R)>> for F
where
    P: Admission<A>,
    I: Input,
    R: Answer,
    F: for<'x, 'y> AsyncFn(&'x A, P, I, &'x mut Exchange<'y>) -> Result<R, Problem>
        + Copy
        + 'static,
{
    fn mount(self) -> Mounted<A> {
        let handler = Handler::Waiting(Box::new(move |application, exchange| {
            Box::pin(async move {
                let request = exchange.request();
                let principal = P::enter(application, &request).await?;
                if principal.proves() {
                    exchange.keep_private();
                }
                let input = I::read(exchange).await?;
                let answer = self(application, principal, input, exchange).await?;
                exchange.conclude(answer)
            })
        }));
        mounted::<A, F>(P::ACCESS, handler, |schemas, signature| {
            I::describe(schemas, signature);
            R::describe(schemas, signature);
        })
    }
}

fn mounted<A, F>(access: Access, handler: Handler<A>, describe: Describing) -> Mounted<A> {
    let name = std::any::type_name::<F>();
    Mounted {
        access,
        handler,
        describe,
        name,
    }
}

impl<T: Read + Describe + 'static> Input for Body<T> {
    async fn read(exchange: &mut Exchange<'_>) -> Result<Body<T>, Problem> {
        Body::of(exchange).await
    }

    fn describe(schemas: &mut Schemas, signature: &mut Signature) {
        signature.body = Some(Content::Json(T::schema(schemas)));
    }
}

impl<T: Object + 'static> Input for Query<T> {
    async fn read(exchange: &mut Exchange<'_>) -> Result<Query<T>, Problem> {
        Query::of(&exchange.request())
    }

    fn describe(schemas: &mut Schemas, signature: &mut Signature) {
        T::properties(schemas, &mut signature.query);
    }
}

impl Input for Streamed {
    async fn read(_: &mut Exchange<'_>) -> Result<Streamed, Problem> {
        Ok(Streamed)
    }

    fn describe(_: &mut Schemas, signature: &mut Signature) {
        signature.body = Some(Content::Bytes);
    }
}

impl<Q: Input, B: Input> Input for (Q, B) {
    async fn read(exchange: &mut Exchange<'_>) -> Result<(Q, B), Problem> {
        let first = Q::read(exchange).await?;
        Ok((first, B::read(exchange).await?))
    }

    fn describe(schemas: &mut Schemas, signature: &mut Signature) {
        Q::describe(schemas, signature);
        B::describe(schemas, signature);
    }
}

/// The form of handlers that answer everyone at once.
pub struct Bare(());
/// The form of handlers that answer everyone and may wait.
pub struct BareWaiting(());
/// The forms of guarded handlers that answer at once.
pub struct Plain<T>(std::marker::PhantomData<T>);
/// The forms of guarded handlers that may wait.
pub struct Waiting<T>(std::marker::PhantomData<T>);
