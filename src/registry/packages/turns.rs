//! Turns: a package is changed by one request at a time, whichever shard it is on.
//!
//! A package's turn is kept by the shard that its name's hash names. Who has it may read the rows,
//! build documents and write, and nobody has to do that again because another was faster.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};

use crate::context;
use crate::http::Problem;
use crate::limits::PACKAGE_TURNS_WAITING_MAX;
use crate::registry::name::PackageName;
use crate::shard::{self, Bus, Reply};

/// The turns that a shard keeps: who waits, by package.
#[derive(Default)]
pub struct Turns {
    waiting: RefCell<HashMap<PackageName, VecDeque<Reply<Outcome>>>>,
}

/// The right to change a package; the next one gets it when this is dropped.
pub struct Turn {
    bus: Bus,
    owner: usize,
    name: PackageName,
}

type Outcome = Result<Turn, Crowded>;

/// That too many wait for a turn.
struct Crowded;

/// Waits for a package's turn.
///
/// # Errors
/// 503 where too many wait, or where the server ends.
pub async fn take(name: &PackageName) -> Result<Turn, Problem> {
    let bus = shard::bus();
    let owner = owner_of(name, bus.count());
    let (answer, reply) = shard::answer();
    let asked = name.clone();
    bus.post(owner, move || context::here().turns.ask(asked, reply));
    match answer.await {
        Ok(Ok(turn)) => Ok(turn),
        Ok(Err(Crowded)) => {
            let detail = format!("Too many changes of '{name}' wait.");
            Err(Problem::new(503, detail).header("Retry-After", "1"))
        }
        Err(_) => Err(Problem::new(503, "The server ends.").header("Retry-After", "1")),
    }
}

impl Turns {
    fn ask(&self, name: PackageName, reply: Reply<Outcome>) {
        let mut waiting = self.waiting.borrow_mut();
        match waiting.get_mut(&name) {
            None => {
                waiting.insert(name.clone(), VecDeque::new());
                drop(waiting);
                reply.send(Ok(turn(name)));
            }
            Some(line) if line.len() < PACKAGE_TURNS_WAITING_MAX => line.push_back(reply),
            Some(_) => {
                drop(waiting);
                reply.send(Err(Crowded));
            }
        }
    }

    fn release(&self, name: PackageName) {
        let mut waiting = self.waiting.borrow_mut();
        let next = waiting.get_mut(&name).and_then(VecDeque::pop_front);
        match next {
            // One that went away meanwhile drops its turn, and so passes it on.
            Some(reply) => {
                drop(waiting);
                reply.send(Ok(turn(name)));
            }
            None => drop(waiting.remove(&name)),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let name = self.name.clone();
        self.bus
            .post(self.owner, move || context::here().turns.release(name));
    }
}

fn turn(name: PackageName) -> Turn {
    Turn {
        bus: shard::bus(),
        owner: shard::index(),
        name,
    }
}

fn owner_of(name: &PackageName, shards: usize) -> usize {
    // FNV-1a.
    let hash = name
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    (hash % shards as u64) as usize
}
