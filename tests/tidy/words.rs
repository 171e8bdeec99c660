//! Calls that have a better one in their place.

use super::tree::{Finding, Source};

/// Calls that the product, or any code, may not make.
pub(crate) fn calls(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        for (index, line) in source.code.lines().enumerate() {
            for call in CALLS.iter().filter(|call| call.holds(source, index + 1)) {
                if calls_in(line, call.text) {
                    let message = format!("`{}`: {}", call.text, call.instead);
                    findings.push(source.finding("calls", index + 1, message));
                }
            }
        }
    }
    findings
}

struct Call {
    text: &'static str,
    scope: Scope,
    /// Files and folders that may make it all the same.
    except: &'static [&'static str],
    instead: &'static str,
}

#[derive(Clone, Copy)]
enum Scope {
    /// What is in the binary.
    Product,
    /// The binary, its tests, benches and examples.
    Everywhere,
}

impl Call {
    fn holds(&self, source: &Source, line: usize) -> bool {
        let in_scope = match self.scope {
            Scope::Product => source.is_product() && !source.is_test(line),
            Scope::Everywhere => true,
        };
        in_scope && !self.except.iter().any(|path| source.path.starts_with(path))
    }
}

/// Whether the text is in the line and not the end of a longer name.
fn calls_in(line: &str, text: &str) -> bool {
    line.match_indices(text).any(|(position, _)| {
        let before = line[..position].chars().next_back();
        text.starts_with('.') || !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

const CALLS: &[Call] = &[
    Call {
        text: ".unwrap()",
        scope: Scope::Product,
        except: &[],
        instead: "return the error, or `expect` why it cannot fail",
    },
    Call {
        text: "thread::sleep",
        scope: Scope::Everywhere,
        // What is tested there is that time passes, or a peer that takes its time.
        except: &["src/ring/tests/", "src/shard/tests/"],
        instead: "wait for what is to happen; on a shard `shard::sleep`",
    },
    Call {
        text: "println!",
        scope: Scope::Product,
        except: PRINTERS,
        instead: "log with tracing",
    },
    Call {
        text: "print!",
        scope: Scope::Product,
        except: PRINTERS,
        instead: "log with tracing",
    },
    Call {
        text: "eprintln!",
        scope: Scope::Product,
        except: PRINTERS,
        instead: "log with tracing",
    },
    Call {
        text: "eprint!",
        scope: Scope::Product,
        except: PRINTERS,
        instead: "log with tracing",
    },
    Call {
        text: "process::exit",
        scope: Scope::Product,
        except: &["src/main.rs"],
        instead: "return an exit code to main, so that destructors run",
    },
    Call {
        text: "dbg!",
        scope: Scope::Everywhere,
        except: &[],
        instead: "take it out",
    },
    Call {
        text: "todo!",
        scope: Scope::Everywhere,
        except: &[],
        instead: "write it",
    },
    Call {
        text: "unimplemented!",
        scope: Scope::Everywhere,
        except: &[],
        instead: "write it",
    },
    Call {
        text: "#[ignore",
        scope: Scope::Everywhere,
        except: &[],
        instead: "a test runs, or it is not one",
    },
    Call {
        text: "mem::transmute",
        scope: Scope::Everywhere,
        except: &[],
        instead: "zerocopy, or a cast that names both types",
    },
];

const PRINTERS: &[&str] = &["src/cli/", "src/main.rs", "src/serve/boot.rs"];

#[test]
fn every_banned_call_is_found() {
    for call in CALLS {
        let text = format!("//! a\nfn a() {{ b(); {}(c) }}\n", call.text);
        let findings = calls(&[Source::new("src/http/a.rs", &text)]);
        assert_eq!(findings.len(), 1, "{}", call.text);
        assert_eq!(findings[0].line, 2);
    }
}

#[test]
fn what_is_allowed_is_not_found() {
    let quiet = |path: &str, text: &str| {
        assert_eq!(calls(&[Source::new(path, text)]), [], "{path}: {text}");
    };
    quiet("src/cli/serve.rs", "println!(\"ready\");");
    quiet("tests/api.rs", "a.unwrap();");
    quiet(
        "src/http/a.rs",
        "#[cfg(test)]\nmod tests {\n    fn b() { c.unwrap(); }\n}\n",
    );
    quiet(
        "src/http/a.rs",
        "// never .unwrap() here\nlet a = \"thread::sleep\";",
    );
    quiet("src/http/a.rs", "a.unwrap_or(1); my_println!();");
}
