//! What a server process has used, as the kernel counts it.

use std::io;
use std::time::Duration;

/// A process of which `/proc` tells.
pub(crate) struct ServerProcess {
    pid: u32,
}

impl ServerProcess {
    pub(crate) fn new(pid: u32) -> ServerProcess {
        ServerProcess { pid }
    }

    /// User and system time of all its threads, in steps of 10 ms.
    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        let path = format!("/proc/{}/stat", self.pid);
        let text = std::fs::read_to_string(&path)?;
        // The second field is the name in parentheses, which may hold spaces; utime and stime
        // are the 14th and 15th.
        let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut fields = after_name.split_whitespace().skip(11);
        let mut next = || fields.next().and_then(|field| field.parse::<u64>().ok());
        let (Some(user), Some(system)) = (next(), next()) else {
            return Err(io::Error::other(format!("{path}: {text:?}")));
        };
        let ticks_per_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_micros(
            (user + system) * 1_000_000 / ticks_per_second,
        ))
    }

    /// Memory that is resident, in bytes. What the kernel holds for its sockets is not in it.
    pub(crate) fn resident_bytes(&self) -> io::Result<u64> {
        let path = format!("/proc/{}/status", self.pid);
        let text = std::fs::read_to_string(&path)?;
        let kib = text
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.map(|kib| kib * 1024)
            .ok_or_else(|| io::Error::other(format!("{path}: no VmRSS")))
    }
}
