//! A Thirteen server of the test's own: free ports, a temporary data folder, gone when dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::folder::Folder;

/// A running server. Dropping it kills the process and removes its folder.
pub(crate) struct Server {
    process: Process,
    doors: Doors,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    // After `process`: the folder goes when nothing writes to it any more.
    folder: Folder,
}

/// How a server process ended, with everything it printed.
#[derive(Debug)]
pub(crate) struct Exit {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: String,
}

impl Server {
    /// Starts `thirteen serve` with one shard and waits for its `ready` line.
    pub(crate) fn start() -> Server {
        Server::start_with(&[], &[])
    }

    /// As `start`, with further arguments and environment variables.
    pub(crate) fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Server {
        match Server::try_start_with(arguments, environment) {
            Ok(server) => server,
            Err(exit) => panic!("the server ended before it was ready: {exit:#?}"),
        }
    }

    /// As `start_with`, for a server that is expected to end instead of becoming ready.
    pub(crate) fn try_start_with(
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Server, Exit> {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let environment: Vec<(String, String)> = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let folder = Folder::new();
        let mut process = Process::spawn(&arguments, &environment, &folder);
        match process.await_ready() {
            Some(doors) => Ok(Server {
                process,
                doors,
                arguments,
                environment,
                folder,
            }),
            None => Err(process.wait()),
        }
    }

    /// Starts again on the same data folder with the same settings; the ports are new ones.
    /// The process must have ended, by `kill`, `terminate` or by itself.
    pub(crate) fn restart(&mut self) {
        assert!(
            self.process.has_ended(),
            "restart of a server that still runs"
        );
        let mut process = Process::spawn(&self.arguments, &self.environment, &self.folder);
        match process.await_ready() {
            Some(doors) => self.doors = doors,
            None => panic!("the server did not start again: {:#?}", process.wait()),
        }
        self.process = process;
    }

    /// As `restart`, with other arguments.
    pub(crate) fn restart_with(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
        self.restart();
    }

    /// Starts again and kills that start: at its first line of output or when `patience` is over,
    /// whichever comes first.
    pub(crate) fn restart_cut_short(&mut self, patience: Duration) {
        assert!(
            self.process.has_ended(),
            "restart of a server that still runs"
        );
        self.process = Process::spawn(&self.arguments, &self.environment, &self.folder);
        // Every outcome (a line, silence, the end) is a moment to kill at.
        let _ = self.process.stdout.recv_timeout(patience);
        self.kill();
    }

    pub(crate) fn api(&self) -> SocketAddr {
        self.doors.api
    }

    pub(crate) fn ops(&self) -> SocketAddr {
        self.doors.ops
    }

    pub(crate) fn registry(&self) -> SocketAddr {
        self.doors.registry
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.child.id()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join(DATA_FOLDER_NAME)
    }

    /// SIGTERM, then the end of the drain.
    pub(crate) fn terminate(&mut self) -> Exit {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// SIGKILL: what a power cut leaves of a process.
    pub(crate) fn kill(&mut self) -> Exit {
        self.signal(Signal::KILL);
        self.wait()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process.child);
        kill_process(pid, signal).expect("the child is not reaped, so its id is still its own");
    }

    /// Waits for the process to end by itself.
    pub(crate) fn wait(&mut self) -> Exit {
        self.process.wait()
    }

    /// Waits until the log on stderr has this text.
    pub(crate) fn await_log(&self, text: &str) {
        self.process.await_log(text);
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        self.process.stderr.snapshot()
    }
}

/// The binary under test: `THIRTEEN_BIN` where it is set, otherwise the one cargo just built.
pub(crate) fn binary() -> PathBuf {
    match std::env::var_os("THIRTEEN_BIN") {
        Some(path) => std::path::absolute(path).unwrap(),
        None => PathBuf::from(env!("CARGO_BIN_EXE_thirteen")),
    }
}

/// Runs a subcommand to its end, in an empty folder and with no inherited settings.
pub(crate) fn run(arguments: &[&str], environment: &[(&str, &str)]) -> std::process::Output {
    let folder = Folder::new();
    clean_command(folder.path())
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("the binary can be run")
}

/// What the doctor says of a data folder, whoever has the usual doors; whether it is well.
pub(crate) fn doctor(data: impl AsRef<Path>) -> (bool, String) {
    let doors = ["--api", "--ops", "--registry"].map(|door| [door, "127.0.0.1:0"]);
    let data = ["doctor", "--data", data.as_ref().to_str().unwrap()];
    let report = run(&[&data[..], doors.as_flattened()].concat(), &[]);
    let text = String::from_utf8_lossy(&report.stdout).into_owned();
    (report.status.success(), text)
}

/// As `run`, with a text on its standard input.
pub(crate) fn run_with_input(arguments: &[&str], input: &str) -> std::process::Output {
    let folder = Folder::new();
    let mut child = clean_command(folder.path())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be run");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin
        .write_all(input.as_bytes())
        .expect("the command reads");
    drop(stdin);
    child.wait_with_output().expect("a child can be waited for")
}

struct Doors {
    api: SocketAddr,
    ops: SocketAddr,
    registry: SocketAddr,
}

struct Process {
    child: Child,
    stdout: Receiver<String>,
    stdout_seen: Vec<String>,
    stderr: Arc<Log>,
    readers: Vec<JoinHandle<()>>,
    ended: Option<ExitStatus>,
}

impl Process {
    fn spawn(arguments: &[String], environment: &[(String, String)], folder: &Folder) -> Process {
        let defaults = SERVE_DEFAULTS
            .iter()
            .filter(|(flag, _)| !arguments.iter().any(|argument| argument == flag))
            .flat_map(|(flag, value)| [flag, value]);
        let mut child = clean_command(folder.path())
            .arg("serve")
            .args(defaults)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be run");
        let (sender, stdout) = channel();
        let pipe = child.stdout.take().expect("stdout is piped");
        let lines = std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let stderr = Arc::new(Log::default());
        let log = Arc::clone(&stderr);
        let mut pipe = child.stderr.take().expect("stderr is piped");
        let text = std::thread::spawn(move || log.follow(&mut pipe));
        let readers = vec![lines, text];
        Process {
            child,
            stdout,
            stdout_seen: Vec::new(),
            stderr,
            readers,
            ended: None,
        }
    }

    /// Reads the door lines up to `ready`. Nothing if the output ended before that.
    fn await_ready(&mut self) -> Option<Doors> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let patience = deadline.saturating_duration_since(Instant::now());
            match self.stdout.recv_timeout(patience) {
                Ok(line) => {
                    let is_ready = line == "ready";
                    self.stdout_seen.push(line);
                    if is_ready {
                        return Some(Doors {
                            api: self.door("api"),
                            ops: self.door("ops"),
                            registry: self.door("registry"),
                        });
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!(
                    "no `ready` within {START_TIMEOUT:?}; stdout: {:#?}\nstderr: {}",
                    self.stdout_seen,
                    self.stderr.snapshot()
                ),
            }
        }
    }

    /// The address on a line such as `api       http://127.0.0.1:3000`.
    fn door(&self, name: &str) -> SocketAddr {
        for line in &self.stdout_seen {
            let mut words = line.split_whitespace();
            if words.next() == Some(name) {
                let url = words.next().unwrap_or_default();
                let address = url
                    .strip_prefix("http://")
                    .unwrap_or(url)
                    .trim_end_matches('/');
                return address
                    .parse()
                    .unwrap_or_else(|_| panic!("no address in {line:?}"));
            }
        }
        panic!("no line for the door {name:?} in {:#?}", self.stdout_seen);
    }

    fn await_log(&self, text: &str) {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        let mut state = self.stderr.state.lock().unwrap();
        while !String::from_utf8_lossy(&state.bytes).contains(text) {
            let patience = deadline.saturating_duration_since(Instant::now());
            assert!(!state.closed, "the log ended without {text:?}");
            assert!(
                !patience.is_zero(),
                "no {text:?} in the log within {WAIT_TIMEOUT:?}"
            );
            state = self.stderr.grown.wait_timeout(state, patience).unwrap().0;
        }
    }

    fn has_ended(&mut self) -> bool {
        self.ended.is_some()
    }

    /// The end of the process: its output closes with it, so no polling is needed.
    fn wait(&mut self) -> Exit {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        loop {
            let patience = deadline.saturating_duration_since(Instant::now());
            match self.stdout.recv_timeout(patience) {
                Ok(line) => self.stdout_seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!(
                    "the server still runs after {WAIT_TIMEOUT:?}: {}",
                    self.stderr.snapshot()
                ),
            }
        }
        let status = self.child.wait().expect("a child can be waited for");
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader of output does not panic");
        }
        self.ended = Some(status);
        let stdout = self.stdout_seen.clone();
        Exit {
            status,
            stdout,
            stderr: self.stderr.snapshot(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended.is_some() {
            return;
        }
        // Both fail only where the process has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.stderr.snapshot());
        }
    }
}

/// What the server wrote to stderr, as it grows.
#[derive(Default)]
struct Log {
    state: Mutex<LogState>,
    grown: std::sync::Condvar,
}

#[derive(Default)]
struct LogState {
    bytes: Vec<u8>,
    closed: bool,
}

impl Log {
    fn follow(&self, pipe: &mut impl Read) {
        let mut chunk = [0; 4096];
        loop {
            let size = pipe.read(&mut chunk).unwrap_or(0);
            let mut state = self.state.lock().unwrap();
            state.bytes.extend_from_slice(&chunk[..size]);
            state.closed = size == 0;
            self.grown.notify_all();
            if size == 0 {
                return;
            }
        }
    }

    fn snapshot(&self) -> String {
        String::from_utf8_lossy(&self.state.lock().unwrap().bytes).into_owned()
    }
}

/// No inherited settings (`BUN_CONFIG_*`, `THIRTEEN_*`) and no `.env` of the folder cargo runs in.
fn clean_command(folder: &Path) -> Command {
    let mut command = Command::new(binary());
    command.env_clear().current_dir(folder);
    for name in ["PATH", "RUST_BACKTRACE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// What `serve` gets unless the test says otherwise.
const SERVE_DEFAULTS: [(&str, &str); 5] = [
    ("--data", DATA_FOLDER_NAME),
    ("--shards", "1"),
    ("--api", "127.0.0.1:0"),
    ("--ops", "127.0.0.1:0"),
    ("--registry", "127.0.0.1:0"),
];

const DATA_FOLDER_NAME: &str = "data";

/// Generous: a loaded two-core machine that runs several test servers at once.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Longer than the server's own drain deadline.
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);
