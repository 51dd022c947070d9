//! The real program, as scripts start it.
#![allow(dead_code, reason = "each test file uses its part")]

use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Read as _, Seek as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longest time for anything here.
const PATIENCE: Duration = Duration::from_secs(90);

/// The program with these arguments, without this machine's own settings.
pub fn florin<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_florin"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FLORIN")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn run<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Output {
    florin(arguments).output().unwrap()
}

/// A certificate for this machine that signs itself, and its key, which nobody else may read: at these paths.
pub fn certificate(certificate: &str, key: &str) -> (String, String) {
    let arguments = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=florin"];
    let names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
    let files = ["-keyout", key, "-out", certificate];
    let made = Command::new("openssl").args(arguments).args(names).args(files).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    (certificate.into(), key.into())
}

/// Runs it with `--json`, expects success, and gives the one line of JSON that it printed.
pub fn succeed<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Value {
    let output = florin(arguments).arg("--json").output().unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}: {stderr}", output.status);
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    serde_json::from_str(&stdout).unwrap()
}

/// Runs it with `--json`, expects a failure, and gives its exit code and what standard error says of it.
pub fn fail<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> (i32, Value) {
    let output = florin(arguments).arg("--json").output().unwrap();
    let stderr = text(&output.stderr);
    assert!(!output.status.success(), "it succeeded: {}", text(&output.stdout));
    assert!(output.stdout.is_empty(), "a failure printed a result: {}", text(&output.stdout));
    let line = stderr.lines().last().unwrap_or_default();
    let failure: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    for field in ["code", "message", "next"] {
        assert!(failure["error"][field].as_str().is_some_and(|text| !text.is_empty()), "{field} is absent: {failure}");
    }
    (output.status.code().unwrap(), failure["error"].clone())
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A file in a directory.
pub fn file(directory: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::File::create(&path).unwrap().write_all(content.as_bytes()).unwrap();
    path
}

/// A file that only this user can read, as secrets must be.
pub fn secret(directory: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = file(directory, name, content);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    path
}

/// A server that stands before a node and lies: it passes each call on, and answers when `lie` has seen to the answer.
/// Gives its URL.
pub fn liar(node: &str, lie: impl Fn(&Value, &mut Value) + Send + 'static) -> String {
    let node = node.to_string();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // A client that goes away ends its own connection, nothing else.
            let Some(call) = read_body(&mut stream) else { continue };
            let mut answer = ask(&node, &call);
            lie(&call, &mut answer);
            let body = answer.to_string();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
            let _ = write!(stream, "{head} {}\r\n\r\n{body}", body.len());
        }
    });
    url
}

/// Posts a call to a node and gives its whole answer.
pub fn ask(node: &str, call: &Value) -> Value {
    let host = node.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    let body = call.to_string();
    let head = format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close");
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    read_body(&mut stream).unwrap()
}

/// The JSON of one HTTP message with a known length.
fn read_body(stream: &mut TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0u8; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

/// Waits until `done` gives something.
pub fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn json_line(stdout: &mut impl std::io::BufRead) -> Value {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

/// What stands in a file that somebody wrote to its end.
fn everything(mut file: &std::fs::File) -> String {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).unwrap();
    text
}

/// A program that runs in the background. It is stopped, whatever happens to the test.
pub struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    said: std::fs::File,
    /// The line of JSON that it printed.
    pub value: Value,
}

impl Running {
    /// Starts it and waits for its line; `None` where it ends before, as it may while what it needs is away.
    pub fn try_start(mut command: Command) -> Option<Self> {
        let said = tempfile::tempfile().unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(said.try_clone().unwrap()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Ok(value) = serde_json::from_str(&line) else {
            child.wait().unwrap();
            return None;
        };
        Some(Self { child, stdout, said, value })
    }

    /// Starts it and waits for its line.
    pub fn start(mut command: Command) -> Self {
        // What it says goes to a file: nobody reads along, and it must never wait for a reader.
        let said = tempfile::tempfile().unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(said.try_clone().unwrap()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let value = serde_json::from_str(&line).unwrap_or_else(|error| {
            let ended = child.wait();
            panic!("{error}: {line:?}, {ended:?}: {}", everything(&said))
        });
        Self { child, stdout, said, value }
    }

    /// The next line of JSON that it prints.
    pub fn next_line(&mut self) -> Value {
        json_line(&mut self.stdout)
    }

    /// A demo in `data`, without traffic, on any free port.
    pub fn demo(data: &Path, more: &[&str]) -> Self {
        let data = data.to_str().unwrap();
        let arguments = ["demo", "--json", "--quiet", "--rpc-port", "0", "--data", data];
        Self::start(florin(arguments.iter().chain(more)))
    }

    /// What it has said on standard error.
    pub fn log(&self) -> String {
        use std::os::unix::fs::FileExt as _;
        // Not from where the program writes: the place is shared with it.
        let mut said = vec![0; self.said.metadata().unwrap().len() as usize];
        self.said.read_exact_at(&mut said, 0).unwrap();
        text(&said)
    }

    pub fn text(&self, field: &str) -> String {
        self.value[field].as_str().unwrap_or_else(|| panic!("{field} is absent: {}", self.value)).to_string()
    }

    /// Its process.
    pub fn pid(&self) -> u64 {
        u64::from(self.child.id())
    }

    /// Stops it as a service manager does, and gives how it ended.
    #[allow(clippy::print_stdout, reason = "shown with a failed test alone")]
    pub fn stop(mut self) -> ExitStatus {
        signal("-TERM", u64::from(self.child.id()));
        let status = self.child.wait().unwrap();
        if !status.success() {
            println!("it ended with {status}: {}", everything(&self.said));
        }
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A node stops when its parent is gone, so this leaves nothing behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
pub fn signal(name: &str, pid: u64) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}
