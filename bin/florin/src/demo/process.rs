//! The demo's nodes as processes: real `florin node` children of this program, one each.
//!
//! A child ends when its standard input closes, so however this process ends, no child outlives it. Of the operator's
//! environment it sees no setting but those of logs and traces: ports, keys and passphrase are the demo's.

use super::layout::DemoNode;
use crate::{
    failure::{Exit, Failure},
    files,
};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::{mpsc, oneshot},
    time::timeout,
};

/// Longest time until a node serves.
const START_TIME_MAX: Duration = Duration::from_secs(60);
/// Longest time for a node to stop cleanly.
const STOP_TIME_MAX: Duration = Duration::from_secs(20);
/// Settings in the environment that reach the nodes.
const INHERITED: [&str; 2] = ["FLORIN__LOG__", "FLORIN__TRACES__"];
/// File with a node's log, in its directory.
pub(crate) const LOG_FILE: &str = "node.log";

/// What a node prints once it serves, and what it looks like from outside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Serving {
    /// Its role: `validator` or `follower`.
    pub(crate) role: String,
    /// Where it serves JSON-RPC.
    pub(crate) rpc_url: Option<String>,
    /// The same over WebSocket.
    pub(crate) ws_url: Option<String>,
    /// Where it serves metrics and health.
    pub(crate) monitoring_url: Option<String>,
    /// Its latest finalised height when it began to serve.
    pub(crate) height: u64,
}

/// A node that runs.
#[derive(Debug)]
pub(crate) struct RunningNode {
    /// Its name.
    pub(crate) name: String,
    /// Its directory.
    pub(crate) directory: PathBuf,
    /// Its process.
    pub(crate) pid: u32,
    /// Arguments that start it again, beginning with the program.
    pub(crate) command: Vec<String>,
    /// Where it serves.
    pub(crate) serving: Serving,
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

/// A node that ended although nobody asked it to.
#[derive(Debug)]
pub(crate) struct Death {
    /// Its name.
    pub(crate) name: String,
    /// How it ended, for people.
    pub(crate) how: String,
}

impl RunningNode {
    /// Starts a node and waits until it serves. Its death is reported to `deaths`.
    pub(crate) async fn start(node: &DemoNode, deaths: mpsc::UnboundedSender<Death>) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|error| Failure::reading(Path::new("florin"), &error))?;
        let log_path = node.directory.join(LOG_FILE);
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log_path)
            .map_err(|error| Failure::writing(&log_path, &error))?;
        let (directory, passphrase) = (node.directory.display().to_string(), node.passphrase.display().to_string());
        let arguments = ["node", "--json", "--dir", &directory, "--passphrase-file", &passphrase];
        let mut child = own_settings_only(Command::new(&program))
            .args(arguments)
            .arg("--stop-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::reading(&program, &error))?;
        let serving = match timeout(START_TIME_MAX, first_line(&mut child)).await {
            Ok(Some(serving)) => serving,
            Ok(None) => {
                let status = child.wait().await.ok();
                return Err(did_not_start(&node.name, &how(status), &log_path));
            }
            Err(_) => return Err(did_not_start(&node.name, "it did not serve in time", &log_path)),
        };
        let pid = child.id().unwrap_or_default();
        let (stop, stopped) = oneshot::channel();
        let (ending, ended) = oneshot::channel();
        tokio::spawn(guard(child, node.name.clone(), stopped, ending, deaths));
        let command = [program.display().to_string()].into_iter().chain(arguments.map(String::from)).collect();
        Ok(Self { name: node.name.clone(), directory: node.directory.clone(), pid, command, serving, stop, ended })
    }

    /// Stops the node cleanly, and waits until it has ended.
    pub(crate) async fn stop(self) {
        // A closed channel means that the node has ended already.
        let _ = self.stop.send(());
        let _ = self.ended.await;
    }
}

/// A command that inherits no setting for other nodes; how a node reports is the operator's choice in a demo too.
fn own_settings_only(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("FLORIN") && !INHERITED.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

/// Stops nodes that somebody started again by hand in the demo's directories: their lock names their process.
pub(crate) fn stop_restarted(nodes: &[DemoNode]) {
    for node in nodes {
        let data = node.directory.join("data");
        let path = data.with_extension("lock");
        let Some(pid) = files::lock_holder(&path) else { continue };
        // Whether it ends is seen from the lock; a process that is gone already is what we want.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        for _ in 0..100 {
            if files::lock_holder(&path).is_none() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

async fn first_line(child: &mut Child) -> Option<Serving> {
    let mut line = String::new();
    BufReader::new(child.stdout.take()?).read_line(&mut line).await.ok()?;
    serde_json::from_str(&line).ok()
}

/// Waits for the child's end, or ends it.
async fn guard(
    mut child: Child,
    name: String,
    stop: oneshot::Receiver<()>,
    ending: oneshot::Sender<()>,
    deaths: mpsc::UnboundedSender<Death>,
) {
    // `wait` would close standard input, by which the child knows that we live.
    let stdin = child.stdin.take();
    tokio::select! {
        status = child.wait() => {
            // Nobody listens any more when the demo itself is ending.
            let _ = deaths.send(Death { name, how: how(status.ok()) });
        }
        _ = stop => {
            drop(stdin);
            if timeout(STOP_TIME_MAX, child.wait()).await.is_err() {
                let _ = child.kill().await;
            }
        }
    }
    let _ = ending.send(());
}

fn how(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "its end could not be observed".into(), |status| status.to_string())
}

/// The node has said on its standard error what is wrong; its last words are repeated.
fn did_not_start(name: &str, how: &str, log_path: &Path) -> Failure {
    let log = std::fs::read_to_string(log_path).unwrap_or_default();
    let last: Vec<&str> = log.lines().rev().take(5).collect();
    let said = last.into_iter().rev().collect::<Vec<_>>().join("\n    ");
    Failure::new(
        Exit::Unavailable,
        "demo.node",
        format_args!("{name} did not start ({how}). It said:\n    {said}"),
        format_args!("read {}", log_path.display()),
    )
}
