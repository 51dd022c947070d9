//! A PostgreSQL of the tests' own: a fresh cluster in a temporary directory, reached through a socket in it.

use std::{
    io::Write as _,
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

/// The cluster. Its shell ends it and removes its directory when the tests' process is gone, however that ended: then
/// the pipe to the shell is closed.
pub(super) struct Server {
    pub(super) directory: PathBuf,
    _shell: Child,
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
    // Ignores the keyboard, so that Ctrl-C, too, ends in the closed pipe.
    let script = r#"trap '' INT
        "$0/postgres" -D data -k "$1" -c listen_addresses= -c fsync=off -c max_connections=300 >log 2>&1 &
        postgres=$!
        cat >/dev/null
        kill -QUIT $postgres; wait $postgres; rm -rf "$1""#;
    let mut shell = unprivileged("/bin/sh".into());
    let shell = shell
        .arg("-c")
        .arg(script)
        .arg(programs)
        .arg(&directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    // The last thing that it writes there says that it takes connections.
    while !std::fs::read_to_string(data.join("postmaster.pid")).is_ok_and(|pid| pid.trim_end().ends_with("ready")) {
        let log = || std::fs::read_to_string(directory.join("log")).unwrap_or_default();
        assert!(begun.elapsed() < STARTS_WITHIN, "PostgreSQL does not start: {}", log());
        std::thread::sleep(Duration::from_millis(50));
    }
    Server { directory, _shell: shell }
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
