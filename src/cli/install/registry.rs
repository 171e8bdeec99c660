//! The registry door as a client of it: packuments, asked for ahead by a few threads, and archives.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use nodejs_semver::Version;

use super::build::Manifests;
use super::packument::{Dist, Manifest, NoVersion, Packument};
use super::want::{Want, is_name};
use crate::cli::client::told_by_registry;
use crate::limits::{INSTALL_PACKUMENT_BYTES_MAX, INSTALL_TARBALL_BYTES_MAX};

/// A registry at an address.
pub(super) struct Registry {
    agent: ureq::Agent,
    url: String,
    headers: Vec<(String, String)>,
}

impl Registry {
    /// The registry at `url`, to which every request carries the headers.
    pub(super) fn new(url: String, headers: Vec<(String, String)>) -> Registry {
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .timeout_recv_body(Some(Duration::from_secs(600)))
            .http_status_as_error(false)
            .max_idle_connections_per_host(THREADS)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("thirteen/", env!("CARGO_PKG_VERSION")))
            .build();
        Registry {
            agent: config.into(),
            url,
            headers,
        }
    }

    fn packument(&self, name: &str) -> Result<Packument, String> {
        let url = format!("{}/{}", self.url, name.replace('/', "%2f"));
        let mut body = Vec::new();
        self.open(&url, PACKUMENT_ACCEPT, INSTALL_PACKUMENT_BYTES_MAX)?
            .read_to_end(&mut body)
            .map_err(|fault| format!("{url} broke off: {fault}"))?;
        Packument::read(name, &body).map_err(|fault| format!("{url} is no packument: {fault}"))
    }

    /// The bytes of an archive.
    pub(super) fn archive(&self, name: &str, dist: &Dist) -> Result<impl Read + use<>, String> {
        let url = self.archive_url(name, &dist.tarball)?;
        self.open(&url, "*/*", INSTALL_TARBALL_BYTES_MAX)
    }

    /// Archives come from this registry, whatever host their URLs name: behind a public name the
    /// door's own address is another.
    fn archive_url(&self, name: &str, tarball: &str) -> Result<String, String> {
        if tarball
            .strip_prefix(&self.url)
            .is_some_and(|rest| rest.starts_with('/'))
        {
            return Ok(tarball.to_owned());
        }
        let file = tarball.rsplit_once("/-/").map(|(_, file)| file);
        match file {
            Some(file) if !file.is_empty() => Ok(format!("{}/{name}/-/{file}", self.url)),
            Some(_) | None => Err(format!("`{tarball}` is not the address of an archive")),
        }
    }

    fn open(&self, url: &str, accept: &str, bytes_max: u64) -> Result<impl Read + use<>, String> {
        let send = || {
            let mut request = self.agent.get(url).header("accept", accept);
            for (name, value) in &self.headers {
                request = request.header(name, value);
            }
            request.call()
        };
        // A kept connection may have been closed meanwhile.
        let answer = send().or_else(|_| send());
        let mut answer = answer.map_err(|fault| format!("{url} gave no answer: {fault}"))?;
        let status = answer.status().as_u16();
        if status != 200 {
            let body = answer.body_mut().read_to_string().unwrap_or_default();
            return Err(refusal(url, status, &body));
        }
        let body = answer.into_body().into_with_config().limit(bytes_max);
        Ok(body.reader())
    }
}

/// What a registry says when it refuses.
fn refusal(url: &str, status: u16, body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    match told_by_registry(&body) {
        Some(told) => format!("{url} answered {status}: {told}"),
        None => format!("{url} answered {status}"),
    }
}

/// The abbreviated form, or the full one of a registry that has no other.
const PACKUMENT_ACCEPT: &str =
    "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";

/// Requests under way at once.
pub(super) const THREADS: usize = 8;

/// Packuments, asked for by several threads ahead of who needs them.
pub(super) struct Library<'r> {
    registry: &'r Registry,
    node: Option<Version>,
    state: Mutex<State>,
    /// Something was found, or is to be sought.
    moved: Condvar,
}

#[derive(Default)]
struct State {
    sought: VecDeque<String>,
    /// `None` while it is on its way.
    found: HashMap<String, Option<Result<Arc<Packument>, String>>>,
    /// What was asked of packages that are on their way, as name of the dependency and text.
    waiting: HashMap<String, Vec<(String, String)>>,
    expected: HashSet<(String, String)>,
    closed: bool,
}

impl<'r> Library<'r> {
    pub(super) fn new(registry: &'r Registry, node: Option<Version>) -> Library<'r> {
        Library {
            registry,
            node,
            state: Mutex::default(),
            moved: Condvar::new(),
        }
    }

    /// Does the work with the threads beside it.
    pub(super) fn open<T>(&self, work: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| self.run());
            }
            // Also when the work panics, or the threads would never end.
            let _closing = Closing(self);
            work()
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics who holds it")
    }

    fn run(&self) {
        while let Some(package) = self.next() {
            let found = self.registry.packument(&package).map(Arc::new);
            let mut state = self.lock();
            let waiting = state.waiting.remove(&package).unwrap_or_default();
            state.found.insert(package, Some(found.clone()));
            drop(state);
            self.moved.notify_all();
            let Ok(packument) = found else {
                continue;
            };
            for (_, text) in waiting {
                self.look_ahead(&packument, &text);
            }
        }
    }

    fn next(&self) -> Option<String> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(package) = state.sought.pop_front() {
                return Some(package);
            }
            state = self.moved.wait(state).expect("nobody panics who holds it");
        }
    }

    /// Whoever wants this will want its dependencies.
    fn look_ahead(&self, packument: &Packument, text: &str) {
        let Ok(manifest) = packument.pick(&Want::read(text), self.node.as_ref()) else {
            return;
        };
        let needed = manifest.peers.0.iter();
        let needed = needed.filter(|(name, _)| !manifest.peers_optional.contains(name));
        let all = needed
            .chain(&manifest.dependencies.0)
            .chain(&manifest.optional.0);
        for (name, text) in all.filter(|(name, _)| !manifest.bundled.contains(name)) {
            self.expect(name, text);
        }
    }

    fn packument(&self, package: &str) -> Result<Arc<Packument>, String> {
        let mut state = self.lock();
        loop {
            match state.found.get(package) {
                Some(Some(found)) => return found.clone(),
                Some(None) => {}
                None => {
                    state.found.insert(package.to_owned(), None);
                    state.sought.push_front(package.to_owned());
                    self.moved.notify_all();
                }
            }
            state = self.moved.wait(state).expect("nobody panics who holds it");
        }
    }
}

impl Manifests for Library<'_> {
    fn find(&self, name: &str, text: &str) -> Result<Arc<Manifest>, String> {
        let want = Want::read(text);
        if let Want::Unsupported(text) = want.of_package() {
            return Err(format!(
                "`{text}` does not come from a registry; only packages of a registry are installed"
            ));
        }
        let package = want.package(name);
        if let Some(bad) = [name, package].iter().find(|name| !is_name(name)) {
            return Err(format!("`{bad}` is no name of a package"));
        }
        let packument = self.packument(package)?;
        let manifest = packument.pick(&want, self.node.as_ref());
        manifest.map_err(|NoVersion { package, known }| {
            format!("no version of {package} is `{text}`; the registry has {known}")
        })
    }

    fn expect(&self, name: &str, text: &str) {
        let want = Want::read(text);
        let package = want.package(name).to_owned();
        let is_sought = is_name(name) && is_name(&package);
        if !is_sought || matches!(want.of_package(), Want::Unsupported(_)) {
            return;
        }
        let mut state = self.lock();
        if !state.expected.insert((package.clone(), text.to_owned())) {
            return;
        }
        match state.found.get(&package) {
            Some(Some(Ok(packument))) => {
                let packument = Arc::clone(packument);
                drop(state);
                self.look_ahead(&packument, text);
                return;
            }
            Some(Some(Err(_))) => return,
            Some(None) => {}
            None => {
                state.found.insert(package.clone(), None);
                state.sought.push_back(package.clone());
                self.moved.notify_all();
            }
        }
        let waiting = state.waiting.entry(package).or_default();
        waiting.push((name.to_owned(), text.to_owned()));
    }
}

/// Ends the threads of a library.
struct Closing<'l, 'r>(&'l Library<'r>);

impl Drop for Closing<'_, '_> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_asked_of_this_registry() {
        let registry = Registry::new("http://127.0.0.1:4873".to_owned(), Vec::new());
        let url = |name: &str, tarball: &str| registry.archive_url(name, tarball).ok();
        assert_eq!(
            url("a", "http://127.0.0.1:4873/a/-/a-1.0.0.tgz").as_deref(),
            Some("http://127.0.0.1:4873/a/-/a-1.0.0.tgz")
        );
        assert_eq!(
            url("@s/a", "https://npm.shop.example/@s/a/-/a-1.0.0.tgz").as_deref(),
            Some("http://127.0.0.1:4873/@s/a/-/a-1.0.0.tgz")
        );
        assert_eq!(url("a", "http://127.0.0.1:48730/x.tgz"), None);
        assert_eq!(url("a", ""), None);
    }

    #[test]
    fn a_refusal_tells_the_reason() {
        let body = r#"{"error":"No such package.","reason":"not_found"}"#;
        assert_eq!(refusal("u", 404, body), "u answered 404: No such package.");
        assert_eq!(refusal("u", 502, "<html>"), "u answered 502");
    }
}
