//! Where access log lines go: a bounded queue, and one thread that writes.
//!
//! A request never waits for a disk or a pipe: a line that finds the queue full is dropped and counted.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use prometheus::IntCounter;

use crate::config::AccessLog;

/// Lines that may wait for the writer.
const QUEUE: usize = 8192;

/// Takes lines; dropping it writes what is queued and waits for that.
#[derive(Debug)]
pub struct AccessLogWriter {
    queue: Option<SyncSender<String>>,
    thread: Option<JoinHandle<()>>,
    dropped: IntCounter,
}

impl AccessLogWriter {
    /// Opens the destination and starts the writer. Fails where the file cannot be opened.
    pub fn start(destination: &AccessLog, dropped: IntCounter) -> io::Result<Self> {
        let out: Box<dyn Write + Send> = match destination {
            AccessLog::Off => {
                return Ok(Self {
                    queue: None,
                    thread: None,
                    dropped,
                });
            }
            AccessLog::Stdout => Box::new(io::stdout()),
            AccessLog::File(path) => {
                Box::new(OpenOptions::new().create(true).append(true).open(path)?)
            }
        };
        let (queue, lines) = sync_channel(QUEUE);
        let thread = thread::Builder::new()
            .name("access-log".into())
            .spawn(move || write_lines(&lines, out))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            dropped,
        })
    }

    /// Whether lines go anywhere; where not, do not make any.
    pub fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Queues one line, without its line end. Never waits.
    pub fn write(&self, line: String) {
        let Some(queue) = &self.queue else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = queue.try_send(line) {
            self.dropped.inc();
        }
    }
}

impl Drop for AccessLogWriter {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has said so in the log; there is nothing left to save.
            let _ = thread.join();
        }
    }
}

/// Writes until the queue is closed; flushes whenever it has caught up. A destination that fails
/// (a closed pipe) fails for good: the queue is closed with it, and lines are counted as dropped.
fn write_lines(lines: &Receiver<String>, out: Box<dyn Write + Send>) {
    let mut out = BufWriter::new(out);
    while let Ok(first) = lines.recv() {
        let mut batch = std::iter::once(first).chain(lines.try_iter());
        let written = batch
            .try_for_each(|line| writeln!(out, "{line}"))
            .and_then(|()| out.flush());
        if let Err(error) = written {
            tracing::error!(%error, "the access log cannot be written; it is off from here on");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_the_writer_writes_what_is_queued() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("access.log");
        let dropped = IntCounter::new("dropped", "Dropped.").unwrap();
        let log = AccessLogWriter::start(&AccessLog::File(path.clone()), dropped.clone()).unwrap();
        for number in 0..100 {
            log.write(format!("{{\"line\":{number}}}"));
        }
        drop(log);
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 100);
        assert_eq!(dropped.get(), 0);
    }
}
