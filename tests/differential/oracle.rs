//! An official evaluator as a child process: one request a line, one reply a line.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use burgee_eval::bucketing::Bucketing;
use serde_json::{Value as Json, json};

use crate::answer::Reply;
use crate::burgee::type_name;
use crate::documents::{Ask, pinned};
use crate::values;

/// Which evaluator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Official {
    /// `openfeature-flagd-core` 2.0.0 from `PyPI`.
    PythonV3,
    /// `openfeature-flagd-core` 1.0.0 from `PyPI`.
    PythonV2,
    /// `@openfeature/flagd-core` 4.0.1 from npm.
    JavaScript,
}

impl Official {
    pub(crate) const ALL: [Self; 3] = [Self::PythonV3, Self::PythonV2, Self::JavaScript];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PythonV3 => "openfeature-flagd-core 2.0.0 (Python)",
            Self::PythonV2 => "openfeature-flagd-core 1.0.0 (Python)",
            Self::JavaScript => "@openfeature/flagd-core 4.0.1 (npm)",
        }
    }

    /// The bucketing that it has.
    pub(crate) fn bucketing(self) -> Bucketing {
        match self {
            Self::PythonV3 => Bucketing::V3,
            Self::PythonV2 | Self::JavaScript => Bucketing::V2,
        }
    }

    /// So many of 100 cases are orderly: JavaScript differs on much that is odd, and on each of those
    /// cases little else can be compared.
    pub(crate) fn orderly(self) -> usize {
        match self {
            Self::PythonV3 | Self::PythonV2 => 40,
            Self::JavaScript => 75,
        }
    }

    /// Where it is installed, in the directory that `oracles/install` filled.
    fn command(self, installed: &Path) -> Command {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("differential/oracles");
        let python = |environment: &str| {
            let mut command = Command::new(installed.join(environment).join("bin/python"));
            command.arg(scripts.join("flagd.py"));
            command
        };
        match self {
            Self::PythonV3 => python("flagd-core-2.0.0"),
            Self::PythonV2 => python("flagd-core-1.0.0"),
            Self::JavaScript => {
                let mut command = Command::new("node");
                command
                    .arg(scripts.join("flagd.cjs"))
                    .arg(installed.join("node"));
                command
            }
        }
    }
}

/// Where the evaluators are installed.
pub(crate) fn installed() -> PathBuf {
    let path = std::env::var_os("BURGEE_ORACLES").expect(
        "BURGEE_ORACLES names the directory of the official evaluators: run ./test, or `tests/differential/oracles/install DIRECTORY`",
    );
    PathBuf::from(path)
}

/// How long one reply may take. Without other load the slowest takes milliseconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// Lines of its standard error that are kept.
const KEPT_LINES: usize = 50;

/// A running evaluator. It is killed when it is dropped.
pub(crate) struct Oracle {
    pub(crate) official: Official,
    child: Child,
    requests: Sender<String>,
    replies: Receiver<String>,
    errors: Arc<Mutex<VecDeque<String>>>,
}

impl Oracle {
    pub(crate) fn start(official: Official, installed: &Path) -> Self {
        let mut command = official.command(installed);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let stdin = child.stdin.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        let (requests, to_write) = mpsc::channel();
        let (to_read, replies) = mpsc::channel();
        let errors = Arc::new(Mutex::new(VecDeque::new()));
        thread::spawn(move || write_all(stdin, &to_write));
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            // Nobody reads any more once the oracle is dropped.
            let _ = lines.map(|line| to_read.send(line)).find(Result::is_err);
        });
        let kept = Arc::clone(&errors);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut kept = kept.lock().expect("nobody panics with it");
                if kept.len() == KEPT_LINES {
                    kept.pop_front();
                }
                kept.push_back(line);
            }
        });
        Self {
            official,
            child,
            requests,
            replies,
            errors,
        }
    }

    /// Sends a request; replies come in the order of requests.
    pub(crate) fn send(&self, tree: &Json, now: u64, asks: &[Ask], trace: bool) {
        let document = values::text(&pinned(tree, self.official.bucketing()));
        self.send_text(&document, now, asks, trace);
    }

    /// The same of a document as it stands.
    pub(crate) fn send_text(&self, document: &str, now: u64, asks: &[Ask], trace: bool) {
        let request = format!(
            r#"{{"document":{},"now":{now},"trace":{trace},"asks":[{}]}}"#,
            json!(document),
            asks.iter().map(request).collect::<Vec<_>>().join(",")
        );
        if self.requests.send(request).is_err() {
            self.fail("it reads no more");
        }
    }

    /// The next reply.
    pub(crate) fn receive(&self) -> Reply {
        let line = match self.replies.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(mpsc::RecvTimeoutError::Timeout) => self.fail("it does not reply"),
            Err(mpsc::RecvTimeoutError::Disconnected) => self.fail("it has ended"),
        };
        serde_json::from_str(&line)
            .unwrap_or_else(|error| self.fail(&format!("{error} in its reply {line}")))
    }

    /// One question alone, with what every operator was given and gave where `trace` says so.
    pub(crate) fn ask(&self, tree: &Json, now: u64, ask: &Ask, trace: bool) -> Reply {
        self.send(tree, now, std::slice::from_ref(ask), trace);
        self.receive()
    }

    fn fail(&self, what: &str) -> ! {
        // What it says last may still be on its way.
        thread::sleep(Duration::from_millis(300));
        let errors = self.errors.lock().expect("nobody panics with it");
        let errors: Vec<&str> = errors.iter().map(String::as_str).collect();
        panic!(
            "{}: {what}. Its standard error ends with:\n{}",
            self.official.name(),
            errors.join("\n")
        )
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn request(ask: &Ask) -> String {
    let wanted = ask
        .wanted
        .map_or(Json::Null, |wanted| type_name(wanted).into());
    format!(
        r#"{{"flag":{},"context":{},"type":{wanted}}}"#,
        json!(ask.flag),
        values::text(&ask.context)
    )
}

fn write_all(mut stdin: ChildStdin, requests: &Receiver<String>) {
    for request in requests {
        if writeln!(stdin, "{request}").is_err() {
            // Whoever waits for the reply finds out, and why.
            return;
        }
    }
}
