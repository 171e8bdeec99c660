//! The upstreams of the house, and how each is asked.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::chain::Chain;
use super::flights::Flights;
use super::growing::Growing;
use super::misses::Misses;
use super::missing::Missing;
use super::rules;
use super::tally::{Outcome, Tally};
use crate::limits::{UPSTREAM_BODIES_BYTES_MAX, UPSTREAM_MAKING_BYTES_MAX};
use crate::outgoing::breaker::{Admission, Breaker, Ended};
use crate::outgoing::header::{AUTHORIZATION, HeaderName, HeaderValue, USER_AGENT, VIA};
use crate::outgoing::{Outgoing, OutgoingFault, Request, Response, Scheme, Target, Url};
use crate::registry::budget::Budget;
use crate::registry::name::PackageName;
use crate::settings::{Credentials, Settings, Transport, Upstream};
use crate::telemetry::{UpstreamLine, UpstreamsLine};
use crate::tls::TlsClient;

/// An upstream registry.
pub struct Uplink {
    /// The hash that names it.
    pub hash: u32,
    /// Its host and port, for people.
    pub shown: String,
    /// What is counted of it.
    pub tally: Tally,
    target: Target,
    path: String,
    patterns: Vec<String>,
    authorization: Option<HeaderValue>,
    /// What hosts that are not its own prove themselves to: its `ca_file` speaks for it alone.
    house_tls: TlsClient,
    breaker: Breaker,
}

/// All upstreams, and what all shards share of what is fetched from them.
pub struct Uplinks {
    list: Vec<Arc<Uplink>>,
    id: String,
    /// Documents that are being fetched.
    pub documents: Flights<(PackageName, Chain), Result<(), Missing>>,
    /// Memory for bodies that are collected whole.
    pub bodies: Arc<Budget>,
    /// Memory for the documents that are made of them.
    pub making: Arc<Budget>,
    /// Tarballs that are being fetched.
    pub tarballs: Growing,
    /// Names that upstreams do not have, or have nothing usable under.
    pub misses: Misses,
    /// Names that upstreams were asked about in the background in vain.
    pub pauses: Misses,
    /// Documents that are asked about in the background.
    pub refreshing: AtomicUsize,
    /// Bytes that are kept of upstreams; below 0 until they were counted.
    pub cached_bytes: AtomicI64,
    /// Tarballs and documents that had to make room.
    pub evicted: AtomicU64,
    /// Whether something is being evicted.
    pub evicting: AtomicUsize,
}

/// Why an upstream cannot be set up.
#[derive(Debug)]
pub struct SetupFault(String);

impl std::fmt::Display for SetupFault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl Uplinks {
    /// Those of the settings; their secrets and authorities are read from their files.
    ///
    /// # Errors
    /// Which file of which upstream cannot be used.
    pub fn new(settings: &Settings, tls: &TlsClient) -> Result<Uplinks, SetupFault> {
        let mut number = [0; 8];
        getrandom::fill(&mut number).map_err(|error| SetupFault(error.to_string()))?;
        let id = format!("thirteen-{:016x}", u64::from_be_bytes(number));
        let upstreams = settings.upstreams();
        let list = upstreams.iter().map(|upstream| {
            Uplink::new(upstream, settings.proxy.timeout, tls)
                .map(Arc::new)
                .map_err(|cause| SetupFault(format!("upstream {}: {cause}", upstream.address)))
        });
        Ok(Uplinks {
            list: list.collect::<Result<_, _>>()?,
            id,
            documents: Flights::new(),
            bodies: Budget::new(UPSTREAM_BODIES_BYTES_MAX),
            making: Budget::new(UPSTREAM_MAKING_BYTES_MAX),
            tarballs: Growing::default(),
            misses: Misses::default(),
            pauses: Misses::default(),
            refreshing: AtomicUsize::new(0),
            cached_bytes: AtomicI64::new(-1),
            evicted: AtomicU64::new(0),
            evicting: AtomicUsize::new(0),
        })
    }

    /// What we call ourselves in `Via`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Every upstream.
    pub fn list(&self) -> &[Arc<Uplink>] {
        &self.list
    }

    /// The one upstream that a name which is not hosted here comes from.
    pub fn of_name(&self, name: &PackageName) -> Option<&Arc<Uplink>> {
        let patterns = self.list.iter().map(|uplink| &uplink.patterns);
        rules::origin(patterns, name).map(|position| &self.list[position])
    }

    /// The upstream of what has no name: the one that has all names that no other has.
    pub fn default_one(&self) -> Option<&Arc<Uplink>> {
        let is_default = |uplink: &&Arc<Uplink>| uplink.patterns.iter().any(|one| one == "*");
        self.list.iter().find(is_default)
    }

    /// What metrics tell of all of them.
    pub fn line(&self, now_ms: u64) -> UpstreamsLine {
        let upstreams = self.list.iter().map(|uplink| UpstreamLine {
            name: uplink.shown.clone(),
            outcomes: uplink.tally.outcomes(),
            bytes: uplink.tally.bytes(),
            is_held_back: uplink.is_held_back(now_ms),
        });
        let cached_bytes = self.cached_bytes.load(Ordering::Relaxed);
        UpstreamsLine {
            upstreams: upstreams.collect(),
            cached_bytes: u64::try_from(cached_bytes).unwrap_or(0),
            evicted: self.evicted.load(Ordering::Relaxed),
            fetching: (self.documents.len() + self.tarballs.len()) as u64,
        }
    }

    /// Counts bytes that came or went, once the first count is made.
    pub fn add_cached(&self, bytes: i64) {
        if self.cached_bytes.load(Ordering::Relaxed) >= 0 {
            self.cached_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

impl Uplink {
    fn new(
        upstream: &Upstream,
        timeout: Duration,
        house_tls: &TlsClient,
    ) -> Result<Uplink, String> {
        let tls = match &upstream.ca_file {
            None => house_tls.clone(),
            Some(file) => TlsClient::only(file).map_err(|fault| fault.to_string())?,
        };
        let target = Target {
            scheme: match upstream.transport {
                Transport::Plain => Scheme::Http,
                Transport::Tls => Scheme::Https,
            },
            host: upstream.address.host.clone(),
            port: upstream.address.port,
            tls,
            reach: upstream.reach,
            timeout: upstream.timeout.unwrap_or(timeout),
        };
        Ok(Uplink {
            hash: upstream.hash,
            shown: upstream.address.to_string(),
            tally: Tally::default(),
            target,
            path: upstream.path.clone(),
            patterns: upstream.patterns.clone(),
            authorization: authorization(upstream.credentials.as_ref())?,
            house_tls: house_tls.clone(),
            breaker: Breaker::new(),
        })
    }

    /// Where it is, and how it is spoken to.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Whether one of its patterns has a scope as it is, without a star in it.
    pub fn names_scope(&self, scope: &str) -> bool {
        let mut scopes = self.patterns.iter().filter_map(|one| one.split_once('/'));
        scopes.any(|(named, _)| named == scope)
    }

    /// The path of a package's document.
    pub fn path_of(&self, name: &PackageName) -> String {
        self.path_below(&format!("/{}", rules::segment_of(name)))
    }

    /// A path of this registry, below whatever its URL ends with.
    pub fn path_below(&self, path: &str) -> String {
        format!("{}{path}", self.path)
    }

    /// How long it may take to connect, to answer, and for each piece of an answer.
    pub fn timeout(&self) -> Duration {
        self.target.timeout
    }

    /// Whether the breaker keeps it from being asked.
    pub fn is_held_back(&self, now_ms: u64) -> bool {
        self.breaker.tally(now_ms).open_since_ms.is_some()
    }

    /// Asks it. A request goes with what it knows us by, and says whom it came through.
    ///
    /// # Errors
    /// Why there is no answer; it is counted already.
    pub async fn ask(
        &self,
        outgoing: &Outgoing,
        request: Request,
        chain: &Chain,
        now_ms: u64,
    ) -> Result<Response, Missing> {
        let target = self.target.clone();
        let request = request.header(VIA, chain.value());
        self.ask_at(outgoing, &target, request, now_ms).await
    }

    /// Asks for a URL that its documents name. A host that is not its own is a public one, and
    /// hears nothing of what the upstream knows us by.
    ///
    /// # Errors
    /// Why there is no answer; it is counted already.
    pub async fn ask_url(
        &self,
        outgoing: &Outgoing,
        url: &str,
        headers: &[(HeaderName, HeaderValue)],
        chain: &Chain,
        now_ms: u64,
    ) -> Result<Response, Missing> {
        let url = Url::parse(url).map_err(|fault| {
            self.tally.count(Outcome::Unsound);
            Missing::unsound(format!("the URL of a tarball cannot be used: {fault}"))
        })?;
        let target = self.target.towards(&url, &self.house_tls);
        let request = headers
            .iter()
            .fold(Request::get(url.path.clone()), |request, (name, value)| {
                request.header(name.clone(), value.clone())
            });
        let request = request.header(VIA, chain.value());
        self.ask_at(outgoing, &target, request, now_ms).await
    }

    async fn ask_at(
        &self,
        outgoing: &Outgoing,
        target: &Target,
        request: Request,
        now_ms: u64,
    ) -> Result<Response, Missing> {
        if let Admission::Open { retry_after_ms } = self.breaker.admit(now_ms) {
            self.tally.count(Outcome::HeldBack);
            let retry_after_s = retry_after_ms.div_ceil(1000).max(1);
            return Err(Missing::Unreachable {
                retry_after_s: u32::try_from(retry_after_s).unwrap_or(u32::MAX),
                cause: format!("{} failed too often a moment ago", self.shown),
            });
        }
        let is_own = (&target.host, target.port, target.scheme)
            == (&self.target.host, self.target.port, self.target.scheme);
        let mut request = request.header(USER_AGENT, HeaderValue::from_static(AGENT));
        if let Some(authorization) = self.authorization.as_ref().filter(|_| is_own) {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        match outgoing.follow(target, &self.house_tls, &request).await {
            Ok(response) => {
                let failed = response.status >= 500 && response.status != LOOP;
                self.record(now_ms, if failed { Ended::Badly } else { Ended::Well });
                Ok(response)
            }
            Err(fault) => {
                self.count_fault(&fault, now_ms);
                Err(self.missing(&fault))
            }
        }
    }

    /// Counts a fault that ended a request or its answer, and tells the log.
    pub fn count_fault(&self, fault: &OutgoingFault, now_ms: u64) {
        self.tally.count(Outcome::of_fault(fault));
        // That we ask too much at once says nothing of who is asked.
        if *fault != OutgoingFault::Busy {
            self.record(now_ms, Ended::Badly);
        }
        let upstream = &self.shown;
        tracing::warn!(target: "registry", %upstream, %fault, "an upstream is not to be had");
    }

    /// What a fault means for who asked.
    pub fn missing(&self, fault: &OutgoingFault) -> Missing {
        let mut missing = Missing::of_fault(fault);
        if let Missing::Unreachable { cause, .. } = &mut missing {
            *cause = format!("{}: {cause}", self.shown);
        }
        missing
    }

    /// What a status other than those that were wanted means for who asked; it is counted.
    pub fn refusal(&self, status: u16) -> Missing {
        self.tally.count(Outcome::of_status(status));
        match status {
            404 | 410 => Missing::NotFound,
            LOOP => Missing::Loop,
            status => {
                let upstream = &self.shown;
                tracing::warn!(target: "registry", %upstream, status, "an upstream refused");
                Missing::unreachable(format!("{upstream} answered with status {status}"))
            }
        }
    }

    fn record(&self, now_ms: u64, ended: Ended) {
        let was_open = self.is_held_back(now_ms);
        self.breaker.record(now_ms, ended);
        let is_open = self.is_held_back(now_ms);
        let upstream = &self.shown;
        if is_open && !was_open {
            tracing::warn!(target: "registry", %upstream, "an upstream fails and is left alone");
        } else if was_open && !is_open {
            tracing::info!(target: "registry", %upstream, "an upstream is asked again");
        }
    }
}

/// The header that an upstream knows us by. It is sensitive: nothing prints it.
fn authorization(credentials: Option<&Credentials>) -> Result<Option<HeaderValue>, String> {
    let text = match credentials {
        None => return Ok(None),
        Some(Credentials::Token(file)) => format!("Bearer {}", secret(file)?),
        Some(Credentials::Basic {
            username,
            password_file,
        }) => {
            let pair = format!("{username}:{}", secret(password_file)?);
            format!("Basic {}", STANDARD.encode(pair))
        }
    };
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| "its secret holds what no header can".to_owned())?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// The first line of a file.
fn secret(file: &Path) -> Result<String, String> {
    let unreadable = |error: io::Error| format!("{} cannot be read: {error}", file.display());
    let text = fs::read_to_string(file).map_err(unreadable)?;
    let line = text.lines().next().unwrap_or_default().trim();
    match line {
        "" => Err(format!("{} holds no secret", file.display())),
        line => Ok(line.to_owned()),
    }
}

/// Conditions of a request, from what the answer to an earlier one said.
pub(super) fn condition(request: Request, name: HeaderName, value: Option<&str>) -> Request {
    match value.map(HeaderValue::from_str) {
        Some(Ok(value)) => request.header(name, value),
        // What cannot be sent back is no condition; the answer is whole then.
        Some(Err(_)) | None => request,
    }
}

const AGENT: &str = concat!("thirteen/", env!("CARGO_PKG_VERSION"));
/// Loop Detected (RFC 5842, section 7.2).
const LOOP: u16 = 508;
