//! The ways out: an SMTP server, or the maildir of the data folder.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::{self, SmtpTransport};
use lettre::{Address, Transport};

use crate::settings::Mail;

/// One message on its way out.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The outbox row's id.
    pub id: String,
    /// Unix milliseconds at which it was queued.
    pub queued_at: i64,
    /// The address.
    pub recipient: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// Why a message did not go out.
#[derive(Debug, PartialEq, Eq)]
pub enum DeliveryFault {
    /// It may go later.
    Passing(String),
    /// It never will.
    Final(String),
}

/// Hands a message over. It blocks for as long as a server or a disk takes: not for a shard's
/// thread.
///
/// # Errors
/// What the server or the disk says.
pub fn deliver(settings: &Mail, data: &Path, delivery: &Delivery) -> Result<(), DeliveryFault> {
    let message = message_of(settings, delivery).map_err(DeliveryFault::Final)?;
    if settings.smtp_url.is_empty() {
        return put_in_maildir(&data.join("mail"), delivery, &message.formatted())
            .map_err(|error| DeliveryFault::Passing(format!("the maildir: {error}")));
    }
    send(settings, &message)
}

fn send(settings: &Mail, message: &Message) -> Result<(), DeliveryFault> {
    let passing = |error: &dyn fmt::Display| DeliveryFault::Passing(error.to_string());
    let mut transport = SmtpTransport::from_url(&settings.smtp_url)
        .map_err(|error| passing(&error))?
        .timeout(Some(PATIENCE));
    if let (Some(user), false) = (user_of(settings), settings.smtp_password_file.is_empty()) {
        let password = fs::read_to_string(&settings.smtp_password_file)
            .map_err(|error| passing(&format!("mail.smtp_password_file: {error}")))?;
        transport = transport.credentials(Credentials::new(user, password.trim_end().to_owned()));
    }
    match transport.build().send(message) {
        Ok(_) => Ok(()),
        Err(error) if error.is_permanent() => Err(DeliveryFault::Final(cause_of(&error))),
        Err(error) => Err(DeliveryFault::Passing(cause_of(&error))),
    }
}

/// Servers quote addresses in what they say, and the cause is kept longer than the address is, and
/// logged: of a reply the code has to do.
fn cause_of(error: &smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the server answered {code}"),
        None if error.is_response() => "the server's answer is no SMTP".to_owned(),
        None => error.to_string(),
    }
}

fn user_of(settings: &Mail) -> Option<String> {
    let (_, authority) = settings.smtp_url.split_once("://")?;
    let (user, _) = authority.rsplit_once('@')?;
    Some(user.to_owned())
}

fn message_of(settings: &Mail, delivery: &Delivery) -> Result<Message, String> {
    let from: Mailbox = settings.from.parse().map_err(shown)?;
    let to: Address = delivery
        .recipient
        .parse()
        .map_err(|_| "the recipient is no address")?;
    let queued_at = Duration::from_millis(delivery.queued_at.max(0) as u64);
    let id = format!("<{}@{}>", delivery.id, from.email.domain());
    Message::builder()
        .from(from)
        .to(Mailbox::new(None, to))
        .subject(delivery.subject.clone())
        .date(SystemTime::UNIX_EPOCH + queued_at)
        .message_id(Some(id))
        .header(ContentType::TEXT_PLAIN)
        .body(delivery.body.clone())
        .map_err(shown)
}

fn shown(error: impl fmt::Display) -> String {
    error.to_string()
}

/// Written and synced in `tmp`, then moved to `new`: a reader never sees half of a message.
fn put_in_maildir(maildir: &Path, delivery: &Delivery, bytes: &[u8]) -> io::Result<()> {
    let folders: [PathBuf; 3] = ["cur", "tmp", "new"].map(|name| maildir.join(name));
    for folder in &folders {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let [_, tmp_folder, new_folder] = folders;
    let name = format!("{}.{}.thirteen", delivery.queued_at / 1000, delivery.id);
    let draft = tmp_folder.join(&name);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(draft, new_folder.join(name))?;
    File::open(new_folder)?.sync_all()
}

/// How long a server may take for each step.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn delivery() -> Delivery {
        Delivery {
            id: "0190b5a0-0000-7000-8000-000000000001".to_owned(),
            queued_at: 1_700_000_000_123,
            recipient: "ada@example.com".to_owned(),
            subject: "Gr\u{fc}\u{df}e\r\nBcc: eve@example.com".to_owned(),
            body: "Hello.\n.\nQUIT\n".to_owned(),
        }
    }

    fn settings(smtp_url: &str) -> Mail {
        Mail {
            smtp_url: smtp_url.to_owned(),
            smtp_password_file: String::new(),
            from: "Shop <shop@shop.example>".to_owned(),
            link_base: String::new(),
        }
    }

    #[test]
    fn the_maildir_gets_a_message_once_however_often_it_is_put() {
        let name = format!("thirteen-maildir-{}", std::process::id());
        let data = std::env::temp_dir().join(name);
        let _gone_or_not = fs::remove_dir_all(&data);
        for _ in 0..2 {
            deliver(&settings(""), &data, &delivery()).unwrap();
        }
        let list = |name: &str| -> Vec<PathBuf> {
            let folder = fs::read_dir(data.join("mail").join(name)).unwrap();
            folder.map(|entry| entry.unwrap().path()).collect()
        };
        assert_eq!((list("tmp").len(), list("new").len()), (0, 1));
        let text = fs::read_to_string(&list("new")[0]).unwrap();
        assert!(
            text.contains("From: Shop <shop@shop.example>\r\n"),
            "{text}"
        );
        assert!(text.contains("To: ada@example.com\r\n"));
        assert!(text.contains("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"));
        let id = "Message-ID: <0190b5a0-0000-7000-8000-000000000001@shop.example>\r\n";
        assert!(text.contains(id), "{text}");
        let head = text.split("\r\n\r\n").next().unwrap();
        assert!(!head.contains("\r\nBcc:"), "a subject is one line: {head}");
        fs::remove_dir_all(&data).unwrap();
    }

    /// Takes one session and answers `RCPT` as told; gives back what the client said.
    fn server(recipient: &'static str) -> (String, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let session = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = Vec::new();
            let mut is_in_body = false;
            stream.write_all(b"220 test\r\n").unwrap();
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                let Ok(line) = line else { break };
                let verb = line.split([' ', ':']).next().unwrap_or_default().to_owned();
                let reply = match (is_in_body, verb.as_str()) {
                    (true, ".") => Some("250 taken"),
                    (true, _) => None,
                    (false, "RCPT") => Some(recipient),
                    (false, "DATA") => Some("354 go on"),
                    (false, "QUIT") => Some("221 bye"),
                    (false, _) => Some("250 fine"),
                };
                is_in_body = verb == "DATA" || (is_in_body && verb != ".");
                lines.push(line);
                if let Some(reply) = reply {
                    stream.write_all(format!("{reply}\r\n").as_bytes()).unwrap();
                }
            }
            lines
        });
        (url, session)
    }

    #[test]
    fn a_server_takes_a_message() {
        let (url, session) = server("250 fine");
        assert_eq!(
            deliver(&settings(&url), Path::new("/nonexistent"), &delivery()),
            Ok(())
        );
        let lines = session.join().unwrap();
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("MAIL FROM:<shop@shop.example>"))
        );
        assert!(lines.iter().any(|line| line == "RCPT TO:<ada@example.com>"));
        assert!(
            lines.iter().any(|line| line == ".."),
            "the dot is stuffed: {lines:?}"
        );
    }

    #[test]
    fn a_refusal_is_final_and_an_excuse_is_not() {
        let (url, session) = server("550 no such user: ada@example.com");
        let fault = deliver(&settings(&url), Path::new("/"), &delivery()).unwrap_err();
        let quoted = |code: u16| format!("the server answered {code}");
        assert_eq!(fault, DeliveryFault::Final(quoted(550)));
        session.join().unwrap();
        let (url, session) = server("451 try ada@example.com later");
        let fault = deliver(&settings(&url), Path::new("/"), &delivery()).unwrap_err();
        assert_eq!(fault, DeliveryFault::Passing(quoted(451)));
        session.join().unwrap();
        let (url, session) = server("ada@example.com?");
        let fault = deliver(&settings(&url), Path::new("/"), &delivery()).unwrap_err();
        let (DeliveryFault::Passing(cause) | DeliveryFault::Final(cause)) = fault;
        assert!(!cause.contains("ada@"), "{cause}");
        session.join().unwrap();
        let fault = deliver(&settings("smtp://127.0.0.1:1"), Path::new("/"), &delivery());
        assert!(matches!(fault, Err(DeliveryFault::Passing(_))));
        let nobody = Delivery {
            recipient: "not an address".to_owned(),
            ..delivery()
        };
        let fault = deliver(&settings(""), Path::new("/"), &nobody).unwrap_err();
        assert!(matches!(fault, DeliveryFault::Final(_)));
    }
}
