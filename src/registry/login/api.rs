//! `/-/v1/login`: `npm login` and `npm adduser` by a browser.

use serde_json::json;

use super::super::access::{client_address, wrong_password};
use super::super::accounts::api::{self, Applicant, address, admit};
use super::super::accounts::sql as accounts;
use super::super::body::parse;
use super::super::documents::base;
use super::super::tokens;
use super::super::tokens::rules::Token;
use super::super::tokens::sql::Wanted;
use super::rules::{Form, Offer, PATH, Page, STYLE, is_proof, notice, proof_of};
use super::sql;
use crate::auth::Secret;
use crate::auth::principal::Anyone;
use crate::context::Context;
use crate::http::{Exchange, Problem, Reply, Request, Sent, form};
use crate::settings::Signup;
use crate::store::{SqlFault, StoreFault, Tx};
use crate::telemetry::process::unix_ms;

/// `POST /-/v1/login`: gives the page to open and the URL to ask.
pub async fn begin(
    context: &Context,
    _: Anyone,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let body = exchange.collect().await?;
    let wish: Wish = match &*body {
        b"" => Wish::default(),
        body => parse(body)?,
    };
    let (page, done) = (Secret::fresh(), Secret::fresh());
    let request = exchange.request();
    let peer = client_address(context, &request).to_string();
    let begin = move |tx: &mut Tx<'_>| sql::begin(tx, &page.hash(), &done.hash(), &peer);
    let begun = context.house.registry.write(begin).await?;
    begun.map_err(StoreFault::from)?;
    let settings = context.settings.borrow().clone();
    let base = base::of_request(&settings, &request)?.text(context);
    let query = if wish.create { "?create" } else { "" };
    let reply = json!({
        "loginUrl": format!("{base}{PATH}{}{query}", page.text()),
        "doneUrl": format!("{base}/-/v1/done/{}", done.text()),
    });
    let mut out = exchange.reply();
    out.status(200)
        .header("Cache-Control", "no-store")
        .json(&reply);
    Ok(Sent)
}

/// `GET /-/v1/done/:secret`: 202 until somebody has signed in, then the token, once.
pub async fn done(
    context: &Context,
    _: Anyone,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let over = || Problem::new(404, "This login is over, or was never begun; log in again.");
    let secret = Secret::parse(&exchange.request().parameter("secret")?).ok_or_else(over)?;
    let (hash, now_ms) = (secret.hash(), unix_ms() as i64);
    let store = &context.house.registry;
    let waiting = store.read(|view| sql::of_client(view, &hash, now_ms))?;
    let waiting = waiting.ok_or_else(over)?;
    if waiting.account.is_none() {
        let mut out = exchange.reply();
        out.status(202).header("Retry-After", "1");
        out.header("Cache-Control", "no-store").json(&json!({}));
        return Ok(Sent);
    }
    let token = Token::fresh();
    let made = token.clone();
    let lifetime_ms = context.settings.borrow().access.login_lifetime_ms();
    let take = move |tx: &mut Tx<'_>| -> Result<bool, Problem> {
        let Some(account) = sql::take(tx, &hash).map_err(StoreFault::from)? else {
            return Ok(false);
        };
        let description = format!("login by a browser for {}", waiting.peer);
        let wanted = Wanted::of_login(description, lifetime_ms);
        tokens::api::make(tx, account, &made, &wanted)?;
        Ok(true)
    };
    if !store.write(take).await?? {
        return Err(over());
    }
    let mut out = exchange.reply();
    out.status(200).header("Cache-Control", "no-store");
    out.json(&json!({ "token": token.as_str() }));
    Ok(Sent)
}

/// `GET /-/v1/login/page/:secret`.
pub async fn page(
    context: &Context,
    _: Anyone,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let request = exchange.request();
    let Some((secret, waiting)) = waiting(context, &request)? else {
        return Ok(tell(exchange, 404, &over()));
    };
    if waiting.account.is_some() {
        return Ok(tell(exchange, 200, &finished()));
    }
    let known = browser_of(&request);
    let browser = known.unwrap_or_else(Secret::fresh);
    let proof = proof_of(&key(context), &secret, &browser);
    let html = Page {
        secret: &secret.text(),
        peer: &waiting.peer,
        proof: &proof,
        form: form_asked(context, &request),
        signup: offer(context),
        name: "",
        email: "",
        refusal: None,
    }
    .html();
    let mut out = exchange.reply();
    out.status(200).header("Cache-Control", "no-store");
    let seconds = sql::LIFETIME_MS / 1000;
    let cookie = format!(
        "{COOKIE}={}; Path=/-/v1/login; Max-Age={seconds}; HttpOnly; SameSite=Strict",
        browser.text()
    );
    out.header("Set-Cookie", cookie);
    out.body(HTML, html.as_bytes());
    Ok(Sent)
}

/// `POST /-/v1/login/page/:secret`: what the page's form sends.
pub async fn submit(
    context: &Context,
    _: Anyone,
    exchange: &mut Exchange<'_>,
) -> Result<Sent, Problem> {
    let body = exchange.collect().await?;
    let request = exchange.request();
    let Some((secret, waiting)) = waiting(context, &request)? else {
        return Ok(tell(exchange, 404, &over()));
    };
    let mut fields = Fields::default();
    for pair in form(&body) {
        fields.take(pair?);
    }
    let browser = browser_of(&request);
    let key = key(context);
    let is_ours = |browser: &Secret| is_proof(&key, &secret, browser, &fields.proof);
    if !browser.as_ref().is_some_and(is_ours) {
        let text = "The form did not come from a page that this browser has open. Open the page \
                    again; it needs a cookie.";
        return Ok(tell(exchange, 403, &notice("Not signed in", text)));
    }
    let asked = form_asked(context, &request);
    let entered = async {
        let wish = match asked {
            Form::SignIn => api::Wish::Enter,
            Form::Create => api::Wish::Make(address(Some(&fields.email))?),
        };
        let applicant = Applicant {
            name: fields.name.clone(),
            password: std::mem::take(&mut fields.password),
            wish,
        };
        enter(context, &secret, applicant).await
    };
    match entered.await {
        Ok(true) => Ok(tell(exchange, 200, &finished())),
        Ok(false) => Ok(tell(exchange, 404, &over())),
        Err(problem) if problem.status < 500 => {
            let html = Page {
                secret: &secret.text(),
                peer: &waiting.peer,
                proof: &fields.proof,
                form: asked,
                signup: offer(context),
                name: &fields.name,
                email: &fields.email,
                refusal: Some(&problem.detail),
            }
            .html();
            // A challenge would make the browser ask for a password by itself.
            let status = if problem.status == 401 {
                403
            } else {
                problem.status
            };
            Ok(tell(exchange, status, &html))
        }
        Err(problem) => Err(problem),
    }
}

/// `GET /-/v1/login/style.css`.
pub fn style(_: &Context, _: &Request<'_>, reply: &mut Reply<'_>) -> Result<(), Problem> {
    reply.status(200).header("Cache-Control", "max-age=3600");
    reply.body("text/css; charset=utf-8", STYLE.as_bytes());
    Ok(())
}

/// What a client asks for.
#[derive(Default, serde::Deserialize)]
struct Wish {
    #[serde(default)]
    create: bool,
}

/// What the form sends.
#[derive(Default)]
struct Fields {
    proof: String,
    name: String,
    email: String,
    password: String,
}

impl Fields {
    fn take(&mut self, (name, value): (String, String)) {
        match &*name {
            "proof" => self.proof = value,
            "name" => self.name = value.trim().to_owned(),
            "email" => self.email = value.trim().to_owned(),
            "password" => self.password = value,
            _ => {}
        }
    }
}

/// Signs somebody in to a login; `false` where it was over before.
async fn enter(context: &Context, secret: &Secret, applicant: Applicant) -> Result<bool, Problem> {
    if applicant.password.is_empty() {
        return Err(wrong_password());
    }
    let admitted = admit(context, applicant).await?;
    let page = secret.hash();
    let finish = move |tx: &mut Tx<'_>| -> Result<Option<bool>, SqlFault> {
        // The password may have been changed while the old one was checked.
        let account = accounts::read(tx, admitted.id)?;
        if account.is_none_or(|account| account.password != admitted.password) {
            return Ok(None);
        }
        sql::finish(tx, &page, admitted.id).map(Some)
    };
    let finished = context.house.registry.write(finish).await?;
    finished
        .map_err(StoreFault::from)?
        .ok_or_else(wrong_password)
}

/// The login whose page is asked for.
fn waiting(
    context: &Context,
    request: &Request<'_>,
) -> Result<Option<(Secret, sql::Waiting)>, Problem> {
    let Some(secret) = Secret::parse(&request.parameter("secret")?) else {
        return Ok(None);
    };
    let (hash, now_ms) = (secret.hash(), unix_ms() as i64);
    let look = |view: &crate::store::View<'_>| sql::of_page(view, &hash, now_ms);
    let waiting = context.house.registry.read(look)?;
    Ok(waiting.map(|waiting| (secret, waiting)))
}

fn form_asked(context: &Context, request: &Request<'_>) -> Form {
    let is_create = request.head().query() == Some(b"create");
    match offer(context) {
        Offer::Made if is_create => Form::Create,
        Offer::Made | Offer::Withheld => Form::SignIn,
    }
}

fn offer(context: &Context) -> Offer {
    match context.settings.borrow().access.signup {
        Signup::Open => Offer::Made,
        Signup::Closed => Offer::Withheld,
    }
}

/// The browser's own secret; nothing where it brings two, since one was put there by another.
fn browser_of(request: &Request<'_>) -> Option<Secret> {
    let lines = request.values("cookie");
    let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| {
        let value = pair.trim_ascii().strip_prefix(COOKIE.as_bytes())?;
        value.strip_prefix(b"=")
    });
    let value = values.next()?;
    match values.next() {
        Some(_) => None,
        None => Secret::parse(str::from_utf8(value).ok()?),
    }
}

fn key(context: &Context) -> [u8; 32] {
    context.keys.borrow().derive("registry login")
}

fn finished() -> String {
    notice(
        "Signed in",
        "Go back to your terminal; this page can be closed.",
    )
}

fn over() -> String {
    let text = "This login is over, or was never begun. Start again in your terminal.";
    notice("Nothing to sign in to", text)
}

fn tell(exchange: &mut Exchange<'_>, status: u16, html: &str) -> Sent {
    let mut out = exchange.reply();
    out.status(status).header("Cache-Control", "no-store");
    out.body(HTML, html.as_bytes());
    Sent
}

const HTML: &str = "text/html; charset=utf-8";
const COOKIE: &str = "registry-login";
