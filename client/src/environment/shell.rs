//! Shell code that puts a shell inside an environment; every value is escaped for its shell.

use super::variables::{Change, Setting};

/// A shell that code can be printed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// GNU bash, and other shells of the Bourne kind.
    Bash,
    /// The Z shell.
    Zsh,
    /// fish.
    Fish,
}

impl Shell {
    /// The shell whose program is at `path`, such as `/usr/bin/zsh`.
    pub fn of_program(path: &str) -> Option<Self> {
        match path.rsplit('/').next()? {
            "bash" | "sh" | "dash" | "ksh" => Some(Self::Bash),
            "zsh" => Some(Self::Zsh),
            "fish" => Some(Self::Fish),
            _ => None,
        }
    }

    /// Code that keeps a generation from being dropped as long as the shell lives: it opens the
    /// generation's file `in_use`, and lets `larder` lock what it has opened.
    ///
    /// Nothing for fish and for a shell that cannot hold a descriptor without a number of its own.
    pub fn hold(self, in_use: &str, larder: &str) -> String {
        let able = match self {
            Self::Bash => "[ \"${BASH_VERSINFO:-0}\" -ge 4 ] && ",
            Self::Zsh => "",
            Self::Fish => return String::new(),
        };
        let (in_use, larder) = (posix_quoted(in_use), posix_quoted(larder));
        format!(
            "if {able}[ -r {in_use} ]; then exec {{LARDER_IN_USE}}<{in_use}; \
             {larder} hold <&\"$LARDER_IN_USE\" || :; fi\n"
        )
    }

    /// Code that makes `settings`.
    pub fn code(self, settings: &[Setting]) -> String {
        let line = match self {
            Self::Bash | Self::Zsh => posix,
            Self::Fish => fish,
        };
        settings.iter().map(|setting| line(setting) + "\n").collect()
    }
}

fn posix_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn posix(Setting { name, change }: &Setting) -> String {
    let quoted = posix_quoted;
    match change {
        Change::Set(text) => format!("export {name}={}", quoted(text)),
        Change::Prepend(folders) => {
            format!("export {name}={}\"${{{name}:+:${name}}}\"", quoted(&folders.join(":")))
        }
        Change::Unset => format!("unset {name}"),
    }
}

/// fish splits what is called `…PATH` into lists, and joins them with colons for programs.
fn fish(Setting { name, change }: &Setting) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"));
    match change {
        Change::Set(text) => format!("set -gx {name} {}", quoted(text)),
        Change::Prepend(folders) if name.ends_with("PATH") => {
            let folders: Vec<String> = folders.iter().map(|folder| quoted(folder)).collect();
            format!("set -gx {name} {} ${name}", folders.join(" "))
        }
        Change::Prepend(folders) => {
            let folders = quoted(&folders.join(":"));
            format!(
                "if test -n \"${name}\"; set -gx {name} {folders}\":${name}\"; \
                 else; set -gx {name} {folders}; end"
            )
        }
        // To take away what is not there is a failure in fish.
        Change::Unset => format!("if set -q {name}; set -e {name}; end"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Vec<Setting> {
        let prepend = |name: &str, folders: &[&str]| Setting {
            name: name.into(),
            change: Change::Prepend(folders.iter().map(ToString::to_string).collect()),
        };
        vec![
            Setting { name: "X".into(), change: Change::Set(r"it's \ $(touch x) `y` é".into()) },
            prepend("PATH", &["/a b", "/c"]),
            prepend("PLUGINS", &["/p"]),
            Setting { name: "OLD".into(), change: Change::Unset },
        ]
    }

    #[test]
    fn bash_code_is_escaped() {
        assert_eq!(
            Shell::Bash.code(&settings()),
            "export X='it'\\''s \\ $(touch x) `y` é'\n\
             export PATH='/a b:/c'\"${PATH:+:$PATH}\"\n\
             export PLUGINS='/p'\"${PLUGINS:+:$PLUGINS}\"\n\
             unset OLD\n"
        );
    }

    #[test]
    fn fish_code_is_escaped() {
        assert_eq!(
            Shell::Fish.code(&settings()),
            "set -gx X 'it\\'s \\\\ $(touch x) `y` é'\n\
             set -gx PATH '/a b' '/c' $PATH\n\
             if test -n \"$PLUGINS\"; set -gx PLUGINS '/p'\":$PLUGINS\"; \
             else; set -gx PLUGINS '/p'; end\n\
             if set -q OLD; set -e OLD; end\n"
        );
    }

    #[test]
    fn bash_takes_the_code_for_what_it_says() {
        let code = Shell::Bash.code(&settings())
            + "printf '%s|' \"$X\" \"$PATH\" \"$PLUGINS\" \"${OLD-gone}\"";
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", &code])
            .env("PATH", "/old")
            .env("OLD", "/old")
            .env_remove("PLUGINS")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text, "it's \\ $(touch x) `y` é|/a b:/c:/old|/p|gone|");
    }

    #[test]
    fn a_shell_that_cannot_hold_is_left_in_peace() {
        let code = Shell::Bash.hold("/no/in-use", "/no/larder") + "echo on";
        let output = std::process::Command::new("/bin/sh").args(["-euc", &code]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "on\n");
        assert_eq!(Shell::Fish.hold("/a", "/b"), "");
    }

    #[test]
    fn shells_are_known_by_their_programs() {
        assert_eq!(Shell::of_program("/usr/bin/fish"), Some(Shell::Fish));
        assert_eq!(Shell::of_program("/bin/sh"), Some(Shell::Bash));
        assert_eq!(Shell::of_program("/usr/bin/tcsh"), None);
    }
}
