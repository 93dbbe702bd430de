//! A server that goes back is found, what it says is remembered, and what cannot be read is said.

use super::*;

fn tag(serial: u64, version: &str) -> Said {
    let tag = SaidOfTag {
        name: "apps".parse().unwrap(),
        tag: "current".parse().unwrap(),
        serial,
        version: version.parse().unwrap(),
    };
    Said { tags: vec![tag], ..Said::default() }
}

fn distribution(version: &str, digest: &str) -> Said {
    let key = DistributionName {
        name: "apps".parse().unwrap(),
        version: version.parse().unwrap(),
        platform: Platform::Any,
    };
    let digest = Digest::of(digest.as_bytes());
    Said { distributions: vec![SaidOf { key, digest }], ..Said::default() }
}

fn server(port: u16) -> Origin {
    format!("http://127.0.0.1:{port}").parse().unwrap()
}

#[test]
fn a_server_that_goes_back_is_found_and_accepted_only_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let memory = |accepts| Memory::new(folder.path().join("store"), accepts);
    let hear = |accepts, said: &Said| memory(accepts).hear(&server(1), said);
    hear(false, &tag(2, "1.0.1")).unwrap();
    hear(false, &distribution("1.0.1", "a")).unwrap();
    hear(false, &tag(3, "1.0.2")).unwrap();

    for said in [tag(2, "1.0.1"), tag(3, "1.0.1"), distribution("1.0.1", "b")] {
        assert!(matches!(hear(false, &said), Err(Error::Rollback(_))), "{said:?}");
        memory(false).hear(&server(2), &said).unwrap();
    }
    hear(true, &tag(1, "1.0.0")).unwrap();
    hear(false, &tag(1, "1.0.0")).unwrap();
    hear(true, &distribution("1.0.1", "b")).unwrap();
    hear(false, &distribution("1.0.1", "b")).unwrap();
}

#[test]
fn what_is_gone_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let memory = |accepts| Memory::new(folder.path().join("store"), accepts);
    let (name, label) = ("apps".parse().unwrap(), "current".parse().unwrap());
    let newest = |version: &str| {
        let version = version.parse().unwrap();
        memory(false).hear_of_newest(&server(1), &name, &Platform::Any, Some(&version))
    };
    memory(false).hear_of_no_tag(&server(1), &name, &label).unwrap();
    memory(false).hear(&server(1), &tag(1, "1.0.0")).unwrap();
    memory(false).hear(&server(1), &distribution("1.0.1", "a")).unwrap();

    assert!(memory(false).hear_of_no_tag(&server(1), &name, &label).is_err());
    memory(true).hear_of_no_tag(&server(1), &name, &label).unwrap();
    memory(false).hear_of_no_tag(&server(1), &name, &label).unwrap();
    newest("1.0.1").unwrap();
    newest("1.0.2").unwrap();
    assert!(newest("1.0.0").is_err());
}

#[test]
fn what_cannot_be_read_is_no_memory_until_somebody_accepts_it() {
    let folder = tempfile::tempdir().unwrap();
    let memory = |accepts| Memory::new(folder.path().join("store"), accepts);
    memory(false).hear(&server(1), &tag(2, "1.0.1")).unwrap();
    let path = file(&Store::look(&memory(false).store).unwrap(), &server(1));

    std::fs::write(&path, "{\"tags\"").unwrap();
    let malformed = memory(false).hear(&server(1), &tag(1, "1.0.0"));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let unreadable = memory(false).hear(&server(1), &tag(1, "1.0.0"));
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, "{").unwrap();
    memory(true).hear(&server(1), &tag(1, "1.0.0")).unwrap();

    assert!(matches!(malformed, Err(Error::Malformed { .. })));
    assert!(matches!(unreadable, Err(Error::Unreadable { .. })));
    memory(false).hear(&server(1), &tag(1, "1.0.0")).unwrap();
    assert!(memory(false).hear(&server(1), &tag(0, "1.0.0")).is_err());
}

#[test]
fn what_says_too_much_is_not_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(MOST_BYTES + 1).unwrap();
    assert!(matches!(read(file.path()), Err(Error::TooLarge { .. })));
}

#[test]
fn what_many_hear_at_once_is_all_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(folder.path().join("store"), false);
    std::thread::scope(|scope| {
        for number in 0..16 {
            let memory = &memory;
            scope.spawn(move || {
                let version = format!("1.0.{number}");
                memory.hear(&server(1), &distribution(&version, &version)).unwrap();
            });
        }
    });

    let known = read(&file(&Store::look(&memory.store).unwrap(), &server(1))).unwrap();
    assert_eq!(known.distributions.len(), 16);
}
