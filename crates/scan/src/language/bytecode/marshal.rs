//! Python's `marshal` format (CPython's `Python/marshal.c`), as much of it as code objects are made of, within limits:
//! nothing is built, names and texts are collected as they are passed.

/// Objects within objects, and objects in all.
const MAX_DEPTH: u32 = 200;
const MAX_OBJECTS: u32 = 1_000_000;
/// Bytes of collected texts in all.
const MAX_COLLECTED: usize = 16 << 20;
/// The flag of a type byte that says that the object may be referred to.
const REFERABLE: u8 = 0x80;

/// A text and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) text: String,
    pub(super) at: u32,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Code {
    /// What code objects name: variables, modules, attributes.
    pub(super) names: Vec<Found>,
    /// Their constants that are texts or bytes.
    pub(super) texts: Vec<Found>,
    /// Whether everything was read.
    pub(super) whole: bool,
}

/// Where the parts of a code object are, which changed with versions.
#[derive(Clone, Copy)]
struct Layout {
    header: usize,
    ints: usize,
    objects: usize,
    /// Objects after the first line's number.
    after: usize,
    /// Which of the objects are names: those that are used, and those of variables.
    names: [usize; 2],
}

impl Layout {
    /// By the magic number of the file (CPython's `pycore_magic_number.h`).
    const fn of(magic: u16) -> Self {
        let names = [2, 3];
        match magic {
            3450..=3999 => Self { header: 16, ints: 5, objects: 8, after: 2, names },
            3400..=3449 => Self { header: 16, ints: 6, objects: 8, after: 1, names },
            3390..=3399 => Self { header: 16, ints: 5, objects: 8, after: 1, names },
            3000..=3389 => Self { header: 12, ints: 5, objects: 8, after: 1, names },
            // Python 2, by its years' numbers.
            _ => Self { header: 8, ints: 4, objects: 8, after: 1, names },
        }
    }
}

/// What texts are for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Name,
    Constant,
    Ignored,
}

/// Reads a `.pyc` file.
pub(super) fn read(bytes: &[u8]) -> Code {
    let magic = match bytes {
        [low, high, ..] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    };
    let layout = Layout::of(magic);
    let mut reader = Reader {
        bytes,
        at: layout.header,
        layout,
        left: MAX_OBJECTS,
        held: 0,
        code: Code::default(),
        refs: Vec::new(),
    };
    let whole = reader.object(Role::Constant, 0).is_some();
    Code { whole, ..reader.code }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    layout: Layout,
    left: u32,
    held: usize,
    code: Code,
    /// Texts that may be referred to: where they stand; nothing where it is no text.
    refs: Vec<Option<(usize, usize)>>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(len)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn skip(&mut self, len: usize) -> Option<()> {
        self.take(len).map(|_| ())
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn long(&mut self) -> Option<u32> {
        let bytes: [u8; 4] = self.take(4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    }

    fn len(&mut self) -> Option<usize> {
        usize::try_from(self.long()?).ok()
    }

    fn object(&mut self, role: Role, depth: u32) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        let byte = self.byte()?;
        let (kind, referable) = (byte & !REFERABLE, byte & REFERABLE != 0);
        let slot = referable.then(|| {
            self.refs.push(None);
            self.refs.len() - 1
        });
        match kind {
            b'0' | b'N' | b'F' | b'T' | b'S' | b'.' => {}
            b'i' => self.skip(4)?,
            b'I' | b'g' => self.skip(8)?,
            b'y' => self.skip(16)?,
            b'f' => {
                let len = usize::from(self.byte()?);
                self.take(len)?;
            }
            b'l' => {
                let digits = self.long()?.cast_signed().unsigned_abs();
                self.take(usize::try_from(digits).ok()?.checked_mul(2)?)?;
            }
            b's' | b't' | b'u' | b'a' | b'A' => {
                let len = self.len()?;
                self.text(len, role, slot)?;
            }
            b'z' | b'Z' => {
                let len = usize::from(self.byte()?);
                self.text(len, role, slot)?;
            }
            b'r' => {
                let to = self.len()?;
                if let Some((at, len)) = self.refs.get(to).copied().flatten() {
                    self.collect(at, len, role);
                }
            }
            b'R' => self.skip(4)?,
            b')' => {
                let len = usize::from(self.byte()?);
                self.objects(len, role, depth)?;
            }
            b'(' | b'[' | b'<' | b'>' => {
                let len = self.len()?;
                self.objects(len, role, depth)?;
            }
            b':' => self.objects(3, role, depth)?,
            b'{' => {
                while self.bytes.get(self.at).is_some_and(|next| next & !REFERABLE != b'0') {
                    self.objects(2, role, depth)?;
                }
            }
            b'c' => self.code(depth)?,
            _ => return None,
        }
        Some(())
    }

    fn objects(&mut self, count: usize, role: Role, depth: u32) -> Option<()> {
        for _ in 0..count {
            self.object(role, depth + 1)?;
        }
        Some(())
    }

    fn code(&mut self, depth: u32) -> Option<()> {
        let layout = self.layout;
        self.take(layout.ints * 4)?;
        for object in 0..layout.objects {
            let role = match object {
                // Instructions are bytes, and no text; then constants, names, and the names of variables.
                0 => Role::Ignored,
                1 => Role::Constant,
                _ if layout.names.contains(&object) => Role::Name,
                _ => Role::Ignored,
            };
            self.object(role, depth + 1)?;
        }
        self.take(4)?;
        for _ in 0..layout.after {
            self.object(Role::Ignored, depth + 1)?;
        }
        Some(())
    }

    fn text(&mut self, len: usize, role: Role, slot: Option<usize>) -> Option<()> {
        let at = self.at;
        self.take(len)?;
        if let Some(slot) = slot.and_then(|slot| self.refs.get_mut(slot)) {
            *slot = Some((at, len));
        }
        self.collect(at, len, role);
        Some(())
    }

    fn collect(&mut self, at: usize, len: usize, role: Role) {
        self.held = self.held.saturating_add(len);
        let bytes = self.bytes.get(at..at.saturating_add(len)).unwrap_or_default();
        if role == Role::Ignored || bytes.is_empty() || self.held > MAX_COLLECTED {
            return;
        }
        let found = Found {
            text: String::from_utf8_lossy(bytes).into_owned(),
            at: u32::try_from(at).unwrap_or(u32::MAX),
        };
        match role {
            Role::Name => self.code.names.push(found),
            _ => self.code.texts.push(found),
        }
    }
}
