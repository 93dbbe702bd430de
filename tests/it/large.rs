//! An archive of 4 GiB, up and down, over connections that are cut: in the memory of a small one.
//!
//! Only with `LARDER_CAMPAIGN=1`: it takes minutes and 20 GiB of disk.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Instant;

use larder_schema::archive::ArchiveFormat;
use larder_tests::archives::header;
use larder_tests::data::is_campaign;
use larder_tests::noise::Noise;
use larder_tests::process::watch;
use larder_tests::{Larder, Proxy, ServerProcess};
use tar::EntryType;

const MIB: u64 = 1 << 20;
const SIZE: u64 = 4096 * MIB;
const CUTS: u64 = 10;

/// A tar with one file of so many bytes that do not shrink; nothing of it is sparse.
fn write_archive(path: &Path) -> u64 {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut header = header("data/large", EntryType::Regular, 0o644);
    header.set_size(SIZE);
    header.set_cksum();
    file.write_all(header.as_bytes()).unwrap();
    let mut noise = Noise::of(4);
    let mut block = noise.bytes(MIB as usize);
    for at in 0..SIZE / MIB {
        // No two blocks are alike.
        block[..8].copy_from_slice(&(at ^ noise.number()).to_le_bytes());
        file.write_all(&block).unwrap();
    }
    file.write_all(&[0; 1024]).unwrap();
    file.into_inner().unwrap().sync_all().unwrap();
    path.metadata().unwrap().len()
}

fn spawn(larder: &Larder, arguments: &[&str]) -> Child {
    let mut command = larder.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[tokio::test]
async fn four_gibibytes_go_up_and_down_in_little_memory_with_ten_cuts_each_way() {
    if !is_campaign() {
        eprintln!("skipped: LARDER_CAMPAIGN=1 asks for it");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&folder.path().join("data"));
    server.ready().await;
    let proxy = Proxy::start(server.address()).await;
    let larder = Larder::new(proxy.origin(), Some(&server.admin_token()));
    let name = format!("large-1.0.0-b1-any.{}", ArchiveFormat::Tar.extension());
    let size = write_archive(&larder.write(&name, b""));

    let (mut peaks, mut took) = (Vec::new(), Vec::new());
    for (arguments, goes_up) in [
        (&["publish", &name, "--distribution", "large@1.0.0", "--platform", "any"][..], true),
        (&["install", "large@1.0.0", "--prefix", "env"], false),
    ] {
        let before = proxy.cuts();
        if goes_up {
            proxy.cut_going_up(size / (CUTS + 1), CUTS);
        } else {
            proxy.cut_coming_down(size / (CUTS + 1), CUTS);
        }
        let began = Instant::now();
        let (ran, peak) = watch(spawn(&larder, arguments));
        ran.expect(0);
        assert_eq!(proxy.cuts() - before, CUTS);
        peaks.push(peak);
        took.push(began.elapsed());
    }
    larder.ok(["verify", "--prefix", "env"]);

    let (server, client) = (server.peak_memory(), peaks.iter().copied().max().unwrap());
    eprintln!(
        "4 GiB with {CUTS} cuts each way: the server had {} MiB at most, the client {} MiB \
         (publish {}, install {}); up in {:.0?}, down and unpacked in {:.0?}",
        server / MIB,
        client / MIB,
        peaks[0] / MIB,
        peaks[1] / MIB,
        took[0],
        took[1]
    );
    assert!(server < 100 * MIB, "the server had {} MiB", server / MIB);
    assert!(client < 150 * MIB, "the client had {} MiB", client / MIB);
    assert!(client > MIB, "nobody looked at the client");
}
