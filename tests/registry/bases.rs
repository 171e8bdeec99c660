//! What becomes of documents that clients keep when the URLs in them move.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::people::account;
use crate::shelf::{get, publish};
use crate::support::folder::Folder;
use crate::support::http::Reply;
use crate::support::server::Server;

/// A server that is reached at a public URL, and the file that says so.
struct Public {
    server: Server,
    file: PathBuf,
    _folder: Folder,
}

fn settings(host: &str) -> String {
    format!("[registry]\npublic_url = \"https://{host}\"\n[proxy]\nupstream_fallback = \"\"\n")
}

impl Public {
    fn start(host: &str) -> Public {
        let folder = Folder::new();
        let file = folder.path().join("thirteen.toml");
        fs::write(&file, settings(host)).unwrap();
        let unhurried = [("THIRTEEN_RATE_REGISTRY_READS_PER_MINUTE", "0")];
        let server = Server::start_with(&["--config", file.to_str().unwrap()], &unhurried);
        Public {
            server,
            file,
            _folder: folder,
        }
    }

    fn reload(&self, host: &str) {
        fs::write(&self.file, settings(host)).unwrap();
        let reloads = self.server.log().matches("settings reloaded").count();
        self.server.signal(Signal::HUP);
        while self.server.log().matches("settings reloaded").count() == reloads {
            std::thread::yield_now();
        }
    }

    fn since(&self, date: &str) -> Reply {
        get(&self.server, "a", &[("If-Modified-Since", date)])
    }

    /// The document once it has a date, which is held to be one that it can be asked by.
    fn dated(&self, host: &str) -> String {
        let reply = loop {
            let reply = get(&self.server, "a", &[]);
            assert_eq!(host_of(&reply), host);
            if reply.header("last-modified").is_some() {
                break reply;
            }
        };
        let date = reply.header("last-modified").unwrap().to_owned();
        assert_eq!(self.since(&date).status, 304);
        date
    }
}

fn host_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let document = reply.json();
    let url = document["versions"]["1.0.0"]["dist"]["tarball"].as_str();
    let (_, rest) = url.unwrap().split_once("://").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

#[test]
fn a_date_from_before_the_urls_moved_is_no_validator() {
    let mut public = Public::start("one.example");
    let anna = account(&public.server, "anna");
    publish(&public.server, &anna, "a", "1.0.0");
    let first = public.dated("one.example");
    public.reload("two.example");
    assert_eq!(host_of(&public.since(&first)), "two.example");
    let second = public.dated("two.example");
    assert_ne!(first, second);
    // Back where they were, what was kept of the other is as old.
    public.reload("one.example");
    assert_eq!(host_of(&public.since(&second)), "one.example");
    let third = public.dated("one.example");
    // Settings that leave URLs alone leave dates alone.
    public.reload("one.example");
    assert_eq!(public.since(&third).status, 304);
    public.server.terminate();
    fs::write(&public.file, settings("three.example")).unwrap();
    public.server.restart();
    assert_eq!(host_of(&public.since(&third)), "three.example");
    public.dated("three.example");
}
