//! Where uploads stand that were begun: so that a later run goes on with them.
//!
//! One small file for each archive and server, in the folder of the settings. It is locked while
//! somebody sends: two programs that sent to one upload would interrupt each other for ever, so the
//! second begins one of its own. To lose a file costs sending again, nothing else; therefore
//! nothing that goes wrong here stops an upload.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use larder_schema::Sha256;
use serde::{Deserialize, Serialize};

/// The most bytes that are read of a file.
const MAX_BYTES: u64 = 64 << 10;

/// Remembers uploads in a folder, or nowhere.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    folder: Option<PathBuf>,
}

/// What is known of one upload.
#[derive(Serialize, Deserialize)]
struct Remembered {
    server: String,
    sha256: Sha256,
    url: String,
}

/// The place for one upload, held against others.
#[derive(Debug)]
pub struct Slot {
    held: Option<(PathBuf, File)>,
    server: String,
    sha256: Sha256,
}

impl Memory {
    /// Remembers in `folder`.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder: Some(folder) }
    }

    /// The place for the upload of `sha256` to `server`.
    pub fn slot(&self, server: &str, sha256: Sha256) -> Slot {
        let held = self.folder.as_ref().and_then(|folder| hold(folder, server, sha256));
        Slot { held, server: server.to_owned(), sha256 }
    }
}

fn hold(folder: &Path, server: &str, sha256: Sha256) -> Option<(PathBuf, File)> {
    let name = Sha256::of(format!("{server} {sha256}").as_bytes());
    let path = folder.join(format!("{name}.json"));
    fs::create_dir_all(folder).ok()?;
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).ok()?;
    file.try_lock().ok()?;
    Some((path, file))
}

impl Slot {
    /// The address of the upload that was begun.
    pub fn url(&mut self) -> Option<String> {
        let (_, file) = self.held.as_mut()?;
        file.rewind().ok()?;
        let mut text = String::new();
        file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
        let known: Remembered = serde_json::from_str(&text).ok()?;
        (known.server == self.server && known.sha256 == self.sha256).then_some(known.url)
    }

    /// Keeps the address of the upload.
    pub fn remember(&mut self, url: &str) {
        let (server, sha256) = (self.server.clone(), self.sha256);
        let text = serde_json::to_vec(&Remembered { server, sha256, url: url.to_owned() });
        if let (Some((_, file)), Ok(text)) = (self.held.as_mut(), text) {
            let written =
                file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&text));
            // Half a file is read as none.
            drop(written);
        }
    }

    /// Forgets the upload: it is done, or gone.
    pub fn forget(&mut self) {
        if let Some((_, file)) = self.held.as_mut() {
            drop(file.set_len(0));
        }
    }
}

/// A slot without an upload leaves no file.
impl Drop for Slot {
    fn drop(&mut self) {
        if let Some((path, file)) = self.held.as_ref()
            && file.metadata().is_ok_and(|metadata| metadata.len() == 0)
        {
            drop(fs::remove_file(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_remembered_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::in_folder(folder.path().join("uploads"));
        let sum = Sha256::of(b"x");
        memory.slot("https://a", sum).remember("https://a/uploads/a-long-name");
        memory.slot("https://a", sum).remember("https://a/uploads/1");

        assert_eq!(memory.slot("https://a", sum).url().as_deref(), Some("https://a/uploads/1"));
        assert_eq!(memory.slot("https://b", sum).url(), None);
        memory.slot("https://a", sum).forget();
        assert_eq!(memory.slot("https://a", sum).url(), None);
        assert_eq!(fs::read_dir(folder.path().join("uploads")).unwrap().count(), 0);
    }

    #[test]
    fn who_comes_second_has_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::in_folder(folder.path().to_owned());
        let sum = Sha256::of(b"x");
        let mut first = memory.slot("https://a", sum);
        first.remember("https://a/uploads/1");
        let mut second = memory.slot("https://a", sum);
        second.remember("https://a/uploads/2");
        assert_eq!(second.url(), None);
        assert_eq!(first.url().as_deref(), Some("https://a/uploads/1"));
    }

    #[test]
    fn nonsense_is_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::in_folder(folder.path().to_owned());
        let sum = Sha256::of(b"x");
        memory.slot("https://a", sum).remember("https://a/uploads/1");
        let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        fs::write(file, "{\"server\":").unwrap();
        assert_eq!(memory.slot("https://a", sum).url(), None);
        assert_eq!(Memory::default().slot("https://a", sum).url(), None);
    }
}
