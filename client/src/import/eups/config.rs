//! `config.txt`: which kind of package root it is, and where its tag lists are.

/// What `eups distrib create` writes for binaries, and what it means where a line lacks.
const KNOWN: [(&str, &[&str]); 6] = [
    ("MANIFEST_URL", &["%(base)s/manifests/%(product)s-%(version)s@%(flavor)s.manifest"]),
    ("DIST_URL", &["%(base)s/%(path)s"]),
    ("TARBALL_URL", &["%(base)s/%(path)s"]),
    ("TABLE_URL", &["%(base)s/tables/%(product)s-%(version)s.table"]),
    ("LIST_URL", &["%(base)s/%(tag)s.list", "%(base)s/tags/%(tag)s.list"]),
    ("MANIFEST_FILE_RE", &[r"^(?P<product>[^-]+)-(?P<version>[^@]+)@(?P<flavor>.*)\.manifest$"]),
];
/// Words of classes that read tarballs.
const TARBALL_CLASSES: [&str; 2] = ["tarball", "DistribServer"];

/// What a package root says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The folder of its tag lists; none: they lie in the root.
    pub tags: Option<&'static str>,
}

/// A package root that is not imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFault {
    /// It has no configuration.
    #[error("it has no `config.txt`, so it is no EUPS package root")]
    Missing,
    /// A page in place of the configuration.
    #[error(
        "its `config.txt` is a page, `{line}`: the server answers everything with one, or this is \
         no EUPS package root"
    )]
    Page {
        /// Its first line.
        line: String,
    },
    /// A line that is no setting.
    #[error("line {number} of its `config.txt`, `{line}`, is not `KEY = value`")]
    Line {
        /// Which, from 1.
        number: usize,
        /// The line.
        line: String,
    },
    /// Sources.
    #[error(
        "it holds sources that EUPS builds where they are installed (eupspkg), and no binaries"
    )]
    Sources,
    /// A setting that leads to somewhere else.
    #[error("its `config.txt` says `{key} = {value}`, which larder does not know")]
    Unknown {
        /// The key.
        key: String,
        /// Its value.
        value: String,
    },
}

/// Reads `config.txt`.
pub fn read(text: Option<&str>) -> Result<Config, ConfigFault> {
    let text = text.ok_or(ConfigFault::Missing)?;
    let shown = crate::import::shown;
    if text.trim_start().starts_with('<') {
        let line = shown(text.trim_start().lines().next().unwrap_or_default());
        return Err(ConfigFault::Page { line });
    }
    let mut config = Config::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            return Err(ConfigFault::Line { number: index + 1, line: shown(line) });
        };
        setting(&mut config, key.trim(), value.trim())?;
    }
    Ok(config)
}

fn setting(config: &mut Config, key: &str, value: &str) -> Result<(), ConfigFault> {
    if key.starts_with("EUPSPKG") || value.contains("eupspkg") {
        return Err(ConfigFault::Sources);
    }
    let shown = crate::import::shown;
    let unknown = || ConfigFault::Unknown { key: shown(key), value: shown(value) };
    let is_known = match key {
        "DISTRIB_CLASS" | "DISTRIB_SERVER_CLASS" => {
            TARBALL_CLASSES.iter().any(|class| value.contains(class))
        }
        "TAGLIST_DIR" => matches!(value, "." | "" | "tags"),
        _ => KNOWN.iter().any(|(known, values)| *known == key && values.contains(&value)),
    };
    if !is_known {
        return Err(unknown());
    }
    if value == "tags" || (key == "LIST_URL" && value.contains("/tags/")) {
        config.tags = Some("tags");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_eups_writes_for_binaries_is_known() {
        let written = larder_schema::eups::CONFIG;
        assert_eq!(read(Some(written)), Ok(Config { tags: None }));
        assert_eq!(read(Some("\n# nothing\n")), Ok(Config { tags: None }));
        let tags = "LIST_URL = %(base)s/tags/%(tag)s.list\nTAGLIST_DIR = tags\n";
        assert_eq!(read(Some(tags)), Ok(Config { tags: Some("tags") }));
    }

    #[test]
    fn sources_are_told_from_binaries() {
        let text = "DISTRIB_CLASS = eups.distrib.eupspkg.Distrib\n\
                    EUPSPKG_URL = %(base)s/products/%(path)s\n";
        assert_eq!(read(Some(text)), Err(ConfigFault::Sources));
        assert_eq!(read(Some(&text[text.find("EUPSPKG").unwrap()..])), Err(ConfigFault::Sources));
    }

    #[test]
    fn anything_else_is_refused_with_what_it_says() {
        assert_eq!(read(None), Err(ConfigFault::Missing));
        let page = read(Some("<!DOCTYPE html>\n<html lang=\"en\">")).unwrap_err();
        assert!(page.to_string().contains("<!DOCTYPE html>"), "{page}");
        let line = ConfigFault::Line { number: 2, line: "hello".to_owned() };
        assert_eq!(read(Some("\nhello")), Err(line));
        for text in [
            "DIST_URL = http://elsewhere.example.org/%(path)s",
            "DISTRIB_CLASS = eups.distrib.pacman.Distrib",
            "LIST_URL = %(base)s/../%(tag)s.list",
            "XYZ = 1",
        ] {
            assert!(matches!(read(Some(text)), Err(ConfigFault::Unknown { .. })), "{text}");
        }
    }
}
