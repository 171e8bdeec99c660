//! Puts the demo into an empty store.

use std::fmt;

use crate::audit::{self, Actor, Entry};
use crate::auth::passwords::hash_blocking;
use crate::auth::{Role, Secret};
use crate::commerce::accounts::users::{self, sql::NewUser};
use crate::commerce::catalog::{attributes, categories, products, variants};
use crate::commerce::inventory::sql::Opening;
use crate::id::Id;
use crate::store::{SqlFault, Store, StoreFault, Tx};

use super::make::{Frame, Made};

/// What became of a request for the demo.
#[derive(Debug)]
pub enum Filled {
    /// The demo is there; who can administer it.
    Made {
        /// The address to sign in with.
        email: &'static str,
        /// The password, which is told once.
        password: String,
        /// How many products there are.
        products: u64,
    },
    /// There was something already, which is as it was.
    Kept,
}

/// Why the demo is not there.
#[derive(Debug)]
pub enum FillFault {
    /// The store.
    Store(StoreFault),
    /// There is no memory to hash a password with.
    Password,
}

impl fmt::Display for FillFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FillFault::Store(fault) => write!(out, "{fault}"),
            FillFault::Password => out.write_str("there is not enough memory to hash a password"),
        }
    }
}

impl From<StoreFault> for FillFault {
    fn from(fault: StoreFault) -> FillFault {
        FillFault::Store(fault)
    }
}

/// Fills a store that has neither products nor users with so many products, and a test
/// administrator last. A fill that was cut short, which has products of the demo and no
/// administrator, goes on where it stopped.
///
/// # Errors
/// Why it could not be done; what was written by then stays, and the next call goes on.
pub fn fill(store: &Store, count: u64) -> Result<Filled, FillFault> {
    let frame = Frame::new();
    let first = frame.product(0).product.id;
    let begun = store.write_blocking(move |tx| {
        if users::sql::count(tx)? > 0 {
            return Ok(None);
        }
        match products::sql::extent(tx)? {
            None => begin(tx).map(|()| Some(0)),
            Some((id, last)) => Ok((id == first).then_some(last)),
        }
    });
    let begun: Option<i64> = begun?.map_err(|fault: SqlFault| StoreFault::from(fault))?;
    let Some(begun) = begun else {
        return Ok(Filled::Kept);
    };
    let mut next = begun.unsigned_abs();
    while next < count {
        let end = count.min(next + PRODUCTS_PER_COMMAND);
        let batch: Vec<Made> = (next..end).map(|number| frame.product(number)).collect();
        let written =
            store.write_blocking(move |tx| batch.iter().try_for_each(|made| add(tx, made)));
        written?.map_err(StoreFault::from)?;
        next = end;
    }
    let password = Secret::fresh().text();
    let hash = hash_blocking(&password).map_err(|_| FillFault::Password)?;
    let made = store.write_blocking(move |tx| appoint(tx, hash));
    made?.map_err(StoreFault::from)?;
    Ok(Filled::Made {
        email: ADMINISTRATOR,
        password,
        products: next,
    })
}

/// Adds what all products draw on.
fn begin(tx: &mut Tx<'_>) -> Result<(), SqlFault> {
    let frame = Frame::new();
    for category in &frame.categories {
        categories::sql::insert(tx, category)?;
    }
    for (attribute, values) in &frame.attributes {
        attributes::sql::insert(tx, attribute)?;
        for value in values {
            attributes::sql::insert_value(tx, attribute.id, value)?;
        }
    }
    Ok(())
}

fn add(tx: &mut Tx<'_>, made: &Made) -> Result<(), SqlFault> {
    products::sql::insert(
        tx,
        &made.product,
        &made.values,
        Opening {
            on_hand: made.on_hand,
            actor: None,
        },
    )?;
    for (variant, on_hand) in &made.variants {
        variants::sql::insert(
            tx,
            variant,
            Opening {
                on_hand: *on_hand,
                actor: None,
            },
        )?;
    }
    Ok(())
}

fn appoint(tx: &mut Tx<'_>, password_hash: String) -> Result<(), SqlFault> {
    let new = NewUser {
        id: Id::fresh(),
        email: ADMINISTRATOR.to_owned(),
        email_key: ADMINISTRATOR.to_owned(),
        name: "Demo Administrator".to_owned(),
        password_hash,
        role: Role::Admin,
    };
    users::sql::insert(tx, &new)?;
    users::sql::verify_email(tx, new.id)?;
    let entry = Entry {
        actor: Actor::Operator,
        action: "demo.filled",
        subject: ("user", &new.id.text()),
        detail: serde_json::json!({}),
    };
    audit::append(tx, &entry)
}

/// Who administers the demo. The domain is one that nobody can have (RFC 2606).
const ADMINISTRATOR: &str = "admin@demo.example";
/// Products of one command: some tens of milliseconds each.
const PRODUCTS_PER_COMMAND: u64 = 250;
