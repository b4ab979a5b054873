//! The bytes of attachments, in files named by the SHA-256 of what they hold, under the data directory:
//! `attachments/0a/0a1b…`. Of one content there is one file.
//!
//! A file is written beside, put to disk, and only then given its name, and the directory is put to
//! disk before anybody keeps that it is there. So whatever happens in between leaves bytes that nobody
//! speaks of, never a word of bytes that are not there; they are swept at the next start.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use crate::desk::media::{HEAD, Media};
use crate::desk::papers::{FILE_BYTES, File, Unfit};

/// Where they lie.
#[derive(Clone, Debug)]
pub struct Files {
    dir: PathBuf,
}

/// A file that is coming in; dropped, it leaves nothing.
#[derive(Debug)]
pub struct Incoming {
    dir: PathBuf,
    path: PathBuf,
    file: tokio::fs::File,
    hash: Sha256,
    bytes: i64,
    head: Vec<u8>,
}

/// Why there is no such file now.
#[derive(Debug)]
pub enum FileError {
    /// It is not one that may lie here.
    Unfit(Unfit),
    /// The bytes on disk are not those that were attached.
    Damaged,
    Disk(io::Error),
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        FileError::Disk(error)
    }
}

/// Files that are not whole yet.
const INCOMING: &str = "incoming";

impl Files {
    /// Within a data directory.
    pub fn within(data: &Path) -> Files {
        Files { dir: data.join("attachments") }
    }

    pub async fn receive(&self) -> io::Result<Incoming> {
        let within = self.dir.join(INCOMING);
        make(&within)?;
        let path = within.join(format!("{:032x}", rand::random::<u128>()));
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let file = tokio::fs::File::from_std(file);
        Ok(Incoming { dir: self.dir.clone(), path, file, hash: Sha256::new(), bytes: 0, head: Vec::new() })
    }

    /// The bytes, where they are still what was attached.
    pub async fn read(&self, sha256: &str) -> Result<Vec<u8>, FileError> {
        let bytes = tokio::fs::read(path_of(&self.dir, sha256)).await?;
        if hex(&Sha256::digest(&bytes)) == sha256 { Ok(bytes) } else { Err(FileError::Damaged) }
    }

    /// Takes away what nobody speaks of: what was not whole when the daemon ended, and what no row was
    /// kept for. Only while nothing is coming in.
    pub fn sweep(&self, kept: &BTreeSet<String>) -> io::Result<usize> {
        let mut swept = 0;
        for folder in listed(&self.dir)? {
            let is_incoming = folder.file_name().is_some_and(|name| name == INCOMING);
            for path in listed(&folder)? {
                let is_kept = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| kept.contains(name));
                if is_incoming || !is_kept {
                    fs::remove_file(&path)?;
                    swept += 1;
                }
            }
        }
        Ok(swept)
    }
}

impl Incoming {
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.bytes += i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        if self.bytes > FILE_BYTES {
            return Err(FileError::Unfit(Unfit::Large));
        }
        let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        self.hash.update(bytes);
        Ok(self.file.write_all(bytes).await?)
    }

    /// Gives it its name, once it is on disk.
    pub async fn keep(mut self, name: &str) -> Result<File, FileError> {
        let media = Media::of(name, &self.head).ok_or(FileError::Unfit(Unfit::Media))?;
        self.file.flush().await?;
        self.file.sync_all().await?;
        let sha256 = hex(&std::mem::take(&mut self.hash).finalize());
        let path = path_of(&self.dir, &sha256);
        let folder = path.parent().unwrap_or(&self.dir).to_owned();
        make(&folder)?;
        tokio::fs::rename(&self.path, &path).await?;
        for folder in [&folder, &self.dir] {
            tokio::fs::File::open(folder).await?.sync_all().await?;
        }
        Ok(File { name: media.clean_name(name), media, bytes: self.bytes, sha256 })
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Not there any more where it was kept.
        let _ = fs::remove_file(&self.path);
    }
}

fn path_of(dir: &Path, sha256: &str) -> PathBuf {
    dir.join(sha256.get(..2).unwrap_or_default()).join(sha256)
}

fn make(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn listed(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    async fn received(files: &Files, bytes: &[u8]) -> Incoming {
        let mut incoming = files.receive().await.unwrap();
        for piece in bytes.chunks(7) {
            incoming.write(piece).await.unwrap();
        }
        incoming
    }

    fn all(dir: &Path) -> usize {
        listed(dir).unwrap().iter().map(|folder| listed(folder).unwrap().len()).sum()
    }

    #[tokio::test]
    async fn one_content_is_one_file_that_nobody_else_reads() {
        let data = tempfile::tempdir().unwrap();
        let files = Files::within(data.path());
        let first = received(&files, b"%PDF-1.7 an invoice").await.keep("发票.pdf").await.unwrap();
        let again = received(&files, b"%PDF-1.7 an invoice").await.keep("other.pdf").await.unwrap();
        assert_eq!((first.sha256.as_str(), first.bytes), (again.sha256.as_str(), 19));
        assert_eq!(all(&data.path().join("attachments")), 1);
        let path = path_of(&data.path().join("attachments"), &first.sha256);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(files.read(&first.sha256).await.unwrap(), b"%PDF-1.7 an invoice");

        fs::write(&path, b"%PDF-1.7 another one").unwrap();
        assert!(matches!(files.read(&first.sha256).await, Err(FileError::Damaged)));
        // Whoever attaches it again mends it.
        received(&files, b"%PDF-1.7 an invoice").await.keep("mend.pdf").await.unwrap();
        assert!(files.read(&first.sha256).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_refused_or_given_up_leaves_nothing() {
        let data = tempfile::tempdir().unwrap();
        let files = Files::within(data.path());
        let refused = received(&files, b"MZ\x90\0").await.keep("a.pdf").await;
        assert!(matches!(refused, Err(FileError::Unfit(Unfit::Media))));
        let mut large = files.receive().await.unwrap();
        let piece = vec![b'x'; 1024 * 1024];
        let mut outcome = Ok(());
        for _ in 0..21 {
            outcome = large.write(&piece).await;
        }
        assert!(matches!(outcome, Err(FileError::Unfit(Unfit::Large))));
        drop(large);
        assert_eq!(all(&data.path().join("attachments")), 0);
    }

    /// Wherever the daemon was killed: what has a row is there, and the rest is swept.
    #[tokio::test]
    async fn what_nobody_speaks_of_is_swept_and_nothing_else() {
        let data = tempfile::tempdir().unwrap();
        let files = Files::within(data.path());
        let kept = received(&files, b"%PDF-1 kept").await.keep("a.pdf").await.unwrap();
        let orphan = received(&files, b"%PDF-1 killed before its row").await.keep("b.pdf").await.unwrap();
        // As `kill -9` leaves it: nothing is dropped.
        std::mem::forget(received(&files, b"%PDF-1 killed before its name").await);
        assert_eq!(all(&data.path().join("attachments")), 3);
        assert_eq!(files.sweep(&[kept.sha256.clone()].into()).unwrap(), 2);
        assert!(files.read(&kept.sha256).await.is_ok());
        assert!(matches!(files.read(&orphan.sha256).await, Err(FileError::Disk(_))));
    }
}
