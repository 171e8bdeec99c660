//! Addresses of hosts: one cache for the house, one look-up of a name at a time, and a view of
//! each shard that answers what it has seen without a lock.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::{
    DNS_KNOWN_SPAN, DNS_LOOKUPS_RUNNING_MAX, DNS_LOOKUPS_WAITING_MAX, DNS_MISS_TTL, DNS_NAMES_MAX,
    DNS_TTL, DNS_WARM_INTERVAL, DNS_WARM_INTERVAL_COLD,
};
use crate::settings::Hosts;
use crate::shard::{self, Reply};

use super::fault::NameFault;

/// The addresses of a host, best first; at least one.
pub type Addresses = Arc<[IpAddr]>;
/// What became of a look-up.
pub type Found = Result<Addresses, NameFault>;

/// Names and addresses that all shards share.
pub struct Names {
    table: Mutex<Table>,
    lookup: Box<Lookup>,
    tallies: Mutex<Vec<Arc<ShardTally>>>,
    errors: AtomicU64,
}

/// How a name is looked up; it may block.
pub type Lookup = dyn Fn(&str) -> Option<Vec<IpAddr>> + Send + Sync;

/// What the cache has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Answered from the cache.
    pub cache_hits_completed: u64,
    /// Answered by a look-up that was under way already.
    pub cache_hits_inflight: u64,
    /// Answered by a look-up of their own.
    pub cache_misses: u64,
    /// Look-ups that found nothing.
    pub errors: u64,
    /// Names in the cache.
    pub size: u64,
    /// Questions in all.
    pub total_count: u64,
}

impl Stats {
    /// The part of the questions that the cache answered; 1 where nothing was asked.
    pub fn hit_ratio(&self) -> f64 {
        if self.total_count == 0 {
            return 1.0;
        }
        self.cache_hits_completed as f64 / self.total_count as f64
    }
}

/// What one shard counted: written by it alone.
#[derive(Default)]
#[repr(align(64))]
struct ShardTally {
    hits: AtomicU64,
    inflight: AtomicU64,
    misses: AtomicU64,
}

#[derive(Default)]
struct Table {
    names: HashMap<Box<str>, Name>,
    /// Names that wait for a thread, oldest first.
    queue: VecDeque<Box<str>>,
    running: usize,
}

/// What is known of a name.
#[derive(Default)]
struct Name {
    known: Option<Known>,
    /// Whether a look-up waits or runs, and who is to be told.
    looked_up: Option<Vec<Reply<Found>>>,
    /// When somebody asked last.
    used: Option<Instant>,
}

#[derive(Clone)]
struct Known {
    found: Found,
    until: Instant,
}

impl Names {
    /// Names as the system's resolver knows them; `fixed` ones as they are given, first of all.
    pub fn new(fixed: Hosts) -> Arc<Names> {
        Names::with(move |host| look_up(&fixed, host))
    }

    /// Names as `lookup` knows them.
    pub fn with(
        lookup: impl Fn(&str) -> Option<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Arc<Names> {
        Arc::new(Names {
            table: Mutex::default(),
            lookup: Box::new(lookup),
            tallies: Mutex::default(),
            errors: AtomicU64::new(0),
        })
    }

    /// What all shards have counted.
    pub fn stats(&self) -> Stats {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |counter: fn(&ShardTally) -> &AtomicU64| -> u64 {
            let each = tallies.iter();
            each.map(|tally| counter(tally).load(Ordering::Relaxed))
                .sum()
        };
        let hits = sum(|tally| &tally.hits);
        let inflight = sum(|tally| &tally.inflight);
        let misses = sum(|tally| &tally.misses);
        Stats {
            cache_hits_completed: hits,
            cache_hits_inflight: inflight,
            cache_misses: misses,
            errors: self.errors.load(Ordering::Relaxed),
            size: self.table().names.len() as u64,
            total_count: hits + inflight + misses,
        }
    }

    /// Looks names up again that were used of late and are about to expire. To be called over and
    /// over, by a task of one shard; gives back for how long to wait until the next call.
    pub fn warm(self: &Arc<Self>) -> Duration {
        let interval = match self.stats().hit_ratio() {
            cold if cold < HIT_RATIO_WANTED => DNS_WARM_INTERVAL_COLD,
            _ => DNS_WARM_INTERVAL,
        };
        let now = Instant::now();
        for host in self.due(now, interval) {
            self.begin(&host, None, now);
        }
        interval
    }

    /// Names that would expire before the call after the next; forgets those that nobody uses.
    fn due(&self, now: Instant, interval: Duration) -> Vec<Box<str>> {
        let mut table = self.table();
        table.names.retain(|_, name| {
            let is_used = name.used.is_some_and(|used| now - used < DNS_KNOWN_SPAN);
            let is_fresh = name.known.as_ref().is_some_and(|known| known.until > now);
            name.looked_up.is_some() || is_used || is_fresh
        });
        let names = table.names.iter();
        let due = names.filter(|(_, name)| {
            let known = name.known.as_ref();
            let expires = known.is_some_and(|known| known.until <= now + 2 * interval);
            let is_good = known.is_some_and(|known| known.found.is_ok());
            name.looked_up.is_none() && expires && is_good
        });
        due.map(|(host, _)| host.clone()).collect()
    }

    /// What is known of a name at this moment; it counts as used.
    fn known(&self, host: &str, now: Instant) -> Option<Known> {
        let mut table = self.table();
        let name = table.names.get_mut(host)?;
        name.used = Some(now);
        name.known.clone().filter(|known| known.until > now)
    }

    /// Has a name looked up, and `waits` told of it.
    fn begin(self: &Arc<Self>, host: &str, waits: Option<Reply<Found>>, now: Instant) -> Begun {
        let begun = self.table().enlist(host, waits, now);
        if begun == Begun::Runs {
            let (names, refused) = (self.clone(), self.clone());
            // The job tells all who wait; they do not wait for its end, which may be that of
            // other names.
            let job = shard::offload(move || names.work_off());
            shard::spawn(async move {
                if job.await.is_err() {
                    refused.give_up();
                }
            });
        }
        begun
    }

    /// Runs on a thread that may block: looks up what waits, one name after the other.
    fn work_off(&self) {
        while let Some(host) = self.next() {
            let looked_up = catch_unwind(AssertUnwindSafe(|| (self.lookup)(&host)));
            let found = looked_up.ok().flatten();
            let found = found.filter(|addresses| !addresses.is_empty());
            if found.is_none() {
                self.errors.fetch_add(1, Ordering::Relaxed);
            }
            self.settle(&host, found.map(Addresses::from).ok_or(NameFault::NotFound));
        }
    }

    /// The name that waits longest; where none does, the thread is counted out under the same
    /// lock, so that the next to come finds it gone.
    fn next(&self) -> Option<Box<str>> {
        let mut table = self.table();
        let next = table.queue.pop_front();
        if next.is_none() {
            table.running -= 1;
        }
        next
    }

    fn settle(&self, host: &str, found: Found) {
        let waiting = self.table().settle(host, &found, Instant::now());
        for reply in waiting {
            reply.send(found.clone());
        }
    }

    /// A thread was not to be had. Unless another one works, whoever waits is told.
    fn give_up(&self) {
        let waiting: Vec<Reply<Found>> = {
            let mut table = self.table();
            table.running -= 1;
            if table.running > 0 {
                return;
            }
            let hosts = std::mem::take(&mut table.queue);
            hosts.iter().flat_map(|host| table.forget(host)).collect()
        };
        for reply in waiting {
            reply.send(Err(NameFault::Busy));
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of the wish to look a name up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    /// A thread is to be asked.
    Runs,
    /// It waits for a thread that looks up others.
    Waits,
    /// Its look-up was under way.
    Joined,
    /// Its look-up has just ended.
    Known,
    /// There are too many.
    Refused,
}

impl Table {
    fn enlist(&mut self, host: &str, waits: Option<Reply<Found>>, now: Instant) -> Begun {
        self.make_room(host, now);
        let name = self.names.entry(host.into()).or_default();
        if waits.is_some() {
            name.used = Some(now);
        }
        if let Some(waiting) = &mut name.looked_up {
            waiting.extend(waits);
            return Begun::Joined;
        }
        // A look-up may have ended since the one who asks looked.
        let fresh = name.known.as_ref().filter(|known| known.until > now);
        let waits = match (waits, fresh) {
            (Some(reply), Some(known)) => {
                reply.send(known.found.clone());
                return Begun::Known;
            }
            (waits, _) => waits,
        };
        if self.queue.len() >= DNS_LOOKUPS_WAITING_MAX {
            if let Some(reply) = waits {
                reply.send(Err(NameFault::Busy));
            }
            return Begun::Refused;
        }
        name.looked_up = Some(waits.into_iter().collect());
        self.queue.push_back(host.into());
        if self.running < DNS_LOOKUPS_RUNNING_MAX {
            self.running += 1;
            return Begun::Runs;
        }
        Begun::Waits
    }

    /// Past the bound of names, forgets the expired ones, then the one that was used the longest
    /// time ago.
    fn make_room(&mut self, host: &str, now: Instant) {
        if self.names.len() < DNS_NAMES_MAX || self.names.contains_key(host) {
            return;
        }
        self.names.retain(|_, name| {
            let is_fresh = name.known.as_ref().is_some_and(|known| known.until > now);
            is_fresh || name.looked_up.is_some()
        });
        if self.names.len() < DNS_NAMES_MAX {
            return;
        }
        let idle = self
            .names
            .iter()
            .filter(|(_, name)| name.looked_up.is_none());
        let oldest = idle.min_by_key(|(_, name)| name.used);
        if let Some(oldest) = oldest.map(|(host, _)| host.clone()) {
            self.names.remove(&oldest);
        }
    }

    /// Takes the outcome of a look-up; who waits for it is given back. What was found before stays
    /// until its time is over where it cannot be found again.
    fn settle(&mut self, host: &str, found: &Found, now: Instant) -> Vec<Reply<Found>> {
        let Some(name) = self.names.get_mut(host) else {
            return Vec::new();
        };
        let waiting = name.looked_up.take().unwrap_or_default();
        let good = |known: &Known| known.found.is_ok() && known.until > now;
        if found.is_ok() || !name.known.as_ref().is_some_and(good) {
            let ttl = if found.is_ok() { DNS_TTL } else { DNS_MISS_TTL };
            name.known = Some(Known {
                found: found.clone(),
                until: now + ttl,
            });
        }
        waiting
    }

    fn forget(&mut self, host: &str) -> Vec<Reply<Found>> {
        let name = self.names.get_mut(host);
        name.and_then(|name| name.looked_up.take())
            .unwrap_or_default()
    }
}

/// One shard's view of the names.
pub struct View {
    names: Arc<Names>,
    seen: RefCell<HashMap<Box<str>, Known, Hashing>>,
    tally: Arc<ShardTally>,
}

impl View {
    /// A view for the shard that calls.
    pub fn new(names: Arc<Names>) -> View {
        let tally = Arc::<ShardTally>::default();
        let mut tallies = names.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.push(tally.clone());
        drop(tallies);
        View {
            names,
            seen: RefCell::default(),
            tally,
        }
    }

    /// The names of the house.
    pub fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// The addresses of a host, looked up where they are not known. A host may be an address.
    pub async fn resolve(&self, host: &str) -> Found {
        if let Some(found) = self.known(host, shard::turn_began()) {
            return found;
        }
        let host = &*normal_form(host)?;
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Arc::new([address]));
        }
        let now = Instant::now();
        if let Some(known) = self.names.known(host, now) {
            bump(&self.tally.hits);
            self.remember(host, &known);
            return known.found;
        }
        let (answer, reply) = shard::answer();
        let begun = self.names.begin(host, Some(reply), now);
        bump(match begun {
            Begun::Joined => &self.tally.inflight,
            Begun::Known => &self.tally.hits,
            Begun::Runs | Begun::Waits | Begun::Refused => &self.tally.misses,
        });
        answer.await.unwrap_or(Err(NameFault::Busy))
    }

    /// What this shard has seen of a host, if that still holds.
    #[inline]
    pub fn known(&self, host: &str, now: Instant) -> Option<Found> {
        let seen = self.seen.borrow();
        let known = seen.get(host).filter(|known| known.until > now)?;
        bump(&self.tally.hits);
        Some(known.found.clone())
    }

    /// Takes addresses of a host as found at `now`.
    pub fn learn(&self, host: &str, addresses: Addresses, now: Instant) {
        let known = Known {
            found: Ok(addresses),
            until: now + DNS_TTL,
        };
        self.remember(host, &known);
    }

    fn remember(&self, host: &str, known: &Known) {
        let mut seen = self.seen.borrow_mut();
        if seen.len() >= DNS_NAMES_MAX {
            let now = Instant::now();
            seen.retain(|_, known| known.until > now);
        }
        if seen.len() < DNS_NAMES_MAX {
            seen.insert(host.into(), known.clone());
        }
    }
}

/// Adds one to a counter that one thread writes.
#[inline]
fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// A host in lower case, without a dot at its end; IPv6 without brackets.
fn normal_form(host: &str) -> Result<String, NameFault> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if bare.is_empty() || bare.len() > NAME_BYTES_MAX || !bare.bytes().all(plain) {
        return Err(NameFault::Malformed);
    }
    if bare.contains(':') && bare.parse::<IpAddr>().is_err() {
        return Err(NameFault::Malformed);
    }
    Ok(bare.to_ascii_lowercase())
}

/// The addresses of a host: the fixed ones, else those that the system's resolver finds, which may
/// block.
pub fn look_up(fixed: &Hosts, host: &str) -> Option<Vec<IpAddr>> {
    if let Some(addresses) = fixed.get(host) {
        return Some(addresses.clone());
    }
    let found = (host, 0).to_socket_addrs().ok()?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found.map(|address| address.ip()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Some(addresses)
}

/// FNV-1a: the names of a shard are the operator's upstreams and hosts that they name, and a table
/// holds few.
#[derive(Clone, Copy, Default)]
struct Hashing;

struct Fnv(u64);

impl std::hash::BuildHasher for Hashing {
    type Hasher = Fnv;

    fn build_hasher(&self) -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl std::hash::Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// The longest name of a host (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 253;
/// Names are looked up ahead more often below this.
const HIT_RATIO_WANTED: f64 = 0.7;

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> Addresses {
        Arc::new([IpAddr::from([1, 1, 1, 1])])
    }

    /// Names of which this one was used and found at some moments.
    fn names(host: &str, used: Option<Instant>, until: Option<Instant>) -> Arc<Names> {
        let names = Names::with(|_| None);
        let name = Name {
            known: until.map(|until| Known {
                found: Ok(address()),
                until,
            }),
            looked_up: None,
            used,
        };
        names.table().names.insert(host.into(), name);
        names
    }

    #[test]
    fn names_in_use_are_looked_up_before_they_expire() {
        let now = Instant::now();
        let interval = DNS_WARM_INTERVAL;
        let due =
            |used, until: Instant| !names("a", used, Some(until)).due(now, interval).is_empty();
        assert!(due(Some(now), now + interval));
        assert!(due(Some(now), now + 2 * interval));
        assert!(!due(
            Some(now),
            now + 2 * interval + Duration::from_millis(1)
        ));
        let names = names("a", None, Some(now - Duration::from_secs(1)));
        assert!(names.due(now, interval).is_empty());
        assert_eq!(names.stats().size, 0, "who is not used is forgotten");
    }

    #[test]
    fn what_was_found_outlives_a_look_up_that_fails() {
        let now = Instant::now();
        let names = names("a", Some(now), Some(now + Duration::from_secs(5)));
        names.table().enlist("a", None, now);
        names.settle("a", Err(NameFault::NotFound));
        assert_eq!(names.known("a", now).unwrap().found, Ok(address()));
        // Once its time is over, the failure counts.
        let later = now + Duration::from_secs(6);
        assert!(names.known("a", later).is_none());
        names.table().settle("a", &Err(NameFault::NotFound), later);
        let found = names.known("a", later).unwrap().found;
        assert_eq!(found, Err(NameFault::NotFound));
    }

    #[test]
    fn tables_are_bounded() {
        let (names, now) = (Names::with(|_| None), Instant::now());
        let view = View::new(names.clone());
        for number in 0..2 * DNS_NAMES_MAX {
            let host = format!("host-{number}");
            view.learn(&host, address(), now);
            let begun = names.table().enlist(&host, None, now);
            assert!(matches!(begun, Begun::Runs | Begun::Waits | Begun::Refused));
        }
        assert!(view.seen.borrow().len() <= DNS_NAMES_MAX);
        assert!(names.table().names.len() <= DNS_NAMES_MAX);
        assert_eq!(names.table().queue.len(), DNS_LOOKUPS_WAITING_MAX);
        assert_eq!(names.table().running, DNS_LOOKUPS_RUNNING_MAX);
    }

    #[test]
    fn hosts_have_one_form() {
        for (host, form) in [
            ("A.Example.", Ok("a.example")),
            ("[::1]", Ok("::1")),
            ("127.0.0.1", Ok("127.0.0.1")),
            (".", Err(NameFault::Malformed)),
            ("a..b", Ok("a..b")),
            ("a\0b", Err(NameFault::Malformed)),
            ("a@b", Err(NameFault::Malformed)),
        ] {
            assert_eq!(normal_form(host), form.map(str::to_owned), "{host}");
        }
    }
}
