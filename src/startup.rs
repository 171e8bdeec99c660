//! The start-up check: what this machine lacks for the server to run, and the remedies.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use io_uring::IoUring;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::doors::{self, Doors};
use crate::limits::{
    DISK_FREE_BYTES_ADVISED, DISK_FREE_BYTES_MIN, OUTGOING_IDLE_MAX, OUTGOING_REQUESTS_MAX,
};
use crate::settings::Settings;

/// One check and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked, e.g. `io_uring`.
    pub check: &'static str,
    /// How it went.
    pub verdict: Verdict,
    /// What was found, e.g. `6.8.0`.
    pub detail: String,
    /// What to do; empty where all is well.
    pub remedy: String,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// The server runs, with less than it could have.
    Advice,
    /// The server cannot run.
    Missing,
}

/// Which doors a server opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// All of them.
    All,
    /// The registry's alone.
    Registry,
}

impl Opened {
    /// Whether the door of this name, e.g. `api`, is among them.
    pub fn has(self, door: &str) -> bool {
        match self {
            Opened::All => true,
            Opened::Registry => door == "registry",
        }
    }
}

/// What the check is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Whether a server with these doors can start.
    Start(Opened),
    /// How a data folder is, whose own server may be running and have the doors.
    Look,
}

/// The exit code for settings and machines that keep the server from running (`EX_CONFIG`).
pub const EXIT_ENVIRONMENT: u8 = 78;

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.check, self.detail)?;
        if self.remedy.is_empty() {
            Ok(())
        } else {
            write!(out, "; {}", self.remedy)
        }
    }
}

/// Checks the machine against the settings, and the addresses of the doors that are to be opened.
/// The server starts when no finding is [`Verdict::Missing`]; else it prints them and exits with
/// [`EXIT_ENVIRONMENT`].
pub fn startup_check(settings: &Settings, question: Question) -> Vec<Finding> {
    let mut findings = vec![
        kernel(&rustix::system::uname().release().to_string_lossy()),
        uring(
            fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
                .ok()
                .as_deref(),
        ),
        open_files(getrlimit(Resource::Nofile), open_files_needed(settings)),
        locked_memory(getrlimit(Resource::Memlock)),
        folder(&settings.data),
        disk(&settings.data),
    ];
    let running = Doors::read(&settings.data)
        .ok()
        .flatten()
        .filter(Doors::is_alive);
    for (door, check, address) in [
        ("api", "api door", settings.api.listen),
        ("ops", "ops door", settings.ops.listen),
        ("registry", "registry door", settings.registry.listen),
    ] {
        let is_asked = match question {
            Question::Start(opened) => opened.has(door),
            Question::Look => true,
        };
        if is_asked {
            findings.push(port(question, door, check, address, running.as_ref()));
        }
    }
    findings
}

/// Raises the soft limit of open files to what the settings need, as far as the hard limit goes.
///
/// # Errors
/// What the kernel says.
pub fn raise_open_files(settings: &Settings) -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let needed = open_files_needed(settings);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let raised = maximum.map_or(needed, |maximum| maximum.min(needed));
    Ok(setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(raised),
            maximum,
        },
    )?)
}

/// One per connection, of which a tunnel is two; those to other servers; and a margin for rings,
/// listeners, the stores and logs.
fn open_files_needed(settings: &Settings) -> u64 {
    const MARGIN: u64 = 512;
    const PER_SHARD: u64 = 16 + (OUTGOING_REQUESTS_MAX + OUTGOING_IDLE_MAX) as u64;
    let (connections, shards) = (settings.connections_max as u64, settings.shards as u64);
    connections + shards * PER_SHARD + MARGIN
}

fn kernel(release: &str) -> Finding {
    const NEEDED: (u32, u32) = (6, 1);
    let mut numbers = release.split(['.', '-']).map(str::parse::<u32>);
    let found = match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
        _ => {
            let remedy = "run on Linux 6.1 or newer";
            return missing("kernel", format!("unknown release `{release}`"), remedy);
        }
    };
    if found < NEEDED {
        let remedy = "boot a kernel of 6.1 or newer: the rings use what came with it";
        return missing("kernel", release.to_owned(), remedy);
    }
    good("kernel", release.to_owned())
}

/// Sets up a ring with the flags that the shards use; `disabled` is the kernel's switch.
fn uring(disabled: Option<&str>) -> Finding {
    let ring: io::Result<IoUring> = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_submit_all()
        .build(8);
    match ring {
        Ok(_) => good("io_uring", "available".to_owned()),
        Err(fault) => {
            let remedy = uring_remedy(disabled.map(str::trim), &fault);
            missing("io_uring", fault.to_string(), remedy)
        }
    }
}

fn uring_remedy(disabled: Option<&str>, fault: &io::Error) -> &'static str {
    match (disabled, fault.kind()) {
        (Some("2"), _) => "allow it: sysctl -w kernel.io_uring_disabled=0",
        (Some("1"), ErrorKind::PermissionDenied) => {
            "allow it: sysctl -w kernel.io_uring_disabled=0, or join kernel.io_uring_group"
        }
        (_, ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
            "the container's seccomp profile forbids it: run with a profile that allows \
             io_uring_setup, io_uring_enter and io_uring_register"
        }
        (_, ErrorKind::OutOfMemory) => "raise the locked memory: ulimit -l unlimited",
        _ => "run on Linux 6.1 or newer",
    }
}

fn open_files(limit: Rlimit, needed: u64) -> Finding {
    // serve raises the soft limit by itself, so the hard one decides.
    let Some(hard) = limit.maximum.filter(|hard| *hard < needed) else {
        let detail = match limit.current {
            Some(soft) if soft < needed => format!("{soft}, raised to {needed} at start"),
            Some(soft) => format!("{soft}, needed {needed}"),
            None => "unlimited".to_owned(),
        };
        return good("open files", detail);
    };
    let remedy = format!(
        "raise the hard limit (LimitNOFILE={needed} in the unit, or ulimit -Hn {needed}), or lower \
         connections_max"
    );
    missing(
        "open files",
        format!("hard limit {hard}, needed {needed}"),
        &remedy,
    )
}

fn locked_memory(limit: Rlimit) -> Finding {
    /// What glommio asks for each of its executors.
    const NEEDED: u64 = 512 * 1024;
    match limit.current {
        Some(soft) if soft < NEEDED => {
            let detail = format!("{} KiB, needed 512 KiB", soft / 1024);
            missing(
                "locked memory",
                detail,
                "raise it: LimitMEMLOCK=8M in the unit, or ulimit -l 8192",
            )
        }
        Some(soft) => good("locked memory", format!("{} KiB", soft / 1024)),
        None => good("locked memory", "unlimited".to_owned()),
    }
}

/// Whether the data folder, or the nearest folder above it that exists, takes files.
fn folder(data: &Path) -> Finding {
    let existing = existing_ancestor(data);
    if !existing.is_dir() {
        let detail = format!("{} is not a folder", existing.display());
        return missing("data folder", detail, "name another with --data");
    }
    let probe = existing.join(format!(".thirteen-probe-{}", std::process::id()));
    let written = File::create_new(&probe).and_then(|_| fs::remove_file(&probe));
    match written {
        Ok(()) if existing == data => good("data folder", data.display().to_string()),
        Ok(()) => good("data folder", format!("{} (made at start)", data.display())),
        Err(fault) => {
            let detail = format!("{}: {fault}", existing.display());
            missing(
                "data folder",
                detail,
                "make it writable, or name another with --data",
            )
        }
    }
}

/// Whether the disk of the data folder has room for what the server writes.
pub fn has_disk_space(data: &Path) -> bool {
    rustix::fs::statvfs(data)
        .is_ok_and(|space| space.f_bavail.saturating_mul(space.f_frsize) >= DISK_FREE_BYTES_MIN)
}

fn disk(data: &Path) -> Finding {
    let space = match rustix::fs::statvfs(existing_ancestor(data)) {
        Ok(space) => space,
        Err(fault) => {
            return missing(
                "free disk",
                fault.to_string(),
                "name another folder with --data",
            );
        }
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let detail = format!("{} MiB", free >> 20);
    let remedy = "free some space, or name a folder on another disk with --data";
    match free {
        0..DISK_FREE_BYTES_MIN => missing("free disk", detail, remedy),
        DISK_FREE_BYTES_MIN..DISK_FREE_BYTES_ADVISED => Finding {
            check: "free disk",
            verdict: Verdict::Advice,
            detail,
            remedy: remedy.to_owned(),
        },
        DISK_FREE_BYTES_ADVISED.. => good("free disk", detail),
    }
}

/// Whether the address can be bound, or is where it should be already.
fn port(
    question: Question,
    door: &str,
    check: &'static str,
    address: SocketAddr,
    running: Option<&Doors>,
) -> Finding {
    let fault = match TcpListener::bind(address) {
        Ok(_) => return good(check, format!("{address} is free")),
        Err(fault) => fault,
    };
    let url = doors::url_of(address);
    let ours = running.filter(|doors| doors.has(&url));
    match (fault.kind(), ours) {
        (ErrorKind::AddrInUse, Some(doors)) if question == Question::Look => {
            let pid = doors.pid;
            good(
                check,
                format!("{address} is served by this server, pid {pid}"),
            )
        }
        (ErrorKind::AddrInUse, Some(doors)) => {
            let detail = format!("{address} is served by thirteen, pid {}", doors.pid);
            missing(
                check,
                detail,
                &format!("stop that server first, or give this one another --data and --{door}"),
            )
        }
        (ErrorKind::AddrInUse, None) => {
            let remedy = format!(
                "find who has it: ss -ltnp sport = :{}; or name another address with --{door}",
                address.port()
            );
            missing(check, format!("{address} is in use"), &remedy)
        }
        (ErrorKind::PermissionDenied, _) => {
            let remedy = "ports below 1024 need CAP_NET_BIND_SERVICE (AmbientCapabilities= in the \
                          unit); or take a higher port";
            missing(check, format!("{address}: {fault}"), remedy)
        }
        (ErrorKind::AddrNotAvailable, _) => missing(
            check,
            format!("{address}: {fault}"),
            &format!("name an address that this machine has with --{door}"),
        ),
        _ => {
            let remedy = format!("name another address with --{door}");
            missing(check, format!("{address}: {fault}"), &remedy)
        }
    }
}

fn existing_ancestor(path: &Path) -> PathBuf {
    let existing = path.ancestors().find(|folder| folder.exists());
    match existing {
        // The parent of a relative path of one part is the empty path.
        Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
        Some(folder) => folder.to_owned(),
        None => PathBuf::from("."),
    }
}

fn good(check: &'static str, detail: String) -> Finding {
    Finding {
        check,
        verdict: Verdict::Good,
        detail,
        remedy: String::new(),
    }
}

fn missing(check: &'static str, detail: String, remedy: &str) -> Finding {
    Finding {
        check,
        verdict: Verdict::Missing,
        detail,
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_before_6_1_are_missing() {
        for (release, verdict) in [
            ("6.1.0-13-amd64", Verdict::Good),
            ("6.18.44", Verdict::Good),
            ("7.0-rc1", Verdict::Good),
            ("6.0.19", Verdict::Missing),
            ("5.15.0-91-generic", Verdict::Missing),
            ("", Verdict::Missing),
            ("next", Verdict::Missing),
        ] {
            assert_eq!(kernel(release).verdict, verdict, "{release}");
        }
    }

    #[test]
    fn a_refused_ring_names_who_refuses_it() {
        let denied = io::Error::from(ErrorKind::PermissionDenied);
        let absent = io::Error::from(ErrorKind::Unsupported);
        assert!(uring_remedy(Some("2"), &denied).contains("sysctl"));
        assert!(uring_remedy(Some("1"), &denied).contains("io_uring_group"));
        assert!(uring_remedy(Some("0"), &denied).contains("seccomp"));
        assert!(uring_remedy(None, &absent).contains("seccomp"));
        let memory = io::Error::from(ErrorKind::OutOfMemory);
        assert!(uring_remedy(Some("0"), &memory).contains("ulimit -l"));
        let invalid = io::Error::from(ErrorKind::InvalidInput);
        assert!(uring_remedy(Some("0"), &invalid).contains("6.1"));
    }

    #[test]
    fn the_hard_limit_of_open_files_decides() {
        let limit = |current, maximum| Rlimit { current, maximum };
        assert_eq!(
            open_files(limit(Some(1024), Some(4096)), 4096).verdict,
            Verdict::Good
        );
        assert_eq!(
            open_files(limit(Some(1024), None), 1 << 30).verdict,
            Verdict::Good
        );
        let short = open_files(limit(Some(1024), Some(4095)), 4096);
        assert_eq!(short.verdict, Verdict::Missing);
        assert!(short.remedy.contains("LimitNOFILE=4096"), "{short}");
    }

    #[test]
    fn locked_memory_is_that_of_an_executor() {
        let limit = |current| Rlimit {
            current,
            maximum: None,
        };
        assert_eq!(
            locked_memory(limit(Some(64 * 1024))).verdict,
            Verdict::Missing
        );
        assert_eq!(
            locked_memory(limit(Some(512 * 1024))).verdict,
            Verdict::Good
        );
        assert_eq!(locked_memory(limit(None)).verdict, Verdict::Good);
    }

    #[test]
    fn a_taken_port_is_missing_and_tells_whether_it_is_ours() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = taken.local_addr().unwrap();
        let start = Question::Start(Opened::All);
        let port = |address, running| port(start, "api", "api door", address, running);
        let stranger = port(address, None);
        assert_eq!(stranger.verdict, Verdict::Missing);
        assert!(stranger.remedy.contains("ss -ltnp"), "{stranger}");
        assert!(stranger.remedy.contains("--api"), "{stranger}");
        let ours = Doors::new(address, address, address);
        let found = port(address, Some(&ours));
        assert!(
            found
                .detail
                .contains(&format!("pid {}", std::process::id())),
            "{found}"
        );
        let looked = super::port(Question::Look, "api", "api door", address, Some(&ours));
        assert_eq!(looked.verdict, Verdict::Good, "{looked}");
        let looked = super::port(Question::Look, "api", "api door", address, None);
        assert_eq!(looked.verdict, Verdict::Missing, "{looked}");
        drop(taken);
        assert_eq!(port(address, None).verdict, Verdict::Good);
        let foreign = SocketAddr::from(([192, 0, 2, 1], 0));
        assert_eq!(port(foreign, None).verdict, Verdict::Missing);
    }

    #[test]
    fn doors_that_stay_closed_are_not_looked_at() {
        let doors = |question| {
            let findings = startup_check(&Settings::default(), question);
            let checks = findings.into_iter().map(|finding| finding.check);
            checks.filter(|check| check.ends_with(" door")).count()
        };
        assert_eq!(doors(Question::Look), 3);
        assert_eq!(doors(Question::Start(Opened::All)), 3);
        assert_eq!(doors(Question::Start(Opened::Registry)), 1);
    }

    #[test]
    fn a_data_folder_is_a_folder_or_can_be_made() {
        let root = std::env::temp_dir().join(format!("thirteen-startup-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        assert_eq!(folder(&root).verdict, Verdict::Good);
        assert_eq!(folder(&root.join("a/b")).verdict, Verdict::Good);
        assert_eq!(
            fs::read_dir(&root).unwrap().count(),
            0,
            "the check leaves nothing"
        );
        fs::write(root.join("file"), "").unwrap();
        assert_eq!(folder(&root.join("file")).verdict, Verdict::Missing);
        assert_eq!(folder(&root.join("file/a")).verdict, Verdict::Missing);
        assert_eq!(disk(&root.join("a/b")).check, "free disk");
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(
            folder(Path::new("thirteen-data-of-nobody")).verdict,
            Verdict::Good
        );
    }
}
