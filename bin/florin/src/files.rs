//! Files that this program writes: secrets with mode 0600, everything without ever overwriting, reads bounded.

use crate::failure::Failure;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::Path,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// Largest file that is read into memory whole: a genesis file of a large network fits many times.
pub(crate) const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Largest file with a passphrase, a phrase or a private key.
pub(crate) const SECRET_BYTES_MAX: usize = 4 * 1024;

/// How long a process that was killed may take to let go of its locks.
const ENDING_TIME_MAX: Duration = Duration::from_secs(5);

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Only this user (mode 0600, in a directory that nobody else may write to).
    Owner,
    /// As the process's file mode mask says.
    Everyone,
}

/// Reads a file of bounded size.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| Failure::reading(path, &error))?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| Failure::reading(path, &error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let message = format!("{} has more than {FILE_BYTES_MAX} bytes", path.display());
        return Err(Failure::input("file.large", message, "give the right file"));
    }
    Ok(bytes)
}

/// Reads a text file of bounded size.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read_bytes(path)?)
        .map_err(|error| Failure::reading(path, &io::Error::new(io::ErrorKind::InvalidData, error.utf8_error())))
}

/// Reads a secret as text: little, from a file that nobody else can read. A descriptor that was handed over (`/dev/fd/3`) is
/// taken as it is: whoever opened it has decided.
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let file = File::open(path).map_err(|error| Failure::reading(path, &error))?;
    if !path.starts_with("/dev") {
        check_private(path, &file)?;
    }
    // Room for all of it at once, so that no copy stays behind where the text grows.
    let mut text = Zeroizing::new(String::with_capacity(SECRET_BYTES_MAX + 1));
    let read = file.take(SECRET_BYTES_MAX as u64 + 1).read_to_string(&mut text);
    read.map_err(|error| Failure::reading(path, &error))?;
    if text.len() > SECRET_BYTES_MAX {
        let message = format!("{} has more than {SECRET_BYTES_MAX} bytes, no secret has", path.display());
        return Err(Failure::input("file.large", message, "give the right file"));
    }
    Ok(text)
}

/// Refuses a secret's file that group or others can read: then it is no secret.
fn check_private(path: &Path, file: &File) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = file.metadata().map_err(|error| Failure::reading(path, &error))?;
        let mode = metadata.permissions().mode() & 0o777;
        if metadata.is_file() && mode & 0o044 != 0 {
            let path = path.display();
            return Err(Failure::input(
                "file.readable",
                format_args!("{path} holds a secret and other users may read it (mode {mode:03o})"),
                format_args!("close it with `chmod 600 {path}`; a mount that you cannot change: `/dev/fd/3 3< {path}`"),
            ));
        }
    }
    Ok(())
}

/// Writes a new file durably: it stands on the disk, whole, when this returns. An existing file is an error.
pub(crate) fn write_new(path: &Path, content: &[u8], audience: Audience) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::writing(path, &error);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if audience == Audience::Owner {
        use std::os::unix::fs::OpenOptionsExt as _;
        check_closed(path.parent().unwrap_or(Path::new("")))?;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(failed)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Half a file would stand in the way of the next attempt.
        let _ = fs::remove_file(path);
        return Err(failed(error));
    }
    sync_directory(path.parent())
}

/// Makes an empty file that nobody else can read, where there is none.
pub(crate) fn make_private(path: &Path) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path).map(drop).map_err(|error| Failure::writing(path, &error))
}

/// Puts a new content in the place of a file's, durably: after a crash one of the two is there, whole.
pub(crate) fn replace(path: &Path, content: &[u8], audience: Audience) -> Result<(), Failure> {
    let begun = path.with_extension("partial");
    remove(&begun)?;
    write_new(&begun, content, audience)?;
    fs::rename(&begun, path).map_err(|error| Failure::writing(path, &error))?;
    sync_directory(path.parent())
}

/// Removes a file, where there is one.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::writing(path, &error)),
        _ => Ok(()),
    }
}

/// Makes a directory and its parents, closed to other users. One that exists is left as it is: it may hold other things,
/// and its owner has decided who sees them.
pub(crate) fn make_directory(path: &Path) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path).map_err(|error| Failure::writing(path, &error))
}

/// Refuses a directory that other users may write to: they could put their own file in the place of a secret.
pub(crate) fn check_closed(directory: &Path) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let metadata = fs::metadata(directory).map_err(|error| Failure::writing(directory, &error))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o022 != 0 {
            return Err(Failure::input(
                "directory.writable",
                format_args!(
                    "other users may write to {} (mode {mode:03o}): no place for a secret",
                    directory.display()
                ),
                format_args!("close it with `chmod go-w {}`, or choose another directory", directory.display()),
            ));
        }
    }
    Ok(())
}

/// A lock on a file, held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Takes a lock for this process. `guarded` names what it protects, for the error.
pub(crate) fn lock(path: &Path, guarded: &Path) -> Result<Lock, Failure> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| Failure::writing(path, &error))?;
    let begun = Instant::now();
    let mut locked = file.try_lock();
    while matches!(locked, Err(TryLockError::WouldBlock)) && begun.elapsed() < ENDING_TIME_MAX && holder_is_ending(path)
    {
        std::thread::sleep(Duration::from_millis(20));
        locked = file.try_lock();
    }
    match locked {
        Ok(()) => {
            // The process id helps people find the holder; the lock itself does not depend on it.
            let noted = file.set_len(0).and_then(|()| (&file).write_all(std::process::id().to_string().as_bytes()));
            noted.map_err(|error| Failure::writing(path, &error))?;
            Ok(Lock { _file: file })
        }
        Err(TryLockError::WouldBlock) => Err(Failure::unavailable(
            "directory.locked",
            format_args!("{} is in use by process {}", guarded.display(), holder(path).unwrap_or_default()),
            "stop that process first; two nodes must never share one directory or one key",
        )),
        Err(TryLockError::Error(error)) => Err(Failure::writing(path, &error)),
    }
}

/// Whether the holder of a lock has been killed and is not quite gone: giving a large memory back takes the system a moment,
/// and whoever starts it again need not wait for that. Known on Linux alone.
fn holder_is_ending(path: &Path) -> bool {
    let Some(process_id) = holder(path) else { return false };
    match fs::read_to_string(format!("/proc/{process_id}/stat")) {
        Ok(stat) => stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['Z', 'X'])),
        Err(_) => Path::new("/proc/self/stat").exists(),
    }
}

fn holder(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.trim().parse::<u32>().ok().map(|pid| pid.to_string())
}

/// The process that holds a lock; `None` when nobody does.
pub(crate) fn lock_holder(path: &Path) -> Option<rustix::process::Pid> {
    let file = File::open(path).ok()?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => rustix::process::Pid::from_raw(holder(path)?.parse().ok()?),
        _ => None,
    }
}

/// A new name in a directory survives a power cut only when the directory itself is synced.
pub(crate) fn sync_directory(directory: Option<&Path>) -> Result<(), Failure> {
    #[cfg(unix)]
    if let Some(directory) = directory {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let synced = File::open(directory).and_then(|file| file.sync_all());
        synced.map_err(|error| Failure::writing(directory, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nothing_is_overwritten_and_secrets_are_closed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        write_new(&path, b"one", Audience::Owner).unwrap();
        let again = write_new(&path, b"two", Audience::Owner).unwrap_err();
        assert_eq!(again.code, "file.exists");
        assert_eq!(read_text(&path).unwrap(), "one");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[cfg(unix)]
    #[test]
    fn new_directories_are_closed_and_others_are_left_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let (parent, child) = (root.path().join("parent"), root.path().join("parent/child"));
        make_directory(&child).unwrap();
        assert_eq!((mode(&parent), mode(&child)), (0o700, 0o700));
        for open in [0o755, 0o775, 0o777] {
            fs::set_permissions(&child, fs::Permissions::from_mode(open)).unwrap();
            make_directory(&child).unwrap();
            assert_eq!(mode(&child), open);
            let written = write_new(&child.join(format!("secret-{open:o}")), b"one", Audience::Owner);
            let refused = written.err().map(|failure| failure.code);
            assert_eq!(refused.as_deref(), (open != 0o755).then_some("directory.writable"), "{open:o}");
        }
    }
}
