//! Manifests and JSON, good and bad.

use serde_json::json;

use super::*;

const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

/// A manifest of products and what they need, as the build tool writes it.
fn manifest(products: &[(&str, &str)]) -> String {
    let mut text = format!("# {:<23} {:<41} {:<30}\nBUILD=b8466\n", "product", "SHA1", "Version");
    for (product, needed) in products {
        text += &format!("{product:<25} {REVISION:<41} {:<40} {needed}\n", "16.0-1-gabc1234+2");
    }
    text
}

fn read(text: impl AsRef<[u8]>) -> Result<Sources, Error> {
    Sources::read_from(text.as_ref(), Name(Some("m.txt".into())))
}

/// All that is wrong with a text, also with the build that it makes.
fn refusal(text: impl AsRef<[u8]>) -> String {
    let asked = |sources: Sources| {
        let mut request: PlanRequest =
            serde_json::from_value(json!({"sources": [], "platform": "any"})).unwrap();
        request.sources = sources.list.clone();
        sources.check(&request)
    };
    let error = read(text).and_then(asked).unwrap_err();
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

#[test]
fn a_manifest_is_read_as_the_build_tool_writes_it() {
    let sources = read(manifest(&[("log", ""), ("afw", "log,log,utils"), ("utils", "")])).unwrap();

    assert_eq!(sources.build.unwrap().as_str(), "b8466");
    assert_eq!(sources.lines, Some(vec![3, 4, 5]));
    let afw = &sources.list[1];
    assert_eq!(afw.version.unwrap().to_string(), "16.0.0");
    assert_eq!(afw.upstream_version.as_ref().unwrap().as_str(), "16.0-1-gabc1234+2");
    assert_eq!(afw.revision.as_str(), REVISION);
    let needed: Vec<&str> = afw.dependencies.iter().map(|it| it.product.as_str()).collect();
    assert_eq!(needed, ["log", "utils"]);
}

#[test]
fn comments_empty_lines_and_other_line_ends_do_not_matter() {
    let plain = manifest(&[("log", ""), ("afw", "log")]);
    let commented = plain.replace("afw", "# a note\n\nafw").replace('\n', "\r\n");

    let sources = read(commented).unwrap();

    assert_eq!(sources.list, read(plain).unwrap().list);
    assert_eq!(sources.lines, Some(vec![3, 6]));
    let nameless = manifest(&[("log", "")]).replace("b8466", "None");
    assert_eq!(read(nameless).unwrap().build, None);
}

#[test]
fn what_is_wrong_with_a_line_is_told_with_its_number() {
    let good = manifest(&[("log", ""), ("afw", "log")]);
    let table = [
        (String::new(), "`m.txt`, line 1: there is nothing"),
        ("hello".to_owned(), "`m.txt`, line 1: a manifest begins with `# product SHA1 Version`"),
        (good.replace("SHA1", "revision"), "line 1: a manifest begins with"),
        (good.replace("BUILD=b8466\n", ""), "line 2: the title is followed by the run's id"),
        (good.replace("b8466", "b007"), "line 2: the build id `b007` is a zero-padded number"),
        (good.replace("afw", "_afw"), "line 4: `_afw` is no product name"),
        (good.replace(" log\n", " log,,x\n"), "line 4: `` is no product name"),
        (good.replace(" log\n", " log, x\n"), "line 4: `afw "),
        (
            good.replace(&format!("afw                       {REVISION}"), "afw 0123456"),
            "line 4: `0123456` is a shortened revision of `afw`; write all 40 or 64 digits",
        ),
        (good.replace(REVISION, "HEAD"), "line 3: `HEAD` is no revision of `log`"),
        (good.replace("afw", "a\0w"), "line 4: there are bytes that are no text"),
        (
            good.replace(" log\n", &format!(" {}\n", "x".repeat(1 << 20))),
            "line 4: the line has more",
        ),
    ];
    for (text, expected) in table {
        let told = refusal(&text);
        assert!(told.contains(expected), "{expected} is not in {told}");
    }
    assert!(refusal([good.as_bytes(), b"\xff\xfe\n"].concat()).contains("line 5: there are bytes"));
}

#[test]
fn a_manifest_that_was_cut_is_told_wherever_that_was() {
    let whole = manifest(&[("log", ""), ("afw", "log,utils"), ("utils", "")]);
    let body = whole.find("log").unwrap();
    for end in body + 1..whole.len() {
        let cut = &whole[..end];
        if cut.ends_with('\n') {
            continue; // what is left of it is a manifest
        }

        let told = refusal(cut);

        assert!(told.contains("the file is cut: its last line"), "{end}: {told}");
    }
    let half = format!("{}afw  {REVISION}\n", manifest(&[("log", "")]));
    let told = refusal(half);
    assert!(told.contains("line 4") && told.ends_with("was the file cut?"), "{told}");
}

#[test]
fn what_is_wrong_with_the_build_is_told_with_its_lines() {
    let circle = manifest(&[("log", ""), ("a", "b"), ("b", "c,log"), ("c", "a")]);
    assert_eq!(
        refusal(circle),
        "`m.txt`, lines 4, 5, 6: the sources need each other in a circle: `a` → `b` → `c` → `a`"
    );
    let missing = refusal(manifest(&[("log", ""), ("afw", "log,utils")]));
    assert!(missing.starts_with("`m.txt`, line 4: `afw` needs `utils`"), "{missing}");
    let twice = refusal(manifest(&[("log", ""), ("afw", ""), ("log", "")]));
    assert!(twice.starts_with("`m.txt`, lines 3, 5: `log` stands there twice"), "{twice}");
    let other = manifest(&[("log", "")]) + &format!("log {} 1.0\n", "a".repeat(40));
    let told = refusal(other);
    assert!(told.starts_with("`m.txt`, lines 3, 4: `log` stands there at two revisions"), "{told}");
    assert!(refusal(manifest(&[])).contains("there are no sources"));
}

#[test]
fn more_than_a_plan_takes_is_refused_where_that_shows() {
    let names: Vec<String> = (0..100_000).map(|number| format!("p{number}")).collect();
    let products: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let told = refusal(manifest(&products));
    assert!(told.contains("line 10003: there are more than 10000 products"), "{told}");

    let entry = format!("{{\"product\": \"log\", \"revision\": \"{REVISION}\"}}");
    let told = refusal(format!("[{}]", vec![entry; 100_000].join(",\n")));
    assert!(told.contains("more than the 10000 sources that one plan takes"), "{told}");

    let all: Vec<String> = (0..10_000).map(|number| format!("q{number}")).collect();
    let all = all.join(",");
    let products: Vec<(&str, &str)> = names[..100].iter().map(|it| (it.as_str(), &*all)).collect();
    let told = refusal(manifest(&products));
    assert!(told.contains("line 23: there are more than 200000 dependencies"), "{told}");
}

/// The same text again and again.
struct Endless<'a>(&'a [u8], usize);

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (&self.0[self.1..]).read(buffer)?;
        self.1 = (self.1 + count) % self.0.len();
        Ok(count)
    }
}

#[test]
fn a_file_without_an_end_is_given_up() {
    let title = manifest(&[]);
    let comment = format!("#{}\n", "x".repeat(1 << 16));
    let mut input = BufReader::new(title.as_bytes().chain(Endless(comment.as_bytes(), 0)));
    let told = Sources::read_from(&mut input, Name(None)).unwrap_err().to_string();
    assert!(told.starts_with("standard input has more than 32 MiB"), "{told}");
}

#[test]
fn json_is_a_list_or_says_more() {
    let log =
        json!({"product": "log", "revision": REVISION, "upstream_version": "16.0-1-gabc1234"});
    let afw = json!({"product": "afw", "version": "17.0.1", "revision": REVISION,
                     "dependencies": ["log"]});

    let list = read(json!([log, afw]).to_string()).unwrap();
    let whole = json!({
        "sources": [log, afw], "policy": "direct", "policies": {"afw": "exact"},
        "platform": "linux-x86_64", "built_in": {"name": "env", "version": "1"}, "build": "b7"
    });
    let whole = read(format!("\n {whole}\n")).unwrap();

    assert_eq!(list.list, whole.list);
    assert_eq!(list.list[0].version.unwrap().to_string(), "16.0.0");
    assert_eq!(list.list[1].version.unwrap().to_string(), "17.0.1");
    assert_eq!(
        whole.policies,
        ["direct", "afw=exact"].map(|it| it.parse().unwrap()).into_iter().collect()
    );
    assert_eq!(whole.built_in.unwrap().to_string(), "env@1");
    assert_eq!(whole.build.unwrap().as_str(), "b7");
}

#[test]
fn what_is_wrong_with_json_is_told_with_its_place() {
    let table = [
        ("[\n{\"product\": \"log\"}]", "sources[0]: missing field `revision` at line 2 column 18"),
        ("[\n{\"product\": \"log\", \"revision\": \"0123456\"}]", "`0123456` is no revision"),
        ("{\"sources\": [], \"colour\": 1}", "unknown field `colour`"),
        ("{\"sources\": [], \"policy\": \"some\"}", "unknown variant `some`"),
        ("[\n", "EOF while parsing a list at line 2"),
        ("[] x", "trailing characters at line 1 column 4"),
    ];
    for (text, expected) in table {
        let told = refusal(text);
        assert!(told.starts_with("`m.txt` holds no sources") && told.contains(expected), "{told}");
    }
    let missing = json!([{"product": "afw", "revision": REVISION, "dependencies": ["log"]}]);
    let told = refusal(missing.to_string());
    assert!(told.starts_with("`m.txt`, entry 1: `afw` needs `log`"), "{told}");
}
