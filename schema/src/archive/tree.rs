//! The tree that the entries make: what may lie where, and where links lead.
//!
//! Contents are of no concern here. A folder's name is stored once for all that lies in it, so that
//! deep paths cost no more memory than they have bytes.

use std::collections::BTreeMap;

use super::limits::within;
use super::{ArchiveError, Limits};
use crate::contents::link_stays_inside;
use crate::{Entry, EntryKind, EntryPath, shown};

/// What lies at a path; files and links with their number in the list of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File(usize),
    Link(usize),
}

#[derive(Debug)]
struct Node {
    /// `None`: a folder that no entry names.
    kind: Option<Kind>,
    children: BTreeMap<Box<str>, usize>,
}

/// All that an archive's entries put into the root so far.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    name_bytes: u64,
}

const ROOT: usize = 0;

/// Linux follows no more links than this on one path (`path_resolution(7)`).
const MAX_HOPS: u32 = 40;

impl Tree {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node { kind: None, children: BTreeMap::new() }], name_bytes: 0 }
    }

    /// Puts an entry at `path`; says whether it is new, which a folder named again is not.
    pub(super) fn add(
        &mut self,
        path: &EntryPath,
        kind: Kind,
        limits: &Limits,
    ) -> Result<bool, ArchiveError> {
        self.take_name(path.as_str(), limits)?;
        let folder = self.folder_of(path, limits)?;
        let Some(&here) = self.nodes[folder].children.get(path.name()) else {
            self.grow(folder, path.name(), Some(kind), limits)?;
            return Ok(true);
        };
        match (self.nodes[here].kind, kind) {
            (None, Kind::Folder) => {
                self.nodes[here].kind = Some(kind);
                Ok(true)
            }
            (None, _) => Err(self.not_a_folder(path, here, kind)),
            (Some(Kind::Folder), Kind::Folder) => Ok(false),
            (Some(_), _) => Err(ArchiveError::Duplicate { path: shown(path.as_str()) }),
        }
    }

    /// The number of the file at `path`, if there is one.
    pub(super) fn file(&self, path: &EntryPath) -> Option<usize> {
        let mut here = ROOT;
        for part in path.as_str().split('/') {
            here = *self.nodes[here].children.get(part)?;
        }
        match self.nodes[here].kind {
            Some(Kind::File(number)) => Some(number),
            _ => None,
        }
    }

    /// Counts a path or the target of a link.
    pub(super) fn take_name(&mut self, name: &str, limits: &Limits) -> Result<(), ArchiveError> {
        self.name_bytes += name.len() as u64;
        within(self.name_bytes, limits.name_bytes, "name_bytes")
    }

    /// The folder that `path` lies in, made where no entry has named it.
    fn folder_of(&mut self, path: &EntryPath, limits: &Limits) -> Result<usize, ArchiveError> {
        let mut here = ROOT;
        for folder in path.ancestors() {
            let name = folder.rsplit('/').next().unwrap_or(folder);
            here = match self.nodes[here].children.get(name) {
                Some(&child) => child,
                None => self.grow(here, name, None, limits)?,
            };
            match self.nodes[here].kind {
                None | Some(Kind::Folder) => {}
                Some(Kind::File(_)) => {
                    let (path, file) = (shown(path.as_str()), shown(folder));
                    return Err(ArchiveError::InsideFile { path, file });
                }
                Some(Kind::Link(_)) => {
                    let (path, link) = (shown(path.as_str()), shown(folder));
                    return Err(ArchiveError::ThroughLink { path, link });
                }
            }
        }
        Ok(here)
    }

    fn grow(
        &mut self,
        folder: usize,
        name: &str,
        kind: Option<Kind>,
        limits: &Limits,
    ) -> Result<usize, ArchiveError> {
        let number = self.nodes.len();
        within(number as u64, limits.entries, "entries")?;
        self.nodes.push(Node { kind, children: BTreeMap::new() });
        self.nodes[folder].children.insert(name.into(), number);
        Ok(number)
    }

    /// The refusal of a file or link at `path`, where earlier entries need a folder.
    fn not_a_folder(&self, path: &EntryPath, node: usize, kind: Kind) -> ArchiveError {
        let child = self.nodes[node].children.keys().next().map_or("", |name| name);
        let inside = shown(&format!("{path}/{child}"));
        match kind {
            Kind::Link(_) => ArchiveError::ThroughLink { path: inside, link: shown(path.as_str()) },
            Kind::File(_) | Kind::Folder => {
                ArchiveError::InsideFile { path: inside, file: shown(path.as_str()) }
            }
        }
    }

    /// Follows every link among `entries` through all other links: none may lead out of the root.
    ///
    /// Links that lead nowhere or in a circle are allowed, as long as no step leaves the root.
    pub(super) fn check_links(
        &self,
        entries: &[Entry],
        limits: &Limits,
    ) -> Result<(), ArchiveError> {
        let mut steps = limits.link_steps;
        for entry in entries {
            if let EntryKind::Link { target } = &entry.kind {
                self.check_link(&entry.path, target, entries, &mut || {
                    steps = steps.checked_sub(1)?;
                    Some(())
                })
                .map_err(|fault| match fault {
                    Fault::Leaves => leaves(&entry.path, target),
                    Fault::TooLong => {
                        ArchiveError::Limit { name: "link_steps", limit: limits.link_steps }
                    }
                })?;
            }
        }
        Ok(())
    }

    fn check_link(
        &self,
        path: &EntryPath,
        target: &str,
        entries: &[Entry],
        step: &mut dyn FnMut() -> Option<()>,
    ) -> Result<(), Fault> {
        let mut place = Place::default();
        let mut hops = 0;
        // What is ahead, the next part last: the folder of the link, which holds no link, and then
        // the target.
        let folder = path.as_str().rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut ahead: Vec<&str> = target.rsplit('/').chain(folder.rsplit('/')).collect();
        while let Some(part) = ahead.pop() {
            step().ok_or(Fault::TooLong)?;
            match part {
                "" | "." => continue,
                ".." => {
                    place.up().ok_or(Fault::Leaves)?;
                    continue;
                }
                _ => {}
            }
            let child = place.node().and_then(|node| self.nodes[node].children.get(part)).copied();
            let Some(further) = child.and_then(|child| self.target(child, entries)) else {
                place.down(child);
                continue;
            };
            hops += 1;
            if hops > MAX_HOPS {
                return Ok(());
            }
            ahead.extend(further.rsplit('/'));
        }
        Ok(())
    }

    fn target<'a>(&self, node: usize, entries: &'a [Entry]) -> Option<&'a str> {
        let Some(Kind::Link(number)) = self.nodes[node].kind else { return None };
        match &entries[number].kind {
            EntryKind::Link { target } => Some(target),
            EntryKind::File { .. } | EntryKind::Folder => None,
        }
    }
}

enum Fault {
    Leaves,
    TooLong,
}

/// A way down from the root; a part that is not there is `None`, and so is all below it.
#[derive(Debug, Default)]
struct Place(Vec<Option<usize>>);

impl Place {
    fn node(&self) -> Option<usize> {
        self.0.last().copied().unwrap_or(Some(ROOT))
    }

    fn down(&mut self, child: Option<usize>) {
        self.0.push(child);
    }

    fn up(&mut self) -> Option<()> {
        self.0.pop().map(|_| ())
    }
}

/// The refusal of a link that leaves the root by its name alone.
pub(super) fn check_link_name(path: &EntryPath, target: &str) -> Result<(), ArchiveError> {
    if link_stays_inside(path, target) { Ok(()) } else { Err(leaves(path, target)) }
}

fn leaves(path: &EntryPath, target: &str) -> ArchiveError {
    ArchiveError::LinkLeaves { path: shown(path.as_str()), target: shown(target) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a test puts into a tree: a folder, a file, or a link with its target.
    #[derive(Clone, Copy)]
    enum Put<'a> {
        Folder,
        File,
        Link(&'a str),
    }
    use Put::{File, Folder, Link};

    fn tree(puts: &[(&str, Put)]) -> Result<(Tree, Vec<Entry>), ArchiveError> {
        let mut tree = Tree::new();
        let mut entries = Vec::new();
        for (path, put) in puts {
            let path: EntryPath = path.parse().unwrap();
            let (kind, entry) = match put {
                Folder | File => (Kind::File(entries.len()), EntryKind::Folder),
                Link(target) => {
                    let target = (*target).to_owned();
                    (Kind::Link(entries.len()), EntryKind::Link { target })
                }
            };
            let kind = if matches!(put, Folder) { Kind::Folder } else { kind };
            tree.add(&path, kind, &Limits::default())?;
            entries.push(Entry { path, kind: entry });
        }
        Ok((tree, entries))
    }

    fn links(puts: &[(&str, Put)]) -> Result<(), ArchiveError> {
        let (tree, entries) = tree(puts).unwrap();
        tree.check_links(&entries, &Limits::default())
    }

    #[test]
    fn only_folders_may_come_twice() {
        assert!(tree(&[("a", Folder), ("a", Folder)]).is_ok());
        for (first, second) in [
            (File, File),
            (File, Folder),
            (Folder, File),
            (Link("b"), Link("b")),
            (Folder, Link("b")),
        ] {
            let refusal = tree(&[("a", first), ("a", second)]).unwrap_err();

            assert!(matches!(refusal, ArchiveError::Duplicate { path } if path == "a"));
        }
    }

    #[test]
    fn a_folder_may_be_named_after_what_lies_in_it() {
        assert!(tree(&[("a/b", File), ("a", Folder)]).is_ok());
    }

    #[test]
    fn nothing_lies_in_a_file() {
        for puts in [[("a", File), ("a/b/c", File)], [("a/b/c", File), ("a", File)]] {
            assert!(matches!(tree(&puts), Err(ArchiveError::InsideFile { .. })));
        }
    }

    #[test]
    fn nothing_lies_behind_a_link() {
        for puts in [[("a", Link("b")), ("a/c", File)], [("a/c", File), ("a", Link("b"))]] {
            assert!(matches!(tree(&puts), Err(ArchiveError::ThroughLink { .. })));
        }
    }

    #[test]
    fn links_that_lead_out_together_are_refused() {
        // Each alone stays inside: `x/y/deep` is `d`, so `x/y/deep/..` is the root, not `x/y`.
        let refusal = links(&[
            ("d/e", Folder),
            ("x/y/deep", Link("../../d")),
            ("out", Link("x/y/deep/../../etc")),
        ]);

        assert!(matches!(refusal, Err(ArchiveError::LinkLeaves { path, .. }) if path == "out"));
    }

    #[test]
    fn links_that_stay_inside_together_are_kept() {
        let kept = links(&[
            ("lib/libafw.so.1.0", File),
            ("lib/libafw.so.1", Link("libafw.so.1.0")),
            ("lib/libafw.so", Link("libafw.so.1")),
            ("lib64", Link("lib")),
            ("share/here", Link("../lib64/../lib64/libafw.so")),
        ]);

        assert!(kept.is_ok());
    }

    #[test]
    fn loops_and_dangling_links_stay_inside() {
        assert!(links(&[("a", Link("b")), ("b", Link("a")), ("c", Link("c/../c"))]).is_ok());
        assert!(links(&[("a", Link("none/such/../x"))]).is_ok());
    }

    #[test]
    fn a_missing_folder_hides_no_way_out() {
        let refusal = links(&[("d/e", Link("..")), ("x/y/a", Link("../../d/e/none/../../z"))]);

        assert!(matches!(refusal, Err(ArchiveError::LinkLeaves { .. })));
    }

    #[test]
    fn links_made_to_keep_us_busy_meet_a_limit() {
        let mut tree = Tree::new();
        let mut entries = Vec::new();
        for number in 0..1000 {
            let target = format!("{}l{}", "a/../".repeat(800), number + 1);
            let path: EntryPath = format!("l{number}").parse().unwrap();
            tree.add(&path, Kind::Link(number), &Limits::default()).unwrap();
            entries.push(Entry { path, kind: EntryKind::Link { target } });
        }

        let refusal = tree.check_links(&entries, &Limits::default());

        assert!(matches!(refusal, Err(ArchiveError::Limit { name: "link_steps", .. })));
    }

    #[test]
    fn folders_that_no_entry_names_count_as_entries() {
        let limits = Limits { entries: 3, ..Limits::default() };
        let mut tree = Tree::new();

        assert!(tree.add(&"a/b/c".parse().unwrap(), Kind::Folder, &limits).is_ok());
        assert!(matches!(
            tree.add(&"d".parse().unwrap(), Kind::Folder, &limits),
            Err(ArchiveError::Limit { name: "entries", limit: 3 })
        ));
    }
}
