//! Runs the real binary in a pseudo-terminal and reads the screen through a terminal emulator.
//!
//! No sleeping: `wait` blocks until the reader thread has seen new output, and prints the screen
//! when its time is over.

use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

/// Generous: CI machines build and test at the same time. A healthy run needs a fraction of it.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Seen {
    raw: Vec<u8>,
    closed: bool,
}

struct Shared {
    parser: Mutex<vt100::Parser>,
    seen: Mutex<Seen>,
    news: Condvar,
}

/// One run of the binary.
pub struct Session {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    shared: Arc<Shared>,
    home: tempfile::TempDir,
}

impl Session {
    /// Starts the binary with `args` on a screen of `columns` × `rows`.
    pub fn start(args: &[&str], columns: u16, rows: u16) -> Self {
        Self::start_with(args, columns, rows, &[])
    }

    /// The same with further environment variables.
    pub fn start_with(args: &[&str], columns: u16, rows: u16, env: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_steerscope"));
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("LC_ALL", "C.UTF-8");
        command.env("STEERSCOPE_HOME", home.path());
        command.env_remove("NO_COLOR");
        for (key, value) in env {
            command.env(key, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let shared = Arc::new(Shared {
            parser: Mutex::new(vt100::Parser::new(rows, columns, 0)),
            seen: Mutex::default(),
            news: Condvar::new(),
        });
        let for_reader = Arc::clone(&shared);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            loop {
                let n = reader.read(&mut buffer).unwrap_or(0);
                if n > 0 {
                    for_reader.parser.lock().unwrap().process(&buffer[..n]);
                }
                let mut seen = for_reader.seen.lock().unwrap();
                seen.raw.extend_from_slice(&buffer[..n]);
                seen.closed = n == 0;
                for_reader.news.notify_all();
                if n == 0 {
                    return;
                }
            }
        });
        let writer = pair.master.take_writer().unwrap();
        Self {
            master: pair.master,
            writer,
            child,
            shared,
            home,
        }
    }

    /// Types bytes as they are.
    pub fn send(&mut self, bytes: &str) {
        self.writer.write_all(bytes.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Presses and releases the left button at a cell, 0-based.
    pub fn click(&mut self, column: u16, row: u16) {
        let (x, y) = (column + 1, row + 1);
        self.send(&format!("\x1b[<0;{x};{y}M\x1b[<0;{x};{y}m"));
    }

    /// Changes the size of the window.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        let mut parser = self.shared.parser.lock().unwrap();
        // A new screen instead of the old one cut to size: the emulator's own resizing was seen to
        // panic, and the program draws everything anew anyway.
        let mut screen = vt100::Parser::new(rows, columns, 0);
        if parser.screen().alternate_screen() {
            screen.process(b"\x1b[?1049h");
        }
        *parser = screen;
        drop(parser);
        self.master.resize(size(columns, rows)).unwrap();
    }

    /// The screen as lines of text.
    pub fn screen(&self) -> String {
        self.shared.parser.lock().unwrap().screen().contents()
    }

    /// Whether the program's alternate screen is showing.
    pub fn in_alternate_screen(&self) -> bool {
        self.shared
            .parser
            .lock()
            .unwrap()
            .screen()
            .alternate_screen()
    }

    /// Everything the program wrote so far.
    pub fn raw(&self) -> Vec<u8> {
        self.shared.seen.lock().unwrap().raw.clone()
    }

    /// The program's private folder.
    pub fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Waits until the screen satisfies `found` and returns what it gave.
    pub fn wait<T>(&self, what: &str, mut found: impl FnMut(&str) -> Option<T>) -> T {
        let end = Instant::now() + LIMIT;
        let mut seen = self.shared.seen.lock().unwrap();
        loop {
            let length = seen.raw.len();
            drop(seen);
            if let Some(value) = found(&self.screen()) {
                return value;
            }
            seen = self.shared.seen.lock().unwrap();
            while seen.raw.len() == length {
                let now = Instant::now();
                if now >= end || seen.closed {
                    drop(seen);
                    panic!("waiting for {what}; the screen was:\n{}", self.screen());
                }
                seen = self.shared.news.wait_timeout(seen, end - now).unwrap().0;
            }
        }
    }

    /// Waits for a text anywhere on the screen.
    pub fn wait_for(&self, text: &str) {
        self.wait(text, |screen| screen.contains(text).then_some(()));
    }

    /// Waits for the end of the program; how long that took and how it ended.
    pub fn wait_for_end(&mut self) -> (Duration, ExitStatus) {
        let begin = Instant::now();
        let mut seen = self.shared.seen.lock().unwrap();
        while !seen.closed {
            let waited = begin.elapsed();
            assert!(
                waited < LIMIT,
                "the program did not end; the screen was:\n{}",
                self.screen()
            );
            seen = self
                .shared
                .news
                .wait_timeout(seen, LIMIT.saturating_sub(waited))
                .unwrap()
                .0;
        }
        drop(seen);
        let status = self.child.wait().unwrap();
        (begin.elapsed(), status)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}
