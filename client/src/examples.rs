//! What `larder help` teaches: for each command what people do with it.

use clap::Command;

/// A command line, and what it is for.
type Example = (&'static str, &'static str);

/// For whom just begins: two short stories.
const FIRST: &[Example] = &[
    ("larder search butler", "is there something?"),
    ("larder install lsst_butler --prefix env", "make an environment"),
    ("larder run --prefix env -- butler --help", "run something in it"),
    ("larder update --prefix env", "follow what is released"),
    ("larder rollback --prefix env", "and go back"),
    ("larder identify env/current/packages/numpy", "what is this?"),
    ("larder pack build/hello -o hello-1.0.0-b1-any.tar.zst", "a package of your own"),
    ("larder publish hello-1.0.0-b1-any.tar.zst", "for others to install"),
    ("larder install hello@1.0.0-b1 --prefix own", "just that build"),
];

/// The words of a command, and its examples.
const OF_COMMANDS: &[(&str, &[Example])] = &[
    (
        "pack",
        &[
            (
                "larder pack build/afw -o afw-17.0.1-b8466-linux-x86_64.tar.zst",
                "build/afw/larder.toml says more",
            ),
            (
                "larder pack build/afw --metadata afw.toml -o afw-17.0.1-b8466-linux-x86_64.tar.zst",
                "",
            ),
        ],
    ),
    (
        "publish",
        &[
            ("larder publish out/*.tar.zst", "all or nothing; what is there already is not sent"),
            (
                "larder publish out --distribution lsst_distrib@17.0.1.rc1 --stage candidate --tag next",
                "and name them together",
            ),
            (
                "larder publish log.tar.gz --product log --version 17.0.0 --build b8460 --platform linux-x86_64",
                "a file without a record",
            ),
        ],
    ),
    (
        "plan",
        &[
            ("larder plan manifest.txt", "what must be built, and why?"),
            (
                "larder plan sources.json --build new -o plan.json --fetch deps",
                "write it down, and fetch what is reused",
            ),
            (
                "larder plan manifest.txt --policy semver --policy afw=exact --built-in rubin-env@12.1.0",
                "reuse more, but of afw only what is exact",
            ),
        ],
    ),
    (
        "fetch",
        &[
            ("larder fetch --plan plan.json --to deps", "what the plan reuses, unpacked"),
            ("larder fetch 'afw@^17.0' --to deps", "a build, and all that it needs"),
            ("larder fetch lsst_distrib@17.0.1 --to archives --archives", "as they were published"),
        ],
    ),
    (
        "build-id",
        &[
            ("larder build-id", "for a build tool without a counter"),
            ("larder build-id --count 3", "one a line"),
        ],
    ),
    (
        "import wheel",
        &[(
            "larder import wheel wheels/*.whl --build b42 --distribution butler@30.2026.4300 --tag current",
            "",
        )],
    ),
    (
        "import eups",
        &[
            ("larder import eups https://eups.example.org/stack --dry-run", "what would come in?"),
            (
                "larder import eups /srv/eups/stack --tag w_2026_47 --tag w_latest",
                "two tags, with all that they need",
            ),
        ],
    ),
    (
        "install",
        &[
            (
                "larder install lsst_distrib --prefix env",
                "what `current` names, else the newest release",
            ),
            (
                "larder install lsst_distrib@17.0.1 --prefix env",
                "that version; it replaces another",
            ),
            (
                "larder install 'afw@^17.0' --prefix env",
                "the newest build that will do, and what it needs",
            ),
            (
                "larder install afw@17.0.1-b8466 --prefix env --reason 'as in the paper'",
                "that build",
            ),
            ("larder install --lock lock.json --prefix env", "just what the lock says"),
        ],
    ),
    ("list", &[("larder list --prefix env", "")]),
    ("status", &[("larder status --prefix env", "")]),
    ("history", &[("larder history --prefix env", "who changed it, when, how and why")]),
    (
        "update",
        &[
            ("larder update --prefix env", "everything that follows a tag or a requirement"),
            ("larder update lsst_distrib --prefix env --reason 'new weekly'", ""),
        ],
    ),
    ("remove", &[("larder remove afw --prefix env", "and what only it needed")]),
    (
        "rollback",
        &[
            ("larder rollback --prefix env", "to the generation before"),
            ("larder rollback --to 3 --prefix env --reason 'wrong numbers since 4'", ""),
        ],
    ),
    (
        "verify",
        &[
            ("larder verify --prefix env", "is every byte what was installed?"),
            ("larder verify --prefix env --repair", "mend what is not"),
            (
                "larder verify --prefix env --expect sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                "is it just this?",
            ),
        ],
    ),
    (
        "run",
        &[
            ("larder run --prefix env -- butler --help", ""),
            ("larder run --prefix env -- python3 -c 'import lsst.afw'", ""),
            ("larder run --prefix env --with afw=. -- pytest", "your own afw in place of theirs"),
        ],
    ),
    (
        "activate",
        &[
            ("larder activate --prefix env", "bash, zsh: eval \"$(larder activate --prefix env)\""),
            ("larder activate --prefix env --shell fish", "fish: larder activate … | source"),
            (
                "larder activate --prefix env --with afw=../afw --with log=../log",
                "your own afw and log in place of theirs; `larder status` says so",
            ),
        ],
    ),
    (
        "identify",
        &[
            ("larder identify lib/libafw.so", "product, build, platform, path, distributions"),
            ("larder identify some/folder", "the builds that explain what is in it"),
            ("larder identify -", "lines of sha256sum on standard input"),
        ],
    ),
    (
        "show",
        &[
            ("larder show afw", "its builds"),
            ("larder show afw@17.0.1-b8466", "source, licence, dependencies, who built it"),
        ],
    ),
    ("search", &[("larder search butler", "names, summaries, upstream versions, file names")]),
    (
        "resolve",
        &[
            (
                "larder resolve 'afw@^17.0' 'log@>=16, <18'",
                "which builds meet these, and what they need?",
            ),
            ("larder resolve afw --context operations --platform linux-x86_64", ""),
        ],
    ),
    ("lock", &[("larder lock 'afw@^17.0' -o lock.json", "then: larder install --lock lock.json")]),
    ("why", &[("larder why log --prefix env", "who needs it?")]),
    ("tree", &[("larder tree --prefix env", "who needs what?")]),
    (
        "dist list",
        &[("larder dist list", ""), ("larder dist list lsst_distrib", "all its versions")],
    ),
    ("dist show", &[("larder dist show lsst_distrib@17.0.1", "the exact builds")]),
    (
        "dist diff",
        &[("larder dist diff lsst_distrib@17.0.0 lsst_distrib@17.0.1", "what changed, and why")],
    ),
    (
        "dist publish",
        &[("larder dist publish lsst_distrib.json", "a distribution of builds that are there")],
    ),
    (
        "dist promote",
        &[(
            "larder dist promote lsst_distrib@17.0.1.rc2 --as 17.0.1 --tag current",
            "the same builds under their final name",
        )],
    ),
    (
        "tag set",
        &[
            ("larder tag set lsst_distrib current 17.0.1", ""),
            (
                "larder tag set lsst_distrib w_2026_47 30.2026.4700 --require linux-x86_64 --require macos-aarch64",
                "once both are there",
            ),
        ],
    ),
    ("tag list", &[("larder tag list lsst_distrib", "where they point, and pointed before")]),
    ("note", &[("larder note afw@17.0.1-b8466 'needs 16 GB of memory for large images'", "")]),
    ("product set", &[("larder product set afw.json", "the whole document")]),
    (
        "product approve",
        &[("larder product approve afw", "what `new_products = \"pending\"` holds back")],
    ),
    ("product pending", &[("larder product pending", "")]),
    ("store path", &[("larder store path", "")]),
    ("store list", &[("larder store list", "")]),
    ("store size", &[("larder store size", "")]),
    ("store check", &[("larder store check", "is every tree what it should be?")]),
    (
        "withdraw",
        &[(
            "larder withdraw afw@17.0.1-b8466 --reason 'wrong fluxes' --replaced-by 17.0.2-b8470",
            "",
        )],
    ),
    (
        "store clean",
        &[
            ("larder store clean", "what no environment uses"),
            ("larder store clean --keep-generations 3", "and old generations"),
        ],
    ),
    (
        "login",
        &[(
            "larder login --server https://larder.example.org",
            "the token comes on standard input",
        )],
    ),
    ("completions", &[("larder completions bash", "")]),
];

/// The command line with its examples.
pub fn with_examples(command: Command) -> Command {
    let command = OF_COMMANDS.iter().fold(command, |command, (path, examples)| {
        let words: Vec<&str> = path.split(' ').collect();
        added(command, &words, examples)
    });
    let end = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    command.after_help(format!("{}\n\n{end}", described("To begin with:", FIRST)))
}

fn added(command: Command, words: &[&str], examples: &[Example]) -> Command {
    match words.split_first() {
        Some((first, rest)) => command.mut_subcommand(*first, |inner| added(inner, rest, examples)),
        None => {
            let before = command.get_after_help().map(|text| format!("{text}\n\n"));
            let text = described("Examples:", examples);
            command.after_help(format!("{}{text}", before.unwrap_or_default()))
        }
    }
}

/// One below the other; what each is for stands behind it, or below where there is no room.
fn described(head: &str, examples: &[Example]) -> String {
    const ROOM: usize = 56;
    let mut text = head.to_owned();
    for (line, about) in examples {
        match (about.is_empty(), line.len() < ROOM) {
            (true, _) => text.push_str(&format!("\n  {line}")),
            (false, true) => text.push_str(&format!("\n  {line:ROOM$}# {about}")),
            (false, false) => text.push_str(&format!("\n  {line}\n      # {about}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory as _;

    /// The words of a command line in which only single quotes are used.
    fn words(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (index, part) in line.split('\'').enumerate() {
            match index % 2 {
                0 => words.extend(part.split_whitespace().map(str::to_owned)),
                _ => words.push(part.to_owned()),
            }
        }
        words
    }

    #[test]
    fn every_example_is_understood() {
        let all = OF_COMMANDS.iter().flat_map(|(_, examples)| *examples).chain(FIRST);
        for (line, _) in all {
            if let Err(error) = Cli::command().try_get_matches_from(words(line)) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn every_command_has_an_example() {
        fn look(command: &Command, path: &str, lacks: &mut Vec<String>) {
            for inner in command
                .get_subcommands()
                .filter(|inner| inner.get_name() != "help" && !inner.is_hide_set())
            {
                let path = format!("{path} {}", inner.get_name());
                if inner.has_subcommands() {
                    look(inner, &path, lacks);
                } else if !inner
                    .get_after_help()
                    .is_some_and(|help| help.to_string().contains(&format!("  larder{path}")))
                {
                    lacks.push(path);
                }
            }
        }
        let mut lacks = Vec::new();
        look(&with_examples(Cli::command()), "", &mut lacks);
        assert!(lacks.is_empty(), "no example for {lacks:?}");
    }
}
