//! A disk that is full: told as one, harms no reader, and is over when there is room again.

use std::path::{Path, PathBuf};
use std::process::Command;

use larder_schema::archive::ArchiveFormat;
use larder_tests::noise::Noise;
use larder_tests::{Parcel, TestRegistry, build};

const MIB: usize = 1 << 20;

/// A file system of its own in memory, as long as this lives.
pub(crate) struct SmallDisk(pub(crate) PathBuf);

impl SmallDisk {
    /// None where this user may not mount.
    pub(crate) fn mount(folder: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=24m", "larder-test"]).arg(folder);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

pub(crate) fn of_size(product: &str, bytes: usize) -> Parcel {
    let file = Noise::of(bytes as u64).bytes(bytes);
    build(product, "1.0.0-b1").format(ArchiveFormat::Tar).file("data", &file).pack()
}

#[tokio::test]
async fn a_full_disk_is_507_and_reads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        eprintln!("skipped: this user may not mount a small disk");
        return;
    };
    let registry = TestRegistry::start_with(|config| {
        config.data = disk.0.join("data");
        config.limits.spare_bytes = 4 * MIB as u64;
    })
    .await;
    let http = registry.admin();
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", b"a")).await;
    let (begun, late) = (of_size("begun", 4 * MIB), of_size("late", 2 * MIB));
    let size = begun.bytes().len() as u64;
    let location = http.begin_upload(begun.name(), size, Some(&begun.sha256())).await;
    http.patch(&location, 0, &begun.bytes()[..MIB]).await.expect(204);

    // Somebody else takes the room that is left.
    let filler = disk.0.join("filler");
    let full = std::fs::write(&filler, vec![1; 64 * MIB]);

    assert!(full.is_err(), "the disk is larger than it should be");
    let part = http.patch(&location, MIB as u64, &begun.bytes()[MIB..]).await;
    let new = http.ask_to_upload(late.name(), late.bytes().len() as u64, None).await;
    assert_eq!((part.problem().status, new.problem().status), (507, 507));
    assert_eq!(registry.fetch(afw.archive()).await, afw.bytes());
    registry.anybody().get(&afw.path()).await.expect(200);
    registry.anybody().get("/healthz").await.expect(200);

    std::fs::remove_file(&filler).unwrap();
    let stands = http.offset(&location).await;
    assert!(stands >= MIB as u64);
    http.patch(&location, stands, &begun.bytes()[stands as usize..]).await.expect(204);
    registry.upload_all(&[&late]).await;
    registry.publish_records(&http, &[&begun, &late]).await.expect(200);
    let too_large = http.ask_to_upload("a.tar", 20 * MIB as u64, None).await;
    assert_eq!(too_large.problem().status, 507);
    assert_eq!(registry.fetch(begun.archive()).await, begun.bytes());
    drop(registry);
}
