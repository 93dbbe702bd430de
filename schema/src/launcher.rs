//! Launchers: small Python programs that call an entry point of a build.
//!
//! They are in no tree, which is the same everywhere: an environment has them in its `bin/`, and EUPS gets
//! them in a product's.

use crate::Build;

/// A program that calls `target` (`module:function`) and ends with what that returns.
///
/// It takes the `python3` that is first on the `PATH`. `None` when the target is no entry point:
/// it becomes code, and only what cannot be anything else may.
pub fn launcher(build: &Build, target: &str) -> Option<String> {
    let (module, function) = target.split_once(':')?;
    if !is_dotted(module) || !is_dotted(function) {
        return None;
    }
    let first = function.split('.').next()?;
    Some(format!(
        "#!/usr/bin/env python3\n\
         # Made by larder for {}@{}.\n\
         import sys\n\
         \n\
         from {module} import {first}\n\
         \n\
         if __name__ == \"__main__\":\n    \
             sys.exit({function}())\n",
        build.product,
        build.name()
    ))
}

fn is_dotted(text: &str) -> bool {
    text.split('.').all(|part| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(product: &str) -> Build {
        serde_json::from_value(serde_json::json!({
            "product": product, "version": "1.0.0", "build": "b1", "platform": "any",
            "archive": null,
        }))
        .unwrap()
    }

    #[test]
    fn a_launcher_imports_and_calls() {
        let text = launcher(&build("afw"), "lsst.afw.cli:App.main").unwrap();
        assert_eq!(
            text,
            "#!/usr/bin/env python3\n# Made by larder for afw@1.0.0-b1.\nimport sys\n\n\
             from lsst.afw.cli import App\n\nif __name__ == \"__main__\":\n    sys.exit(App.main())\n"
        );
    }

    #[test]
    fn what_is_no_entry_point_becomes_no_code() {
        let build = build("afw");
        for target in ["os", "os:system('x')", "a;b:c", "a:b\nimport os", ":", "a:", "a..b:c"] {
            assert_eq!(launcher(&build, target), None, "{target}");
        }
    }
}
