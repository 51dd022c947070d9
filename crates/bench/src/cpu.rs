//! CPU time of processes, from `/proc` (Linux).

/// Clock ticks a second in `/proc`: fixed by Linux's user interface (`USER_HZ`) on every architecture that it runs on today.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU-seconds (user and system) that a process has used since its start; `None` where that cannot be read.
pub(crate) fn cpu_seconds(process_id: u32) -> Option<f64> {
    parse(&std::fs::read_to_string(format!("/proc/{process_id}/stat")).ok()?)
}

/// Reads `utime` and `stime` (fields 14 and 15). The second field, the program's name in parentheses, may itself
/// contain blanks and parentheses, so that counting starts after the last one.
fn parse(stat: &str) -> Option<f64> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user.checked_add(system)?) as f64 / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn a_hostile_name_does_not_move_the_fields() {
        let stat = "7 (a) b (c) 1 2 3) S 1 2 3 4 5 6 7 8 9 10 250 150 0 0 20 0";
        assert_eq!(parse(stat), Some(4.0));
        assert_eq!(parse("7 (x) S 1 2"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_busy_process_uses_cpu() {
        /// A tick comes after 10 ms on a core of one's own; a machine may be shared by many.
        const PATIENCE: Duration = Duration::from_secs(60);
        let me = std::process::id();
        let Some(before) = cpu_seconds(me) else { return };
        let start = Instant::now();
        let mut sum = 0u64;
        while cpu_seconds(me).unwrap() <= before {
            assert!(start.elapsed() < PATIENCE, "no tick of CPU time while this spins");
            sum = (0..1_000_000).fold(sum, |sum, n| std::hint::black_box(sum.wrapping_add(n)));
        }
        assert_eq!(cpu_seconds(u32::MAX), None);
    }
}
