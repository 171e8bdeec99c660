//! A registry that answers as it is told: well, slowly, with faults, or not at all.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::npm::{Archive, integrity_of, shasum_of};

/// A running upstream. Dropping it closes its listener and every connection that waits.
pub(crate) struct Upstream {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What is answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Act {
    status: u16,
    headers: Vec<(String, String)>,
    body: Arc<Vec<u8>>,
    /// Bytes of the body after which the connection ends, and how.
    cut: Option<(usize, Cut)>,
    /// Bytes of the body after which it waits for `release`.
    gate: Option<usize>,
    is_chunked: bool,
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    /// The connection is closed.
    Closed,
    /// It is reset.
    Reset,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    is_ending: AtomicBool,
}

#[derive(Default)]
struct State {
    /// By path; the last act stays.
    scripts: HashMap<String, VecDeque<Act>>,
    packages: HashMap<String, Package>,
    asked: Vec<Asked>,
    /// Gates that may be passed.
    released: usize,
    waiting: usize,
}

#[derive(Clone, Default)]
struct Package {
    versions: Vec<(String, Vec<u8>, Value)>,
    times: Vec<(String, String)>,
    tags: Vec<(String, String)>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| &**value)
    }
}

impl Act {
    /// An answer with a body.
    pub(crate) fn reply(status: u16, body: impl Into<Vec<u8>>) -> Act {
        Act {
            status,
            body: Arc::new(body.into()),
            ..Act::default()
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Act {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The connection is closed after so many bytes of the body.
    pub(crate) fn closed_after(mut self, bytes: usize) -> Act {
        self.cut = Some((bytes, Cut::Closed));
        self
    }

    /// The connection is reset after so many bytes of the body.
    pub(crate) fn reset_after(mut self, bytes: usize) -> Act {
        self.cut = Some((bytes, Cut::Reset));
        self
    }

    /// Nothing follows so many bytes of the body until `release`.
    pub(crate) fn held_after(mut self, bytes: usize) -> Act {
        self.gate = Some(bytes);
        self
    }

    /// Without a length.
    pub(crate) fn chunked(mut self) -> Act {
        self.is_chunked = true;
        self
    }
}

impl Upstream {
    /// Over plain HTTP.
    pub(crate) fn start() -> Upstream {
        Upstream::begin(None)
    }

    /// Under TLS, with a certificate that it vouches for itself; the file is that certificate.
    pub(crate) fn start_tls(certificate_file: &Path) -> Upstream {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(certificate_file, made.cert.pem()).unwrap();
        let certificate = CertificateDer::from(made.cert.der().to_vec());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Upstream::begin(Some(Arc::new(config)))
    }

    fn begin(tls: Option<Arc<ServerConfig>>) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://{address}");
        let host = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if host.is_ending.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (shared, tls, base) = (host.clone(), tls.clone(), base.clone());
                std::thread::spawn(move || {
                    // Whatever ends the connection, the test sees what its own side saw.
                    let _ended = serve(stream, tls, &shared, &base);
                });
            }
        });
        Upstream {
            address,
            scheme,
            shared,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL without a slash at its end.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// An element of `proxy.upstreams`, of the upstream of all names.
    pub(crate) fn setting(&self) -> Value {
        json!({ "url": self.url(), "hash": 0, "allowPrivate": true, "timeoutMs": 10_000 })
    }

    /// Answers requests for a path: the acts in turn, the last one again and again.
    pub(crate) fn script(&self, path: &str, acts: impl IntoIterator<Item = Act>) {
        let acts = acts.into_iter().collect();
        self.lock().scripts.insert(path.to_owned(), acts);
    }

    /// Answers for a path as if nothing had been scripted.
    pub(crate) fn unscript(&self, path: &str) {
        self.lock().scripts.remove(path);
    }

    /// Has a version of a package; gives its tarball.
    pub(crate) fn publish(&self, name: &str, version: &str) -> Vec<u8> {
        let archive = Archive::of_package(name, version).gzip();
        self.publish_archive(name, version, archive.clone());
        archive
    }

    /// Has a version with this tarball.
    pub(crate) fn publish_archive(&self, name: &str, version: &str, archive: Vec<u8>) {
        let dist = json!({
            "integrity": integrity_of(&archive),
            "shasum": shasum_of(&archive),
            "tarball": format!("{}{}", self.url(), tarball_path(name, version)),
        });
        self.publish_with(name, version, archive, dist);
    }

    /// Has a version whose document says this of its tarball.
    pub(crate) fn publish_with(&self, name: &str, version: &str, archive: Vec<u8>, dist: Value) {
        self.publish_at(name, version, archive, dist, "2020-01-01T00:00:00.000Z");
    }

    /// Has a version that was published at a time.
    pub(crate) fn publish_at(
        &self,
        name: &str,
        version: &str,
        archive: Vec<u8>,
        dist: Value,
        published: &str,
    ) {
        let mut state = self.lock();
        let package = state.packages.entry(name.to_owned()).or_default();
        package.versions.retain(|(other, ..)| other != version);
        package.versions.push((version.to_owned(), archive, dist));
        package.times.retain(|(other, _)| other != version);
        package
            .times
            .push((version.to_owned(), published.to_owned()));
        package.tags.retain(|(tag, _)| tag != "latest");
        package.tags.push(("latest".to_owned(), version.to_owned()));
    }

    /// Sets a tag.
    pub(crate) fn tag(&self, name: &str, tag: &str, version: &str) {
        let mut state = self.lock();
        let package = state.packages.get_mut(name).unwrap();
        package.tags.retain(|(other, _)| other != tag);
        package.tags.push((tag.to_owned(), version.to_owned()));
    }

    /// Has a version no longer.
    pub(crate) fn unpublish(&self, name: &str, version: &str) {
        let mut state = self.lock();
        let package = state.packages.get_mut(name).unwrap();
        package.versions.retain(|(other, ..)| other != version);
        package.times.retain(|(other, _)| other != version);
        let last = package.versions.last().map(|(version, ..)| version.clone());
        package.tags.clear();
        package
            .tags
            .extend(last.map(|version| ("latest".to_owned(), version)));
    }

    /// Lets so many answers that are held go on.
    pub(crate) fn release(&self, count: usize) {
        self.lock().released += count;
        self.shared.changed.notify_all();
    }

    /// Waits until so many answers are held.
    pub(crate) fn await_held(&self, count: usize) {
        self.await_state(|state| state.waiting >= count, "held answers");
    }

    /// The requests for a path.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let state = self.lock();
        let asked = state.asked.iter().filter(|asked| asked.path == path);
        asked.cloned().collect()
    }

    /// All requests.
    pub(crate) fn all_asked(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    /// Waits until a path was asked for so many times.
    pub(crate) fn await_asked(&self, path: &str, count: usize) {
        let enough = |state: &State| {
            let asked = state.asked.iter().filter(|asked| asked.path == path);
            asked.count() >= count
        };
        self.await_state(enough, path);
    }

    fn await_state(&self, is_reached: impl Fn(&State) -> bool, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.lock();
        while !is_reached(&state) {
            let patience = deadline.saturating_duration_since(Instant::now());
            assert!(!patience.is_zero(), "not within {PATIENCE:?}: {what}");
            state = self.shared.changed.wait_timeout(state, patience).unwrap().0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.is_ending.store(true, Ordering::Relaxed);
        self.shared.changed.notify_all();
        // The listener's thread sees it with the next connection.
        let _woken = TcpStream::connect(self.address);
    }
}

/// Where a registry has a tarball.
pub(crate) fn tarball_path(name: &str, version: &str) -> String {
    let base = name.rsplit('/').next().unwrap_or(name);
    format!("/{name}/-/{base}-{version}.tgz")
}

trait Duplex: Read + Write {}
impl<T: Read + Write> Duplex for T {}

fn serve(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    shared: &Shared,
    base: &str,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = stream.try_clone()?;
    let mut stream: Box<dyn Duplex> = match tls {
        None => Box::new(stream),
        Some(config) => {
            let session = ServerConnection::new(config).map_err(io::Error::other)?;
            Box::new(StreamOwned::new(session, stream))
        }
    };
    let mut input = Vec::new();
    while let Some(asked) = read_request(&mut stream, &mut input)? {
        let act = {
            let mut state = shared.state.lock().unwrap();
            state.asked.push(asked.clone());
            let act = state.act_for(&asked, base);
            drop(state);
            shared.changed.notify_all();
            act
        };
        if !answer(&mut stream, &socket, &asked, &act, shared)? {
            return Ok(());
        }
    }
    Ok(())
}

impl State {
    fn act_for(&mut self, asked: &Asked, base: &str) -> Act {
        if let Some(acts) = self.scripts.get_mut(&asked.path) {
            if acts.len() > 1 {
                return acts.pop_front().unwrap();
            }
            return acts.front().unwrap().clone();
        }
        for (name, package) in &self.packages {
            if asked.path == format!("/{}", name.replace('/', "%2f")) {
                return package.document(name, base, asked);
            }
            for (version, archive, _) in &package.versions {
                if asked.path == tarball_path(name, version) {
                    return Act::reply(200, archive.clone());
                }
            }
        }
        Act::reply(404, "{\"error\":\"Not found\"}")
    }
}

impl Package {
    fn document(&self, name: &str, base: &str, asked: &Asked) -> Act {
        let mut versions = serde_json::Map::new();
        for (version, _, dist) in &self.versions {
            let mut dist = dist.clone();
            if dist.get("tarball").is_none() {
                dist["tarball"] = json!(format!("{base}{}", tarball_path(name, version)));
            }
            let manifest = json!({ "name": name, "version": version, "dist": dist });
            versions.insert(version.clone(), manifest);
        }
        let pairs = |pairs: &[(String, String)]| -> Value {
            let pairs = pairs.iter();
            pairs
                .map(|(key, value)| (key.clone(), json!(value)))
                .collect()
        };
        let document = json!({
            "_id": name,
            "name": name,
            "dist-tags": pairs(&self.tags),
            "versions": versions,
            "time": pairs(&self.times),
        });
        let body = document.to_string();
        let etag = format!("\"{}\"", shasum_of(body.as_bytes()));
        let act = match asked.header("if-none-match") {
            Some(known) if known == etag => Act::reply(304, ""),
            Some(_) | None => Act::reply(200, body),
        };
        act.header("ETag", &etag)
            .header("Content-Type", "application/json")
    }
}

/// Writes an answer; whether the connection goes on.
fn answer(
    stream: &mut Box<dyn Duplex>,
    socket: &TcpStream,
    asked: &Asked,
    act: &Act,
    shared: &Shared,
) -> io::Result<bool> {
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", act.status);
    for (name, value) in &act.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match (act.status, act.is_chunked) {
        (304, _) => head.push_str("\r\n"),
        (_, true) => head.push_str("Transfer-Encoding: chunked\r\n\r\n"),
        (_, false) => head.push_str(&format!("Content-Length: {}\r\n\r\n", act.body.len())),
    }
    stream.write_all(head.as_bytes())?;
    stream.flush()?;
    if act.status == 304 || asked.method == "HEAD" {
        return Ok(true);
    }
    let end = act.cut.map_or(act.body.len(), |(bytes, _)| bytes);
    let gate = act.gate.unwrap_or(0).min(end);
    write_body(stream, &act.body[..gate], act.is_chunked)?;
    if act.gate.is_some() && !await_release(shared) {
        return Ok(false);
    }
    write_body(stream, &act.body[gate..end], act.is_chunked)?;
    match act.cut {
        None if act.is_chunked => {
            stream.write_all(b"0\r\n\r\n")?;
            stream.flush()?;
            Ok(true)
        }
        None => Ok(true),
        Some((_, Cut::Closed)) => Ok(false),
        Some((_, Cut::Reset)) => {
            let socket = socket2::SockRef::from(socket);
            socket.set_linger(Some(Duration::ZERO))?;
            Ok(false)
        }
    }
}

fn write_body(stream: &mut Box<dyn Duplex>, body: &[u8], is_chunked: bool) -> io::Result<()> {
    for piece in body.chunks(PIECE_BYTES) {
        if is_chunked {
            stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes())?;
        }
        stream.write_all(piece)?;
        if is_chunked {
            stream.write_all(b"\r\n")?;
        }
    }
    stream.flush()
}

/// Waits at a gate; whether it opened before the end.
fn await_release(shared: &Shared) -> bool {
    let mut state = shared.state.lock().unwrap();
    state.waiting += 1;
    shared.changed.notify_all();
    while state.released == 0 {
        if shared.is_ending.load(Ordering::Relaxed) {
            return false;
        }
        state = shared.changed.wait(state).unwrap();
    }
    state.released -= 1;
    state.waiting -= 1;
    true
}

fn read_request(stream: &mut Box<dyn Duplex>, input: &mut Vec<u8>) -> io::Result<Option<Asked>> {
    let head_end = loop {
        if let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if fill(stream, input)? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&input[..head_end]).into_owned();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    while input.len() < head_end + length {
        if fill(stream, input)? == 0 {
            return Ok(None);
        }
    }
    let asked = Asked {
        method: method.to_owned(),
        path: path.to_owned(),
        headers,
        body: input[head_end..head_end + length].to_vec(),
    };
    input.drain(..head_end + length);
    Ok(Some(asked))
}

fn fill(stream: &mut Box<dyn Duplex>, input: &mut Vec<u8>) -> io::Result<usize> {
    let mut piece = [0; 16 << 10];
    let length = stream.read(&mut piece)?;
    input.extend_from_slice(&piece[..length]);
    Ok(length)
}

const PATIENCE: Duration = Duration::from_secs(60);
const PIECE_BYTES: usize = 64 << 10;
