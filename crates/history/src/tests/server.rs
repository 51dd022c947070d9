//! A PostgreSQL of the tests' own: a fresh cluster in a temporary directory, reached through a socket in it, and over TLS
//! under the name `localhost`.

use std::{
    io::Write as _,
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

/// Where Debian puts the programs of each major version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// PostgreSQL does not run as root; this user is on every Debian.
const NOBODY: u32 = 65_534;
/// Name and password of the cluster's only user.
pub(super) const USER: &str = "florin";
pub(super) const PASSWORD: &str = "correct horse";
const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// Somebody else may take a free port first.
const PORTS_MAX: usize = 5;
/// A certificate that is its own root and good for one name only.
const CERTIFICATE: &str = "[req]\nprompt=no\ndistinguished_name=name\nx509_extensions=extensions\n[name]\nCN=localhost\n\
    [extensions]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:localhost\n";

/// The cluster. Its shell ends it and removes its directory when the tests' process is gone, however that ended: then
/// the pipe to the shell is closed.
pub(super) struct Server {
    pub(super) directory: PathBuf,
    pub(super) port: u16,
    _shell: Child,
}

impl Server {
    /// URL of a database, through the socket.
    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@localhost:{}/{database}?host={}", self.port, self.directory.display())
    }
}

/// The one cluster of this process.
pub(super) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(start)
}

fn start() -> Server {
    let programs = programs();
    let directory = tempfile::Builder::new().prefix("florin-pg-").tempdir().unwrap().keep();
    let unprivileged = |program: PathBuf| {
        let mut command = Command::new(program);
        if rustix::process::getuid().is_root() {
            chown(&directory, Some(NOBODY), Some(NOBODY)).unwrap();
            command.uid(NOBODY).gid(NOBODY);
        }
        command.current_dir(&directory).stdin(Stdio::null());
        command
    };
    let password = directory.join("password");
    std::fs::File::create(&password).unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    let data = directory.join("data");
    let mut make = unprivileged(programs.join("initdb"));
    make.arg("-D").arg(&data).args(["-U", USER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "-N"]);
    let made = make.arg("--pwfile").arg(&password).output().unwrap();
    assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    std::fs::write(directory.join("certificate.conf"), CERTIFICATE).unwrap();
    let mut certify = unprivileged("openssl".into());
    certify.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2"]);
    certify.args(["-config", "certificate.conf", "-keyout", "server.key", "-out", "server.crt"]);
    let certified = certify.output().expect("openssl runs: apt-get install openssl");
    assert!(certified.status.success(), "openssl: {}", String::from_utf8_lossy(&certified.stderr));
    // Ignores the keyboard, so that Ctrl-C, too, ends in the closed pipe.
    let script = r#"trap '' INT
        "$0/postgres" -D data -k "$1" -p "$2" -c listen_addresses=127.0.0.1 -c ssl=on -c ssl_cert_file="$1/server.crt" \
            -c ssl_key_file="$1/server.key" -c fsync=off -c max_connections=300 >log 2>&1 &
        postgres=$!
        cat >/dev/null
        kill -QUIT $postgres; wait $postgres; [ -e keep ] || rm -rf "$1""#;
    for _ in 0..PORTS_MAX {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Whoever fails leaves the directory to the next try.
        std::fs::write(directory.join("keep"), "").unwrap();
        let mut shell = unprivileged("/bin/sh".into());
        shell.arg("-c").arg(script).arg(&programs).arg(&directory).arg(port.to_string());
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        if is_ready(&directory) {
            std::fs::remove_file(directory.join("keep")).unwrap();
            return Server { directory, port, _shell: shell };
        }
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }
    let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
    panic!("PostgreSQL does not start in {}: {log}", directory.display());
}

/// Waits until it takes connections, or has said that it ends.
fn is_ready(directory: &Path) -> bool {
    let begun = Instant::now();
    loop {
        // The last thing that it writes there says that it takes connections.
        let pid = std::fs::read_to_string(directory.join("data/postmaster.pid")).unwrap_or_default();
        let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
        if pid.trim_end().ends_with("ready") {
            return true;
        }
        if log.contains("FATAL") || begun.elapsed() > STARTS_WITHIN {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The programs of the newest version that is installed.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir(DEBIAN).map(|entries| entries.filter_map(Result::ok)).into_iter().flatten();
    let found = versions
        .map(|entry| entry.path().join("bin"))
        .filter(|programs| programs.join("initdb").is_file() && programs.join("postgres").is_file());
    let number = |programs: &PathBuf| {
        programs.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse::<u32>().ok())
    };
    found.max_by_key(number).unwrap_or_else(|| {
        panic!("these tests start a real PostgreSQL and found none under {DEBIAN}: apt-get install postgresql")
    })
}
