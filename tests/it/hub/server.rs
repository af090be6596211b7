//! A server on this machine that answers as the hub does, and misbehaves when told to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::json;
use sha2::{Digest, Sha256};

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the server does; may be changed while it runs.
#[derive(Debug, Default, Clone)]
pub(crate) struct Manners {
    /// Files of the one repository `org/name`.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Only requests with this token are answered.
    pub(crate) token: Option<String>,
    /// The next downloads end after so many bytes.
    pub(crate) break_after: Vec<usize>,
    /// Downloads ignore the range asked for.
    pub(crate) no_ranges: bool,
    /// Downloads have one byte changed.
    pub(crate) corrupt: bool,
    /// Requests: method and path, and the token sent.
    pub(crate) log: Vec<(String, Option<String>)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) port: u16,
    manners: Arc<Mutex<Manners>>,
}

impl Server {
    pub(crate) fn start(files: &[(&str, &[u8])]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let files = files
            .iter()
            .map(|(name, data)| ((*name).to_owned(), data.to_vec()))
            .collect();
        let server = Self {
            port,
            manners: Arc::new(Mutex::new(Manners {
                files,
                ..Manners::default()
            })),
        };
        let answering = server.clone();
        // Ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = answering.clone();
                std::thread::spawn(move || {
                    // A client that went away ends its own connection alone.
                    let _ = server.serve(stream);
                });
            }
        });
        server
    }

    /// Serves the bundled model.
    pub(crate) fn with_model() -> Self {
        let assets = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/model");
        let read = |name: &str| std::fs::read(assets.join(name)).expect("an asset");
        let names = ["config.json", "tokenizer.json", "model.safetensors"];
        let files = names.map(|name| (name, read(name)));
        Self::start(
            &files
                .each_ref()
                .map(|(name, data)| (*name, data.as_slice())),
        )
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.manners.lock().expect("no panic before"));
    }

    pub(crate) fn log(&self) -> Vec<(String, Option<String>)> {
        self.manners.lock().expect("no panic before").log.clone()
    }

    /// Downloads of file contents so far.
    pub(crate) fn downloads(&self) -> usize {
        self.log()
            .iter()
            .filter(|(path, _)| path.starts_with("/cdn/"))
            .count()
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut out = stream;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
            let mut headers = BTreeMap::new();
            loop {
                let mut header = String::new();
                reader.read_line(&mut header)?;
                let Some((name, value)) = header.trim().split_once(':') else {
                    break;
                };
                headers.insert(name.to_lowercase(), value.trim().to_owned());
            }
            if !self.answer(&path, &headers, &mut out)? {
                return Ok(());
            }
        }
    }

    /// `false` ends the connection.
    fn answer(
        &self,
        path: &str,
        headers: &BTreeMap<String, String>,
        out: &mut TcpStream,
    ) -> std::io::Result<bool> {
        let token = headers
            .get("authorization")
            .and_then(|v| v.strip_prefix("Bearer "))
            .map(ToOwned::to_owned);
        let range = headers.get("range").map(String::as_str);
        let mut manners = self.manners.lock().expect("no panic before");
        manners.log.push((path.to_owned(), token.clone()));
        let cdn = path.strip_prefix("/cdn/");
        if cdn.is_none() && manners.token.is_some() && manners.token != token {
            return status(out, "401 Unauthorized");
        }
        // The oldest models have a name alone; it leads to where they are now.
        for (old, new) in [
            ("/api/models/gpt2/", "/api/models/org/name/"),
            ("/gpt2/", "/org/name/"),
        ] {
            if let Some(rest) = path.strip_prefix(old) {
                write!(
                    out,
                    "HTTP/1.1 307 Temporary Redirect\r\nlocation: {new}{rest}\r\ncontent-length: 0\r\n\r\n"
                )?;
                return Ok(true);
            }
        }
        if let Some(revision) = path.strip_prefix("/api/models/org/name/revision/") {
            if revision != "main" && revision != COMMIT {
                return status(out, "404 Not Found");
            }
            let siblings: Vec<_> = manners
                .files
                .keys()
                .map(|name| json!({"rfilename": name}))
                .collect();
            let body = json!({"sha": COMMIT, "siblings": siblings}).to_string();
            write!(
                out,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )?;
            return Ok(true);
        }
        if let Some(name) = path.strip_prefix(&format!("/org/name/resolve/{COMMIT}/")) {
            let Some(data) = manners.files.get(name) else {
                return status(out, "404 Not Found");
            };
            // As the hub does for large files: to another host, the hash in a header.
            write!(
                out,
                "HTTP/1.1 302 Found\r\nx-repo-commit: {COMMIT}\r\nx-linked-etag: \"{}\"\r\nlocation: http://localhost:{}/cdn/{name}\r\ncontent-length: 0\r\n\r\n",
                digest(data),
                self.port
            )?;
            return Ok(true);
        }
        let Some(data) = cdn.and_then(|name| manners.files.get(name)) else {
            return status(out, "404 Not Found");
        };
        let mut data = data.clone();
        if let Some(byte) = data.last_mut()
            && manners.corrupt
            && range != Some("bytes=0-0")
        {
            *byte ^= 1;
        }
        let size = data.len();
        let (from, to) = parse(range, size);
        let ignore = manners.no_ranges && range != Some("bytes=0-0");
        let (body, head) = if ignore {
            (&data[..], "HTTP/1.1 200 OK".to_owned())
        } else {
            let head =
                format!("HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {from}-{to}/{size}");
            (&data[from..=to], head)
        };
        write!(out, "{head}\r\ncontent-length: {}\r\n\r\n", body.len())?;
        if range != Some("bytes=0-0") && !manners.break_after.is_empty() {
            let end = manners.break_after.remove(0).min(body.len());
            out.write_all(&body[..end])?;
            return Ok(false);
        }
        out.write_all(body)?;
        Ok(true)
    }
}

fn status(out: &mut TcpStream, status: &str) -> std::io::Result<bool> {
    write!(out, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")?;
    Ok(true)
}

fn parse(range: Option<&str>, size: usize) -> (usize, usize) {
    let (from, to) = range
        .and_then(|r| r.strip_prefix("bytes="))
        .and_then(|r| r.split_once('-'))
        .unwrap_or(("0", ""));
    let from = from.parse().unwrap_or(0).min(size - 1);
    (from, to.parse().unwrap_or(size - 1).min(size - 1))
}

fn digest(data: &[u8]) -> String {
    Sha256::digest(data)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
