//! Signals that end the program in an orderly way.

/// Number of SIGHUP, also used when the terminal goes away without one.
pub(crate) const HANGUP: i32 = 1;

#[cfg(unix)]
mod imp {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// SIGTERM, SIGHUP and SIGINT from outside (in raw mode Ctrl-C is a key).
    pub(crate) struct Signals {
        terminate: Signal,
        hangup: Signal,
        interrupt: Signal,
    }

    impl Signals {
        pub(crate) fn install() -> io::Result<Self> {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
                interrupt: signal(SignalKind::interrupt())?,
            })
        }

        /// The number of the next one.
        pub(crate) async fn next(&mut self) -> i32 {
            tokio::select! {
                _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
                _ = self.hangup.recv() => SignalKind::hangup().as_raw_value(),
                _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            }
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use std::io;

    /// Ctrl-C from outside.
    pub(crate) struct Signals;

    impl Signals {
        pub(crate) fn install() -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) async fn next(&mut self) -> i32 {
            // Without a handler nothing will ever come.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            2
        }
    }
}

pub(crate) use imp::Signals;
