//! The stock EUPS client, where `EUPS_HOME` names one: folders where it is installed, with `:` between
//! them. Its requests are played in `eups.rs` in every run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use larder_tests::data;
use larder_tests::{Larder, Ran, TestRegistry, build};
use serde_json::json;

use crate::real::with_python;

/// Each client that is here; where there is none, that is said.
pub(crate) fn clients() -> Vec<PathBuf> {
    let homes = std::env::var_os("EUPS_HOME").unwrap_or_default();
    let homes: Vec<PathBuf> =
        std::env::split_paths(&homes).filter(|home| home.join("bin/setups.sh").is_file()).collect();
    if homes.is_empty() {
        eprintln!("skipped: EUPS_HOME names no installed EUPS");
    }
    homes
}

/// A user of EUPS: a client, a stack of their own, and a package root.
pub(crate) struct User {
    client: PathBuf,
    pub(crate) stack: PathBuf,
    root: String,
}

impl User {
    pub(crate) fn new(client: &Path, folder: &Path, root: String) -> Self {
        let stack = folder.join(format!("stack{}", std::fs::read_dir(folder).unwrap().count()));
        std::fs::create_dir_all(stack.join("ups_db")).unwrap();
        Self { client: client.to_owned(), stack, root }
    }

    /// Runs lines of bash in which EUPS was begun.
    pub(crate) fn bash(&self, lines: &str) -> Ran {
        let begin = "set -e\n. \"$CLIENT/bin/setups.sh\"\nexport EUPS_PATH=\"$STACK\"\n";
        let mut bash = Command::new("bash");
        bash.arg("-c")
            .arg(format!("{begin}{lines}"))
            .env("CLIENT", &self.client)
            .env("STACK", &self.stack)
            .env("HOME", &self.stack)
            .env("EUPS_PKGROOT", &self.root)
            .env_remove("EUPS_DIR");
        Ran::of(with_python(&mut bash).output().unwrap())
    }
}

#[tokio::test]
async fn the_stock_client_installs_wheels_that_never_saw_it_and_sets_them_up() {
    let clients = clients();
    if clients.is_empty() {
        return;
    }
    let Some(wheels) = data::wheels("4300") else { return };
    let registry = TestRegistry::start().await;
    let larder = Larder::new(registry.origin(), registry.admin().token());
    let import = ["import", "wheel", "--build", "q1", "--tag", "current"];
    let distribution = ["--distribution", "lsst_butler@30.2026.4300"];
    let files: Vec<&str> = wheels.iter().map(|file| file.to_str().unwrap()).collect();
    larder.ok([&import[..], &distribution[..], &files[..]].concat());
    for client in clients {
        let root = format!("{}/eups/linux-x86_64", registry.origin());
        let user = User::new(&client, registry.folder(), root);

        let list = user.bash("eups distrib list").expect(0).stdout;
        let of_tag = user.bash("eups distrib list -t current").expect(0).stdout;
        let tags = user.bash("eups distrib tags").expect(0).stdout;
        let installed = user.bash("eups distrib install -t current lsst_daf_butler").expect(0);
        let again = user.bash("eups distrib install lsst_daf_butler 30.2026.4300+q1").expect(0);
        let works = user.bash(
            "setup lsst_daf_butler\neups list -s | grep -c setup\n\
             python3 -c 'import lsst.daf.butler, pyarrow, astropy'\nbutler --help >/dev/null\n\
             unsetup lsst_daf_butler\ntest -z \"${LSST_DAF_BUTLER_DIR:-}${NUMPY_DIR:-}\"\n\
             setup -j numpy\ntest -n \"$NUMPY_DIR\" && test -z \"${PYARROW_DIR:-}\"\n",
        );
        let unknown = user.bash("eups distrib install -t w_1 numpy");

        assert!(list.contains("lsst_daf_butler") && list.contains("30.2026.4300+q1"), "{list}");
        // Some clients print a product for each flavor that they look for.
        let products: BTreeSet<&str> =
            of_tag.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(products.len(), wheels.len(), "{of_tag}");
        assert!(tags.contains("current") && tags.contains("v30_2026_4300"), "{tags}");
        assert_eq!(installed.all().matches("done.").count(), wheels.len(), "{}", installed.all());
        assert!(again.all().contains("already installed"), "{}", again.all());
        // With EUPS itself.
        let count: usize = works.expect(0).stdout.lines().next().unwrap().trim().parse().unwrap();
        assert_eq!(count, wheels.len() + 1);
        assert!(unknown.all().contains("not found"), "{}", unknown.all());
    }
}

#[tokio::test]
async fn the_stock_client_sets_up_what_a_requirement_admits_of_several_that_are_installed() {
    let clients = clients();
    if clients.is_empty() {
        return;
    }
    let registry = TestRegistry::start().await;
    let old = build("log", "1.2.0-b1").file("a", b"old").pack();
    let new = build("log", "3.2.0-b9").file("a", b"new").pack();
    let against = json!({"build": "1.2.0-b1"});
    let pinned = json!([{"product": "log", "requirement": ">=1", "built_against": against}]);
    let parcels = [
        &old,
        &new,
        &build("needs_old", "1.0.0-b1").needs("log", "^1").file("a", b"a").pack(),
        &build("needs_new", "1.0.0-b1").needs("log", "^3").file("a", b"b").pack(),
        &build("needs_any", "1.0.0-b1").needs("log", "*").file("a", b"c").pack(),
        &build("pinned", "1.0.0-b1").field("dependencies", pinned).file("a", b"d").pack(),
        &build("needs_none", "1.0.0-b1").needs("log", "^2 || ^3").file("a", b"e").pack(),
    ];
    registry.publish_all(&parcels).await;
    for client in clients {
        let root = format!("{}/eups/linux-x86_64", registry.origin());
        let user = User::new(&client, registry.folder(), root);
        let products = ["needs_old", "needs_new", "needs_any", "pinned", "needs_none"];
        for version in ["log 1.2.0+b1", "log 3.2.0+b9"] {
            user.bash(&format!("eups distrib install {version}")).expect(0);
        }
        for product in products {
            user.bash(&format!("eups distrib install -j {product} 1.0.0+b1")).expect(0);
        }

        let taken = products
            .map(|product| user.bash(&format!("setup {product}\ncat $LOG_DIR/a")).expect(0).stdout);
        let without = user.bash("eups remove log 3.2.0+b9 --force\nsetup needs_new\necho $LOG_DIR");

        assert_eq!(taken, ["old", "new", "new", "old", "new"]);
        assert!(without.all().contains("needs_new"), "what is not met is told: {}", without.all());
    }
}
