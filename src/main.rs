//! Boot only.

fn main() -> std::process::ExitCode {
    thirteen::cli::run()
}
