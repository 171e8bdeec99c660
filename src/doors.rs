//! `<data>/doors.json`: where the running server listens, for the command line to find it.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The process and the URLs of its doors, e.g. `http://127.0.0.1:3000`; the file has nothing of a
/// door that stays closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doors {
    /// The process id of the server.
    pub pid: u32,
    /// The api door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// The ops door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ops: Option<String>,
    /// The registry door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
}

impl Doors {
    /// The doors of this process, by the addresses that they are bound to; nothing is bound to
    /// port 0, which stands for a door that stays closed.
    pub fn new(api: SocketAddr, ops: SocketAddr, registry: SocketAddr) -> Doors {
        let url = |bound: SocketAddr| (bound.port() > 0).then(|| url_of(bound));
        Doors {
            pid: std::process::id(),
            api: url(api),
            ops: url(ops),
            registry: url(registry),
        }
    }

    /// Whether one of the doors is at this URL.
    pub fn has(&self, url: &str) -> bool {
        let doors = [&self.api, &self.ops, &self.registry];
        doors.into_iter().flatten().any(|door| door == url)
    }

    /// Writes the file; a reader sees the old one or the new one, whole.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, data: &Path) -> io::Result<()> {
        let path = path(data);
        let draft = path.with_extension("json.draft");
        fs::write(&draft, serde_json::to_vec(self)?)?;
        fs::rename(draft, path)
    }

    /// Reads the file; `None` without one.
    ///
    /// # Errors
    /// What the file system says, and `InvalidData` for a file that is not of this shape.
    pub fn read(data: &Path) -> io::Result<Option<Doors>> {
        match fs::read(path(data)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Removes the file when the server stops; it is no fault if it is gone.
    ///
    /// # Errors
    /// What the file system says.
    pub fn remove(data: &Path) -> io::Result<()> {
        match fs::remove_file(path(data)) {
            Err(fault) if fault.kind() != ErrorKind::NotFound => Err(fault),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Whether the process that wrote the file still runs on this machine.
    pub fn is_alive(&self) -> bool {
        let pid = i32::try_from(self.pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        // EPERM is the answer for a process of another user: it is there.
        pid.is_some_and(|pid| {
            !matches!(
                rustix::process::test_kill_process(pid),
                Err(rustix::io::Errno::SRCH)
            )
        })
    }
}

/// The file's place in the data folder.
pub fn path(data: &Path) -> PathBuf {
    data.join("doors.json")
}

/// The URL at which a client on this machine reaches a listener.
pub fn url_of(listener: SocketAddr) -> String {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listener.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_removed() {
        let data = std::env::temp_dir().join(format!("thirteen-doors-{}", std::process::id()));
        fs::create_dir_all(&data).unwrap();
        assert_eq!(Doors::read(&data).unwrap(), None);
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let doors = Doors::new(
            address("0.0.0.0:3000"),
            address("[::]:3008"),
            address("10.0.0.1:4873"),
        );
        assert_eq!(doors.api.as_deref(), Some("http://127.0.0.1:3000"));
        assert_eq!(doors.ops.as_deref(), Some("http://[::1]:3008"));
        assert_eq!(doors.registry.as_deref(), Some("http://10.0.0.1:4873"));
        assert!(doors.has("http://[::1]:3008") && !doors.has("http://[::1]:3000"));
        assert!(doors.is_alive());
        doors.write(&data).unwrap();
        assert_eq!(Doors::read(&data).unwrap(), Some(doors));
        let closed = address("127.0.0.1:0");
        let alone = Doors::new(closed, closed, address("127.0.0.1:4873"));
        alone.write(&data).unwrap();
        let text = fs::read_to_string(path(&data)).unwrap();
        assert!(!text.contains("api") && !text.contains("ops"), "{text}");
        assert_eq!(Doors::read(&data).unwrap(), Some(alone));
        fs::write(path(&data), "{").unwrap();
        assert_eq!(
            Doors::read(&data).unwrap_err().kind(),
            ErrorKind::UnexpectedEof
        );
        Doors::remove(&data).unwrap();
        Doors::remove(&data).unwrap();
        assert_eq!(Doors::read(&data).unwrap(), None);
        fs::remove_dir_all(&data).unwrap();
    }
}
