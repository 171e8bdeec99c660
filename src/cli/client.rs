//! The HTTP client of the commands that talk to the running server, and how it finds it.

use std::env;
use std::io::ErrorKind;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use thirteen_kernels::config::{ConfigState, parse_dump};

use super::failure::Failure;
use super::folder;
use crate::doors::{self, Doors};
use crate::settings::{Settings, base_url};

/// `--server URL`, for commands that talk to the running server.
#[derive(Debug, Args)]
pub(super) struct ServerFlag {
    /// The door to ask, e.g. http://127.0.0.1:3000: the api door, for metrics the ops door, for
    /// packages the registry door
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

/// A connection to the running server.
pub(super) struct Client {
    agent: ureq::Agent,
    place: Place,
}

/// Where the server is sought.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    api: Site,
    ops: Site,
    registry: Site,
}

/// Where one door is sought.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Site {
    At(Address),
    /// The server that is meant does not have it, so that nobody is asked.
    Nowhere(Failure),
}

/// An address to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub url: String,
    /// What named it, to be told when nothing answers.
    pub named_by: String,
}

/// The door to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Api,
    Ops,
    Registry,
}

/// A page and the state that it is of.
pub(super) struct Tagged {
    pub body: Value,
    pub etag: Option<String>,
}

/// What became of a change that expects a state.
pub(super) enum Posted {
    Made(Value),
    /// The state is another one.
    Stale,
}

/// Whether `LOCAL=1` turns `api.base` off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Local {
    On,
    Off,
}

impl Client {
    /// Finds the server: `--server`; else, for the api door, `api.base`, unless `LOCAL=1`; else
    /// what the server wrote into the data folder; else, where nobody named that, the addresses of
    /// the settings.
    pub(super) fn find(flag: ServerFlag, settings: &Settings) -> Result<Client, Failure> {
        let local = match env::var("LOCAL").as_deref() {
            Ok("1") => Local::On,
            Ok(_) | Err(_) => Local::Off,
        };
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build();
        Ok(Client {
            agent: config.into(),
            place: find(flag, local, settings)?,
        })
    }

    /// The URL of a door.
    ///
    /// # Errors
    /// As [`Client::address`].
    pub(super) fn url_of(&self, door: Door) -> Result<&str, Failure> {
        Ok(&self.address(door)?.url)
    }

    /// `GET`, for text.
    pub(super) fn read_text(&self, door: Door, path: &str) -> Result<String, Failure> {
        let target = self.target(door, path)?;
        let answer = target.answer(self.agent.get(&target.url).call())?;
        Ok(answer.success(&target.url)?.body)
    }

    /// `GET`, for JSON.
    pub(super) fn read(&self, door: Door, path: &str) -> Result<Value, Failure> {
        let url = self.target(door, path)?.url;
        parse(&url, &self.read_text(door, path)?)
    }

    /// `GET`, for JSON and its ETag.
    pub(super) fn read_tagged(&self, door: Door, path: &str) -> Result<Tagged, Failure> {
        let target = self.target(door, path)?;
        let answer = target.answer(self.agent.get(&target.url).call())?;
        let answer = answer.success(&target.url)?;
        Ok(Tagged {
            body: parse(&target.url, &answer.body)?,
            etag: answer.etag,
        })
    }

    /// `POST` of JSON, for JSON.
    pub(super) fn post(&self, door: Door, path: &str, body: &Value) -> Result<Value, Failure> {
        let target = self.target(door, path)?;
        let request = self
            .agent
            .post(&target.url)
            .header("content-type", "application/json");
        let answer = target.answer(request.send(body.to_string()))?;
        parse(&target.url, &answer.success(&target.url)?.body)
    }

    /// `POST` of JSON, for JSON, if the state is still the one of the ETag.
    pub(super) fn post_if(
        &self,
        door: Door,
        path: &str,
        etag: &str,
        body: &Value,
    ) -> Result<Posted, Failure> {
        let target = self.target(door, path)?;
        let request = self
            .agent
            .post(&target.url)
            .header("content-type", "application/json")
            .header("if-match", etag);
        let answer = target.answer(request.send(body.to_string()))?;
        if answer.status == PRECONDITION_FAILED {
            return Ok(Posted::Stale);
        }
        let answer = answer.success(&target.url)?;
        Ok(Posted::Made(parse(&target.url, &answer.body)?))
    }

    /// `PUT` of a package to the registry door.
    pub(super) fn publish(
        &self,
        path: &str,
        headers: &[(String, String)],
        body: &Value,
    ) -> Result<(), Failure> {
        let target = self.target(Door::Registry, path)?;
        let mut request = self
            .agent
            .put(&target.url)
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        // A large archive takes its time; that nobody answers is still noticed.
        let request = request
            .config()
            .timeout_global(None)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(120)))
            .build();
        let answer = target.answer(request.send(body.to_string()))?;
        answer.success(&target.url)?;
        Ok(())
    }

    /// The configuration that the registry door tells of; `None` of one that is none of
    /// ours.
    pub(super) fn config_of_registry(&self) -> Result<Option<ConfigState>, Failure> {
        let target = self.target(Door::Registry, "/_dashboard/api/config")?;
        let answer = self.agent.get(&target.url).call();
        let answer = answer.map_err(|fault| target.unreachable(&fault))?;
        let dump = answer.headers().get("x-bun-config-dump");
        let Some(dump) = dump else { return Ok(None) };
        let state = parse_dump(dump.as_bytes()).map_err(|_| {
            let shown = String::from_utf8_lossy(dump.as_bytes());
            let url = &target.url;
            Failure::Failed(format!(
                "{url} sent an X-Bun-Config-Dump that is none: {shown}; check that it is a \
                 thirteen server of this version"
            ))
        })?;
        Ok(Some(state))
    }

    fn target(&self, door: Door, path: &str) -> Result<Target<'_>, Failure> {
        let address = self.address(door)?;
        Ok(Target {
            url: format!("{}{path}", address.url),
            named_by: &address.named_by,
        })
    }

    /// Where a door is.
    ///
    /// # Errors
    /// Why there is none to ask.
    pub(super) fn address(&self, door: Door) -> Result<&Address, Failure> {
        let site = match door {
            Door::Api => &self.place.api,
            Door::Ops => &self.place.ops,
            Door::Registry => &self.place.registry,
        };
        match site {
            Site::At(address) => Ok(address),
            Site::Nowhere(failure) => Err(failure.clone()),
        }
    }
}

/// What is asked, and what named its door.
struct Target<'c> {
    url: String,
    named_by: &'c str,
}

impl Target<'_> {
    fn answer(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, Failure> {
        let mut response = answer.map_err(|fault| self.unreachable(&fault))?;
        let body = response.body_mut().read_to_string();
        let body = body.map_err(|fault| self.unreachable(&fault))?;
        let etag = response.headers().get("etag");
        Ok(Answer {
            status: response.status().as_u16(),
            etag: etag.and_then(|etag| etag.to_str().ok()).map(str::to_owned),
            body,
        })
    }

    fn unreachable(&self, fault: &ureq::Error) -> Failure {
        let (url, named_by) = (&self.url, self.named_by);
        let refused =
            matches!(fault, ureq::Error::Io(io) if io.kind() == ErrorKind::ConnectionRefused);
        Failure::Failed(if refused {
            format!(
                "no server answers at {url} ({named_by}); start it with `thirteen serve`, or name \
                 it with --server URL"
            )
        } else {
            format!(
                "{url} ({named_by}) gave no answer: {fault}; check that it is a thirteen server"
            )
        })
    }
}

/// An answer of whatever status.
struct Answer {
    status: u16,
    etag: Option<String>,
    body: String,
}

impl Answer {
    fn success(self, url: &str) -> Result<Answer, Failure> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        Err(Failure::Failed(refusal(url, self.status, &self.body)))
    }
}

/// The status of [`Posted::Stale`].
const PRECONDITION_FAILED: u16 = 412;

fn find(flag: ServerFlag, local: Local, settings: &Settings) -> Result<Place, Failure> {
    if let Some(url) = flag.server {
        let url = base_url(&url).map_err(|fault| {
            Failure::Usage(format!(
                "--server: {fault}; give a URL like http://127.0.0.1:3000"
            ))
        })?;
        let named = Site::At(Address {
            url,
            named_by: "from --server".to_owned(),
        });
        return Ok(Place {
            api: named.clone(),
            ops: named.clone(),
            registry: named,
        });
    }
    let mut place = find_here(settings);
    // It names the api door alone. Who may not read the data folder may still use it.
    if let Some(base) = settings.api.base.as_ref().filter(|_| local == Local::Off) {
        place.api = Site::At(Address {
            url: base.clone(),
            named_by: "from the setting api.base".to_owned(),
        });
    }
    Ok(place)
}

/// The doors of the server whose data folder this is. A door that this server keeps closed is
/// nowhere: whoever listens where it would be is somebody else. Where no server runs it is the
/// addresses of the settings, unless somebody named the folder and so means its server.
fn find_here(settings: &Settings) -> Place {
    let file = doors::path(&settings.data).display().to_string();
    match Doors::read(&settings.data) {
        Ok(Some(doors)) if doors.is_alive() => {
            let pid = doors.pid;
            let site = |name: &str, door: Option<String>| match door {
                Some(url) => Site::At(Address {
                    url,
                    named_by: format!("from {file} of pid {pid}"),
                }),
                None => Site::Nowhere(Failure::Failed(format!(
                    "the server of pid {pid} has its {name} door closed ({file}); stop it and \
                     start `thirteen serve`, or name another server with --server URL"
                ))),
            };
            Place {
                api: site("api", doors.api),
                ops: site("ops", doors.ops),
                registry: site("registry", doors.registry),
            }
        }
        Ok(left) => {
            let why = match left {
                Some(doors) => format!("{file} is of pid {}, which has ended", doors.pid),
                None => format!("there is no {file}"),
            };
            if !folder::is_named(settings) {
                return by_settings(settings, &why);
            }
            let data = settings.data.display();
            nowhere(Failure::Failed(format!(
                "no server runs on the data folder {data}: {why}; name the folder of one with \
                 --data, or the server itself with --server URL"
            )))
        }
        Err(fault) => nowhere(Failure::Environment(format!(
            "{file}: {fault}; restart the server, or name it with --server"
        ))),
    }
}

fn nowhere(failure: Failure) -> Place {
    let site = Site::Nowhere(failure);
    Place {
        api: site.clone(),
        ops: site.clone(),
        registry: site,
    }
}

/// Where the settings put the doors, and why they are asked.
fn by_settings(settings: &Settings, why: &str) -> Place {
    let site = |listen| {
        Site::At(Address {
            url: doors::url_of(listen),
            named_by: format!("from the settings; {why}"),
        })
    };
    Place {
        api: site(settings.api.listen),
        ops: site(settings.ops.listen),
        registry: site(settings.registry.listen),
    }
}

fn parse(url: &str, body: &str) -> Result<Value, Failure> {
    serde_json::from_str(body).map_err(|fault| {
        let message = format!("{url} did not answer in JSON: {fault}; is it a thirteen server?");
        Failure::Failed(message)
    })
}

/// What a registry says when it refuses: of `error` and `reason` the one that is a sentence, where
/// the other is a word for programs.
pub(super) fn told_by_registry(body: &Value) -> Option<String> {
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let is_sentence = |text: &str| text.contains(char::is_whitespace);
    match (text("error"), text("reason")) {
        (Some(error), Some(reason)) => Some(match (is_sentence(error), is_sentence(reason)) {
            (true, false) => error.to_owned(),
            (false, true) => reason.to_owned(),
            (true, true) | (false, false) => format!("{error}: {reason}"),
        }),
        (told, None) | (None, told) => told.map(str::to_owned),
    }
}

/// The line, or lines, of a reply that is no success: a problem document, what a registry says, or
/// the first line.
fn refusal(url: &str, status: u16, body: &str) -> String {
    let problem: Value = serde_json::from_str(body).unwrap_or_default();
    if let Some(told) = told_by_registry(&problem) {
        return format!("{url} answered {status} {told}");
    }
    let text = |key: &str| problem.get(key).and_then(Value::as_str);
    let title = text("title").or_else(|| body.lines().next());
    let title = title.unwrap_or_default();
    let mut message = format!("{url} answered {status} {title}");
    if let Some(detail) = text("detail") {
        message.push_str(": ");
        message.push_str(detail);
    }
    for fault in problem
        .get("errors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let part = |key: &str| fault.get(key).and_then(Value::as_str).unwrap_or_default();
        let place = if part("pointer").is_empty() {
            part("field")
        } else {
            part("pointer")
        };
        let detail = if part("detail").is_empty() {
            part("message")
        } else {
            part("detail")
        };
        message.push_str(&format!("\n{place}: {detail}"));
    }
    message
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::settings::Sources;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        let environment = variables.collect();
        Settings::load(Sources {
            environment,
            ..Sources::default()
        })
        .unwrap()
    }

    fn urls(place: &Place) -> [Option<&str>; 3] {
        [&place.api, &place.ops, &place.registry].map(|site| match site {
            Site::At(address) => Some(&*address.url),
            Site::Nowhere(_) => None,
        })
    }

    #[test]
    fn the_server_is_found_in_order() {
        let data = env::temp_dir().join(format!("thirteen-client-{}", std::process::id()));
        std::fs::create_dir_all(&data).unwrap();
        let variables = [
            ("THIRTEEN_DATA", data.to_str().unwrap()),
            ("THIRTEEN_API_BASE", "http://base:1"),
            ("THIRTEEN_OPS_LISTEN", "0.0.0.0:3108"),
        ];
        let find = |server: Option<&str>, local| {
            let flag = ServerFlag {
                server: server.map(str::to_owned),
            };
            find(flag, local, &settings(&variables))
        };
        let named = find(Some("http://flag:1/"), Local::Off).unwrap();
        assert_eq!(urls(&named), ["http://flag:1"; 3].map(Some));
        assert!(matches!(
            find(Some("flag:1"), Local::Off),
            Err(Failure::Usage(_))
        ));
        let base = find(None, Local::Off).unwrap();
        assert_eq!(
            urls(&base),
            [Some("http://base:1"), None, None],
            "a base is that of the api door"
        );
        assert_eq!(urls(&find(None, Local::On).unwrap()), [None; 3]);
        let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        Doors::new(address(41), address(0), address(43))
            .write(&data)
            .unwrap();
        let place = find(None, Local::On).unwrap();
        let (here, there) = ("http://127.0.0.1:41", "http://127.0.0.1:43");
        assert_eq!(
            urls(&place),
            [Some(here), None, Some(there)],
            "a door that is closed is not sought elsewhere"
        );
        // No process has an id that large.
        let ended = r#"{"pid": 2147483647, "api": "http://127.0.0.1:41"}"#;
        std::fs::write(doors::path(&data), ended).unwrap();
        assert_eq!(urls(&find(None, Local::On).unwrap()), [None; 3]);
        std::fs::write(doors::path(&data), "no JSON").unwrap();
        let place = find(None, Local::Off).unwrap();
        assert_eq!(urls(&place), [Some("http://base:1"), None, None]);
        assert!(matches!(place.ops, Site::Nowhere(Failure::Environment(_))));
        std::fs::remove_dir_all(&data).unwrap();
    }

    #[test]
    fn addresses_of_the_settings_are_those_of_a_folder_that_nobody_named() {
        let mut settings = settings(&[("THIRTEEN_OPS_LISTEN", "0.0.0.0:3108")]);
        settings.data = env::temp_dir().join("thirteen-client-of-nobody");
        let place = find(ServerFlag { server: None }, Local::On, &settings).unwrap();
        let urls = urls(&place).map(Option::unwrap);
        assert_eq!(
            urls,
            [
                "http://127.0.0.1:3000",
                "http://127.0.0.1:3108",
                "http://127.0.0.1:4873"
            ]
        );
    }

    #[test]
    fn refusals_tell_the_problem() {
        let problem = r#"{"title":"Invalid","detail":"two fields","errors":[
            {"pointer":"/rows","detail":"rows must be 1 to 255"},
            {"field":"cols","message":"cols must be 1 to 255"}]}"#;
        assert_eq!(
            refusal("http://h/x", 422, problem),
            "http://h/x answered 422 Invalid: two fields\n/rows: rows must be 1 to 255\n\
             cols: cols must be 1 to 255"
        );
        assert_eq!(
            refusal("u", 404, "Not here\nat all"),
            "u answered 404 Not here"
        );
        assert_eq!(refusal("u", 500, ""), "u answered 500 ");
        for (body, told) in [
            (
                r#"{"error":"`A` is no name.","reason":"invalid_name"}"#,
                "`A` is no name.",
            ),
            (r#"{"error":"forbidden","reason":"not yours"}"#, "not yours"),
            (
                r#"{"error":"not_found","reason":"missing"}"#,
                "not_found: missing",
            ),
            (r#"{"error":"not_found"}"#, "not_found"),
        ] {
            assert_eq!(refusal("u", 400, body), format!("u answered 400 {told}"));
        }
    }
}
