//! What the process uses, as the kernel tells it under `/proc/self`.

use std::fs;
use std::io;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// When this process started, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    instant: Instant,
    unix_ms: u64,
}

/// Usage at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessUsage {
    /// CPU time in user mode, in seconds, to 10 ms.
    pub user_seconds: f64,
    /// CPU time in the kernel, in seconds, to 10 ms.
    pub system_seconds: f64,
    /// Memory in RAM.
    pub resident_bytes: u64,
    /// The most that `resident_bytes` ever was.
    pub resident_bytes_max: u64,
    /// Open file descriptors; connections kept in the ring's own table are not among them.
    pub open_files: u64,
    /// Threads, those of the kernel's io_uring workers included.
    pub threads: u64,
}

impl Started {
    /// Now, at boot.
    pub fn mark() -> Started {
        Started {
            instant: Instant::now(),
            unix_ms: unix_ms(),
        }
    }

    /// Milliseconds since then.
    pub fn uptime_ms(&self) -> u64 {
        u64::try_from(self.instant.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The moment itself.
    pub fn unix_ms(&self) -> u64 {
        self.unix_ms
    }
}

impl ProcessUsage {
    /// Reads it: three small files, some 30 microseconds.
    ///
    /// # Errors
    /// `/proc` is not mounted or not readable.
    pub fn read() -> io::Result<ProcessUsage> {
        let stat = fs::read_to_string("/proc/self/stat")?;
        let (user_ticks, system_ticks) = cpu_ticks(&stat).ok_or_else(unreadable)?;
        let status = fs::read_to_string("/proc/self/status")?;
        let field = |name| status_field(&status, name).ok_or_else(unreadable);
        Ok(ProcessUsage {
            user_seconds: user_ticks as f64 / TICKS_PER_SECOND,
            system_seconds: system_ticks as f64 / TICKS_PER_SECOND,
            resident_bytes: field("VmRSS:")? * 1024,
            resident_bytes_max: field("VmHWM:")? * 1024,
            open_files: open_files()?,
            threads: field("Threads:")?,
        })
    }

    /// CPU time of both kinds, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        self.user_seconds + self.system_seconds
    }
}

/// The wall clock in milliseconds; 0 for a clock set before 1970.
pub fn unix_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.map_or(0, |elapsed| {
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    })
}

/// USER_HZ: fixed by the ABI on x86-64 and arm64, whatever the kernel's own rate is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Fields 14 and 15 of proc_pid_stat(5). Field 2, the name, may itself hold spaces and
/// parentheses: fields are counted after its last parenthesis.
fn cpu_ticks(stat: &str) -> Option<(u64, u64)> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn status_field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Since Linux 6.2 the folder's size is the number of its entries; before, they are counted.
fn open_files() -> io::Result<u64> {
    const FOLDER: &str = "/proc/self/fd";
    let size = fs::metadata(FOLDER)?.len();
    if size > 0 {
        return Ok(size);
    }
    // The folder itself is open while it is read.
    Ok((fs::read_dir(FOLDER)?.count() as u64).saturating_sub(1))
}

fn unreadable() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "/proc/self has a form that we do not know",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_plausible_and_follows_what_we_do() {
        let before = ProcessUsage::read().unwrap();
        let files: Vec<_> = (0..32)
            .map(|_| fs::File::open("/dev/null").unwrap())
            .collect();
        let mut memory = vec![0_u8; 64 << 20];
        let start = Instant::now();
        while start.elapsed().as_millis() < 60 {
            for page in memory.chunks_mut(4096) {
                page[0] = page[0].wrapping_add(1);
            }
        }
        let after = ProcessUsage::read().unwrap();
        assert!(std::hint::black_box(&memory).iter().any(|&byte| byte > 0));
        assert!(
            after.open_files >= 32 + files.len() as u64 / 32,
            "{after:?}"
        );
        assert!(
            after.resident_bytes >= before.resident_bytes.min(64 << 20),
            "{after:?}"
        );
        assert!(after.resident_bytes_max >= 64 << 20, "{after:?}");
        assert!(
            after.cpu_seconds() > before.cpu_seconds(),
            "{before:?} {after:?}"
        );
        assert!(after.threads >= 1);
    }

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 99";
        assert_eq!(cpu_ticks(stat), Some((250, 50)));
        assert_eq!(cpu_ticks("7 (short) R 1"), None);
        assert_eq!(cpu_ticks(""), None);
    }

    #[test]
    fn uptime_grows_from_the_mark() {
        let started = Started::mark();
        while started.uptime_ms() < 3 {
            std::hint::spin_loop();
        }
        assert!(started.unix_ms() > 1_600_000_000_000);
    }
}
