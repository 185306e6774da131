//! Names that a compiler, its runtime or a C library's headers choose, whatever the source says.

/// Parts of glibc, which became one file in its release 2.34, and what compilers link by themselves.
const SYSTEM: [&str; 10] = [
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libstdc++.so.6",
    "libutil.so.1",
];

/// Whether a library is part of glibc or of the compiler's runtime.
pub(super) fn is_system_library(name: &str) -> bool {
    SYSTEM.contains(&name)
}

/// The name that a bundled library had before its digest was put into it: `libz-1a2b3c4d.so.1` was `libz.so.1`.
pub(super) fn unbundled(name: &str) -> Option<String> {
    let (stem, rest) = name.split_once(".so")?;
    let (stem, digest) = stem.rsplit_once('-')?;
    let hex = digest.len() == 8 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hex && !stem.is_empty()).then(|| format!("{stem}.so{rest}"))
}

/// Symbols that compilers write calls of by themselves: start and end of a file, exceptions and unwinding, stack
/// protection, thread-local storage, whether there are threads, copies and fills of memory, and simpler functions of standard output in place of
/// `printf` with a plain text. None opens, connects or starts anything.
const RUNTIME: [&str; 29] = [
    "_GLOBAL_OFFSET_TABLE_",
    "_ITM_deregisterTMCloneTable",
    "_ITM_registerTMCloneTable",
    "_Jv_RegisterClasses",
    "__assert_fail",
    "__dso_handle",
    "__fdelt_chk",
    "__gmon_start__",
    "__gxx_personality_v0",
    "__gcc_personality_v0",
    "__pthread_key_create",
    "__stack_chk_fail",
    "__tls_get_addr",
    "abort",
    "bcmp",
    "fputc",
    "fputs",
    "fwrite",
    "memcmp",
    "memcpy",
    "memmove",
    "memset",
    "putc",
    "putchar",
    "puts",
    "sincos",
    "stpcpy",
    "strcpy",
    "strlen",
];

/// Whether a symbol is of the compiler's choice.
pub(super) fn is_runtime(name: &str) -> bool {
    RUNTIME.contains(&name)
        || name.starts_with("__cxa_")
        || name.starts_with("_Unwind_")
        || is_arithmetic(name)
        || is_of_cpp(name)
}

/// Functions of libgcc and compiler-rt for arithmetic that a processor has no instruction for: `__popcountdi2`.
fn is_arithmetic(name: &str) -> bool {
    let Some(name) = name.strip_prefix("__") else { return false };
    let stems = [
        "add", "ashl", "ashr", "bswap", "clz", "cmp", "ctz", "div", "eq", "extend", "ffs", "fix", "float",
        "ge", "gt", "le", "lshr", "lt", "mod", "mul", "ne", "neg", "parity", "popcount", "pow", "sub",
        "trunc", "udiv", "umod", "unord",
    ];
    let modes =
        ["si2", "di2", "ti2", "si3", "di3", "ti3", "si4", "di4", "ti4", "sf2", "df2", "xf2", "tf2", "hf2"];
    let modes_of_three =
        ["sf3", "df3", "xf3", "tf3", "sfdi", "dfdi", "xfdi", "tfdi", "disf", "didf", "dixf", "tisf", "tidf"];
    let stem = stems.iter().any(|stem| name.starts_with(stem));
    stem && name.len() <= 14 && modes.iter().chain(&modes_of_three).any(|mode| name.ends_with(mode))
}

/// Functions of glibc under the names that its headers gave them at some time: checked forms (`__memcpy_chk`), the
/// forms of a C standard (`__isoc23_strtol`), versions of `struct stat` (`__fxstat64`), and 64-bit files; and of CPython
/// from before 3.13, whose headers rename functions that take lengths (`_PyArg_ParseTuple_SizeT`).
pub(super) fn function(name: &str) -> &str {
    if let Some(python) = name.strip_suffix("_SizeT").and_then(|name| name.strip_prefix('_')) {
        return python;
    }
    let plain =
        ["__isoc99_", "__isoc23_"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    let checked = plain.strip_prefix("__").and_then(|name| name.strip_suffix("_chk")).unwrap_or(plain);
    match checked {
        "__xstat" | "__xstat64" | "stat64" => "stat",
        "__fxstat" | "__fxstat64" | "fstat64" => "fstat",
        "__lxstat" | "__lxstat64" | "lstat64" => "lstat",
        "__fxstatat" | "__fxstatat64" | "fstatat64" => "fstatat",
        "__xmknod" => "mknod",
        "__sigsetjmp" | "_setjmp" => "setjmp",
        "__environ" | "_environ" => "environ",
        "longjmp" | "_longjmp" | "siglongjmp" | "__longjmp" => "longjmp",
        other => WIDE.iter().find(|(wide, _)| *wide == other).map_or(other, |(_, name)| name),
    }
}

/// Functions whose name says that file offsets have 64 bits, which on 64-bit machines is no other function.
const WIDE: [(&str, &str); 16] = [
    ("fallocate64", "fallocate"),
    ("fopen64", "fopen"),
    ("fseeko64", "fseeko"),
    ("fstatfs64", "fstatfs"),
    ("fstatvfs64", "fstatvfs"),
    ("ftello64", "ftello"),
    ("ftruncate64", "ftruncate"),
    ("getrlimit64", "getrlimit"),
    ("lseek64", "lseek"),
    ("mmap64", "mmap"),
    ("open64", "open"),
    ("openat64", "openat"),
    ("pread64", "pread"),
    ("pwrite64", "pwrite"),
    ("readdir64", "readdir"),
    ("statvfs64", "statvfs"),
];

/// Functions of the C++ library, which compilers inline or call as they like. Those that touch files or threads are the
/// source's.
fn is_of_cpp(name: &str) -> bool {
    let library = [
        "_ZNSt",
        "_ZNKSt",
        "_ZSt",
        "_ZNSs",
        "_ZNKSs",
        "_ZN9__gnu_cxx",
        "_ZNK9__gnu_cxx",
        "_Zna",
        "_Znw",
        "_Zda",
        "_Zdl",
        "_ZTISt",
        "_ZTSSt",
        "_ZTTSt",
        "_ZTVSt",
    ];
    let acts = ["filebuf", "fstream", "filesystem", "thread", "random_device", "locale"];
    library.iter().any(|prefix| name.starts_with(prefix)) && !acts.iter().any(|word| name.contains(word))
}

/// Whether an exported symbol is of the tools' choice: marks that linkers set, and out-of-line copies of inline functions
/// and templates of C++, which are weak since every file may have one.
pub(super) fn is_export_of_tools(name: &str, weak: bool) -> bool {
    let marks = ["_init", "_fini", "__bss_start", "_edata", "_end", "__end__", "_bss_end__", "__bss_end__"];
    marks.contains(&name) || is_runtime(name) || (weak && name.starts_with("_Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_headers_are_those_of_the_functions() {
        for (name, plain) in [
            ("__memcpy_chk", "memcpy"),
            ("__isoc23_strtol", "strtol"),
            ("__fxstat", "fstat"),
            ("open64", "open"),
            ("__open_chk", "open"),
            ("_PyArg_ParseTuple_SizeT", "PyArg_ParseTuple"),
            ("system", "system"),
            ("dlopen", "dlopen"),
        ] {
            assert_eq!(function(name), plain);
        }
    }

    #[test]
    fn nothing_that_acts_is_of_the_compilers_choice() {
        let strings = "_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE10_M_disposeEv";
        for name in [
            strings,
            "__popcountdi2",
            "__divti3",
            "_Unwind_Resume",
            "__cxa_finalize",
            "memcpy",
            "__floattidf",
        ] {
            assert!(is_runtime(name), "{name}");
        }
        for name in [
            "system",
            "execve",
            "connect",
            "dlopen",
            "dlsym",
            "mprotect",
            "socket",
            "fopen",
            "__libc_system",
            "PyRun_String",
        ] {
            assert!(!is_runtime(name) && !is_export_of_tools(name, false), "{name}");
        }
    }

    #[test]
    fn a_bundled_library_tells_its_old_name() {
        assert_eq!(unbundled("libz-1a2b3c4d.so.1.2.11").as_deref(), Some("libz.so.1.2.11"));
        assert_eq!(unbundled("libz.so.1"), None);
        assert_eq!(unbundled("libz-beyond.so.1"), None);
        assert_eq!(unbundled("-1a2b3c4d.so.1"), None);
    }
}
