//! Where access log lines go: a bounded queue, and one thread that writes.
//!
//! A request never waits for a disk or a pipe: a line that finds the queue full is dropped and counted.
//! So is a line that a full disk does not take; the file is opened again, and the log goes on.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use prometheus::IntCounter;

use crate::config::AccessLog;

/// Lines that may wait for the writer.
const QUEUE: usize = 8192;
/// Lines that are written at once, at most.
const BATCH: usize = 1024;
/// Between two tries of a destination that fails.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes lines; dropping it writes what is queued and waits for that.
#[derive(Debug)]
pub struct AccessLogWriter {
    queue: Option<SyncSender<String>>,
    thread: Option<JoinHandle<()>>,
    dropped: IntCounter,
    handle: AccessLogHandle,
}

/// Asks the writer for things, from wherever it is. Clones ask the same writer.
#[derive(Clone, Debug, Default)]
pub struct AccessLogHandle {
    reopen: Arc<AtomicBool>,
}

impl AccessLogHandle {
    /// Has the file opened anew before the next line is written, after its rotation. Never waits;
    /// nothing happens where the log is no file.
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Release);
    }
}

impl AccessLogWriter {
    /// Opens the destination and starts the writer. Fails where the file cannot be opened.
    pub fn start(destination: &AccessLog, dropped: IntCounter) -> io::Result<Self> {
        let handle = AccessLogHandle::default();
        let (file, path) = match destination {
            AccessLog::Off => {
                return Ok(Self {
                    queue: None,
                    thread: None,
                    dropped,
                    handle,
                });
            }
            // Unbuffered: whoever writes knows what was written.
            AccessLog::Stdout => (io::stdout().as_fd().try_clone_to_owned()?.into(), None),
            AccessLog::File(path) => (open(path)?, Some(path.clone())),
        };
        let destination = Destination {
            path,
            file: Some(file),
            retry_at: None,
            torn: false,
            dropped: dropped.clone(),
            handle: handle.clone(),
        };
        let (queue, lines) = sync_channel(QUEUE);
        let thread = thread::Builder::new()
            .name("access-log".into())
            .spawn(move || write_lines(&lines, destination))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            dropped,
            handle,
        })
    }

    /// For asking the writer when it is out of reach.
    pub fn handle(&self) -> AccessLogHandle {
        self.handle.clone()
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

/// Writes until the queue is closed, or the destination is gone for good: then the queue is closed
/// with it, and lines are counted as dropped.
fn write_lines(lines: &Receiver<String>, mut destination: Destination) {
    let mut batch = Vec::new();
    while let Ok(first) = lines.recv() {
        batch.clear();
        let waiting = lines.try_iter().take(BATCH - 1);
        for line in std::iter::once(first).chain(waiting) {
            batch.extend_from_slice(line.as_bytes());
            batch.push(b'\n');
        }
        if !destination.write(&batch) {
            return;
        }
    }
}

fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// An open file that may fail and come back.
struct Destination {
    /// `None` for standard output.
    path: Option<PathBuf>,
    /// `None` after a failure, until it is opened again.
    file: Option<File>,
    retry_at: Option<Instant>,
    /// The last line was written in part.
    torn: bool,
    dropped: IntCounter,
    handle: AccessLogHandle,
}

impl Destination {
    /// Writes whole lines, or counts those that it cannot write. False where no later line can be
    /// written either.
    fn write(&mut self, lines: &[u8]) -> bool {
        self.make_ready();
        let Some(file) = &mut self.file else {
            self.dropped.inc_by(count(lines));
            return true;
        };
        if self.torn && file.write_all(b"\n").is_ok() {
            self.torn = false;
        }
        let mut written = 0;
        let failure = loop {
            match file.write(&lines[written..]) {
                Ok(0) => break ErrorKind::WriteZero.into(),
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
            if written == lines.len() {
                if self.retry_at.take().is_some() {
                    tracing::info!("the access log is written again");
                }
                return true;
            }
        };
        self.dropped.inc_by(count(&lines[written..]));
        self.torn |= written > 0 && lines[written - 1] != b'\n';
        self.failed(&failure)
    }

    /// Opens the file where that is due.
    fn make_ready(&mut self) {
        let asked = self.handle.reopen.swap(false, Ordering::AcqRel);
        let due = self.file.is_none() && self.retry_at.is_none_or(|at| at <= Instant::now());
        let Some(path) = self.path.as_ref().filter(|_| asked || due) else {
            return;
        };
        match open(path) {
            Ok(file) => {
                self.file = Some(file);
                // A part of a line stays in the old file, where that was rotated away.
                self.torn &= !asked;
            }
            Err(error) => {
                self.failed(&error);
            }
        }
    }

    /// Says so, once, and whether to go on.
    fn failed(&mut self, error: &io::Error) -> bool {
        if self.path.is_none() && error.kind() == ErrorKind::BrokenPipe {
            tracing::error!(%error, "the access log has no reader; it is off from here on");
            return false;
        }
        if self.retry_at.is_none() {
            tracing::error!(%error, "the access log cannot be written; lines are dropped until it can");
        }
        self.retry_at = Some(Instant::now() + PAUSE);
        if self.path.is_some() {
            self.file = None;
        }
        true
    }
}

/// How many lines end here.
fn count(lines: &[u8]) -> u64 {
    lines.split_inclusive(|byte| *byte == b'\n').count() as u64
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

    fn line_count(path: &std::path::Path) -> usize {
        std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
    }

    fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
        let started = Instant::now();
        while !done() {
            assert!(started.elapsed() < Duration::from_secs(20), "{what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_full_disk_costs_lines_and_not_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("access.log");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let dropped = IntCounter::new("dropped", "Dropped.").unwrap();
        let log = AccessLogWriter::start(&AccessLog::File(path.clone()), dropped.clone()).unwrap();
        for number in 0..3 {
            log.write(format!("{number}"));
        }
        wait_for("three lines dropped", || dropped.get() == 3);
        std::fs::remove_file(&path).unwrap();
        wait_for("a line written again", || {
            log.write("4".into());
            line_count(&path) > 0
        });
    }

    #[test]
    fn a_rotated_file_is_left_when_asked() {
        let directory = tempfile::tempdir().unwrap();
        let (path, old) = (
            directory.path().join("access.log"),
            directory.path().join("access.log.1"),
        );
        let dropped = IntCounter::new("dropped", "Dropped.").unwrap();
        let log = AccessLogWriter::start(&AccessLog::File(path.clone()), dropped.clone()).unwrap();
        log.write("1".into());
        wait_for("the first line", || line_count(&path) == 1);
        std::fs::rename(&path, &old).unwrap();
        log.handle().reopen();
        log.write("2".into());
        wait_for("the second line", || line_count(&path) == 1);
        drop(log);
        assert_eq!(std::fs::read_to_string(old).unwrap(), "1\n");
        assert_eq!(dropped.get(), 0);
    }
}
