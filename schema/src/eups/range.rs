//! Requirements that EUPS's expressions stand for.

use crate::requirement::Requirement;

/// The requirement that stands in brackets behind a product, if comparators can say it.
///
/// They cannot where a version is not all numbers, of `!=`, and of `&&` and `||` mixed, which EUPS
/// reads without precedence. A build `1.4.0+b1` comes after `1.4` and before what comes after that, so
/// that `> 1.4` admits it and `<= 1.4` does not; of `== 1.4` it is the nearest that can be said.
///
/// ```
/// use larder_schema::eups::requirement;
///
/// let told = |text| requirement(text).map(|requirement| requirement.to_string());
/// assert_eq!(told(">= 1.4 && < 2").as_deref(), Some(">=1.4.0, <2.0.0"));
/// assert_eq!(told("g1a2b3c4+5d6e7f"), None);
/// ```
pub fn requirement(expression: &str) -> Option<Requirement> {
    let is_mixed = expression.contains("&&") && expression.contains("||");
    if is_mixed {
        return None;
    }
    let (separator, joined) = if expression.contains("||") { ("||", " || ") } else { ("&&", ", ") };
    let parts: Option<Vec<String>> = expression.split(separator).map(comparator).collect();
    parts?.join(joined).parse().ok()
}

/// `>=1.4.0` of `>= 1.4`: what EUPS compares is longer than a prefix, so that all three numbers stand.
fn comparator(text: &str) -> Option<String> {
    let text = text.trim();
    let version = text.trim_start_matches(['<', '>', '=']);
    let sign = match &text[..text.len() - version.len()] {
        "" | "=" | "==" => "=",
        ">" | ">=" => ">=",
        "<" | "<=" => "<",
        _ => return None,
    };
    let numbers: Option<Vec<u64>> = version.trim().split('.').map(number).collect();
    match numbers?.as_slice() {
        [major] => Some(format!("{sign}{major}.0.0")),
        [major, minor] => Some(format!("{sign}{major}.{minor}.0")),
        [major, minor, patch] => Some(format!("{sign}{major}.{minor}.{patch}")),
        _ => None,
    }
}

fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_become_comparators_where_they_can() {
        let told = |text: &str| requirement(text).map(|requirement| requirement.to_string());
        let table = [
            (">= 1.4", Some(">=1.4.0")),
            (">1.4.2", Some(">=1.4.2")),
            ("<= 1.4", Some("<1.4.0")),
            ("== 2", Some("=2.0.0")),
            ("1.2.3", Some("=1.2.3")),
            ("< 1.5 || > 1.5", Some("<1.5.0 || >=1.5.0")),
            (">= 1.2.0 && < 2.0.0", Some(">=1.2.0, <2.0.0")),
            (">= 1.4.2+b3", None),
            ("!= 1.4", None),
            ("=< 1.4", None),
            (">= 1.2.3.4", None),
            (">= 1 && < 4 || > 5", None),
            ("w_2026_47", None),
            (">=", None),
            ("", None),
            (">= 99999999999999999999", None),
        ];
        for (text, expected) in table {
            assert_eq!(told(text).as_deref(), expected, "{text}");
        }
    }
}
