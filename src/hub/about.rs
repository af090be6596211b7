//! What the hub says of a file before it is fetched.
//!
//! Large files are answered with a redirect to another host. hf-hub's own query sends the user's
//! token there, too; this one asks that host without it.

use ureq::Agent;
use ureq::http::{Response, Uri};

use super::HubSettings;

/// Redirects on the hub itself: renamed repositories.
const MOST_REDIRECTS: usize = 5;

/// Identity and size of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct About {
    /// Name of its blob; of large files the SHA-256.
    pub(super) etag: String,
    pub(super) size: u64,
}

/// Why there is no answer.
pub(super) enum Mute {
    Request(ureq::Error),
    /// An answer without sense.
    Answer(String),
}

type Reply = Response<ureq::Body>;

/// Asks for the first byte of `url`. `agent` must not follow redirects.
pub(super) fn about(agent: &Agent, settings: &HubSettings, url: &str) -> Result<About, Mute> {
    let mut url = url.to_owned();
    for _ in 0..MOST_REDIRECTS {
        let reply = ask(agent, &url, settings.token.as_deref())?;
        if !reply.status().is_redirection() {
            let etag = header(&reply, "x-linked-etag").or_else(|| header(&reply, "etag"));
            return finish(etag, size(&reply), &url);
        }
        let location = header(&reply, "location")
            .ok_or_else(|| Mute::Answer("a redirect to nowhere".to_owned()))?;
        if let Some(etag) = header(&reply, "x-linked-etag") {
            let linked = header(&reply, "x-linked-size").and_then(|s| s.parse().ok());
            let size = match linked {
                Some(size) => Some(size),
                // Another host: it must not see the token.
                None => size(&ask(agent, &location, None)?),
            };
            return finish(Some(etag), size, &location);
        }
        url = on_the_hub(&url, &location, settings)?;
    }
    Err(Mute::Answer("redirected in circles".to_owned()))
}

fn finish(etag: Option<String>, size: Option<u64>, url: &str) -> Result<About, Mute> {
    let etag = etag
        .map(|e| e.trim_start_matches("W/").trim_matches('"').to_owned())
        // It becomes a file name.
        .filter(|e| !e.is_empty() && !e.contains(['/', '\\', '.']));
    match (etag, size) {
        (Some(etag), Some(size)) => Ok(About { etag, size }),
        (None, _) => Err(Mute::Answer(format!("no identity of '{url}'"))),
        (_, None) => Err(Mute::Answer(format!("no size of '{url}'"))),
    }
}

fn ask(agent: &Agent, url: &str, token: Option<&str>) -> Result<Reply, Mute> {
    let mut request = agent.get(url).header("Range", "bytes=0-0");
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    request.call().map_err(Mute::Request)
}

fn header(reply: &Reply, name: &str) -> Option<String> {
    let value = reply.headers().get(name)?.to_str().ok()?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// Of a part, the whole's size; of a whole answer, its length.
fn size(reply: &Reply) -> Option<u64> {
    match header(reply, "content-range") {
        Some(range) => range.rsplit('/').next()?.parse().ok(),
        None if reply.status().as_u16() == 200 => header(reply, "content-length")?.parse().ok(),
        None => None,
    }
}

/// A redirect without a file's identity stays on the hub, or the token would leave it.
fn on_the_hub(from: &str, location: &str, settings: &HubSettings) -> Result<String, Mute> {
    if location.starts_with('/') {
        let uri: Uri = from
            .parse()
            .map_err(|_| Mute::Answer(format!("the address '{from}'")))?;
        let (scheme, authority) = (uri.scheme_str().unwrap_or("https"), uri.authority());
        let authority = authority.map(ToString::to_string).unwrap_or_default();
        return Ok(format!("{scheme}://{authority}{location}"));
    }
    if location.starts_with(&format!("{}/", settings.endpoint)) {
        return Ok(location.to_owned());
    }
    Err(Mute::Answer(format!("a redirect to '{location}'")))
}
