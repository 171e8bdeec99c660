//! `thirteen proxy`: the CONNECT proxy run alone, its decisions tried, its tokens made.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::failure::{Failure, Outcome};
use super::flags::SettingFlags;
use super::folder;
use super::output::{Format, JsonFlag, columns, print, print_json};
use crate::auth::keys::{Keys, open_or_create};
use crate::auth::tokens::proxy::{
    self, PROXY_SECONDS_MAX, ProxyGrant, SUBJECT_DEFAULT, is_subject,
};
use crate::id::Id;
use crate::limits::PROXY_SUBJECT_BYTES_MAX;
use crate::outgoing::Url;
use crate::outgoing::dns::look_up;
use crate::outgoing::guard::special;
use crate::proxy::{Authority, Refusal, Upstreams, decide};
use crate::serve;
use crate::settings::{Reach, Settings, Upstream, whole};
use crate::startup::Opened;
use crate::telemetry::process::unix_ms;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run the registry door alone
    Start,
    /// Walk the proxy's decisions for a URL, up to a connection, and print each; they are made by
    /// the settings of this command, and no server is asked
    Test(TestArgs),
    /// Make a token for clients of the proxy
    Token(TokenArgs),
}

#[derive(Debug, clap::Args)]
struct TestArgs {
    /// Where a client wants to go: https://host[:port][/path], or host:port
    url: String,
    /// The registry hash that the client sends [default: the setting config.registry_hash]
    #[arg(long)]
    hash: Option<String>,
    /// The configuration version that the client sends
    #[arg(long, default_value_t = 1)]
    version: u8,
    /// The client's token [default: one that is made for the test]
    #[arg(long)]
    token: Option<String>,
    #[command(flatten)]
    json: JsonFlag,
}

#[derive(Debug, clap::Args)]
struct TokenArgs {
    /// The registry hash that it is good for [default: the setting config.registry_hash]
    #[arg(long)]
    hash: Option<String>,
    /// Whom it is for; requests are counted by this name
    #[arg(long, default_value = SUBJECT_DEFAULT)]
    subject: String,
    /// For how many seconds it is good
    #[arg(long, default_value_t = PROXY_SECONDS_MAX,
        value_parser = clap::value_parser!(u64).range(1..=PROXY_SECONDS_MAX))]
    ttl: u64,
    #[command(flatten)]
    json: JsonFlag,
}

pub(super) fn run(args: Args, flags: SettingFlags) -> Outcome {
    let settings = flags.settings()?;
    match args.command {
        Command::Start => Ok(serve::run(settings, Opened::Registry)),
        Command::Test(args) => test(&args, &settings),
        Command::Token(args) => token(&args, &settings),
    }
}

fn token(args: &TokenArgs, settings: &Settings) -> Outcome {
    if !is_subject(&args.subject) {
        let message =
            format!("a subject has 1 to {PROXY_SUBJECT_BYTES_MAX} bytes and no control characters");
        return Err(Failure::Usage(message));
    }
    let hash = hash_of(args.hash.as_deref(), settings)?;
    let now_seconds = unix_ms() / 1000;
    let grant = ProxyGrant {
        subject: &args.subject,
        hash,
        seconds: args.ttl,
    };
    let token = proxy::issue(&keys_of(settings)?, grant, Id::fresh(), now_seconds);
    match args.json.format() {
        Format::Text => print(&format!("{token}\n")),
        Format::Json => print_json(&json!({
            "token": token,
            "subject": args.subject,
            "hash": format!("0x{hash:08x}"),
            "expiresAt": now_seconds + args.ttl,
        })),
    }
}

/// What became of one decision.
struct Step {
    name: &'static str,
    outcome: Result<String, Refusal>,
}

fn test(args: &TestArgs, settings: &Settings) -> Outcome {
    let hash = hash_of(args.hash.as_deref(), settings)?;
    let authority = authority_of(&args.url)?;
    let steps = walk(args, settings, hash, &authority)?;
    let refusal = steps.iter().find_map(|step| step.outcome.as_ref().err());
    match args.json.format() {
        Format::Text => {
            let rows: Vec<[String; 3]> = steps.iter().map(row).collect();
            let verdict = match refusal {
                None => "allowed: 200 Connection Established\n".to_owned(),
                Some(refusal) => format!("refused: {} {}\n", refusal.status(), refusal.code()),
            };
            print(&format!("{}{verdict}", columns(&rows)))?
        }
        Format::Json => print_json(&json!({
            "target": authority,
            "steps": steps.iter().map(object).collect::<Vec<Value>>(),
            "status": refusal.map_or(200, Refusal::status),
            "code": refusal.map(Refusal::code),
        }))?,
    };
    Ok(match refusal {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::FAILURE,
    })
}

fn row(step: &Step) -> [String; 3] {
    let (verdict, told) = match &step.outcome {
        Ok(told) => ("ok", told.clone()),
        Err(refusal) => ("refused", refusal.to_string()),
    };
    [step.name.to_owned(), verdict.to_owned(), told]
}

fn object(step: &Step) -> Value {
    let [name, verdict, told] = row(step);
    json!({ "step": name, "verdict": verdict, "detail": told })
}

/// The decisions in the order of PROTOCOL.md, up to the first refusal. The rate is the running
/// server's to count.
fn walk(
    args: &TestArgs,
    settings: &Settings,
    hash: u32,
    authority: &str,
) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    let mut take = |name, outcome: Result<String, Refusal>| {
        let goes_on = outcome.is_ok();
        steps.push(Step { name, outcome });
        goes_on
    };
    let version = match args.version {
        1 => Ok("1".to_owned()),
        other => Err(Refusal::Version(u64::from(other))),
    };
    if take("version", version) && take("token", judge_token(args, settings, hash)?) {
        let upstreams = Upstreams::new(settings.upstreams());
        let known = upstreams.of_hash(hash).ok_or(Refusal::UnknownHash);
        let named = known.map(|upstream| format!("0x{hash:08x} is {}", upstream.address));
        if take("hash", named) {
            match decide(&upstreams, hash, authority.as_bytes(), None) {
                Ok(upstream) => {
                    take("target", Ok(authority.to_owned()));
                    reach(upstream, settings, &mut take);
                }
                Err(refusal) => drop(take("target", Err(refusal))),
            }
        }
    }
    Ok(steps)
}

fn judge_token(
    args: &TestArgs,
    settings: &Settings,
    hash: u32,
) -> Result<Result<String, Refusal>, Failure> {
    let Some(token) = &args.token else {
        return Ok(Ok("one made for the test".to_owned()));
    };
    let verified = proxy::verify(&keys_of(settings)?, token.as_bytes(), unix_ms() / 1000);
    Ok(match verified {
        Ok(claims) if claims.hash == hash => Ok(format!("made for {}", claims.subject)),
        Ok(_) | Err(_) => Err(Refusal::Token),
    })
}

/// The name, its addresses and a connection.
fn reach(
    upstream: &Upstream,
    settings: &Settings,
    take: &mut impl FnMut(&'static str, Result<String, Refusal>) -> bool,
) {
    let (host, port) = (&upstream.address.host, upstream.address.port);
    let found = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => look_up(&settings.outgoing.hosts, host).unwrap_or_default(),
    };
    let refused = found.iter().find_map(|address| special(*address));
    let may_dial =
        |address: &IpAddr| upstream.reach == Reach::Private || special(*address).is_none();
    let dialled: Vec<IpAddr> = found.into_iter().filter(may_dial).collect();
    let shown: Vec<String> = dialled.iter().map(IpAddr::to_string).collect();
    let addresses = match (dialled.is_empty(), refused) {
        (false, _) => Ok(shown.join(", ")),
        (true, Some(special)) => Err(Refusal::Address(special)),
        (true, None) => Err(Refusal::Unreachable(
            "the host's name has no address".to_owned(),
        )),
    };
    if take("addresses", addresses) {
        take(
            "connection",
            connect(&dialled, port, settings.proxy.timeout),
        );
    }
}

fn connect(addresses: &[IpAddr], port: u16, patience: Duration) -> Result<String, Refusal> {
    let mut refusal = Refusal::Timeout;
    for address in addresses {
        let address = SocketAddr::new(*address, port);
        match TcpStream::connect_timeout(&address, patience) {
            Ok(_) => return Ok(address.to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {}
            Err(error) => refusal = Refusal::Unreachable(error.to_string()),
        }
    }
    Err(refusal)
}

/// `host:port` of what is given.
fn authority_of(url: &str) -> Result<String, Failure> {
    if !url.contains("://") {
        return match Authority::parse(url.as_bytes(), None) {
            Some(_) => Ok(url.to_owned()),
            None => Err(Failure::Usage(format!(
                "`{url}` is no URL and no host:port"
            ))),
        };
    }
    let url = Url::parse(url).map_err(|fault| Failure::Usage(format!("`{url}`: {fault}")))?;
    let host = match url.host.contains(':') {
        true => format!("[{}]", url.host),
        false => url.host,
    };
    Ok(format!("{host}:{}", url.port))
}

fn hash_of(given: Option<&str>, settings: &Settings) -> Result<u32, Failure> {
    let Some(text) = given else {
        return Ok(settings.config.registry_hash);
    };
    let number = whole(text).and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| Failure::Usage(format!("`{text}` is no hash such as 0xa1b2c3d4")))
}

fn keys_of(settings: &Settings) -> Result<Keys, Failure> {
    open_or_create(folder::existing(settings)?)
        .map_err(|fault| Failure::Environment(format!("the keys cannot be used: {fault}")))
}
