//! What this machine is, and whether a package runs here (npm-install-checks).

use std::process::{Command, Stdio};

use nodejs_semver::Version;

use super::packument::{Platform, runs_on};
use super::want;

/// This machine as Node names it.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub os: String,
    pub cpu: String,
    pub libc: Option<String>,
    /// The version of the Node that is found by `PATH`.
    pub node: Option<Version>,
}

/// Whether a package runs on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fits {
    Yes,
    /// Another operating system, processor or C library is asked for.
    NotThisPlatform,
    /// Another Node is asked for.
    NotThisNode,
}

impl Machine {
    /// The machine that this runs on.
    pub(super) fn here() -> Machine {
        let cpu = match std::env::consts::ARCH {
            "x86_64" => "x64",
            "x86" => "ia32",
            "aarch64" => "arm64",
            "powerpc64" => "ppc64",
            "loongarch64" => "loong64",
            other => other,
        };
        Machine {
            os: std::env::consts::OS.to_owned(),
            cpu: cpu.to_owned(),
            libc: libc(),
            node: node(),
        }
    }

    /// Whether a package runs here.
    pub(super) fn fits(&self, platform: &Platform) -> Fits {
        let libc = match (&platform.libc, &self.libc) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(list), Some(libc)) => is_listed(libc, list),
        };
        let is_met = |value: &str, list: &Option<Vec<String>>| match list {
            Some(list) => is_listed(value, list),
            None => true,
        };
        if !(is_met(&self.os, &platform.os) && is_met(&self.cpu, &platform.cpu) && libc) {
            return Fits::NotThisPlatform;
        }
        if !runs_on(platform.node.as_deref(), self.node.as_ref()) {
            return Fits::NotThisNode;
        }
        Fits::Yes
    }
}

/// A list names what is meant, or with `!` what is not.
fn is_listed(value: &str, list: &[String]) -> bool {
    if matches!(list, [only] if only == "any") {
        return true;
    }
    let barred = |entry: &String| entry.strip_prefix('!') == Some(value);
    if list.iter().any(barred) {
        return false;
    }
    list.iter().any(|entry| entry == value) || list.iter().all(|entry| entry.starts_with('!'))
}

/// As npm looks: by what `ldd` is.
fn libc() -> Option<String> {
    let ldd = std::fs::read("/usr/bin/ldd").ok()?;
    let ldd = String::from_utf8_lossy(&ldd);
    if ldd.contains("musl") {
        return Some("musl".to_owned());
    }
    ldd.contains("GNU C Library").then(|| "glibc".to_owned())
}

fn node() -> Option<Version> {
    let mut command = Command::new("node");
    command.arg("--version").stdin(Stdio::null());
    let output = command.output().ok()?;
    want::version(std::str::from_utf8(&output.stdout).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_name_and_bar() {
        let listed = |value: &str, list: &[&str]| {
            let list: Vec<String> = list.iter().map(|entry| (*entry).to_owned()).collect();
            is_listed(value, &list)
        };
        for (list, expected) in [
            (&["linux"][..], true),
            (&["darwin", "linux"], true),
            (&["darwin"], false),
            (&["!darwin"], true),
            (&["!linux"], false),
            (&["!linux", "linux"], false),
            (&["!darwin", "win32"], false),
            (&["any"], true),
            (&[], true),
        ] {
            assert_eq!(listed("linux", list), expected, "{list:?}");
        }
    }

    #[test]
    fn a_machine_without_a_known_libc_fits_no_list_of_them() {
        let machine = Machine {
            os: "linux".to_owned(),
            cpu: "x64".to_owned(),
            libc: None,
            node: Version::parse("20.1.0").ok(),
        };
        let mut platform = Platform {
            libc: Some(vec!["!musl".to_owned()]),
            ..Platform::default()
        };
        assert_eq!(machine.fits(&platform), Fits::NotThisPlatform);
        platform.libc = None;
        platform.node = Some(">=22".to_owned());
        assert_eq!(machine.fits(&platform), Fits::NotThisNode);
        platform.node = Some("18 || >=20".to_owned());
        assert_eq!(machine.fits(&platform), Fits::Yes);
    }
}
