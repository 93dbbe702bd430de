//! Uploads through the registry, on a real catalog and real files.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp as Instant;
use larder_schema::{Checksum, Sums};

use super::*;
use crate::access;
use crate::blobs::Blobs;
use crate::catalog::Sqlite;
use crate::clock::Clock;
use crate::config::Config;
use crate::registry::Parts;
use crate::telemetry::Metrics;

/// A clock that stands where it is put.
struct StandingClock(std::sync::Mutex<Instant>);

impl Clock for StandingClock {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }
}

struct House {
    folder: tempfile::TempDir,
    clock: Arc<StandingClock>,
    registry: Registry,
    caller: Caller,
}

impl House {
    async fn build() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(StandingClock(std::sync::Mutex::new(Instant::UNIX_EPOCH)));
        let registry = registry(folder.path(), clock.clone());
        let caller = caller("ci");
        Self { folder, clock, registry, caller }
    }

    /// What is left when the process dies and starts again.
    async fn restart(&mut self) {
        self.registry = registry(self.folder.path(), self.clock.clone());
        self.registry.recover_uploads().await.unwrap();
    }

    async fn begin(&self, filename: &str, bytes: &[u8]) -> Standing {
        self.begin_promising(filename, bytes, None).await
    }

    async fn begin_promising(
        &self,
        filename: &str,
        bytes: &[u8],
        sha256: Option<Sha256>,
    ) -> Standing {
        let length = bytes.len() as u64;
        let new = NewUpload { filename: filename.to_owned(), sha256, length };
        self.registry.begin_upload(&self.caller, new).await.unwrap()
    }

    async fn send(&self, id: &str, offset: u64, bytes: &[u8]) -> Result<Standing, UploadError> {
        let body = stream::iter([Ok(Bytes::copy_from_slice(bytes))]);
        self.registry.append_upload(&self.caller, id, offset, None, body).await
    }

    async fn holds(&self, bytes: &[u8]) -> bool {
        let checksum = Checksum::Sha256(Sha256::of(bytes));
        let Some(archive) = self.registry.inner.catalog.archive(&checksum).await.unwrap() else {
            return false;
        };
        assert_eq!(archive.sums, Sums::of(bytes));
        let kept = self.folder.path().join("blobs").join(archive.key);
        assert_eq!(std::fs::read(kept).unwrap(), bytes);
        true
    }

    fn staged(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("staging")).unwrap().count()
    }
}

fn registry(folder: &Path, clock: Arc<StandingClock>) -> Registry {
    let (blobs, staging) = (folder.join("blobs"), folder.join("staging"));
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::create_dir_all(&staging).unwrap();
    let mut config = Config::default();
    config.limits.upload_sync_bytes = 1000;
    config.limits.uploads_per_token = 3;
    Registry::new(Parts {
        catalog: Arc::new(Sqlite::open(&folder.join("catalog.sqlite")).unwrap()),
        blobs: Blobs::open(&blobs).unwrap(),
        clock,
        config,
        metrics: Metrics::new(),
        staging,
        control: "unused".to_owned(),
    })
}

fn caller(token: &str) -> Caller {
    Caller::control(access::hash_of(token))
}

/// A tar of one file.
fn tar(content: &[u8]) -> Vec<u8> {
    let mut header = vec![0_u8; 512];
    header[..8].copy_from_slice(b"lib/file");
    header[100..108].copy_from_slice(b"0000644\0");
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut tar = header;
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    tar
}

#[tokio::test]
async fn an_archive_in_parts_is_kept_and_indexed() {
    let house = House::build().await;
    let bytes = tar(&[7; 5000]);
    let upload = house.begin("afw-17.0.1-b1-any.tar", &bytes).await;

    let first = house.send(&upload.id, 0, &bytes[..3000]).await.unwrap();
    let last = house.send(&upload.id, 3000, &bytes[3000..]).await.unwrap();

    assert_eq!((first.offset, last.offset), (3000, bytes.len() as u64));
    assert!(house.holds(&bytes).await);
    assert_eq!(house.staged(), 0);
    let contents = house.registry.inner.catalog.contents(&Sha256::of(&bytes), None, 10).await;
    assert_eq!(contents.unwrap()[0].path.as_str(), "lib/file");
    let after = house.registry.upload_standing(&house.caller, &upload.id).await.unwrap();
    assert_eq!(after.offset, bytes.len() as u64, "whoever missed the answer may ask");
}

#[tokio::test]
async fn the_same_archive_again_is_kept_once() {
    let house = House::build().await;
    let bytes = tar(b"x");

    for _ in 0..2 {
        let upload = house.begin("a.tar", &bytes).await;
        house.send(&upload.id, 0, &bytes).await.unwrap();
    }

    assert!(house.holds(&bytes).await);
    assert_eq!(house.registry.inner.blobs.documents("archives").await.unwrap().len(), 1);
}

#[tokio::test]
async fn bytes_that_the_disk_lost_are_put_back_by_sending_them_again() {
    let house = House::build().await;
    let bytes = tar(b"x");
    let upload = house.begin("a.tar", &bytes).await;
    house.send(&upload.id, 0, &bytes).await.unwrap();
    let key = house.registry.inner.blobs.documents("archives").await.unwrap().remove(0);
    house.registry.inner.blobs.delete(&key).await.unwrap();

    let upload = house.begin("a.tar", &bytes).await;
    house.send(&upload.id, 0, &bytes).await.unwrap();

    assert!(house.holds(&bytes).await);
}

#[tokio::test]
async fn a_wrong_sum_leaves_nothing_behind() {
    let house = House::build().await;
    let bytes = tar(b"x");
    let upload = house.begin_promising("a.tar", &bytes, Some(Sha256::of(b"other"))).await;

    let refusal = house.send(&upload.id, 0, &bytes).await;

    assert!(matches!(refusal, Err(UploadError::WrongSum { .. })));
    assert!(!house.holds(&bytes).await);
    assert_eq!(house.staged(), 0);
    assert!(matches!(house.send(&upload.id, 0, &bytes).await, Err(UploadError::Unknown)));
}

#[tokio::test]
async fn a_hostile_archive_leaves_nothing_behind() {
    let house = House::build().await;
    let mut bytes = tar(b"x");
    bytes.truncate(1024);
    let upload = house.begin("a.tar", &bytes).await;

    let refusal = house.send(&upload.id, 0, &bytes).await;

    assert!(matches!(refusal, Err(UploadError::Refused(_))), "{refusal:?}");
    assert!(!house.holds(&bytes).await);
    assert_eq!(house.staged(), 0);
    assert!(house.registry.inner.blobs.documents("archives").await.unwrap().is_empty());
}

#[tokio::test]
async fn what_came_before_the_connection_broke_counts() {
    let house = House::build().await;
    let bytes = tar(&[1; 9000]);
    let upload = house.begin("a.tar", &bytes).await;
    let parts = [Ok(Bytes::copy_from_slice(&bytes[..2500])), Err(BodyFault::Broken)];

    let broken =
        house.registry.append_upload(&house.caller, &upload.id, 0, None, stream::iter(parts)).await;

    assert!(matches!(broken, Err(UploadError::Broken { offset: 2500 })), "{broken:?}");
    house.send(&upload.id, 2500, &bytes[2500..]).await.unwrap();
    assert!(house.holds(&bytes).await);
}

#[tokio::test]
async fn a_part_with_a_sum_counts_whole_or_not_at_all() {
    let house = House::build().await;
    let bytes = tar(&[1; 9000]);
    let upload = house.begin("a.tar", &bytes).await;
    let sum: PartSum = "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=".parse().unwrap();
    let append = |parts: Vec<Result<Bytes, BodyFault>>| {
        let body = stream::iter(parts);
        house.registry.append_upload(&house.caller, &upload.id, 0, Some(sum.clone()), body)
    };

    let wrong = append(vec![Ok(Bytes::copy_from_slice(&bytes[..2500]))]).await;
    let broken =
        append(vec![Ok(Bytes::copy_from_slice(&bytes[..2500])), Err(BodyFault::Broken)]).await;

    assert!(matches!(wrong, Err(UploadError::WrongPart { offset: 0 })), "{wrong:?}");
    assert!(matches!(broken, Err(UploadError::Broken { offset: 0 })), "{broken:?}");
    house.send(&upload.id, 0, &bytes).await.unwrap();
    assert!(house.holds(&bytes).await);
}

#[tokio::test]
async fn one_sends_at_a_time_until_somebody_asks_where_it_stands() {
    let house = House::build().await;
    let bytes = tar(&[1; 9000]);
    let upload = house.begin("a.tar", &bytes).await;
    let (registry, caller, id) = (house.registry.clone(), house.caller.clone(), upload.id.clone());
    let begun = Arc::new(tokio::sync::Notify::new());
    let (saying, part) = (begun.clone(), Bytes::copy_from_slice(&bytes[..2500]));
    let slow = tokio::spawn(async move {
        let body = stream::once(async move { Ok(part) }).chain(stream::once(async move {
            saying.notify_one();
            std::future::pending::<Result<Bytes, BodyFault>>().await
        }));
        registry.append_upload(&caller, &id, 0, None, body).await
    });
    begun.notified().await;

    let second = house.send(&upload.id, 0, &bytes).await;
    let standing = house.registry.upload_standing(&house.caller, &upload.id).await.unwrap();

    assert!(matches!(second, Err(UploadError::Busy)), "{second:?}");
    assert_eq!(standing.offset, 2500);
    assert!(matches!(slow.await.unwrap(), Err(UploadError::Superseded { offset: 2500 })));
    house.send(&upload.id, 2500, &bytes[2500..]).await.unwrap();
}

#[tokio::test]
async fn a_wrong_offset_and_too_many_bytes_are_refused() {
    let house = House::build().await;
    let bytes = tar(b"x");
    let upload = house.begin("a.tar", &bytes).await;

    let offset = house.send(&upload.id, 5, &bytes).await;
    let longer = house.send(&upload.id, 0, &[bytes.clone(), vec![0]].concat()).await;

    assert!(matches!(offset, Err(UploadError::Offset { offset: 0, offered: 5 })));
    assert!(matches!(longer, Err(UploadError::TooMany { .. })), "{longer:?}");
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart() {
    let mut house = House::build().await;
    let bytes = tar(&[1; 9000]);
    let upload = house.begin("a.tar", &bytes).await;
    house.send(&upload.id, 0, &bytes[..4000]).await.unwrap();
    // Bytes that were written and never synced.
    let path = house.registry.inner.uploads.path(&upload.id);
    std::fs::write(&path, [&bytes[..4000], b"unsynced"].concat()).unwrap();

    house.restart().await;

    let standing = house.registry.upload_standing(&house.caller, &upload.id).await.unwrap();
    assert_eq!(standing.offset, 4000);
    house.send(&upload.id, 4000, &bytes[4000..]).await.unwrap();
    assert!(house.holds(&bytes).await);
}

#[tokio::test]
async fn what_came_whole_before_a_crash_is_completed() {
    let mut house = House::build().await;
    let bytes = tar(b"x");
    let upload = house.begin("a.tar", &bytes).await;
    std::fs::write(house.registry.inner.uploads.path(&upload.id), &bytes).unwrap();
    let length = bytes.len() as u64;
    house.registry.inner.catalog.advance_upload(&upload.id, length).await.unwrap();

    house.restart().await;

    let standing = house.registry.upload_standing(&house.caller, &upload.id).await.unwrap();
    assert_eq!(standing.offset, length);
    assert!(house.holds(&bytes).await);
}

#[tokio::test]
async fn an_empty_part_completes_what_came_whole() {
    let house = House::build().await;
    let bytes = tar(b"x");
    let upload = house.begin("a.tar", &bytes).await;
    std::fs::write(house.registry.inner.uploads.path(&upload.id), &bytes).unwrap();
    let length = bytes.len() as u64;
    house.registry.inner.catalog.advance_upload(&upload.id, length).await.unwrap();

    let standing = house.send(&upload.id, length, b"").await.unwrap();

    assert_eq!(standing.offset, length);
    assert!(house.holds(&bytes).await);
}

#[tokio::test]
async fn uploads_belong_to_their_token() {
    let house = House::build().await;
    let bytes = tar(b"x");
    let upload = house.begin("a.tar", &bytes).await;
    let other = caller("other");

    let standing = house.registry.upload_standing(&other, &upload.id).await;
    let dropped = house.registry.drop_upload(&other, &upload.id).await;
    let nobody = house.registry.upload_standing(&Caller::nobody(true), &upload.id).await;

    assert!(matches!(standing, Err(UploadError::Unknown)));
    assert!(matches!(dropped, Err(UploadError::Unknown)));
    assert!(matches!(nobody, Err(UploadError::Denied(_))));
}

#[tokio::test]
async fn more_than_the_quota_is_refused_until_one_is_dropped() {
    let house = House::build().await;
    let bytes = tar(b"x");
    let first = house.begin("a.tar", &bytes).await;
    house.begin("b.tar", &bytes).await;
    house.begin("c.tar", &bytes).await;
    let again = || NewUpload { filename: "d.tar".to_owned(), sha256: None, length: 1 };

    let refusal = house.registry.begin_upload(&house.caller, again()).await;
    house.registry.drop_upload(&house.caller, &first.id).await.unwrap();

    assert!(matches!(refusal, Err(UploadError::OverQuota { uploads: 3, .. })), "{refusal:?}");
    house.registry.begin_upload(&house.caller, again()).await.unwrap();
    assert_eq!(house.staged(), 3);
}

#[tokio::test]
async fn what_nobody_finished_is_swept() {
    let mut house = House::build().await;
    let bytes = tar(&[1; 9000]);
    let upload = house.begin("a.tar", &bytes).await;
    house.send(&upload.id, 0, &bytes[..4000]).await.unwrap();
    std::fs::write(house.folder.path().join("staging/stray.part"), b"x").unwrap();

    *house.clock.0.lock().unwrap() = Instant::from_second(2 * 86_400).unwrap();
    house.restart().await;
    house.registry.sweep_uploads().await.unwrap();

    assert_eq!(house.staged(), 0);
    assert!(house.registry.inner.catalog.uploads().await.unwrap().is_empty());
    assert!(matches!(house.send(&upload.id, 4000, b"").await, Err(UploadError::Unknown)));
}

#[tokio::test]
async fn names_and_lengths_are_looked_at_first() {
    let house = House::build().await;
    let begin = |filename: &str, length| {
        let new = NewUpload { filename: filename.to_owned(), sha256: None, length };
        house.registry.begin_upload(&house.caller, new)
    };

    for name in ["a.rpm", "a/b.tar", "", ".tar", "a\n.tar"] {
        assert!(matches!(begin(name, 1).await, Err(UploadError::Format { .. })), "{name}");
    }
    assert!(matches!(begin("a.tar", 1 << 60).await, Err(UploadError::TooLarge { .. })));
    assert_eq!(house.staged(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_asks_while_an_upload_ends_is_never_told_that_there_is_none() {
    let house = House::build().await;
    let mut asked = 0;
    for number in 0_u32..60 {
        let bytes = tar(&number.to_be_bytes());
        let upload = house.begin("a.tar", &bytes).await;
        let done = std::sync::atomic::AtomicBool::new(false);
        let mut ask = async || {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let row = house.registry.inner.catalog.upload(&upload.id).await.unwrap();
                let standing = house.registry.inner.uploads.done(&house.caller, &upload.id);
                assert!(row.is_some() || standing.is_some(), "an upload was nowhere");
                asked += 1;
            }
        };
        let send = async || {
            house.send(&upload.id, 0, &bytes).await.unwrap();
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        };

        tokio::join!(ask(), send());
    }

    assert!(asked > 60, "nobody asked");
}

#[tokio::test]
async fn an_upload_that_was_refused_is_not_remembered_as_done() {
    let house = House::build().await;
    let upload = house.begin("a.tar", b"this is no tar at all").await;

    let refused = house.send(&upload.id, 0, b"this is no tar at all").await;
    let asked = house.registry.upload_standing(&house.caller, &upload.id).await;

    assert!(matches!(refused, Err(UploadError::Refused(_))), "{refused:?}");
    assert!(matches!(asked, Err(UploadError::Unknown)), "{asked:?}");
}
