//! Following where a response points, for requests that only read.

use hyper::Method;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderMap, LOCATION, PROXY_AUTHORIZATION};

use crate::limits::OUTGOING_REDIRECTS_MAX;
use crate::tls::TlsClient;

use super::client::Outgoing;
use super::fault::OutgoingFault;
use super::request::{Request, Scheme, Target};
use super::response::Response;

impl Outgoing {
    /// As [`Outgoing::send`], and follows redirects of a `GET`. Each hop's addresses are held
    /// against the guard; another host is a public one, gets no credentials, and proves itself by
    /// `elsewhere`, not by what the first one is trusted for; what began under TLS goes on under
    /// TLS.
    pub async fn follow(
        &self,
        target: &Target,
        elsewhere: &TlsClient,
        request: &Request,
    ) -> Result<Response, OutgoingFault> {
        let (mut target, mut request) = (target.clone(), request.clone());
        for _ in 0..=OUTGOING_REDIRECTS_MAX {
            let response = self.send(&target, &request).await?;
            let is_followed = request.method == Method::GET
                && matches!(response.status, 301 | 302 | 303 | 307 | 308);
            let Some(location) = response.header(&LOCATION).filter(|_| is_followed) else {
                return Ok(response);
            };
            let refused = |cause: &str| {
                OutgoingFault::Protocol(format!("it redirects to {location}, {cause}"))
            };
            let next = target
                .url(&request.path)
                .join(location)
                .map_err(|fault| refused(&fault.to_string()))?;
            if (target.scheme, next.scheme) == (Scheme::Https, Scheme::Http) {
                return Err(refused("which is not under TLS"));
            }
            if !target.is_of(&next) {
                without_credentials(&mut request.headers);
            }
            target = target.towards(&next, elsewhere);
            request.path = next.path;
        }
        Err(OutgoingFault::Protocol("it redirects too often".to_owned()))
    }
}

/// Removes what only the host that the request was for may read.
fn without_credentials(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE] {
        headers.remove(name);
    }
    let ours: Vec<_> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str();
            name.starts_with("x-bun-") || name.starts_with("npm-") || name.contains("token")
        })
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
}
