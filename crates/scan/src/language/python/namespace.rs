//! The line of a `-nspkg.pth` file: setuptools writes it into every distribution of a namespace package, the same but for
//! names (`setuptools/namespaces.py`). It runs whenever Python starts, and joins folders.

/// What its statements were in all versions, with each name as `N`.
const STATEMENTS: [&str; 14] = [
    "import sys, types, os",
    "import sys,types,os",
    "has_mfs = sys.version_info > (3, 5)",
    "p = os.path.join(sys._getframe(1).f_locals['sitedir'], *(N))",
    "ie = os.path.exists(os.path.join(p,'__init__.py'))",
    "importlib = has_mfs and __import__('importlib.util')",
    "importlib = __import__('importlib.util')",
    "has_mfs and __import__('importlib.machinery')",
    "__import__('importlib.machinery')",
    "m = not ie and sys.modules.setdefault(N, types.ModuleType(N))",
    "m = m or sys.modules.setdefault(N, types.ModuleType(N))",
    "mp = (m or []) and m.__dict__.setdefault('__path__',[])",
    "(p not in mp) and mp.append(p)",
    "m and setattr(sys.modules[N], N, m)",
];
const FINDS: &str = "sys.modules.setdefault(N, importlib.util.module_from_spec(importlib.machinery.PathFinder.find_spec(N, [os.path.dirname(p)])))";

/// Whether a line of a `.pth` file is that line, to the last statement.
pub(super) fn is_line_of(line: &str) -> bool {
    let line = line.trim_end();
    let known = |statement: &str| {
        let bare = without_names(statement);
        let finds = bare.strip_prefix("m = ").map(|rest| rest.strip_prefix("has_mfs and ").unwrap_or(rest));
        STATEMENTS.contains(&bare.as_str()) || finds == Some(FINDS)
    };
    line.len() < 2_000 && line.split(';').all(|statement| known(statement.trim()))
}

/// The statement with every quoted name, and every row of such, as `N`. What is quoted and is no name stays.
fn without_names(statement: &str) -> String {
    const KEPT: [&str; 5] = ["sitedir", "__init__.py", "__path__", "importlib.util", "importlib.machinery"];
    let mut out = String::new();
    for (number, part) in statement.split('\'').enumerate() {
        let is_name = part.split('.').all(|word| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        });
        match number % 2 {
            0 => out.push_str(part),
            _ if is_name && !KEPT.contains(&part) => out.push('N'),
            _ => out.extend(["'", part, "'"]),
        }
    }
    while out.contains("N, N)") && out.contains("*(") {
        out = out.replace("N, N)", "N)");
    }
    out.replace("*(N,)", "*(N)")
}

#[cfg(test)]
mod unit {
    use super::*;

    const OLD: &str = "import sys, types, os;p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('kit',));ie = os.path.exists(os.path.join(p,'__init__.py'));m = not ie and sys.modules.setdefault('kit', types.ModuleType('kit'));mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p)";
    const NEW: &str = "import sys, types, os;has_mfs = sys.version_info > (3, 5);p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('kit', 'a', 'b'));importlib = has_mfs and __import__('importlib.util');has_mfs and __import__('importlib.machinery');m = has_mfs and sys.modules.setdefault('kit.a.b', importlib.util.module_from_spec(importlib.machinery.PathFinder.find_spec('kit.a.b', [os.path.dirname(p)])));m = m or sys.modules.setdefault('kit.a.b', types.ModuleType('kit.a.b'));mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p);m and setattr(sys.modules['kit.a'], 'b', m)";

    #[test]
    fn the_line_of_setuptools_is_known_and_nothing_else_is() {
        assert!(is_line_of(OLD) && is_line_of(NEW) && is_line_of(&format!("{NEW}\n")));
        for other in [
            format!("{OLD};os.system('x')"),
            OLD.replace("('kit',)", "('kit',os.system('x'))"),
            OLD.replace("*('kit',)", "*('../kit',)"),
            OLD.replace("types.ModuleType('kit')", "__import__('kit')"),
            NEW.replace("importlib.util'", "kit.evil'"),
            "import kit".to_owned(),
            String::new(),
        ] {
            assert!(!is_line_of(&other), "{other}");
        }
    }
}
