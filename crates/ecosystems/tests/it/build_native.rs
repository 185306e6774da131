//! A compiled wheel, from its source through the sandbox to a verdict: what another compiler does is explained, what a
//! backdoor does is not.

use crate::build::{in_tree, recipe, run_for};
use bytes::Bytes;
use trustmill_core::Verdict;
use trustmill_core::comparison::{Comparison, DifferenceClass};
use trustmill_inspect::archive::Limits;
use trustmill_inspect::compare::compare;

/// A back end that compiles one C file for this machine and packs a wheel around it, without any library.
const COMPILES: &str = r#"
import base64, hashlib, os, subprocess, sysconfig, zipfile
def get_requires_for_build_wheel(settings=None): return []
def build_wheel(folder, settings=None, metadata=None):
    flags = os.environ.get('CFLAGS', '-O2').split()
    include = sysconfig.get_paths()['include']
    subprocess.run(['/usr/bin/cc', '-shared', '-fPIC', *flags, '-I', include, 'demo.c', '-o', 'demo.so'], check=True)
    info = 'demo-1.0.dist-info/'
    tag = 'cp311-cp311-linux_x86_64'
    files = {
        'demo.so': open('demo.so', 'rb').read(),
        info + 'METADATA': b'Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n',
        info + 'WHEEL': f'Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n'.encode(),
    }
    record = ''
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()
        record += f'{name},sha256={digest},{len(data)}\n'
    files[info + 'RECORD'] = (record + info + 'RECORD,,\n').encode()
    wheel = f'demo-1.0-{tag}.whl'
    with zipfile.ZipFile(os.path.join(folder, wheel), 'w') as out:
        for name, data in files.items(): out.writestr(name, data)
    return wheel
"#;

const EXTENSION: &str = r#"
#include <Python.h>
static PyObject *total(PyObject *self, PyObject *args) {
    long count, sum = 0;
    if (!PyArg_ParseTuple(args, "l", &count)) return NULL;
    for (long i = 0; i < count; i++) sum += i * i;
    return PyLong_FromLong(sum);
}
static PyMethodDef methods[] = {{"total", total, METH_VARARGS, "Adds squares."}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "demo", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_demo(void) { return PyModule_Create(&module); }
"#;

const COMPILED: &str = "demo-1.0-cp311-cp311-linux_x86_64.whl";

async fn compiled(source: &str, flags: &str) -> Bytes {
    let mut recipe = recipe(vec![in_tree().step()]);
    recipe.env.insert("CFLAGS".into(), flags.into());
    let build = run_for(COMPILED, &recipe, &[("backend/own.py", COMPILES), ("demo.c", source)]).await;
    let log = String::from_utf8_lossy(&build.log).into_owned();
    build.result.unwrap_or_else(|failure| panic!("{failure:?}\n{log}")).1
}

/// What another compiler leaves in every file: its name.
const ANOTHER_COMPILER: &str = "__asm__(\".ident \\\"CC: (publisher) 99.1\\\"\");\n";

fn against(published: &Bytes, rebuilt: &Bytes) -> Comparison {
    compare(COMPILED, published, rebuilt, &Limits::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiled_wheel_is_explained_and_one_that_takes_more_is_not() {
    let rebuilt = compiled(EXTENSION, "-O2").await;
    assert!(against(&compiled(EXTENSION, "-O2").await, &rebuilt).verdict.same_bytes());

    let published = compiled(&format!("{EXTENSION}{ANOTHER_COMPILER}"), "-O0 -g").await;
    let found = against(&published, &rebuilt);
    assert_eq!(found.verdict, Verdict::Explained, "{found:#?}");
    assert_eq!(found.differences[0].class, DifferenceClass::NativeCompiler);

    let more = EXTENSION.replace("long count, sum = 0;", "long count, sum = system(\"true\");");
    let poisoned = compiled(&format!("{more}{ANOTHER_COMPILER}"), "-O0 -g").await;
    let found = against(&poisoned, &rebuilt);
    assert_eq!(found.verdict, Verdict::Unexplained, "{found:#?}");
    assert_eq!(found.differences[0].class, DifferenceClass::NativeInterface);
    assert!(found.differences[0].detail.contains("system"), "{found:#?}");
}
