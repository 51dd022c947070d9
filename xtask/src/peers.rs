//! `cargo xtask peers`: what people use today, measured in the same run on the same machine as Florin.
//!
//! PostgreSQL (Debian's packages `postgresql` and `postgresql-contrib`) runs in a directory of its own with its defaults,
//! which sync every commit; `peers/ledger.sql` is the ledger. TigerBeetle and anvil are measured where they are on the
//! path. Florin is measured by `florin bench`, one validator and four. A disk that syncs slowly moves rates of single
//! commits many times over, so its time for a sync is printed beside.

use crate::arguments::Peers;
use crate::e2e::build;
use crate::process;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Payments of one commit in the batches of PostgreSQL, and of one transaction in those of Florin.
const BATCH: u64 = 3_000;
/// Accounts that pay, and accounts that are paid.
const ACCOUNTS: u64 = 10_000;
/// Connections to PostgreSQL under way at once.
const CONNECTIONS: u32 = 16;
/// How long a server may take to answer at first.
const START_TIME_MAX: Duration = Duration::from_secs(30);

/// What was measured of one system under one load.
#[derive(Debug)]
struct Row {
    system: &'static str,
    load: &'static str,
    payments_per_s: f64,
    p50_ms: Option<f64>,
    cpu_s_per_1000: Option<f64>,
}

/// Measures everyone and prints a table with ratios.
pub(crate) fn run(workspace: &Workspace, peers: &Peers, report: &mut Report) {
    if !report.step("release build", || build(workspace).map_or_else(Outcome::broken, |()| Outcome::held())) {
        return;
    }
    let mut rows = Vec::new();
    let mut step = |name: &str, measured: &mut dyn FnMut() -> Result<Vec<Row>, String>| {
        report.step(name, || match measured() {
            Ok(found) => {
                rows.extend(found);
                Outcome::held()
            }
            Err(error) => Outcome::broken(error),
        });
    };
    let seconds = peers.seconds;
    step("disk", &mut || {
        sync_time().map(|time| println!("a sync takes {:.0} us", time.as_secs_f64() * 1e6)).map(|()| Vec::new())
    });
    step("PostgreSQL", &mut || postgres(workspace, seconds));
    if is_on_path("tigerbeetle") {
        step("TigerBeetle", &mut tigerbeetle);
    }
    if is_on_path("anvil") {
        step("anvil", &mut || anvil(workspace, seconds));
    }
    for validators in [1, 4] {
        step("Florin", &mut || florin(workspace, validators, seconds));
    }
    print_table(&rows);
}

/// The middle of many small writes that are synced one by one.
fn sync_time() -> Result<Duration, String> {
    const WRITES: usize = 200;
    let path = std::env::temp_dir().join(format!("florin-peers-sync-{}", std::process::id()));
    let mut file = fs::File::create(&path).map_err(|error| error.to_string())?;
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let begun = Instant::now();
        file.write_all(&[7; 512]).and_then(|()| file.sync_data()).map_err(|error| error.to_string())?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    fs::remove_file(&path).map_err(|error| error.to_string())?;
    Ok(times[WRITES / 2])
}

// ----- PostgreSQL ----------------------------------------------------------------------------------------------------

/// A server of our own, ended with this value.
struct Postgres {
    programs: PathBuf,
    directory: PathBuf,
    server: Child,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // What is left of it is in a temporary directory; nobody waits for it.
        let stop = ["stop", "-m", "immediate", "-D"];
        let _ = self.program("pg_ctl").args(stop).arg(self.directory.join("data")).stdout(Stdio::null()).status();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Postgres {
    fn start() -> Result<Self, String> {
        let programs = postgres_programs()?;
        let directory = std::env::temp_dir().join(format!("florin-peers-postgres-{}", std::process::id()));
        fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
        let data = directory.join("data");
        if is_root() {
            // PostgreSQL refuses to run as root; its package has made a user.
            process::run(Command::new("chown").arg("postgres").arg(&directory))?;
        }
        let init = ["--auth=trust", "--username=florin", "--encoding=UTF8", "--no-instructions", "-D"];
        let initialise = as_user(&programs.join("initdb")).args(init).arg(&data).stdout(Stdio::null()).status();
        if !initialise.is_ok_and(|status| status.success()) {
            return Err("initdb failed: see its words above".into());
        }
        let server = as_user(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-c"])
            .arg(format!("unix_socket_directories={}", directory.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("postgres cannot be started: {error}"))?;
        let postgres = Self { programs, directory, server };
        postgres.wait()?;
        Ok(postgres)
    }

    fn wait(&self) -> Result<(), String> {
        let deadline = Instant::now() + START_TIME_MAX;
        let asks = || self.client("pg_isready").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
        while !asks() {
            if Instant::now() > deadline {
                return Err(format!("PostgreSQL did not answer within {} s", START_TIME_MAX.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn program(&self, name: &str) -> Command {
        as_user(&self.programs.join(name))
    }

    /// A client program, connected.
    fn client(&self, name: &str) -> Command {
        let mut command = self.program(name);
        command.arg("-h").arg(&self.directory).args(["-U", "florin"]).env("PGDATABASE", "postgres");
        command
    }

    /// The process that all others of the server are children of.
    fn process_id(&self) -> Option<u32> {
        let text = fs::read_to_string(self.directory.join("data/postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }
}

fn postgres_programs() -> Result<PathBuf, String> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .map_err(|_| "PostgreSQL is not there: install it with `apt-get install postgresql`".to_string())?;
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.flatten().map(|entry| entry.path()).max_by_key(|path| number(path));
    newest.map(|path| path.join("bin")).ok_or_else(|| "/usr/lib/postgresql is empty".into())
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

fn as_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command
}

fn postgres(workspace: &Workspace, seconds: u64) -> Result<Vec<Row>, String> {
    let server = Postgres::start()?;
    let scripts = workspace.path("xtask/peers");
    let ledger = fs::read_to_string(scripts.join("ledger.sql")).map_err(|error| error.to_string())?;
    let accounts = format!(
        "INSERT INTO account SELECT n, 1000000000 FROM generate_series(1, {ACCOUNTS}) n;
         INSERT INTO account SELECT 1000000 + n, 0 FROM generate_series(1, {ACCOUNTS}) n; ANALYZE;"
    );
    process::run(server.client("psql").args(["-q", "-v", "ON_ERROR_STOP=1", "-c", &ledger, "-c", &accounts]))?;
    let single = pgbench(&server, &scripts.join("single.pgbench"), CONNECTIONS, seconds)?;
    let batch = pgbench(&server, &scripts.join("batch.pgbench"), 2, seconds)?;
    let row = |load, (rate, ms, cpu_s): (f64, f64, Option<f64>), payments: f64| Row {
        system: "PostgreSQL",
        load,
        payments_per_s: rate * payments,
        p50_ms: Some(ms),
        cpu_s_per_1000: cpu_s.map(|cpu_s| cpu_s / (rate * payments * seconds as f64) * 1_000.0),
    };
    Ok(vec![row("one payment a commit", single, 1.0), row("batches, each checked", batch, BATCH as f64)])
}

/// Transactions a second, their mean time in milliseconds, and the server's processor time.
fn pgbench(
    server: &Postgres,
    script: &Path,
    connections: u32,
    seconds: u64,
) -> Result<(f64, f64, Option<f64>), String> {
    // Where the server's user may read it, whoever owns the checkout.
    let copy = server.directory.join("script.pgbench");
    fs::copy(script, &copy).map_err(|error| error.to_string())?;
    let before = server.process_id().and_then(children_cpu_s);
    let (connections, seconds) = (connections.to_string(), seconds.to_string());
    let arguments = ["-n", "-M", "prepared", "-j", "2", "-c", &connections, "-T", &seconds, "-f"];
    let printed = process::output(server.client("pgbench").args(arguments).arg(&copy))?;
    // The server counts a connection's process once it has ended, a moment after its client.
    std::thread::sleep(Duration::from_secs(1));
    let after = server.process_id().and_then(children_cpu_s);
    let figure = |name: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().find_map(|word| word.parse::<f64>().ok())
    };
    let rate = figure("tps = ").ok_or_else(|| format!("pgbench printed no rate:\n{printed}"))?;
    let ms = figure("latency average = ").ok_or_else(|| format!("pgbench printed no latency:\n{printed}"))?;
    Ok((rate, ms, after.zip(before).map(|(after, before)| after - before)))
}

/// Processor time of a process' children that have ended (`cutime` and `cstime`), in seconds: one for each connection.
fn children_cpu_s(process_id: u32) -> Option<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{process_id}/stat")).ok()?;
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().skip(13);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS_PER_SECOND)
}

// ----- those that a person may have ----------------------------------------------------------------------------------

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// TigerBeetle's own benchmark, with its own batches.
fn tigerbeetle() -> Result<Vec<Row>, String> {
    let count = format!("--transfer-count={}", 2_000_000);
    let accounts = format!("--account-count={ACCOUNTS}");
    let printed = process::output(Command::new("tigerbeetle").args(["benchmark", &accounts, &count]))?;
    let rate = number_before(&printed, "tx/s").ok_or_else(|| format!("TigerBeetle printed no rate:\n{printed}"))?;
    let p50 = printed.lines().find(|line| line.contains("p50")).and_then(|line| number_before(line, "ms"));
    Ok(vec![Row {
        system: "TigerBeetle",
        load: "its own benchmark, one replica",
        payments_per_s: rate,
        p50_ms: p50,
        cpu_s_per_1000: None,
    }])
}

/// The number in front of a unit, such as 201000 in "load accepted = 201000 tx/s".
fn number_before(text: &str, unit: &str) -> Option<f64> {
    let before = text.split(unit).next().filter(|before| before.len() < text.len())?;
    before.split_whitespace().last()?.replace([',', '_'], "").parse().ok()
}

/// anvil, with the same signed ERC-20 transfers as Florin.
fn anvil(workspace: &Workspace, seconds: u64) -> Result<Vec<Row>, String> {
    const PORT: &str = "18545";
    // The accounts that the bench pays from are the last of these, from the same phrase.
    const ACCOUNTS: &str = "1064";
    // A block each fifth of a second. By itself anvil makes one of every transaction, and whoever follows it asks for
    // each of them.
    let arguments =
        ["--silent", "--port", PORT, "--accounts", ACCOUNTS, "--gas-limit", "1000000000", "--block-time", "0.2"];
    let mut node = Command::new("anvil")
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("anvil cannot be started: {error}"))?;
    std::thread::sleep(Duration::from_secs(3));
    let url = format!("http://127.0.0.1:{PORT}");
    let measured = bench(workspace, &["--rpc", &url, "--pid", &node.id().to_string(), "--workload", "erc20"], seconds);
    let _ = node.kill();
    let _ = node.wait();
    measured.map(|report| vec![row_of("anvil", "ERC-20 contract, one by one", &report)])
}

// ----- Florin --------------------------------------------------------------------------------------------------------

fn florin(workspace: &Workspace, validators: u16, seconds: u64) -> Result<Vec<Row>, String> {
    let validators = validators.to_string();
    let system = if validators == "1" { "Florin, one validator" } else { "Florin, four validators" };
    let mut rows = Vec::new();
    for (workload, load) in [
        ("transfers", "signed one by one"),
        ("erc20", "ERC-20 contract, one by one"),
        ("batches", "batches, each checked"),
    ] {
        let arguments = ["--validators", &validators, "--workload", workload];
        rows.push(row_of(system, load, &bench(workspace, &arguments, seconds)?));
    }
    Ok(rows)
}

/// The report of the highest rate that is sustained.
fn bench(workspace: &Workspace, arguments: &[&str], seconds: u64) -> Result<Value, String> {
    let seconds = seconds.to_string();
    let mut command = Command::new(workspace.florin());
    command.args(["bench", "--json", "--seconds", &seconds]).args(arguments);
    let printed = process::output(&mut command)?;
    serde_json::from_str(printed.trim()).map_err(|error| format!("florin bench: {error}"))
}

fn row_of(system: &'static str, load: &'static str, report: &Value) -> Row {
    Row {
        system,
        load,
        payments_per_s: report["payments_per_s"].as_f64().unwrap_or_default(),
        p50_ms: report["latency_ms"]["p50"].as_f64(),
        cpu_s_per_1000: report["cpu_s_per_1000"].as_f64(),
    }
}

/// Every row with its ratio to the first one of PostgreSQL.
fn print_table(rows: &[Row]) {
    let base = rows.iter().find(|row| row.system == "PostgreSQL").map(|row| row.payments_per_s);
    println!("\n{:<26} {:<32} {:>12} {:>10} {:>14} {:>8}", "", "", "payments/s", "p50 ms", "CPU s / 1,000", "ratio");
    for row in rows {
        let figure = |value: Option<f64>, digits| value.map_or("-".into(), |value| format!("{value:.digits$}"));
        println!(
            "{:<26} {:<32} {:>12.0} {:>10} {:>14} {:>8}",
            row.system,
            row.load,
            row.payments_per_s,
            figure(row.p50_ms, 1),
            figure(row.cpu_s_per_1000, 3),
            figure(base.map(|base| row.payments_per_s / base), 2)
        );
    }
    println!("\nratio: to PostgreSQL with one payment a commit, in this run");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_from_what_others_print() {
        assert_eq!(number_before("load accepted = 201000 tx/s", "tx/s"), Some(201_000.0));
        assert_eq!(number_before("rate 1,234.5 tx/s\nother", "tx/s"), Some(1_234.5));
        assert_eq!(number_before("nothing", "tx/s"), None);
    }

    #[test]
    fn a_sync_takes_time() {
        assert!(sync_time().expect("a temporary file can be written") > Duration::ZERO);
    }

    #[test]
    #[ignore = "needs PostgreSQL, and takes seconds"]
    fn a_server_of_our_own_is_measured_and_leaves_nothing() {
        let rows = postgres(&Workspace::locate(), 2).expect("PostgreSQL is installed");
        assert!(rows.len() == 2 && rows.iter().all(|row| row.payments_per_s > 0.0), "{rows:?}");
        println!("{rows:?}");
    }
}
