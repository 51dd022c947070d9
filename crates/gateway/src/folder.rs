//! The watched directory: files in, files out, each whole or not there.
//!
//! ```text
//! DIR/TENANT/in/       put files here: write under a name that begins with a dot, then rename
//! DIR/TENANT/work/     taken
//! DIR/TENANT/done/     durable and read: NUMBER-NAME
//! DIR/TENANT/refused/  no message could be made of it: NUMBER-NAME, and why in NUMBER-NAME.reason.txt
//! DIR/TENANT/out/      answers and notifications
//! ```

use crate::{
    GatewayError,
    access::FILES,
    identity::digest,
    inbox::{Arrival, receive},
    store::{MESSAGE_REFUSED, MessageRow, Sender, Store},
};
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

/// Files looked at in one round, and answers written in one.
const FILES_MAX: usize = 256;
const ROOMS: [&str; 5] = ["in", "work", "done", "refused", "out"];

/// The directory of all tenants.
pub(crate) struct Folder {
    store: Store,
    root: PathBuf,
    tenants: Vec<String>,
    bytes_max: usize,
}

impl Folder {
    /// Makes what is missing of it.
    pub(crate) fn open(
        store: Store,
        root: PathBuf,
        tenants: Vec<String>,
        bytes_max: usize,
    ) -> Result<Self, GatewayError> {
        for tenant in &tenants {
            for room in ROOMS {
                let path = root.join(tenant).join(room);
                fs::create_dir_all(&path).map_err(GatewayError::file(&path))?;
            }
        }
        Ok(Self { store, root, tenants, bytes_max })
    }

    /// Takes what lies in `in/`, and what was taken before and is not durable. Says whether there was any.
    pub(crate) async fn collect(&self, now_ms: u64) -> Result<bool, GatewayError> {
        let mut found = false;
        for tenant in &self.tenants {
            let (from, work) = (self.room(tenant, "in"), self.room(tenant, "work"));
            let taken = files(&work)?;
            for name in files(&from)?.into_iter().take(FILES_MAX.saturating_sub(taken.len())) {
                // A file of this name is being taken: this one waits for its turn.
                if !work.join(&name).exists() {
                    self.rename(&from.join(&name), &work.join(&name), "file taken")?;
                }
            }
            for name in files(&work)? {
                found = true;
                let path = work.join(&name);
                let content = match self.read(&path) {
                    Ok(Some(content)) => content,
                    Ok(None) => {
                        let reason = format!("the file has more than {} bytes: divide it\n", self.bytes_max);
                        self.refuse(tenant, &path, &name, "large", &reason)?;
                        continue;
                    }
                    // One file that this user may not read keeps no other one waiting.
                    Err(error) => {
                        self.refuse(tenant, &path, &name, "unreadable", &format!("{error}\n"))?;
                        continue;
                    }
                };
                let sender = Sender { tenant, maker: FILES, file: name.to_str() };
                if receive(&self.store, &sender, &content, now_ms).await? == Arrival::Busy {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// Moves files whose messages were read, and writes what is to be told.
    pub(crate) async fn settle(&self) -> Result<(), GatewayError> {
        for tenant in &self.tenants {
            let work_room = self.room(tenant, "work");
            for name in files(&work_room)? {
                let path = work_room.join(&name);
                // What cannot be read is refused when it is taken.
                let Ok(Some(content)) = self.read(&path) else { continue };
                let mut work = self.store.read().await?;
                let row = self.store.message_by_digest(&mut work, tenant, digest(&content)).await?;
                drop(work);
                let Some(row) = row.filter(MessageRow::is_read) else { continue };
                let number = row.number.to_string();
                if row.state == MESSAGE_REFUSED {
                    let reason = row.problem.unwrap_or_default();
                    self.refuse(tenant, &path, &name, &number, &reason)?;
                } else {
                    self.rename(&path, &self.room(tenant, "done").join(numbered(&number, &name)), "file done")?;
                }
            }
        }
        self.write_answers().await
    }

    async fn write_answers(&self) -> Result<(), GatewayError> {
        let mut work = self.store.read().await?;
        let answers = self.store.unwritten(&mut work, FILES_MAX as u64).await?;
        drop(work);
        let Some(last) = answers.last().map(|answer| answer.number) else { return Ok(()) };
        for answer in &answers {
            // A tenant that is no longer configured has no directory; what it was told stays in the database.
            if self.tenants.contains(&answer.tenant) {
                let name = format!("{}.{}.xml", answer.name, answer.id);
                self.write(&self.room(&answer.tenant, "out"), &name, &answer.content)?;
            }
        }
        let mut work = self.store.write().await?;
        self.store.written(&mut work, last).await?;
        self.store.commit(work, "written").await
    }

    fn room(&self, tenant: &str, room: &str) -> PathBuf {
        self.root.join(tenant).join(room)
    }

    /// Content of a file; `None` where it is too large.
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, GatewayError> {
        let file = File::open(path).map_err(GatewayError::file(path))?;
        let limit = u64::try_from(self.bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        let mut content = Vec::new();
        file.take(limit).read_to_end(&mut content).map_err(GatewayError::file(path))?;
        Ok((content.len() <= self.bytes_max).then_some(content))
    }

    fn refuse(
        &self,
        tenant: &str,
        path: &Path,
        name: &OsString,
        number: &str,
        reason: &str,
    ) -> Result<(), GatewayError> {
        let room = self.room(tenant, "refused");
        let name = numbered(number, name);
        let mut why = name.clone();
        why.push(".reason.txt");
        self.write(&room, &why.to_string_lossy(), reason.as_bytes())?;
        self.rename(path, &room.join(name), "file refused")
    }

    /// A file that is whole or not there, whatever stops when.
    fn write(&self, room: &Path, name: &str, content: &[u8]) -> Result<(), GatewayError> {
        let (path, part) = (room.join(name), room.join(format!(".{name}.part")));
        let mut file = File::create(&part).map_err(GatewayError::file(&part))?;
        file.write_all(content).and_then(|()| file.sync_all()).map_err(GatewayError::file(&part))?;
        self.rename(&part, &path, "file written")
    }

    fn rename(&self, from: &Path, to: &Path, step: &'static str) -> Result<(), GatewayError> {
        self.store.pass(step)?;
        fs::rename(from, to).map_err(GatewayError::file(from))?;
        for directory in [from.parent(), to.parent()].into_iter().flatten() {
            File::open(directory).and_then(|file| file.sync_all()).map_err(GatewayError::file(directory))?;
        }
        self.store.pass(step)
    }
}

/// Names of the files in a directory, sorted; those that begin with a dot are being written.
fn files(directory: &Path) -> Result<Vec<OsString>, GatewayError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(GatewayError::file(directory))? {
        let entry = entry.map_err(GatewayError::file(directory))?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let name = entry.file_name();
        if is_file && !name.as_encoded_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// A name that no other message's file has.
fn numbered(number: &str, name: &OsString) -> OsString {
    let mut numbered = OsString::from(format!("{number}-"));
    numbered.push(name);
    numbered
}
