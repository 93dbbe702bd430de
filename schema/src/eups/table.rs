//! Tables: what a product sets up with it, and which variables it changes.

use std::fmt;

use super::MAX_LINES;

/// A table file, as far as it can be read: what is wrong in it is told beside the rest.
///
/// ```
/// use larder_schema::eups::{Setup, Table};
///
/// let table = Table::read("setupRequired(lz_base [>= 1.4])\nenvPrepend(PATH, ${PRODUCT_DIR}/bin)\n");
/// let chosen = table.choose(Setup { flavor: "Linux64", is_exact: false });
/// assert_eq!(chosen.actions[0].needed().unwrap().expression.as_deref(), Some(">= 1.4"));
/// assert!(table.faults.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    parts: Vec<Part>,
    /// What is wrong in it.
    pub faults: Vec<TableFault>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    If(String),
    ElseIf(String),
    Else,
    End,
    Act(Action),
}

/// One line that does something: `envPrepend(PATH, ${PRODUCT_DIR}/bin)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What it does.
    pub verb: Verb,
    /// What stands in its parentheses, split at commas and spaces as EUPS does.
    pub arguments: Vec<String>,
}

/// What a line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Sets up another product, which must be there.
    SetupRequired,
    /// Sets up another product if it is there.
    SetupOptional,
    /// Puts something in front of a list in a variable.
    EnvPrepend,
    /// Puts something behind a list in a variable.
    EnvAppend,
    /// Sets a variable.
    EnvSet,
    /// Makes an alias in the shell.
    Alias,
    /// Takes something away.
    Unset,
    /// Does nothing that stays: it prints, or says how to declare.
    Nothing,
}

/// All verbs, in small letters; some have an older name.
const VERBS: [(&str, Verb); 20] = [
    ("setuprequired", Verb::SetupRequired),
    ("setupoptional", Verb::SetupOptional),
    ("envprepend", Verb::EnvPrepend),
    ("pathprepend", Verb::EnvPrepend),
    ("envappend", Verb::EnvAppend),
    ("pathappend", Verb::EnvAppend),
    ("envset", Verb::EnvSet),
    ("setenv", Verb::EnvSet),
    ("pathset", Verb::EnvSet),
    ("addalias", Verb::Alias),
    ("envunset", Verb::Unset),
    ("unsetenv", Verb::Unset),
    ("pathremove", Verb::Unset),
    ("unsetuprequired", Verb::Unset),
    ("unsetupoptional", Verb::Unset),
    ("declareoptions", Verb::Nothing),
    ("print", Verb::Nothing),
    ("proddir", Verb::Nothing),
    ("setupenv", Verb::Nothing),
    ("sourcerequired", Verb::Nothing),
];

/// How a table is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup<'a> {
    /// The flavor.
    pub flavor: &'a str,
    /// Whether every version is given exactly (`type == exact`).
    pub is_exact: bool,
}

/// The actions that are taken, and the conditions that nobody could judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// In order.
    pub actions: Vec<&'a Action>,
    /// Taken for false; the first hundred.
    pub unknown: Vec<&'a str>,
}

/// A product that a table sets up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// The product.
    pub product: String,
    /// Whether it may lack.
    pub is_optional: bool,
    /// A version that is named as such.
    pub version: Option<String>,
    /// Which versions will do: `>= 1.0 && < 2`.
    pub expression: Option<String>,
}

/// What is wrong in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableFault {
    /// A line that is nothing.
    Line {
        /// Which, from 1.
        number: usize,
        /// The line.
        line: String,
    },
    /// A `}` or an `else` without its `if`.
    Unopened {
        /// In which line.
        number: usize,
    },
    /// An `if` without its `}`.
    Unclosed,
    /// It is written as tables once were, in groups.
    Old,
    /// It has too many lines.
    TooLong,
}

impl fmt::Display for TableFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { number, line } => write!(f, "line {number}, `{line}`, is no action"),
            Self::Unopened { number } => write!(f, "line {number} ends what did not begin"),
            Self::Unclosed => f.write_str("an `if` does not end"),
            Self::Old => f.write_str("it is written in groups, as tables once were"),
            Self::TooLong => write!(f, "it has more than {MAX_LINES} lines"),
        }
    }
}

impl Table {
    /// Reads a table.
    pub fn read(text: &str) -> Self {
        let mut table = Self::default();
        let mut depth = 0_usize;
        let mut has_groups = false;
        for (index, line) in text.lines().enumerate() {
            if index >= MAX_LINES {
                table.faults.push(TableFault::TooLong);
                break;
            }
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let number = index + 1;
            match part(line) {
                Some(Part::ElseIf(_) | Part::Else | Part::End) if depth == 0 => {
                    table.faults.push(TableFault::Unopened { number });
                }
                Some(part) => {
                    match part {
                        Part::If(_) => depth += 1,
                        Part::End => depth -= 1,
                        Part::ElseIf(_) | Part::Else | Part::Act(_) => {}
                    }
                    table.parts.push(part);
                }
                None if is_old(line) => has_groups = true,
                None => {
                    let line = crate::shown(line);
                    table.faults.push(TableFault::Line { number, line });
                }
            }
        }
        if depth > 0 {
            table.faults.push(TableFault::Unclosed);
        }
        if has_groups {
            // First, since it tells why the others are there.
            table.faults.insert(0, TableFault::Old);
        }
        table
    }

    /// The actions for one setup.
    pub fn choose(&self, setup: Setup<'_>) -> Chosen<'_> {
        let mut chosen = Chosen::default();
        // Of each `if` around: whether what stands here is done, and whether one of its blocks was.
        let mut around: Vec<(bool, bool)> = Vec::new();
        for part in &self.parts {
            match part {
                Part::If(text) => {
                    let holds = judge(text, setup, &mut chosen.unknown);
                    around.push((holds, holds));
                }
                Part::ElseIf(text) => {
                    let holds = judge(text, setup, &mut chosen.unknown);
                    if let Some((now, any)) = around.last_mut() {
                        *now = holds && !*any;
                        *any |= holds;
                    }
                }
                Part::Else => {
                    if let Some((now, any)) = around.last_mut() {
                        *now = !*any;
                        *any = true;
                    }
                }
                Part::End => drop(around.pop()),
                Part::Act(action) if around.iter().all(|(now, _)| *now) => {
                    chosen.actions.push(action);
                }
                Part::Act(_) => {}
            }
        }
        chosen
    }
}

fn part(line: &str) -> Option<Part> {
    let squeezed: String = line.to_ascii_lowercase().split_whitespace().collect();
    match squeezed.as_str() {
        "}" => return Some(Part::End),
        "}else{" => return Some(Part::Else),
        _ => {}
    }
    if squeezed.starts_with("if(") && squeezed.ends_with("){") {
        return Some(Part::If(condition(line)?));
    }
    if squeezed.starts_with("}elseif(") && squeezed.ends_with("){") {
        return Some(Part::ElseIf(condition(line)?));
    }
    action(line).map(Part::Act)
}

/// What stands between the first parenthesis and the last.
fn inside(line: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = line.split_once('(')?;
    let (inside, after) = rest.rsplit_once(')')?;
    Some((before.trim(), inside.trim(), after.trim()))
}

fn condition(line: &str) -> Option<String> {
    inside(line).map(|(_, condition, _)| condition.to_owned())
}

fn action(line: &str) -> Option<Action> {
    let (name, inside, after) = inside(line)?;
    let name = name.to_ascii_lowercase();
    let (_, verb) = VERBS.iter().find(|(known, _)| *known == name)?;
    (after.is_empty() || after == ";").then(|| Action { verb: *verb, arguments: arguments(inside) })
}

/// Splits at commas and spaces, but not between quotation marks.
fn arguments(text: &str) -> Vec<String> {
    let unquoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let text = unquoted.filter(|inner| !inner.contains('"')).unwrap_or(text);
    let mut arguments = Vec::new();
    let mut open: Option<String> = None;
    let mut is_quoted = false;
    for character in text.chars() {
        match character {
            '"' => {
                is_quoted = !is_quoted;
                open.get_or_insert_default();
            }
            ',' | ' ' | '\t' if !is_quoted => arguments.extend(open.take()),
            other => open.get_or_insert_default().push(other),
        }
    }
    arguments.extend(open);
    arguments
}

fn is_old(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let is_setting = lower.split_once('=').is_some_and(|(key, _)| {
        ["file", "product", "flavor", "action", "qualifiers", "version"].contains(&key.trim())
    });
    is_setting || ["group:", "common:", "end:"].contains(&lower.as_str())
}

/// How many conditions that cannot be judged are told.
const MOST_UNKNOWN: usize = 100;

/// Whether a condition holds; one that cannot be judged does not.
fn judge<'a>(text: &'a str, setup: Setup<'_>, unknown: &mut Vec<&'a str>) -> bool {
    let verdict = verdict(text, setup);
    if verdict.is_none() && unknown.len() < MOST_UNKNOWN && !unknown.contains(&text) {
        unknown.push(text);
    }
    verdict.unwrap_or(false)
}

/// The most parentheses in each other.
const MAX_DEPTH: usize = 16;

/// From left to right without precedence, as EUPS reads it.
fn verdict(text: &str, setup: Setup<'_>) -> Option<bool> {
    let text = text.replace(['"', '\''], "");
    let signs = ["||", "&&", "==", "!=", "=~", "(", ")"];
    let spaced = signs.iter().fold(text, |text, sign| text.replace(sign, &format!(" {sign} ")));
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let holds = joined(&mut rest, setup, 0)?;
    rest.is_empty().then_some(holds)
}

/// Takes terms off `rest`, up to its end or to a parenthesis that closes.
fn joined(rest: &mut &[&str], setup: Setup<'_>, depth: usize) -> Option<bool> {
    let mut value = term(rest, setup, depth)?;
    while let [join, after @ ..] = *rest
        && *join != ")"
    {
        *rest = after;
        let holds = term(rest, setup, depth)?;
        value = match *join {
            "||" | "or" => value || holds,
            "&&" | "and" => value && holds,
            _ => return None,
        };
    }
    Some(value)
}

fn term(rest: &mut &[&str], setup: Setup<'_>, depth: usize) -> Option<bool> {
    let (holds, after) = match *rest {
        ["(", inside @ ..] if depth < MAX_DEPTH => {
            *rest = inside;
            let holds = joined(rest, setup, depth + 1)?;
            let [")", after @ ..] = *rest else { return None };
            (holds, after)
        }
        ["True" | "true", after @ ..] => (true, after),
        ["False" | "false", after @ ..] => (false, after),
        [name, sign, with, after @ ..] => (compare(name, sign, with, setup)?, after),
        _ => return None,
    };
    *rest = after;
    Some(holds)
}

fn compare(name: &str, sign: &str, with: &str, setup: Setup<'_>) -> Option<bool> {
    let is_same = match (name.to_ascii_lowercase().as_str(), sign) {
        ("flavor", "=~") => return (with == ".*").then_some(true),
        ("flavor", _) => with == setup.flavor,
        ("type", _) => with == "exact" && setup.is_exact,
        _ => return None,
    };
    match sign {
        "==" => Some(is_same),
        "!=" => Some(!is_same),
        _ => None,
    }
}

/// The option of `setupRequired` that says that something else brings the product.
const EXTERNAL: &str = "--external";
/// Options of `setupRequired` that have a word behind them.
const WITH_VALUE: [&str; 7] = ["-f", "--flavor", "-r", "-T", "-t", "--tag", "--vro"];

impl Action {
    /// The product that this sets up, if it does.
    pub fn needed(&self) -> Option<Needed> {
        let is_optional = match self.verb {
            Verb::SetupRequired => false,
            Verb::SetupOptional => true,
            Verb::EnvPrepend
            | Verb::EnvAppend
            | Verb::EnvSet
            | Verb::Alias
            | Verb::Unset
            | Verb::Nothing => return None,
        };
        if self.arguments.iter().any(|argument| argument == EXTERNAL) {
            return None;
        }
        let mut words = Vec::new();
        let mut arguments = self.arguments.iter();
        while let Some(argument) = arguments.next() {
            if WITH_VALUE.contains(&argument.as_str()) {
                arguments.next();
            } else if !argument.starts_with('-') {
                words.push(argument.as_str());
            }
        }
        let (product, rest) = words.split_first()?;
        let rest = rest.join(" ");
        let (version, expression) = version_and_expression(&rest);
        Some(Needed { product: (*product).to_owned(), is_optional, version, expression })
    }
}

/// `1.4.2 [>= 1.0]`, `1.4.2`, `[>= 1.0]` or `>= 1.0`.
fn version_and_expression(text: &str) -> (Option<String>, Option<String>) {
    let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    match text.split_once('[') {
        Some((version, rest)) => (some(version), some(rest.split(']').next().unwrap_or_default())),
        None if text.starts_with(['<', '>', '=', '!']) => (None, some(text)),
        None => (some(text), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOSE: Setup<'_> = Setup { flavor: "Linux64", is_exact: false };
    const EXACT: Setup<'_> = Setup { flavor: "Linux64", is_exact: true };

    fn needed(text: &str, setup: Setup<'_>) -> Vec<String> {
        let table = Table::read(text);
        let chosen = table.choose(setup);
        let told = |needed: Needed| {
            let optional = if needed.is_optional { "?" } else { "" };
            let version = needed.version.unwrap_or_default();
            format!(
                "{}{optional} {version}|{}",
                needed.product,
                needed.expression.unwrap_or_default()
            )
        };
        chosen.actions.iter().filter_map(|action| action.needed()).map(told).collect()
    }

    #[test]
    fn the_two_halves_of_an_expanded_table_are_told_apart() {
        let text = "if (type == exact) {\n   setupRequired(a         -j 2.0.0+b102)\n} else {\n   \
                    setupRequired(a 2.0.0+b102 [>= 1.0])\n   setupOptional(b)\n}\n";

        assert_eq!(needed(text, EXACT), ["a 2.0.0+b102|"]);
        assert_eq!(needed(text, LOOSE), ["a 2.0.0+b102|>= 1.0", "b? |"]);
    }

    #[test]
    fn versions_are_read_in_every_way_to_write_them() {
        let table = [
            ("setupRequired(a)", "a |"),
            ("SETUPREQUIRED( a ) ;", "a |"),
            ("setupRequired(a >= 1.4)", "a |>= 1.4"),
            ("setupRequired(\"a >= 1.4 && < 2\")", "a |>= 1.4 && < 2"),
            ("setupRequired(a [== 1.4])  # why", "a |== 1.4"),
            ("setupRequired(a -t current 1.4)", "a 1.4|"),
            ("setupRequired(-j a 1.4 [>= 1])", "a 1.4|>= 1"),
        ];
        for (line, expected) in table {
            assert_eq!(needed(line, LOOSE), [expected], "{line}");
        }
    }

    #[test]
    fn conditions_are_judged_for_the_flavor() {
        let text = "if (FLAVOR == Darwin || flavor==Linux64) {\nsetupRequired(a)\n\
                    } else if (FLAVOR == DarwinX86) {\nsetupRequired(b)\n\
                    } else {\nsetupRequired(c)\n}\nsetupRequired(d)\n";
        let of = |flavor| needed(text, Setup { flavor, is_exact: false });

        assert_eq!(of("Linux64"), ["a |", "d |"]);
        assert_eq!(of("DarwinX86"), ["b |", "d |"]);
        assert_eq!(of("Linux"), ["c |", "d |"]);
    }

    #[test]
    fn parentheses_in_conditions_are_read() {
        let holds = |condition: &str| {
            let text = format!("if ({condition}) {{\nsetupRequired(a)\n}}\n");
            let table = Table::read(&text);
            let chosen = table.choose(LOOSE);
            chosen.unknown.is_empty().then_some(!chosen.actions.is_empty())
        };
        let deep = |depth: usize| {
            holds(&format!("{}flavor == Linux64{}", "(".repeat(depth), ")".repeat(depth)))
        };
        for (condition, expected) in [
            ("(FLAVOR == Linux) || (FLAVOR == Linux64)", Some(true)),
            ("(FLAVOR == Linux) || (FLAVOR == Darwin)", Some(false)),
            ("FLAVOR == Linux && (FLAVOR == Linux || FLAVOR == Linux64)", Some(false)),
            ("((FLAVOR==Linux64)&&(TYPE!=exact))", Some(true)),
            ("(FLAVOR == Linux64", None),
            ("FLAVOR == Linux64)", None),
            ("()", None),
            ("(FLAVOR == Linux64) (TYPE == exact)", None),
        ] {
            assert_eq!(holds(condition), expected, "{condition}");
        }
        assert_eq!((deep(MAX_DEPTH), deep(MAX_DEPTH + 1)), (Some(true), None));
    }

    #[test]
    fn what_others_bring_is_not_needed() {
        let table = "setupRequired(--external x)\nsetupOptional(y --external)\nsetupRequired(a)\n";
        assert_eq!(needed(table, LOOSE), ["a |"]);
    }

    #[test]
    fn what_cannot_be_judged_is_told_and_its_else_is_taken() {
        let table = Table::read(
            "if (${X:-false} == 1) {\nsetupRequired(a)\n} else {\nsetupRequired(b)\n}\n",
        );

        let chosen = table.choose(LOOSE);

        assert_eq!(chosen.unknown, ["${X:-false} == 1"]);
        assert_eq!(chosen.actions[0].needed().unwrap().product, "b");
        assert!(table.faults.is_empty());
    }

    #[test]
    fn what_is_malformed_is_told_and_the_rest_is_read() {
        let of = |text: &str| Table::read(text).faults;
        let doubled = "if (type == exact) {\n} else {\nsetupRequired(a)\n}\n}\n";
        assert_eq!(of(doubled), [TableFault::Unopened { number: 5 }]);
        assert_eq!(needed(doubled, LOOSE), ["a |"]);
        assert_eq!(of("if (type == exact) {\nsetupRequired(a)\n"), [TableFault::Unclosed]);
        assert_eq!(of("Group:\nFlavor = ANY\nCommon:\nEnd:\n"), [TableFault::Old]);
        let strange = TableFault::Line { number: 1, line: "do(it)".to_owned() };
        assert_eq!(of("do(it)"), [strange]);
        assert_eq!(of("} else {\n").len(), 1);
        assert_eq!(of(&"print(x)\n".repeat(MAX_LINES + 1)), [TableFault::TooLong]);
    }

    #[test]
    fn quotation_marks_hold_words_together() {
        let table = Table::read("envSet(A, \"x, y z\")\nenvPrepend(B, ${PRODUCT_DIR}/x, \":\")\n");
        let arguments: Vec<_> =
            table.choose(LOOSE).actions.iter().map(|action| action.arguments.clone()).collect();
        assert_eq!(arguments, [vec!["A", "x, y z"], vec!["B", "${PRODUCT_DIR}/x", ":"]]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "([a-z(){}\", =|&\\n#]|if \\(|\\} else \\{){0,60}") {
            let table = Table::read(&text);
            table.choose(EXACT);
            table.choose(LOOSE);
        }
    }
}
