//! The driver: the task of each shard that turns its ring.
//!
//! A turn runs the jobs of other threads, submits what tasks queued, and moves completions into
//! their slots. Then every woken task runs, and their sends leave with the next turn. When two
//! turns found nothing the shard sleeps until the bell of its inbox rings.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use glommio::io::PollableFd;

use crate::limits::SHARD_JOBS_PER_TURN_MAX;
use crate::ring::{Ring, Turn};

use super::local::{Shard, yield_now};

/// Turns the ring until the shard is told to end.
pub(super) async fn drive(shard: Rc<Shard>, spin: Duration) -> io::Result<()> {
    let ring = shard.ring.clone();
    let bell = shard.bus.inbox(shard.index).bell().try_clone_to_owned()?;
    let bell = PollableFd::new(bell).map_err(io::Error::other)?;
    let mut idle_since = None;
    let mut work_began: Option<Instant> = None;
    while !shard.ending.get() {
        let ran = run_jobs(&shard);
        let worked = ring.turn()? == Turn::Worked || ran > 0;
        if let (Some(began), Some(observer)) = (work_began, shard.on_turn.get()) {
            observer((ring.now() - began).as_nanos() as u64);
        }
        work_began = worked.then(|| ring.now());
        if worked {
            idle_since = None;
            yield_now().await;
            continue;
        }
        let Some(since) = idle_since else {
            idle_since = Some(ring.now());
            yield_now().await;
            continue;
        };
        if !spin.is_zero() && Instant::now() - since < spin {
            yield_now().await;
            continue;
        }
        sleep_until_work(&shard, &ring, &bell).await?;
        idle_since = None;
    }
    Ok(())
}

async fn sleep_until_work(
    shard: &Shard,
    ring: &Ring,
    bell: &PollableFd<OwnedFd>,
) -> io::Result<()> {
    let inbox = shard.bus.inbox(shard.index);
    if !inbox.fall_asleep() {
        return Ok(());
    }
    if ring.may_sleep()? {
        let mut rings = pin!(bell.readable());
        let mut armed = false;
        poll_fn(|context| {
            if std::mem::replace(&mut armed, true) && ring.is_stirred() {
                return Poll::Ready(Ok(()));
            }
            ring.wake_when_stirred(context.waker());
            rings.as_mut().poll(context)
        })
        .await
        .map_err(io::Error::other)?;
    }
    ring.end_sleep();
    inbox.wake_up();
    Ok(())
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
