//! Which events are logged: `info`, or `warn,thirteen::ring=debug,glommio=error`.

use std::fmt;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};

/// A level for everything and exceptions by target, as `RUST_LOG` has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    level: LevelFilter,
    /// The longest prefix first: the first that fits decides.
    targets: Vec<(String, LevelFilter)>,
}

/// A directive that is neither a level nor `target=level`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterFault {
    directive: String,
}

impl Filter {
    /// Everything from this level up.
    pub fn from_level(level: Level) -> Filter {
        Filter {
            level: LevelFilter::from_level(level),
            targets: Vec::new(),
        }
    }

    pub(super) fn allows(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level_of(metadata.target())
    }

    pub(super) fn most_verbose(&self) -> LevelFilter {
        self.targets
            .iter()
            .map(|(_, level)| *level)
            .fold(self.level, LevelFilter::max)
    }

    fn level_of(&self, target: &str) -> LevelFilter {
        let exception = self.targets.iter().find(|(prefix, _)| {
            let rest = target.strip_prefix(prefix.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        });
        exception.map_or(self.level, |(_, level)| *level)
    }
}

impl FromStr for Filter {
    type Err = FilterFault;

    /// Where no level stands by itself, targets that are not named log errors only.
    fn from_str(text: &str) -> Result<Filter, FilterFault> {
        let mut filter = Filter {
            level: LevelFilter::ERROR,
            targets: Vec::new(),
        };
        for directive in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let fault = || FilterFault {
                directive: directive.to_owned(),
            };
            let (target, level) = match directive.split_once('=') {
                Some((target, level)) => (Some(target.trim()), level.trim()),
                None => (None, directive),
            };
            let level = read_level(level).ok_or_else(fault)?;
            match target {
                Some("") => return Err(fault()),
                Some(target) => filter.targets.push((target.to_owned(), level)),
                None => filter.level = level,
            }
        }
        filter
            .targets
            .sort_by_key(|(target, _)| std::cmp::Reverse(target.len()));
        Ok(filter)
    }
}

impl fmt::Display for FilterFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directive = &self.directive;
        write!(
            formatter,
            "'{directive}' is no log level: write off, error, warn, info, debug or trace, \
             or target=level"
        )
    }
}

impl std::error::Error for FilterFault {}

fn read_level(text: &str) -> Option<LevelFilter> {
    const LEVELS: [(&str, LevelFilter); 6] = [
        ("off", LevelFilter::OFF),
        ("error", LevelFilter::ERROR),
        ("warn", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("debug", LevelFilter::DEBUG),
        ("trace", LevelFilter::TRACE),
    ];
    let (_, level) = LEVELS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))?;
    Some(*level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_target_decides() {
        let text = "warn, thirteen=info,thirteen::ring=trace ,thirteen::ring::accept=off";
        let filter: Filter = text.parse().unwrap();
        for (target, level) in [
            ("glommio::reactor", LevelFilter::WARN),
            ("thirteen", LevelFilter::INFO),
            ("thirteen::http", LevelFilter::INFO),
            ("thirteen::ring::stream", LevelFilter::TRACE),
            ("thirteen::ring::accept", LevelFilter::OFF),
            ("thirteen::ringleader", LevelFilter::INFO),
        ] {
            assert_eq!(filter.level_of(target), level, "{target}");
        }
        assert_eq!(filter.most_verbose(), LevelFilter::TRACE);
    }

    #[test]
    fn texts_that_are_read_and_refused() {
        assert_eq!("DEBUG".parse(), Ok(Filter::from_level(Level::DEBUG)));
        let empty: Filter = "".parse().unwrap();
        assert_eq!(empty.level, LevelFilter::ERROR);
        for text in ["loud", "info,=warn", "thirteen=", "thirteen=loud", "a=b=c"] {
            let fault = text.parse::<Filter>().unwrap_err().to_string();
            assert!(fault.contains("target=level"), "{fault}");
        }
    }
}
