//! Launchers: small Python programs in a generation's `bin/` that call an entry point.
//!
//! They lie outside the trees, which are the same for every environment.

use larder_schema::Build;

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
    use crate::lock::tests::build;

    #[test]
    fn a_launcher_imports_and_calls() {
        let text = launcher(&build("afw", "1.0.0-b1", &[]), "lsst.afw.cli:App.main").unwrap();
        assert_eq!(
            text,
            "#!/usr/bin/env python3\n# Made by larder for afw@1.0.0-b1.\nimport sys\n\n\
             from lsst.afw.cli import App\n\nif __name__ == \"__main__\":\n    sys.exit(App.main())\n"
        );
    }

    #[test]
    fn what_is_no_entry_point_becomes_no_code() {
        let build = build("afw", "1.0.0-b1", &[]);
        for target in ["os", "os:system('x')", "a;b:c", "a:b\nimport os", ":", "a:", "a..b:c"] {
            assert_eq!(launcher(&build, target), None, "{target}");
        }
    }
}
