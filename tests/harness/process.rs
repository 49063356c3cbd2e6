//! A child process: its output in files, signals by its id, gone when dropped.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::wait::eventually_within;

/// What a process can be sent.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// What tools send that rotate logs.
    Hangup,
    /// What an orchestrator sends first.
    Terminate,
    /// What nothing survives.
    Kill,
    /// What makes it hang.
    Stop,
    /// What makes it go on.
    Continue,
}

/// A process that this test started. It leads a process group of its own; what is left of the
/// group when the value is dropped is killed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Process {
    /// Starts `command`; its output goes to `<name>.stdout` and `<name>.stderr` in `directory`, after
    /// what an earlier process of that name had written.
    pub fn spawn(name: &str, command: &mut Command, directory: &Path) -> Process {
        let open = |path: &Path| {
            File::options()
                .create(true)
                .append(true)
                .open(path)
                .expect("a file for output")
        };
        let stdout = directory.join(format!("{name}.stdout"));
        let stderr = directory.join(format!("{name}.stderr"));
        let child = command
            .stdin(Stdio::null())
            .stdout(open(&stdout))
            .stderr(open(&stderr))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Process {
            name: name.to_owned(),
            child,
            stdout,
            stderr,
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to this process alone. Nothing happens when it has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.exited().is_none() {
            kill(signal, &self.id().to_string());
        }
    }

    /// Sends a signal to this process and its children, as a terminal does.
    pub fn signal_group(&mut self, signal: Signal) {
        if self.exited().is_none() {
            kill(signal, &format!("-{}", self.id()));
        }
    }

    /// How it ended, once it has.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the state of a child")
    }

    /// Waits for its end. Panics after `limit`, with what it wrote.
    pub async fn wait(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("end of {} (process {})", self.name, self.id());
        eventually_within(limit, &what, async || self.exited()).await
    }

    /// How much memory it holds, in KiB, as Linux tells it.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("the state of a child that runs, on Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
        number.expect("a resident size")
    }

    /// What it has written to standard output.
    pub fn stdout(&self) -> String {
        read(&self.stdout)
    }

    /// What it has written to standard error.
    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// The end of both, for a message about a failure.
    pub fn logs(&self) -> String {
        let tail = |text: &str| {
            let lines: Vec<_> = text.lines().collect();
            lines[lines.len().saturating_sub(40)..].join("\n")
        };
        let (stdout, stderr) = (tail(&self.stdout()), tail(&self.stderr()));
        format!(
            "--- {0} stdout\n{stdout}\n--- {0} stderr\n{stderr}\n",
            self.name
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        // The group outlives its leader only where a child was left behind; the leader's id is not
        // used again before it was waited for, so the group is still the one that was started.
        if self.exited().is_none() {
            kill(Signal::Kill, &format!("-{}", self.id()));
            let _ = self.child.wait();
        }
    }
}

/// The shell's own `kill`: sending a signal needs either unsafe code or a program, and every
/// system has this one.
fn kill(signal: Signal, target: &str) {
    let name = match signal {
        Signal::Hangup => "HUP",
        Signal::Interrupt => "INT",
        Signal::Terminate => "TERM",
        Signal::Kill => "KILL",
        Signal::Stop => "STOP",
        Signal::Continue => "CONT",
    };
    // It fails where the process has ended in the meantime, which is as good.
    let _ = Command::new("sh")
        .args(["-c", &format!("kill -{name} {target}")])
        .stderr(Stdio::null())
        .status()
        .expect("a shell");
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}
