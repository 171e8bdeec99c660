//! Tarballs of upstreams: streamed to who asks while they are fetched and hashed, kept once they
//! are what the document promised.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::chain::Chain;
use super::eviction;
use super::growing::{Fetching, Follower, Growing, Seen};
use super::missing::Missing;
use super::promise::Promise;
use super::tally::Outcome;
use super::uplink::Uplink;
use crate::context::{self, Context};
use crate::http::{Exchange, Problem};
use crate::limits::{
    UPSTREAM_PIECE_BYTES, UPSTREAM_RESUMES_MAX, UPSTREAM_TARBALL_BYTES_MAX, UPSTREAM_TARBALLS_MAX,
};
use crate::outgoing::Body;
use crate::outgoing::header::{CONTENT_RANGE, ETAG, HeaderValue, IF_RANGE, RANGE};
use crate::registry::blobs::{Hashed, Spool, sweep};
use crate::registry::name::PackageName;
use crate::registry::packages::rows::{PackageRow, VersionRow, VersionState};
use crate::registry::packages::sql;
use crate::registry::topics;
use crate::shard;
use crate::store::{SqlFault, Tx};
use crate::telemetry::Counter;

/// Answers with the tarball of an upstream's version that is not here, and keeps it.
///
/// # Errors
/// Why it is not to be had, while nothing was sent; later the connection is cut.
pub async fn send(
    context: &Context,
    exchange: &mut Exchange<'_>,
    package: &PackageRow,
    version: &VersionRow,
    chain: Chain,
    headers: &[(&str, &str)],
) -> Result<(), Problem> {
    context.telemetry.count(Counter::UpstreamTarballMisses);
    let follower = follow(context, package, version, chain)?;
    let first = follower.past(0).await?;
    match first.total {
        Some(bytes) => send_measured(exchange, &follower, first, bytes, headers).await,
        None => send_chunked(exchange, &follower, first, headers).await,
    }
}

async fn send_measured(
    exchange: &mut Exchange<'_>,
    follower: &Follower,
    first: Seen,
    bytes: u64,
    headers: &[(&str, &str)],
) -> Result<(), Problem> {
    let mut reply = exchange.counted(200, headers, bytes);
    if reply.left() == 0 {
        return Ok(());
    }
    let (mut seen, mut offset) = (first, 0);
    loop {
        while offset < seen.until {
            let piece = read(&seen, offset).await?;
            offset += piece.len() as u64;
            reply.write(piece).await?;
        }
        if seen.is_whole {
            return Ok(());
        }
        seen = follower.past(offset).await?;
    }
}

async fn send_chunked(
    exchange: &mut Exchange<'_>,
    follower: &Follower,
    first: Seen,
    headers: &[(&str, &str)],
) -> Result<(), Problem> {
    let is_type = |(name, _): &&(&str, &str)| name.eq_ignore_ascii_case("content-type");
    let content_type = headers.iter().find(is_type).map_or("", |(_, value)| value);
    let others: Vec<(&str, &str)> = headers
        .iter()
        .filter(|header| !is_type(header))
        .copied()
        .collect();
    let mut reply = exchange.stream_with(200, content_type, &others);
    let (mut seen, mut offset) = (first, 0);
    loop {
        while offset < seen.until {
            let piece = read(&seen, offset).await?;
            offset += piece.len() as u64;
            reply.write(&piece).await?;
        }
        if seen.is_whole {
            reply.finish();
            return Ok(());
        }
        reply.flush().await?;
        seen = follower.past(offset).await?;
    }
}

/// A piece of what is in the spool.
async fn read(seen: &Seen, offset: u64) -> Result<Bytes, Problem> {
    let left = seen.until - offset;
    let length = left.min(UPSTREAM_PIECE_BYTES as u64) as usize;
    let file = seen.file.clone();
    let read = shard::offload(move || {
        let mut piece = vec![0; length];
        file.read_exact_at(&mut piece, offset).map(|()| piece)
    });
    match read.await {
        Ok(Ok(piece)) => Ok(Bytes::from(piece)),
        Ok(Err(error)) => Err(Problem::new(500, format!("the spool: {error}"))),
        Err(fault) => Err(Problem::new(503, fault.to_string())),
    }
}

/// Follows the fetch of a tarball, which begins where there is none.
fn follow(
    context: &Context,
    package: &PackageRow,
    version: &VersionRow,
    chain: Chain,
) -> Result<Follower, Missing> {
    let house = &context.house;
    let uplink = house.uplinks.of_name(&package.name);
    let uplink = uplink.filter(|uplink| Some(uplink.hash) == package.upstream);
    let uplink = uplink.ok_or(Missing::NotFound)?;
    let key = (package.id, version.version.clone(), chain.clone());
    let followed = Growing::follow(&house.uplinks, key, UPSTREAM_TARBALLS_MAX);
    let (follower, fetching) =
        followed.ok_or_else(|| Missing::unreachable("too many tarballs are fetched"))?;
    let Some(fetching) = fetching else {
        return Ok(follower);
    };
    // Dropped, a fetch that does not begin tells whoever came to follow it.
    if context.settings.borrow().registry.offline {
        fetching.fail(Missing::Offline);
        return Err(Missing::Offline);
    }
    let promise = Promise::of(version.integrity.as_deref(), version.shasum.as_deref());
    let (Some(url), Some(promise)) = (version.upstream_url.clone(), promise) else {
        let cause = "its document promises no digest that could be checked";
        fetching.fail(Missing::unsound(cause));
        return Err(Missing::unsound(cause));
    };
    let job = Job {
        uplink: uplink.clone(),
        url,
        chain,
        promise,
        package: package.clone(),
        version: version.version.clone(),
    };
    shard::spawn(async move {
        let context = context::here();
        if let Err(missing) = job.run(&context, &fetching).await {
            let (name, version) = (&job.package.name, &job.version);
            let upstream = &job.uplink.shown;
            tracing::warn!(
                target: "registry", %upstream, %name, %version, ?missing, "a tarball is not kept"
            );
            fetching.fail(missing);
        }
    });
    Ok(follower)
}

/// A tarball as it comes.
struct Coming {
    body: Body,
    /// How long the whole is to be.
    announced: Option<u64>,
    /// By which the upstream tells it from another one.
    etag: Option<HeaderValue>,
    /// How often the rest was asked for.
    resumed: u32,
}

/// The fetch of one tarball.
struct Job {
    uplink: Arc<Uplink>,
    url: String,
    chain: Chain,
    promise: Promise,
    package: PackageRow,
    version: String,
}

impl Job {
    async fn run(&self, context: &Rc<Context>, fetching: &Fetching) -> Result<(), Missing> {
        let now_ms = context.house.steady_ms();
        let asked = self
            .uplink
            .ask_url(&context.outgoing, &self.url, &[], &self.chain, now_ms);
        let response = asked.await?;
        if response.status != 200 {
            return Err(self.uplink.refusal(response.status));
        }
        let announced = response.body.bytes();
        if announced.is_some_and(|bytes| bytes > UPSTREAM_TARBALL_BYTES_MAX) {
            return Err(self.unsound("it is longer than a tarball may be"));
        }
        let blobs = context.house.blobs.clone();
        let begun = off_shard(move || {
            let spool = blobs.begin()?;
            let file = spool.open()?;
            Ok((spool, file))
        });
        let (spool, file) = begun.await?;
        fetching.begin(Arc::new(file), announced);
        let coming = Coming {
            // A weak one does not tell bytes apart (RFC 9110, section 13.1.5).
            etag: response.headers.get(ETAG).cloned().filter(is_strong),
            announced,
            resumed: 0,
            body: response.body,
        };
        let hashed = self.receive(context, fetching, spool, coming).await?;
        if announced.is_some_and(|bytes| bytes != hashed.digests.bytes)
            || !self.promise.holds(&hashed)
        {
            off_shard(move || {
                drop(hashed);
                Ok(())
            })
            .await?;
            return Err(self.unsound("it is not the tarball that its document promises"));
        }
        self.uplink.tally.count(Outcome::Fetched);
        fetching.complete(hashed.digests.bytes);
        // Whoever follows has it; that it could not be kept is for the log.
        if let Err(missing) = self.keep(context, hashed).await {
            let name = &self.package.name;
            tracing::error!(target: "registry", %name, ?missing, "a tarball cannot be kept");
        }
        Ok(())
    }

    /// Writes what comes into the spool, in pieces that are worth a thread's attention.
    async fn receive(
        &self,
        context: &Context,
        fetching: &Fetching,
        mut spool: Spool,
        mut coming: Coming,
    ) -> Result<Hashed, Missing> {
        let mut piece = Vec::with_capacity(UPSTREAM_PIECE_BYTES);
        loop {
            let is_end = match coming.body.next().await {
                Ok(Some(came)) => {
                    self.uplink.tally.add_bytes(came.len() as u64);
                    piece.extend_from_slice(&came);
                    false
                }
                Ok(None) => true,
                Err(fault) => {
                    self.uplink.count_fault(&fault, context.house.steady_ms());
                    let bytes = spool.bytes() + piece.len() as u64;
                    if self.resume(context, &mut coming, bytes).await {
                        continue;
                    }
                    return Err(give_up(spool, self.uplink.missing(&fault)).await);
                }
            };
            if piece.len() < UPSTREAM_PIECE_BYTES && !is_end {
                continue;
            }
            (spool, piece) = off_shard(move || {
                spool.write(&piece)?;
                piece.clear();
                Ok((spool, piece))
            })
            .await?;
            // The end is told with the verdict, so that a short one can still be refused.
            if is_end {
                return Ok(spool.finish());
            }
            if spool.bytes() > UPSTREAM_TARBALL_BYTES_MAX {
                let missing = self.unsound("it is longer than a tarball may be");
                return Err(give_up(spool, missing).await);
            }
            fetching.grow(spool.bytes());
            let half = coming.announced.map(|bytes| bytes / 2);
            let is_half_done = half.is_some_and(|half| spool.bytes() >= half);
            if !is_half_done && fetching.end_unfollowed() {
                let missing = Missing::unreachable("nobody waits for it any more");
                return Err(give_up(spool, missing).await);
            }
        }
    }

    /// Asks for the rest of a tarball that was cut off (RFC 9110, section 14); whether it comes.
    /// That it is the rest of the same one, the digest of the whole says.
    async fn resume(&self, context: &Context, coming: &mut Coming, bytes: u64) -> bool {
        let Some(announced) = coming.announced.filter(|all| (1..*all).contains(&bytes)) else {
            return false;
        };
        if coming.resumed >= UPSTREAM_RESUMES_MAX {
            return false;
        }
        coming.resumed += 1;
        let range = HeaderValue::from_str(&format!("bytes={bytes}-"));
        let mut headers = vec![(RANGE, range.expect("a number is plain"))];
        headers.extend(coming.etag.clone().map(|etag| (IF_RANGE, etag)));
        let now_ms = context.house.steady_ms();
        let asked =
            self.uplink
                .ask_url(&context.outgoing, &self.url, &headers, &self.chain, now_ms);
        let Ok(response) = asked.await else {
            return false;
        };
        let wanted = format!("bytes {bytes}-{}/{announced}", announced - 1);
        let is_rest = response.header(&CONTENT_RANGE) == Some(&*wanted);
        if response.status != 206 || !is_rest {
            return false;
        }
        let (name, upstream) = (&self.package.name, &self.uplink.shown);
        tracing::info!(target: "registry", %name, %upstream, bytes, "the rest of a tarball comes");
        coming.body = response.body;
        true
    }

    async fn keep(&self, context: &Context, hashed: Hashed) -> Result<(), Missing> {
        let house = &context.house;
        let (digest, bytes) = (hashed.digests.sha512, hashed.digests.bytes);
        let length = i64::try_from(bytes).expect("a tarball is bounded");
        let kept = house.blobs.keep_soon(vec![hashed]).await;
        let kept = kept.map_err(|error| Missing::Disk(error.to_string()))?;
        let (name, id, version) = (
            self.package.name.clone(),
            self.package.id,
            self.version.clone(),
        );
        let promise = self.promise.clone();
        let command = move |tx: &mut Tx<'_>| {
            let named = name_it(tx, (&name, id, &version), &promise, (digest.0, length))?;
            Ok::<_, SqlFault>((named, kept))
        };
        let written = house.registry.write(command).await?;
        let (is_named, kept) = written.map_err(|fault| Missing::Store(fault.into()))?;
        drop(kept);
        if is_named {
            house.uplinks.add_cached(length);
            eviction::hold(context);
        } else {
            sweep::discard(&house.registry, &house.blobs, &[digest]).await;
        }
        Ok(())
    }

    fn unsound(&self, cause: &str) -> Missing {
        self.uplink.tally.count(Outcome::Unsound);
        Missing::unsound(cause)
    }
}

/// Makes the row of a version name its tarball, unless the upstream changed its mind meanwhile or
/// the rules hide it.
fn name_it(
    tx: &mut Tx<'_>,
    (name, package, version): (&PackageName, crate::id::Id, &str),
    promise: &Promise,
    blob: ([u8; 64], i64),
) -> Result<bool, SqlFault> {
    let Some(row) = sql::version(tx, package, version)? else {
        return Ok(false);
    };
    let promised = Promise::of(row.integrity.as_deref(), row.shasum.as_deref());
    if row.state != VersionState::Live || promised.as_ref() != Some(promise) {
        return Ok(false);
    }
    sql::set_blob(tx, package, version, Some(blob))?;
    tx.touch(topics::package(name));
    Ok(true)
}

/// Drops a spool where its file may be removed; gives the reason back.
async fn give_up(spool: Spool, missing: Missing) -> Missing {
    let dropped = off_shard(move || {
        drop(spool);
        Ok(())
    });
    // Where no thread is free it went with the job that was refused.
    let _dropped_or_refused = dropped.await;
    missing
}

fn is_strong(etag: &HeaderValue) -> bool {
    etag.as_bytes().starts_with(b"\"")
}

/// Does what touches the disk on a thread that may wait.
async fn off_shard<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Missing> {
    match shard::offload(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Missing::Disk(format!("the spool: {error}"))),
        Err(fault) => Err(Missing::unreachable(fault.to_string())),
    }
}
