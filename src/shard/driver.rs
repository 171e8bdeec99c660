//! The driver: the task of each shard that turns its ring.
//!
//! A turn runs the jobs of other threads, submits what tasks queued, and moves completions into
//! their slots. Then every woken task runs, and their sends leave with the next turn. When no task
//! is ready the thread waits in the ring's own system call. Only a shard that has waited in vain
//! for a while goes to sleep in glommio, which costs some ten system calls and then nothing.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use glommio::io::PollableFd;
use glommio::timer::Timer;

use crate::limits::SHARD_JOBS_PER_TURN_MAX;
use crate::ring::{Rest, Turn, Waited};

use super::local::{Ending, Shard, yield_now};

/// Turns the ring until the shard's main task has ended.
pub(super) async fn drive(shard: Rc<Shard>, spin: Duration) -> io::Result<()> {
    let ring = &shard.ring;
    let alarm = shard.bus.inbox(shard.index).alarm().try_clone_to_owned()?;
    let alarm = PollableFd::new(alarm).map_err(io::Error::other)?;
    let mut idle_since = None;
    let mut work_began: Option<Instant> = None;
    loop {
        match shard.ending.get() {
            Some(Ending::Done) => return Ok(()),
            Some(Ending::Panicked) => return Err(io::Error::other("the main task panicked")),
            None => {}
        }
        let jobs_ran = run_jobs(&shard);
        let worked = ring.turn()? == Turn::Worked || jobs_ran > 0;
        observe_turn(&shard, work_began, ring.now());
        work_began = worked.then(|| ring.now());
        let polls = shard.tasks.polls();
        yield_now().await;
        if let Some(end) = shard.between_turns.get() {
            end();
        }
        if worked || shard.tasks.polls() != polls {
            idle_since = None;
        }
        if shard.tasks.polls() != polls {
            continue; // what ran may have queued something, or woken others
        }
        if !spin.is_zero() && ring.now() - *idle_since.get_or_insert(ring.now()) < spin {
            continue;
        }
        observe_turn(&shard, work_began.take(), Instant::now());
        if ring.wait(WAIT)? == Waited::InVain {
            sleep_until_work(&shard, &alarm).await?;
        }
    }
}

/// Tells of a turn that worked: how long anything had to wait for it.
fn observe_turn(shard: &Shard, began: Option<Instant>, ended: Instant) {
    if let (Some(began), Some(observer)) = (began, shard.on_turn.get()) {
        observer((ended - began).as_nanos() as u64);
    }
}

/// Sleeps in glommio until the ring has something to do, or a task of this shard ran.
async fn sleep_until_work(shard: &Shard, alarm: &PollableFd<OwnedFd>) -> io::Result<()> {
    let rest = shard.ring.begin_sleep()?;
    let woken = match rest {
        Rest::Busy => Ok(()),
        Rest::Quiet(span) => {
            let polls = shard.tasks.polls();
            let mut readable = pin!(alarm.readable());
            let mut deadline = pin!(deadline(span));
            poll_fn(|context| {
                if shard.tasks.polls() != polls || deadline.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Ok(()));
                }
                shard.tasks.wake_when_polled(context.waker());
                readable.as_mut().poll(context)
            })
            .await
        }
    };
    shard.ring.end_sleep();
    woken.map_err(io::Error::other)
}

/// Ends after a span; never without one.
async fn deadline(span: Option<Duration>) {
    match span {
        Some(span) => {
            Timer::new(span).await;
        }
        None => std::future::pending().await,
    }
}

/// Runs jobs up to the bound; the rest waits for the next turn.
fn run_jobs(shard: &Shard) -> usize {
    let inbox = shard.bus.inbox(shard.index);
    for count in 0..SHARD_JOBS_PER_TURN_MAX {
        match inbox.take() {
            // A job that panics harms neither the shard nor the jobs behind it; the panic hook
            // has told of it.
            Some(job) => drop(catch_unwind(AssertUnwindSafe(job))),
            None => return count,
        }
    }
    SHARD_JOBS_PER_TURN_MAX
}

/// How long a shard without work waits in its ring before it sleeps in glommio, which looks at its
/// own rings only then. What they carry is nothing that a request waits for: wakers that another
/// thread wakes.
const WAIT: Duration = Duration::from_millis(100);
